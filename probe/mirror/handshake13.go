package mirror

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"

	"mtlsprobe/probe/handshake"
	"mtlsprobe/probe/wire"

	"golang.org/x/crypto/cryptobyte"
)

// handshake13 is the server's side of RFC 8446, Section 2, without resumption and
// HelloRetryRequest.
func (s *server) handshake13() error {
	k := &handshake.Schedule{Hash: sha256.New, KeyLen: 16}
	suite := tls.TLS_AES_128_GCM_SHA256
	if !slices.Contains(s.hello.suites, suite) {
		suite, k.Hash, k.KeyLen = tls.TLS_AES_256_GCM_SHA384, sha512.New384, 32
	}
	var group uint16
	for _, g := range []uint16{handshake.GroupX25519, handshake.GroupP256} {
		if s.hello.shares[g] != nil && group == 0 {
			group = g
		}
	}
	if !slices.Contains(s.hello.suites, suite) || group == 0 {
		s.Alert(40)
		return fmt.Errorf("%w: the client offers neither AES-GCM nor a share of X25519 or P-256", errUnsuited)
	}
	key, err := handshake.Curve(group).GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	shared, err := handshake.Agree(key, s.hello.shares[group])
	if err != nil {
		s.Alert(47)
		return err
	}
	hello, err := s.serverHello(suite, group, key.PublicKey().Bytes())
	if err != nil {
		return err
	}
	if err := s.Write(wire.HandshakeRecord, s.Add(wire.ServerHello, hello)); err != nil {
		return err
	}
	if err := s.Write(wire.ChangeCipherSpec, []byte{1}); err != nil { // RFC 8446, Appendix D.4
		return err
	}
	client, server, err := k.HandshakeSecrets(shared, s.Transcript)
	if err != nil {
		return err
	}
	if s.In, err = k.Protection(client); err == nil {
		s.Out, err = k.Protection(server)
	}
	if err != nil {
		return err
	}
	if err := s.flight13(k, server); err != nil {
		return err
	}
	clientApp, serverApp, err := k.ApplicationSecrets(s.Transcript)
	if err != nil {
		return err
	}
	if s.Out, err = k.Protection(serverApp); err != nil {
		return err
	}
	if err := s.answer13(k, client); err != nil {
		return err
	}
	s.In, err = k.Protection(clientApp)
	return err
}

func (s *server) serverHello(suite, group uint16, share []byte) ([]byte, error) {
	random := make([]byte, 32)
	if _, err := rand.Read(random); err != nil {
		return nil, err
	}
	var b cryptobyte.Builder
	b.AddUint16(tls.VersionTLS12)
	b.AddBytes(random)
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(s.hello.session) })
	b.AddUint16(suite)
	b.AddUint8(0)
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		handshake.AddExtension(b, 43, func(b *cryptobyte.Builder) { b.AddUint16(tls.VersionTLS13) })
		handshake.AddExtension(b, 51, func(b *cryptobyte.Builder) {
			b.AddUint16(group)
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(share) })
		})
	})
	return b.Bytes()
}

// flight13 sends EncryptedExtensions to Finished.
func (s *server) flight13(k *handshake.Schedule, secret []byte) error {
	var extensions, certificate cryptobyte.Builder
	extensions.AddUint16LengthPrefixed(s.hello.http11)
	encrypted, err := extensions.Bytes()
	if err != nil {
		return err
	}
	flight := s.Add(wire.EncryptedExtensions, encrypted)
	request, err := requestBody(s.request)
	if err != nil {
		return err
	}
	flight = append(flight, s.Add(wire.CertRequest, request)...)
	certificate.AddUint8(0)
	certificate.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
		for _, der := range s.options.Certificate.Certificate {
			b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(der) })
			b.AddUint16(0)
		}
	})
	chain, err := certificate.Bytes()
	if err != nil {
		return err
	}
	flight = append(flight, s.Add(wire.Certificate, chain)...)
	scheme, signature, err := sign(s.options.Certificate.PrivateKey, s.hello.schemes, tls.VersionTLS13, handshake.Signed13(handshake.ServerContext, k.Sum(s.Transcript)))
	if err != nil {
		s.Alert(40)
		s.local = true
		return err
	}
	var verify cryptobyte.Builder
	verify.AddUint16(uint16(scheme))
	verify.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(signature) })
	body, err := verify.Bytes()
	if err != nil {
		return err
	}
	flight = append(flight, s.Add(wire.CertificateVerify, body)...)
	finished, err := k.Finished(secret, s.Transcript)
	if err != nil {
		return err
	}
	flight = append(flight, s.Add(wire.Finished, finished)...)
	s.seen.Asked = true
	return s.Write(wire.HandshakeRecord, flight)
}

// answer13 reads the client's Certificate to Finished.
func (s *server) answer13(k *handshake.Schedule, secret []byte) error {
	body, err := s.Message(wire.Certificate)
	if err != nil {
		return err
	}
	if err := s.certificate(body); err != nil {
		return err
	}
	if len(s.seen.Chain) > 0 {
		covered := handshake.Signed13(handshake.ClientContext, k.Sum(s.Transcript))
		if body, err = s.Message(wire.CertificateVerify); err != nil {
			return err
		}
		s.verify(body, covered)
	}
	want, err := k.Finished(secret, s.Transcript)
	if err != nil {
		return err
	}
	if body, err = s.Message(wire.Finished); err != nil {
		return err
	}
	if !hmac.Equal(body, want) {
		return errors.New("the client's Finished does not verify")
	}
	s.seen.Finished = true
	return nil
}
