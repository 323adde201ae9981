package wire

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"

	"golang.org/x/crypto/cryptobyte"
)

// A serverHello is what the transcript needs of a ServerHello.
// See RFC 8446, Section 4.1.3.
type serverHello struct {
	version        uint16 // the negotiated one, supported_versions considered
	random         []byte
	suite          uint16
	retry          bool // it is a HelloRetryRequest
	encryptThenMAC bool // RFC 7366
}

func parseServerHello(body []byte) (*serverHello, error) {
	d := newDecoder("ServerHello", body)
	h := &serverHello{version: d.uint16("legacy_version", &d.s)}
	h.random = d.bytes("random", &d.s, 32)
	d.vector8("legacy_session_id_echo", &d.s)
	h.suite = d.uint16("cipher_suite", &d.s)
	d.uint8("legacy_compression_method", &d.s)
	var extensions []Extension
	if len(d.s) > 0 {
		extensions = d.extensions(&d.s)
	}
	d.end(d.s)
	for _, e := range extensions {
		switch e.Type {
		case extSupportedVersions:
			data := cryptobyte.String(e.Data)
			h.version = d.uint16("supported_versions", &data)
		case extEncryptThenMAC:
			h.encryptThenMAC = true
		}
	}
	if d.err != nil {
		return nil, d.err
	}
	retry := sha256.Sum256([]byte("HelloRetryRequest"))
	h.retry = bytes.Equal(h.random, retry[:])
	return h, nil
}

// parseClientRandom reads the start of a ClientHello. See RFC 8446, Section 4.1.2.
func parseClientRandom(body []byte) ([]byte, error) {
	d := newDecoder("ClientHello", body)
	d.uint16("legacy_version", &d.s)
	random := d.bytes("random", &d.s, 32)
	return random, d.err
}

// ParseCertificate decodes the body of a Certificate message of the given
// protocol version and returns the certificates as raw DER in the order sent;
// none means that the peer sent an empty Certificate. An error is a
// [*DecodeError]. See RFC 8446, Section 4.4.2, and RFC 5246, Section 7.4.2.
func ParseCertificate(version uint16, body []byte) ([][]byte, error) {
	d := newDecoder("Certificate", body)
	if version >= tls.VersionTLS13 {
		d.vector8("certificate_request_context", &d.s)
	}
	list := d.vector24("certificate_list", &d.s)
	d.end(d.s)
	var certificates [][]byte
	for len(list) > 0 && d.err == nil {
		certificates = append(certificates, d.vector24("cert_data", &list))
		if version >= tls.VersionTLS13 {
			d.extensions(&list)
		}
	}
	if d.err != nil {
		return nil, d.err
	}
	return certificates, nil
}
