package verifier

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"slices"
)

// firstIssuers follows the issuer that the program likes best, and does not turn back.
func (w *world) firstIssuers() outcome {
	path := []*x509.Certificate{w.Leaf}
	for {
		last := path[len(path)-1]
		if w.ends(path) {
			return w.judge(path)
		}
		if w.selfSigned(last) && w.Choice.Self != selfGoesOn {
			return w.broken(path, Untrusted)
		}
		next, ambiguous := w.issuer(path)
		switch {
		case ambiguous:
			return outcome{reason: Ambiguous, certificate: last, path: path}
		case next == nil:
			return w.broken(path, NoIssuer)
		case len(path) > mostCertificates && w.settings.Depth != nil:
			return w.broken(path, TooLong)
		case len(path) > mostCertificates:
			return outcome{reason: TooMuch}
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
