package certstore

import (
	encoding "encoding/asn1"
	"slices"

	"mtlsprobe/probe/wire"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// mldsaSeed is the length of a seed of ML-DSA (FIPS 204), in bytes.
const mldsaSeed = 32

// seedOnly turns a private ML-DSA key in PKCS#8 that has both its seed and what is expanded
// of it, as OpenSSL writes it, into the form with the seed alone, which crypto/x509 reads
// (RFC 9881, Section 6). All else is returned as it is.
func seedOnly(der []byte) []byte {
	s := cryptobyte.String(der)
	var info, algorithm, key, both, seed cryptobyte.String
	var version int64
	if !s.ReadASN1(&info, asn1.SEQUENCE) || !info.ReadASN1Integer(&version) ||
		!info.ReadASN1Element(&algorithm, asn1.SEQUENCE) ||
		!isMLDSA(algorithm) || !info.ReadASN1(&key, asn1.OCTET_STRING) || !key.ReadASN1(&both, asn1.SEQUENCE) ||
		!both.ReadASN1(&seed, asn1.OCTET_STRING) || len(seed) != mldsaSeed {
		return der
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(0)
		b.AddBytes(algorithm)
		b.AddASN1(asn1.OCTET_STRING, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.Tag(0).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes(seed) })
		})
	})
	return b.BytesOrPanic()
}

func isMLDSA(algorithm cryptobyte.String) bool {
	var inner cryptobyte.String
	var oid encoding.ObjectIdentifier
	return algorithm.ReadASN1(&inner, asn1.SEQUENCE) && inner.ReadASN1ObjectIdentifier(&oid) &&
		slices.Contains([]string{oidMLDSA44, oidMLDSA65, oidMLDSA87}, oid.String())
}

// mldsaKind names an ML-DSA key of PKCS#8 that cannot be used, of which the octets of the key
// are next.
func mldsaKind(key cryptobyte.String) string {
	var form cryptobyte.String
	switch {
	case key.ReadASN1(&form, asn1.OCTET_STRING) && form.PeekASN1Tag(asn1.OCTET_STRING):
		return "an ML-DSA key in its expanded form, without the seed (RFC 9881, Section 6)"
	case !wire.HasMLDSA:
		return "an ML-DSA key (FIPS 204; a build with Go 1.27 or later reads it)"
	}
	return "an ML-DSA key (FIPS 204) that is damaged"
}
