package certstore

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// KeyAlgorithm names a public key's algorithm and size: "RSA 2048",
// "ECDSA P-256", "Ed25519"; a kind that cannot be used here by its name or
// object identifier.
func KeyAlgorithm(cert *x509.Certificate) string {
	if name := publicKeyAlgorithm(cert.PublicKey); name != "" {
		return name
	}
	switch oid := publicKeyOID(cert); oid {
	case oidRSAPSS:
		return "RSA-PSS"
	case oidEd448:
		return "Ed448"
	case oidDSA:
		return "DSA"
	case oidMLDSA44:
		return "ML-DSA-44"
	case oidMLDSA65:
		return "ML-DSA-65"
	case oidMLDSA87:
		return "ML-DSA-87"
	default:
		return oid
	}
}

// publicKeyAlgorithm is empty for a kind that cannot be used here.
func publicKeyAlgorithm(public crypto.PublicKey) string {
	switch key := public.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", key.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + key.Curve.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return ""
}

// A keyKind is what keys have to be of one to make one kind of signature.
type keyKind int

const (
	otherKey keyKind = iota
	rsaKey
	ecdsaKey
	ed25519Key
	// Known by name only:
	rsaPSSKey
	ed448Key
	mldsa44Key
	mldsa65Key
	mldsa87Key
)

// Algorithms of keys that this program knows by name only.
const (
	oidDSA         = "1.2.840.10040.4.1"     // RFC 3279
	oidECPublicKey = "1.2.840.10045.2.1"     // RFC 5480
	oidRSAPSS      = "1.2.840.113549.1.1.10" // RFC 4055
	oidEd448       = "1.3.101.113"           // RFC 8410

	oidMLDSA44 = "2.16.840.1.101.3.4.3.17" // RFC 9881
	oidMLDSA65 = "2.16.840.1.101.3.4.3.18"
	oidMLDSA87 = "2.16.840.1.101.3.4.3.19"
)

func keyKindOf(cert *x509.Certificate) keyKind {
	switch cert.PublicKey.(type) {
	case *rsa.PublicKey:
		return rsaKey
	case *ecdsa.PublicKey:
		return ecdsaKey
	case ed25519.PublicKey:
		return ed25519Key
	}
	switch publicKeyOID(cert) {
	case oidRSAPSS:
		return rsaPSSKey
	case oidEd448:
		return ed448Key
	case oidMLDSA44:
		return mldsa44Key
	case oidMLDSA65:
		return mldsa65Key
	case oidMLDSA87:
		return mldsa87Key
	}
	return otherKey
}

// SchemesKnown reports whether it is known which schemes fit the key of a
// certificate.
func SchemesKnown(cert *x509.Certificate) bool { return keyKindOf(cert) != otherKey }

// publicKeyOID returns the algorithm of SubjectPublicKeyInfo (RFC 5280, Section
// 4.1), "unknown" if there is none.
func publicKeyOID(cert *x509.Certificate) string {
	s := cryptobyte.String(cert.RawSubjectPublicKeyInfo)
	var info, algorithm cryptobyte.String
	var oid asn1.ObjectIdentifier
	if !s.ReadASN1(&info, casn1.SEQUENCE) || !info.ReadASN1(&algorithm, casn1.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&oid) {
		return "unknown"
	}
	return oid.String()
}
