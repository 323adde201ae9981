package certstore

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	encoding "encoding/asn1"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// parseExplicit reads an EC key, SEC 1 or PKCS #8, whose curve is written out and is one of
// NIST's: RFC 5480, Section 2.1.1, forbids that, and some programs write and read it. It
// returns nil for all else.
func parseExplicit(der []byte) *ecdsa.PrivateKey {
	s := cryptobyte.String(der)
	var key, algorithm, params, inner cryptobyte.String
	var version int64
	var oid encoding.ObjectIdentifier
	if !s.ReadASN1(&key, asn1.SEQUENCE) || !key.ReadASN1Integer(&version) {
		return nil
	}
	if key.PeekASN1Tag(asn1.SEQUENCE) { // PKCS #8
		if !key.ReadASN1(&algorithm, asn1.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&oid) ||
			oid.String() != oidECPublicKey ||
			!algorithm.ReadASN1(&params, asn1.SEQUENCE) || !key.ReadASN1(&inner, asn1.OCTET_STRING) ||
			!inner.ReadASN1(&key, asn1.SEQUENCE) || !key.ReadASN1Integer(&version) {
			return nil
		}
	}
	var private, wrapped cryptobyte.String
	if !key.ReadASN1(&private, asn1.OCTET_STRING) {
		return nil
	}
	if params == nil && (!key.ReadASN1(&wrapped, asn1.Tag(0).Constructed().ContextSpecific()) ||
		!wrapped.ReadASN1(&params, asn1.SEQUENCE)) {
		return nil
	}
	curve := explicitCurve(params)
	if curve == nil {
		return nil
	}
	size := (curve.Params().BitSize + 7) / 8
	scalar := bytes.TrimLeft(private, "\x00")
	if len(scalar) > size {
		return nil
	}
	parsed, err := ecdsa.ParseRawPrivateKey(curve, append(make([]byte, size-len(scalar)), scalar...))
	if err != nil {
		return nil
	}
	return parsed
}

// explicitCurve is the curve whose ECParameters these are (SEC 1, Section C.2), by its prime,
// coefficient, base point and order; nil for another.
func explicitCurve(params cryptobyte.String) elliptic.Curve {
	var field, coefficients, a, b, base cryptobyte.String
	var version int64
	var oid encoding.ObjectIdentifier
	p, order := new(big.Int), new(big.Int)
	const primeField = "1.2.840.10045.1.1"
	if !params.ReadASN1Integer(&version) || !params.ReadASN1(&field, asn1.SEQUENCE) ||
		!field.ReadASN1ObjectIdentifier(&oid) || oid.String() != primeField || !field.ReadASN1Integer(p) ||
		!params.ReadASN1(&coefficients, asn1.SEQUENCE) || !coefficients.ReadASN1(&a, asn1.OCTET_STRING) ||
		!coefficients.ReadASN1(&b, asn1.OCTET_STRING) || !params.ReadASN1(&base, asn1.OCTET_STRING) ||
		!params.ReadASN1Integer(order) {
		return nil
	}
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		c := curve.Params()
		size := (c.BitSize + 7) / 8
		x := c.Gx.FillBytes(make([]byte, size))
		y := c.Gy.FillBytes(make([]byte, size))
		parity := byte(2 + y[size-1]&1)
		isBase := bytes.Equal(base, append(append([]byte{4}, x...), y...)) || bytes.Equal(base, append([]byte{parity}, x...))
		three := new(big.Int).Sub(c.P, big.NewInt(3)) // a of all of them
		if p.Cmp(c.P) == 0 && order.Cmp(c.N) == 0 && new(big.Int).SetBytes(a).Cmp(three) == 0 &&
			new(big.Int).SetBytes(b).Cmp(c.B) == 0 && isBase {
			return curve
		}
	}
	return nil
}
