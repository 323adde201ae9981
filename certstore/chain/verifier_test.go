package chain

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mtlsprobe/certstore/certtest"
	"mtlsprobe/certstore/certtest/debian"
)

// A mesh is a random PKI: CAs that sign each other, some expired, some with
// constraints, and one leaf.
type mesh struct {
	leaf           *x509.Certificate
	others, anchor []*x509.Certificate
	description    string
}

func randomMesh(seed uint64) mesh {
	r := rand.New(rand.NewPCG(seed, 1))
	var edges []certtest.Edge
	var names []string
	cas := 3 + r.IntN(4)
	describe := fmt.Sprintf("seed %d:", seed)
	edge := func(subject, issuer string, mutate func(*x509.Certificate)) {
		name := fmt.Sprintf("%s/%d", subject, len(edges))
		edges = append(edges, certtest.Edge{Subject: subject, Issuer: issuer, Name: name, Mutate: mutate})
		names = append(names, name)
		describe += fmt.Sprintf(" %s<%s", subject, issuer)
	}
	for i := range cas {
		edge(fmt.Sprintf("CA%d", i), fmt.Sprintf("CA%d", i), nil)
	}
	for range cas + r.IntN(2*cas) {
		subject, issuer := fmt.Sprintf("CA%d", r.IntN(cas)), fmt.Sprintf("CA%d", r.IntN(cas))
		if subject == issuer {
			continue
		}
		defect := r.IntN(10)
		describe += fmt.Sprintf(" [%d]", defect)
		edge(subject, issuer, func(c *x509.Certificate) {
			switch defect {
			case 0:
				c.NotAfter = certtest.Now.AddDate(0, 0, -1)
			case 1:
				c.MaxPathLen, c.MaxPathLenZero = 0, true
			case 2:
				c.PermittedDNSDomains, c.PermittedDNSDomainsCritical = []string{"example.org"}, true
			case 3:
				c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
			case 4:
				c.KeyUsage = x509.KeyUsageCRLSign
			case 5:
				c.NotBefore = certtest.Now.AddDate(0, 0, 1)
			case 6:
				c.ExcludedDNSDomains, c.PermittedDNSDomainsCritical = []string{"example.com"}, true
			}
		})
	}
	leafNames := r.IntN(3)
	edge("leaf", "CA0", func(c *x509.Certificate) {
		if leafNames > 0 {
			c.DNSNames = []string{"client.example." + []string{"com", "org"}[leafNames-1]}
		}
	})
	p := certtest.New(edges...)
	certs := p.Certs(names...)
	last := len(certs) - 1
	anchor := 1 + r.IntN(cas-1)
	// The anchor alone is a root; the other self-signed ones are left out.
	return mesh{leaf: certs[last], others: certs[cas:last], anchor: certs[anchor : anchor+1], description: fmt.Sprintf("%s; anchor CA%d", describe, anchor)}
}

// crypto/x509 is a second opinion over random meshes: it finds a valid path
// exactly where we do.
func TestAgreesWithGo(t *testing.T) {
	valid := 0
	for seed := range uint64(400) {
		m := randomMesh(seed)
		got, s := reaches(m.leaf, m.others, m.anchor, certtest.Now, x509.ExtKeyUsageClientAuth)
		roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
		roots.AddCert(m.anchor[0])
		for _, c := range m.others {
			intermediates.AddCert(c)
		}
		_, err := m.leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates, CurrentTime: certtest.Now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		if got != (err == nil) {
			t.Errorf("%s:\nwe say %t, crypto/x509 says %v\n%s", m.description, got, err, strings.Join(describePaths(s), "\n"))
		}
		if got {
			valid++
		}
	}
	if valid < 50 || valid > 350 {
		t.Errorf("%d of 400 meshes are valid: they show too little", valid)
	}
}

// openssl verify builds one path and does not turn back, so where it finds a
// valid path there is one; where we find none, it finds none.
func TestAgreesWithOpenSSL(t *testing.T) {
	agreed, stuck := 0, 0
	for seed := range uint64(80) {
		m := randomMesh(1000 + seed)
		got, s := reaches(m.leaf, m.others, m.anchor, certtest.Now, x509.ExtKeyUsageClientAuth)
		theirs, out := opensslVerify(t, m.leaf, m.others, m.anchor)
		switch {
		case got == theirs:
			agreed++
		case got:
			stuck++ // it took another way up and did not turn back
			t.Logf("%s: openssl took a way that breaks: %s", m.description, lastLine(out))
		default:
			t.Errorf("%s:\nwe find no valid path, openssl does: %s\n%s", m.description, out, strings.Join(describePaths(s), "\n"))
		}
	}
	t.Logf("%d agree, %d where openssl does not turn back", agreed, stuck)
	if agreed < 60 {
		t.Errorf("only %d of 80 agree", agreed)
	}
}

