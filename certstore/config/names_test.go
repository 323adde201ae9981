package config

import (
	"strings"
	"testing"
)

func TestMisplaced(t *testing.T) {
	for path, want := range map[string]string{
		"/etc/docker/certs.d/host:5000/client.cert":           "",
		"/etc/docker/certs.d/host:5000/client.crt":            "name it client.cert",
		"/etc/docker/certs.d/host/client.pem":                 "name it client.cert",
		"/etc/docker/certs.d/host/client.key":                 "",
		"/etc/docker/cert.d/host:5000/client.cert":            "rename the folder",
		"/etc/containers/certs.d/host/client.crt":             "name it client.cert",
		"/home/a/.config/containers/certs.d/host/client.cert": "",
		"/home/a/.postgresql/postgresql.crt":                  "",
		"/home/a/.postgresql/client.crt":                      "reads postgresql.crt",
		"/home/a/.docker/cert.pem":                            "",
		"/home/a/certs.d/host/client.crt":                     "",
		"client.crt":                                          "",
	} {
		if got := Misplaced(path); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}
