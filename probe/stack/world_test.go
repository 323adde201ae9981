package stack_test

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/certtest"
	"mtlsprobe/probe/mirror"
	"mtlsprobe/probe/wire"

	"software.sslmate.com/src/go-pkcs12"
)

// A world is the PKI that the clients are tried with: an intermediate that two
// roots have signed, the second one later, and leaves with one peculiarity each.
type world struct {
	pki    *certtest.PKI
	now    time.Time
	leaves map[string]leaf
	server tls.Certificate
	dir    string
}

type leaf struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	now := time.Now().Truncate(time.Second)
	w := &world{now: now, leaves: make(map[string]leaf), dir: t.TempDir()}
	w.pki = certtest.NewAt("clients", now,
		certtest.Edge{Subject: "Root A", Issuer: "Root A", Mutate: certtest.UTF8Subject},
		certtest.Edge{Subject: "Root B", Issuer: "Root B"},
		certtest.Edge{Subject: "Root C", Issuer: "Root C"},
		certtest.Edge{Subject: "Int A", Issuer: "Root A", Name: "Int A"},
		certtest.Edge{Subject: "Int A", Issuer: "Root C", Name: "Int A by C", Mutate: func(c *x509.Certificate) { c.NotBefore = now.AddDate(0, -1, 0) }},
		certtest.Edge{Subject: "any leaf", Issuer: "Int A"}, // makes Int A a CA
		certtest.Edge{Subject: "Weak CA", Issuer: "Root A", Mutate: func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 }},
		certtest.Edge{Subject: "weak leaf", Issuer: "Weak CA"},
		certtest.Edge{Subject: "Int R", Issuer: "Root A", Key: must(rsa.GenerateKey(rand.Reader, 2048))},
		certtest.Edge{Subject: "Int R2", Issuer: "Int R", Key: must(rsa.GenerateKey(rand.Reader, 2048))},
		certtest.Edge{Subject: "R2 leaf", Issuer: "Int R2"},
		certtest.Edge{Subject: "Server Root", Issuer: "Server Root"},
		certtest.Edge{Subject: "localhost", Issuer: "Server Root", Mutate: func(c *x509.Certificate) {
			c.ExtKeyUsage, c.DNSNames = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, []string{"localhost"}
			c.NotAfter = c.NotBefore.AddDate(1, 1, 0) // some clients take no longer ones
		}},
	)
	w.server = tls.Certificate{Certificate: [][]byte{w.pki.Cert("localhost").Raw}, PrivateKey: w.pki.Key("localhost")}
	w.addLeaves(t)
	w.write(t, "server-root.pem", w.pki.CertPEM("Server Root"))
	return w
}

func (w *world) addLeaves(t *testing.T) {
	t.Helper()
	p256 := func() crypto.Signer { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }
	none := func(*x509.Certificate) {}
	for n, l := range []struct {
		name   string
		key    crypto.Signer
		mutate func(*x509.Certificate)
		issuer string // empty means Int A
	}{
		{"p384-rsa", must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)), none, "Int R2"},
		{"rsa-rsa", must(rsa.GenerateKey(rand.Reader, 2048)), none, "Int R2"},
		{"rsa768", rsa768(t), none, ""},
		{"good", p256(), none, ""},
		{"rsa", must(rsa.GenerateKey(rand.Reader, 2048)), none, ""},
		{"rsa1024", must(rsa.GenerateKey(rand.Reader, 1024)), none, ""},
		{"p384", must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)), none, ""},
		{"ed25519", must2(ed25519.GenerateKey(rand.Reader)), none, ""},
		{"expired", p256(), func(c *x509.Certificate) { c.NotAfter = w.now.AddDate(0, 0, -2) }, ""},
		{"future", p256(), func(c *x509.Certificate) { c.NotBefore = w.now.AddDate(0, 0, 2) }, ""},
		{"server-auth", p256(), func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, ""},
		{"no-eku", p256(), func(c *x509.Certificate) { c.ExtKeyUsage = nil }, ""},
		{"encipherment", p256(), func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }, ""},
		{"sha1", p256(), func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 }, ""},
	} {
		template := &x509.Certificate{
			SerialNumber: big.NewInt(int64(5000 + n)), Subject: pkix.Name{CommonName: l.name, Organization: []string{"Example"}},
			NotBefore: w.now.AddDate(0, -6, 0), NotAfter: w.now.AddDate(0, 6, 0), KeyUsage: x509.KeyUsageDigitalSignature,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true,
		}
		l.mutate(template)
		issuer := cmp.Or(l.issuer, "Int A")
		der, err := x509.CreateCertificate(rand.Reader, template, w.pki.Cert(issuer), l.key.Public(), w.pki.Signer(issuer))
		if err != nil {
			t.Fatalf("%s: %v", l.name, err)
		}
		w.leaves[l.name] = leaf{must(x509.ParseCertificate(der)), l.key}
	}
}

