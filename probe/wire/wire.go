// Package wire decodes what goes over a TLS connection: records, handshake
// messages, alerts, and above all the server's CertificateRequest, from SSL 3.0
// to TLS 1.3.
//
// Call [Decode] with both byte streams of a connection and its key log to get a
// [Transcript], or [ParseCertificateRequest] with the body of one message.
// Decoding is pure and bounded: no I/O, no clock, no panic on hostile bytes, and
// an error that names the field it choked on, because the reader of that error
// debugs the peer.
//
// The package verifies nothing: neither certificates nor signatures nor the
// Finished messages. It opens protected records only where the key log has the
// secret.
package wire

import (
	"crypto/tls"
	"fmt"
)

// A Peer is one end of a connection. The zero Peer is nobody.
type Peer uint8

// The two ends of a connection.
const (
	Client Peer = iota + 1
	Server
)

func (p Peer) String() string {
	switch p {
	case Client:
		return "client"
	case Server:
		return "server"
	}
	return "nobody"
}

// A Flow is a run of bytes that one peer sent. Flows are given in the order in
// which they were seen; where one flow ends and the next begins has no meaning.
type Flow struct {
	From Peer
	Data []byte
}

// VersionSSL30 is the version number of SSL 3.0 (RFC 6101), which crypto/tls
// marks as deprecated.
const VersionSSL30 uint16 = 0x0300

// VersionName returns the name of a protocol version as this program writes it:
// "SSL 3.0", "TLS 1.0" … "TLS 1.3", or the number in hex for any other.
func VersionName(version uint16) string {
	switch version {
	case VersionSSL30:
		return "SSL 3.0"
	case tls.VersionTLS10:
		return "TLS 1.0"
	case tls.VersionTLS11:
		return "TLS 1.1"
	case tls.VersionTLS12:
		return "TLS 1.2"
	case tls.VersionTLS13:
		return "TLS 1.3"
	}
	return fmt.Sprintf("0x%04x", version)
}

// ParseVersion is the inverse of [VersionName] for the named versions. It
// reports false for any other text.
func ParseVersion(name string) (uint16, bool) {
	for v := VersionSSL30; v <= tls.VersionTLS13; v++ {
		if VersionName(v) == name {
			return v, true
		}
	}
	return 0, false
}

// A DecodeError says which field of which message could not be decoded.
type DecodeError struct {
	Message string // the message's name in the RFC, such as "CertificateRequest"
	Field   string // the field's name in the RFC, such as "certificate_authorities"
	Offset  int    // where decoding stopped, in bytes from the start of the body
}

func (e *DecodeError) Error() string {
	return fmt.Sprintf("malformed %s: field %s, at byte %d", e.Message, e.Field, e.Offset)
}
