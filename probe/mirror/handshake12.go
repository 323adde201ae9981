package mirror

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"

	"mtlsprobe/probe/tlspeer"
	"mtlsprobe/probe/wire"

	"golang.org/x/crypto/cryptobyte"
)

// handshake12 is the server's side of RFC 5246, Section 7.3, with ECDHE
// (RFC 8422) and AES-GCM (RFC 5289).
func (s *server) handshake12() error {
	suite := s.suite12()
	group := tlspeer.GroupP256
	if slices.Contains(s.hello.Groups, tlspeer.GroupX25519) {
		group = tlspeer.GroupX25519
	}
	if suite == 0 || len(s.hello.Groups) > 0 && !slices.Contains(s.hello.Groups, group) {
		s.Alert(wire.AlertHandshakeFailure)
		return fmt.Errorf("%w: the client offers no ECDHE with AES-GCM", errUnsuited)
	}
	random := tlspeer.Random(32)
	key, err := tlspeer.Curve(group).GenerateKey(rand.Reader)
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
	shared, err := tlspeer.Agree(key, point)
	if err != nil {
		return err
	}
	covered := bytes.Clone(s.Transcript)
	master := wire.PRF12(suite, shared, "master secret", slices.Concat(s.hello.Random, random), 48)
	if len(s.seen.Chain) > 0 {
		if body, err = s.Message(wire.CertificateVerify); err != nil {
			return err
		}
		s.verify(body, covered)
	}
	return s.finish12(suite, master, random)
}

// suite12 chooses a suite for the server's key; zero if the client offers none.
func (s *server) suite12() uint16 {
	suites := []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}
	if _, ok := s.options.Certificate.PrivateKey.(*ecdsa.PrivateKey); ok {
		suites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}
	}
	for _, suite := range suites {
		if slices.Contains(s.hello.Suites, suite) {
			return suite
		}
	}
	return 0
}

// flight12 sends ServerHello to ServerHelloDone.
func (s *server) flight12(suite, group uint16, random, share []byte) error {
	hello := wire.ServerHelloSpec{Random: random, Suite: suite, Renegotiation: s.hello.Renegotiation, ALPN: s.http11()}
	var params cryptobyte.Builder
	params.AddUint8(3) // named_curve
	params.AddUint16(group)
	params.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(share) })
	exchange, err := params.Bytes()
	if err != nil {
		return err
	}
	signature, err := s.sign(tls.VersionTLS12, slices.Concat(s.hello.Random, random, exchange))
	if err != nil {
		return err
	}
	var flight []byte
	for _, m := range []struct {
		kind wire.HandshakeType
		body func() ([]byte, error)
	}{
		{wire.ServerHello, hello.Marshal},
		{wire.Certificate, func() ([]byte, error) {
			return wire.MarshalCertificate(tls.VersionTLS12, nil, s.options.Certificate.Certificate)
		}},
		{wire.ServerKeyExchange, func() ([]byte, error) { return append(exchange, signature...), nil }},
		{wire.CertRequest, func() ([]byte, error) { return requestBody(s.request) }},
		{wire.ServerHelloDone, func() ([]byte, error) { return nil, nil }},
	} {
		body, err := m.body()
		if err != nil {
			return err
		}
		flight = append(flight, s.Add(m.kind, body)...)
	}
	return s.Write(wire.HandshakeRecord, flight)
}

// finish12 derives the keys, reads the client's Finished and sends ours.
func (s *server) finish12(suite uint16, master, random []byte) error {
	keys := func(from wire.Peer) *wire.Protection {
		return wire.NewProtection12(tls.VersionTLS12, suite, from, master, s.hello.Random, random)
	}
	finished := func(label string) []byte {
		h := wire.SuiteHash(suite)()
		h.Write(s.Transcript)
		return wire.PRF12(suite, master, label, h.Sum(nil), 12)
	}
	// The client's change_cipher_spec is between the last message in clear and
	// Finished, so nothing in clear can be pending.
	kind, _, err := s.Read()
	if err != nil {
		return err
	}
	if kind != wire.ChangeCipherSpec {
		return fmt.Errorf("a record of type %v in place of change_cipher_spec", kind)
	}
	s.In = keys(wire.Client)
	want := finished("client finished")
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
	s.Out = keys(wire.Server)
	return s.Write(wire.HandshakeRecord, s.Add(wire.Finished, finished("server finished")))
}
