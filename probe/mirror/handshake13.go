package mirror

import (
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

// handshake13 is the server's side of RFC 8446, Section 2, without resumption and
// HelloRetryRequest.
func (s *server) handshake13() error {
	s.Version = tls.VersionTLS13
	suite := tls.TLS_AES_128_GCM_SHA256
	if !slices.Contains(s.hello.Suites, suite) {
		suite = tls.TLS_AES_256_GCM_SHA384
	}
	k := tlspeer.NewSchedule(suite)
	var group uint16
	for _, g := range []uint16{tlspeer.GroupX25519, tlspeer.GroupP256} {
		if s.hello.Share(g) != nil && group == 0 {
			group = g
		}
	}
	if !slices.Contains(s.hello.Suites, suite) || group == 0 {
		s.Alert(wire.AlertHandshakeFailure)
		return fmt.Errorf("%w: the client offers neither AES-GCM nor a share of X25519 or P-256", errUnsuited)
	}
	key, err := tlspeer.Curve(group).GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	shared, err := tlspeer.Agree(key, s.hello.Share(group))
	if err != nil {
		s.Alert(wire.AlertIllegalParameter)
		return err
	}
	choice := wire.ServerHelloSpec{Random: tlspeer.Random(32), Session: s.hello.Session, Suite: suite,
		Share: &wire.KeyShare{Group: group, Data: key.PublicKey().Bytes()}}
	hello, err := choice.Marshal()
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

// flight13 sends EncryptedExtensions to Finished.
func (s *server) flight13(k *tlspeer.Schedule, secret []byte) error {
	var extensions cryptobyte.Builder
	extensions.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { wire.AddALPN(b, s.http11()) })
	var flight []byte
	for _, m := range []struct {
		kind wire.HandshakeType
		body func() ([]byte, error)
	}{
		{wire.EncryptedExtensions, extensions.Bytes},
		{wire.CertRequest, func() ([]byte, error) { return requestBody(s.request) }},
		{wire.Certificate, func() ([]byte, error) {
			return wire.MarshalCertificate(tls.VersionTLS13, nil, s.options.Certificate.Certificate)
		}},
		{wire.CertificateVerify, func() ([]byte, error) {
			return s.sign(tls.VersionTLS13, tlspeer.Signed13(tlspeer.ServerContext, k.Sum(s.Transcript)))
		}},
		{wire.Finished, func() ([]byte, error) { return k.Finished(secret, s.Transcript) }},
	} {
		body, err := m.body()
		if err != nil {
			return err
		}
		flight = append(flight, s.Add(m.kind, body)...)
	}
	s.seen.Asked = true
	return s.Write(wire.HandshakeRecord, flight)
}

// answer13 reads the client's Certificate to Finished.
func (s *server) answer13(k *tlspeer.Schedule, secret []byte) error {
	body, err := s.Message(wire.Certificate)
	if err != nil {
		return err
	}
	if err := s.certificate(body); err != nil {
		return err
	}
	if len(s.seen.Chain) > 0 {
		covered := tlspeer.Signed13(tlspeer.ClientContext, k.Sum(s.Transcript))
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
