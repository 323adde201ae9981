package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"mtlsprobe/certstore/certtest/debian"
	"mtlsprobe/report"
	"mtlsprobe/report/say"
)

// lines is a writer that a test reads from.
type lines struct{ w *io.PipeWriter }

func (l lines) Write(b []byte) (int, error) { return l.w.Write(b) }

// startMirror runs the mirror until it has seen enough; address is where it
// listens, and result waits for its end.
func startMirror(t *testing.T, args ...string) (address string, result func() (int, string)) {
	t.Helper()
	return startListener(t, `https://localhost:\d+/`, append([]string{"mirror"}, args...)...)
}

// startListener runs a command that listens; address is what of its messages has the
// pattern, and result waits for its end.
func startListener(t *testing.T, pattern string, args ...string) (address string, result func() (int, string)) {
	t.Helper()
	reader, writer := io.Pipe()
	var out bytes.Buffer
	s := &Streams{In: strings.NewReader(""), Out: &out, Err: lines{writer}, Now: time.Now,
		LookupEnv: func(string) (string, bool) { return "", false }}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute) // of other processes on a loaded machine
	code := make(chan int, 1)
	go func() {
		code <- Main(ctx, args, s)
		writer.Close()
	}()
	buffer := make([]byte, 4096)
	var found []byte
	for said := ""; found == nil; {
		n, err := reader.Read(buffer) // warnings may come before
		said += string(buffer[:n])
		if found = regexp.MustCompile(pattern).Find([]byte(said)); found == nil && err != nil {
			t.Fatalf("%s says %q, %v", args[0], said, err)
		}
	}
	go func() { _, _ = io.Copy(io.Discard, reader) }()
	return string(found), func() (int, string) {
		defer cancel()
		return <-code, out.String()
	}
}

// limit is short where no answer will end the wait.
func limit(action string) string {
	if action == "distrusted" {
		return "2s"
	}
	return "20s"
}

// Real clients at the mirror: curl sends whatever the list says, wget (GnuTLS)
// withholds what it does not name.
func TestMirror(t *testing.T) {
	curl, wget := tool(t, "curl", "curl"), tool(t, "wget", "wget")
	serverFiles(t)
	if code, stdout, stderr := run(t, "fix", "--cert", "good.p12", "--named-ca", "ca.pem", "--out",
		"good.pem"); code != 0 {
		t.Fatalf("%s%s", stdout, stderr)
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(dir, "mirror-ca.pem")
	for _, tt := range []struct {
		name, named, client, action string
		command                     []string
		compared                    string
	}{
		{"curl, named", "ca.pem", "curl", "sent", []string{curl, "-sS", "--cacert", ca, "--cert", "good.pem"},
			"sends yes (the list of CA names is not looked at)"},
		{"curl, not named", "server.pem", "curl", "sent", []string{curl, "-sS", "--cacert", ca, "--cert", "good.pem"},
			"sends yes (the list of CA names is not looked at)"},
		{"curl without", "ca.pem", "curl", "empty-certificate", []string{curl, "-sS", "--cacert", ca}, ""},
		{"wget, named", "ca.pem", "gnutls", "sent",
			[]string{wget, "-qO-", "--ca-certificate=" + ca, "--certificate=good.pem", "--private-key=good.pem"},
			"sends yes (a name on the list matches)"},
		{"wget, not named", "server.pem", "gnutls", "empty-certificate",
			[]string{wget, "-qO-", "--ca-certificate=" + ca, "--certificate=good.pem", "--private-key=good.pem"},
			"sends no (no issuer in the stored chain is on the list"},
		{"curl that does not trust the mirror", "ca.pem", "curl", "distrusted", []string{curl, "-sS", "--cacert", "ca.pem"},
			""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			address, result := startMirror(t, "--named-ca", tt.named, "--save-ca", ca, "--cert", "good.pem", "--client",
				tt.client, "-o", "json", "--timeout", limit(tt.action))
			out, err := exec.Command(tt.command[0], append(tt.command[1:], address)...).CombinedOutput()
			if tt.action != "distrusted" && (err != nil || strings.TrimSpace(string(out)) != tt.action) {
				t.Errorf("%q: %v, %s", tt.command, err, out)
			}
			code, stdout := result()
			var r report.Report
			if err := json.Unmarshal([]byte(stdout), &r); err != nil || len(r.Sightings) != 1 {
				t.Fatalf("exit code %d, %v\n%s", code, err, stdout)
			}
			seen := r.Sightings[0]
			// good.pem is issued under ca.pem, and matches only where that is named.
			want, wantCode := "", 3
			if tt.action == "sent" {
				want = map[bool]string{true: "fits", false: "does-not-fit"}[tt.named == "ca.pem"]
			}
			if want == "fits" {
				wantCode = 0
			}
			if seen.Verdict != want || code != wantCode {
				t.Errorf("verdict %q, exit code %d; want %q, %d; %+v", seen.Verdict, code, want, wantCode, seen.Findings)
			}
			if seen.Action != tt.action || seen.Version != "TLS 1.3" ||
				!strings.Contains(say.Join("; ", seen.Compared...).String(), tt.compared) {
				t.Errorf("%+v, want %s and %q", seen, tt.action, tt.compared)
			}
			if tt.action == "sent" && (len(seen.Chain) != 2 || seen.Signature != "verified" ||
				seen.Scheme != "ecdsa_secp256r1_sha256" ||
				!strings.Contains(seen.Compared[0].String(), `it is "good.pem", with the chain as stored`)) {
				t.Errorf("%+v", seen)
			}
			if tt.action == "distrusted" && (seen.Alert == nil || seen.Alert.Name != "unknown_ca") {
				t.Errorf("%+v", seen.Alert)
			}
		})
	}
}

