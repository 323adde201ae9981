package cmd

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mtlsprobe/certstore/certtest"
	"mtlsprobe/certstore/certtest/debian"
	"mtlsprobe/probe/probetest"
	"mtlsprobe/report"
)

// scanServers starts servers that ask in different ways, one that is silent, and a port where
// nothing listens. It returns their addresses; those that answer come first.
func scanServers(t *testing.T, p *certtest.PKI, count int) (answering, others []string) {
	t.Helper()
	pools := []*x509.CertPool{x509.NewCertPool(), x509.NewCertPool()}
	pools[0].AddCert(p.Cert("root"))
	pools[1].AddCert(p.Cert("root"))
	pools[1].AddCert(p.Cert("Other"))
	for n := range count {
		config := &tls.Config{ClientCAs: pools[n%2],
			ClientAuth:   []tls.ClientAuthType{tls.RequireAndVerifyClientCert, tls.VerifyClientCertIfGiven, tls.NoClientCert}[n%3],
			Certificates: []tls.Certificate{{Certificate: [][]byte{p.Cert("server").Raw}, PrivateKey: p.Key("server")}}}
		server, err := probetest.Serve(func(conn net.Conn) { answerHTTP(tls.Server(conn, config)) })
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(server.Close)
		answering = append(answering, server.Address)
	}
	silent, err := probetest.Serve(func(conn net.Conn) { _, _ = conn.Read(make([]byte, 1<<10)); <-t.Context().Done() })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(silent.Close)
	return answering, []string{silent.Address, "127.0.0.1:" + debian.FreePort(t)}
}

// answerHTTP answers one request.
func answerHTTP(conn *tls.Conn) {
	if _, err := conn.Read(make([]byte, 1<<12)); err == nil {
		_, _ = fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		_ = conn.Close()
	}
}

func scanPKI() *certtest.PKI {
	return certtest.NewAt("scan", time.Now(),
		certtest.Edge{Subject: "root", Issuer: "root"}, certtest.Edge{Subject: "Other", Issuer: "Other"},
		certtest.Edge{Subject: "server", Issuer: "root", Mutate: func(c *x509.Certificate) {
			c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		}}, certtest.Edge{Subject: "client", Issuer: "root"}, certtest.Edge{Subject: "other client", Issuer: "Other"})
}

// scannedLines reads lines of JSON, by target.
func scannedLines(t *testing.T, data []byte) map[string]*report.Scanned {
	t.Helper()
	lines := make(map[string]*report.Scanned)
	whole, err := report.ReadScanned(bytes.NewReader(data), func(l *report.Scanned) {
		if lines[l.Target] != nil {
			t.Errorf("%s has two lines", l.Target)
		}
		lines[l.Target] = l
	})
	if err != nil || whole != int64(len(data)) {
		t.Fatalf("%d of %d bytes: %v", whole, len(data), err)
	}
	return lines
}

