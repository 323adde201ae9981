package probe_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"mtlsprobe/certstore/certtest"
	"mtlsprobe/probe"
	"mtlsprobe/probe/reading"
	"mtlsprobe/report/say"

	"github.com/quic-go/quic-go/http3"
)

// A server of HTTP/3 that somebody else wrote is asked, and certificates are tried, as over TCP.
func TestHTTP3(t *testing.T) {
	p := certtest.NewAt("http3", time.Now(), certtest.Edge{Subject: "Root", Issuer: "Root"},
		certtest.Edge{Subject: "client", Issuer: "Root"},
		certtest.Edge{Subject: "localhost", Issuer: "Root", Mutate: func(c *x509.Certificate) {
			c.ExtKeyUsage, c.DNSNames = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, []string{"localhost"}
		}})
	roots := x509.NewCertPool()
	roots.AddCert(p.Cert("Root"))
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	server := &http3.Server{TLSConfig: http3.ConfigureTLSConfig(&tls.Config{
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots,
		Certificates: []tls.Certificate{{Certificate: [][]byte{p.Cert("localhost").Raw}, PrivateKey: p.Key("localhost")}}}),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/forbidden" {
				w.WriteHeader(http.StatusForbidden)
			}
			_, _ = io.WriteString(w, "hello")
		})}
	go func() { _ = server.Serve(socket) }()
	t.Cleanup(func() { _ = server.Close(); _ = socket.Close() })
	options := &probe.Options{Roots: roots, Timeout: 10 * time.Second}
	for _, tt := range []struct {
		path, cert string
		outcome    reading.Outcome
		alert      uint8
		status     int
	}{
		{"/", "client", reading.Accepted, 0, 200},
		{"/forbidden", "client", reading.RefusedByApplication, 0, 403},
		{"/", "", reading.RefusedByTLS, 116, 0},
	} {
		target, err := probe.ParseTarget("h3://" + socket.LocalAddr().String() + tt.path)
		if err != nil {
			t.Fatal(err)
		}
		target.ServerName = "localhost"
		var cert *tls.Certificate
		if tt.cert != "" {
			cert = &tls.Certificate{Certificate: [][]byte{p.Cert(tt.cert).Raw}, PrivateKey: p.Key(tt.cert)}
		}
		trial, err := probe.Try(t.Context(), target, cert, options)
		if err != nil {
			t.Fatal(err)
		}
		if trial.Outcome != tt.outcome || tt.alert != 0 && (trial.Alert == nil || trial.Alert.Description != tt.alert) ||
			tt.status != 0 && (trial.Application == nil || trial.Application.Status != tt.status) {
			t.Errorf("%s, %q: %s, alert %v, application %+v: %s", tt.path, tt.cert, trial.Outcome, trial.Alert,
				trial.Application, trial.Detail)
		}
		obs, _, err := probe.Ask(t.Context(), target, options)
		if err != nil || obs.Asked != say.Yes || obs.Version != tls.VersionTLS13 || obs.Verification.Result != say.Yes ||
			len(obs.Request.NamedCAs) != 1 {
			t.Errorf("asked: %+v, %v", obs, err)
		}
	}
	silent, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close() //nolint:errcheck // the test is over
	target, err := probe.ParseTarget("h3://" + silent.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	var connect *probe.ConnectError
	_, _, err = probe.Ask(t.Context(), target, &probe.Options{Timeout: 300 * time.Millisecond})
	if !errors.As(err, &connect) || connect.Kind != probe.NoCarrier {
		t.Errorf("nobody there: %v", err)
	}
}
