package cmd

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode"

	"mtlsprobe/certstore/certtest"
	"mtlsprobe/probe/probetest"
	"mtlsprobe/report"
)

// hangs is when a command counts as hung, on the slowest machine.
const hangs = 2 * time.Minute

// runIn is run with an environment, and fails the test where the command hangs.
func runIn(t *testing.T, environment map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hangs)
	defer cancel()
	var out, errs bytes.Buffer
	s := &Streams{In: strings.NewReader(""), Out: &out, Err: &errs, Now: time.Now,
		LookupEnv: func(name string) (string, bool) { value, set := environment[name]; return value, set }}
	code = Main(ctx, args, s)
	if ctx.Err() != nil {
		t.Fatalf("%v: still at work after %v", args, hangs)
	}
	return code, out.String(), errs.String()
}

// victim is a server that asks, and how many certificates and connections it got.
type victim struct {
	address                   string
	certificates, connections atomic.Int32
}

func startVictim(t *testing.T, p *certtest.PKI) *victim {
	t.Helper()
	v := &victim{}
	server, err := probetest.Serve(func(conn net.Conn) {
		v.connections.Add(1)
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		c := tls.Server(conn, &tls.Config{ClientAuth: tls.RequireAnyClientCert,
			Certificates: []tls.Certificate{{Certificate: [][]byte{p.Cert("server").Raw}, PrivateKey: p.Key("server")}}})
		defer c.Close()
		if c.Handshake() != nil {
			return
		}
		v.certificates.Add(int32(len(c.ConnectionState().PeerCertificates)))
		if _, err := c.Read(make([]byte, 4096)); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	v.address = server.Address
	return v
}

// odd is an HTTP proxy that answers CONNECT with this head, and then tunnels.
func odd(t *testing.T, head string) (address string) {
	t.Helper()
	server, err := probetest.Serve(func(conn net.Conn) {
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		request := make([]byte, 4096)
		n, err := conn.Read(request)
		if err != nil {
			return
		}
		fields := strings.Fields(string(request[:n]))
		if len(fields) < 2 || fields[0] != "CONNECT" {
			return
		}
		behind, err := net.Dial("tcp", fields[1])
		if err != nil {
			return
		}
		defer behind.Close()
		_, _ = io.WriteString(conn, head)
		go func() { _, _ = io.Copy(behind, conn) }()
		_, _ = io.Copy(conn, behind)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server.Address
}

// hostileFolder has the files of the script tests, and is the current folder.
func hostileFolder(t *testing.T) *certtest.PKI {
	t.Helper()
	t.Chdir(t.TempDir())
	p := scriptPKI()
	if err := writeScriptFiles(".", p); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestHostileProxy holds that a proxy's answer has no body, and that a way that was
// written wrongly is no direct way.
func TestHostileProxy(t *testing.T) {
	p := hostileFolder(t)
	for name, head := range map[string]string{
		"Content-Length": "HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n",
		"chunked":        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
	} {
		v := startVictim(t, p)
		code, stdout, stderr := runIn(t, nil, "probe", v.address, "-k", "--no-sweep", "--cert", "good.pem", "--proxy",
			"http://"+odd(t, head), "-o", "brief")
		if v.connections.Load() == 0 || v.certificates.Load() == 0 {
			t.Errorf("%s: exit code %d\n%s%s", name, code, stdout, stderr)
		}
		probetest.Row{Attacker: "proxy, CONNECT answered with " + name,
			Tries: "to have the server's first bytes taken for a body", Said: strings.TrimSpace(stdout), Received: "the certificate, behind -k"}.Log(t)
	}
	for variable, value := range map[string]string{"HTTPS_PROXY": "http://[broken", "ALL_PROXY": "socks5://%zz",
		"https_proxy": "ftp://proxy.example:21"} {
		v := startVictim(t, p)
		code, _, stderr := runIn(t, map[string]string{variable: value}, "probe", v.address, "-k", "--cert", "good.pem")
		if code != 2 || v.connections.Load() != 0 || !strings.Contains(stderr, variable) {
			t.Errorf("%s=%s: exit code %d after %d connections\n%s", variable, value, code, v.connections.Load(), stderr)
		}
		probetest.Row{Attacker: variable + "=" + value, Tries: "a direct connection past the proxy",
			Said: firstLine(stderr)}.Log(t)
	}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// TestHostileSecrets holds that a password in an argument or in a file never reaches
// a message.
func TestHostileSecrets(t *testing.T) {
	hostileFolder(t)
	const secret = "hunter2secret"
	files := map[string]string{
		"kube.yaml": "apiVersion: v1\nkind: Config\nusers:\n- name: x\n  user: {password: " + secret + "\n  : [\n",
		"kube2.yaml": "apiVersion: v1\nkind: Config\nusers:\n- name: x\n  user:\n    password: [" + secret +
			"]\n    client-key-data: {" + secret + ": 1}\n",
		"java.properties":  "-Djavax.net.ssl.keyStore=missing.p12 -Djavax.net.ssl.keyStorePassword=" + secret,
		"curlrc":           "cert = missing.p12:" + secret + "\n",
		"application.yaml": "server:\n  ssl:\n    key-store: missing.p12\n    key-store-password: " + secret + "\n   bad\n",
	}
	var commands [][]string
	for name, text := range files {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		commands = append(commands, []string{"inspect", name})
	}
	commands = append(commands,
		[]string{"probe", "https://user:" + secret + "@127.0.0.1:1/", "--cert", "good.pem"},
		[]string{"probe", "user:" + secret + "@127.0.0.1:1", "--cert", "good.pem"},
		[]string{"request", "nothing://user:" + secret + "@127.0.0.1:1"},
		[]string{"request", "postgres://user:" + secret + "@[::1"},
		[]string{"request", "127.0.0.1:1", "--proxy", "http://user:" + secret + "@[broken"},
		[]string{"request", "127.0.0.1:1", "--proxy", "socks5://user:" + secret + "@127.0.0.1:1"},
		[]string{"inspect", "-Djavax.net.ssl.keyStore=missing.p12 -Djavax.net.ssl.keyStorePassword=" + secret},
		[]string{"inspect", "--", "-Djavax.net.ssl.keyStore=missing.p12 -Djavax.net.ssl.keyStorePassword=" + secret},
		[]string{"inspect", "missing.p12", "--pass", "pass:" + secret})
	for _, args := range commands {
		code, stdout, stderr := runIn(t, nil, args...)
		if strings.Contains(stdout+stderr, secret) {
			t.Errorf("%v: exit code %d\n%s%s", args, code, stdout, stderr)
		}
		probetest.Row{Attacker: strings.ReplaceAll(strings.Join(args, " "), secret, "…"),
			Tries: "to have a password repeated", Said: firstLine(stderr + stdout)}.Log(t)
	}
}

// TestHostileFolder holds that a folder of somebody else's never leads outside itself.
func TestHostileFolder(t *testing.T) {
	hostileFolder(t)
	good, err := filepath.Abs("good.pem")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir("theirs", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("theirs/.curlrc", []byte("cert = "+good+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(good, "theirs/link.pem"); err != nil {
		t.Fatal(err)
	}
	_, stdout, stderr := runIn(t, nil, "inspect", "theirs", "-o", "json")
	var r report.Report
	if err := json.Unmarshal([]byte(stdout), &r); err == nil && len(r.Identities) > 0 {
		t.Errorf("%d identities from outside\n%s%s", len(r.Identities), stdout, stderr)
	}
	probetest.Row{Attacker: "a folder with .curlrc and a link", Tries: "to have an identity from elsewhere presented",
		Said: firstLine(stderr)}.Log(t)
	if r := runJSON(t, 0, "inspect", "theirs/.curlrc"); len(r.Identities) != 1 {
		t.Errorf("the configuration itself: %+v", r.Identities)
	}
}

// TestHostileReports holds that a saved report can neither act upon a terminal nor
// break the program.
func TestHostileReports(t *testing.T) {
	hostileFolder(t)
	if code, stdout, stderr := run(t, "check", "--cert", "good.pem", "--named-ca", "ca.pem", "-o", "json",
		"--output-file", "report.json"); code != 0 {
		t.Fatalf("%s%s", stdout, stderr)
	}
	data, err := os.ReadFile("report.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range hostileReports(string(data)) {
		if err := os.WriteFile("hostile.json", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var said string
		for _, format := range report.Formats() {
			code, stdout, stderr := runIn(t, nil, "render", "hostile.json", "-o", format, "--paths", "--timeline", "--clients",
				"--transcript")
			if at := strings.IndexFunc(stdout+stderr, actsOnTerminal); at >= 0 {
				t.Errorf("%s as %s: %q", name, format, (stdout + stderr)[at:min(at+20, len(stdout+stderr))])
			}
			said = fmt.Sprintf("exit code %d: %.80s", code, firstLine(stderr+stdout))
		}
		for _, args := range [][]string{{"compare", "report.json", "hostile.json"},
			{"compare", "hostile.json", "report.json", "-o", "json"}, {"check", "--cert", "good.pem", "--request",
				"hostile.json"}} {
			_, stdout, stderr := runIn(t, nil, args...)
			if at := strings.IndexFunc(stdout+stderr, actsOnTerminal); at >= 0 {
				t.Errorf("%s, %v: %q", name, args, (stdout + stderr)[at:min(at+20, len(stdout+stderr))])
			}
		}
		probetest.Row{Attacker: "saved report: " + name, Tries: "to act upon the terminal, or to break the program",
			Said: said}.Log(t)
	}
}

// hostileReports are changes to a report that is sound.
func hostileReports(sound string) map[string]string {
	const escapes = `\u001b[31m\u009b2J\u202e`
	reports := map[string]string{"a migration with a cell too many": strings.Replace(sound, `"identities"`,
		`"migration": {"phases": [{"label": "a", "named_cas": []}], "rows": [{"label": "x", "cells": [{"phase": "a", "verdict": "fits"}, {"phase": "b", "verdict": "fits"}]}]}, "identities"`, 1),
		"nested deeply": `{"schema":"mtlsprobe/1","x":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "}",
		"raw C1":        strings.ReplaceAll(sound, "CN=good", "CN=\u009b2J\u202egood"),
	}
	for _, word := range []string{"CN=good", `"fits"`, `"pass"`, `"reached"`, `"predicted"`, "good.pem", "mtlsprobe/1",
		"ECDSA P-256"} {
		with := strings.TrimSuffix(word, `"`) + escapes
		if strings.HasSuffix(word, `"`) {
			with += `"`
		}
		reports["escapes in "+word] = strings.ReplaceAll(sound, word, with)
	}
	return reports
}

// actsOnTerminal tells controls and marks of direction from what is shown.
func actsOnTerminal(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsGraphic(r) }

// TestHostileOutputs holds that nothing is written over what others wrote.
func TestHostileOutputs(t *testing.T) {
	p := hostileFolder(t)
	const mine = "my notes"
	for _, name := range []string{"notes.txt", "victim.txt"} {
		if err := os.WriteFile(name, []byte(mine), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("victim.txt", "link.txt"); err != nil {
		t.Fatal(err)
	}
	v := startVictim(t, p)
	for _, args := range [][]string{
		{"check", "--cert", "good.pem", "--named-ca", "ca.pem", "--output-file", "notes.txt"},
		{"check", "--cert", "good.pem", "--named-ca", "ca.pem", "--output-file", "link.txt"},
		{"check", "--cert", "good.pem", "--named-ca", "ca.pem", "--redact", "--redact-map", "notes.txt"},
		{"request", v.address, "-k", "--save", "notes.txt"},
		{"request", v.address, "-k", "--keylog", "notes.txt"},
		{"request", v.address, "-k", "--pcapng", "link.txt"},
		{"mirror", "--named-ca", "ca.pem", "--save-ca", "notes.txt", "--timeout", "1s"},
		{"mirror", "--named-ca", "ca.pem", "--output-file", "link.txt", "--timeout", "1s"},
		{"demo", "--keep", "."},
	} {
		code, _, stderr := runIn(t, nil, args...)
		if code != 2 {
			t.Errorf("%v: exit code %d\n%s", args, code, stderr)
		}
		probetest.Row{Attacker: strings.Join(args, " "), Tries: "to have a file of others written over",
			Said: firstLine(stderr)}.Log(t)
	}
	for _, name := range []string{"notes.txt", "victim.txt"} {
		if data, err := os.ReadFile(name); err != nil || string(data) != mine {
			t.Errorf("%s contains %q, %v", name, data, err)
		}
	}
	if v.connections.Load() > 0 {
		t.Errorf("%d connections were made first", v.connections.Load())
	}
}

// TestHostileEndless holds that no file, pipe or server makes a command wait for ever.
func TestHostileEndless(t *testing.T) {
	hostileFolder(t)
	const zero = "/dev/zero"
	if _, err := os.Stat(zero); err != nil {
		t.Fatal("there is no ", zero)
	}
	for _, args := range [][]string{
		{"inspect", zero}, {"check", "--cert", zero, "--named-ca", "ca.pem"},
		{"check", "--cert", "good.pem", "--named-ca", zero},
		{"check", "--cert", "good.pem", "--key", zero, "--named-ca", "ca.pem"},
		{"check", "--cert", "good.pem", "--authorities", zero, "--named-ca", "ca.pem"},
		{"check", "--cert", "good.pem", "--crl", zero, "--named-ca", "ca.pem"},
		{"check", "--cert", "good.pem", "--request", zero},
		{"request", "127.0.0.1:1", "--cacert", zero},
		{"mirror", "--named-ca", "ca.pem", "--server-cert", zero, "--server-key", zero},
		{"inspect", "good.pem", "--pass", "file:" + zero},
	} {
		code, _, stderr := runIn(t, nil, args...)
		if code == 0 && args[0] != "inspect" && !strings.Contains(stderr, "warning") {
			t.Errorf("%v: exit code 0\n%s", args, stderr)
		}
		probetest.Row{Attacker: strings.Join(args, " "), Tries: "to have a file read that never ends",
			Said: firstLine(stderr)}.Log(t)
	}
	silent, err := probetest.Serve(func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	code, _, stderr := runIn(t, nil, "probe", silent.Address, "-k", "--cert", "good.pem", "--timeout", "1h", "--max-time",
		"300ms")
	if code != 1 || !strings.Contains(stderr, "--max-time 300ms is over") {
		t.Errorf("--max-time: exit code %d\n%s", code, stderr)
	}
	probetest.Row{Attacker: "a silent server, with --timeout 1h --max-time 300ms", Tries: "to keep a run for ever",
		Said: firstLine(stderr)}.Log(t)
}

// TestHostileNames holds that a name of 256 KiB is shown, cut into lines.
func TestHostileNames(t *testing.T) {
	t.Chdir(t.TempDir())
	long := strings.Repeat("a ", 128<<10)
	p := certtest.NewAt("long", time.Now(), certtest.Edge{Subject: "Root", Issuer: "Root"},
		certtest.Edge{Subject: "long", Issuer: "Root", Mutate: func(c *x509.Certificate) { c.Subject.CommonName = long }})
	if err := os.WriteFile("long.pem", append(p.CertPEM("long"), p.KeyPEM("long")...), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("ca.pem", p.CertPEM("Root"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"table", "markdown", "html", "json"} {
		code, stdout, stderr := runIn(t, nil, "check", "--cert", "long.pem", "--named-ca", "ca.pem", "-o", format, "--paths")
		if code != 0 || len(stdout) < len(long)/2 && format == "json" {
			t.Errorf("%s: exit code %d, %d bytes\n%.200s", format, code, len(stdout), stderr)
		}
		probetest.Row{Attacker: "a certificate with a common name of 256 KiB", Tries: "quadratic work, as " + format,
			Said: fmt.Sprintf("exit code %d, %d bytes", code, len(stdout))}.Log(t)
	}
}

// TestHostileList holds that a long list of CA names is not repeated for each
// identity.
func TestHostileList(t *testing.T) {
	t.Chdir(t.TempDir())
	const names = 300
	edges := []certtest.Edge{{Subject: "Root", Issuer: "Root"}, {Subject: "client", Issuer: "Root"}}
	list := []string{"Root"}
	for n := range names - 1 {
		name := fmt.Sprintf("Other %d", n)
		edges, list = append(edges, certtest.Edge{Subject: name, Issuer: name}), append(list, name)
	}
	p := certtest.NewAt("list", time.Now(), edges...)
	for name, data := range map[string][]byte{"cas.pem": p.CertPEM(list...),
		"client.pem": append(p.CertPEM("client"), p.KeyPEM("client")...)} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := runJSON(t, 0, "check", "--cert", "client.pem", "--named-ca", "cas.pem")
	i := r.Identities[0]
	if len(r.Request.NamedCAs) != names || len(i.NamedCAs) != 1 || i.NamedCAsRest == nil ||
		i.NamedCAsRest.Count != names-1 || i.NamedCAsRest.Result != "not-reached" {
		t.Errorf("%d names, %d results, the rest %+v", len(r.Request.NamedCAs), len(i.NamedCAs), i.NamedCAsRest)
	}
	probetest.Row{Attacker: fmt.Sprintf("a list of %d CA names", names),
		Tries: "memory and output for each identity and name", Said: fmt.Sprintf("1 result, and %d not reached",
			i.NamedCAsRest.Count)}.Log(t)
}

// TestHostileMirror holds that the mirror redacts what it shows, and writes it to the
// file.
func TestHostileMirror(t *testing.T) {
	p := hostileFolder(t)
	address, result := startMirror(t, "--named-ca", "ca.pem", "--redact", "--output-file", "seen.txt")
	config := &tls.Config{InsecureSkipVerify: true, ServerName: "secret.example", //nolint:gosec // the mirror is ours
		Certificates: []tls.Certificate{{Certificate: [][]byte{p.Cert("good").Raw, p.Cert("Issuing").Raw},
			PrivateKey: p.Key("good")}}}
	conn, err := tls.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(address, "https://"), "/"), config)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	_, _ = io.Copy(io.Discard, conn)
	conn.Close()
	code, stdout := result()
	seen, err := os.ReadFile("seen.txt")
	if err != nil || code != 0 || stdout != "" || !strings.Contains(string(seen), "a certificate was sent") {
		t.Errorf("exit code %d, %v\n%s%s", code, err, stdout, seen)
	}
	for _, secret := range []string{"CN=good", "Issuing", "secret.example", "127.0.0.1"} {
		if strings.Contains(string(seen), secret) {
			t.Errorf("%s is shown:\n%s", secret, seen)
		}
	}
	probetest.Row{Attacker: "whoever reads mirror --redact", Tries: "to learn names",
		Said: firstLine(string(seen))}.Log(t)
}