// Each line says what "request" says of its target; what cannot be asked, or is no target, has a
// line of its own.
func TestScan(t *testing.T) {
	p := scanPKI()
	t.Chdir(t.TempDir())
	answering, others := scanServers(t, p, 6)
	writeFile(t, "ca.pem", p.CertPEM("root"))
	writeFile(t, "client.pem", append(p.CertPEM("client"), p.KeyPEM("client")...))
	list := "# servers\n" + strings.Join(append(answering, others...), "\n") + "\nhtps://x\n" + answering[0] + " # again\n"
	writeFile(t, "list.txt", []byte(list))

	code, stdout, stderr := run(t, "scan", "list.txt", "--cacert", "ca.pem", "--timeout", "2s", "--concurrency", "2")
	if code != exitAnswered || !strings.Contains(stderr, "9 targets: 4 with a request for a client certificate, 2 without, 3 could not") {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	whole := stdout
	lines := scannedLines(t, []byte(whole))
	for _, address := range answering {
		r := runJSON(t, exitAnswered, "request", address, "--cacert", "ca.pem", "--no-sweep")
		l := lines[address]
		var names []string
		for _, n := range r.Request.NamedCAs {
			names = append(names, n.DN)
		}
		if l == nil || l.Asked != r.Request.Asked || l.Asked == "yes" && l.Mode != r.Request.Insistence ||
			!slices.Equal(l.NamedCAs, names) || l.Version != r.Server.Version || l.Level != "handshake" ||
			l.ServerCertificate == nil || l.ServerCertificate.SHA256 != r.Server.Certificates[0].SHA256 ||
			l.ServerCertificate.Verified != "yes" {
			t.Errorf("%s: %+v, and \"request\" says %+v", address, l, r.Request)
		}
	}
	for target, kind := range map[string]string{others[0]: "silent", others[1]: "refused", "htps://x": "line"} {
		if l := lines[target]; l == nil || l.Error == nil || l.Error.Kind != kind || l.Asked != "unknown" {
			t.Errorf("%s: %+v, want the error %s", target, l, kind)
		}
	}

	code, stdout, _ = run(t, "scan", "list.txt", "--cacert", "ca.pem", "--timeout", "2s", "--cert", "client.pem", "--try")
	lines = scannedLines(t, []byte(stdout))
	if l := lines[answering[0]]; code != exitAnswered || l.Verdicts["client.pem"] != "fits" || l.Level != "trial" ||
		l.Verified != "yes" || l.Mode != "required" {
		t.Errorf("exit code %d, %+v", code, l)
	}
	if l := lines[answering[2]]; l.Asked != "no" || l.Mode != "" || l.Verdicts["client.pem"] != "unknown" {
		t.Errorf("%+v", l)
	}

	code, stdout, stderr = run(t, "scan", "list.txt", "--cacert", "ca.pem", "--timeout", "2s", "-o", "csv", "--output-file",
		"r.csv", "--save", "saved")
	if csv := string(mustRead(t, "r.csv")); code != exitAnswered || strings.Count(csv, "\n") != 10 ||
		!strings.HasPrefix(csv, "target,line,asked,") || !strings.Contains(stdout, "Servers that ask alike") || stderr != "" {
		t.Errorf("exit code %d\n%s%s%s", code, csv, stdout, stderr)
	}
	writeFile(t, "a.jsonl", []byte(whole))
	if code, page, stderr := run(t, "merge", "a.jsonl", "-o", "html"); code != exitAnswered || stderr != "" ||
		strings.Count(page, "<tr data-verdict=") != 9 {
		t.Errorf("a page: exit code %d\n%s%s", code, page, stderr)
	}
	if saved, err := filepath.Glob("saved/*.json"); err != nil || len(saved) != 4 {
		t.Errorf("saved %v, %v", saved, err)
	} else if code, stdout, stderr := run(t, "check", "--cert", "client.pem", "--request", saved[0], "--authorities",
		"ca.pem"); code != exitAnswered {
		t.Errorf("a saved request: exit code %d\n%s%s", code, stdout, stderr)
	}
}

// A run that is killed, three times, and goes on has the same lines in the end as one that is
// not, none twice.
func TestScanResume(t *testing.T) {
	p := scanPKI()
	t.Chdir(t.TempDir())
	answering, _ := scanServers(t, p, 60)
	writeFile(t, "ca.pem", p.CertPEM("root"))
	writeFile(t, "list.txt", []byte(strings.Join(answering, "\n")))
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"scan", "list.txt", "--cacert", "ca.pem", "--concurrency", "1", "--resume", "r.jsonl"}
	for n := range 3 {
		c := exec.Command(executable)
		c.Args = append([]string{"mtlsprobe"}, args...)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		for want := 10 * (n + 1); ; { // another process: there is nothing to wait on
			data, err := os.ReadFile("r.jsonl")
			if err == nil && bytes.Count(data, []byte("\n")) >= want {
				break
			}
			time.Sleep(time.Millisecond)
		}
		_ = c.Process.Kill()
		_ = c.Wait()
	}
	cut := mustRead(t, "r.jsonl")
	if err := os.WriteFile("r.jsonl", cut[:len(cut)-20], 0o600); err != nil { // in the middle of a line
		t.Fatal(err)
	}
	code, stdout, stderr := run(t, args...)
	if code != exitAnswered || !strings.Contains(stdout, "60 targets: 40 with a request for a client certificate, 20 without, 0 could") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	_, whole, _ := run(t, "scan", "list.txt", "--cacert", "ca.pem")
	resumed, undisturbed := scannedLines(t, mustRead(t, "r.jsonl")), scannedLines(t, []byte(whole))
	for _, address := range answering {
		one, err := json.Marshal(resumed[address])
		if err != nil {
			t.Fatal(err)
		}
		other, err := json.Marshal(undisturbed[address])
		if err != nil || !bytes.Equal(one, other) {
			t.Errorf("%s\n%s", one, other)
		}
	}
	if len(resumed) != len(answering) {
		t.Errorf("%d lines of %d", len(resumed), len(answering))
	}
	writeFile(t, "other.jsonl", []byte("{\"a\": 1}\n"))
	if code, _, stderr := run(t, "scan", "list.txt", "--resume", "other.jsonl"); code != exitNoAnswer ||
		!strings.Contains(stderr, "line 1 is not one that \"scan\" wrote") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

// What cannot be is said before anything is asked.
func TestScanUsage(t *testing.T) {
	t.Chdir(t.TempDir())
	writeFile(t, "empty.txt", []byte("# nothing\n"))
	for args, want := range map[string]string{
		"scan": "missing FILE", "scan nosuch.txt": "cannot be read", "scan empty.txt": "contains no target",
		"scan empty.txt -o xml": "choose one of jsonl, csv, table, html", "scan empty.txt --concurrency 0": "not from 1",
		"scan empty.txt --try": "give --cert", "scan empty.txt --rate -1": "not a number of servers", "scan empty.txt --rate NaN": "not a number of servers",
		"scan empty.txt --ports http": "is not a port", "scan empty.txt --resume a --output-file b": "its own file",
	} {
		if code, stdout, stderr := run(t, strings.Fields(args)...); code == exitAnswered || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d\n%s%s", args, code, stdout, stderr)
		}
	}
}

