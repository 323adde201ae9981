package certstore

import (
	encoding "encoding/asn1"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// A foreignError is about a key that this program cannot use: of a kind that is
// known here by name only, or encrypted in a way that is not known.
type foreignError struct {
	kind      string
	algorithm string // object identifier
	sealed    bool   // the way of encryption; of what kind the key is, is not known
}

func (e *foreignError) Error() string { return e.kind + ", which this program cannot use" }

func isForeign(err error) bool {
	var foreign *foreignError
	return errors.As(err, &foreign)
}

const dsaKey = "a DSA key (TLS 1.3 dropped them)"

// foreignKey names the kind of a private key that Go does not parse: PKCS#8 with an
// algorithm of its own, an EC key (SEC 1) on another curve, or a DSA key. Both are
// empty for what is no such key.
func foreignKey(der []byte) (kind, algorithm string) {
	s := cryptobyte.String(der)
	var key, parameters cryptobyte.String
	var version int64
	if !s.ReadASN1(&key, asn1.SEQUENCE) || !key.ReadASN1Integer(&version) {
		return "", ""
	}
	if key.PeekASN1Tag(asn1.OCTET_STRING) { // SEC 1, Section C.4
		var params cryptobyte.String
		if !key.SkipASN1(asn1.OCTET_STRING) || !key.ReadASN1(&params, asn1.Tag(0).Constructed().ContextSpecific()) {
			return "", ""
		}
		return curveKind(params), oidECPublicKey
	}
	if key.PeekASN1Tag(asn1.INTEGER) { // as "openssl dsa" writes it: p, q, g, y, x
		numbers := 0
		for key.PeekASN1Tag(asn1.INTEGER) && key.SkipASN1(asn1.INTEGER) {
			numbers++
		}
		if numbers == 5 && key.Empty() {
			return dsaKey, oidDSA
		}
		return "", ""
	}
	var oid encoding.ObjectIdentifier
	if !key.ReadASN1(&parameters, asn1.SEQUENCE) || !parameters.ReadASN1ObjectIdentifier(&oid) ||
		!key.PeekASN1Tag(asn1.OCTET_STRING) {
		return "", ""
	}
	switch name := oid.String(); name {
	case oidECPublicKey:
		return curveKind(parameters), name
	case "1.2.840.113549.1.1.1", "1.3.101.112": // rsaEncryption, Ed25519: damaged
		return "", ""
	case oidRSAPSS:
		return "an RSA key for PSS alone (id-RSASSA-PSS, RFC 4055)", name
	case oidDSA:
		return dsaKey, name
	case "1.2.840.113549.1.3.1", "1.2.840.10046.2.1":
		return "a Diffie-Hellman key, which signs nothing", name
	case "1.3.101.111":
		return "an X448 key, which signs nothing", name
	case oidEd448:
		return "an Ed448 key", name
	case oidMLDSA44, oidMLDSA65, oidMLDSA87:
		return mldsaKind(key), name
	case "1.2.643.2.2.19", "1.2.643.7.1.1.1.1", "1.2.643.7.1.1.1.2":
		return "a GOST key", name
	default:
		return fmt.Sprintf("a key of the algorithm %s", name), name
	}
}

// curveKind names an EC key by its parameters (RFC 5480, Section 2.1.1).
func curveKind(params cryptobyte.String) string {
	var oid encoding.ObjectIdentifier
	switch {
	case params.PeekASN1Tag(asn1.SEQUENCE):
		return "an EC key with explicit curve parameters (RFC 5480 forbids them)"
	case params.ReadASN1ObjectIdentifier(&oid):
		switch oid.String() {
		case "1.3.132.0.33", "1.2.840.10045.3.1.7", "1.3.132.0.34", "1.3.132.0.35": // P-224 to P-521: damaged
			return ""
		case "1.3.132.0.10":
			return "an EC key on the curve secp256k1"
		case "1.3.36.3.3.2.8.1.1.7": // RFC 5639
			return "an EC key on the curve brainpoolP256r1"
		case "1.3.36.3.3.2.8.1.1.11":
			return "an EC key on the curve brainpoolP384r1"
		case "1.3.36.3.3.2.8.1.1.13":
			return "an EC key on the curve brainpoolP512r1"
		}
		return fmt.Sprintf("an EC key on the curve %s", oid)
	}
	return "an EC key that does not name its curve"
}
