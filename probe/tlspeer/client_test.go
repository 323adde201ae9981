package tlspeer

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
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

func pki() *certtest.PKI {
	return certtest.NewAt("late", time.Now(),
		certtest.Edge{Subject: "Root", Issuer: "Root"},
		certtest.Edge{Subject: "client", Issuer: "Root"},
		certtest.Edge{Subject: "server", Issuer: "Root"},
	)
}

// serve answers one connection with crypto/tls and says what it saw.
func serve(t *testing.T, config *tls.Config) (net.Conn, <-chan error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	done := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			done <- err
			return
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		server := tls.Server(conn, config)
		buffer := make([]byte, 5)
		if _, err := io.ReadFull(server, buffer); err != nil {
			done <- err
			return
		}
		_, _ = server.Write(bytes.ToUpper(buffer))
		server.Close()
		done <- nil
	}()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	return conn, done
}

func serverConfig(p *certtest.PKI, auth tls.ClientAuthType) *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(p.Cert("Root"))
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{p.Cert("server").Raw}, PrivateKey: p.Key("server")}}, ClientAuth: auth, ClientCAs: pool, NextProtos: []string{"http/1.1"}}
}

// other makes a certificate of the PKI's root for a key of another kind.
func other(t *testing.T, p *certtest.PKI, public any, private any) *tls.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(9), Subject: pkix.Name{CommonName: "other"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, KeyUsage: x509.KeyUsageDigitalSignature,
	}, p.Cert("Root"), public, p.Key("Root"))
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}
}

func TestHandshake(t *testing.T) {
	p := pki()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec := &tls.Certificate{Certificate: [][]byte{p.Cert("client").Raw}, PrivateKey: p.Key("client")}
	p384 := serverConfig(p, tls.RequireAndVerifyClientCert)
	p384.CurvePreferences = []tls.CurveID{tls.CurveP384}
	tests := []struct {
		name    string
		config  *tls.Config
		cert    *tls.Certificate
		shown   bool
		refused bool // by the server

	}{
		{"not asked", serverConfig(p, tls.NoClientCert), ec, false, false},
		{"asked, with nothing", serverConfig(p, tls.RequestClientCert), nil, false, false},
		{"ECDSA", serverConfig(p, tls.RequireAndVerifyClientCert), ec, true, false},
		{"RSA-PSS", serverConfig(p, tls.RequireAndVerifyClientCert), other(t, p, rsaKey.Public(), rsaKey), true, false},
		{"Ed25519", serverConfig(p, tls.RequireAndVerifyClientCert), other(t, p, public, edKey), true, false},
		{"required, with nothing", serverConfig(p, tls.RequireAndVerifyClientCert), nil, false, true},
		{"another group", p384, ec, false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conn, done := serve(t, tt.config)
			shown := false
			var keys bytes.Buffer
			c := Client(conn, &Config{ServerName: "localhost", ALPN: []string{"http/1.1"}, Certificate: tt.cert, KeyLog: &keys,
				VerifyPeer: func(certs []*x509.Certificate) error {
					if len(certs) != 1 || !certs[0].Equal(p.Cert("server")) {
						return errors.New("another server")
					}
					return nil
				}, Presented: func() { shown = true }})
			err := c.Handshake()
			if err == nil {
				_, _ = c.Write([]byte("hello"))
				answer, err := io.ReadAll(c)
				if (err != nil) != tt.refused || !tt.refused && string(answer) != "HELLO" {
					t.Errorf("answer %q, %v", answer, err)
				}
				if c.State().NegotiatedProtocol != "http/1.1" || bytes.Count(keys.Bytes(), []byte("\n")) != 4 {
					t.Errorf("state %+v, key log %q", c.State(), keys.String())
				}
			} else if conn.Close(); !tt.refused {
				t.Errorf("handshake: %v", err)
			}
			if err := <-done; (err != nil) != tt.refused || shown != tt.shown {
				t.Errorf("server: %v, shown %t", err, shown)
			}
		})
	}
}

// The caller may end the handshake over the server's certificate: nothing is
// shown then.
func TestVerifyPeer(t *testing.T) {
	p := pki()
	conn, done := serve(t, serverConfig(p, tls.RequireAndVerifyClientCert))
	shown := false
	no := errors.New("no")
	c := Client(conn, &Config{Certificate: &tls.Certificate{Certificate: [][]byte{p.Cert("client").Raw}, PrivateKey: p.Key("client")},
		VerifyPeer: func([]*x509.Certificate) error { return no }, Presented: func() { shown = true }})
	if err := c.Handshake(); !errors.Is(err, no) || shown {
		t.Errorf("%v, shown %t", err, shown)
	}
	if err := <-done; err == nil {
		t.Error("the server took it")
	}
}

