package certstore

import (
	"crypto/x509"
	"testing"

	"mtlsprobe/certstore/certtest"
)

// What stands in a key store as an entry of its own is at hand for paths, and proves
// nothing; what is in a key entry's chain, and a file without such entries, adds none.
func TestAddBeside(t *testing.T) {
	p := certtest.New(certtest.Edge{Subject: "Root", Issuer: "Root"}, certtest.Edge{Subject: "Issuing", Issuer: "Root"},
		certtest.Edge{Subject: "client", Issuer: "Issuing"})
	leaf := p.Cert("client")
	for name, tt := range map[string]struct {
		chain  []*x509.Certificate
		apart  bool
		origin Role
		want   int
	}{
		"a trusted entry":             {nil, true, Candidate, 2},
		"in the key entry's chain":    {p.Certs("Issuing", "Root"), true, Candidate, 0},
		"no entries of their own":     {nil, false, Candidate, 0},
		"a file that is given for it": {nil, true, Authorities, 0},
	} {
		c := &contents{file: &file{path: "ks.jks", source: Source{Path: "ks.jks", Role: tt.origin}},
			certs: p.Certs("client", "Issuing", "Root")}
		if tt.apart {
			c.chains = map[string][]*x509.Certificate{string(leaf.Raw): tt.chain}
		}
		h := &Holding{}
		h.addBeside(c, []*x509.Certificate{leaf}, [][]*x509.Certificate{tt.chain})
		if len(h.Authorities) != tt.want {
			t.Errorf("%s: %d authorities, want %d", name, len(h.Authorities), tt.want)
		}
		for _, a := range h.Authorities {
			if a.Origin != FromBundle || a.Source != "ks.jks" {
				t.Errorf("%s: %+v", name, a)
			}
		}
	}
}
