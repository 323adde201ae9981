package tlspeer

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"mtlsprobe/probe/wire"
)

// hello13 offers TLS 1.3 alone; groups and shares are to be filled in.
func hello13(serverName string, alpn []string, random []byte) wire.ClientHelloSpec {
	return wire.ClientHelloSpec{
		// a session for middleboxes (RFC 8446, Appendix D.4)
		Version: tls.VersionTLS12, Random: random, Session: Random(32),
		Suites:     []uint16{tls.TLS_AES_128_GCM_SHA256, tls.TLS_AES_256_GCM_SHA384},
		ServerName: serverName, ALPN: alpn,
		Schemes: []tls.SignatureScheme{0x0403, 0x0503, 0x0603, 0x0807, 0x0804, 0x0805, 0x0806, 0x0401},
	}
}

// clientHello offers TLS 1.3 alone, with shares of both groups.
func (c *Conn) clientHello() ([]byte, error) {
	c.random = Random(32)
	hello := hello13(c.config.ServerName, c.config.ALPN, c.random)
	hello.Groups, hello.PostHandshake = []uint16{GroupX25519, GroupP256}, true
	for _, group := range hello.Groups {
		key, err := Curve(group).GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		c.keys[group] = key
		hello.Shares = append(hello.Shares, wire.KeyShare{Group: group, Data: key.PublicKey().Bytes()})
	}
	return hello.Marshal()
}

// serverHello reads what the server chose and returns the shared secret.
func (c *Conn) serverHello() (shared []byte, err error) {
	body, err := c.layer.Message(wire.ServerHello)
	if err != nil {
		return nil, err
	}
	hello, err := wire.ParseServerHello(body)
	switch {
	case err != nil:
		return nil, err
	case hello.Retry:
		return nil, fmt.Errorf("%w: the server wants a group other than X25519 and P-256", ErrUnsuited)
	case hello.Version != tls.VersionTLS13:
		return nil, fmt.Errorf("%w: the server does not speak TLS 1.3", ErrUnsuited)
	case hello.CipherSuite != tls.TLS_AES_128_GCM_SHA256 && hello.CipherSuite != tls.TLS_AES_256_GCM_SHA384:
		return nil, fmt.Errorf("the server chose suite %04x, which was not offered", hello.CipherSuite)
	case c.keys[hello.Share.Group] == nil:
		return nil, errors.New("the server's key share is of a group that was not offered")
	}
	c.schedule = NewSchedule(hello.CipherSuite)
	return Agree(c.keys[hello.Share.Group], hello.Share.Data)
}

// serverFlight reads EncryptedExtensions to Finished.
func (c *Conn) serverFlight(secret []byte) error {
	body, err := c.layer.Message(wire.EncryptedExtensions)
	if err != nil {
		return err
	}
	chosen, err := wire.ParseEncryptedExtensions(body)
	if err != nil {
		return err
	}
	if len(chosen) == 1 {
		c.alpn = chosen[0]
	}
	message, err := c.layer.Next()
	if err != nil {
		return err
	}
	if wire.HandshakeType(message[0]) == wire.CertRequest {
		if c.request, err = wire.ParseCertificateRequest(tls.VersionTLS13, message[4:]); err != nil {
			c.layer.Alert(wire.AlertDecodeError)
			return err
		}
		c.layer.Transcript = append(c.layer.Transcript, message...)
		if message, err = c.layer.Next(); err != nil {
			return err
		}
	}
	if wire.HandshakeType(message[0]) != wire.Certificate {
		return fmt.Errorf("%v in place of Certificate", wire.HandshakeType(message[0]))
	}
	c.layer.Transcript = append(c.layer.Transcript, message...)
	if err := c.verify(message[4:]); err != nil {
		return err
	}
	want, err := c.schedule.Finished(secret, c.layer.Transcript)
	if err != nil {
		return err
	}
	if body, err = c.layer.Message(wire.Finished); err != nil {
		return err
	}
	if !hmac.Equal(body, want) {
		c.layer.Alert(wire.AlertDecryptError)
		return errors.New("the server's Finished does not verify")
	}
	return nil
}

// verify reads the server's chain and its signature, and asks whether to go on.
func (c *Conn) verify(body []byte) error {
	chain, err := wire.ParseCertificate(tls.VersionTLS13, body)
	if err != nil {
		return err
	}
	for _, der := range chain {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return fmt.Errorf("the server's certificate: %w", err)
		}
		c.peer = append(c.peer, cert)
	}
	if len(c.peer) == 0 {
		return errors.New("the server sent no certificate")
	}
	covered := Signed13(ServerContext, c.schedule.Sum(c.layer.Transcript))
	if body, err = c.layer.Message(wire.CertificateVerify); err != nil {
		return err
	}
	id, signature, err := wire.ParseCertificateVerify(tls.VersionTLS13, body)
	if err != nil {
		return err
	}
	scheme, _ := wire.LookupScheme(id)
	if !scheme.Suits(c.peer[0].PublicKey, tls.VersionTLS13) {
		c.layer.Alert(wire.AlertIllegalParameter)
		return fmt.Errorf("the server signed by %s, which is not allowed with its key", scheme.Name)
	}
	if err := scheme.Verify(c.peer[0].PublicKey, covered, signature); err != nil {
		c.layer.Alert(wire.AlertDecryptError)
		return fmt.Errorf("the server's CertificateVerify: %w", err)
	}
	if err := c.config.VerifyPeer(c.peer); err != nil {
		c.layer.Alert(wire.AlertBadCertificate)
		return err
	}
	return nil
}
