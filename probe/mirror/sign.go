package mirror

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"

	"mtlsprobe/probe/handshake"
	"mtlsprobe/probe/wire"

	"golang.org/x/crypto/cryptobyte"
)

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
	s.seen.SignatureErr = handshake.VerifySignature(leaf, s.seen.Scheme, covered, signature)
}
