package match

import (
	"cmp"
	"crypto/x509"
	"slices"
)

// Bundle returns the chain that leads to every named CA that is reached, or by name
// only, and how many those are. The certificates follow each other from the leaf on; where a
// CA was signed by several, the one that leads to the CA named first comes
// first, for some servers follow only that. Self-signed roots are left out:
// whoever trusts them has them.
func Bundle(v *Verdict) (chain []*x509.Certificate, reached int) {
	proven := slices.Clone(v.NamedCAs)
	slices.SortStableFunc(proven, func(a, b NamedCA) int { return cmp.Compare(byName(a), byName(b)) })
	for i := range proven {
		n := &proven[i]
		if n.Result != Reached && n.Result != NameOnly {
			continue
		}
		reached++
		for k, c := range n.Path.Certificates[1:] {
			root := n.Path.Root && k+1 == len(n.Path.Certificates)-1
			if !root && !slices.ContainsFunc(chain, c.Certificate.Equal) && string(c.RawSubject) != string(c.RawIssuer) {
				chain = append(chain, c.Certificate)
			}
		}
	}
	return chain, reached
}

// byName orders what is reached before what is so by name only.
func byName(n NamedCA) int {
	if n.Result == NameOnly {
		return 1
	}
	return 0
}
