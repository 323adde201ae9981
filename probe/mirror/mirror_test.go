package mirror

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"mtlsprobe/certstore/certtest"
	"mtlsprobe/probe/wire"
)

func testPKI() *certtest.PKI {
	return certtest.NewAt("mirror", time.Now(),
		certtest.Edge{Subject: "Root", Issuer: "Root"},
		certtest.Edge{Subject: "CA", Issuer: "Root"},
		certtest.Edge{Subject: "client", Issuer: "CA"},
		certtest.Edge{Subject: "localhost", Issuer: "Root", Mutate: func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
			c.DNSNames = []string{"localhost"}
		}},
	)
}

func certificate(p *certtest.PKI, leaf string, chain ...string) tls.Certificate {
	c := tls.Certificate{PrivateKey: p.Key(leaf)}
	for _, cert := range p.Certs(append([]string{leaf}, chain...)...) {
		c.Certificate = append(c.Certificate, cert.Raw)
	}
	return c
}

// see serves one connection and returns what the client did and got.
func see(t *testing.T, o *Options, client func(net.Conn) (string, error)) (*Sighting, string, error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	seen := make(chan *Sighting, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			seen <- nil
			return
		}
		seen <- Serve(t.Context(), conn, o, func(s *Sighting) string { return string(s.Action) })
	}()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answer, clientErr := client(conn)
	conn.Close()
	return <-seen, answer, clientErr
}

// ask is crypto/tls as a client that sends an HTTP request.
func ask(config *tls.Config) func(net.Conn) (string, error) {
	return func(conn net.Conn) (string, error) {
		client := tls.Client(conn, config)
		if _, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			return "", err
		}
		data, err := io.ReadAll(client)
		return string(data), err
	}
}

func TestServe(t *testing.T) {
	p := testPKI()
	roots := x509.NewCertPool()
	roots.AddCert(p.Cert("Root"))
	named := [][]byte{p.Cert("Root").RawSubject}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := *p.Cert("localhost")
	template.SerialNumber = big.NewInt(99)
	der, err := x509.CreateCertificate(rand.Reader, &template, p.Cert("Root"), &rsaKey.PublicKey, p.Key("Root"))
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for name, own := range map[string]tls.Certificate{"ECDSA": certificate(p, "localhost"), "RSA": {Certificate: [][]byte{der}, PrivateKey: rsaKey}} {
			t.Run(wire.VersionName(version)+" "+name, func(t *testing.T) {
				o := &Options{Requests: Suppose(named), Certificate: own, Timeout: 5 * time.Second}
				config := func() *tls.Config {
					return &tls.Config{RootCAs: roots, ServerName: "localhost", MinVersion: version, MaxVersion: version, NextProtos: []string{"h2", "http/1.1"}}
				}
				var asked *tls.CertificateRequestInfo
				with := config()
				with.GetClientCertificate = func(r *tls.CertificateRequestInfo) (*tls.Certificate, error) {
					asked = r
					c := certificate(p, "client", "CA")
					return &c, nil
				}
				seen, answer, err := see(t, o, ask(with))
				if err != nil || !strings.HasSuffix(answer, "\r\n\r\nsent") {
					t.Fatalf("the client: %q, %v; %+v", answer, err, seen)
				}
				if seen.Action != Sent || len(seen.Chain) != 2 || seen.Scheme != tls.ECDSAWithP256AndSHA256 || seen.SignatureErr != nil || !seen.Finished || seen.ServerName != "localhost" || seen.Version != version {
					t.Errorf("%+v", seen)
				}
				if len(asked.AcceptableCAs) != 1 || !bytes.Equal(asked.AcceptableCAs[0], named[0]) {
					t.Errorf("asked with %x", asked.AcceptableCAs)
				}
				seen, answer, err = see(t, o, ask(config()))
				if err != nil || seen.Action != Declined || seen.Chain != nil || !seen.Finished || !strings.HasSuffix(answer, "empty-certificate") {
					t.Errorf("without a certificate: %q, %v; %+v", answer, err, seen)
				}
			})
		}
	}
	t.Run("alert", func(t *testing.T) {
		// kubectl's way: a certificate whatever is asked, here for schemes it cannot sign with.
		requests := Suppose(named)
		requests[0].SignatureSchemes = []tls.SignatureScheme{tls.Ed25519}
		config := &tls.Config{RootCAs: roots, ServerName: "localhost", GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			c := certificate(p, "client")
			return &c, nil
		}}
		seen, _, err := see(t, &Options{Requests: requests, Certificate: certificate(p, "localhost"), Timeout: 5 * time.Second}, ask(config))
		if err == nil || seen.Action != Sent || seen.Alert == nil || seen.Alert.Description != 40 || seen.Finished {
			t.Errorf("%v; %+v", err, seen)
		}
	})
	t.Run("unverified server", func(t *testing.T) {
		seen, _, err := see(t, &Options{Requests: Suppose(named), Certificate: certificate(p, "localhost"), Timeout: 5 * time.Second}, ask(&tls.Config{ServerName: "localhost"}))
		if err == nil || seen.Action != Distrusted || seen.Alert == nil || seen.Alert.Name() != "bad_certificate" && seen.Alert.Name() != "unknown_ca" {
			t.Errorf("%v; %+v", err, seen)
		}
	})
	t.Run("version not offered", func(t *testing.T) {
		seen, _, err := see(t, &Options{Requests: Suppose(named)[:1], Certificate: certificate(p, "localhost"), Timeout: 5 * time.Second},
			ask(&tls.Config{ServerName: "localhost", MaxVersion: tls.VersionTLS12}))
		if err == nil || seen.Action != Unsuited || seen.Asked {
			t.Errorf("%v; %+v", err, seen)
		}
	})
	for name, tt := range map[string]struct {
		say  string
		want Action
	}{"plain http": {"GET / HTTP/1.1\r\n\r\n", NotTLS}, "nothing": {"", Closed}, "garbage": {"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", Closed}} {
		t.Run(name, func(t *testing.T) {
			seen, _, _ := see(t, &Options{Requests: Suppose(nil), Certificate: certificate(p, "localhost"), Timeout: 5 * time.Second}, func(conn net.Conn) (string, error) {
				_, err := io.WriteString(conn, tt.say)
				return "", errors.Join(err, conn.(*net.TCPConn).CloseWrite())
			})
			if seen.Action != tt.want {
				t.Errorf("%+v, want %s", seen, tt.want)
			}
		})
	}
}

// Whatever a client sends, serving it ends without a panic.
func FuzzServe(f *testing.F) {
	p := testPKI()
	var hello bytes.Buffer
	client, server := net.Pipe()
	go func() {
		_ = tls.Client(client, &tls.Config{ServerName: "localhost"}).Handshake()
	}()
	_ = server.SetReadDeadline(time.Now().Add(time.Second))
	_, _ = io.CopyN(&hello, server, 200)
	_ = server.Close()
	_ = client.Close()
	if hello.Len() == 0 {
		f.Fatal("empty seed")
	}
	f.Add(hello.Bytes())
	o := &Options{Requests: Suppose([][]byte{p.Cert("Root").RawSubject}), Certificate: certificate(p, "localhost"), Timeout: 200 * time.Millisecond}
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := wire.ParseClientHello(data); err == nil && len(data) < 35 {
			t.Errorf("%x was taken for a ClientHello", data)
		}
		client, server := net.Pipe()
		go func() {
			_, _ = client.Write(data)
			_ = client.Close()
		}()
		if seen := Serve(t.Context(), server, o, func(*Sighting) string { return "" }); seen.Action == "" {
			t.Error("no action")
		}
	})
}
