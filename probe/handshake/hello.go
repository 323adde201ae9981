package handshake

import (
	"crypto/ecdh"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
)

// The groups that this program has (RFC 8446, Section 4.2.7).
const (
	GroupP256   = 23
	GroupX25519 = 29
)

// Curve is the curve of one of the groups.
func Curve(group uint16) ecdh.Curve {
	if group == GroupX25519 {
		return ecdh.X25519()
	}
	return ecdh.P256()
}

// AddExtension adds one extension of a hello or a CertificateRequest.
func AddExtension(b *cryptobyte.Builder, kind uint16, data func(*cryptobyte.Builder)) {
	b.AddUint16(kind)
	b.AddUint16LengthPrefixed(data)
}

// Agree makes the shared secret of a key and the peer's share.
func Agree(key *ecdh.PrivateKey, share []byte) ([]byte, error) {
	theirs, err := key.Curve().NewPublicKey(share)
	if err != nil {
		return nil, fmt.Errorf("the peer's key share: %w", err)
	}
	return key.ECDH(theirs)
}
