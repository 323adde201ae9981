package cmd

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"strings"
	"testing"

	"mtlsprobe/certstore/certtest/debian"
	"mtlsprobe/report"
)

// TestRefusalModel has the model of a server's TLS library explain a refusal: what OpenSSL objects
// to, and that Go has nothing to object to.
func TestRefusalModel(t *testing.T) {
	openssl := tool(t, "openssl", "openssl")
	serverFiles(t)
	port := debian.FreePort(t)
	startServer(t, port, openssl, "s_server", "-accept", "127.0.0.1:"+port, "-cert", "server.pem", "-key", "server.key",
		"-quiet", "-www", "-Verify", "3", "-verify_return_error", "-CAfile", "issuing.pem")
	trial := refusedTrial(t, "127.0.0.1:"+port, "--authorities", "issuing.pem")
	if !strings.Contains(trial.Model.String(), "OpenSSL, which refuses this chain: CN=Issuing,O=Example is trusted, but not a root") ||
		!strings.Contains(trial.ModelRemedy.String(), "X509_V_FLAG_PARTIAL_CHAIN") {
		t.Errorf("OpenSSL: %q, remedy %q", trial.Model, trial.ModelRemedy)
	}

	cert, err := tls.LoadX509KeyPair("server.pem", "server.key")
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile("ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, ClientCAs: pool,
		ClientAuth:            tls.RequireAndVerifyClientCert,
		VerifyPeerCertificate: func([][]byte, [][]*x509.Certificate) error { return errors.New("not on the list of names") }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_ = conn.(*tls.Conn).Handshake()
			}()
		}
	}()
	trial = refusedTrial(t, listener.Addr().String(), "--authorities", "ca.pem")
	if !strings.Contains(trial.Model.String(), "Go, which accepts this chain") || trial.ModelRemedy != nil {
		t.Errorf("Go: %q, remedy %q", trial.Model, trial.ModelRemedy)
	}
}

func refusedTrial(t *testing.T, target string, args ...string) *report.Trial {
	t.Helper()
	r := runJSON(t, 3, append([]string{"probe", target, "-k", "--cert", "good.p12"}, args...)...)
	trial := r.Identities[0].Trial
	if trial == nil || trial.Outcome != "refused" {
		t.Fatalf("trial %+v; want a refusal", trial)
	}
	return trial
}
