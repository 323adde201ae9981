package verifier

import (
	"bytes"
	"crypto/x509"
	"slices"
)

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

// anchorOf is the last of the trusted certificates that can have issued the certificate, one that is
// valid now before others; nil for none.
func (w *world) anchorOf(c *x509.Certificate, anchors []*x509.Certificate) (anchor *x509.Certificate) {
	for _, a := range anchors {
		if w.named(c, a) && w.identified(c, a) && (anchor == nil || w.current(a) || !w.current(anchor)) {
			anchor = a
		}
	}
	return anchor
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
	rules.LeafRules.EKU, rules.LeafRules.KeyUsage = anyUsage, anyKeyUsage
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
		if c.KeyUsage == 0 {
			return outcome{path: path, reason: NoKeyUsage, certificate: c}
		}
		if c.KeyUsage&x509.KeyUsageCertSign == 0 {
			return outcome{path: path, reason: MaySign, certificate: c}
		}
		signers = append(signers, path)
	}
	return outcome{}
}
