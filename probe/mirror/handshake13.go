package mirror

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"errors"
	"fmt"
	"hash"
	"slices"

	"mtlsprobe/probe/wire"

	"golang.org/x/crypto/cryptobyte"
)

// handshake13 is the server's side of RFC 8446, Section 2, without resumption and
// HelloRetryRequest.
func (s *server) handshake13() error {
	k := &schedule{hash: sha256.New, keyLen: 16}
	suite := tls.TLS_AES_128_GCM_SHA256
	if !slices.Contains(s.hello.suites, suite) {
		suite, k.hash, k.keyLen = tls.TLS_AES_256_GCM_SHA384, sha512.New384, 32
	}
	var group uint16
	for _, g := range []uint16{groupX25519, groupP256} {
		if s.hello.shares[g] != nil && group == 0 {
			group = g
		}
	}
	if !slices.Contains(s.hello.suites, suite) || group == 0 {
		s.alert(40)
		return fmt.Errorf("%w: the client offers neither AES-GCM nor a share of X25519 or P-256", errUnsuited)
	}
	share, shared, err := agree(group, s.hello.shares[group])
	if err != nil {
		s.alert(47)
		return err
	}
	hello, err := s.serverHello(suite, group, share)
	if err != nil {
		return err
	}
	if err := s.write(wire.HandshakeRecord, s.handshake(wire.ServerHello, hello)); err != nil {
		return err
	}
	if err := s.write(wire.ChangeCipherSpec, []byte{1}); err != nil { // RFC 8446, Appendix D.4
		return err
	}
	client, server, err := k.handshakeSecrets(shared, s.transcript)
	if err != nil {
		return err
	}
	if s.in, err = k.protection(client); err == nil {
		s.out, err = k.protection(server)
	}
	if err != nil {
		return err
	}
	if err := s.flight13(k, server); err != nil {
		return err
	}
	clientApp, serverApp, err := k.applicationSecrets(s.transcript)
	if err != nil {
		return err
	}
	if s.out, err = k.protection(serverApp); err != nil {
		return err
	}
	if err := s.answer13(k, client); err != nil {
		return err
	}
	s.in, err = k.protection(clientApp)
	return err
}

// agree makes a key share and the shared secret.
func agree(group uint16, peer []byte) (share, shared []byte, err error) {
	key, err := curve(group).GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	theirs, err := curve(group).NewPublicKey(peer)
	if err != nil {
		return nil, nil, fmt.Errorf("the client's key share: %w", err)
	}
	shared, err = key.ECDH(theirs)
	return key.PublicKey().Bytes(), shared, err
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
		addExtension(b, 43, func(b *cryptobyte.Builder) { b.AddUint16(tls.VersionTLS13) })
		addExtension(b, 51, func(b *cryptobyte.Builder) {
			b.AddUint16(group)
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(share) })
		})
	})
	return b.Bytes()
}

// flight13 sends EncryptedExtensions to Finished.
func (s *server) flight13(k *schedule, secret []byte) error {
	var extensions, certificate cryptobyte.Builder
	extensions.AddUint16LengthPrefixed(s.hello.http11)
	encrypted, err := extensions.Bytes()
	if err != nil {
		return err
	}
	flight := s.handshake(wire.EncryptedExtensions, encrypted)
	request, err := requestBody(s.request)
	if err != nil {
		return err
	}
	flight = append(flight, s.handshake(wire.CertRequest, request)...)
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
	flight = append(flight, s.handshake(wire.Certificate, chain)...)
	scheme, signature, err := sign(s.options.Certificate.PrivateKey, s.hello.schemes, tls.VersionTLS13, signed13(serverContext, k.sum(s.transcript)))
	if err != nil {
		s.alert(40)
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
	flight = append(flight, s.handshake(wire.CertificateVerify, body)...)
	finished, err := k.finished(secret, s.transcript)
	if err != nil {
		return err
	}
	flight = append(flight, s.handshake(wire.Finished, finished)...)
	s.seen.Asked = true
	return s.write(wire.HandshakeRecord, flight)
}

// answer13 reads the client's Certificate to Finished.
func (s *server) answer13(k *schedule, secret []byte) error {
	body, err := s.message(byte(wire.Certificate))
	if err != nil {
		return err
	}
	if err := s.certificate(body); err != nil {
		return err
	}
	if len(s.seen.Chain) > 0 {
		covered := signed13(clientContext, k.sum(s.transcript))
		if body, err = s.message(byte(wire.CertificateVerify)); err != nil {
			return err
		}
		s.verify(body, covered)
	}
	want, err := k.finished(secret, s.transcript)
	if err != nil {
		return err
	}
	if body, err = s.message(byte(wire.Finished)); err != nil {
		return err
	}
	if !hmac.Equal(body, want) {
		return errors.New("the client's Finished does not verify")
	}
	s.seen.Finished = true
	return nil
}

// A schedule is the key schedule of RFC 8446, Section 7.1.
type schedule struct {
	hash   func() hash.Hash
	keyLen int
	secret []byte // the present one of the chain
}

func (k *schedule) sum(transcript []byte) []byte {
	h := k.hash()
	h.Write(transcript)
	return h.Sum(nil)
}

func (k *schedule) expand(secret []byte, label string, context []byte, length int) ([]byte, error) {
	var b cryptobyte.Builder
	b.AddUint16(uint16(length))
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte("tls13 " + label)) })
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(context) })
	info, err := b.Bytes()
	if err != nil {
		return nil, err
	}
	return hkdf.Expand(k.hash, secret, string(info), length)
}

// pair derives the client's and the server's secret of one stage.
func (k *schedule) pair(stage string, transcript []byte) (client, server []byte, err error) {
	size := k.hash().Size()
	if client, err = k.expand(k.secret, "c "+stage+" traffic", k.sum(transcript), size); err == nil {
		server, err = k.expand(k.secret, "s "+stage+" traffic", k.sum(transcript), size)
	}
	return client, server, err
}

func (k *schedule) advance(input []byte) error {
	size := k.hash().Size()
	derived, err := k.expand(k.secret, "derived", k.sum(nil), size)
	if err != nil {
		return err
	}
	k.secret, err = hkdf.Extract(k.hash, input, derived)
	return err
}

func (k *schedule) handshakeSecrets(shared, transcript []byte) (client, server []byte, err error) {
	size := k.hash().Size()
	if k.secret, err = hkdf.Extract(k.hash, make([]byte, size), make([]byte, size)); err != nil {
		return nil, nil, err
	}
	if err = k.advance(shared); err != nil {
		return nil, nil, err
	}
	return k.pair("hs", transcript)
}

func (k *schedule) applicationSecrets(transcript []byte) (client, server []byte, err error) {
	if err = k.advance(make([]byte, k.hash().Size())); err != nil {
		return nil, nil, err
	}
	return k.pair("ap", transcript)
}

func (k *schedule) protection(secret []byte) (*protection, error) {
	key, err := k.expand(secret, "key", nil, k.keyLen)
	if err != nil {
		return nil, err
	}
	iv, err := k.expand(secret, "iv", nil, 12)
	if err != nil {
		return nil, err
	}
	return newProtection(key, iv, true)
}

func (k *schedule) finished(secret, transcript []byte) ([]byte, error) {
	key, err := k.expand(secret, "finished", nil, k.hash().Size())
	if err != nil {
		return nil, err
	}
	mac := hmac.New(k.hash, key)
	mac.Write(k.sum(transcript))
	return mac.Sum(nil), nil
}
