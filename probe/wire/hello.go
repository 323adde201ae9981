package wire

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"slices"

	"golang.org/x/crypto/cryptobyte"
)

// An Offer is what a ClientHello offers. See RFC 8446, Section 4.1.2.
type Offer struct {
	// Version is legacy_version: the highest one where Versions is nil.
	Version    uint16
	Random     []byte
	Suites     []uint16
	Versions   []uint16 // supported_versions, in the client's order; nil before TLS 1.3
	ServerName string   // of SNI; empty without it
	ALPN       []string // nil without it
	Session    []byte   // legacy_session_id
	Groups     []uint16 // supported_groups; nil without it
	Schemes    []tls.SignatureScheme
	Shares     []KeyShare
	// Renegotiation says that it asks for secure renegotiation (RFC 5746), without
	// whose answer OpenSSL 3 ends the handshake.
	Renegotiation bool
}

// A KeyShare is a public key for a group. See RFC 8446, Section 4.2.8.
type KeyShare struct {
	Group uint16
	Data  []byte
}

// Supports reports whether the client offers the version.
func (o *Offer) Supports(version uint16) bool {
	if o.Versions != nil {
		return slices.Contains(o.Versions, version)
	}
	return version < tls.VersionTLS13 && o.Version >= version
}

// Share returns the client's key for a group; nil without one.
func (o *Offer) Share(group uint16) []byte {
	for _, s := range o.Shares {
		if s.Group == group {
			return s.Data
		}
	}
	return nil
}

// ParseClientHello decodes the body of a ClientHello. An error is a
// [*DecodeError]. See RFC 8446, Section 4.1.2; RFC 6066, Section 3, and RFC 7301,
// Section 3.1, for the extensions.
func ParseClientHello(body []byte) (*Offer, error) {
	d := newDecoder("ClientHello", body)
	o := &Offer{Version: d.uint16("legacy_version", &d.s)}
	o.Random = d.bytes("random", &d.s, 32)
	o.Session = d.vector8("legacy_session_id", &d.s)
	suites := d.vector16("cipher_suites", &d.s)
	for len(suites) > 0 && d.err == nil {
		suite := d.uint16("cipher_suites", &suites)
		o.Suites = append(o.Suites, suite)
		o.Renegotiation = o.Renegotiation || suite == emptyRenegotiationInfo
	}
	d.vector8("legacy_compression_methods", &d.s)
	var extensions []Extension
	if len(d.s) > 0 {
		extensions = d.extensions(&d.s)
	}
	d.end(d.s)
	for _, e := range extensions {
		o.extension(d, e.Type, e.Data)
	}
	if d.err != nil {
		return nil, d.err
	}
	return o, nil
}

func (o *Offer) extension(d *decoder, kind uint16, data cryptobyte.String) {
	switch kind {
	case extServerName:
		list := d.vector16("server_name_list", &data)
		if d.uint8("name_type", &list) == 0 {
			o.ServerName = string(d.vector16("host_name", &list))
		}
	case extALPN:
		o.ALPN = d.protocols(data)
	case extSupportedVersions:
		list := d.vector8("supported_versions", &data)
		for len(list) > 0 && d.err == nil {
			o.Versions = append(o.Versions, d.uint16("supported_versions", &list))
		}
	case extSupportedGroups:
		list := d.vector16("named_group_list", &data)
		for len(list) > 0 && d.err == nil {
			o.Groups = append(o.Groups, d.uint16("named_group_list", &list))
		}
	case extSignatureAlgorithms:
		list := d.vector16("supported_signature_algorithms", &data)
		for len(list) > 0 && d.err == nil {
			o.Schemes = append(o.Schemes, tls.SignatureScheme(d.uint16("supported_signature_algorithms", &list)))
		}
	case extKeyShare:
		list := d.vector16("client_shares", &data)
		for len(list) > 0 && d.err == nil {
			o.Shares = append(o.Shares, d.keyShare(&list))
		}
	case extRenegotiationInfo:
		o.Renegotiation = true
	}
}

