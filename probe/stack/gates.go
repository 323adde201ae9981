package stack

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"slices"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/probe/match"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

func tooLarge(size, limit int) say.Phrase {
	return say.Text("the request has ", size, " bytes, and this client accepts ", limit)
}

// usage is the gate of dates and usages.
func (p *Predictor) usage(profile *Profile, i *certstore.Identity) *Prediction {
	g, now := profile.Gate, p.question.Now
	withheld := func(reason, remedy say.Phrase) *Prediction {
		return &Prediction{Sends: say.No, Action: Declines, Reason: reason, Remedy: remedy, Fault: true}
	}
	switch {
	case g.Expired && now.After(i.Leaf.NotAfter):
		return withheld(say.Text("it has expired, and this client does not offer it"),
			say.Text("have the certificate renewed"))
	case g.NotYetValid && now.Before(i.Leaf.NotBefore):
		return withheld(say.Text("it is not yet valid, and this client does not offer it"),
			say.Text("wait until then, or correct the clock"))
	case g.ExtKeyUsage && !clientAuth(i.Leaf):
		return withheld(say.Text("its extendedKeyUsage lacks clientAuth, and this client does not offer it"),
			say.Text("have a certificate issued with extendedKeyUsage clientAuth"))
	}
	return p.keyUsage(profile, i)
}

// keyUsage is the gate of a keyUsage that does not allow signatures.
func (p *Predictor) keyUsage(profile *Profile, i *certstore.Identity) *Prediction {
	g := profile.Gate
	_, isECDSA := i.Leaf.PublicKey.(*ecdsa.PublicKey)
	if i.Leaf.KeyUsage == 0 || i.Leaf.KeyUsage&x509.KeyUsageDigitalSignature != 0 || g.KeyUsageECDSA && !isECDSA {
		return nil
	}
	f := g.KeyUsage12
	if p.question.Request.Version >= tls.VersionTLS13 {
		f = g.KeyUsage13
	}
	if g.KeyUsageUnnamed != (failure{}) && len(p.named) == 0 {
		f = g.KeyUsageUnnamed
	}
	reason := say.Text("its keyUsage lacks digitalSignature, and this client gives up")
	switch f.Action {
	case "":
		return nil
	case Declines:
		reason = say.Text("its keyUsage lacks digitalSignature, and this client does not offer it")
	}
	return f.of(f, reason, say.Text("have a certificate issued with keyUsage digitalSignature"))
}

// schemes asks whether the key can make a signature that the server allows.
func (p *Predictor) schemes(profile *Profile, i *certstore.Identity) *Prediction {
	r, s := p.question.Request, profile.Schemes
	old := r.Version < tls.VersionTLS13
	_, isEd25519 := i.Leaf.PublicKey.(ed25519.PublicKey)
	none := s.None.In13
	if old {
		none = s.None.In12
		if s.None.RSA12 != (failure{}) && certstore.KeyType(i.Leaf) == wire.RSAKey {
			none = s.None.RSA12
		}
		withSHA1 := s
		withSHA1.NoSHA1 = false
		if s.None.SHA1 != (failure{}) && len(p.fitting(withSHA1, i.Leaf, true)) > 0 {
			none = s.None.SHA1
		}
	}
	cannot := func(reason say.Phrase, f failure) *Prediction {
		return f.of(f, reason, say.Text("use a certificate with a kind of key that the server allows"))
	}
	switch {
	case isEd25519 && s.Ed25519 == noEd25519:
		return cannot(say.Text("it has no support for Ed25519"), declines)
	case isEd25519 && s.Ed25519 == unreadEd25519:
		return cannot(say.Text("it reads no keys of Ed25519"), fails)
	case isEd25519 && s.Ed25519 == noEd25519To12 && old:
		return cannot(say.Text("it has no support for Ed25519 up to TLS 1.2"), declines)
	case isEd25519 && s.Ed25519 == typedEd25519To12 && old && len(p.named) > 0:
		return cannot(say.Text("up to TLS 1.2 no certificate type stands for an Ed25519 key, so that none of the names "+
			"fits"), declines)
	case s.Types && old && len(r.CertificateTypes) > 0 && !slices.Contains(r.CertificateTypes, certificateType(i.Leaf)):
		return cannot(say.Text("the server's certificate types ", r.CertificateTypes, " have none for this key"),
			failure{Action: cmp.Or(s.None.Type.Action, Declines), Alert: s.None.Type.Alert})
	case len(r.SignatureSchemes) == 0 || r.Version == 0:
		return nil // nothing is known of them
	case len(p.fitting(s, i.Leaf, true)) == 0 && !s.KeyTypeOnly:
		if len(p.fitting(s, i.Leaf, false)) > 0 && (old && s.Length.Unchecked12 || !old && s.Length.Unchecked13) {
			short := s.Length.Short13
			if old {
				short = s.Length.Short12
			}
			if short == (failure{}) {
				short = signsAway
			}
			return cannot(say.Text("the key is too short for the schemes that the server allows"), short)
		}
		return cannot(say.Text("no signature scheme that the server allows fits the key"), none)
	case s.NamedPKCS1 && !old && len(p.named) > 0 && certstore.KeyType(i.Leaf) == wire.RSAKey && !p.offersPKCS1():
		return cannot(say.Text("no scheme of RSASSA-PKCS1 is on the list, by which it tells that RSA keys are allowed"),
			declines)
	case s.KeyTypeOnly && !p.anyOfKind(i.Leaf):
		return cannot(say.Text("no signature scheme that the server allows fits the kind of key"), declines)
	case s.KeyTypeOnly && len(p.fitting(s, i.Leaf, true)) == 0:
		if verdict := p.signed(profile, i); verdict != nil {
			return verdict
		}
		return cannot(say.Text("the kind of key fits, and its curve or length does not"), none)
	}
	return p.signed(profile, i)
}

