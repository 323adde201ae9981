package handshake

import (
	"crypto/hkdf"
	"crypto/hmac"
	"hash"

	"golang.org/x/crypto/cryptobyte"
)

// A Schedule is the key schedule of RFC 8446, Section 7.1.
type Schedule struct {
	Hash   func() hash.Hash
	KeyLen int    // of the AEAD, in bytes
	secret []byte // the present one of the chain
}

// Sum is the hash of the messages.
func (k *Schedule) Sum(transcript []byte) []byte {
	h := k.Hash()
	h.Write(transcript)
	return h.Sum(nil)
}

func (k *Schedule) expand(secret []byte, label string, context []byte, length int) ([]byte, error) {
	var b cryptobyte.Builder
	b.AddUint16(uint16(length))
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte("tls13 " + label)) })
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(context) })
	info, err := b.Bytes()
	if err != nil {
		return nil, err
	}
	return hkdf.Expand(k.Hash, secret, string(info), length)
}

// pair derives the client's and the server's secret of one stage.
func (k *Schedule) pair(stage string, transcript []byte) (client, server []byte, err error) {
	size := k.Hash().Size()
	if client, err = k.expand(k.secret, "c "+stage+" traffic", k.Sum(transcript), size); err == nil {
		server, err = k.expand(k.secret, "s "+stage+" traffic", k.Sum(transcript), size)
	}
	return client, server, err
}

func (k *Schedule) advance(input []byte) error {
	size := k.Hash().Size()
	derived, err := k.expand(k.secret, "derived", k.Sum(nil), size)
	if err != nil {
		return err
	}
	k.secret, err = hkdf.Extract(k.Hash, input, derived)
	return err
}

// HandshakeSecrets derives the traffic secrets that protect the handshake, of the
// shared secret and the messages up to ServerHello.
func (k *Schedule) HandshakeSecrets(shared, transcript []byte) (client, server []byte, err error) {
	size := k.Hash().Size()
	if k.secret, err = hkdf.Extract(k.Hash, make([]byte, size), make([]byte, size)); err != nil {
		return nil, nil, err
	}
	if err = k.advance(shared); err != nil {
		return nil, nil, err
	}
	return k.pair("hs", transcript)
}

// ApplicationSecrets derives the traffic secrets that protect the data, of the
// messages up to the server's Finished.
func (k *Schedule) ApplicationSecrets(transcript []byte) (client, server []byte, err error) {
	if err = k.advance(make([]byte, k.Hash().Size())); err != nil {
		return nil, nil, err
	}
	return k.pair("ap", transcript)
}

// Protection makes record keys of a traffic secret.
func (k *Schedule) Protection(secret []byte) (*Protection, error) {
	key, err := k.expand(secret, "key", nil, k.KeyLen)
	if err != nil {
		return nil, err
	}
	iv, err := k.expand(secret, "iv", nil, 12)
	if err != nil {
		return nil, err
	}
	return NewProtection(key, iv, true)
}

// Finished is the body of that message, by a traffic secret's owner.
func (k *Schedule) Finished(secret, transcript []byte) ([]byte, error) {
	key, err := k.expand(secret, "finished", nil, k.Hash().Size())
	if err != nil {
		return nil, err
	}
	mac := hmac.New(k.Hash, key)
	mac.Write(k.Sum(transcript))
	return mac.Sum(nil), nil
}

// Update derives the traffic secret after a KeyUpdate (RFC 8446, Section 7.2).
func (k *Schedule) Update(secret []byte) ([]byte, error) {
	return k.expand(secret, "traffic upd", nil, len(secret))
}