// It asks as the real server did, byte for byte, and shows what it saw as text.
func TestMirrorOfRequest(t *testing.T) {
	openssl := tool(t, "openssl", "openssl")
	serverFiles(t)
	port := debian.FreePort(t)
	startServer(t, port, openssl, "s_server", "-accept", "127.0.0.1:"+port, "-cert", "server.pem", "-key", "server.key",
		"-quiet", "-tls1_2", "-Verify", "2", "-CAfile", "ca.pem")
	if code, _, stderr := run(t, "request", "127.0.0.1:"+port, "-k", "--save", "saved.json"); code != 0 {
		t.Fatal(stderr)
	}
	address, result := startMirror(t, "--request", "saved.json", "--save-ca", "mirror-ca.pem", "--timeout", "20s")
	_, port, _ = strings.Cut(strings.TrimPrefix(address, "https://"), ":")
	if code, stdout, stderr := run(t, "request", "127.0.0.1:"+strings.TrimSuffix(port, "/"), "-k", "--no-sweep", "--save",
		"again.json"); code != 0 {
		t.Fatalf("%s%s", stdout, stderr)
	}
	if code, stdout := result(); code != 3 || !strings.Contains(stdout,
		"1: no certificate was sent: an empty Certificate message, TLS 1.2") {
		t.Errorf("exit code %d\n%s", code, stdout)
	}
	var saved, again report.Report
	for name, r := range map[string]*report.Report{"saved.json": &saved, "again.json": &again} {
		data, err := os.ReadFile(name)
		if err != nil || json.Unmarshal(data, r) != nil {
			t.Fatal(err)
		}
	}
	if len(saved.Request.Raw) == 0 || !bytes.Equal(saved.Request.Raw, again.Request.Raw) {
		t.Errorf("asked with\n%x\nthe server asked with\n%x", again.Request.Raw, saved.Request.Raw)
	}
	if code, _, stderr := run(t, "mirror", "--request", "saved.json", "--timeout", "50ms"); code != 1 ||
		!strings.Contains(stderr, "no client came within the time limit") {
		t.Errorf("nobody: exit code %d, %s", code, stderr)
	}
	if code, _, stderr := run(t, "mirror"); code != 2 ||
		!strings.Contains(stderr, "give one --request FILE or --named-ca FILE") {
		t.Errorf("no request: exit code %d, %s", code, stderr)
	}
}
