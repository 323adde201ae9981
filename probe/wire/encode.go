package wire

import (
	"crypto/tls"
	"net/netip"

	"golang.org/x/crypto/cryptobyte"
)

// A ClientHelloSpec is what a ClientHello is made of. Zero fields are left out.
type ClientHelloSpec struct {
	Version       uint16 // legacy_version
	Random        []byte // 32 bytes
	Session       []byte
	Suites        []uint16
	ServerName    string // left out where it is an address (RFC 6066, Section 3)
	ALPN          []string
	Groups        []uint16
	Schemes       []tls.SignatureScheme
	Shares        []KeyShare // makes it one of TLS 1.3
	PostHandshake bool       // post_handshake_auth, in TLS 1.3
}

// Marshal returns the body of the ClientHello. See RFC 8446, Section 4.1.2; RFC 5246,
// Section 7.4.1.2; RFC 6101, Section 5.6.1.2, for SSL 3.0, which has no extensions.
func (h *ClientHelloSpec) Marshal() ([]byte, error) {
	var b cryptobyte.Builder
	b.AddUint16(h.Version)
	b.AddBytes(h.Random)
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(h.Session) })
	addUint16s(&b, h.Suites)
	b.AddBytes([]byte{1, 0}) // no compression
	if h.Version > VersionSSL30 {
		b.AddUint16LengthPrefixed(h.extensions)
	}
	return b.Bytes()
}

func (h *ClientHelloSpec) extensions(b *cryptobyte.Builder) {
	if _, err := netip.ParseAddr(h.ServerName); err != nil && h.ServerName != "" {
		AddExtension(b, extServerName, func(b *cryptobyte.Builder) {
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
				b.AddUint8(0)
				b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(h.ServerName)) })
			})
		})
	}
	AddExtension(b, extSupportedGroups, func(b *cryptobyte.Builder) { addUint16s(b, h.Groups) })
	if h.Schemes != nil {
		AddExtension(b, extSignatureAlgorithms, func(b *cryptobyte.Builder) { addUint16s(b, h.Schemes) })
	}
	AddALPN(b, h.ALPN)
	if h.Shares == nil {
		AddExtension(b, extPointFormats, func(b *cryptobyte.Builder) { b.AddBytes([]byte{1, 0}) })
		// Secure renegotiation is signalled by the suite alone: both are not allowed
		// (RFC 5746, Section 3.4), and wolfSSL refuses them.
		AddExtension(b, extExtendedMasterSecret, func(*cryptobyte.Builder) {})
		return
	}
	AddExtension(b, extSupportedVersions, func(b *cryptobyte.Builder) { b.AddBytes([]byte{2, 3, 4}) })
	AddExtension(b, extPSKModes, func(b *cryptobyte.Builder) { b.AddBytes([]byte{1, 1}) }) // so that tickets come
	if h.PostHandshake {
		AddExtension(b, extPostHandshakeAuth, func(*cryptobyte.Builder) {})
	}
	AddExtension(b, extKeyShare, func(b *cryptobyte.Builder) {
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
			for _, s := range h.Shares {
				addShare(b, s)
			}
		})
	})
}

func addUint16s[T ~uint16](b *cryptobyte.Builder, values []T) {
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		for _, v := range values {
			b.AddUint16(uint16(v))
		}
	})
}

func addShare(b *cryptobyte.Builder, s KeyShare) {
	b.AddUint16(s.Group)
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(s.Data) })
}

// AddExtension adds one extension.
func AddExtension(b *cryptobyte.Builder, kind uint16, data func(*cryptobyte.Builder)) {
	b.AddUint16(kind)
	b.AddUint16LengthPrefixed(data)
}

// AddALPN adds the extension with the protocols (RFC 7301); nothing without any.
func AddALPN(b *cryptobyte.Builder, protocols []string) {
	if len(protocols) == 0 {
		return
	}
	AddExtension(b, extALPN, func(b *cryptobyte.Builder) {
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
			for _, name := range protocols {
				b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(name)) })
			}
		})
	})
}

// A ServerHelloSpec is what a ServerHello is made of.
type ServerHelloSpec struct {
	Random        []byte // 32 bytes
	Session       []byte
	Suite         uint16
	Share         *KeyShare // makes it one of TLS 1.3
	Renegotiation bool      // up to TLS 1.2: the client asked for secure renegotiation
	ALPN          []string  // up to TLS 1.2: the chosen protocol
}

// Marshal returns the body of the ServerHello. See RFC 8446, Section 4.1.3.
func (h *ServerHelloSpec) Marshal() ([]byte, error) {
	var b cryptobyte.Builder
	b.AddUint16(tls.VersionTLS12)
	b.AddBytes(h.Random)
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(h.Session) })
	b.AddUint16(h.Suite)
	b.AddUint8(0)
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		if h.Share != nil {
			AddExtension(b, extSupportedVersions, func(b *cryptobyte.Builder) { b.AddUint16(tls.VersionTLS13) })
			AddExtension(b, extKeyShare, func(b *cryptobyte.Builder) { addShare(b, *h.Share) })
			return
		}
		if h.Renegotiation {
			AddExtension(b, extRenegotiationInfo, func(b *cryptobyte.Builder) { b.AddUint8(0) })
		}
		AddExtension(b, extPointFormats, func(b *cryptobyte.Builder) { b.AddBytes([]byte{1, 0}) })
		AddALPN(b, h.ALPN)
	})
	return b.Bytes()
}

// MarshalCertificate returns the body of a Certificate message. The context is that
// of TLS 1.3, and not sent before. See RFC 8446, Section 4.4.2.
func MarshalCertificate(version uint16, context []byte, chain [][]byte) ([]byte, error) {
	var b cryptobyte.Builder
	if version >= tls.VersionTLS13 {
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(context) })
	}
	b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
		for _, der := range chain {
			b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(der) })
			if version >= tls.VersionTLS13 {
				b.AddUint16(0)
			}
		}
	})
	return b.Bytes()
}

// MarshalSignature returns a scheme with a signature, as CertificateVerify has it
// and, after its parameters, ServerKeyExchange. See RFC 8446, Section 4.4.3.
func MarshalSignature(scheme tls.SignatureScheme, signature []byte) ([]byte, error) {
	var b cryptobyte.Builder
	b.AddUint16(uint16(scheme))
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(signature) })
	return b.Bytes()
}

// MarshalRecord returns a record in clear. The content has up to 16,384 bytes. See RFC 8446,
// Section 5.1.
func MarshalRecord(kind ContentType, version uint16, content []byte) []byte {
	return append([]byte{byte(kind), byte(version >> 8), byte(version), byte(len(content) >> 8), byte(len(content))},
		content...)
}

// MarshalMessage puts the header of a handshake message before its body.
func MarshalMessage(kind HandshakeType, body []byte) []byte {
	return append([]byte{byte(kind), byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}, body...)
}
