package verifier

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"slices"
	"strings"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/chain"
)

// mostCertificates bounds a path of those that do not turn back: each of their steps goes
// to another certificate.
const mostCertificates = 100

func (w *world) partial() bool { return w.settings.PartialChain != nil && *w.settings.PartialChain }

// selfSigned reports whether the program takes the certificate for self-signed.
func (w *world) selfSigned(c *x509.Certificate) bool {
	switch {
	case !w.named(c, c):
		return false
	case w.Choice.Self == SelfNamed:
		return true
	case w.Choice.Self == SelfIdentified:
		return w.identified(c, c)
	case w.Choice.Self == SelfIssuing:
		return w.identified(c, c) && (c.KeyUsage == 0 || c.KeyUsage&x509.KeyUsageCertSign != 0)
	}
	return chain.Signed(c, c)
}

// named reports whether a certificate's issuer has the other's name.
func (w *world) named(child, parent *x509.Certificate) bool {
	if bytes.Equal(child.RawIssuer, parent.RawSubject) {
		return true
	}
	a, b := w.graph.Key(child.RawIssuer), w.graph.Key(parent.RawSubject)
	switch w.Names {
	case Exact:
		return false
	case ExactToAnchor:
		return !w.trusts(parent) && certstore.NameString(child.RawIssuer) == certstore.NameString(parent.RawSubject)
	case FoldedCase:
		return a == b && strings.Count(string(child.RawIssuer), " ") == strings.Count(string(parent.RawSubject), " ")
	default:
		return a == b
	}
}

// identified reports whether the child's authority key identifier, as far as the program
// looks at it, can mean the parent.
func (w *world) identified(child, parent *x509.Certificate) bool {
	if !w.Choice.Identifiers {
		return true
	}
	return sameKeyID(child, parent) && (!w.Choice.Serials || chain.MeansSerial(child, parent))
}

func sameKeyID(child, parent *x509.Certificate) bool {
	return len(child.AuthorityKeyId) == 0 || len(parent.SubjectKeyId) == 0 ||
		bytes.Equal(child.AuthorityKeyId, parent.SubjectKeyId)
}

// firstIssuers follows the issuer that the program likes best, and does not turn back.
func (w *world) firstIssuers() outcome {
	path := []*x509.Certificate{w.Leaf}
	for {
		last := path[len(path)-1]
		if w.ends(path) {
			return w.judge(path)
		}
		if w.selfSigned(last) && w.Choice.Self != SelfGoesOn {
			return w.broken(path, Untrusted)
		}
		next, ambiguous := w.issuer(path)
		switch {
		case ambiguous:
			return outcome{reason: Ambiguous, certificate: last, path: path}
		case next == nil || len(path) > mostCertificates:
			return w.broken(path, NoIssuer)
		}
		path = append(path, next)
	}
}

// ends reports whether a path ends here, with a trusted certificate.
func (w *world) ends(path []*x509.Certificate) bool {
	last := path[len(path)-1]
	if !w.trusts(last) || len(path) == 1 && w.Choice.NoLeaf && (!w.selfSigned(last) || w.Choice.NoSelfSigned) {
		return false
	}
	return w.partial() || w.selfSigned(last) || w.named(last, last) && w.identified(last, last)
}

// issuer is the certificate that the program takes for the issuer of the path's last one; nil
// for none. It is ambiguous where several trusted ones with different keys will do, and which
// is taken cannot be told.
func (w *world) issuer(path []*x509.Certificate) (best *x509.Certificate, ambiguous bool) {
	last := path[len(path)-1]
	trusted, sent := w.issuers(path, w.Anchors), w.issuers(path, w.Sent)
	if w.Choice.Later {
		sent = slices.DeleteFunc(sent, func(c *x509.Certificate) bool {
			return slices.IndexFunc(w.Sent, c.Equal) < slices.IndexFunc(w.Sent, last.Equal)
		})
	}
	if w.Choice.TrustedOnly && len(path) > 1 && w.trusts(last) {
		sent = nil
	}
	if w.Choice.Reverse {
		slices.Reverse(trusted)
	}
	if w.Choice.Newest {
		return w.newest(path, trusted, sent), false
	}
	if w.Choice.AnchorCurrent && len(sent) > 0 {
		trusted = slices.DeleteFunc(trusted, func(c *x509.Certificate) bool { return !w.current(c) })
	}
	if best := w.best(trusted); best != nil {
		other := func(c *x509.Certificate) bool {
			return !bytes.Equal(c.RawSubjectPublicKeyInfo, best.RawSubjectPublicKeyInfo)
		}
		return best, w.Choice.Unordered && slices.ContainsFunc(trusted, other)
	}
	return w.best(sent), false
}