func (d *decoder) keyShare(s *cryptobyte.String) KeyShare {
	return KeyShare{Group: d.uint16("group", s), Data: d.vector16("key_exchange", s)}
}

// protocols reads the list of application_layer_protocol_negotiation.
func (d *decoder) protocols(data cryptobyte.String) []string {
	list := d.vector16("protocol_name_list", &data)
	var names []string
	for len(list) > 0 && d.err == nil {
		names = append(names, string(d.vector8("protocol_name", &list)))
	}
	return names
}

// A Choice is what a ServerHello chooses. See RFC 8446, Section 4.1.3.
type Choice struct {
	Version        uint16 // the negotiated one, supported_versions considered
	Random         []byte
	CipherSuite    uint16
	Retry          bool     // it is a HelloRetryRequest (RFC 8446, Section 4.1.4)
	EncryptThenMAC bool     // RFC 7366
	ExtendedMaster bool     // RFC 7627
	ALPN           []string // one name up to TLS 1.2, or nil
	Share          KeyShare // of TLS 1.3; zero without one
}

// ParseServerHello decodes the body of a ServerHello. An error is a
// [*DecodeError]. See RFC 8446, Section 4.1.3.
func ParseServerHello(body []byte) (*Choice, error) {
	d := newDecoder("ServerHello", body)
	h := &Choice{Version: d.uint16("legacy_version", &d.s)}
	h.Random = d.bytes("random", &d.s, 32)
	d.vector8("legacy_session_id_echo", &d.s)
	h.CipherSuite = d.uint16("cipher_suite", &d.s)
	d.uint8("legacy_compression_method", &d.s)
	var extensions []Extension
	if len(d.s) > 0 {
		extensions = d.extensions(&d.s)
	}
	d.end(d.s)
	var share cryptobyte.String
	for _, e := range extensions {
		switch e.Type {
		case extSupportedVersions:
			data := cryptobyte.String(e.Data)
			h.Version = d.uint16("supported_versions", &data)
		case extEncryptThenMAC:
			h.EncryptThenMAC = true
		case extExtendedMaster:
			h.ExtendedMaster = true
		case extALPN:
			h.ALPN = d.protocols(e.Data)
		case extKeyShare:
			share = e.Data
		}
	}
	retry := sha256.Sum256([]byte("HelloRetryRequest"))
	h.Retry = bytes.Equal(h.Random, retry[:])
	if share != nil && !h.Retry { // a retry names a group alone
		h.Share = d.keyShare(&share)
	}
	if d.err != nil {
		return nil, d.err
	}
	return h, nil
}

// ParseEncryptedExtensions decodes the body of EncryptedExtensions and returns
// the application protocol that the server chose: one name, or nil. An error is a
// [*DecodeError]. See RFC 8446, Section 4.3.1.
func ParseEncryptedExtensions(body []byte) (alpn []string, err error) {
	d := newDecoder("EncryptedExtensions", body)
	extensions := d.extensions(&d.s)
	d.end(d.s)
	for _, e := range extensions {
		if e.Type == extALPN {
			alpn = d.protocols(e.Data)
		}
	}
	return alpn, d.err
}

// ParseCertificateVerify decodes the body of a CertificateVerify of the given
// protocol version and returns the signature, and its scheme: zero before TLS 1.2,
// which does not tell it. An error is a [*DecodeError]. See RFC 8446, Section 4.4.3, and
// RFC 5246, Section 7.4.8.
func ParseCertificateVerify(version uint16, body []byte) (scheme tls.SignatureScheme, signature []byte, err error) {
	d := newDecoder("CertificateVerify", body)
	if version >= tls.VersionTLS12 {
		scheme = tls.SignatureScheme(d.uint16("algorithm", &d.s))
	}
	signature = d.vector16("signature", &d.s)
	d.end(d.s)
	return scheme, signature, d.err
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
