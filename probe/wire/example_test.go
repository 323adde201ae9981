package wire_test

import (
	"crypto/tls"
	"fmt"

	"mtlsprobe/probe/wire"
)

func ExampleParseCertificateRequest() {
	body := []byte{1, 64, 0, 4, 4, 3, 8, 7, 0, 0}
	r, err := wire.ParseCertificateRequest(tls.VersionTLS12, body)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.CertificateTypes, len(r.NamedCAs))
	for _, s := range r.SignatureSchemes {
		fmt.Println(wire.SchemeName(s))
	}
	_, err = wire.ParseCertificateRequest(tls.VersionTLS12, body[:8])
	fmt.Println(err)
	// Output:
	// [ecdsa_sign] 0
	// ecdsa_secp256r1_sha256
	// ed25519
	// malformed CertificateRequest: field certificate_authorities, at byte 8
}
