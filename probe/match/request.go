package match

import (
	"crypto/tls"
	"slices"
	"strings"

	"mtlsprobe/certstore"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// Checks of what the request allows besides names.
var (
	RequestType = &Check{
		ID: "request.certificate-type", Title: "Type of key is not accepted", Good: "Type of key is accepted", Since: v1,
		Doc:      "Up to TLS 1.2 the server lists the certificate types it accepts, and this one's is not among them.",
		Citation: "RFC 5246, Section 7.4.4; RFC 8422, Section 5.5", HowTo: requestHowTo,
		Objections: objections(signingAlerts, []uint8{wire.AlertUnsupportedCertificate}), judge: requestType,
	}
	RequestScheme = &Check{
		ID: "request.signature-scheme", Title: "No allowed signature scheme fits the key",
		Good: "An allowed signature scheme fits the key", Since: v1,
		Doc:      "None of the signature schemes that the server allows can be used with this type of key.",
		Citation: "RFC 8446, Section 4.2.3; RFC 5246, Section 7.4.4", HowTo: requestHowTo,
		Objections: objections(signingAlerts), judge: requestScheme,
	}
	RequestChainSignature = &Check{
		ID: "request.chain-signature", Title: "A certificate is signed with a scheme not allowed",
		Good: "Certificates are signed with allowed schemes", Since: v1,
		Doc: "The server's list of signature schemes also applies to the signatures on the certificates. A server may " +
			"refuse a chain that is signed otherwise.",
		Citation: "RFC 8446, Section 4.4.2.3", Objections: objections(strengthAlerts), judge: requestChainSignature,
	}
)

func requestType(j *judgement) Finding {
	if j.Request == nil || j.Request.CertificateTypes == nil || j.identity.Leaf == nil {
		return notApplicable
	}
	var want wire.CertificateType
	switch certstore.KeyType(j.identity.Leaf) {
	case wire.RSAKey, wire.RSAPSSKey:
		want = wire.RSASign
	case wire.ECDSAKey, wire.Ed25519Key, wire.Ed448Key: // RFC 8422, Section 5.5
		want = wire.ECDSASign
	default:
		return unknown(say.Text("no certificate type is known for a key of ", certstore.KeyAlgorithm(j.identity.Leaf)))
	}
	if slices.Contains(j.Request.CertificateTypes, want) {
		return pass
	}
	return fail(say.Text("the key needs ", want, ", the server accepts ", j.Request.CertificateTypes),
		say.Text("use a certificate with a key of an accepted type"))
}

func requestScheme(j *judgement) Finding {
	if j.Request == nil || j.Request.SignatureSchemes == nil || j.identity.Leaf == nil {
		return notApplicable
	}
	algorithm := certstore.KeyAlgorithm(j.identity.Leaf)
	switch {
	case len(Usable(j.Request, j.identity)) > 0:
		return pass
	case certstore.KeyType(j.identity.Leaf) == "":
		return unknown(say.Text("no signature scheme is known for a key of ", algorithm))
	}
	return fail(say.Text("a key of ", algorithm, " fits none of ", schemeNames(j.Request.SignatureSchemes), " in ",
		wire.VersionName(j.Request.Version)),
		say.Text("use a certificate with a key that fits one of these schemes"))
}

// Usable returns the schemes of the request that fit the identity's type of key;
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
	return j.eachStored(say.Text("have the certificate issued with a signature that the server lists"),
		func(c *certificate) (say.Phrase, Result) {
			scheme, known := wire.SchemeOf(c.SignatureAlgorithm)
			if !known || string(c.RawSubject) == string(c.RawIssuer) || slices.Contains(allowed, scheme.ID) {
				return nil, Pass
			}
			return say.Text("is signed with ", scheme.Name, ", which is not on the server's list"), Warn
		})
}
