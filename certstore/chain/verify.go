package chain

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // to see what a signature is, not to trust it
	"crypto/x509"
	"errors"
)

// verifySignature checks that the parent's key signed the child. Unlike
// crypto/x509 it still verifies SHA-1: that such a signature is weak is another
// finding than that it is wrong.
func verifySignature(child, parent *x509.Certificate) error {
	err := parent.CheckSignature(child.SignatureAlgorithm, child.RawTBSCertificate, child.Signature)
	var insecure x509.InsecureAlgorithmError
	if !errors.As(err, &insecure) {
		return err
	}
	digest := sha1.Sum(child.RawTBSCertificate)
	switch key := parent.PublicKey.(type) {
	case *rsa.PublicKey:
		if child.SignatureAlgorithm == x509.SHA1WithRSA {
			return rsa.VerifyPKCS1v15(key, crypto.SHA1, digest[:], child.Signature)
		}
	case *ecdsa.PublicKey:
		if child.SignatureAlgorithm == x509.ECDSAWithSHA1 && !ecdsa.VerifyASN1(key, digest[:], child.Signature) {
			return errors.New("the ECDSA signature does not verify")
		} else if child.SignatureAlgorithm == x509.ECDSAWithSHA1 {
			return nil
		}
	}
	return err
}
