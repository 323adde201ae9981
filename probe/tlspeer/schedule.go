package tlspeer

import (
	"crypto/hkdf"
	"crypto/hmac"
	"errors"
	"hash"

	"mtlsprobe/probe/wire"
)

// A Schedule is the key schedule of TLS 1.3 without pre-shared keys. See RFC 8446,
// Section 7.1.
type Schedule struct {
	suite  uint16
	hash   func() hash.Hash
	secret []byte // the present one of the chain
}

// NewSchedule begins the schedule of a cipher suite of TLS 1.3 with AES-GCM.
func NewSchedule(suite uint16) *Schedule { return &Schedule{suite: suite, hash: wire.SuiteHash(suite)} }

// Sum is the transcript hash.
func (k *Schedule) Sum(transcript []byte) []byte {
	h := k.hash()
	h.Write(transcript)
	return h.Sum(nil)
}

func (k *Schedule) expand(secret []byte, label string, context []byte) ([]byte, error) {
	return wire.ExpandLabel(k.hash, secret, label, context, k.hash().Size())
}

// pair derives the traffic secrets of both peers at a stage.
func (k *Schedule) pair(stage string, transcript []byte) (client, server []byte, err error) {
	if client, err = k.expand(k.secret, "c "+stage+" traffic", k.Sum(transcript)); err == nil {
		server, err = k.expand(k.secret, "s "+stage+" traffic", k.Sum(transcript))
	}
	return client, server, err
}

// advance goes to the next secret of the chain.
func (k *Schedule) advance(input []byte) error {
	derived, err := k.expand(k.secret, "derived", k.Sum(nil))
	if err != nil {
		return err
	}
	k.secret, err = hkdf.Extract(k.hash, input, derived)
	return err
}

// HandshakeSecrets derives the secrets of handshake traffic from the shared secret
// and the messages up to ServerHello.
func (k *Schedule) HandshakeSecrets(shared, transcript []byte) (client, server []byte, err error) {
	zeros := make([]byte, k.hash().Size())
	if k.secret, err = hkdf.Extract(k.hash, zeros, zeros); err != nil {
		return nil, nil, err
	}
	if err = k.advance(shared); err != nil {
		return nil, nil, err
	}
	return k.pair("hs", transcript)
}

// ApplicationSecrets derives the secrets of application traffic from the messages
// up to the server's Finished.
func (k *Schedule) ApplicationSecrets(transcript []byte) (client, server []byte, err error) {
	if err = k.advance(make([]byte, k.hash().Size())); err != nil {
		return nil, nil, err
	}
	return k.pair("ap", transcript)
}

// Protection derives record keys from a traffic secret. See RFC 8446, Section 7.3.
func (k *Schedule) Protection(secret []byte) (*wire.Protection, error) {
	if p := wire.NewProtection13(k.suite, secret); p != nil {
		return p, nil
	}
	return nil, errors.New("no record keys for this suite")
}

// Finished is the verify_data of a Finished message. See RFC 8446, Section 4.4.4.
func (k *Schedule) Finished(secret, transcript []byte) ([]byte, error) {
	key, err := k.expand(secret, "finished", nil)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(k.hash, key)
	mac.Write(k.Sum(transcript))
	return mac.Sum(nil), nil
}

// Update is the next secret of application traffic. See RFC 8446, Section 7.2.
func (k *Schedule) Update(secret []byte) ([]byte, error) { return k.expand(secret, "traffic upd", nil) }
