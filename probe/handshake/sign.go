package handshake

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	_ "crypto/sha1" //nolint:gosec // clients still sign with it, which is to be seen
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"

	"mtlsprobe/probe/wire"
)

// The contexts of CertificateVerify (RFC 8446, Section 4.4.3).
const (
	ClientContext = "TLS 1.3, client CertificateVerify"
	ServerContext = "TLS 1.3, server CertificateVerify"
)

// Signed13 is what a CertificateVerify covers: the context, and the hash of the
// messages so far.
func Signed13(context string, sum []byte) []byte {
	return append([]byte(strings.Repeat(" ", 64)+context+"\x00"), sum...)
}

// MaxRSA is the longest RSA key in bits that a signature is verified with; a
// larger one takes minutes.
const MaxRSA = 16384

// VerifySignature verifies a CertificateVerify.
func VerifySignature(leaf *x509.Certificate, scheme tls.SignatureScheme, message, signature []byte) error {
	wrong := fmt.Errorf("the signature by %s does not verify", wire.SchemeName(scheme))
	if key, ok := leaf.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() > MaxRSA {
		return fmt.Errorf("an RSA key of %d bits is too long to verify with", key.N.BitLen())
	}
	if key, ok := leaf.PublicKey.(ed25519.PublicKey); ok {
		if scheme == tls.Ed25519 && ed25519.Verify(key, message, signature) {
			return nil
		}
		return wrong
	}
	hash := map[byte]crypto.Hash{2: crypto.SHA1, 4: crypto.SHA256, 5: crypto.SHA384, 6: crypto.SHA512}[byte(scheme>>8)]
	pss := map[tls.SignatureScheme]crypto.Hash{tls.PSSWithSHA256: crypto.SHA256, tls.PSSWithSHA384: crypto.SHA384, tls.PSSWithSHA512: crypto.SHA512}[scheme]
	if hash == 0 {
		hash = pss
	}
	if hash == 0 {
		return fmt.Errorf("it is signed by %s, which this program does not know", wire.SchemeName(scheme))
	}
	h := hash.New()
	h.Write(message)
	digest := h.Sum(nil)
	switch key := leaf.PublicKey.(type) {
	case *ecdsa.PublicKey:
		if byte(scheme) == 3 && ecdsa.VerifyASN1(key, digest, signature) {
			return nil
		}
	case *rsa.PublicKey:
		if pss != 0 && rsa.VerifyPSS(key, hash, digest, signature, nil) == nil || byte(scheme) == 1 && rsa.VerifyPKCS1v15(key, hash, digest, signature) == nil {
			return nil
		}
	}
	return wrong
}
