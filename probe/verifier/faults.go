package verifier

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"slices"

	"mtlsprobe/certstore/chain"
)

// Numbers of extensions in id-ce.
const (
	nameConstraints   = 30
	policyConstraints = 36
)

// A fault is one reason at one certificate of a path.
type fault struct {
	index  int
	reason Reason
}

// judge says what the program finds first on a path that ends with a trusted certificate.
func (w *world) judge(path []*x509.Certificate) outcome { return w.first(path, nil) }

// broken says what it finds first on a path that ends for the reason.
func (w *world) broken(path []*x509.Certificate, reason Reason) outcome {
	if reason == Untrusted && len(path) == 1 {
		reason = SelfSignedLeaf
	}
	return w.first(path, []fault{{len(path) - 1, reason}})
}

func (w *world) first(path []*x509.Certificate, found []fault) outcome {
	ends := len(found) == 0
	for _, f := range w.faults(path) {
		onAnchor := ends && f.index == len(path)-1
		if !slices.Contains(w.Reasons.Ignored, f.reason) && (!onAnchor || slices.Contains(w.Reasons.OnAnchor, f.reason) ||
			slices.Contains(w.Reasons.OnIntermediate, f.reason) && !w.selfSigned(path[f.index]) || w.strict() &&
			(f.reason == NoKeyUsage || f.reason == NoBasicConstraints)) {
			found = append(found, f)
		}
	}
	if len(found) == 0 {
		return outcome{path: path}
	}
	least := slices.MinFunc(found, func(a, b fault) int {
		class, at := w.class(a.reason)
		otherClass, otherAt := w.class(b.reason)
		byIndex := cmp.Compare(a.index, b.index)
		if class < len(w.Reasons.Order) && slices.Contains(w.Reasons.Order[class], Signature) {
			byIndex = -byIndex
		}
		return cmp.Or(cmp.Compare(class, otherClass), byIndex, cmp.Compare(at, otherAt))
	})
	return outcome{path: path, reason: least.reason, certificate: path[least.index]}
}

func (w *world) strict() bool { return w.settings.Strict != nil && *w.settings.Strict }

// class is the place of a reason in the program's order, and in its class there.
func (p *Profile) class(r Reason) (class, at int) {
	for class, reasons := range p.Reasons.Order {
		if at := slices.Index(reasons, r); at >= 0 {
			return class, at
		}
	}
	return len(p.Reasons.Order), 0
}

// faults are all that can be said against a path.
func (w *world) faults(path []*x509.Certificate) []fault {
	var faults []fault
	add := func(index int, reason Reason) { faults = append(faults, fault{index, reason}) }
	examined := w.examine(path)
	for _, b := range examined.Breaks {
		if reason := w.reason(b, path[b.Index]); reason != "" {
			add(b.Index, reason)
		}
	}
	leaf := path[0]
	switch {
	case w.Now.After(leaf.NotAfter):
		add(0, Expired)
	case w.Now.Before(leaf.NotBefore):
		add(0, NotYetValid)
	}
	if !w.LeafRules.EKU.allows(leaf) {
		add(0, Usage)
	}
	if !w.LeafRules.KeyUsage.allows(leaf) {
		add(0, LeafKeyUsage)
	}
	if w.LeafRules.Netscape == netscapeCounts && !netscapeAllows(leaf) ||
		w.LeafRules.Netscape == netscapeWithoutEKU && len(leaf.ExtKeyUsage) == 0 && !netscapeAllows(leaf) {
		add(0, NetscapeType)
	}
	if w.LeafRules.NoCA && leaf.IsCA {
		add(0, LeafIsCA)
	}
	for index, c := range path {
		if w.unsupported(c) {
			add(index, Unsupported)
		} else if w.refusesKey(c) {
			add(index, Key)
		}
		if w.Extensions.HostsNeeded && index > 0 && len(c.PermittedDNSDomains) > 0 && len(leaf.DNSNames) == 0 {
			add(index, Constraint)
		}
		if w.refusesExtension(c) {
			add(index, Critical)
		}
		if index < len(path)-1 {
			if reason := w.refusesSignature(c); reason != "" {
				add(index, reason)
			}
		}
		if index > 0 {
			if !w.CA.EKU.allows(c) {
				add(index, CAUsage)
			}
			if c.KeyUsage == 0 && (w.CA.NeedsKeyUsage || w.strict()) {
				add(index, NoKeyUsage)
			}
		}
		if w.strict() && index < len(path)-1 && len(c.AuthorityKeyId) == 0 {
			add(index, NoKeyIdentifier)
		}
		if depth := w.settings.Depth; depth != nil && index > *depth &&
			(w.Settable.Counts == caCertificates || index < len(path)-1) {
			add(index, TooLong)
		}
	}
	return faults
}

