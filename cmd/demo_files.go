package cmd

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/certtest"
)

// demoPKI makes the certificates of the demonstration, one cause each.
func demoPKI(seed string, now time.Time) *certtest.PKI {
	serverAuth := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }
	return certtest.NewAt(seed, now,
		certtest.Edge{Subject: "Demo Root", Issuer: "Demo Root"},
		certtest.Edge{Subject: "Demo Issuing CA", Issuer: "Demo Root"},
		certtest.Edge{Subject: "good", Issuer: "Demo Issuing CA"},
		certtest.Edge{Subject: "expired", Issuer: "Demo Issuing CA",
			Mutate: func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, -3) }},
		certtest.Edge{Subject: "not-yet-valid", Issuer: "Demo Issuing CA",
			Mutate: func(c *x509.Certificate) { c.NotBefore = now.Add(6 * time.Hour) }},
		certtest.Edge{Subject: "server-auth", Issuer: "Demo Issuing CA", Mutate: serverAuth},
		certtest.Edge{Subject: "leaf-only", Issuer: "Demo Issuing CA"},
		certtest.Edge{Subject: "no-key", Issuer: "Demo Issuing CA"},
		certtest.Edge{Subject: "wrong-key", Issuer: "Demo Issuing CA"},
		certtest.Edge{Subject: "locked", Issuer: "Demo Issuing CA"},
		certtest.Edge{Subject: "Another Root", Issuer: "Another Root"},
		certtest.Edge{Subject: "unrelated", Issuer: "Another Root"},
		certtest.Edge{Subject: "Demo Latin Root", Issuer: "Demo Latin Root", Name: "utf8 root",
			Mutate: certtest.UTF8Subject},
		certtest.Edge{Subject: "Demo Latin Root", Issuer: "Demo Latin Root", Name: "Demo Latin Root"},
		certtest.Edge{Subject: "encoding", Issuer: "Demo Latin Root"}, // takes its issuer's name from the first one
		certtest.Edge{Subject: "Demo Old Root", Issuer: "Demo Old Root"},
		certtest.Edge{Subject: "Demo New Root", Issuer: "Demo New Root"},
		certtest.Edge{Subject: "Demo Migrating CA", Issuer: "Demo Old Root"},
		certtest.Edge{Subject: "Demo Migrating CA", Issuer: "Demo New Root", Name: "cross"},
		certtest.Edge{Subject: "migrating", Issuer: "Demo Migrating CA"},
		certtest.Edge{Subject: "Demo Server Root", Issuer: "Demo Server Root"},
		certtest.Edge{Subject: "localhost", Issuer: "Demo Server Root",
			Mutate: func(c *x509.Certificate) { serverAuth(c); c.DNSNames = []string{"localhost"} }},
	)
}

// aboutDemo is a file by which a folder of the demonstration is known.
const aboutDemo = "ABOUT.txt"

// writeDemo writes the candidates, one file each, the authorities, and the root
// to verify the server with. It returns the candidates' paths.
func writeDemo(dir string, p *certtest.PKI) ([]string, error) {
	bundle := func(leaf string, chain ...string) []byte {
		return append(p.CertPEM(append([]string{leaf}, chain...)...), p.KeyPEM(leaf)...)
	}
	locked, err := lockedKey(p, "locked")
	if err != nil {
		return nil, err
	}
	files := []struct {
		name string
		data []byte
	}{
		{"good.p12", nil},
		{aboutDemo, []byte("Made by mtlsprobe demo, to try things out. The next demo --keep replaces these files.\n")},
		{"expired.pem", bundle("expired", "Demo Issuing CA")},
		{"not-yet-valid.pem", bundle("not-yet-valid", "Demo Issuing CA")},
		{"leaf-only.pem", bundle("leaf-only")},
		{"unrelated.pem", bundle("unrelated", "Another Root")},
		{"server-auth.pem", bundle("server-auth", "Demo Issuing CA")},
		{"no-key.pem", p.CertPEM("no-key", "Demo Issuing CA")},
		{"wrong-key.pem", append(p.CertPEM("wrong-key", "Demo Issuing CA"), p.KeyPEM("another client")...)},
		{"locked.pem", append(p.CertPEM("locked", "Demo Issuing CA"), locked...)},
		{"encoding.pem", bundle("encoding")},
		{"migration-old.pem", bundle("migrating", "Demo Migrating CA", "Demo Old Root")},
		{"migration-new.pem", bundle("migrating", "cross", "Demo New Root")},
		{"migration-both.pem", bundle("migrating", "Demo Migrating CA", "cross")},
		{"server-ca.pem", p.CertPEM("Demo Server Root")},
		{"old-root.pem", p.CertPEM("Demo Old Root")},
		{"new-root.pem", p.CertPEM("Demo New Root")},
		{"both-roots.pem", p.CertPEM("Demo Old Root", "Demo New Root")},
		{"authorities/roots.pem", p.CertPEM("Demo Root", "Demo New Root", "Demo Old Root", "Demo Latin Root")},
		{"authorities/intermediates.pem", p.CertPEM("Demo Issuing CA", "cross")},
	}
	good := &certstore.Identity{Leaf: p.Cert("good"), Chain: p.Certs("Demo Issuing CA", "Demo Root"),
		Key: certstore.Key{Signer: p.Key("good")}}
	if files[0].data, err = certstore.Encode(certstore.Form{Encoding: certstore.PKCS12, Password: ""}, good); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, "authorities"), 0o700); err != nil {
		return nil, err
	}
	var candidates []string
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		if err := writeNew(path, f.data, true); err != nil {
			return nil, err
		}
		if f.name != aboutDemo && filepath.Dir(f.name) == "." && !strings.HasSuffix(f.name, "-ca.pem") &&
			!strings.Contains(f.name, "root") {
			candidates = append(candidates, path)
		}
	}
	return candidates, nil
}

// lockedKey is a key under a password that nobody knows.
func lockedKey(p *certtest.PKI, node string) ([]byte, error) {
	der, err := x509.MarshalECPrivateKey(p.Key(node))
	if err != nil {
		return nil, err
	}
	//nolint:staticcheck // a form that is met in the field
	block, err := x509.EncryptPEMBlock(rand.Reader, "EC PRIVATE KEY", der, []byte(rand.Text()), x509.PEMCipherAES256)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(block), nil
}