// issuers are those that can have issued the path's last certificate.
func (w *world) issuers(path, among []*x509.Certificate) (found []*x509.Certificate) {
	child := path[len(path)-1]
	for _, c := range among {
		if contains(path, c) || !w.named(child, c) || !w.identified(child, c) ||
			!w.Choice.Newest && w.mayNotIssue(path, c) > 0 {
			continue
		}
		found = append(found, c)
	}
	return found
}

// mayNotIssue says, as a place in Choice.Issuing and counted from 1, why the program does not like
// to take a certificate as the next of the path; 0 for no reason.
func (w *world) mayNotIssue(path []*x509.Certificate, c *x509.Certificate) (why int) {
	if len(w.Choice.Issuing) == 0 && !w.Choice.AnchorSigns {
		return 0
	}
	for _, f := range w.faults(append(slices.Clip(path), c)) {
		switch {
		case w.Choice.AnchorSigns && w.trusts(c) && f.index == len(path)-1 && f.reason == Signature:
			return 1
		case f.index == len(path):
			why = max(why, 1+slices.Index(w.Choice.Issuing, f.reason))
		}
	}
	return why
}

func (w *world) current(c *x509.Certificate) bool {
	return !w.Now.After(c.NotAfter) && !w.Now.Before(c.NotBefore)
}

// best is the first one, or the first that is valid now, or else the one that ends last.
func (w *world) best(certs []*x509.Certificate) *x509.Certificate {
	if len(certs) == 0 {
		return nil
	}
	if !w.Choice.Current {
		return certs[0]
	}
	if at := slices.IndexFunc(certs, w.current); at >= 0 {
		return certs[at]
	}
	return slices.MaxFunc(certs, func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) })
}

// newest is the one that may issue, is valid now and began last; of those that are equal, a
// trusted one, or else the one sent last.
func (w *world) newest(path, trusted, sent []*x509.Certificate) *x509.Certificate {
	sent = slices.Clone(sent)
	slices.Reverse(sent)
	all := slices.Concat(trusted, sent)
	if len(all) == 0 {
		return nil
	}
	rank := func(c *x509.Certificate) (rank int) {
		rank = 2 * w.mayNotIssue(path, c)
		if !w.current(c) {
			rank++
		}
		return rank
	}
	return slices.MinFunc(all, func(a, b *x509.Certificate) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), b.NotBefore.Compare(a.NotBefore))
	})
}

