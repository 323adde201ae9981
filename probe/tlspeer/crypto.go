package tlspeer

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"strings"
)

// The groups that this program has (RFC 8446, Section 4.2.7).
const (
	GroupP256   = uint16(tls.CurveP256)
	GroupX25519 = uint16(tls.X25519)
)

// Curve is the curve of one of the groups.
func Curve(group uint16) ecdh.Curve {
	if group == GroupX25519 {
		return ecdh.X25519()
	}
	return ecdh.P256()
}

// Agree makes the shared secret of a key and the peer's share.
func Agree(key *ecdh.PrivateKey, share []byte) ([]byte, error) {
	theirs, err := key.Curve().NewPublicKey(share)
	if err != nil {
		return nil, fmt.Errorf("the peer's key share: %w", err)
	}
	return key.ECDH(theirs)
}

// The context strings of CertificateVerify (RFC 8446, Section 4.4.3).
const (
	ClientContext = "TLS 1.3, client CertificateVerify"
	ServerContext = "TLS 1.3, server CertificateVerify"
)

// Signed13 is what a CertificateVerify of TLS 1.3 signs.
func Signed13(context string, sum []byte) []byte {
	return append([]byte(strings.Repeat(" ", 64)+context+"\x00"), sum...)
}

// Random returns n random bytes.
func Random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return b
}
