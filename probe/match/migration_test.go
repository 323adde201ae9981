package match

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
	"testing"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/certtest"
	"mtlsprobe/certstore/chain"
	"mtlsprobe/probe/wire"
)

func phase(p *certtest.PKI, label string, names ...string) Phase {
	r := &wire.CertificateRequest{Version: tls.VersionTLS13,
		SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256}}
	for _, c := range p.Certs(names...) {
		r.NamedCAs = append(r.NamedCAs, c.RawSubject)
	}
	return Phase{Label: label, Request: r}
}

// before, during and after: the server names the old root, both, the new one.
func TestMigrate(t *testing.T) {
	p := certtest.New(
		certtest.Edge{Subject: "Old", Issuer: "Old"}, certtest.Edge{Subject: "New", Issuer: "New"},
		certtest.Edge{Subject: "CA", Issuer: "Old"}, certtest.Edge{Subject: "CA", Issuer: "New", Name: "cross", Mutate: nil},
		certtest.Edge{Subject: "client", Issuer: "CA"}, certtest.Edge{Subject: "direct", Issuer: "Old"},
	)
	phases := []Phase{phase(p, "before", "Old"), phase(p, "during", "Old", "New"), phase(p, "after", "New")}
	tests := []struct {
		name, leaf string
		chain      []string
		want       string // results by phase, then where it breaks
		remedy     string
	}{
		{"the old bundle", "client", []string{"CA"}, "pass pass fail breaks 2", "put CN=CA,O=Example"},
		{"the new bundle", "client", []string{"cross"}, "fail pass pass breaks -1", "put CN=CA,O=Example"},
		{"both", "client", []string{"cross", "CA"}, "unknown pass pass breaks -1", "no one bundle serves both"},
		{"out of the new root's reach", "direct", nil, "pass pass fail breaks 2",
			`let the server name and trust CN=Old,O=Example also in "after", until this identity is replaced; its path ends 2027-06-15`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := chain.NewGraph()
			for _, c := range p.Certs("Old", "New", "CA", "cross") {
				g.Add(certstore.Authority{Certificate: c, Source: "authorities.pem"})
			}
			i := &certstore.Identity{Leaf: p.Cert(tt.leaf), Chain: p.Certs(tt.chain...),
				Key: certstore.Key{State: certstore.Usable}}
			m := Migrate(&Question{Identities: []*certstore.Identity{i}, Graph: g, Now: certtest.Now}, phases)
			row := m.Rows[0]
			var got []string
			for k := range row.Cells {
				got = append(got, string(row.Cells[k].Works()))
			}
			if text := fmt.Sprintf("%s breaks %d", strings.Join(got, " "), row.Breaks); text != tt.want {
				t.Errorf("got %s, want %s", text, tt.want)
			}
			if !strings.Contains(row.Remedy.String(), tt.remedy) || tt.remedy == "" && row.Remedy != nil {
				t.Errorf("remedy %q, want %q", row.Remedy, tt.remedy)
			}
			if row.Works() != (tt.remedy == "") {
				t.Errorf("works in every phase: %t", row.Works())
			}
			if c := row.Cells[1]; c.Ends == nil || !c.Until.Equal(certtest.Now.AddDate(1, 0, 0)) {
				t.Errorf("until %v, ended by %v", c.Until, c.Ends)
			}
		})
	}
}

// The variants of a migration: what must be called reached, and what must not.
func TestMigrationVariants(t *testing.T) {
	tests := []struct {
		name   string
		cross  func(*x509.Certificate)
		leaf   func(*x509.Certificate)
		result Reach
		detail string
	}{
		{"plain", nil, nil, Reached, ""},
		{"expired cross-certificate", func(c *x509.Certificate) { c.NotAfter = certtest.Now.AddDate(0, 0, -1) }, nil,
			NearMiss, "breaks at CN=CA,O=Example: expired, since 2026-06-14"},
		{"name constraint excludes the leaf", func(c *x509.Certificate) { c.ExcludedDNSDomains = []string{"example.com"} },
			func(c *x509.Certificate) { c.DNSNames = []string{"client.example.com"} }, NearMiss,
			`name constraint, "client.example.com" is in the excluded subtree "example.com"`},
		{"path length exceeded", nil, nil, NearMiss, "path too long, pathLenConstraint is 0, 1 intermediates stand below"},
		{"extended key usage", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} },
			nil, NearMiss, "not for client authentication"},
		{"SHA-1", func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 }, nil, NearMiss,
			"weak signature, signed with ECDSA-SHA1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := certtest.New(
				certtest.Edge{Subject: "Old", Issuer: "Old"},
				certtest.Edge{Subject: "New", Issuer: "New",
					Mutate: func(c *x509.Certificate) { c.MaxPathLenZero = strings.HasPrefix(tt.name, "path length") }},
				certtest.Edge{Subject: "CA", Issuer: "Old"},
				certtest.Edge{Subject: "CA", Issuer: "New", Name: "cross", Mutate: tt.cross},
				certtest.Edge{Subject: "client", Issuer: "CA", Mutate: tt.leaf},
			)
			g := chain.NewGraph()
			for _, c := range p.Certs("Old", "New", "CA", "cross") {
				g.Add(certstore.Authority{Certificate: c})
			}
			i := &certstore.Identity{Leaf: p.Cert("client"), Chain: p.Certs("CA"), Key: certstore.Key{State: certstore.Usable}}
			v := Evaluate(&Question{Request: phase(p, "", "New").Request, Identities: []*certstore.Identity{i}, Graph: g,
				Now: certtest.Now})[0]
			if len(v.NamedCAs) != 1 || v.NamedCAs[0].Result != tt.result || v.NamedCAs[0].Via != CrossSigned ||
				!strings.Contains(v.NamedCAs[0].Detail.String(), tt.detail) {
				t.Errorf("got %+v, want %s with %q", v.NamedCAs, tt.result, tt.detail)
			}
			if certs, reached := Bundle(&v); (reached == 1) != (tt.result == Reached) || reached == 1 &&
				(len(certs) != 1 || !certs[0].Equal(p.Cert("cross"))) {
				t.Errorf("the bundle has %d certificates and reaches %d", len(certs), reached)
			}
		})
	}
}

