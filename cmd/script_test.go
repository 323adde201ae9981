package cmd

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
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
	"mtlsprobe/probe/wire"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"scanserver": scanServer,
		"mtlsprobe":  func() { os.Exit(Main(context.Background(), os.Args[1:], Standard())) },
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
			env.Setenv("PEM", string(append(p.CertPEM("good"), p.KeyPEM("good")...)))
			env.Setenv("SECRET", "hunter2secret")
			env.Setenv("CREDENTIALS_DIRECTORY", env.WorkDir)
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
		certtest.Edge{Subject: "expired", Issuer: "Issuing",
			Mutate: func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, -2) }},
		certtest.Edge{Subject: "server", Issuer: "Root", Mutate: func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
			c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
		}},
	)
}

func writeScriptFiles(dir string, p *certtest.PKI) error {
	good := &certstore.Identity{Leaf: p.Cert("good"), Chain: p.Certs("Issuing"),
		Key: certstore.Key{Signer: p.Key("good")}}
	secret, err := certstore.Encode(certstore.Form{Encoding: certstore.PKCS12, Password: "hunter2secret"}, good)
	if err != nil {
		return err
	}
	list, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour),
		RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: p.Cert("good").SerialNumber,
			RevocationTime: time.Now().Add(-time.Hour)}},
	}, p.Cert("Issuing"), p.Key("Issuing"))
	if err != nil {
		return err
	}
	der, err := x509.MarshalECPrivateKey(p.Key("good"))
	if err != nil {
		return err
	}
	//nolint:staticcheck // still what OpenSSL writes with -traditional
	locked, err := x509.EncryptPEMBlock(rand.Reader, "EC PRIVATE KEY", der, []byte("hunter2secret"), x509.PEMCipherAES256)
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{
		"certificate.pem": p.CertPEM("good"),
		"locked-key.pem":  pem.EncodeToMemory(locked),
		"ca.pem":          p.CertPEM("Root"),
		"good.pem":        append(p.CertPEM("good", "Issuing"), p.KeyPEM("good")...),
		"expired.pem":     append(p.CertPEM("expired", "Issuing"), p.KeyPEM("expired")...),
		"secret.p12":      secret,
		"cut.p12":         secret[:len(secret)/2],
		"key.pem":         p.KeyPEM("good"),
		"leaf.pem":        append(p.CertPEM("good"), p.KeyPEM("good")...),
		"issuing.pem":     p.CertPEM("Issuing"),
		"revoked.crl":     list,
		"empty.pem":       nil,
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
		return probetest.ServeFlight(flight(p, tls.VersionTLS12, 65_000))
	case "overlong-list":
		return probetest.ServeFlight(flight(p, tls.VersionTLS12, 80<<10))
	case "ssl3":
		return probetest.ServeFlight(flight(p, wire.VersionSSL30, 0))
	}
	return probetest.ServeHTTPS(config, nil)
}

// flight is what an old server says in clear, with a list of CA names of at least
// the size.
func flight(p *certtest.PKI, version uint16, size int) *probetest.Flight {
	f := &probetest.Flight{Version: version, Suite: 0x0005, Certificate: p.Cert("server").Raw, Types: []byte{1, 64},
		Schemes: []uint16{0x0403}}
	name := p.Cert("Root").RawSubject
	for n := 0; n < size || n == 0; n += 2 + len(name) {
		f.Names = append(f.Names, name)
	}
	return f
}