// anyPath takes any path that holds. Of several that do not, it tells the first that leads to
// a trusted certificate.
func (w *world) anyPath() outcome {
	if len(w.Sent) == 0 && w.Choice.Self == SelfNamed && w.named(w.Leaf, w.Leaf) {
		return w.broken([]*x509.Certificate{w.Leaf}, Untrusted)
	}
	if w.Choice.Ordered && !w.inOrder() {
		rules := *w.Profile
		rules.OnAnchor = append(slices.Clip(rules.OnAnchor), rules.OnBuilt...)
		w.Profile = &rules
	}
	var ended, broken []outcome
	for _, found := range w.graph.Paths(w.Leaf, w.Now).Paths {
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
// some prefer what the client sent, and some hold the last step against its identifiers.
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

// asSent sorts what was sent, each one's issuer after it, and what is left over after that,
// until a trusted certificate has issued the last one. That or the last one's own name then
// leads to the trusted certificate.
func (w *world) asSent() outcome {
	list := w.sorted()
	if len(list) > 1 && w.selfSigned(list[len(list)-1]) {
		list = list[:len(list)-1]
	}
	last := list[len(list)-1]
	first := w.broken(list, NoIssuer)
	for _, name := range [][]byte{last.RawIssuer, last.RawSubject} {
		path := w.anchored(list, name)
		if path == nil {
			continue
		}
		if first = w.judge(path); first.reason == "" && w.joined(path) {
			return first
		}
		if first.reason == "" {
			first = w.broken(list, NoIssuer)
		}
	}
	return first
}

// joined reports whether each certificate of the path names the next one as its issuer.
func (w *world) joined(path []*x509.Certificate) bool {
	for k, c := range path[1:] {
		if !w.named(path[k], c) || !w.identified(path[k], c) {
			return false
		}
	}
	return true
}

// sorted is the leaf with what was sent, as asSent orders it.
func (w *world) sorted() []*x509.Certificate {
	list, rest := []*x509.Certificate{w.Leaf}, slices.Clone(w.Sent)
	for len(list) <= mostCertificates {
		last := list[len(list)-1]
		next := slices.IndexFunc(rest, func(c *x509.Certificate) bool { return w.named(last, c) && w.identified(last, c) })
		if next < 0 {
			if w.anchorOf(last, w.Anchors) != nil || len(rest) == 0 {
				break
			}
			next = 0
		}
		list = append(list, rest[next])
		rest = slices.Delete(rest, next, next+1)
	}
	return list
}

// anchorOf is the last of the trusted certificates that can have issued the certificate; nil
// for none.
func (w *world) anchorOf(c *x509.Certificate, anchors []*x509.Certificate) *x509.Certificate {
	for _, a := range slices.Backward(anchors) {
		if w.named(c, a) && w.identified(c, a) {
			return a
		}
	}
	return nil
}

// anchored is the list, cut where a trusted certificate of the name stands for one of the list's, or
// with one that can have issued its last; nil if neither is there.
func (w *world) anchored(list []*x509.Certificate, name []byte) []*x509.Certificate {
	var anchors []*x509.Certificate
	for _, a := range w.Anchors {
		if bytes.Equal(a.RawSubject, name) {
			anchors = append(anchors, a)
		}
	}
	for n, c := range list {
		if at := slices.IndexFunc(anchors, func(a *x509.Certificate) bool { return sameCA(a, c) }); at >= 0 {
			return append(slices.Clone(list[:n]), anchors[at])
		}
	}
	if a := w.anchorOf(list[len(list)-1], anchors); a != nil {
		return append(slices.Clone(list), a)
	}
	return nil
}

// eachSent judges every certificate sent, the last one first: what holds may issue those
// before it, and what does not refuses them all, unless it is a CA's whose issuer is unknown.
func (w *world) eachSent() outcome {
	issuing, rules := *w, *w.Profile // what is wanted of a client's certificate is not of a CA's
	rules.LeafEKU, rules.KeyUsage = AnyUsage, AnyKeyUsage
	issuing.Profile = &rules
	var signers [][]*x509.Certificate // each with its path, the latest last
	for _, c := range w.Anchors {
		signers = append(signers, []*x509.Certificate{c})
	}
	for _, c := range slices.Backward(slices.Concat([]*x509.Certificate{w.Leaf}, w.Sent)) {
		leaf := c.Equal(w.Leaf)
		if leaf && w.ends([]*x509.Certificate{c}) {
			return w.judge([]*x509.Certificate{c})
		}
		var path []*x509.Certificate
		for _, s := range signers {
			if w.named(c, s[0]) && w.identified(c, s[0]) {
				path = append([]*x509.Certificate{c}, s...)
				break
			}
		}
		switch {
		case path == nil && c.IsCA && !leaf:
			continue
		case path == nil && !leaf:
			return issuing.broken([]*x509.Certificate{c}, NoIssuer)
		case path == nil && w.selfSigned(c):
			return w.broken([]*x509.Certificate{c}, Untrusted)
		case path == nil:
			return w.broken([]*x509.Certificate{c}, NoIssuer)
		}
		if !leaf && slices.ContainsFunc(signers, func(s []*x509.Certificate) bool { return sameCA(s[0], c) }) {
			if o := issuing.judge(path); slices.Contains([]Reason{Signature, Expired, NotYetValid}, o.reason) {
				return o
			}
			continue // it is known as an issuer already, and not held against the rules for one
		}
		if leaf {
			return w.judge(path)
		}
		if o := issuing.judge(path); o.reason != "" {
			return o
		}
		if !c.IsCA {
			continue
		}
		if c.KeyUsage&x509.KeyUsageCertSign == 0 { // without the extension, too
			return outcome{path: path, reason: MaySign, certificate: c}
		}
		signers = append(signers, path)
	}
	return outcome{}
}

// sameCA reports whether two certificates are of one name and key.
func sameCA(a, b *x509.Certificate) bool {
	return bytes.Equal(a.RawSubject, b.RawSubject) && bytes.Equal(a.RawSubjectPublicKeyInfo, b.RawSubjectPublicKeyInfo)
}
