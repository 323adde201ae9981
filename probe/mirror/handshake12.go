package mirror

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"errors"
	"fmt"
	"hash"
	"slices"

	"mtlsprobe/probe/handshake"
	"mtlsprobe/probe/wire"

	"golang.org/x/crypto/cryptobyte"
)

// handshake12 is the server's side of RFC 5246, Section 7.3, with ECDHE
// (RFC 8422) and AES-GCM (RFC 5289).
func (s *server) handshake12() error {
	suite, prf, keyLen := s.suite12()
	group := uint16(handshake.GroupP256)
	if slices.Contains(s.hello.groups, handshake.GroupX25519) {
		group = handshake.GroupX25519
	}
	if suite == 0 || len(s.hello.groups) > 0 && !slices.Contains(s.hello.groups, group) {
		s.Alert(40)
		return fmt.Errorf("%w: the client offers no ECDHE with AES-GCM", errUnsuited)
	}
	random := make([]byte, 32)
	if _, err := rand.Read(random); err != nil {
		return err
	}
	key, err := handshake.Curve(group).GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	if err := s.flight12(suite, group, random, key.PublicKey().Bytes()); err != nil {
		return err
	}
	s.seen.Asked = true
	body, err := s.Message(wire.Certificate)
	if err != nil {
		return err
	}
	if err := s.certificate(body); err != nil {
		return err
	}
	if body, err = s.Message(wire.ClientKeyExchange); err != nil {
		return err
	}
	exchange := cryptobyte.String(body)
	var point cryptobyte.String
	if !exchange.ReadUint8LengthPrefixed(&point) {
		return errors.New("a ClientKeyExchange that cannot be decoded")
	}
	theirs, err := handshake.Curve(group).NewPublicKey(point)
	if err != nil {
		return fmt.Errorf("the client's key share: %w", err)
	}
	shared, err := key.ECDH(theirs)
	if err != nil {
		return err
	}
	covered := bytes.Clone(s.Transcript)
	master := prf.expand(shared, "master secret", append(bytes.Clone(s.hello.random), random...), 48)
	if len(s.seen.Chain) > 0 {
		if body, err = s.Message(wire.CertificateVerify); err != nil {
			return err
		}
		s.verify(body, covered)
	}
	return s.finish12(prf, keyLen, master, random)
}

func (s *server) suite12() (suite uint16, prf prf, keyLen int) {
	small, large := tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
	if _, ok := s.options.Certificate.PrivateKey.(*ecdsa.PrivateKey); ok {
		small, large = tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
	}
	switch {
	case slices.Contains(s.hello.suites, small):
		return small, sha256.New, 16
	case slices.Contains(s.hello.suites, large):
		return large, sha512.New384, 32
	}
	return 0, nil, 0
}

// flight12 sends ServerHello to ServerHelloDone.
func (s *server) flight12(suite, group uint16, random, share []byte) error {
	var hello, certificate, params, exchange cryptobyte.Builder
	hello.AddUint16(tls.VersionTLS12)
	hello.AddBytes(random)
	hello.AddUint8(0) // no session to resume
	hello.AddUint16(suite)
	hello.AddUint8(0)
	hello.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		if s.hello.renegotiation {
			handshake.AddExtension(b, 0xff01, func(b *cryptobyte.Builder) { b.AddUint8(0) })
		}
		handshake.AddExtension(b, 11, func(b *cryptobyte.Builder) { b.AddBytes([]byte{1, 0}) }) // ec_point_formats
		s.hello.http11(b)
	})
	certificate.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
		for _, der := range s.options.Certificate.Certificate {
			b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(der) })
		}
	})
	params.AddUint8(3) // named_curve
	params.AddUint16(group)
	params.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(share) })
	signed := params.BytesOrPanic()
	scheme, signature, err := sign(s.options.Certificate.PrivateKey, s.hello.schemes, tls.VersionTLS12, slices.Concat(s.hello.random, random, signed))
	if err != nil {
		s.Alert(40)
		s.local = true
		return err
	}
	exchange.AddBytes(signed)
	exchange.AddUint16(uint16(scheme))
	exchange.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(signature) })
	request, err := requestBody(s.request)
	if err != nil {
		return err
	}
	var flight []byte
	for _, m := range []struct {
		kind wire.HandshakeType
		body *cryptobyte.Builder
	}{{wire.ServerHello, &hello}, {wire.Certificate, &certificate}, {wire.ServerKeyExchange, &exchange}} {
		body, err := m.body.Bytes()
		if err != nil {
			return err
		}
		flight = append(flight, s.Add(m.kind, body)...)
	}
	flight = append(flight, s.Add(wire.CertRequest, request)...)
	flight = append(flight, s.Add(wire.ServerHelloDone, nil)...)
	return s.Write(wire.HandshakeRecord, flight)
}

// finish12 derives the keys, reads the client's Finished and sends ours.
func (s *server) finish12(p prf, keyLen int, master, random []byte) error {
	block := p.expand(master, "key expansion", append(bytes.Clone(random), s.hello.random...), 2*keyLen+8)
	in, err := handshake.NewProtection(block[:keyLen], block[2*keyLen:2*keyLen+4], false)
	if err != nil {
		return err
	}
	out, err := handshake.NewProtection(block[keyLen:2*keyLen], block[2*keyLen+4:], false)
	if err != nil {
		return err
	}
	// The client's change_cipher_spec stands between the last message in clear
	// and Finished, so that nothing in clear can be pending.
	kind, _, err := s.Read()
	if err != nil {
		return err
	}
	if kind != wire.ChangeCipherSpec {
		return fmt.Errorf("a record of type %v in place of change_cipher_spec", kind)
	}
	s.In = in
	want := p.expand(master, "client finished", p.sum(s.Transcript), 12)
	body, err := s.Message(wire.Finished)
	if err != nil {
		return err
	}
	if !hmac.Equal(body, want) {
		return errors.New("the client's Finished does not verify")
	}
	s.seen.Finished = true
	if err := s.Write(wire.ChangeCipherSpec, []byte{1}); err != nil {
		return err
	}
	s.Out = out
	return s.Write(wire.HandshakeRecord, s.Add(wire.Finished, p.expand(master, "server finished", p.sum(s.Transcript), 12)))
}

// A prf is the hash of the pseudo-random function of RFC 5246, Section 5.
type prf func() hash.Hash

func (p prf) sum(data []byte) []byte {
	h := p()
	h.Write(data)
	return h.Sum(nil)
}

func (p prf) expand(secret []byte, label string, seed []byte, length int) []byte {
	seed = append([]byte(label), seed...)
	mac := func(data ...[]byte) []byte {
		h := hmac.New(p, secret)
		for _, d := range data {
			h.Write(d)
		}
		return h.Sum(nil)
	}
	var out []byte
	for a := mac(seed); len(out) < length; a = mac(a) {
		out = append(out, mac(a, seed)...)
	}
	return out[:length]
}
