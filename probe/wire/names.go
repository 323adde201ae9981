package wire

import (
	"crypto/tls"
	"fmt"
)

// A HandshakeType is the first byte of a handshake message. See RFC 8446,
// Section 4, and the IANA registry "TLS HandshakeType".
type HandshakeType uint8

// The handshake messages that this package tells apart.
const (
	HelloRequest        HandshakeType = 0
	ClientHello         HandshakeType = 1
	ServerHello         HandshakeType = 2
	NewSessionTicket    HandshakeType = 4
	EncryptedExtensions HandshakeType = 8
	Certificate         HandshakeType = 11
	ServerKeyExchange   HandshakeType = 12
	CertRequest         HandshakeType = 13
	ServerHelloDone     HandshakeType = 14
	CertificateVerify   HandshakeType = 15
	ClientKeyExchange   HandshakeType = 16
	Finished            HandshakeType = 20
	CertificateStatus   HandshakeType = 22
	KeyUpdate           HandshakeType = 24
)

func (t HandshakeType) String() string {
	switch t {
	case HelloRequest:
		return "HelloRequest"
	case ClientHello:
		return "ClientHello"
	case ServerHello:
		return "ServerHello"
	case NewSessionTicket:
		return "NewSessionTicket"
	case EncryptedExtensions:
		return "EncryptedExtensions"
	case Certificate:
		return "Certificate"
	case ServerKeyExchange:
		return "ServerKeyExchange"
	case CertRequest:
		return "CertificateRequest"
	case ServerHelloDone:
		return "ServerHelloDone"
	case CertificateVerify:
		return "CertificateVerify"
	case ClientKeyExchange:
		return "ClientKeyExchange"
	case Finished:
		return "Finished"
	case CertificateStatus:
		return "CertificateStatus"
	case KeyUpdate:
		return "KeyUpdate"
	}
	return fmt.Sprintf("handshake type %d", uint8(t))
}

// A ContentType is the first byte of a record. See RFC 8446, Section 5.1.
type ContentType uint8

// The record content types. NotTLS marks bytes that are no TLS record at all.
const (
	NotTLS           ContentType = 0
	ChangeCipherSpec ContentType = 20
	AlertRecord      ContentType = 21
	HandshakeRecord  ContentType = 22
	ApplicationData  ContentType = 23
)

func (t ContentType) String() string {
	switch t {
	case NotTLS:
		return "not TLS"
	case ChangeCipherSpec:
		return "change_cipher_spec"
	case AlertRecord:
		return "alert"
	case HandshakeRecord:
		return "handshake"
	case ApplicationData:
		return "application_data"
	}
	return fmt.Sprintf("content type %d", uint8(t))
}

// A CertificateType is a ClientCertificateType of a CertificateRequest up to
// TLS 1.2. See RFC 5246, Section 7.4.4, and RFC 8422, Section 5.5.
type CertificateType uint8

// The certificate types that a request may still name in practice.
const (
	RSASign   CertificateType = 1
	DSSSign   CertificateType = 2
	ECDSASign CertificateType = 64
)

func (t CertificateType) String() string {
	switch t {
	case RSASign:
		return "rsa_sign"
	case DSSSign:
		return "dss_sign"
	case 3:
		return "rsa_fixed_dh"
	case 4:
		return "dss_fixed_dh"
	case 5:
		return "rsa_ephemeral_dh"
	case 6:
		return "dss_ephemeral_dh"
	case 20:
		return "fortezza_dms"
	case ECDSASign:
		return "ecdsa_sign"
	case 65:
		return "rsa_fixed_ecdh"
	case 66:
		return "ecdsa_fixed_ecdh"
	case 67:
		return "gost_sign256"
	case 68:
		return "gost_sign512"
	}
	return fmt.Sprintf("certificate type %d", uint8(t))
}

// An Alert is the two bytes of an alert message. See RFC 8446, Section 6.
type Alert struct {
	Level       uint8 // 1 warning, 2 fatal; without meaning in TLS 1.3
	Description uint8
}

// Alerts that say goodbye rather than refuse.
const (
	CloseNotify  = 0
	UserCanceled = 90
)

// Name returns the alert's name in the IANA registry "TLS Alerts".
func (a Alert) Name() string {
	if name, ok := alertName(a.Description); ok {
		return name
	}
	return fmt.Sprintf("alert %d", a.Description)
}

// Refuses reports whether the alert ends the connection because something was
// wrong: neither a goodbye nor, up to TLS 1.2, a mere warning.
func (a Alert) Refuses(version uint16) bool {
	if a.Description == CloseNotify || a.Description == UserCanceled {
		return false
	}
	return version >= tls.VersionTLS13 || a.Level != 1
}

