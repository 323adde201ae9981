package chain

import (
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/certtest"
)

// describePaths writes each path as "leaf<issuer<root", with its breaks.
func describePaths(s Search) []string {
	var out []string
	for _, p := range s.Paths {
		var names []string
		for _, c := range p.Certificates {
			names = append(names, c.Subject.CommonName)
		}
		text := strings.Join(names, "<")
		for _, b := range p.Breaks {
			text += fmt.Sprintf(" !%d %s", b.Index, b.Reason)
		}
		out = append(out, text)
	}
	slices.Sort(out)
	return out
}

func graphOf(p *certtest.PKI, names ...string) *Graph {
	g := NewGraph()
	for _, c := range p.Certs(names...) {
		g.Add(certstore.Authority{Certificate: c, Source: "test"})
	}
	return g
}

func TestPaths(t *testing.T) {
	edit := func(f func(*x509.Certificate)) func(*x509.Certificate) { return f }
	tests := []struct {
		name  string
		edges []certtest.Edge
		have  []string
		want  []string
	}{
		// leaf < CA < Root
		{"straight", []certtest.Edge{{Subject: "Root", Issuer: "Root"}, {Subject: "CA", Issuer: "Root"}, {Subject: "leaf", Issuer: "CA"}},
			[]string{"Root", "CA"}, []string{"leaf<CA<Root"}},
		{"issuer not at hand", []certtest.Edge{{Subject: "Root", Issuer: "Root"}, {Subject: "CA", Issuer: "Root"}, {Subject: "leaf", Issuer: "CA"}},
			[]string{"Root"}, []string{"leaf"}},
		// leaf < CA < {Old, New}
		{"cross-signed", []certtest.Edge{{Subject: "Old", Issuer: "Old"}, {Subject: "New", Issuer: "New"}, {Subject: "CA", Issuer: "Old"}, {Subject: "CA", Issuer: "New", Name: "cross"}, {Subject: "leaf", Issuer: "CA"}},
			[]string{"Old", "New", "CA", "cross"}, []string{"leaf<CA<New", "leaf<CA<Old"}},
		// Old and New have signed each other: a circle
		{"mutually cross-signed roots", []certtest.Edge{{Subject: "Old", Issuer: "Old"}, {Subject: "New", Issuer: "New"}, {Subject: "Old", Issuer: "New", Name: "o"}, {Subject: "New", Issuer: "Old", Name: "n"}, {Subject: "leaf", Issuer: "Old"}},
			[]string{"Old", "New", "o", "n"}, []string{"leaf<Old", "leaf<Old<New", "leaf<Old<New"}},
		{"re-keyed", []certtest.Edge{{Subject: "CA", Issuer: "CA"}, {Subject: "CA#2", Issuer: "CA#2"}, {Subject: "leaf", Issuer: "CA"}},
			[]string{"CA#2"}, []string{"leaf<CA !0 signature"}},
		{"re-keyed, both at hand", []certtest.Edge{{Subject: "CA", Issuer: "CA"}, {Subject: "CA#2", Issuer: "CA#2"}, {Subject: "leaf", Issuer: "CA"}},
			[]string{"CA#2", "CA"}, []string{"leaf<CA"}},
		{"expired root", []certtest.Edge{{Subject: "Root", Issuer: "Root", Mutate: edit(func(c *x509.Certificate) { c.NotAfter = certtest.Now.AddDate(0, 0, -1) })}, {Subject: "leaf", Issuer: "Root"}},
			[]string{"Root"}, []string{"leaf<Root !1 expired"}},
		{"root of the future", []certtest.Edge{{Subject: "Root", Issuer: "Root", Mutate: edit(func(c *x509.Certificate) { c.NotBefore = certtest.Now.AddDate(0, 0, 1) })}, {Subject: "leaf", Issuer: "Root"}},
			[]string{"Root"}, []string{"leaf<Root !1 not yet valid"}},
		{"issuer is no CA", []certtest.Edge{{Subject: "Root", Issuer: "Root", Mutate: edit(func(c *x509.Certificate) { c.IsCA = false })}, {Subject: "leaf", Issuer: "Root"}},
			[]string{"Root"}, []string{"leaf<Root !1 not a CA"}},
		{"issuer may not sign", []certtest.Edge{{Subject: "Root", Issuer: "Root", Mutate: edit(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign })}, {Subject: "leaf", Issuer: "Root"}},
			[]string{"Root"}, []string{"leaf<Root !1 may not sign"}},
		{"path too long", []certtest.Edge{{Subject: "Root", Issuer: "Root", Mutate: edit(func(c *x509.Certificate) { c.MaxPathLenZero = true })}, {Subject: "CA", Issuer: "Root"}, {Subject: "leaf", Issuer: "CA"}},
			[]string{"Root", "CA"}, []string{"leaf<CA<Root !2 path too long"}},
		{"name constraint excludes the leaf", []certtest.Edge{{Subject: "Root", Issuer: "Root"}, {Subject: "CA", Issuer: "Root", Mutate: edit(func(c *x509.Certificate) { c.ExcludedDNSDomains = []string{"example.com"} })}, {Subject: "leaf", Issuer: "CA", Mutate: edit(func(c *x509.Certificate) { c.DNSNames = []string{"a.example.com"} })}},
			[]string{"Root", "CA"}, []string{"leaf<CA<Root !1 name constraint"}},
		{"name constraint on the subject", []certtest.Edge{{Subject: "Root", Issuer: "Root", Mutate: permitOnly("Elsewhere")}, {Subject: "leaf", Issuer: "Root"}},
			[]string{"Root"}, []string{"leaf<Root !1 name constraint"}},
		{"name constraint that allows the subject", []certtest.Edge{{Subject: "Root", Issuer: "Root", Mutate: permitOnly("example")}, {Subject: "leaf", Issuer: "Root", Mutate: orgOnly}},
			[]string{"Root"}, []string{"<Root"}},
		{"weak signature", []certtest.Edge{{Subject: "Root", Issuer: "Root"}, {Subject: "leaf", Issuer: "Root", Mutate: edit(func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 })}},
			[]string{"Root"}, []string{"leaf<Root !0 weak signature"}},
		{"unknown critical extension", []certtest.Edge{{Subject: "Root", Issuer: "Root"}, {Subject: "leaf", Issuer: "Root", Mutate: edit(func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		})}},
			[]string{"Root"}, []string{"leaf<Root !0 critical extension not known"}},
		{"renamed root", []certtest.Edge{{Subject: "Root", Issuer: "Root"}, {Subject: "Root", Issuer: "Root", Name: "new name", Mutate: edit(func(c *x509.Certificate) { c.Subject.CommonName = "New" })}, {Subject: "leaf", Issuer: "Root"}},
			[]string{"new name"}, []string{"leaf<New !0 the issuer has another name"}},
		{"policy demanded and missing", []certtest.Edge{{Subject: "Root", Issuer: "Root"}, {Subject: "CA", Issuer: "Root", Mutate: edit(func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 36}, Critical: true, Value: []byte{0x30, 3, 0x80, 1, 0}}}
		})}, {Subject: "leaf", Issuer: "CA"}},
			[]string{"Root", "CA"}, []string{"leaf<CA<Root !1 no acceptable policy"}},
		{"three generations", []certtest.Edge{{Subject: "First", Issuer: "First"}, {Subject: "Second", Issuer: "Second"}, {Subject: "Third", Issuer: "Third"}, {Subject: "Second", Issuer: "First", Name: "2<1"}, {Subject: "Third", Issuer: "Second", Name: "3<2"}, {Subject: "CA", Issuer: "Third"}, {Subject: "leaf", Issuer: "CA"}},
			[]string{"First", "Second", "Third", "2<1", "3<2", "CA"}, []string{"leaf<CA<Third", "leaf<CA<Third<Second", "leaf<CA<Third<Second<First"}},
		{"intermediate for servers only", []certtest.Edge{{Subject: "Root", Issuer: "Root"}, {Subject: "CA", Issuer: "Root", Mutate: edit(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })}, {Subject: "leaf", Issuer: "CA"}},
			[]string{"Root", "CA"}, []string{"leaf<CA<Root !1 not for client authentication"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := certtest.New(tt.edges...)
			s := graphOf(p, tt.have...).Paths(p.Cert("leaf"), certtest.Now)
			if got := describePaths(s); !slices.Equal(got, tt.want) || s.Cut {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
			for _, path := range s.Paths {
				if holds := path.HoldsUpTo(len(path.Certificates) - 1); holds != (len(path.Breaks) == 0) {
					t.Errorf("HoldsUpTo the end = %t with breaks %v", holds, path.Breaks)
				}
			}
		})
	}
}

