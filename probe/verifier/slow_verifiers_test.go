//go:build slow && linux

package verifier_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"mtlsprobe/certstore/certtest"
	"mtlsprobe/probe"
	"mtlsprobe/probe/reading"
)

var update = flag.Bool("update", false, "record what the servers do")

// TestVerifiers presents each chain to each server program, and compares what it does with
// what is predicted: "make verifiers" sets the build tag.
func TestVerifiers(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	var cases []*made
	var anchors []*x509.Certificate
	all := chainCases()
	for n := range all {
		m := all[n].make(now)
		cases = append(cases, m)
		anchors = append(anchors, m.trusted...)
	}
	files, own := serverFiles(t, now)
	only := os.Getenv("MTLSPROBE_PROGRAM")
	for _, p := range programs() {
		if only != "" && !strings.HasPrefix(p.name(), only) {
			continue
		}
		t.Run(p.name(), func(t *testing.T) {
			t.Parallel()
			profile, _ := setup(t, p.profile)
			port := ""
			var record strings.Builder
			for n, m := range cases {
				if p.separate || n == 0 {
					trusted := append(slices.Clip(anchors), own)
					if p.separate {
						trusted = append(slices.Clip(m.trusted), own)
					}
					if p.profile == "go" && p.build == nil {
						port = goServer(t, files, trusted)
					} else {
						port = p.begin(t, files, trusted)
					}
				}
				observed := observe(t, port, p.path, m)
				fmt.Fprintf(&record, "%s\t%s\n", m.name, observed)
				compare(t, p.name(), m, predict(profile, p.settings, m, now), observed)
			}
			if *update {
				if err := os.WriteFile("testdata/observed/"+p.name()+".txt", []byte(record.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// observe presents a chain and says what the server did.
func observe(t *testing.T, port, path string, m *made) string {
	t.Helper()
	target, err := probe.ParseTarget("https://127.0.0.1:" + port + path)
	if err != nil {
		t.Fatal(err)
	}
	trial, err := probe.Try(context.Background(), target, &m.cert, &probe.Options{Insecure: true, MaxVersion: tls.VersionTLS12, Timeout: 10 * time.Second})
	if err != nil {
		return "error: " + err.Error()
	}
	switch {
	case trial.Alert != nil:
		return fmt.Sprintf("%s %d", trial.Outcome, trial.Alert.Description)
	case trial.Application != nil && trial.Outcome == reading.RefusedByApplication:
		return fmt.Sprintf("%s %d", trial.Outcome, trial.Application.Status)
	}
	if trial.Outcome == reading.NotTried || trial.Outcome == reading.UnknownOutcome {
		t.Logf("%s: %s", m.name, trial.Detail)
	}
	return string(trial.Outcome)
}

// serverFiles are the server's own certificate and key. Its root has to be trusted, too: wolfSSL
// verifies its own certificate.
func serverFiles(t *testing.T, now time.Time) (files map[string][]byte, root *x509.Certificate) {
	t.Helper()
	pki := certtest.NewAt("verifiers", now, certtest.Edge{Subject: "Root", Issuer: "Root"}, certtest.Edge{Subject: "localhost", Issuer: "Root", Mutate: func(c *x509.Certificate) {
		c.ExtKeyUsage, c.DNSNames = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, []string{"localhost"}
	}})
	cert, key := pki.CertPEM("localhost"), pki.KeyPEM("localhost")
	return map[string][]byte{"server.pem": cert, "server.key": key, "server.both": append(cert[:len(cert):len(cert)], key...)}, pki.Cert("Root")
}

// goServer is a server of this Go.
func goServer(t *testing.T, files map[string][]byte, trusted []*x509.Certificate) (port string) {
	t.Helper()
	cert, err := tls.X509KeyPair(files["server.pem"], files["server.key"])
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	var anchors strings.Builder
	for _, c := range trusted {
		_ = pem.Encode(&anchors, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	}
	pool.AppendCertsFromPEM([]byte(anchors.String()))
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }), ErrorLog: log.New(io.Discard, "", 0)}
	t.Cleanup(func() { server.Close() })
	go func() { _ = server.Serve(listener) }()
	_, port, _ = net.SplitHostPort(listener.Addr().String())
	return port
}
