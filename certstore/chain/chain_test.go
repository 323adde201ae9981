package chain

import (
	"crypto/x509"
	"fmt"
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
		{"intermediate for servers only", []certtest.Edge{{Subject: "Root", Issuer: "Root"}, {Subject: "CA", Issuer: "Root", Mutate: edit(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })}, {Subject: "leaf", Issuer: "CA"}},
			[]string{"Root", "CA"}, []string{"leaf<CA<Root !1 not for client auth"}},
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
	if got := describePaths(s); !slices.Equal(got, []string{"leaf<Root"}) {
		t.Errorf("got %q", got)
	}
}

// A mesh in which every CA has signed every other one is cut, and says so.
func TestPathsMesh(t *testing.T) {
	var edges []certtest.Edge
	var names []string
	const size = 9
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
	p := certtest.New(append(edges, certtest.Edge{Subject: "leaf", Issuer: "CA0"})...)
	s := graphOf(p, names...).Paths(p.Cert("leaf"), certtest.Now)
	if !s.Cut || len(s.Paths) == 0 {
		t.Errorf("cut = %t with %d paths, want a cut search that still has some", s.Cut, len(s.Paths))
	}
}
