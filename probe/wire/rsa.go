package wire

import (
	"crypto/md5"  //nolint:gosec // of TLS 1.0 and 1.1
	"crypto/rsa"  // of cipher suites that exchange keys by encryption
	"crypto/sha1" //nolint:gosec // likewise
	"crypto/tls"
)

// AddKey has connections decrypted that exchange their keys by RSA encryption for this key, the
// server's. Those with a Diffie-Hellman exchange stay closed, as in all of TLS 1.3.
func (l *KeyLog) AddKey(key *rsa.PrivateKey) { l.keys = append(l.keys, key) }

// premaster is the secret in the body of a ClientKeyExchange (RFC 5246, Section 7.4.7.1); nil
// where no key opens it.
func (l *KeyLog) premaster(body []byte) []byte {
	const size, shown = 48, 8 // of the secret, and of what a key log tells it by
	d := newDecoder("ClientKeyExchange", body)
	encrypted := d.vector16("encrypted_pre_master_secret", &d.s)
	if d.err != nil || len(encrypted) < shown {
		return nil
	}
	if secret := l.secrets.secret("RSA", encrypted[:shown]); len(secret) == size {
		return secret
	}
	for _, key := range l.keys {
		if secret, err := rsa.DecryptPKCS1v15(nil, key, encrypted); err == nil && len(secret) == size {
			return secret
		}
	}
	return nil
}

// exchange derives the master secret from a ClientKeyExchange: RFC 5246, Section 8.1, and
// RFC 7627, Section 4. It stays nil where the key is not known.
func (c *connection) exchange(e *Entry) {
	c.master = nil
	if !StaticRSA(c.transcript.CipherSuite) || !c.known || c.transcript.Version < tls.VersionTLS10 {
		return
	}
	premaster := c.keys.premaster(e.Body)
	if premaster == nil {
		return
	}
	seed := append(append([]byte("master secret"), c.clientRandom...), c.serverRandom...)
	if c.extended {
		seed = append([]byte("extended master secret"), c.sessionHash()...)
	}
	const size = 48
	c.master = prf(c.transcript.Version, c.suite, premaster, seed, size)
}

// sessionHash is the hash of all messages of this handshake so far.
func (c *connection) sessionHash() []byte {
	entries := c.transcript.Entries
	first := 0
	for n := range entries {
		if entries[n].ContentType == HandshakeRecord && entries[n].Handshake == ClientHello {
			first = n
		}
	}
	var messages []byte
	for _, e := range entries[first:] {
		if e.ContentType == HandshakeRecord && !e.Opaque && e.Handshake != HelloRequest {
			messages = append(messages, byte(e.Handshake), byte(e.Length>>16), byte(e.Length>>8), byte(e.Length))
			messages = append(messages, e.Body...)
		}
	}
	if c.transcript.Version < tls.VersionTLS12 {
		m, s := md5.Sum(messages), sha1.Sum(messages) //nolint:gosec // RFC 4346, Section 7.4.9
		return append(m[:], s[:]...)
	}
	h := c.suite.prf()
	h.Write(messages)
	return h.Sum(nil)
}
