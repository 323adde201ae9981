package chain

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"sync"
	"testing"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/certtest"
)

// Many searches in one graph at the same time find what each finds alone.
func TestParallel(t *testing.T) {
	const leaves = 32
	edges := []certtest.Edge{{Subject: "Root", Issuer: "Root"}, {Subject: "Limited", Issuer: "Root",
		Mutate: func(c *x509.Certificate) {
			c.PermittedDNSDomains, c.PermittedDNSDomainsCritical = []string{"allowed.example"}, true
		}}}
	for n := range leaves {
		edges = append(edges, certtest.Edge{Subject: fmt.Sprintf("leaf %d", n), Issuer: "Limited",
			Mutate: func(c *x509.Certificate) { c.DNSNames = []string{"forbidden.example"} }})
	}
	now := time.Now()
	p := certtest.NewAt("parallel", now, edges...)
	build := func() *Graph {
		g := NewGraph()
		for _, name := range []string{"Root", "Limited"} {
			g.Add(certstore.Authority{Certificate: p.Cert(name)})
		}
		return g
	}
	g := build()
	var wait sync.WaitGroup
	for n := range leaves {
		wait.Go(func() {
			leaf := p.Cert(fmt.Sprintf("leaf %d", n))
			together, alone := g.Paths(leaf, now), build().Paths(leaf, now)
			if len(together.Paths) != 1 || len(together.Paths[0].Breaks) != 1 || together.Paths[0].Breaks[0].Reason != Names ||
				len(alone.Paths) != 1 || len(alone.Paths[0].Breaks) != 1 {
				t.Errorf("together %+v, alone %+v", together.Paths, alone.Paths)
			}
		})
	}
	wait.Wait()
}

// What one search has verified spares no other the bound on its work: where a search is cut does not
// depend on those before it.
func TestCutAlone(t *testing.T) {
	now := time.Now()
	g := NewGraph()
	certificate := func(name string, key, signer *ecdsa.PrivateKey) *x509.Certificate {
		t.Helper()
		template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
			NotBefore: now.Add(-time.Hour),
			NotAfter:  now.Add(time.Hour), IsCA: name == "Same", BasicConstraintsValid: true}
		parent := &x509.Certificate{Subject: pkix.Name{CommonName: "Same"}}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	var last *ecdsa.PrivateKey
	for range maxSignatures + 50 {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		g.Add(certstore.Authority{Certificate: certificate("Same", key, key)})
		last = key
	}
	leaf := certificate("leaf", last, last)
	for n := range 3 {
		if found := g.Paths(leaf, now); !found.Cut {
			t.Errorf("search %d is not cut", n)
		}
	}
}
