package mirror

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1" //nolint:gosec // clients still sign with it, which is to be seen
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"mtlsprobe/probe/wire"

	"golang.org/x/crypto/cryptobyte"
)

// The contexts of CertificateVerify (RFC 8446, Section 4.4.3).
const (
	clientContext = "TLS 1.3, client CertificateVerify"
	serverContext = "TLS 1.3, server CertificateVerify"
)

func signed13(context string, sum []byte) []byte {
	return append([]byte(strings.Repeat(" ", 64)+context+"\x00"), sum...)
}

// sign signs with the server's key, by a scheme that the client offers.
func sign(key crypto.PrivateKey, offered []tls.SignatureScheme, version uint16, message []byte) (tls.SignatureScheme, []byte, error) {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return 0, nil, fmt.Errorf("the server's key of type %T cannot sign", key)
	}
	scheme := tls.ECDSAWithP256AndSHA256
	var options crypto.SignerOpts = crypto.SHA256
	if _, isRSA := signer.Public().(*rsa.PublicKey); isRSA {
		scheme, options = tls.PSSWithSHA256, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
		if version < tls.VersionTLS13 && !slices.Contains(offered, scheme) {
			scheme, options = tls.PKCS1WithSHA256, crypto.SHA256
		}
	}
	if len(offered) > 0 && !slices.Contains(offered, scheme) {
		return 0, nil, fmt.Errorf("%w: the client does not take signatures by %s", errUnsuited, wire.SchemeName(scheme))
	}
	h := crypto.SHA256.New()
	h.Write(message)
	signature, err := signer.Sign(rand.Reader, h.Sum(nil), options)
	return scheme, signature, err
}

// verify notes the scheme of the client's CertificateVerify, and whether it
// verifies.
func (s *server) verify(body, covered []byte) {
	b := cryptobyte.String(body)
	var scheme uint16
	var signature cryptobyte.String
	if !b.ReadUint16(&scheme) || !b.ReadUint16LengthPrefixed(&signature) {
		s.seen.SignatureErr = errors.New("CertificateVerify cannot be decoded")
		return
	}
	s.seen.Scheme = tls.SignatureScheme(scheme)
	leaf := s.seen.Leaf()
	if leaf == nil {
		s.seen.SignatureErr = errors.New("the certificate's key is of a kind that this program cannot use")
		return
	}
	const maxRSA = 16384 // a larger key takes minutes
	if key, ok := leaf.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() > maxRSA {
		s.seen.SignatureErr = fmt.Errorf("the client's RSA key has %d bits, which is too many to verify with", key.N.BitLen())
		return
	}
	s.seen.SignatureErr = verifySignature(leaf, s.seen.Scheme, covered, signature)
}

func verifySignature(leaf *x509.Certificate, scheme tls.SignatureScheme, message, signature []byte) error {
	wrong := fmt.Errorf("the client's signature by %s does not verify", wire.SchemeName(scheme))
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
		return fmt.Errorf("the client signed by %s, which this program does not know", wire.SchemeName(scheme))
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