func alertName(description uint8) (string, bool) {
	switch description {
	case 0:
		return "close_notify", true
	case 10:
		return "unexpected_message", true
	case 20:
		return "bad_record_mac", true
	case 21:
		return "decryption_failed", true
	case 22:
		return "record_overflow", true
	case 30:
		return "decompression_failure", true
	case 40:
		return "handshake_failure", true
	case 41:
		return "no_certificate", true
	case 42:
		return "bad_certificate", true
	case 43:
		return "unsupported_certificate", true
	case 44:
		return "certificate_revoked", true
	case 45:
		return "certificate_expired", true
	case 46:
		return "certificate_unknown", true
	case 47:
		return "illegal_parameter", true
	case 48:
		return "unknown_ca", true
	case 49:
		return "access_denied", true
	case 50:
		return "decode_error", true
	case 51:
		return "decrypt_error", true
	case 52:
		return "too_many_cids_requested", true
	case 60:
		return "export_restriction", true
	case 70:
		return "protocol_version", true
	case 71:
		return "insufficient_security", true
	case 80:
		return "internal_error", true
	case 86:
		return "inappropriate_fallback", true
	case 90:
		return "user_canceled", true
	case 100:
		return "no_renegotiation", true
	case 109:
		return "missing_extension", true
	case 110:
		return "unsupported_extension", true
	case 111:
		return "certificate_unobtainable", true
	case 112:
		return "unrecognized_name", true
	case 113:
		return "bad_certificate_status_response", true
	case 114:
		return "bad_certificate_hash_value", true
	case 115:
		return "unknown_psk_identity", true
	case 116:
		return "certificate_required", true
	case 120:
		return "no_application_protocol", true
	case 121:
		return "ech_required", true
	}
	return "", false
}

// SchemeName returns the name of a signature scheme in the IANA registry "TLS
// SignatureScheme"; for the pairs of hash and signature of TLS 1.2 that the
// registry does not name, "hash_signature" after RFC 5246, Section 7.4.1.4.1.
func SchemeName(scheme tls.SignatureScheme) string {
	if name, ok := registeredScheme(scheme); ok {
		return name
	}
	hashes := []string{"none", "md5", "sha1", "sha224", "sha256", "sha384", "sha512"}
	signatures := []string{"anonymous", "rsa", "dsa", "ecdsa"}
	if h, s := int(scheme>>8), int(scheme&0xff); h < len(hashes) && s < len(signatures) {
		return hashes[h] + "_" + signatures[s]
	}
	return fmt.Sprintf("0x%04x", uint16(scheme))
}

func registeredScheme(scheme tls.SignatureScheme) (string, bool) {
	switch scheme {
	case tls.PKCS1WithSHA1:
		return "rsa_pkcs1_sha1", true
	case tls.ECDSAWithSHA1:
		return "ecdsa_sha1", true
	case tls.PKCS1WithSHA256:
		return "rsa_pkcs1_sha256", true
	case tls.PKCS1WithSHA384:
		return "rsa_pkcs1_sha384", true
	case tls.PKCS1WithSHA512:
		return "rsa_pkcs1_sha512", true
	case tls.ECDSAWithP256AndSHA256:
		return "ecdsa_secp256r1_sha256", true
	case tls.ECDSAWithP384AndSHA384:
		return "ecdsa_secp384r1_sha384", true
	case tls.ECDSAWithP521AndSHA512:
		return "ecdsa_secp521r1_sha512", true
	case tls.PSSWithSHA256:
		return "rsa_pss_rsae_sha256", true
	case tls.PSSWithSHA384:
		return "rsa_pss_rsae_sha384", true
	case tls.PSSWithSHA512:
		return "rsa_pss_rsae_sha512", true
	case tls.Ed25519:
		return "ed25519", true
	case 0x0808:
		return "ed448", true
	case 0x0809:
		return "rsa_pss_pss_sha256", true
	case 0x080a:
		return "rsa_pss_pss_sha384", true
	case 0x080b:
		return "rsa_pss_pss_sha512", true
	case 0x081a:
		return "ecdsa_brainpoolP256r1tls13_sha256", true
	case 0x081b:
		return "ecdsa_brainpoolP384r1tls13_sha384", true
	case 0x081c:
		return "ecdsa_brainpoolP512r1tls13_sha512", true
	case 0x0708:
		return "sm2sig_sm3", true
	case 0x0904:
		return "mldsa44", true
	case 0x0905:
		return "mldsa65", true
	case 0x0906:
		return "mldsa87", true
	}
	return "", false
}

// The extensions that this package decodes. See RFC 8446, Section 4.2.
const (
	extServerName              uint16 = 0
	extSignatureAlgorithms     uint16 = 13
	extALPN                    uint16 = 16
	extEncryptThenMAC          uint16 = 22
	extSupportedVersions       uint16 = 43
	extCertificateAuthorities  uint16 = 47
	extOIDFilters              uint16 = 48
	extSignatureAlgorithmsCert uint16 = 50
)
