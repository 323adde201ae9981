package mirror

import (
	"crypto/tls"
	"errors"
	"slices"

	"mtlsprobe/probe/handshake"

	"golang.org/x/crypto/cryptobyte"
)

// A clientHello is what this server needs of one. See RFC 8446, Section 4.1.2.
type clientHello struct {
	version    uint16 // legacy_version
	random     []byte
	session    []byte
	suites     []uint16
	versions   []uint16 // supported_versions; nil before TLS 1.3
	groups     []uint16
	shares     map[uint16][]byte
	schemes    []tls.SignatureScheme
	serverName string
	alpn       []string
	// renegotiation says that it asks for secure renegotiation (RFC 5746), without
	// which OpenSSL 3 ends the handshake.
	renegotiation bool
}

var errClientHello = errors.New("a ClientHello that cannot be decoded")

func parseClientHello(body []byte) (*clientHello, error) {
	h := &clientHello{shares: make(map[uint16][]byte)}
	s := cryptobyte.String(body)
	var session, suites, compressions, extensions cryptobyte.String
	if !s.ReadUint16(&h.version) || !s.ReadBytes(&h.random, 32) || !s.ReadUint8LengthPrefixed(&session) ||
		!s.ReadUint16LengthPrefixed(&suites) || !s.ReadUint8LengthPrefixed(&compressions) {
		return nil, errClientHello
	}
	h.session = session
	for !suites.Empty() {
		var id uint16
		if !suites.ReadUint16(&id) {
			return nil, errClientHello
		}
		h.suites = append(h.suites, id)
		h.renegotiation = h.renegotiation || id == 0x00ff
	}
	if s.Empty() {
		return h, nil
	}
	if !s.ReadUint16LengthPrefixed(&extensions) {
		return nil, errClientHello
	}
	for !extensions.Empty() {
		var kind uint16
		var data cryptobyte.String
		if !extensions.ReadUint16(&kind) || !extensions.ReadUint16LengthPrefixed(&data) || !h.extension(kind, data) {
			return nil, errClientHello
		}
	}
	return h, nil
}

func (h *clientHello) extension(kind uint16, data cryptobyte.String) bool {
	var list cryptobyte.String
	switch kind {
	case 0: // server_name
		var nameType uint8
		var name cryptobyte.String
		if !data.ReadUint16LengthPrefixed(&list) || !list.ReadUint8(&nameType) || !list.ReadUint16LengthPrefixed(&name) {
			return false
		}
		h.serverName = string(name)
	case 10: // supported_groups
		return data.ReadUint16LengthPrefixed(&list) && readUint16s(list, &h.groups)
	case 13: // signature_algorithms
		var schemes []uint16
		if !data.ReadUint16LengthPrefixed(&list) || !readUint16s(list, &schemes) {
			return false
		}
		for _, scheme := range schemes {
			h.schemes = append(h.schemes, tls.SignatureScheme(scheme))
		}
	case 16: // application_layer_protocol_negotiation
		if !data.ReadUint16LengthPrefixed(&list) {
			return false
		}
		for !list.Empty() {
			var name cryptobyte.String
			if !list.ReadUint8LengthPrefixed(&name) {
				return false
			}
			h.alpn = append(h.alpn, string(name))
		}
	case 43: // supported_versions
		return data.ReadUint8LengthPrefixed(&list) && readUint16s(list, &h.versions)
	case 51: // key_share
		if !data.ReadUint16LengthPrefixed(&list) {
			return false
		}
		for !list.Empty() {
			var group uint16
			var share cryptobyte.String
			if !list.ReadUint16(&group) || !list.ReadUint16LengthPrefixed(&share) {
				return false
			}
			h.shares[group] = share
		}
	case 0xff01:
		h.renegotiation = true
	}
	return true
}

func readUint16s(s cryptobyte.String, into *[]uint16) bool {
	for !s.Empty() {
		var n uint16
		if !s.ReadUint16(&n) {
			return false
		}
		*into = append(*into, n)
	}
	return true
}

// offers reports whether the client takes the version. This server has 1.2 and
// 1.3.
func (h *clientHello) offers(version uint16) bool {
	if h.versions != nil {
		return slices.Contains(h.versions, version)
	}
	return version == tls.VersionTLS12 && h.version >= tls.VersionTLS12
}

// http11 returns the extension that chooses HTTP/1.1, if the client offers it.
func (h *clientHello) http11(b *cryptobyte.Builder) {
	if !slices.Contains(h.alpn, "http/1.1") {
		return
	}
	handshake.AddExtension(b, 16, func(b *cryptobyte.Builder) {
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
			b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte("http/1.1")) })
		})
	})
}
