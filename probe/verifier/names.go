package verifier

import (
	"bytes"
	"crypto/x509"
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
	case w.Choice.Self == selfNamed:
		return true
	case w.Choice.Self == selfIdentified:
		return w.identified(c, c)
	case w.Choice.Self == selfIssuing:
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
	case exact:
		return false
	case exactToAnchor:
		return !w.trusts(parent) && certstore.NameString(child.RawIssuer) == certstore.NameString(parent.RawSubject)
	case foldedCase:
		spaces := func(name []byte) int { return strings.Count(certstore.NameString(name), " ") }
		return a == b && spaces(child.RawIssuer) == spaces(parent.RawSubject)
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

// sameCA reports whether two certificates are of one name and key.
func sameCA(a, b *x509.Certificate) bool {
	return bytes.Equal(a.RawSubject, b.RawSubject) && bytes.Equal(a.RawSubjectPublicKeyInfo, b.RawSubjectPublicKeyInfo)
}
