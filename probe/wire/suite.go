package wire

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des" //nolint:gosec // suites of old servers, decoded only
	"crypto/rc4" //nolint:gosec
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"hash"

	"golang.org/x/crypto/chacha20poly1305"
)

// A suite is what is needed to open records of one cipher suite. Exactly one of
// aead, block and stream is set.
type suite struct {
	keyLen, macLen int
	fixedIV        int // bytes of implicit nonce of an AEAD in TLS 1.2
	explicitNonce  int // bytes of nonce in each record of an AEAD in TLS 1.2
	aead           func(key []byte) (cipher.AEAD, error)
	block          func(key []byte) (cipher.Block, error)
	stream         func(key []byte) (cipher.Stream, error)
	mac            func() hash.Hash
	prf            func() hash.Hash // of TLS 1.2, and the HKDF hash of TLS 1.3
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func newRC4(key []byte) (cipher.Stream, error) { return rc4.NewCipher(key) }

// Suites that crypto/tls does not speak, and others do: the IANA registry "TLS Cipher Suites".
const (
	rsaAES256SHA256        = 0x003d
	dheRSA3DESSHA          = 0x0016
	dheRSAAES128SHA        = 0x0033
	dheRSAAES256SHA        = 0x0039
	dheRSAAES128SHA256     = 0x0067
	dheRSAAES256SHA256     = 0x006b
	dheRSAAES128GCM        = 0x009e
	dheRSAAES256GCM        = 0x009f
	ecdheECDSAAES256SHA384 = 0xc024
	ecdheRSAAES256SHA384   = 0xc028
	dheRSAChaCha20         = 0xccaa
)

// suiteByID knows every suite that crypto/tls speaks, and those of others that captures have.
func suiteByID(id uint16) (suite, bool) {
	gcm := func(keyLen int, prf func() hash.Hash) suite {
		return suite{keyLen: keyLen, fixedIV: 4, explicitNonce: 8, aead: newGCM, prf: prf}
	}
	cbc := func(keyLen, macLen int, mac func() hash.Hash) suite {
		return suite{keyLen: keyLen, macLen: macLen, block: aes.NewCipher, mac: mac, prf: sha256.New}
	}
	switch id {
	case tls.TLS_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, dheRSAAES128GCM:
		return gcm(16, sha256.New), true
	case tls.TLS_AES_256_GCM_SHA384, tls.TLS_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, dheRSAAES256GCM:
		return gcm(32, sha512.New384), true
	case tls.TLS_CHACHA20_POLY1305_SHA256, dheRSAChaCha20,
		tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256:
		return suite{keyLen: 32, fixedIV: 12, aead: chacha20poly1305.New, prf: sha256.New}, true
	case tls.TLS_RSA_WITH_AES_128_CBC_SHA, dheRSAAES128SHA,
		tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA:
		return cbc(16, sha1.Size, sha1.New), true
	case tls.TLS_RSA_WITH_AES_256_CBC_SHA, dheRSAAES256SHA,
		tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA:
		return cbc(32, sha1.Size, sha1.New), true
	case tls.TLS_RSA_WITH_AES_128_CBC_SHA256, dheRSAAES128SHA256,
		tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256:
		return cbc(16, sha256.Size, sha256.New), true
	case rsaAES256SHA256, dheRSAAES256SHA256:
		return cbc(32, sha256.Size, sha256.New), true
	case ecdheECDSAAES256SHA384, ecdheRSAAES256SHA384:
		s := cbc(32, sha512.Size384, sha512.New384)
		s.prf = sha512.New384
		return s, true
	case tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA, dheRSA3DESSHA:
		s := cbc(24, sha1.Size, sha1.New)
		s.block = des.NewTripleDESCipher
		return s, true
	case tls.TLS_RSA_WITH_RC4_128_SHA,
		tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA, tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA:
		return suite{keyLen: 16, macLen: sha1.Size, stream: newRC4, mac: sha1.New, prf: sha256.New}, true
	}
	return suite{}, false
}