// signed asks of the certificates what a client that applies the schemes to their signatures
// asks (RFC 8446, Section 4.4.2.2).
func (p *Predictor) signed(profile *Profile, i *certstore.Identity) *Prediction {
	allowed := p.question.Request.SignatureSchemesCert
	if allowed == nil {
		allowed = p.question.Request.SignatureSchemes
	}
	same := func(a, b wire.Scheme) bool { return a.ID == b.ID }
	certs := []*x509.Certificate{i.Leaf}
	switch {
	case profile.Schemes.Signed == noSignature:
		return nil
	case profile.Schemes.Signed == leafByHash:
		same = func(a, b wire.Scheme) bool { return a.Key == b.Key && a.Hash == b.Hash }
	case profile.Chain == sorted:
		certs = append(certs, sortedChain(i)...)
	default:
		certs = append(certs, i.Chain...)
	}
	for _, c := range certs {
		scheme, known := wire.SchemeOf(c.SignatureAlgorithm)
		listed := slices.ContainsFunc(allowed, func(id tls.SignatureScheme) bool {
			other, found := wire.LookupScheme(id)
			return found && same(scheme, other)
		})
		if known && !selfIssued(c) && !listed {
			return &Prediction{Sends: say.No, Action: Declines, Fault: true,
				Reason: say.Text(match.Name(c.RawSubject), " is signed with ", scheme.Name, ", which the server does not list"),
				Remedy: say.Text("have the certificate issued with a signature that the server lists")}
		}
	}
	return nil
}

func certificateType(c *x509.Certificate) wire.CertificateType {
	if _, ok := c.PublicKey.(*rsa.PublicKey); ok {
		return wire.RSASign
	}
	return wire.ECDSASign
}

// fitting returns the schemes that the key can be used with under the rules.
func (p *Predictor) fitting(s schemeRules, leaf *x509.Certificate, size bool) []tls.SignatureScheme {
	version := p.question.Request.Version
	if s.CurveBound12 && leaf.PublicKeyAlgorithm == x509.ECDSA {
		version = tls.VersionTLS13
	}
	var fitting []tls.SignatureScheme
	for _, scheme := range p.question.Request.SignatureSchemes {
		if s.NoSHA1 && (scheme == tls.PKCS1WithSHA1 || scheme == tls.ECDSAWithSHA1) {
			continue
		}
		if known, _ := wire.LookupScheme(scheme); s.PKCS1Only12 && version < tls.VersionTLS13 && known.PSS {
			continue
		}
		if certstore.Fits(leaf, scheme, version) && (!size || longEnough(leaf, scheme)) {
			fitting = append(fitting, scheme)
		}
	}
	return fitting
}

func (p *Predictor) offersPKCS1() bool {
	return slices.ContainsFunc(p.question.Request.SignatureSchemes, func(s tls.SignatureScheme) bool {
		return slices.Contains([]tls.SignatureScheme{tls.PKCS1WithSHA1, tls.PKCS1WithSHA256, tls.PKCS1WithSHA384,
			tls.PKCS1WithSHA512}, s)
	})
}

func longEnough(leaf *x509.Certificate, id tls.SignatureScheme) bool {
	scheme, _ := wire.LookupScheme(id)
	return scheme.LongEnough(leaf.PublicKey)
}

func (p *Predictor) anyOfKind(leaf *x509.Certificate) bool {
	return slices.ContainsFunc(p.question.Request.SignatureSchemes,
		func(s tls.SignatureScheme) bool { return certstore.Fits(leaf, s, 0) })
}

// newest returns the issuer that NSS and what is built on it prefer: valid now,
// then the latest notBefore. tied says that another one is as good.
func newest(certs []*x509.Certificate, now time.Time) (best *x509.Certificate, tied bool) {
	valid := func(c *x509.Certificate) bool { return validAt(c, now) }
	for _, c := range certs {
		switch {
		case best == nil || valid(c) && !valid(best) || valid(c) == valid(best) && c.NotBefore.After(best.NotBefore):
			best, tied = c, false
		case valid(c) == valid(best) && c.NotBefore.Equal(best.NotBefore):
			tied = true
		}
	}
	return best, tied
}
