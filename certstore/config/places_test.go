package config

import (
	"slices"
	"testing"
)

func TestPlaces(t *testing.T) {
	environment := map[string]string{
		"KUBECONFIG": "/k/a:/k/b", "PGSSLCERT": "/pg.crt", "APPDATA": "/data", "PROGRAMDATA": "/all",
		"MINIKUBE_HOME": "/home/u/.minikube",
	}
	getenv := func(name string) string { return environment[name] }
	for _, tt := range []struct {
		goos         string
		there, other []Place
	}{
		{"linux", []Place{{"/k/a", "kubectl"}, {"/k/b", "kubectl"}, {"/pg.crt", "libpq"}, {"/home/u/.pki/nssdb", "chromium"},
			{"/home/u/.mozilla/firefox/*", "firefox"}, {"/etc/docker/certs.d/*", "docker"}, {"/home/u/.minikube", "minikube"}},
			[]Place{{"/all/docker/certs.d/*", "docker"}}},
		{"darwin", []Place{{"/home/u/Library/Application Support/Firefox/Profiles/*", "firefox"},
			{"/etc/ssl/private", "Debian's packages"}}, []Place{{"/home/u/.mozilla/firefox/*", "firefox"}}},
		{"windows", []Place{{"/k/a:/k/b", "kubectl"}, {"/data/Mozilla/Firefox/Profiles/*", "firefox"},
			{"/data/postgresql/postgresql.crt", "libpq"}, {"/all/docker/certs.d/*", "docker"}},
			[]Place{{"/etc/ssl/private", "Debian's packages"}, {"/home/u/.postgresql/postgresql.crt", "libpq"}}},
	} {
		t.Run(tt.goos, func(t *testing.T) {
			places := Places("/home/u", getenv, tt.goos)
			for _, p := range tt.there {
				if !slices.Contains(places, p) {
					t.Errorf("%+v is missing", p)
				}
			}
			for _, p := range tt.other {
				if slices.Contains(places, p) {
					t.Errorf("%+v is there", p)
				}
			}
			seen := make(map[string]bool)
			for _, p := range places {
				if p.Path == "" || p.Client == "" || seen[p.Path] {
					t.Errorf("%+v is empty, or there twice", p)
				}
				seen[p.Path] = true
			}
		})
	}
	for _, p := range Places("", func(string) string { return "" }, "linux") {
		if p.Path[0] != '/' {
			t.Errorf("without a home: %+v", p)
		}
	}
}