// reason is the one for a break; empty where the program has rules of its own for it.
func (w *world) reason(b chain.Break, c *x509.Certificate) Reason {
	switch b.Reason {
	case chain.Expired:
		return Expired
	case chain.NotYetValid:
		return NotYetValid
	case chain.Signature:
		return Signature
	case chain.Unverified:
		return Key
	case chain.NotCA:
		if !c.BasicConstraintsValid {
			return NoBasicConstraints
		}
		return NotCA
	case chain.MaySign:
		return MaySign
	case chain.Length:
		return Length
	case chain.Policy:
		return Policy
	case chain.Critical:
		if !w.Extensions.AsGo {
			return Critical
		}
	case chain.Names:
		if !slices.Contains(w.Extensions.Forms, b.Form) || b.Form == "" {
			return Constraint
		}
	}
	return ""
}

// least is what OpenSSL's security level wants of keys, in bits: SSL_CTX_set_security_level(3).
func least(level int) (rsaBits, ecBits int) {
	switch level {
	case 0:
		return 0, 0
	case 1:
		return 1024, 160
	case 2:
		return 2048, 224
	case 3:
		return 3072, 256
	case 4:
		return 7680, 384
	}
	return 15360, 512
}

func (w *world) unsupported(c *x509.Certificate) bool {
	_, ed := c.PublicKey.(ed25519.PublicKey)
	return ed && w.Keys.NoEd25519
}

func (w *world) refusesKey(c *x509.Certificate) bool {
	rsaBits, ecBits := 0, 0
	if level := w.settings.SecurityLevel; level != nil {
		rsaBits, ecBits = least(*level)
	}
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() < max(rsaBits, w.Keys.MinRSA)
	case *ecdsa.PublicKey:
		return key.Curve.Params().BitSize < ecBits || w.Keys.NoP224 && key.Curve == elliptic.P224() ||
			w.Keys.NoP521 && key.Curve == elliptic.P521()
	}
	return false
}

// refusesSignature says what is wrong with the algorithm of a certificate's signature; empty
// for nothing.
func (w *world) refusesSignature(c *x509.Certificate) Reason {
	level := w.settings.SecurityLevel
	raised := level != nil && *level > 0
	switch c.SignatureAlgorithm {
	case x509.MD5WithRSA, x509.MD2WithRSA:
		if !w.Keys.MD5 && (level == nil || raised) {
			return Weak
		}
	case x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.DSAWithSHA1:
		if w.Keys.NoSHA1 || raised && *level > w.Keys.SHA1Level {
			return Weak
		}
	case x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS:
		if w.Keys.NoPSS {
			return Algorithm
		}
	}
	return ""
}

func (w *world) refusesExtension(c *x509.Certificate) bool {
	if w.Extensions.AsGo && len(c.UnhandledCriticalExtensions) > 0 {
		return true
	}
	for _, e := range c.Extensions {
		is := func(n int) bool { return e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, n}) }
		if e.Critical && slices.ContainsFunc(w.Extensions.Unhandled, is) || w.Extensions.ConstraintsOfCA && !c.IsCA &&
			is(nameConstraints) {
			return true
		}
	}
	return false
}

// netscapeAllows reports whether nsCertType, if it is there, has the bit "SSL client".
func netscapeAllows(c *x509.Certificate) bool {
	for _, e := range c.Extensions {
		if !e.Id.Equal(asn1.ObjectIdentifier{2, 16, 840, 1, 113730, 1, 1}) {
			continue
		}
		var bits asn1.BitString
		rest, err := asn1.Unmarshal(e.Value, &bits)
		return err != nil || len(rest) > 0 || bits.At(0) == 1
	}
	return true
}
