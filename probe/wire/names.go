package wire

import "fmt"

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

// known reports whether it is one of those that this package tells apart.
func (t HandshakeType) known() bool {
	switch t {
	case HelloRequest, ClientHello, ServerHello, NewSessionTicket, EncryptedExtensions, Certificate, ServerKeyExchange,
		CertRequest, ServerHelloDone, CertificateVerify, ClientKeyExchange, Finished, CertificateStatus, KeyUpdate:
		return true
	}
	return false
}

// A ContentType is the first byte of a record. See RFC 8446, Section 5.1.
type ContentType uint8

// The record content types. NotTLS marks bytes that are no TLS record at all, and Missing a gap
// in what was recorded.
const (
	NotTLS           ContentType = 0
	Missing          ContentType = 1
	ChangeCipherSpec ContentType = 20
	AlertRecord      ContentType = 21
	HandshakeRecord  ContentType = 22
	ApplicationData  ContentType = 23
)

func (t ContentType) String() string {
	switch t {
	case NotTLS:
		return "not TLS"
	case Missing:
		return "missing"
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

// The extensions that this package decodes. See RFC 8446, Section 4.2.
const (
	extServerName              uint16 = 0
	extSupportedGroups         uint16 = 10
	extPointFormats            uint16 = 11
	extSignatureAlgorithms     uint16 = 13
	extALPN                    uint16 = 16
	extEncryptThenMAC          uint16 = 22
	extExtendedMaster          uint16 = 23
	extExtendedMasterSecret    uint16 = 23
	extSupportedVersions       uint16 = 43
	extPSKModes                uint16 = 45
	extCertificateAuthorities  uint16 = 47
	extOIDFilters              uint16 = 48
	extPostHandshakeAuth       uint16 = 49
	extSignatureAlgorithmsCert uint16 = 50
	extKeyShare                uint16 = 51
	extRenegotiationInfo       uint16 = 0xff01
)

// emptyRenegotiationInfo is the suite that signals secure renegotiation (RFC 5746,
// Section 3.3).
const emptyRenegotiationInfo = 0x00ff
