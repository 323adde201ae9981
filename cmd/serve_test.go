package cmd

import (
	"crypto/x509"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/certtest"
	"mtlsprobe/certstore/certtest/debian"
)

// The servers of these tests are the ones that people run: their programs come
// from Debian packages. They use the real clock, and so does the PKI.

// tool finds a server's program. In CI a missing one is a failure.
func tool(t *testing.T, name, pkg string) string {
	t.Helper()
	return debian.Program(t, pkg, name, "/usr/lib/postgresql/*/bin/"+name)
}

// startServer runs a server until the test ends, and returns when it listens.
func startServer(t *testing.T, port, path string, args ...string) {
	t.Helper()
	debian.Serve(t, exec.Command(path, args...), port)
}

// serverFiles writes the PKI that the server tests share, and changes into its folder.
func serverFiles(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	writeServerFiles(t, dir)
	t.Chdir(dir)
}

// writeServerFiles writes the PKI that the server tests share.
func writeServerFiles(t *testing.T, dir string) {
	t.Helper()
	now := time.Now()
	serverAuth := []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	p := certtest.NewAt("servers", now,
		certtest.Edge{Subject: "Root", Issuer: "Root"},
		certtest.Edge{Subject: "Issuing", Issuer: "Root"},
		certtest.Edge{Subject: "good", Issuer: "Issuing"},
		certtest.Edge{Subject: "expired", Issuer: "Issuing",
			Mutate: func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, -2) }},
		certtest.Edge{Subject: "no-eku", Issuer: "Issuing",
			Mutate: func(c *x509.Certificate) { c.ExtKeyUsage = serverAuth }},
		certtest.Edge{Subject: "Other", Issuer: "Other"},
		certtest.Edge{Subject: "stranger", Issuer: "Other"},
		certtest.Edge{Subject: "server", Issuer: "Root", Mutate: func(c *x509.Certificate) {
			c.ExtKeyUsage = serverAuth
			c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
		}},
		certtest.Edge{Subject: "Old Root", Issuer: "Old Root"},
		certtest.Edge{Subject: "Migrating", Issuer: "Old Root"},
		certtest.Edge{Subject: "Migrating", Issuer: "Root", Name: "cross"},
		certtest.Edge{Subject: "migrated", Issuer: "Migrating"},
	)
	p12 := func(password, leaf string, chain ...string) []byte {
		i := &certstore.Identity{Leaf: p.Cert(leaf), Chain: p.Certs(chain...), Key: certstore.Key{Signer: p.Key(leaf)}}
		data, err := certstore.Encode(certstore.Form{Encoding: certstore.PKCS12, Password: password}, i)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for name, data := range map[string][]byte{
		"ca.pem": p.CertPEM("Root"), "issuing.pem": p.CertPEM("Issuing"), "server.pem": p.CertPEM("server"), "server.key": p.KeyPEM("server"),
		"server.both": append(p.CertPEM("server"), p.KeyPEM("server")...), "server.p12": p12("secret", "server"),
		"good.p12": p12("", "good", "Issuing", "Root"), "other-ca.p12": p12("", "stranger", "Other"),
		"leaf.pem":    append(p.CertPEM("good"), p.KeyPEM("good")...),
		"expired.pem": append(p.CertPEM("expired", "Issuing"), p.KeyPEM("expired")...),
		"no-eku.pem":  append(p.CertPEM("no-eku", "Issuing"), p.KeyPEM("no-eku")...),
		"old.p12":     p12("", "migrated", "Migrating", "Old Root"),
		"new.p12":     p12("", "migrated", "cross"),
		"both.p12":    p12("", "migrated", "cross", "Migrating"),
		"late.p12":    p12("", "migrated", "Migrating", "cross"),
		"cross.pem":   p.CertPEM("cross", "Root"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
