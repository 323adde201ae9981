package mirror

import (
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"

	"mtlsprobe/probe/wire"
)

// sign signs with the server's key, by the first scheme of its own that the client
// offers, and returns scheme and signature as messages have them.
func (s *server) sign(version uint16, message []byte) ([]byte, error) {
	key, ok := s.options.Certificate.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("the server's key of type %T cannot sign", s.options.Certificate.PrivateKey)
	}
	for _, id := range []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256, tls.PSSWithSHA256, tls.PKCS1WithSHA256} {
		scheme, _ := wire.LookupScheme(id)
		if scheme.Suits(key.Public(), version) && (len(s.hello.Schemes) == 0 || slices.Contains(s.hello.Schemes, id)) {
			signature, err := scheme.Sign(rand.Reader, key, message)
			if err != nil {
				return nil, err
			}
			return wire.MarshalSignature(id, signature)
		}
	}
	s.Alert(wire.AlertHandshakeFailure)
	s.local = true
	return nil, fmt.Errorf("%w: the client does not accept signatures by the server's key", errUnsuited)
}

// verify notes the scheme of the client's CertificateVerify, and whether it
// verifies.
func (s *server) verify(body, covered []byte) {
	id, signature, err := wire.ParseCertificateVerify(s.request.Version, body)
	if err != nil {
		s.seen.SignatureErr = err
		return
	}
	s.seen.Scheme = id
	leaf := s.seen.Leaf()
	if leaf == nil {
		s.seen.SignatureErr = errors.New("this program cannot use the certificate's type of key")
		return
	}
	scheme, _ := wire.LookupScheme(id)
	if offered := s.request.SignatureSchemes; len(offered) > 0 && id != 0 && !slices.Contains(offered, id) {
		s.seen.SignatureErr = fmt.Errorf("it is by %s, which this server did not offer", wire.SchemeName(id))
		return
	}
	s.seen.SignatureErr = scheme.Verify(leaf.PublicKey, covered, signature)
}
