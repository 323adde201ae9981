package match

import (
	"crypto/tls"
	"slices"

	"mtlsprobe/probe/wire"
)

// A TLSLibrary is a TLS implementation. Servers with the same one refuse alike.
type TLSLibrary string

// The libraries that a request can be told apart by, and OtherLibrary.
const (
	OtherLibrary TLSLibrary = ""
	OpenSSL      TLSLibrary = "OpenSSL"
	GnuTLS       TLSLibrary = "GnuTLS"
	JSSE         TLSLibrary = "Java (JSSE)"
	Erlang       TLSLibrary = "Erlang"
	Go           TLSLibrary = "Go"
	BoringSSL    TLSLibrary = "BoringSSL"
	WolfSSL      TLSLibrary = "wolfSSL"
)

// LibraryOf tells a server's TLS library by the order of what its request lists,
// as observed with OpenSSL 3.0, GnuTLS 3.7, JDK 17, OTP 25, Go 1.19, 1.26
// and 1.27, BoringSSL in Bun and workerd, and wolfSSL 5.5. It is a guess: the order can be
// configured.
func LibraryOf(r *wire.CertificateRequest) TLSLibrary {
	// A short list was configured by somebody; of those that libraries send by
	// themselves Go's in TLS 1.3 is the shortest.
	const shortest = 7
	if r == nil || len(r.SignatureSchemes) < shortest {
		return OtherLibrary
	}
	listed := r.SignatureSchemes
	for len(listed) > 0 && isMLDSA(listed[0]) { // newer versions list these before what they listed
		listed = listed[1:]
	}
	begins := func(schemes ...tls.SignatureScheme) bool {
		return len(listed) >= len(schemes) && slices.Equal(listed[:len(schemes)], schemes)
	}
	p256, p384, p521 := tls.ECDSAWithP256AndSHA256, tls.ECDSAWithP384AndSHA384, tls.ECDSAWithP521AndSHA512
	old := r.Version < tls.VersionTLS13
	types := func(want ...wire.CertificateType) bool { return !old || slices.Equal(r.CertificateTypes, want) }
	const dss = wire.CertificateType(2)
	switch {
	case begins(p256, p384, p521, tls.Ed25519) && types(wire.RSASign, dss, wire.ECDSASign) &&
		(old || extensionsAre(r, 13, 47) || extensionsAre(r, 13)):
		return OpenSSL
	case begins(p256, p384, p521, tls.Ed25519) && types(wire.ECDSASign, wire.RSASign, dss),
		begins(p256, p384, p521) && !old && extensionsAre(r, 13, 50, 47), begins(p256, p384, p521) && !old &&
			extensionsAre(r, 13, 47, 50):
		return JSSE
	case begins(tls.PKCS1WithSHA256, 0x0809):
		return GnuTLS
	case begins(tls.PSSWithSHA256, p256, tls.Ed25519):
		return Go
	case begins(p256, tls.PSSWithSHA256, tls.PKCS1WithSHA256), begins(p384, p256, tls.Ed25519):
		return BoringSSL
	case begins(p521, p384):
		return WolfSSL
	case begins(0x0202), begins(tls.PKCS1WithSHA1):
		return Erlang
	}
	return OtherLibrary
}

func isMLDSA(id tls.SignatureScheme) bool {
	s, known := wire.LookupScheme(id)
	return known && s.Key.IsMLDSA()
}

func extensionsAre(r *wire.CertificateRequest, types ...uint16) bool {
	return slices.EqualFunc(r.Extensions, types, func(e wire.Extension, t uint16) bool { return e.Type == t })
}
