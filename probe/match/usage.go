package match

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"

	"mtlsprobe/certstore/chain"
	"mtlsprobe/report/say"
)

// Checks of what a certificate may be used for, and of its strength.
var (
	UsageExtended = &Check{
		ID: "usage.extended-key-usage", Title: "Not for client authentication",
		Good: "May be used for client authentication", Since: v1,
		Doc: "The extendedKeyUsage of the certificate, or of a CA above it, lists purposes and clientAuth is not among " +
			"them. Most servers refuse it; public CAs no longer issue certificates for client authentication.",
		Citation: "RFC 5280, Section 4.2.1.12", Objections: usageObjections, HowTo: requestHowTo, judge: usageExtended,
	}
	UsageKey = &Check{
		ID: "usage.key-usage", Title: "Key usage forbids signing", Good: "Key usage allows signing", Since: v1,
		Doc:      "TLS proves possession of the key by a signature, which keyUsage must allow with digitalSignature.",
		Citation: "RFC 5280, Section 4.2.1.3; RFC 8446, Section 4.4.2.4", Objections: usageObjections, HowTo: requestHowTo,
		judge: usageKey,
	}
	UsageCA = &Check{
		ID: "usage.ca", Title: "Certificate of a CA", Good: "An end-entity certificate", Since: v1,
		Doc: "The leaf itself is a CA certificate. Some servers refuse a CA as a client, and a CA's key should not be on " +
			"a client.",
		Citation: "RFC 5280, Section 4.2.1.9", Objections: usageObjections, HowTo: requestHowTo, judge: usageCA,
	}
	UsageNetscape = &Check{
		ID: "usage.netscape-cert-type", Title: "Netscape certificate type excludes clients",
		Good: "Netscape certificate type allows clients", Since: v3,
		Doc: "The certificate has the obsolete extension nsCertType without the client bit. OpenSSL still reads it and " +
			"refuses the certificate as one for another purpose, whatever its extendedKeyUsage says.",
		Citation: "OpenSSL, x509v3_config(5), Netscape Certificate Type", Objections: usageObjections, HowTo: requestHowTo,
		judge: usageNetscape,
	}
	StrengthKey = &Check{
		ID: "strength.key", Title: "Short key", Good: "Key is long enough", Since: v1,
		Doc:      "An RSA key below 2,048 bits is refused by default in current TLS libraries.",
		Citation: "NIST SP 800-131A; RFC 9325, Section 4.5", Objections: objections(strengthAlerts), HowTo: requestHowTo,
		judge: strengthKey,
	}
	StrengthSignature = &Check{
		ID: "strength.signature", Title: "Weak signature", Good: "Signatures are strong", Since: v1,
		Doc:      "A signature with SHA-1 is refused by default in current TLS libraries, one with MD5 everywhere.",
		Citation: "RFC 9155; RFC 9325, Section 4.5", Objections: objections(strengthAlerts, trustAlerts),
		HowTo: requestHowTo, judge: strengthSignature,
	}
)

func usageExtended(j *judgement) Finding {
	return j.eachStored(say.Text("have a certificate issued with extendedKeyUsage clientAuth"),
		func(c *certificate) (say.Phrase, Result) {
			if chain.ForClientAuth(c) {
				return nil, Pass
			}
			return say.Text("has an extendedKeyUsage without clientAuth"), Fail
		})
}

func usageKey(j *judgement) Finding {
	leaf := j.identity.Leaf
	switch {
	case leaf == nil:
		return unknown(nil)
	case leaf.KeyUsage == 0:
		return notApplicable
	case leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return fail(say.Text("keyUsage lacks digitalSignature"),
			say.Text("have a certificate issued with keyUsage digitalSignature"))
	}
	return pass
}

func usageCA(j *judgement) Finding {
	switch {
	case j.identity.Leaf == nil:
		return unknown(nil)
	case j.identity.Leaf.IsCA:
		return warn(say.Text("basicConstraints says CA"), say.Text("have an end-entity certificate issued for the client"))
	}
	return pass
}

func usageNetscape(j *judgement) Finding {
	netscapeCertType := asn1.ObjectIdentifier{2, 16, 840, 1, 113730, 1, 1}
	if j.identity.Leaf == nil {
		return unknown(nil)
	}
	for _, e := range j.identity.Leaf.Extensions {
		if !e.Id.Equal(netscapeCertType) {
			continue
		}
		var bits asn1.BitString
		if rest, err := asn1.Unmarshal(e.Value, &bits); err != nil || len(rest) > 0 {
			return warn(say.Text("the extension nsCertType cannot be decoded"),
				say.Text("have the certificate issued without nsCertType"))
		}
		const sslClient = 0 // the bit
		if bits.At(sslClient) == 0 {
			return fail(say.Text("nsCertType lacks the bit for SSL clients; servers that use OpenSSL refuse it"),
				say.Text("have the certificate issued without nsCertType"))
		}
		return pass
	}
	return notApplicable
}

func strengthKey(j *judgement) Finding {
	return j.eachStored(say.Text("use a key of at least 2,048 bits, or ECDSA"),
		func(c *certificate) (say.Phrase, Result) {
			if key, ok := c.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < 2048 {
				return say.Text("has an RSA key of ", key.N.BitLen(), " bits"), Warn
			}
			return nil, Pass
		})
}

// strengthSignature looks at every certificate of the path in use, wherever it
// comes from, and at what else is stored. Signatures of roots on themselves do not
// count.
func strengthSignature(j *judgement) Finding {
	weak := func(c *certificate) bool {
		return chain.IsWeak(c.SignatureAlgorithm) && string(c.RawSubject) != string(c.RawIssuer)
	}
	remedy := say.Text("have the certificate issued again with SHA-256")
	if leaf := j.identity.Leaf; leaf != nil && !weak(leaf) {
		remedy = say.Text("have the CA's certificate issued again with SHA-256, or leave it out of the bundle where the " +
			"server has a better one")
	}
	return j.each(j.concerned(), remedy, func(c *certificate) (say.Phrase, Result) {
		if !weak(c) {
			return nil, Pass
		}
		return say.Text("is signed with ", c.SignatureAlgorithm, ", which current TLS libraries refuse"), Fail
	})
}
