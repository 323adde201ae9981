package cmd

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/certtest"
	"mtlsprobe/probe/probetest"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"mtlsprobe": func() { os.Exit(Main(context.Background(), os.Args[1:], Standard())) },
	})
}

// TestScripts runs the scripts in testdata. They find a PKI's files in their
// folder; "serve KIND" starts a server and sets $ADDR.
func TestScripts(t *testing.T) {
	p := scriptPKI()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("COLUMNS", "200") // so that no cell is wrapped
			return writeScriptFiles(env.WorkDir, p)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve": func(ts *testscript.TestScript, _ bool, args []string) {
				server, err := startKind(p, args[0])
				ts.Check(err)
				ts.Defer(server.Close)
				ts.Setenv("ADDR", server.Address)
			},
		},
	})
}

func scriptPKI() *certtest.PKI {
	now := time.Now()
	return certtest.NewAt("script", now,
		certtest.Edge{Subject: "Root", Issuer: "Root"},
		certtest.Edge{Subject: "Issuing", Issuer: "Root"},
		certtest.Edge{Subject: "good", Issuer: "Issuing"},
		certtest.Edge{Subject: "expired", Issuer: "Issuing", Mutate: func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, -2) }},
		certtest.Edge{Subject: "server", Issuer: "Root", Mutate: func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
			c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
		}},
	)
}

func writeScriptFiles(dir string, p *certtest.PKI) error {
	good := &certstore.Identity{Leaf: p.Cert("good"), Chain: p.Certs("Issuing"), Key: certstore.Key{Signer: p.Key("good")}}
	secret, err := certstore.Encode(good, certstore.PKCS12, "hunter2secret")
	if err != nil {
		return err
	}
	list, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour),
		RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: p.Cert("good").SerialNumber, RevocationTime: time.Now().Add(-time.Hour)}},
	}, p.Cert("Issuing"), p.Key("Issuing"))
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{
		"ca.pem":      p.CertPEM("Root"),
		"good.pem":    append(p.CertPEM("good", "Issuing"), p.KeyPEM("good")...),
		"expired.pem": append(p.CertPEM("expired", "Issuing"), p.KeyPEM("expired")...),
		"secret.p12":  secret,
		"cut.p12":     secret[:len(secret)/2],
		"key.pem":     p.KeyPEM("good"),
		"leaf.pem":    append(p.CertPEM("good"), p.KeyPEM("good")...),
		"issuing.pem": p.CertPEM("Issuing"),
		"revoked.crl": list,
		"empty.pem":   nil,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return err
		}
	}
	return os.Symlink("loop.pem", filepath.Join(dir, "loop.pem"))
}

// startKind starts a server that behaves well, or in one way badly.
func startKind(p *certtest.PKI, kind string) (*probetest.Server, error) {
	config := &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{p.Cert("server").Raw}, PrivateKey: p.Key("server")}},
		ClientCAs:    x509.NewCertPool(),
	}
	config.ClientCAs.AddCert(p.Cert("Root"))
	say := func(text string) (*probetest.Server, error) {
		return probetest.Serve(func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 1024))
			_, _ = io.WriteString(conn, text)
		})
	}
	switch kind {
	case "required":
		config.ClientAuth = tls.RequireAndVerifyClientCert
	case "ignored":
		config.ClientAuth = tls.RequestClientCert
	case "not-asking":
	case "silent":
		return probetest.Serve(func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	case "http":
		return say("HTTP/1.1 400 Bad Request\r\n\r\n")
	case "ssh":
		return say("SSH-2.0-OpenSSH_9.2\r\n")
	case "garbage":
		return say("\x1b]0;owned\x07\x00\xff")
	case "huge-message":
		return say("\x16\x03\x03\x00\x04\x02\xff\xff\xff")
	case "hangup":
		return probetest.Serve(func(conn net.Conn) { _, _ = conn.Read(make([]byte, 1024)) })
	case "reset":
		return probetest.Serve(func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 1))
			_ = conn.(*net.TCPConn).SetLinger(0)
		})
	case "huge-list":
		return probetest.Serve(hugeList(p))
	}
	return probetest.ServeHTTPS(config, nil)
}

// hugeList answers any hello with a TLS 1.2 flight whose list of CA names has
// 65,500 bytes: more than crypto/tls takes in one message.
func hugeList(p *certtest.PKI) func(net.Conn) {
	message := func(kind byte, body []byte) []byte {
		return append([]byte{kind, byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}, body...)
	}
	hello := append([]byte{3, 3}, make([]byte, 32)...)
	hello = append(hello, 0, 0xc0, 0x2b, 0) // TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
	leaf := p.Cert("server").Raw
	certificate := append([]byte{0, 0, byte((len(leaf) + 3) >> 8), byte(len(leaf) + 3), 0, byte(len(leaf) >> 8), byte(len(leaf))}, leaf...)
	certificate[0] = 0
	name := p.Cert("Root").RawSubject
	var names []byte
	for len(names)+len(name)+2 <= 65_500 {
		names = append(binary.BigEndian.AppendUint16(names, uint16(len(name))), name...)
	}
	request := binary.BigEndian.AppendUint16([]byte{1, 64, 0, 2, 4, 3}, uint16(len(names)))
	flight := append(message(2, hello), message(11, certificate)...)
	flight = append(flight, message(13, append(request, names...))...)
	flight = append(flight, message(14, nil)...)
	return func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 4096))
		for rest := flight; len(rest) > 0; {
			part := rest[:min(len(rest), 1<<14)]
			rest = rest[len(part):]
			_, _ = conn.Write(append([]byte{22, 3, 3, byte(len(part) >> 8), byte(len(part))}, part...))
		}
		_, _ = io.Copy(io.Discard, conn)
	}
}
