package cmd

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mtlsprobe/certstore/certtest/debian"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report"
)

// What happened between this program and a real server is read again from the capture.
func TestTraceOfRecording(t *testing.T) {
	openssl := tool(t, "openssl", "openssl")
	serverFiles(t)
	for _, version := range []string{"1.2", "1.3"} {
		port := debian.FreePort(t)
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

// A connection whose keys are exchanged by RSA is decrypted with the server's key: what the
// application answers is read.
func TestTraceServerKey(t *testing.T) {
	openssl, curl := tool(t, "openssl", "openssl"), tool(t, "curl", "curl")
	serverFiles(t)
	for _, args := range [][]string{
		{"req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "rsa.key", "-out", "rsa.pem", "-subj", "/CN=localhost"},
		{"pkey", "-in", "rsa.key", "-aes256", "-passout", "pass:x", "-out", "locked.key"},
		{"rsa", "-in", "rsa.key", "-traditional", "-outform", "DER", "-out", "rsa.der"},
	} {
		if out, err := exec.Command(openssl, args...).CombinedOutput(); err != nil {
			t.Fatalf("openssl %v: %v, %s", args, err, out)
		}
	}
	for _, tt := range []struct{ name, suite, version, flag string }{
		{"CBC with encrypt-then-MAC", "AES128-SHA", "1.2", ""},
		{"CBC without", "AES256-SHA256", "1.2", "-no_etm"},
		{"GCM", "AES128-GCM-SHA256", "1.2", ""},
		{"without RFC 7627", "AES256-GCM-SHA384", "1.2", "-no_ems"},
		{"TLS 1.0", "AES128-SHA", "1.0", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			port := debian.FreePort(t)
			args, env := []string{"s_server", "-accept", "127.0.0.1:" + port, "-cert", "rsa.pem", "-key", "rsa.key", "-www",
				"-verify", "3", "-CAfile", "ca.pem", "-cipher", tt.suite + ":@SECLEVEL=0"}, os.Environ()
			switch tt.flag {
			case "":
			case "-no_ems": // which only later ones have as a flag
				writeFile(t, "openssl.cnf", []byte("openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\n"+
					"Options = -ExtendedMasterSecret\n"))
				env = append(env, "OPENSSL_CONF=openssl.cnf")
			default:
				args = append(args, tt.flag)
			}
			server := exec.Command(openssl, args...)
			server.Env = env
			debian.Serve(t, server, port)
			address, result := startListener(t, `127\.0\.0\.1:\d+`, "relay", "127.0.0.1:"+port, "--count", "1", "--pcapng",
				"rsa.pcapng", "--force")
			_, local, _ := strings.Cut(address, ":")
			out, err := exec.Command(curl, "-sk", "--tlsv"+tt.version, "--tls-max", tt.version, "--ciphers",
				tt.suite+":@SECLEVEL=0", "https://localhost:"+local+"/").CombinedOutput()
			if err != nil {
				t.Fatalf("curl: %v, %s", err, out)
			}
			result()
			for key, decrypted := range map[string]bool{"rsa.key": true, "rsa.der": true, "": false} {
				args := []string{"trace", "rsa.pcapng", "-v"}
				if key != "" {
					args = append(args, "--server-key", key)
				}
				r := runJSON(t, exitAnswered, args...)
				said := ""
				for _, phrase := range r.Connections[0].Reading {
					said += phrase.String()
				}
				if strings.Contains(said, "the application answered HTTP 200") != decrypted {
					t.Errorf("%s: %s", key, said)
				}
			}
		})
	}
	for key, want := range map[string]string{"locked.key": "is encrypted", "server.key": "contains no RSA private key",
		"nosuch.key": "no such file"} {
		if code, _, stderr := run(t, "trace", "rsa.pcapng", "--server-key", key); code != exitNoAnswer ||
			!strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, %s", key, code, stderr)
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
