package wire

import (
	"crypto/tls"
	"fmt"
	"strconv"
	"strings"
)

// An Alert is the two bytes of an alert message. See RFC 8446, Section 6.
type Alert struct {
	Level       uint8 // 1 warning, 2 fatal; without meaning in TLS 1.3
	Description uint8
}

// Alerts that this program decides by: the IANA registry "TLS Alerts", and
// no_certificate of SSL 3.0 (RFC 6101, Section 5.4.2).
const (
	CloseNotify                 = 0
	AlertUnexpectedMessage      = 10
	AlertHandshakeFailure       = 40
	AlertNoCertificate          = 41
	AlertBadCertificate         = 42
	AlertUnsupportedCertificate = 43
	AlertCertificateRevoked     = 44
	AlertCertificateExpired     = 45
	AlertCertificateUnknown     = 46
	AlertIllegalParameter       = 47
	AlertUnknownCA              = 48
	AlertAccessDenied           = 49
	AlertDecodeError            = 50
	AlertDecryptError           = 51
	AlertProtocolVersion        = 70
	AlertInternalError          = 80
	UserCanceled                = 90
	AlertCertificateRequired    = 116
	AlertNoApplicationProtocol  = 120
)

// alerts is the one table of alerts: the registered name, and the meaning after
// RFC 8446, Section 6, and RFC 5246, Section 7.2. SENDER is who sent the alert and
// PEER the other end.
var alerts = map[uint8]struct{ name, meaning string }{
	CloseNotify:                 {"close_notify", "SENDER closes the connection; not a refusal"},
	AlertUnexpectedMessage:      {"unexpected_message", "PEER sent a message that does not belong there"},
	20:                          {"bad_record_mac", "SENDER could not verify a record of PEER: it was changed, or the keys differ"},
	21:                          {"decryption_failed", "SENDER could not decrypt a record of PEER"},
	22:                          {"record_overflow", "PEER sent a record that is too long"},
	30:                          {"decompression_failure", "SENDER could not decompress a record of PEER"},
	AlertHandshakeFailure:       {"handshake_failure", "SENDER found no acceptable set of parameters; up to TLS 1.2 it may also mean that no certificate came"},
	AlertNoCertificate:          {"no_certificate", "SENDER has no suitable certificate; in SSL 3.0 this replaces an empty Certificate message, and PEER decides whether to go on"},
	AlertBadCertificate:         {"bad_certificate", "PEER's certificate is corrupt, or its signature does not verify"},
	AlertUnsupportedCertificate: {"unsupported_certificate", "PEER's certificate is of an unsupported type, or not for this use"},
	AlertCertificateRevoked:     {"certificate_revoked", "PEER's certificate was revoked by its issuer"},
	AlertCertificateExpired:     {"certificate_expired", "PEER's certificate has expired or is not currently valid, by SENDER's clock"},
	AlertCertificateUnknown:     {"certificate_unknown", "SENDER does not accept PEER's certificate, for some other (unspecified) reason"},
	AlertIllegalParameter:       {"illegal_parameter", "PEER sent a field that is out of range or contradicts others"},
	AlertUnknownCA:              {"unknown_ca", "SENDER found no CA that it trusts for PEER's certificate: the CA is unknown there, or the chain is incomplete"},
	AlertAccessDenied:           {"access_denied", "SENDER considers PEER's certificate valid and denies access"},
	AlertDecodeError:            {"decode_error", "SENDER could not decode a message of PEER"},
	AlertDecryptError:           {"decrypt_error", "a signature or Finished of PEER does not verify"},
	52:                          {"too_many_cids_requested", "PEER asked for too many connection IDs"},
	60:                          {"export_restriction", "PEER wants keys that export rules forbid"},
	AlertProtocolVersion:        {"protocol_version", "SENDER recognises PEER's protocol version and does not support it"},
	71:                          {"insufficient_security", "SENDER wants stronger ciphers than PEER offers"},
	AlertInternalError:          {"internal_error", "SENDER has a problem of its own, unrelated to PEER"},
	86:                          {"inappropriate_fallback", "PEER fell back to an older version although SENDER supports a newer one (RFC 7507)"},
	UserCanceled:                {"user_canceled", "SENDER cancels for a reason that is not a protocol failure, and closes; not a refusal"},
	100:                         {"no_renegotiation", "SENDER does not want a new handshake"},
	109:                         {"missing_extension", "PEER left out an extension that is mandatory"},
	110:                         {"unsupported_extension", "PEER sent an extension that is not allowed there"},
	111:                         {"certificate_unobtainable", "SENDER could not fetch PEER's certificate from its URL (RFC 6066)"},
	112:                         {"unrecognized_name", "SENDER knows no server by the name that PEER asked for"},
	113:                         {"bad_certificate_status_response", "PEER's OCSP response is invalid or not acceptable"},
	114:                         {"bad_certificate_hash_value", "PEER's certificate does not match its hash (RFC 6066)"},
	115:                         {"unknown_psk_identity", "SENDER does not know PEER's pre-shared key"},
	AlertCertificateRequired:    {"certificate_required", "SENDER requires a certificate, and PEER sent none"},
	AlertNoApplicationProtocol:  {"no_application_protocol", "SENDER speaks none of the application protocols that PEER offers"},
	121:                         {"ech_required", "SENDER requires PEER to use Encrypted Client Hello (RFC 9849)"},
}

// ParseAlert returns the fatal alert of a registered name, with any spelling of its spaces, or
// of a number.
func ParseAlert(text string) (Alert, bool) {
	text = strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToLower(text))
	text = strings.TrimPrefix(text, "alert_")
	for description, known := range alerts {
		if text == known.name || text == strconv.Itoa(int(description)) {
			return Alert{Level: 2, Description: description}, true
		}
	}
	return Alert{}, false
}

// Name returns the alert's name in the IANA registry "TLS Alerts".
func (a Alert) Name() string {
	if known, ok := alerts[a.Description]; ok {
		return known.name
	}
	return fmt.Sprintf("alert %d", a.Description)
}

// Meaning says what the alert means, with SENDER for who sent it and PEER for the
// other end.
func (a Alert) Meaning() string {
	if known, ok := alerts[a.Description]; ok {
		return known.meaning
	}
	return "SENDER ended the connection for a reason that is not in the IANA registry"
}

// MeaningFrom is the meaning of an alert that a peer sent.
func (a Alert) MeaningFrom(from Peer) string {
	other := Client
	if from == Client {
		other = Server
	}
	return strings.NewReplacer("SENDER", "the "+from.String(), "PEER", "the "+other.String()).Replace(a.Meaning())
}

// Refuses reports whether the alert ends the connection because something was
// wrong: neither a closure alert nor, up to TLS 1.2, a mere warning.
func (a Alert) Refuses(version uint16) bool {
	if a.Description == CloseNotify || a.Description == UserCanceled {
		return false
	}
	return version >= tls.VersionTLS13 || a.Level != 1
}
