package certstore

import (
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"

	"mtlsprobe/probe/wire"
)

// A Proof is one signature that a key was asked to make.
type Proof struct {
	Scheme tls.SignatureScheme
	// Err is nil if the key signed and the signature verified.
	Err error
}

// Prove lets the key sign once with each of the schemes and verifies the
// signatures with the certificate's public key: nothing less shows that a key can
// be used. It returns nil without a usable key, and changes nothing. Schemes of
// another type of key are skipped.
func (i *Identity) Prove(schemes []tls.SignatureScheme) []Proof {
	if i.Leaf == nil || i.Key.Signer == nil {
		return nil
	}
	proofs := []Proof{}
	for _, id := range schemes {
		if s, ok := wire.LookupScheme(id); ok && s.Key == KeyType(i.Leaf) {
			proofs = append(proofs, Proof{id, prove(s, i.Key.Signer, i.Leaf.PublicKey)})
		}
	}
	return proofs
}

func prove(s wire.Scheme, key crypto.Signer, public crypto.PublicKey) error {
	message := []byte("what is signed does not matter")
	signature, err := s.Sign(rand.Reader, key, message)
	if err != nil {
		return fmt.Errorf("signing: %w", err)
	}
	return s.Verify(public, message, signature)
}

// Fits reports whether the type of a certificate's key can be used with the scheme
// in a protocol version; version 0 stands for any.
func Fits(cert *x509.Certificate, id tls.SignatureScheme, version uint16) bool {
	s, ok := wire.LookupScheme(id)
	return ok && s.Key != "" && s.Key == KeyType(cert) && s.AllowedIn(version, cert.PublicKey)
}
