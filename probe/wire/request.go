package wire

import (
	"crypto/tls"

	"golang.org/x/crypto/cryptobyte"
)

// A CertificateRequest is everything that a server said when it asked for a
// client certificate. See RFC 8446, Section 4.3.2, for TLS 1.3; RFC 5246,
// Section 7.4.4, for TLS 1.2; RFC 2246, Section 7.4.4, for older versions.
type CertificateRequest struct {
	// Version is the protocol version that gave the message its form.
	Version uint16
	// Context is TLS 1.3's certificate_request_context: empty in a handshake,
	// set in post-handshake authentication. Nil before TLS 1.3.
	Context []byte
	// CertificateTypes are in the server's order. Nil in TLS 1.3.
	CertificateTypes []CertificateType
	// SignatureSchemes are in the server's order. Nil before TLS 1.2: there
	// the version itself fixes the algorithm.
	SignatureSchemes []tls.SignatureScheme
	// SignatureSchemesCert is signature_algorithms_cert of TLS 1.3. Nil means
	// that the extension is absent and SignatureSchemes counts for the
	// certificates' own signatures, too.
	SignatureSchemesCert []tls.SignatureScheme
	// NamedCAs are the distinguished names as raw DER, in the server's order.
	// An empty list means "any". The bytes are as sent: they may not be a name.
	NamedCAs [][]byte
	// Overlong says that the list has more than the 65,535 bytes that its length
	// can tell. It was read to the message's end; other programs choke on it.
	Overlong bool
	// OIDFilters is oid_filters of TLS 1.3.
	OIDFilters []OIDFilter
	// Extensions are all extensions of TLS 1.3 in order, decoded or not.
	Extensions []Extension
	// Raw is the body of the message.
	Raw []byte
}

// An OIDFilter demands that the client's certificate has an extension with
// these values. See RFC 8446, Section 4.2.5.
type OIDFilter struct {
	OID    []byte // certificate_extension_oid: DER of an OBJECT IDENTIFIER
	Values []byte // certificate_extension_values: DER of the values
}

// An Extension is one extension of a handshake message, undecoded.
type Extension struct {
	Type uint16
	Data []byte
}

// Extension returns the data of the extension with the given number and whether
// the request carries it.
func (r *CertificateRequest) Extension(number uint16) ([]byte, bool) {
	for _, e := range r.Extensions {
		if e.Type == number {
			return e.Data, true
		}
	}
	return nil, false
}

// ParseCertificateRequest decodes the body of a CertificateRequest message of
// the given protocol version. The result refers to body's memory. An error is a
// [*DecodeError].
func ParseCertificateRequest(version uint16, body []byte) (*CertificateRequest, error) {
	d := newDecoder("CertificateRequest", body)
	r := &CertificateRequest{Version: version, Raw: body}
	if version >= tls.VersionTLS13 {
		d.request13(r)
	} else {
		d.request12(r)
	}
	if d.err != nil {
		return nil, d.err
	}
	return r, nil
}

// request12 decodes the form that SSL 3.0 to TLS 1.2 share; TLS 1.2 alone has
// supported_signature_algorithms.
func (d *decoder) request12(r *CertificateRequest) {
	for types := d.vector8("certificate_types", &d.s); len(types) > 0; {
		r.CertificateTypes = append(r.CertificateTypes, CertificateType(types[0]))
		types = types[1:]
	}
	if r.Version >= tls.VersionTLS12 {
		r.SignatureSchemes = d.schemes("supported_signature_algorithms", &d.s)
	}
	r.Overlong = d.overlong()
	r.NamedCAs = d.names(&d.s, r.Overlong)
	d.end(d.s)
}

// overlong reports whether the list of names, the last field up to TLS 1.2, goes
// on beyond what its length of two bytes can say: the length has lost its upper
// bits, and the message's own tells where the list ends.
func (d *decoder) overlong() bool {
	if d.err != nil || len(d.s) < 2 {
		return false
	}
	claimed, there := int(d.s[0])<<8|int(d.s[1]), len(d.s)-2
	return there > 1<<16-1 && (there-claimed)%(1<<16) == 0
}

func (d *decoder) request13(r *CertificateRequest) {
	r.Context = d.vector8("certificate_request_context", &d.s)
	r.Extensions = d.extensions(&d.s)
	d.end(d.s)
	for _, e := range r.Extensions {
		data := cryptobyte.String(e.Data)
		switch e.Type {
		case extSignatureAlgorithms:
			r.SignatureSchemes = d.schemes("signature_algorithms", &data)
		case extSignatureAlgorithmsCert:
			r.SignatureSchemesCert = d.schemes("signature_algorithms_cert", &data)
		case extCertificateAuthorities:
			r.NamedCAs = d.names(&data, false)
		case extOIDFilters:
			r.OIDFilters = d.oidFilters(&data)
		default:
			continue
		}
		d.end(data)
	}
}

func (d *decoder) schemes(field string, s *cryptobyte.String) []tls.SignatureScheme {
	list := d.vector16(field, s)
	schemes := make([]tls.SignatureScheme, 0, len(list)/2)
	for len(list) > 0 && d.err == nil {
		schemes = append(schemes, tls.SignatureScheme(d.uint16(field, &list)))
	}
	return schemes
}

// names reads a list of names; an overlong one takes all that is left.
func (d *decoder) names(s *cryptobyte.String, overlong bool) [][]byte {
	const field = "certificate_authorities"
	var list cryptobyte.String
	if overlong {
		d.uint16(field, s)
		list, *s = *s, nil
	} else {
		list = d.vector16(field, s)
	}
	var names [][]byte
	if usual := 64; len(list) > usual { // bytes of a name
		names = make([][]byte, 0, len(list)/usual)
	}
	for len(list) > 0 && d.err == nil {
		names = append(names, d.vector16(field, &list))
	}
	return names
}

func (d *decoder) oidFilters(s *cryptobyte.String) []OIDFilter {
	list := d.vector16("oid_filters", s)
	var filters []OIDFilter
	for len(list) > 0 && d.err == nil {
		filters = append(filters, OIDFilter{
			OID:    d.vector8("certificate_extension_oid", &list),
			Values: d.vector16("certificate_extension_values", &list),
		})
	}
	return filters
}
