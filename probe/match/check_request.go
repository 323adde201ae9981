package match

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"mtlsprobe/certstore"
	"mtlsprobe/probe/wire"
)

func requestType(j *judgement) Finding {
	if j.Request == nil || j.Request.CertificateTypes == nil || j.identity.Leaf == nil {
		return notApplicable
	}
	var want wire.CertificateType
	switch kind, _, _ := strings.Cut(certstore.KeyAlgorithm(j.identity.Leaf), " "); kind {
	case "RSA", "RSA-PSS":
		want = wire.RSASign
	case "ECDSA", "Ed25519", "Ed448": // RFC 8422, Section 5.5
		want = wire.ECDSASign
	default:
		return Finding{Result: Unknown, Detail: "no certificate type is known for a key of " + certstore.KeyAlgorithm(j.identity.Leaf)}
	}
	if slices.Contains(j.Request.CertificateTypes, want) {
		return pass
	}
	return fail(fmt.Sprintf("the key needs %v, the server accepts %v", want, j.Request.CertificateTypes), "use a certificate with an accepted kind of key")
}

func requestScheme(j *judgement) Finding {
	if j.Request == nil || j.Request.SignatureSchemes == nil || j.identity.Leaf == nil {
		return notApplicable
	}
	switch {
	case len(Usable(j.Request, j.identity)) > 0:
		return pass
	case !certstore.SchemesKnown(j.identity.Leaf):
		return Finding{Result: Unknown, Detail: "no signature scheme is known for a key of " + certstore.KeyAlgorithm(j.identity.Leaf)}
	}
	return fail(fmt.Sprintf("a key of %s fits none of %s in %s", certstore.KeyAlgorithm(j.identity.Leaf), schemeNames(j.Request.SignatureSchemes), wire.VersionName(j.Request.Version)),
		"use a certificate with a key that one of these schemes fits")
}

// Usable returns the schemes of the request that fit the identity's kind of key;
// before TLS 1.2, where a request names none, those that the version implies.
func Usable(r *wire.CertificateRequest, i *certstore.Identity) []tls.SignatureScheme {
	if i.Leaf == nil {
		return nil
	}
	offered := []tls.SignatureScheme{tls.PSSWithSHA256, tls.PKCS1WithSHA256, tls.ECDSAWithP256AndSHA256, tls.Ed25519}
	var version uint16
	if r != nil {
		version = r.Version
		if r.SignatureSchemes != nil {
			offered = r.SignatureSchemes
		}
	}
	var usable []tls.SignatureScheme
	for _, s := range offered {
		if certstore.Fits(i.Leaf, s, version) {
			usable = append(usable, s)
		}
	}
	return usable
}

func schemeNames(schemes []tls.SignatureScheme) string {
	names := make([]string, len(schemes))
	for i, s := range schemes {
		names[i] = wire.SchemeName(s)
	}
	return strings.Join(names, ", ")
}

func requestChainSignature(j *judgement) Finding {
	if j.Request == nil || j.Request.SignatureSchemes == nil {
		return notApplicable
	}
	allowed := j.Request.SignatureSchemesCert
	if allowed == nil {
		allowed = j.Request.SignatureSchemes
	}
	return j.eachFinding(Warn, "have the certificate issued with a signature that the server lists", func(c *certificate) string {
		scheme, known := SignedWith(c)
		if !known || string(c.RawSubject) == string(c.RawIssuer) || slices.Contains(allowed, scheme) {
			return ""
		}
		return fmt.Sprintf("is signed with %s, which is not on the server's list", wire.SchemeName(scheme))
	})
}

// SignedWith maps a certificate's signature algorithm to the scheme that stands
// for it. The ECDSA schemes stand for the hash with any curve here.
func SignedWith(c *certificate) (tls.SignatureScheme, bool) {
	switch c.SignatureAlgorithm {
	case x509.SHA1WithRSA:
		return tls.PKCS1WithSHA1, true
	case x509.SHA256WithRSA:
		return tls.PKCS1WithSHA256, true
	case x509.SHA384WithRSA:
		return tls.PKCS1WithSHA384, true
	case x509.SHA512WithRSA:
		return tls.PKCS1WithSHA512, true
	case x509.SHA256WithRSAPSS:
		return tls.PSSWithSHA256, true
	case x509.SHA384WithRSAPSS:
		return tls.PSSWithSHA384, true
	case x509.SHA512WithRSAPSS:
		return tls.PSSWithSHA512, true
	case x509.ECDSAWithSHA1:
		return tls.ECDSAWithSHA1, true
	case x509.ECDSAWithSHA256:
		return tls.ECDSAWithP256AndSHA256, true
	case x509.ECDSAWithSHA384:
		return tls.ECDSAWithP384AndSHA384, true
	case x509.ECDSAWithSHA512:
		return tls.ECDSAWithP521AndSHA512, true
	case x509.PureEd25519:
		return tls.Ed25519, true
	}
	return 0, false
}