// rsa768 is a key that crypto/rsa neither makes nor signs with.
func rsa768(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	t.Setenv("GODEBUG", "rsa1024min=0")
	return must(rsa.GenerateKey(rand.Reader, 768))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func must2[A, T any](_ A, v T, err error) T { return must(v, err) }

func (w *world) write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// root is the file with the CA of the mirror.
func (w *world) root() string { return filepath.Join(w.dir, "server-root.pem") }

// A scenario is one identity and one list of CA names.
type scenario struct {
	name   string
	leaf   string
	chain  []string
	named  []string
	change func(*wire.CertificateRequest)
	behind bool // the leaf stands last in its PEM file
	old    bool // there is no such request in TLS 1.3
	new    bool // in TLS 1.3 alone
	more   bool // not for browsers, which take seconds to start
}

func scenarios() []scenario {
	a := []string{"Int A"}
	rootA := []string{"Root A"}
	only := func(schemes ...tls.SignatureScheme) func(*wire.CertificateRequest) {
		return func(r *wire.CertificateRequest) { r.SignatureSchemes = schemes }
	}
	withSHA1 := func(r *wire.CertificateRequest) {
		r.SignatureSchemes = append(r.SignatureSchemes, tls.ECDSAWithSHA1, tls.PKCS1WithSHA1)
	}
	return []scenario{
		{name: "matching root", leaf: "good", chain: a, named: rootA},
		{name: "matching root, RSA", leaf: "rsa", chain: a, named: rootA},
		{name: "unrelated root", leaf: "good", chain: a, named: []string{"Root B"}},
		{name: "intermediate named", leaf: "good", chain: a, named: a},
		{name: "no list", leaf: "good", chain: a},
		{name: "other string type", leaf: "good", chain: a, named: rootA, change: func(r *wire.CertificateRequest) { r.NamedCAs[0] = certtest.Reencode(r.NamedCAs[0], 19) }},
		{name: "other case", leaf: "good", chain: a, named: rootA, change: func(r *wire.CertificateRequest) {
			r.NamedCAs[0] = bytes.Replace(r.NamedCAs[0], []byte("Root"), []byte("ROOT"), 1)
		}},
		{name: "issuer first in the file", leaf: "good", chain: a, named: rootA, behind: true},
		{name: "leaf only", leaf: "good", named: rootA},
		{name: "cross-signed twin, old root named", leaf: "good", chain: []string{"Int A by C"}, named: rootA},
		{name: "cross-signed twin, its root named", leaf: "good", chain: []string{"Int A by C"}, named: []string{"Root C"}},
		{name: "both twins, older root named", leaf: "good", chain: []string{"Int A", "Int A by C"}, named: rootA},
		{name: "expired", leaf: "expired", chain: a, named: rootA},
		{name: "not yet valid", leaf: "future", chain: a, named: rootA},
		{name: "serverAuth only", leaf: "server-auth", chain: a, named: rootA},
		{name: "no extended key usage", leaf: "no-eku", chain: a, named: rootA},
		{name: "key usage without digitalSignature", leaf: "encipherment", chain: a, named: rootA},
		{name: "RSA 1024", leaf: "rsa1024", chain: a, named: rootA},
		{name: "P-384 against P-256 schemes", leaf: "p384", chain: a, named: rootA, change: only(tls.ECDSAWithP256AndSHA256)},
		{name: "ECDSA against RSA schemes", leaf: "good", chain: a, named: rootA, change: only(tls.PSSWithSHA256, tls.PKCS1WithSHA256)},
		{name: "Ed25519", leaf: "ed25519", chain: a, named: rootA},
		{name: "SHA-1-signed leaf", leaf: "sha1", chain: a, named: rootA},
		{name: "SHA-1-signed leaf, SHA-1 allowed", leaf: "sha1", chain: a, named: rootA, change: withSHA1},
		{name: "only rsa_pkcs1_sha1", leaf: "rsa", chain: a, named: rootA, change: only(tls.PKCS1WithSHA1), old: true, more: true},
		{name: "P-384 against P-256, chain signed with RSA", leaf: "p384-rsa", chain: []string{"Int R2", "Int R"}, named: rootA, change: only(tls.ECDSAWithP256AndSHA256), more: true},
		{name: "RSA against PSS, chain signed with PKCS #1", leaf: "rsa-rsa", chain: []string{"Int R2", "Int R"}, named: rootA, change: only(tls.PSSWithSHA256, tls.ECDSAWithP256AndSHA256), more: true},
		{name: "RSA against PSS", leaf: "rsa", chain: a, named: rootA, change: only(tls.PSSWithSHA256, tls.ECDSAWithP256AndSHA256), more: true},
		{name: "RSA 768", leaf: "rsa768", chain: a, named: rootA, more: true},
		{name: "RSA 1024 against PSS with SHA-512", leaf: "rsa1024", chain: a, named: rootA, change: only(tls.PSSWithSHA512, tls.ECDSAWithP256AndSHA256), new: true, more: true},
		{name: "RSA against ECDSA schemes", leaf: "rsa", chain: a, named: rootA, change: only(tls.ECDSAWithP256AndSHA256), more: true},
		{name: "key usage without digitalSignature, no list", leaf: "encipherment", chain: a, more: true},
		{name: "Ed25519, no list", leaf: "ed25519", chain: a, more: true},
	}
}

func (w *world) request(s scenario, version uint16) *wire.CertificateRequest {
	var names [][]byte
	for _, c := range w.pki.Certs(s.named...) {
		names = append(names, bytes.Clone(c.RawSubject))
	}
	for _, r := range mirror.Suppose(names) {
		if r.Version == version {
			if s.change != nil {
				s.change(r)
			}
			return r
		}
	}
	panic("no such version")
}

// An identity in files, as clients want it.
type files struct {
	*certstore.Identity
	dir                                  string
	bundle, certOnly, chain, key, pkcs12 string
	kind, keyKind, password              string // where they are not PEM in clear; the key's where it differs
}

// certType is the name that a client has for the kind of file.
func (f *files) certType(pem, der, pkcs12 string) string {
	switch f.kind {
	case "DER":
		return der
	case "PKCS12":
		return pkcs12
	}
	return pem
}

// keyType likewise is the name for that of the key.
func (f *files) keyType(pem, der, pkcs12 string) string {
	if f.keyKind == "" {
		return f.certType(pem, der, pkcs12)
	}
	return map[string]string{"PEM": pem, "DER": der}[f.keyKind]
}

// keyFile is where the key is: beside the certificate, unless in a file of its own.
func (f *files) keyFile() string { return cmp.Or(f.key, f.bundle) }

// store is the key store for clients that read no PEM, with its kind and password.
func (f *files) store() (path, kind, password string) {
	switch f.kind {
	case "PKCS12", "JKS", "JCEKS":
		return f.bundle, f.kind, f.password
	}
	return f.pkcs12, "PKCS12", "secret"
}

// pair loads the files as Go programs do.
func (f *files) pair() (tls.Certificate, error) {
	if f.kind != "PKCS12" {
		return tls.LoadX509KeyPair(f.bundle, f.keyFile())
	}
	data, err := os.ReadFile(f.bundle)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, leaf, cas, err := pkcs12.DecodeChain(data, f.password)
	if err != nil {
		return tls.Certificate{}, err
	}
	pair := tls.Certificate{PrivateKey: key, Certificate: [][]byte{leaf.Raw}}
	for _, c := range cas {
		pair.Certificate = append(pair.Certificate, c.Raw)
	}
	return pair, nil
}

func (w *world) files(t *testing.T, s scenario) *files {
	t.Helper()
	l := w.leaves[s.leaf]
	dir := filepath.Join(w.dir, strings.ReplaceAll(s.name, " ", "_"))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	i := &certstore.Identity{Label: s.leaf, Leaf: l.cert, Chain: w.pki.Certs(s.chain...), Key: certstore.Key{State: certstore.Usable, Signer: l.key}, FriendlyName: "client"}
	f := &files{Identity: i, dir: dir}
	put := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var certs, chain bytes.Buffer
	_ = pem.Encode(&certs, &pem.Block{Type: "CERTIFICATE", Bytes: l.cert.Raw})
	f.certOnly = put("leaf.pem", certs.Bytes())
	for _, c := range i.Chain {
		_ = pem.Encode(&chain, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	}
	f.chain = put("chain.pem", chain.Bytes())
	f.bundle = put("bundle.pem", slices.Concat(certs.Bytes(), chain.Bytes()))
	if s.behind {
		i.Preceding = i.Chain[0]
		f.bundle = put("behind.pem", slices.Concat(chain.Bytes(), certs.Bytes()))
		f.certOnly = f.bundle
	}
	f.key = put("key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(l.key))}))
	f.pkcs12 = put("client.p12", must(certstore.Encode(certstore.Form{Encoding: certstore.PKCS12, Password: "secret"}, i)))
	return f
}
