package verifier

import (
	"crypto/x509"
	"slices"

	"mtlsprobe/certstore/chain"
)

// anyPath takes any path that holds. Of several that do not, it tells the first that leads to
// a trusted certificate.
func (w *world) anyPath() outcome {
	if len(w.Sent) == 0 && w.Choice.Self == selfNamed && w.named(w.Leaf, w.Leaf) {
		return w.broken([]*x509.Certificate{w.Leaf}, Untrusted)
	}
	if w.Choice.Ordered && !w.inOrder() {
		rules := *w.Profile
		rules.Reasons.OnAnchor = append(slices.Clip(rules.Reasons.OnAnchor), rules.Reasons.OnBuilt...)
		w.Profile = &rules
	}
	var ended, broken []outcome
	for _, found := range w.paths().Paths {
		path := w.namedPath(found.Certificates)
		reaches := false
		for n := range path {
			part := path[: n+1 : n+1]
			if !w.ends(part) || !w.leads(part) {
				continue
			}
			reaches = true
			o := w.judge(part)
			if o.reason == "" {
				return o
			}
			if o.reason == Signature && n > 0 && o.certificate.Equal(part[n-1]) {
				o.reason = NoIssuer // a key of that name, and not the one
			}
			ended = append(ended, o)
		}
		if !reaches {
			reason := NoIssuer
			if w.selfSigned(path[len(path)-1]) {
				reason = Untrusted
			}
			broken = append(broken, w.broken(path, reason))
		}
	}
	all := append(ended, broken...)
	if w.paths().Cut || len(all) == 0 {
		return outcome{reason: TooMuch}
	}
	first := all[0]
	// Which of several ways the program tells of cannot be told from outside.
	first.several = slices.ContainsFunc(all, func(o outcome) bool { return w.alert(o) != w.alert(first) })
	return first
}

// namedPath is the path as far as the program takes each certificate's name for its issuer's.
func (w *world) namedPath(found []*chain.Certificate) (path []*x509.Certificate) {
	for k, c := range found {
		if k > 0 && !w.named(path[k-1], c.Certificate) {
			break
		}
		path = append(path, c.Certificate)
	}
	return path
}

// leads reports whether the program comes to look at a path that ends with a trusted certificate:
// some prefer what the client sent, and some compare the key identifiers of the last step.
func (w *world) leads(path []*x509.Certificate) bool {
	last := len(path) - 1
	if w.Choice.Ordered && last > 0 && w.inOrder() && !sameKeyID(path[last-1], path[last]) {
		return false
	}
	if !w.Choice.SentFirst {
		return true
	}
	for k := 1; k <= last; k++ {
		for _, c := range w.issuers(path[:k:k], w.Sent) {
			if c.Equal(path[k]) || !sameCA(c, path[k]) || contains(w.Sent, path[k]) {
				continue
			}
			// A root is looked for, too, where the one that was sent leads to none that will do.
			if k < last || slices.ContainsFunc(w.Anchors,
				func(a *x509.Certificate) bool { return w.named(c, a) && w.current(a) && !a.Equal(path[k]) }) {
				return false
			}
		}
	}
	return true
}

// inOrder reports whether each certificate sent names the next one's subject as its issuer.
func (w *world) inOrder() bool {
	below := w.Leaf
	for _, c := range w.Sent {
		if !w.named(below, c) {
			return false
		}
		below = c
	}
	return true
}
