package nss

import (
	"bytes"
	"crypto/cipher"
	"crypto/des"
	"crypto/ed25519"
	"encoding/hex"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func edKey(t *testing.T, s string) ed25519.PublicKey { return unhex(t, s) }

// seal encrypts a value in NSS's own scheme under "secret". Whether the scheme is
// NSS's, key4-3des.db shows.
func seal(t *testing.T, plain []byte) []byte {
	t.Helper()
	s := &tripleDES{salt: []byte("0123456789"), iterations: 3}
	derived := s.derive([]byte("secret"))
	block, err := des.NewTripleDESCipher(derived[:24])
	if err != nil {
		t.Fatal(err)
	}
	padding := 8 - len(plain)%8
	data := append(bytes.Clone(plain), bytes.Repeat([]byte{byte(padding)}, padding)...)
	cipher.NewCBCEncrypter(block, derived[32:]).CryptBlocks(data, data)
	var b cryptobyte.Builder
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oidNSS3DES)
			b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1OctetString(s.salt)
				b.AddASN1Int64(int64(s.iterations))
			})
		})
		b.AddASN1OctetString(data)
	})
	return b.BytesOrPanic()
}