func orgOnly(c *x509.Certificate) { c.Subject = pkix.Name{Organization: []string{"Example"}} }

// permitOnly is a Mutate that permits names of one organisation.
func permitOnly(organisation string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		name, err := asn1.Marshal(pkix.Name{Organization: []string{organisation}}.ToRDNSequence())
		if err != nil {
			panic(err)
		}
		wrap := func(tag byte, der []byte) []byte { return append([]byte{tag, byte(len(der))}, der...) }
		value := wrap(0x30, wrap(0xa0, wrap(0x30, wrap(0xa4, name))))
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 30}, Critical: true, Value: value}}
	}
}

// Names that differ in encoding join, which comparing bytes would miss.
func TestPathsJoinByName(t *testing.T) {
	p := certtest.New(
		certtest.Edge{Subject: "Root", Issuer: "Root", Name: "utf8", Mutate: certtest.UTF8Subject},
		certtest.Edge{Subject: "Root", Issuer: "Root", Name: "printable"},
		certtest.Edge{Subject: "leaf", Issuer: "Root"},
	)
	if string(p.Cert("leaf").RawIssuer) == string(p.Cert("printable").RawSubject) {
		t.Fatal("the names have the same bytes")
	}
	s := graphOf(p, "printable").Paths(p.Cert("leaf"), certtest.Now)
	if got := describePaths(s); !slices.Equal(got, []string{"leaf<Root"}) || s.Paths[0].Joins[0].Exact {
		t.Errorf("got %q, %+v", got, s.Paths[0].Joins)
	}
}

