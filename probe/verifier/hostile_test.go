package verifier_test

import (
	"crypto/x509"
	"fmt"
	"testing"

	"mtlsprobe/certstore/certtest"
	"mtlsprobe/probe/verifier"
	"mtlsprobe/report/say"
)

// TestHostileBundle judges bundles that are made to take long: CAs of one name that may all have
// issued each other. It has to come to an end, and to say nothing that was not looked at.
func TestHostileBundle(t *testing.T) {
	many := func(c *x509.Certificate) {
		for k := range 500 {
			c.ExcludedDNSDomains = append(c.ExcludedDNSDomains, fmt.Sprintf("host%d.example.org", k))
			c.DNSNames = append(c.DNSNames, fmt.Sprintf("host%d.example.com", k))
		}
		c.PermittedDNSDomainsCritical = true
	}
	for name, count := range map[string]int{"most that is looked at": 90, "more than that": 300} {
		t.Run(name, func(t *testing.T) {
			edges := []certtest.Edge{{Subject: "Root", Issuer: "Root"}, {Subject: "CA#0", Issuer: "Root", Name: "0"}}
			for k := 1; k < count; k++ {
				edges = append(edges, certtest.Edge{Subject: fmt.Sprintf("CA#%d", k), Issuer: fmt.Sprintf("CA#%d", k-1),
					Name: fmt.Sprint(k), Unidentified: true, Mutate: many})
			}
			edges = append(edges, certtest.Edge{Subject: "leaf", Issuer: fmt.Sprintf("CA#%d", count-1), Unidentified: true, Mutate: many})
			p := certtest.New(edges...)
			c := &verifier.Case{Leaf: p.Cert("leaf"), Anchors: p.Certs("Root"), Now: certtest.Now}
			for k := range count {
				c.Sent = append(c.Sent, p.Cert(fmt.Sprint(k)))
			}
			judge := verifier.NewJudge(c)
			for _, profile := range verifier.Profiles() {
				j := judge.Judge(profile)
				if j.Accepts == say.Yes || count > 100 && j.Accepts != say.Unknown {
					t.Errorf("%s: %v, %s", profile.ID, j.Accepts, j.Why())
				}
			}
		})
	}
}

// FuzzJudge has every model judge a certificate of any content.
func FuzzJudge(f *testing.F) {
	for _, c := range chainCases()[:60] {
		m := c.make(certtest.Now)
		f.Add(m.leaf.Raw)
		for _, sent := range m.sent {
			f.Add(sent.Raw)
		}
	}
	p := certtest.New(certtest.Edge{Subject: "Root", Issuer: "Root"}, certtest.Edge{Subject: "Int", Issuer: "Root"},
		certtest.Edge{Subject: "leaf", Issuer: "Int"})
	f.Fuzz(func(t *testing.T, der []byte) {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return // no certificate: nothing to judge
		}
		for _, c := range []*verifier.Case{
			{Leaf: cert, Sent: p.Certs("Int"), Anchors: p.Certs("Root"), Now: certtest.Now},
			{Leaf: p.Cert("leaf"), Sent: append(p.Certs("Int"), cert), Anchors: p.Certs("Root"), Now: certtest.Now},
			{Leaf: p.Cert("leaf"), Sent: p.Certs("Int"), Anchors: append(p.Certs("Root"), cert), Now: certtest.Now},
		} {
			judge := verifier.NewJudge(c)
			for _, profile := range verifier.Profiles() {
				j := judge.Judge(profile)
				if j.Accepts != say.Yes && j.Why() == nil {
					t.Errorf("%s: %v, and no reason", profile.ID, j.Accepts)
				}
				_ = j.Remedy()
			}
		}
	})
}