// The parts of a list are together the whole one, and merge summarises them as one.
func TestScanShards(t *testing.T) {
	p := scanPKI()
	t.Chdir(t.TempDir())
	answering, _ := scanServers(t, p, 12)
	writeFile(t, "ca.pem", p.CertPEM("root"))
	writeFile(t, "list.txt", []byte(strings.Join(answering, "\n")+"\nhtps://x\n"))
	for _, part := range []string{"1", "2", "3"} {
		code, _, stderr := run(t, "scan", "list.txt", "--cacert", "ca.pem", "--shard", part+"/3", "--output-file", part+".jsonl")
		if code == exitUsage {
			t.Fatalf("part %s: exit code %d, %s", part, code, stderr)
		}
	}
	code, stdout, stderr := run(t, "merge", "1.jsonl", "2.jsonl", "3.jsonl", "1.jsonl", "-o", "jsonl")
	if lines := scannedLines(t, []byte(stdout)); code != exitAnswered || len(lines) != 13 {
		t.Errorf("exit code %d, %d lines, %s", code, len(lines), stderr)
	}
	code, stdout, _ = run(t, "merge", "1.jsonl", "2.jsonl", "3.jsonl")
	if code != exitAnswered || !strings.Contains(stdout, "13 targets: 8 with a request for a client certificate, 4 without") {
		t.Errorf("exit code %d\n%s", code, stdout)
	}
	for args, want := range map[string]string{"merge": "missing RESULTS", "merge 1.jsonl --output-file 1.jsonl --force": "one of the files", "merge ca.pem": "line 1 is not one",
		"merge nosuch.jsonl": "cannot be read", "merge 1.jsonl -o xml": "choose one of"} {
		if code, _, stderr := run(t, strings.Fields(args)...); code == exitAnswered || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, %s", args, code, stderr)
		}
	}
}
