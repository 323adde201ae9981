package tlspeer

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"

	"mtlsprobe/probe/wire"
)

// A Share is what a client offers of TLS 1.3 that reads the server's first flight only: one key
// share. It is of P-256, which every server is to have (RFC 8446, Section 9.1), and is fast.
type Share struct {
	key           *ecdh.PrivateKey
	random, hello []byte
}

// NewShare makes a share, and the record of the ClientHello that offers it.
func NewShare(serverName string, alpn []string) (*Share, []byte, error) {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	hello := hello13(serverName, alpn, Random(32))
	hello.Groups = []uint16{GroupP256}
	hello.Shares = []wire.KeyShare{{Group: GroupP256, Data: key.PublicKey().Bytes()}}
	body, err := hello.Marshal()
	if err != nil {
		return nil, nil, err
	}
	s := &Share{key: key, random: hello.Random, hello: wire.MarshalMessage(wire.ClientHello, body)}
	return s, wire.MarshalRecord(wire.HandshakeRecord, tls.VersionTLS10, s.hello), nil
}

// Agree returns the secret of the server's handshake traffic in the SSLKEYLOGFILE format (RFC
// 9850). The record is the server's first one; nil for one without a ServerHello, such as an alert.
func (s *Share) Agree(record []byte) ([]byte, error) {
	const header = 5 + 4 // of the record and of the message
	if len(record) < header || wire.ContentType(record[0]) != wire.HandshakeRecord ||
		wire.HandshakeType(record[5]) != wire.ServerHello {
		return nil, nil
	}
	body := record[header:]
	length := int(record[6])<<16 | int(record[7])<<8 | int(record[8])
	if length > len(body) {
		return nil, errors.New("a ServerHello in several records")
	}
	hello, err := wire.ParseServerHello(body[:length])
	switch {
	case err != nil:
		return nil, err
	case hello.Retry, hello.Version != tls.VersionTLS13, hello.Share.Group != GroupP256:
		return nil, fmt.Errorf("%w: the server wants another version or group", ErrUnsuited)
	case wire.SuiteHash(hello.CipherSuite) == nil:
		return nil, errors.New("the server chose a suite that was not offered")
	}
	shared, err := Agree(s.key, hello.Share.Data)
	if err != nil {
		return nil, err
	}
	messages := slices.Concat(s.hello, record[5:header+length])
	_, server, err := NewSchedule(hello.CipherSuite).HandshakeSecrets(shared, messages)
	return fmt.Appendf(nil, "SERVER_HANDSHAKE_TRAFFIC_SECRET %x %x\n", s.random, server), err
}