// What certificates and names cannot mend is not answered with them.
func TestMigrationOwnFault(t *testing.T) {
	p := certtest.New(
		certtest.Edge{Subject: "Old", Issuer: "Old"}, certtest.Edge{Subject: "CA", Issuer: "Old"},
		certtest.Edge{Subject: "client", Issuer: "CA"},
		certtest.Edge{Subject: "expired", Issuer: "CA",
			Mutate: func(c *x509.Certificate) { c.NotAfter = certtest.Now.AddDate(0, 0, -1) }},
	)
	after := phase(p, "after")
	after.Request.SignatureSchemes = []tls.SignatureScheme{tls.PSSWithSHA256}
	for leaf, want := range map[string]string{"expired": "have the certificate renewed",
		"client": "use a certificate with a key that fits one of these schemes"} {
		g := chain.NewGraph()
		for _, c := range p.Certs("Old", "CA") {
			g.Add(certstore.Authority{Certificate: c})
		}
		i := &certstore.Identity{Leaf: p.Cert(leaf), Key: certstore.Key{State: certstore.Usable}}
		if leaf == "client" {
			i.Chain = p.Certs("CA")
		}
		m := Migrate(&Question{Identities: []*certstore.Identity{i}, Graph: g, Now: certtest.Now},
			[]Phase{phase(p, "before", "Old"), after})
		if got := m.Rows[0].Remedy.String(); !strings.Contains(got, want) {
			t.Errorf("%s: remedy %q, want %q", leaf, got, want)
		}
	}
}

// A former key of another CA is no matter when the named one is reached.
func TestRekeyedElsewhere(t *testing.T) {
	p := certtest.New(
		certtest.Edge{Subject: "Old", Issuer: "Old"}, certtest.Edge{Subject: "New", Issuer: "New"},
		certtest.Edge{Subject: "New#2", Issuer: "New#2", Name: "new key"},
		certtest.Edge{Subject: "CA", Issuer: "Old"}, certtest.Edge{Subject: "CA", Issuer: "New", Name: "cross"},
		certtest.Edge{Subject: "client", Issuer: "CA"},
	)
	g := chain.NewGraph()
	for _, c := range p.Certs("Old", "new key", "CA", "cross") {
		g.Add(certstore.Authority{Certificate: c})
	}
	i := &certstore.Identity{Leaf: p.Cert("client"), Chain: p.Certs("CA"), Key: certstore.Key{State: certstore.Usable}}
	if v := Evaluate(&Question{Request: phase(p, "", "Old").Request, Identities: []*certstore.Identity{i}, Graph: g,
		Now: certtest.Now})[0]; v.Fits() != Pass {
		t.Errorf("%+v", v.Findings)
	}
}

// Servers on Go find the right one of two cross-signed certificates: one bundle serves all.
func TestMigrateOfGo(t *testing.T) {
	p := certtest.New(
		certtest.Edge{Subject: "Old", Issuer: "Old"}, certtest.Edge{Subject: "New", Issuer: "New"},
		certtest.Edge{Subject: "Other", Issuer: "Other"}, certtest.Edge{Subject: "CA", Issuer: "Old"},
		certtest.Edge{Subject: "CA", Issuer: "New", Name: "cross"}, certtest.Edge{Subject: "client", Issuer: "CA"},
	)
	g := chain.NewGraph()
	for _, c := range p.Certs("Old", "New", "Other", "CA", "cross") {
		g.Add(certstore.Authority{Certificate: c, Source: "authorities.pem"})
	}
	phases := []Phase{phase(p, "before", "Old"), phase(p, "after", "New"), phase(p, "elsewhere", "Other")}
	for n := range phases { // Go 1.26's list in TLS 1.3
		phases[n].Request.SignatureSchemes = []tls.SignatureScheme{tls.PSSWithSHA256, tls.ECDSAWithP256AndSHA256, tls.Ed25519,
			tls.PSSWithSHA384, tls.PSSWithSHA512, tls.ECDSAWithP384AndSHA384, tls.ECDSAWithP521AndSHA512}
	}
	i := &certstore.Identity{Leaf: p.Cert("client"), Chain: p.Certs("cross", "CA"), Key: certstore.Key{State: certstore.Usable}}
	row := Migrate(&Question{Identities: []*certstore.Identity{i}, Graph: g, Now: certtest.Now}, phases).Rows[0]
	if LibraryOf(phases[0].Request) != Go || row.Cells[0].Works() != Pass || row.Cells[1].Works() != Pass ||
		row.Cells[2].Works() != Fail || strings.Contains(row.Remedy.String(), "no one bundle") {
		t.Errorf("%s: %s, %s, %s; %s", LibraryOf(phases[0].Request), row.Cells[0].Works(), row.Cells[1].Works(),
			row.Cells[2].Works(), row.Remedy)
	}
}
