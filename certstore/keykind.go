package certstore

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"fmt"

	"mtlsprobe/probe/wire"

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
	if kind := wire.KeyTypeOf(public); kind.IsMLDSA() {
		return string(kind)
	}
	return ""
}

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

// KeyType returns the type of a certificate's key; empty for one that no
// signature scheme of TLS is known for.
func KeyType(cert *x509.Certificate) wire.KeyType {
	if t := wire.KeyTypeOf(cert.PublicKey); t != "" {
		return t
	}
	switch publicKeyOID(cert) {
	case oidRSAPSS:
		return wire.RSAPSSKey
	case oidEd448:
		return wire.Ed448Key
	case oidMLDSA44:
		return wire.MLDSA44Key
	case oidMLDSA65:
		return wire.MLDSA65Key
	case oidMLDSA87:
		return wire.MLDSA87Key
	}
	return ""
}

// publicKeyOID returns the algorithm of SubjectPublicKeyInfo (RFC 5280, Section
// 4.1), "unknown" if there is none.
func publicKeyOID(cert *x509.Certificate) string {
	s := cryptobyte.String(cert.RawSubjectPublicKeyInfo)
	var info, algorithm cryptobyte.String
	var oid asn1.ObjectIdentifier
	if !s.ReadASN1(&info, casn1.SEQUENCE) || !info.ReadASN1(&algorithm, casn1.SEQUENCE) ||
		!algorithm.ReadASN1ObjectIdentifier(&oid) {
		return "unknown"
	}
	return oid.String()
}
