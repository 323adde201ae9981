package nss

import (
	"bytes"
	"crypto/cipher"
	"crypto/des" //nolint:gosec // what old databases are protected with
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // likewise
	"encoding/asn1"
	"errors"
	"fmt"

	"mtlsprobe/certstore/pbe"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// oidNSS3DES is pbeWithSha1AndTripleDES-CBC under an arc of NSS's own, from a draft
// of PKCS #12: what databases from before NSS 3.49 are protected with.
var oidNSS3DES = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 5, 1, 3}

// A tripleDES is that scheme with its parameters.
type tripleDES struct {
	salt       []byte
	iterations int
}

func parseTripleDES(params cryptobyte.String) (*tripleDES, error) {
	s := &tripleDES{}
	var seq cryptobyte.String
	if !params.ReadASN1(&seq, casn1.SEQUENCE) || !seq.ReadASN1Bytes(&s.salt, casn1.OCTET_STRING) ||
		!seq.ReadASN1Integer(&s.iterations) {
		return nil, errors.New("its encryption parameters are damaged")
	}
	if s.iterations < 1 || s.iterations > pbe.MaxIterations {
		return nil, fmt.Errorf("it demands %d iterations to derive a key; the limit is %d", s.iterations, pbe.MaxIterations)
	}
	return s, nil
}

func (s *tripleDES) String() string {
	return fmt.Sprintf("NSS's own scheme with SHA-1 and 3DES-CBC, %d iterations", s.iterations)
}

func (s *tripleDES) Work() int64 { return int64(s.iterations) }

// Decrypt returns the plaintext, or ErrPassword.
func (s *tripleDES) Decrypt(password string, data []byte) ([]byte, error) {
	derived := s.derive([]byte(password))
	block, err := des.NewTripleDESCipher(derived[:24])
	if err != nil {
		return nil, err
	}
	size := block.BlockSize()
	if len(data) == 0 || len(data)%size != 0 {
		return nil, errors.New("its encrypted value is damaged")
	}
	plain := make([]byte, len(data))
	cipher.NewCBCDecrypter(block, derived[len(derived)-size:]).CryptBlocks(plain, data)
	padding := int(plain[len(plain)-1])
	if padding == 0 || padding > size || !bytes.HasSuffix(plain, bytes.Repeat([]byte{byte(padding)}, padding)) {
		return nil, ErrPassword
	}
	return plain[:len(plain)-padding], nil
}

// derive returns 40 bytes: the key at their beginning, the initialisation vector at
// their end. PBKDF1 gives a secret of 20 (RFC 8018, Section 5.1), which is
// stretched by HMAC (nsspkcs5_PBKDF1Extended of lib/softoken/lowpbe.c).
func (s *tripleDES) derive(password []byte) []byte {
	secret := sha1.Sum(append(append([]byte(nil), password...), s.salt...))
	for range s.iterations - 1 {
		secret = sha1.Sum(secret[:])
	}
	sum := func(parts ...[]byte) []byte {
		mac := hmac.New(sha1.New, secret[:])
		mac.Write(bytes.Join(parts, nil))
		return mac.Sum(nil)
	}
	state := append([]byte(nil), s.salt...)
	if short := sha1.Size - len(state); short > 0 {
		state = append(state, make([]byte, short)...)
	}
	first := sum(state, s.salt)
	return append(first, sum(sum(state), s.salt)...)
}
