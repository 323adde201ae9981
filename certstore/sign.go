package certstore

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
)

// A Proof is one signature that a key was asked to make.
type Proof struct {
	Scheme tls.SignatureScheme
	// Err is nil if the key signed and the signature verified.
	Err error
}

// Prove lets the key sign once with each of the schemes and verifies the
// signatures with the certificate's public key: nothing less shows that a key
// can be used. It sets Key.Proofs, and does nothing without a usable key.
// Schemes of another kind of key are skipped.
func (i *Identity) Prove(schemes []tls.SignatureScheme) {
	if i.Leaf == nil || i.Key.Signer == nil {
		return
	}
	i.Key.Proofs = []Proof{}
	for _, scheme := range schemes {
		if a, ok := algorithmOf(scheme); ok && a.kind == keyKindOf(i.Leaf) {
			i.Key.Proofs = append(i.Key.Proofs, Proof{scheme, a.prove(i.Key.Signer, i.Leaf.PublicKey)})
		}
	}
}

// Fits reports whether the key of a certificate can be used with the scheme at all.
// In TLS 1.3 an ECDSA scheme is bound to its curve and PKCS #1 v1.5 is not
// allowed (RFC 8446, Section 4.2.3); version 0 leaves both open.
func Fits(cert *x509.Certificate, scheme tls.SignatureScheme, version uint16) bool {
	a, ok := algorithmOf(scheme)
	if !ok || a.kind != keyKindOf(cert) {
		return false
	}
	if version < tls.VersionTLS13 {
		return true
	}
	key, isECDSA := cert.PublicKey.(*ecdsa.PublicKey)
	return !a.pkcs1 && (!isECDSA || key.Curve == a.curve)
}

// An algorithm is what a signature scheme means for a key.
type algorithm struct {
	kind  keyKind
	hash  crypto.Hash // zero for Ed25519
	pkcs1 bool
	curve elliptic.Curve // of ECDSA in TLS 1.3; nil if the scheme names none
}

func algorithmOf(scheme tls.SignatureScheme) (algorithm, bool) {
	switch scheme {
	case tls.PKCS1WithSHA1:
		return algorithm{kind: rsaKey, hash: crypto.SHA1, pkcs1: true}, true
	case tls.PKCS1WithSHA256:
		return algorithm{kind: rsaKey, hash: crypto.SHA256, pkcs1: true}, true
	case tls.PKCS1WithSHA384:
		return algorithm{kind: rsaKey, hash: crypto.SHA384, pkcs1: true}, true
	case tls.PKCS1WithSHA512:
		return algorithm{kind: rsaKey, hash: crypto.SHA512, pkcs1: true}, true
	case tls.PSSWithSHA256:
		return algorithm{kind: rsaKey, hash: crypto.SHA256}, true
	case tls.PSSWithSHA384:
		return algorithm{kind: rsaKey, hash: crypto.SHA384}, true
	case tls.PSSWithSHA512:
		return algorithm{kind: rsaKey, hash: crypto.SHA512}, true
	case tls.ECDSAWithSHA1:
		return algorithm{kind: ecdsaKey, hash: crypto.SHA1}, true
	case tls.ECDSAWithP256AndSHA256:
		return algorithm{kind: ecdsaKey, hash: crypto.SHA256, curve: elliptic.P256()}, true
	case tls.ECDSAWithP384AndSHA384:
		return algorithm{kind: ecdsaKey, hash: crypto.SHA384, curve: elliptic.P384()}, true
	case tls.ECDSAWithP521AndSHA512:
		return algorithm{kind: ecdsaKey, hash: crypto.SHA512, curve: elliptic.P521()}, true
	case tls.Ed25519:
		return algorithm{kind: ed25519Key}, true
	case 0x0808: // ed448
		return algorithm{kind: ed448Key}, true
	case 0x0809, 0x080a, 0x080b: // rsa_pss_pss_*
		return algorithm{kind: rsaPSSKey}, true
	case 0x0904: // draft-ietf-tls-mldsa
		return algorithm{kind: mldsa44Key}, true
	case 0x0905:
		return algorithm{kind: mldsa65Key}, true
	case 0x0906:
		return algorithm{kind: mldsa87Key}, true
	}
	return algorithm{}, false
}

func (a algorithm) prove(signer crypto.Signer, public crypto.PublicKey) error {
	digest := make([]byte, 64) // what is signed does not matter, its length does
	if a.hash != 0 {
		digest = digest[:a.hash.Size()]
	}
	var options crypto.SignerOpts = a.hash
	if a.kind == rsaKey && !a.pkcs1 {
		options = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: a.hash}
	}
	signature, err := signer.Sign(rand.Reader, digest, options)
	if err != nil {
		return fmt.Errorf("signing: %w", err)
	}
	if !a.verify(public, digest, signature) {
		return errors.New("the signature does not verify")
	}
	return nil
}

func (a algorithm) verify(public crypto.PublicKey, digest, signature []byte) bool {
	switch key := public.(type) {
	case *rsa.PublicKey:
		if a.pkcs1 {
			return rsa.VerifyPKCS1v15(key, a.hash, digest, signature) == nil
		}
		return rsa.VerifyPSS(key, a.hash, digest, signature, nil) == nil
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(key, digest, signature)
	case ed25519.PublicKey:
		return ed25519.Verify(key, digest, signature)
	}
	return false
}