// A server's keys that change, and its wish that the client's do.
func TestKeyUpdate(t *testing.T) {
	p := pki()
	conn, _ := serve(t, serverConfig(p, tls.NoClientCert))
	c := Client(conn, &Config{VerifyPeer: func([]*x509.Certificate) error { return nil }})
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	before := [2]string{string(c.after.serverSecret), string(c.after.clientSecret)}
	if err := c.update([]byte{0}); err != nil || string(c.after.serverSecret) == before[0] || string(c.after.clientSecret) != before[1] {
		t.Errorf("without a wish: %v", err)
	}
	if err := c.update([]byte{1}); err != nil || string(c.after.clientSecret) == before[1] {
		t.Errorf("with a wish: %v", err)
	}
}

// What a server sends in place of its hello makes no trouble.
func FuzzServerHello(f *testing.F) {
	seeds := [][]byte{{}, {2, 0, 0, 0}, append([]byte{2, 0, 0, 40, 3, 3}, make([]byte, 38)...), {13, 0, 0, 3, 0, 0, 0}}
	for _, seed := range seeds {
		f.Add(seed)
	}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		ours, theirs := net.Pipe()
		defer ours.Close()
		go func() {
			defer theirs.Close()
			_, _ = io.CopyN(io.Discard, theirs, 5)
			go io.Copy(io.Discard, theirs) //nolint:errcheck // until it is closed
			data = data[:min(len(data), 1<<14)]
			_, _ = theirs.Write(append([]byte{byte(wire.HandshakeRecord), 3, 3, byte(len(data) >> 8), byte(len(data))}, data...))
		}()
		_ = ours.SetDeadline(time.Now().Add(2 * time.Second))
		if err := Client(ours, &Config{VerifyPeer: func([]*x509.Certificate) error { return nil }}).Handshake(); err == nil {
			t.Error("a handshake out of nothing")
		}
	})
}

// An injected is a connection on which somebody else's bytes come first.
type injected struct {
	net.Conn
	bytes io.Reader
}

func (i *injected) Read(b []byte) (int, error) { return i.bytes.Read(b) }

// Once records are encrypted nothing in clear counts: neither a request, which the
// client would sign for somebody else, nor an alert.
func TestInClear(t *testing.T) {
	request := []byte{byte(wire.CertRequest), 0, 0, 11, 0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3}
	for name, record := range map[string][]byte{
		"request": append([]byte{22, 3, 3, 0, byte(len(request))}, request...),
		"alert":   {21, 3, 3, 0, 2, 2, 48},
	} {
		p := pki()
		conn, _ := serve(t, serverConfig(p, tls.NoClientCert))
		shown := false
		c := Client(conn, &Config{VerifyPeer: func([]*x509.Certificate) error { return nil }, Presented: func() { shown = true },
			Certificate: &tls.Certificate{Certificate: [][]byte{p.Cert("client").Raw}, PrivateKey: p.Key("client")}})
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		c.layer.Conn = &injected{conn, bytes.NewReader(record)}
		if _, err := c.Read(make([]byte, 1)); err == nil || shown || !strings.Contains(err.Error(), "in clear") {
			t.Errorf("%s: %v, shown %t", name, err, shown)
		}
	}
}

// A server that asks without an end is left.
func TestManyRequests(t *testing.T) {
	p := pki()
	conn, _ := serve(t, serverConfig(p, tls.NoClientCert))
	c := Client(conn, &Config{VerifyPeer: func([]*x509.Certificate) error { return nil }})
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	for range 2 * maxRequests {
		c.layer.Push([]byte{byte(wire.CertRequest), 0, 0, 11, 0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3})
	}
	if err := c.messages(); err == nil || c.after.requests > maxRequests+1 {
		t.Errorf("%v after %d requests", err, c.after.requests)
	}
}

// The first record of a server, whatever it is, gives secrets or an error, and no panic.
func FuzzAgree(f *testing.F) {
	f.Add([]byte{22, 3, 3, 0, 4, 2, 0, 0, 0})
	f.Add([]byte{21, 3, 3, 0, 2, 2, 70})
	f.Add(wire.MarshalRecord(wire.HandshakeRecord, 0x0303, []byte{2, 255, 255, 255, 3, 3}))
	share, hello, err := NewShare("server.example", []string{"h2"})
	if err != nil || len(hello) < 100 {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		secrets, err := share.Agree(record)
		if err == nil && secrets != nil && !strings.HasPrefix(string(secrets), "SERVER_HANDSHAKE_TRAFFIC_SECRET ") {
			t.Errorf("%q", secrets)
		}
	})
}
