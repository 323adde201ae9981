package chain

import (
	"crypto"
	"crypto/ecdsa"
	_ "crypto/md5" //nolint:gosec // to see what a signature is, not to trust it
	"crypto/rsa"
	_ "crypto/sha1" //nolint:gosec // likewise
	"crypto/x509"
	"errors"
	"fmt"
)

// errUnsupported says that a signature was neither verified nor refuted.
var errUnsupported = errors.New("this program cannot verify the signature")

// verifySignature checks that the parent's key signed the child. Unlike
// crypto/x509 it still verifies SHA-1 and MD5: that such a signature is weak is
// another finding than that it is wrong. The error wraps errUnsupported where
// nothing can be said.
func verifySignature(child, parent *x509.Certificate) error {
	if TooLarge(parent) {
		return fmt.Errorf("%w: an RSA key of more than %d bits", errUnsupported, maxRSA)
	}
	if tooShort(parent) { // crypto/rsa does not even try: that says nothing about the signature
		return fmt.Errorf("%w: an RSA key of less than %d bits", errUnsupported, minRSA)
	}
	err := parent.CheckSignature(child.SignatureAlgorithm, child.RawTBSCertificate, child.Signature)
	var insecure x509.InsecureAlgorithmError
	switch {
	case errors.Is(err, x509.ErrUnsupportedAlgorithm) && sameAlgorithm(child, parent):
		return fmt.Errorf("%w: %v with a key of %v", errUnsupported, child.SignatureAlgorithm, parent.PublicKeyAlgorithm)
	case !errors.As(err, &insecure):
		return err
	}
	var hash crypto.Hash
	switch child.SignatureAlgorithm {
	case x509.SHA1WithRSA, x509.ECDSAWithSHA1:
		hash = crypto.SHA1
	case x509.MD5WithRSA:
		hash = crypto.MD5
	default:
		return fmt.Errorf("%w: %v", errUnsupported, child.SignatureAlgorithm)
	}
	h := hash.New()
	h.Write(child.RawTBSCertificate)
	switch key := parent.PublicKey.(type) {
	case *rsa.PublicKey:
		if child.SignatureAlgorithm != x509.ECDSAWithSHA1 {
			return rsa.VerifyPKCS1v15(key, hash, h.Sum(nil), child.Signature)
		}
	case *ecdsa.PublicKey:
		if child.SignatureAlgorithm == x509.ECDSAWithSHA1 && ecdsa.VerifyASN1(key, h.Sum(nil), child.Signature) {
			return nil
		}
	}
	return errors.New("the signature does not verify")
}

// Signed reports whether the parent's key signed the child, with whatever algorithm.
func Signed(child, parent *x509.Certificate) bool { return verifySignature(child, parent) == nil }

// minRSA is the least that crypto/rsa verifies with, in bits.
const minRSA = 1024

func tooShort(c *x509.Certificate) bool {
	key, ok := c.PublicKey.(*rsa.PublicKey)
	return ok && key.N.BitLen() < minRSA
}

// maxRSA bounds the keys that signatures are verified with: one with a million
// bits takes minutes. crypto/tls takes 8,192.
const maxRSA = 16384

// TooLarge reports whether the certificate's key is too large to verify a
// signature with.
func TooLarge(c *x509.Certificate) bool {
	key, ok := c.PublicKey.(*rsa.PublicKey)
	return ok && key.N.BitLen() > maxRSA
}

// sameAlgorithm reports whether the parent's kind of key could have made the
// child's signature, as far as is known.
func sameAlgorithm(child, parent *x509.Certificate) bool {
	return child.SignatureAlgorithm == x509.UnknownSignatureAlgorithm ||
		parent.PublicKeyAlgorithm == x509.UnknownPublicKeyAlgorithm ||
		parent.PublicKeyAlgorithm == x509.DSA && (child.SignatureAlgorithm == x509.DSAWithSHA1 ||
			child.SignatureAlgorithm == x509.DSAWithSHA256)
}

// IsWeak reports whether current TLS libraries refuse the algorithm for
// signatures on certificates: SHA-1 and what came before. Go does since 1.18,
// OpenSSL since 3.0 at its default security level; older ones accept SHA-1.
func IsWeak(a x509.SignatureAlgorithm) bool {
	switch a {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
		return true
	}
	return false
}
