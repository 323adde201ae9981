package wire

import "crypto/tls"

// StaticRSA reports whether a cipher suite exchanges keys by RSA encryption: the
// server proves nothing before its Finished, which comes after the client's
// certificate (RFC 5246, Section 7.4.7.1).
func StaticRSA(suite uint16) bool {
	switch suite {
	case tls.TLS_RSA_WITH_RC4_128_SHA, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA, tls.TLS_RSA_WITH_AES_128_CBC_SHA,
		tls.TLS_RSA_WITH_AES_256_CBC_SHA,
		tls.TLS_RSA_WITH_AES_128_CBC_SHA256, tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_GCM_SHA384,
		rsaAES256SHA256:
		return true
	}
	return false
}
