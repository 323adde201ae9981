package certstore

import (
	"crypto/x509"
	"slices"
)

// chainsOf returns what is stored beside each of the leaves.
func (c *contents) chainsOf(leaves []*x509.Certificate) [][]*x509.Certificate {
	rest := beside(c.certs, leaves)
	var above *climb
	if len(leaves) > 1 || c.certIDs != nil {
		above = newClimb(rest)
	}
	chains := make([][]*x509.Certificate, len(leaves))
	for n, leaf := range leaves {
		chains[n] = without(rest, leaf)
		if above != nil {
			chains[n] = above.from(leaf, chains[n])
		}
		if own, ok := c.chains[string(leaf.Raw)]; ok {
			chains[n] = own
		}
	}
	return chains
}

// beside returns what is stored besides the leaves; a leaf that is a CA's stands
// in the chains of the others. The leaves share the slice.
func beside(certs, leaves []*x509.Certificate) []*x509.Certificate {
	leaf := make(map[*x509.Certificate]bool)
	for _, c := range leaves {
		leaf[c] = true
	}
	var rest []*x509.Certificate
	for _, c := range certs {
		if !leaf[c] || c.IsCA {
			rest = append(rest, c)
		}
	}
	return rest[:len(rest):len(rest)]
}

// A climb finds what may stand above a certificate, by names: in a store of several
// entries the others' issuers are no surplus of this one.
type climb struct {
	issuers map[string][]string // of the certificates with a name, by [NameKey]
}

func newClimb(certs []*x509.Certificate) *climb {
	c := &climb{issuers: make(map[string][]string)}
	for _, cert := range certs {
		subject := NameKey(cert.RawSubject)
		c.issuers[subject] = append(c.issuers[subject], NameKey(cert.RawIssuer))
	}
	return c
}

// from returns those of the certificates that may stand above the leaf.
func (c *climb) from(leaf *x509.Certificate, certs []*x509.Certificate) []*x509.Certificate {
	next := []string{NameKey(leaf.RawIssuer)}
	above := map[string]bool{next[0]: true}
	for len(next) > 0 {
		name := next[0]
		next = next[1:]
		for _, issuer := range c.issuers[name] {
			if !above[issuer] {
				above[issuer] = true
				next = append(next, issuer)
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(certs),
		func(cert *x509.Certificate) bool { return !above[NameKey(cert.RawSubject)] })
}

func without(certs []*x509.Certificate, c *x509.Certificate) []*x509.Certificate {
	if !c.IsCA {
		return certs
	}
	return slices.DeleteFunc(slices.Clone(certs), func(other *x509.Certificate) bool { return other == c })
}