// opensslVerify asks "openssl verify" at the fixed clock.
func opensslVerify(t *testing.T, leaf *x509.Certificate, others, anchors []*x509.Certificate) (ok bool, output string) {
	t.Helper()
	openssl := debian.Program(t, "openssl", "openssl")
	dir := t.TempDir()
	write := func(name string, certs ...*x509.Certificate) string {
		var b bytes.Buffer
		for _, c := range certs {
			_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	args := []string{"verify", "-purpose", "sslclient", "-partial_chain", "-no-CApath", "-no-CAstore", "-attime", fmt.Sprint(certtest.Now.Unix()),
		"-CAfile", write("anchor", anchors...)}
	if len(others) > 0 {
		args = append(args, "-untrusted", write("others", others...))
	}
	out, err := exec.Command(openssl, append(args, write("leaf", leaf))...).CombinedOutput()
	return err == nil, string(out)
}

func lastLine(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return lines[max(0, len(lines)-2)]
}

// A hostile mesh of 10,000 cross-certificates ends soon, and what is found
// before is still right.
func BenchmarkHostileMesh(b *testing.B) {
	p, names := meshOf(100)
	g := graphOf(p, names...)
	for b.Loop() {
		g.verified = make(map[signature]error) // each time from a cold start
		if s := g.Paths(p.Cert("leaf"), certtest.Now); !s.Cut || len(s.Paths) == 0 {
			b.Fatal("the search was not cut, or found nothing")
		}
	}
}

// meshOf makes CAs that have all signed each other.
func meshOf(size int) (*certtest.PKI, []string) {
	var edges []certtest.Edge
	var names []string
	for i := range size {
		name := fmt.Sprintf("CA%d", i)
		edges = append(edges, certtest.Edge{Subject: name, Issuer: name})
		names = append(names, name)
	}
	for i := range size {
		for j := range size {
			if i != j {
				name := fmt.Sprintf("%d-%d", i, j)
				edges = append(edges, certtest.Edge{Subject: fmt.Sprintf("CA%d", i), Issuer: fmt.Sprintf("CA%d", j), Name: name})
				names = append(names, name)
			}
		}
	}
	return certtest.New(append(edges, certtest.Edge{Subject: "leaf", Issuer: "CA0"})...), names
}

// Name constraints hold where both crypto/x509 and OpenSSL let them: either of them may
// be the server's. Each row is judged by all three.
func TestNameConstraints(t *testing.T) {
	der := func(tag byte, content ...byte) []byte { return append([]byte{tag, byte(len(content))}, content...) }
	text := func(tag byte, s string) []byte { return der(tag, []byte(s)...) }
	permitted := func(base []byte) []byte { return der(0x30, der(0xa0, der(0x30, base...)...)...) }
	excluded := func(base []byte) []byte { return der(0x30, der(0xa1, der(0x30, base...)...)...) }
	const mail, host, uri, address, ediParty, beyond = 0x81, 0x82, 0x86, 0x87, 0xa5, 0x89
	edi := der(ediParty, der(0xa1, text(0x0c, "x")...)...)
	for _, tt := range []struct {
		name        string
		constraints []byte
		san         []byte // one name; nil for none
		subject     pkix.Name
		want        bool
	}{
		{"host within", permitted(text(host, "example.com")), text(host, "a.example.com"), pkix.Name{}, true},
		{"host outside", permitted(text(host, "example.com")), text(host, "a.example.org"), pkix.Name{}, false},
		{"host excluded", excluded(text(host, "example.com")), text(host, "a.example.com"), pkix.Name{}, false},
		{"trailing dot, permitted", permitted(text(host, "example.com")), text(host, "a.example.com."), pkix.Name{}, false},
		{"trailing dot, excluded", excluded(text(host, "example.com")), text(host, "a.example.com."), pkix.Name{}, false},
		{"urn excluded", excluded(text(uri, "example.com")), text(uri, "urn:x:y"), pkix.Name{}, false},
		{"urn permitted", permitted(text(uri, "example.com")), text(uri, "urn:x:y"), pkix.Name{}, false},
		{"urn, another kind of constraint", permitted(text(host, "example.com")), text(uri, "urn:x:y"), pkix.Name{}, false},
		{"trailing dot, another kind of constraint", permitted(text(uri, "example.com")), text(host, "a.example.com."), pkix.Name{}, false},
		{"two at signs, another kind of constraint", permitted(text(uri, "example.com")), text(mail, "a@b@example.com"), pkix.Name{}, true},
		{"URI with an address", excluded(text(uri, "example.com")), text(uri, "spiffe://192.0.2.1/x"), pkix.Name{}, false},
		{"URI within", permitted(text(uri, "example.com")), text(uri, "spiffe://example.com/x"), pkix.Name{}, true},
		{"ediPartyName", excluded(edi), edi, pkix.Name{}, false},
		{"ediPartyName, another kind of constraint", permitted(text(host, "example.com")), edi, pkix.Name{CommonName: "x"}, true},
		{"a tag that no name has, constraint", permitted(text(beyond, "x")), text(host, "a.example.com"), pkix.Name{}, false},
		{"address within", permitted(der(address, 192, 168, 1, 0, 255, 255, 255, 0)), der(address, 192, 168, 1, 7), pkix.Name{}, true},
		{"address within, base with host bits", permitted(der(address, 192, 168, 1, 1, 255, 255, 255, 0)), der(address, 192, 168, 1, 7), pkix.Name{}, true},
		{"address excluded, base with host bits", excluded(der(address, 192, 168, 1, 1, 255, 255, 255, 0)), der(address, 192, 168, 1, 7), pkix.Name{}, false},
		{"address outside", permitted(der(address, 192, 168, 1, 1, 255, 255, 255, 0)), der(address, 192, 168, 2, 7), pkix.Name{}, false},
		{"commonName outside", permitted(text(host, "example.com")), nil, pkix.Name{CommonName: "a.example.org"}, false},
		{"commonName within", permitted(text(host, "example.com")), nil, pkix.Name{CommonName: "a.example.com"}, true},
		{"commonName excluded", excluded(text(host, "example.com")), nil, pkix.Name{CommonName: "a.example.com"}, false},
		{"commonName outside, a host within", permitted(text(host, "example.com")), text(host, "a.example.com"), pkix.Name{CommonName: "a.example.org"}, true},
		{"commonName of one label", permitted(text(host, "example.com")), nil, pkix.Name{CommonName: "client"}, true},
		{"commonName with a space", permitted(text(host, "example.com")), nil, pkix.Name{CommonName: "the client.example"}, true},
		{"commonName with underscore", permitted(text(host, "example.com")), nil, pkix.Name{CommonName: "a_b.example.org"}, false},
		{"commonName with a hyphen at a label's end", permitted(text(host, "example.com")), nil, pkix.Name{CommonName: "a-.example.org"}, true},
		{"mail in the subject outside", permitted(text(mail, "example.com")), nil, mailSubject("a@example.org"), false},
		{"mail in the subject within", permitted(text(mail, "example.com")), nil, mailSubject("a@example.com"), true},
		{"mail in the subject, not of ASCII's type", permitted(text(mail, "example.com")), nil, pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}, Value: "a@example.com"}}}, false},
		{"likewise, another kind of constraint", permitted(text(host, "example.com")), nil, pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}, Value: "a@example.com"}}}, false},
		{"mail in the subject outside, another within", permitted(text(mail, "example.com")), text(mail, "a@example.com"), mailSubject("a@example.org"), false},
	} {
		p := certtest.New(certtest.Edge{Subject: "Root", Issuer: "Root"},
			certtest.Edge{Subject: "CA", Issuer: "Root", Mutate: func(c *x509.Certificate) {
				c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 30}, Critical: true, Value: tt.constraints}}
			}},
			certtest.Edge{Subject: "leaf", Issuer: "CA", Mutate: func(c *x509.Certificate) {
				c.Subject = tt.subject
				if tt.san != nil {
					c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Critical: tt.subject.String() == "", Value: der(0x30, tt.san...)}}
				}
			}})
		got, s := reaches(p.Cert("leaf"), p.Certs("CA"), p.Certs("Root"), certtest.Now, x509.ExtKeyUsageClientAuth)
		if got != tt.want {
			t.Errorf("%s: %t, want %t\n%s", tt.name, got, tt.want, strings.Join(describePaths(s), "\n"))
		}
		roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
		roots.AddCert(p.Cert("Root"))
		intermediates.AddCert(p.Cert("CA"))
		_, err := p.Cert("leaf").Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates, CurrentTime: certtest.Now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		theirs, out := opensslVerify(t, p.Cert("leaf"), p.Certs("CA"), p.Certs("Root"))
		// Go from 1.27 refuses a malformed name that no constraint is about, too
		accepts := err == nil || strings.Contains(err.Error(), "cannot parse rfc822Name")
		if tt.want != (accepts && theirs) {
			t.Errorf("%s: crypto/x509: %v; openssl: %t %s; want %t", tt.name, err, theirs, lastLine(out), tt.want)
		}
	}
}

func mailSubject(address string) pkix.Name {
	return pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}, Value: asn1.RawValue{Tag: asn1.TagIA5String, Bytes: []byte(address)}}}}
}
