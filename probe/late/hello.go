package late

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"

	"mtlsprobe/probe/handshake"
	"mtlsprobe/probe/wire"

	"golang.org/x/crypto/cryptobyte"
)

// clientHello offers TLS 1.3 alone, with shares of both groups.
// See RFC 8446, Section 4.1.2.
func (c *Conn) clientHello() ([]byte, error) {
	c.random = newRandom(32)
	groups := []uint16{handshake.GroupX25519, handshake.GroupP256}
	for _, group := range groups {
		key, err := handshake.Curve(group).GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		c.keys[group] = key
	}
	var b cryptobyte.Builder
	b.AddUint16(tls.VersionTLS12)
	b.AddBytes(c.random)
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(newRandom(32)) }) // for middleboxes
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		b.AddUint16(tls.TLS_AES_128_GCM_SHA256)
		b.AddUint16(tls.TLS_AES_256_GCM_SHA384)
	})
	b.AddBytes([]byte{1, 0}) // no compression
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		c.namedExtensions(b)
		list := func(values []uint16) func(*cryptobyte.Builder) {
			return func(b *cryptobyte.Builder) {
				b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
					for _, v := range values {
						b.AddUint16(v)
					}
				})
			}
		}
		handshake.AddExtension(b, 10, list(groups))                                                                   // supported_groups
		handshake.AddExtension(b, 13, list([]uint16{0x0403, 0x0503, 0x0603, 0x0807, 0x0804, 0x0805, 0x0806, 0x0401})) // signature_algorithms
		handshake.AddExtension(b, 43, func(b *cryptobyte.Builder) { b.AddBytes([]byte{2, 3, 4}) })                    // supported_versions
		handshake.AddExtension(b, 45, func(b *cryptobyte.Builder) { b.AddBytes([]byte{1, 1}) })                       // psk_key_exchange_modes: tickets come
		handshake.AddExtension(b, 49, func(*cryptobyte.Builder) {})                                                   // post_handshake_auth
		handshake.AddExtension(b, 51, func(b *cryptobyte.Builder) {                                                   // key_share
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
				for _, group := range groups {
					b.AddUint16(group)
					b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(c.keys[group].PublicKey().Bytes()) })
				}
			})
		})
	})
	return b.Bytes()
}

// namedExtensions are server_name (RFC 6066) and ALPN (RFC 7301).
func (c *Conn) namedExtensions(b *cryptobyte.Builder) {
	if _, err := netip.ParseAddr(c.config.ServerName); err != nil && c.config.ServerName != "" {
		handshake.AddExtension(b, 0, func(b *cryptobyte.Builder) {
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
				b.AddUint8(0)
				b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(c.config.ServerName)) })
			})
		})
	}
	if len(c.config.ALPN) > 0 {
		handshake.AddExtension(b, 16, func(b *cryptobyte.Builder) {
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
				for _, name := range c.config.ALPN {
					b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(name)) })
				}
			})
		})
	}
}

// serverHello reads what the server chose and returns the shared secret.
func (c *Conn) serverHello() (shared []byte, err error) {
	body, err := c.layer.Message(wire.ServerHello)
	if err != nil {
		return nil, err
	}
	s := cryptobyte.String(body)
	var legacy, suite, version, group uint16
	var random []byte
	var session, extensions, share cryptobyte.String
	var compression uint8
	malformed := errors.New("a ServerHello that cannot be decoded")
	if !s.ReadUint16(&legacy) || !s.ReadBytes(&random, 32) || !s.ReadUint8LengthPrefixed(&session) || !s.ReadUint16(&suite) ||
		!s.ReadUint8(&compression) || !s.ReadUint16LengthPrefixed(&extensions) {
		return nil, malformed
	}
	if retry := sha256.Sum256([]byte("HelloRetryRequest")); bytes.Equal(random, retry[:]) {
		return nil, fmt.Errorf("%w: the server wants a group other than X25519 and P-256", ErrUnsuited)
	}
	for !extensions.Empty() {
		var kind uint16
		var data cryptobyte.String
		if !extensions.ReadUint16(&kind) || !extensions.ReadUint16LengthPrefixed(&data) {
			return nil, malformed
		}
		switch {
		case kind == 43 && !data.ReadUint16(&version), kind == 51 && (!data.ReadUint16(&group) || !data.ReadUint16LengthPrefixed(&share)):
			return nil, malformed
		}
	}
	switch {
	case version != tls.VersionTLS13:
		return nil, fmt.Errorf("%w: the server does not speak TLS 1.3", ErrUnsuited)
	case suite == tls.TLS_AES_128_GCM_SHA256:
		c.schedule = &handshake.Schedule{Hash: sha256.New, KeyLen: 16}
	case suite == tls.TLS_AES_256_GCM_SHA384:
		c.schedule = &handshake.Schedule{Hash: sha512.New384, KeyLen: 32}
	default:
		return nil, fmt.Errorf("the server chose suite %04x, which was not offered", suite)
	}
	if c.keys[group] == nil {
		return nil, errors.New("the server's key share is of a group that was not offered")
	}
	return handshake.Agree(c.keys[group], share)
}

// serverFlight reads EncryptedExtensions to Finished.
func (c *Conn) serverFlight(secret []byte) error {
	body, err := c.layer.Message(wire.EncryptedExtensions)
	if err != nil {
		return err
	}
	c.alpn = chosenALPN(body)
	message, err := c.layer.Next()
	if err != nil {
		return err
	}
	if wire.HandshakeType(message[0]) == wire.CertRequest {
		if c.request, err = wire.ParseCertificateRequest(tls.VersionTLS13, message[4:]); err != nil {
			c.layer.Alert(alertDecode)
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
		c.layer.Alert(alertDecrypt)
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
	covered := handshake.Signed13(handshake.ServerContext, c.schedule.Sum(c.layer.Transcript))
	if body, err = c.layer.Message(wire.CertificateVerify); err != nil {
		return err
	}
	s := cryptobyte.String(body)
	var scheme uint16
	var signature cryptobyte.String
	if !s.ReadUint16(&scheme) || !s.ReadUint16LengthPrefixed(&signature) || !s.Empty() {
		return errors.New("a CertificateVerify that cannot be decoded")
	}
	if err := handshake.VerifySignature(c.peer[0], tls.SignatureScheme(scheme), covered, signature); err != nil {
		c.layer.Alert(alertDecrypt)
		return err
	}
	if err := c.config.VerifyPeer(c.peer); err != nil {
		c.layer.Alert(alertBadCertificate)
		return err
	}
	return nil
}

// chosenALPN finds the protocol in EncryptedExtensions; empty for none.
func chosenALPN(body []byte) string {
	s := cryptobyte.String(body)
	var extensions cryptobyte.String
	if !s.ReadUint16LengthPrefixed(&extensions) {
		return ""
	}
	for !extensions.Empty() {
		var kind uint16
		var data, list, name cryptobyte.String
		if !extensions.ReadUint16(&kind) || !extensions.ReadUint16LengthPrefixed(&data) {
			return ""
		}
		if kind == 16 && data.ReadUint16LengthPrefixed(&list) && list.ReadUint8LengthPrefixed(&name) {
			return string(name)
		}
	}
	return ""
}