// A mesh in which every CA has signed every other one is cut, and says so.
func TestPathsMesh(t *testing.T) {
	p, names := meshOf(9)
	s := graphOf(p, names...).Paths(p.Cert("leaf"), certtest.Now)
	if !s.Cut || len(s.Paths) == 0 {
		t.Errorf("cut = %t with %d paths, want a cut search that still has some", s.Cut, len(s.Paths))
	}
}

func TestKinship(t *testing.T) {
	p := certtest.New(
		certtest.Edge{Subject: "Root", Issuer: "Root"}, certtest.Edge{Subject: "Other", Issuer: "Other"},
		certtest.Edge{Subject: "CA", Issuer: "Root"}, certtest.Edge{Subject: "CA", Issuer: "Other", Name: "cross"},
		certtest.Edge{Subject: "CA", Issuer: "Root", Name: "again"}, certtest.Edge{Subject: "CA#2", Issuer: "Root", Name: "rekeyed"},
		certtest.Edge{Subject: "CA", Issuer: "Root", Name: "renamed", Mutate: func(c *x509.Certificate) { c.Subject.CommonName = "New" }},
	)
	g := NewGraph()
	for name, want := range map[string]Kinship{"CA": Stranger, "Root": Stranger, "cross": CrossSigned, "again": Reissued, "rekeyed": Rekeyed, "renamed": Renamed} {
		if got := g.Kinship(p.Cert("CA"), p.Cert(name)); got != want {
			t.Errorf("CA and %s: %q, want %q", name, got, want)
		}
	}
}

// OpenSSL takes no issuer that the authority key identifier contradicts, which
// is what a Join's KeyIdentifier warns of.
func TestJoinKeyIdentifier(t *testing.T) {
	p := certtest.New(
		certtest.Edge{Subject: "Root", Issuer: "Root"},
		certtest.Edge{Subject: "leaf", Issuer: "Root", Mutate: func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 35}, Value: []byte{0x30, 4, 0x82, 2, 0x12, 0x34}}}
		}},
	)
	s := graphOf(p, "Root").Paths(p.Cert("leaf"), certtest.Now)
	if got := s.Paths[0].Joins[0].KeyIdentifier; !strings.Contains(got, "points to serial 1234, the issuer's certificate has 3e8") {
		t.Errorf("got %q", got)
	}
	ok, out := opensslVerify(t, p.Cert("leaf"), nil, p.Certs("Root"))
	if ok || !strings.Contains(out, "unable to get local issuer certificate") {
		t.Errorf("openssl verify: %t, %s", ok, out)
	}
}

// A key that takes minutes to verify with is not tried, and not called wrong.
func TestGiantKey(t *testing.T) {
	p := certtest.New(certtest.Edge{Subject: "Root", Issuer: "Root"}, certtest.Edge{Subject: "leaf", Issuer: "Root"})
	giant := *p.Cert("Root")
	giant.PublicKey, giant.PublicKeyAlgorithm = &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 1_000_000), E: 65537}, x509.RSA
	if err := verifySignature(p.Cert("leaf"), &giant); !errors.Is(err, errUnsupported) {
		t.Errorf("got %v", err)
	}
}

// Many names under many constraints in a mesh: each pair is judged once, and all
// together within a bound.
func TestConstraintsInMesh(t *testing.T) {
	const size, names = 8, 300
	var edges []certtest.Edge
	var have []string
	for i := range size {
		for j := range size {
			name := fmt.Sprintf("%d-%d", i, j)
			have = append(have, name)
			edges = append(edges, certtest.Edge{Subject: fmt.Sprintf("CA%d", i), Issuer: fmt.Sprintf("CA%d", j), Name: name, Mutate: func(c *x509.Certificate) {
				for n := range names {
					c.ExcludedDNSDomains = append(c.ExcludedDNSDomains, fmt.Sprintf("x%d.example", n))
				}
			}})
		}
	}
	slices.SortStableFunc(edges, func(a, b certtest.Edge) int { // the self-signed ones first
		return map[bool]int{true: 0, false: 1}[a.Subject == a.Issuer] - map[bool]int{true: 0, false: 1}[b.Subject == b.Issuer]
	})
	p := certtest.New(append(edges, certtest.Edge{Subject: "leaf", Issuer: "CA0", Mutate: func(c *x509.Certificate) {
		for n := range names {
			c.DNSNames = append(c.DNSNames, fmt.Sprintf("a%d.example", n))
		}
	}})...)
	w := graphOf(p, have...).Paths(p.Cert("leaf"), certtest.Now)
	if !w.Cut || len(w.Paths) == 0 {
		t.Errorf("cut %t, %d paths", w.Cut, len(w.Paths))
	}
}
