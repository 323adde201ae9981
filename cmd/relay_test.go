package cmd

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"mtlsprobe/certstore/certtest/debian"
	"mtlsprobe/report"
)

// curl and s_server, with the relay between them: it says what each of them said, and the
// connection goes on as without it.
func TestRelay(t *testing.T) {
	curl, openssl := tool(t, "curl", "curl"), tool(t, "openssl", "openssl")
	serverFiles(t)
	if code, stdout, stderr := run(t, "fix", "--cert", "good.p12", "--named-ca", "ca.pem", "--out",
		"good.pem"); code != 0 {
		t.Fatalf("%s%s", stdout, stderr)
	}
	port := debian.FreePort(t)
	startServer(t, port, openssl, "s_server", "-accept", "127.0.0.1:"+port, "-cert", "server.pem", "-key", "server.key",
		"-CAfile", "ca.pem", "-Verify", "3", "-verify_return_error", "-www", "-quiet")
	for _, tt := range []struct {
		name    string
		flags   []string // of the relay
		client  []string // of curl
		served  bool
		code    int
		sent    string
		reading string // of the report
	}{
		{"sent", nil, []string{"--tls-max", "1.2", "--cert", "good.pem"}, true, exitAnswered, "yes", ""},
		{"none", nil, []string{"--tls-max", "1.2"}, false, exitNoIdentity, "empty", "empty Certificate message"},
		{"hidden", nil, []string{"--cert", "good.pem"}, true, exitAnswered, "hidden", "as much as a certificate takes"},
		{"with secrets", []string{"--keylog", "keys.txt"}, []string{"--cert", "good.pem"}, true, exitAnswered, "yes", ""},
		{"none, with secrets", []string{"--keylog", "keys.txt"}, nil, false, exitNoIdentity, "empty", "alert 116"},
		{"recorded", []string{"--pcapng", "relay.pcapng"}, []string{"--tls-max", "1.2", "--cert", "good.pem"}, true,
			exitAnswered, "yes", ""},
		{"judged", []string{"--cert", "good.pem"}, []string{"--tls-max", "1.2"}, false, exitNoIdentity, "empty",
			"it matches what the server asked for"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			address, result := startListener(t, `127\.0\.0\.1:\d+`,
				append([]string{"relay", "127.0.0.1:" + port, "--count", "1", "--json"}, tt.flags...)...)
			_, local, _ := strings.Cut(address, ":")
			c := exec.Command(curl, append([]string{"-sS", "-k", "https://localhost:" + local + "/"},
				tt.client...)...)
			c.Env = append(os.Environ(), "SSLKEYLOGFILE=keys.txt")
			out, err := c.CombinedOutput()
			if (err == nil) != tt.served {
				t.Errorf("curl: %v, %s", err, out)
			}
			code, stdout := result()
			var r report.Report
			if err := json.Unmarshal([]byte(stdout), &r); err != nil || len(r.Connections) != 1 {
				t.Fatalf("%v, %s", err, stdout)
			}
			got := r.Connections[0]
			if code != tt.code || got.ClientCertificate.Sent != tt.sent || got.Failed == tt.served ||
				got.ServerName != "localhost" {
				t.Errorf("exit code %d, %+v", code, got)
			}
			said := ""
			for _, phrase := range got.Reading {
				said += phrase.String() + "\n"
			}
			if !strings.Contains(said, tt.reading) {
				t.Errorf("%q is not said:\n%s", tt.reading, said)
			}
		})
	}
	code, stdout, stderr := run(t, "trace", "relay.pcapng", "-o", "brief", "-v", "--save", "asked.json")
	if code != exitAnswered || !strings.Contains(stdout, "#1 certificate sent") {
		t.Errorf("what was recorded: exit code %d, %s%s", code, stdout, stderr)
	}
	if code, stdout, stderr := run(t, "check", "--cert", "good.pem", "--request", "asked.json", "-o", "brief"); code !=
		exitAnswered || !strings.Contains(stdout, "FITS") {
		t.Errorf("what was asked: exit code %d, %s%s", code, stdout, stderr)
	}
}

// What the relay is told that cannot be, and a server that is not there.
func TestRelayErrors(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"relay"}, "missing TARGET"},
		{[]string{"relay", "localhost:1", "--count", "-1"}, "--count must not be negative"},
		{[]string{"relay", "localhost:1", "--timeout", "0s"}, "--timeout must be greater than 0"},
		{[]string{"relay", "local host"}, "host name"},
		{[]string{"relay", "localhost:1", "--listen", "127.0.0.1:x"}, "--listen: "},
	} {
		if code, _, stderr := run(t, tt.args...); code == 0 || !strings.Contains(stderr, tt.want) {
			t.Errorf("%q: exit code %d, %s", tt.args, code, stderr)
		}
	}
	address, result := startListener(t, `127\.0\.0\.1:\d+`, "relay", "127.0.0.1:1", "--count", "1")
	if out, err := exec.Command(tool(t, "curl", "curl"), "-sS", "https://"+address+"/").CombinedOutput(); err == nil {
		t.Errorf("curl: %s", out)
	}
	if code, _ := result(); code != exitNoAnswer {
		t.Errorf("exit code %d", code)
	}
}
