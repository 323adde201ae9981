//go:build cgo

package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// public returns the public key of a private one: from the public key object with
// its ID, from its own attributes, or from a certificate with its ID. Tokens differ
// in what they keep.
func (s *session) public(key object, id []byte) (crypto.PublicKey, error) {
	kind, ok := s.number(key, attrKeyType)
	if !ok || kind != keyRSA && kind != keyEC && kind != keyEdwards {
		return nil, fmt.Errorf("its kind (CKA_KEY_TYPE %#x) is none that TLS signs with", kind)
	}
	own := []object{key}
	if len(id) > 0 {
		others, _ := s.find(classPublicKey, map[uint]string{attrID: string(id)})
		own = append(others, key)
	}
	for _, o := range own {
		if public := s.assemble(o, kind); public != nil {
			return public, nil
		}
	}
	if len(id) > 0 {
		certificates, _ := s.find(classCertificate, map[uint]string{attrID: string(id)})
		for _, o := range certificates {
			if cert, err := x509.ParseCertificate(s.attribute(o, attrValue)); err == nil && kindOf(cert.PublicKey) == kind {
				return cert.PublicKey, nil
			}
		}
	}
	return nil, errors.New("the token contains neither its public key, in a form known here, nor a certificate with " +
		"its ID")
}

// assemble makes a public key of an object's attributes, or returns nil.
func (s *session) assemble(o object, kind uint64) crypto.PublicKey {
	var public crypto.PublicKey
	switch kind {
	case keyRSA:
		public = rsaKey(s.attribute(o, attrModulus), s.attribute(o, attrExponent))
	case keyEC:
		curve, point := s.attribute(o, attrCurve), s.attribute(o, attrPoint)
		// A bare point can look like a wrapped one: both begin with 4.
		if public = ecKey(curve, unwrap(point)); public == nil {
			public = ecKey(curve, point)
		}
	case keyEdwards:
		if point := unwrap(s.attribute(o, attrPoint)); len(point) == ed25519.PublicKeySize {
			public = ed25519.PublicKey(point)
		}
	}
	if public == nil {
		public, _ = x509.ParsePKIXPublicKey(s.attribute(o, attrPublicKeyInfo))
	}
	if kindOf(public) != kind {
		return nil
	}
	return public
}

func kindOf(public crypto.PublicKey) uint64 {
	switch public.(type) {
	case *rsa.PublicKey:
		return keyRSA
	case *ecdsa.PublicKey:
		return keyEC
	case ed25519.PublicKey:
		return keyEdwards
	}
	return math.MaxUint64
}

func rsaKey(modulus, exponent []byte) crypto.PublicKey {
	e := new(big.Int).SetBytes(exponent)
	if len(modulus) == 0 || !e.IsInt64() || e.Int64() < 2 || e.Int64() > math.MaxInt32 {
		return nil
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: int(e.Int64())}
}

// ecKey puts the curve (CKA_EC_PARAMS) and the point together as the
// SubjectPublicKeyInfo whose parts they are (RFC 5480, Section 2).
func ecKey(parameters, point []byte) crypto.PublicKey {
	if len(parameters) == 0 || len(point) == 0 {
		return nil
	}
	var b cryptobyte.Builder
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}) // id-ecPublicKey
			b.AddBytes(parameters)
		})
		b.AddASN1BitString(point)
	})
	der, err := b.Bytes()
	if err != nil {
		return nil
	}
	public, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil
	}
	return public
}

// unwrap takes the OCTET STRING off CKA_EC_POINT; some modules leave it away. A
// point in itself begins as one does, and its X may look like the length: inside
// there must be a point, too.
func unwrap(point []byte) []byte {
	s, inner := cryptobyte.String(point), []byte(nil)
	const uncompressed, size256 = 4, 65 // octets of a point on P-256
	if len(point) == size256 && point[0] == uncompressed && point[1] == size256-2 {
		return point // no curve has points of 63 octets
	}
	if s.ReadASN1Bytes(&inner, casn1.OCTET_STRING) && s.Empty() {
		return inner
	}
	return point
}
