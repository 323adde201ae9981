package cmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mtlsprobe/probe/wire"
	"mtlsprobe/report"
)

// What happened between this program and a real server is read again from the capture.
func TestTraceOfRecording(t *testing.T) {
	openssl := tool(t, "openssl", "openssl")
	serverFiles(t)
	for _, version := range []string{"1.2", "1.3"} {
		port := freePort(t)
		startServer(t, port, openssl, "s_server", "-accept", "127.0.0.1:"+port, "-cert", "server.pem", "-key", "server.key",
			"-www", "-Verify", "3", "-verify_return_error", "-CAfile", "ca.pem")
		file := "capture" + version + ".pcapng"
		run(t, "probe", "127.0.0.1:"+port, "-k", "--cert", "good.p12", "--cert", "expired.pem", "--tls-min", version,
			"--tls-max",
			version, "--no-sweep", "--pcapng", file)
		r := runJSON(t, exitNoIdentity, "trace", file, "--cert", "expired.pem", "-o", "json")
		sent := make(map[string]int)
		told, judged := false, false
		for _, c := range r.Connections {
			sent[c.ClientCertificate.Sent]++
			if c.Request.Asked != "yes" || len(c.Request.NamedCAs) != 1 || c.Version != "TLS "+version {
				t.Errorf("%s: %+v", version, c)
			}
			for _, phrase := range c.Reading {
				told = told || strings.Contains(phrase.String(), "alert 45 certificate_expired")
				judged = judged || strings.Contains(phrase.String(), `The certificate that was sent, "expired.pem", `+
					"as of this connection: Expired")
			}
		}
		if sent["yes"] < 3 || sent["empty"] < 1 || !told || !judged {
			t.Errorf("%s: %v, alert told %t, file judged %t", version, sent, told, judged)
		}
		if code, stdout, _ := run(t, "trace", file); code != exitNoIdentity || !strings.Contains(stdout, "CN=expired") ||
			!strings.Contains(stdout, "no certificate (empty message)") {
			t.Errorf("exit code %d\n%s", code, stdout)
		}
	}
}

// The sequences that somebody types, and what is read from them.
func TestGoldenTyped(t *testing.T) {
	for name, list := range map[string]string{
		"typed-alert": "client: Hello\nserver: Hello, Certificate, Certificate request, Server hello done\n" +
			"client: Encrypted alert, content type Alert(21)\nclient: Client key exchange\n" +
			"client: Change cipher spec, Encrypted handshake message\nserver: Change cipher spec, Encrypted handshake " +
			"message\n" +
			"client: Application data\n",
		"typed-ssl3": "client: SSL 3.0 Hello\nserver: Hello, Certificate, Certificate request, Server hello done\n" +
			"client: alert warning, no certificate\nclient: Client key exchange\n" +
			"client: Change cipher spec, Encrypted handshake message\nserver: alert fatal handshake failure\n",
	} {
		t.Run(name, func(t *testing.T) {
			golden, err := filepath.Abs("testdata/" + name + ".golden")
			if err != nil {
				t.Fatal(err)
			}
			t.Chdir(t.TempDir())
			if err := os.WriteFile("typed.txt", []byte(list), 0o600); err != nil {
				t.Fatal(err)
			}
			code, stdout, stderr := run(t, "trace", "--messages", "typed.txt")
			if code != exitNoIdentity || stderr != "" {
				t.Errorf("exit code %d\n%s", code, stderr)
			}
			if *update {
				if err := os.WriteFile(golden, []byte(stdout), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if want := string(mustRead(t, golden)); want != stdout {
				t.Errorf("got\n%s\nwant\n%s", stdout, want)
			}
		})
	}
}

// A trace keeps to the schema, redacted as well, and every format can be made of it.
func TestTraceFormats(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("typed.txt", []byte("client hello\nserver hello, certificate request\nclient: alert 42"),
		0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "trace", "--messages", "typed.txt", "-o", "json", "--output-file", "t.json")
	for _, format := range report.Formats() {
		for _, more := range [][]string{nil, {"--redact"}} {
			code, stdout, stderr := run(t, append([]string{"render", "t.json", "-o", format}, more...)...)
			if code != exitAnswered || stdout == "" || stderr != "" {
				t.Errorf("%s %v: exit code %d, %q, %s", format, more, code, stdout, stderr)
			}
		}
	}
	for args, want := range map[string]string{"trace": "give a capture FILE", "trace nosuch.pcap": "no such file",
		"trace typed.txt": "not a pcap or pcapng capture", "trace typed.txt --host x": "is not an IP address",
		"trace typed.txt --messages typed.txt": "give a capture FILE"} {
		if code, _, stderr := run(t, strings.Fields(args)...); code == exitAnswered || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, %s", args, code, stderr)
		}
	}
}

// A request that nobody saw is not saved, nor one of several.
func TestTraceSave(t *testing.T) {
	t.Chdir(t.TempDir())
	writeFile(t, "typed.txt", []byte("client: Hello\nserver: Hello, Certificate request, Server hello done\n"))
	code, _, stderr := run(t, "trace", "--messages", "typed.txt", "--save", "asked.json")
	if code != exitNoAnswer || !strings.Contains(stderr, "--save: no request was seen that could be read") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	one, other := &wire.CertificateRequest{Version: 0x303}, &wire.CertificateRequest{Version: 0x304}
	s := &Streams{Now: time.Now}
	o := &traceOptions{save: "asked.json"}
	if err := o.saveRequest(s, []traced{{request: one}, {}, {request: other}}); err == nil ||
		!strings.Contains(err.Error(), "choose with --stream") {
		t.Errorf("two requests: %v", err)
	}
	if err := o.saveRequest(s, []traced{{}, {request: one}, {request: one}}); err != nil {
		t.Errorf("one request: %v", err)
	}
}
