package chain

import (
	"bytes"
	"crypto/x509"
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
