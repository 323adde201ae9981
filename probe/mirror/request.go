package mirror

import (
	"crypto/tls"

	"mtlsprobe/probe/wire"

	"golang.org/x/crypto/cryptobyte"
)

// requestBody returns the message as the other server sent it, or, where nobody
// has seen one, a message with the request's names, types and schemes.
func requestBody(r *wire.CertificateRequest) ([]byte, error) {
	if len(r.Raw) > 0 {
		if r.Version < tls.VersionTLS13 || r.Raw[0] == 0 {
			return r.Raw, nil
		}
		// A request after the handshake has a context, which one in it must not.
		return append([]byte{0}, r.Raw[1+int(r.Raw[0]):]...), nil
	}
	var b cryptobyte.Builder
	names := func(b *cryptobyte.Builder) {
		for _, name := range r.NamedCAs {
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(name) })
		}
	}
	schemes := func(b *cryptobyte.Builder) {
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
			for _, scheme := range r.SignatureSchemes {
				b.AddUint16(uint16(scheme))
			}
		})
	}
	if r.Version < tls.VersionTLS13 {
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) {
			for _, t := range r.CertificateTypes {
				b.AddUint8(uint8(t))
			}
		})
		schemes(&b)
		b.AddUint16LengthPrefixed(names)
		return b.Bytes()
	}
	b.AddUint8(0)
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		wire.AddExtension(b, 13, schemes)
		if len(r.NamedCAs) > 0 {
			wire.AddExtension(b, 47, func(b *cryptobyte.Builder) { b.AddUint16LengthPrefixed(names) })
		}
	})
	return b.Bytes()
}

// Suppose returns the requests of a server that names the CAs and takes what is
// usual, one for each version: where nobody has seen the real one.
func Suppose(names [][]byte) []*wire.CertificateRequest {
	schemes := []tls.SignatureScheme{
		tls.ECDSAWithP256AndSHA256, tls.ECDSAWithP384AndSHA384, tls.ECDSAWithP521AndSHA512, tls.Ed25519,
		tls.PSSWithSHA256, tls.PSSWithSHA384, tls.PSSWithSHA512, tls.PKCS1WithSHA256, tls.PKCS1WithSHA384,
		tls.PKCS1WithSHA512,
	}
	return []*wire.CertificateRequest{
		{Version: tls.VersionTLS13, SignatureSchemes: schemes, NamedCAs: names},
		{Version: tls.VersionTLS12, CertificateTypes: []wire.CertificateType{wire.RSASign, wire.ECDSASign},
			SignatureSchemes: schemes, NamedCAs: names},
	}
}
