package certstore

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des" //nolint:gosec // older OpenSSL wrote keys with it
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	encasn1 "encoding/asn1"
	"errors"
	"fmt"
	"hash"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// encryptedPKCS8 adds the key of an EncryptedPrivateKeyInfo (RFC 5958, Section 3).
func (o *opener) encryptedPKCS8(ctx context.Context, c *contents, der []byte) error {
	const what = "an encrypted private key (PKCS#8)"
	p, err := parsePBES2(der)
	if err != nil {
		// Present, but of no use here: locked is what is known of it.
		c.locked = append(c.locked, fmt.Sprintf("%s in %s: %v", what, quote(c.file.path), err))
		return nil
	}
	return o.lockedKey(ctx, c, what, p.decrypt)
}

func isEncryptedPKCS8(der []byte) bool {
	s := cryptobyte.String(der)
	var info cryptobyte.String
	return s.ReadASN1(&info, asn1.SEQUENCE) && info.SkipASN1(asn1.SEQUENCE) &&
		info.SkipASN1(asn1.OCTET_STRING) && info.Empty()
}

// A pbes2 is an encryption under a password by PBES2 with PBKDF2 and a block
// cipher in CBC mode: what OpenSSL has written by default since 1.1.
// See RFC 8018, Section 6.2 and Appendix A.4.
type pbes2 struct {
	salt       []byte
	iterations int
	prf        func() hash.Hash
	keyLen     int
	block      func(key []byte) (cipher.Block, error)
	iv         []byte
	encrypted  []byte
}

func parsePBES2(der []byte) (*pbes2, error) {
	var p pbes2
	var info, algorithm, params, kdf, kdfParams, scheme cryptobyte.String
	var oid, kdfOID, schemeOID encasn1.ObjectIdentifier
	var keyLen int
	s := cryptobyte.String(der)
	damaged := errors.New("its encryption parameters are damaged")
	if !s.ReadASN1(&info, asn1.SEQUENCE) || !info.ReadASN1(&algorithm, asn1.SEQUENCE) ||
		!info.ReadASN1Bytes(&p.encrypted, asn1.OCTET_STRING) || !algorithm.ReadASN1ObjectIdentifier(&oid) {
		return nil, damaged
	}
	if oid.String() != "1.2.840.113549.1.5.13" {
		return nil, fmt.Errorf("encryption %v is not supported: write it again with openssl pkcs8 -topk8 -v2 aes256", oid)
	}
	if !algorithm.ReadASN1(&params, asn1.SEQUENCE) || !params.ReadASN1(&kdf, asn1.SEQUENCE) ||
		!params.ReadASN1(&scheme, asn1.SEQUENCE) || !kdf.ReadASN1ObjectIdentifier(&kdfOID) ||
		!scheme.ReadASN1ObjectIdentifier(&schemeOID) || !scheme.ReadASN1Bytes(&p.iv, asn1.OCTET_STRING) {
		return nil, damaged
	}
	if kdfOID.String() != "1.2.840.113549.1.5.12" {
		return nil, fmt.Errorf("key derivation %v is not supported: write it again with openssl pkcs8 -topk8 -v2 aes256", kdfOID)
	}
	if !kdf.ReadASN1(&kdfParams, asn1.SEQUENCE) || !kdfParams.ReadASN1Bytes(&p.salt, asn1.OCTET_STRING) ||
		!kdfParams.ReadASN1Integer(&p.iterations) || !kdfParams.ReadOptionalASN1Integer(&keyLen, asn1.INTEGER, 0) {
		return nil, damaged
	}
	if p.iterations < 1 || p.iterations > maxIterations {
		return nil, fmt.Errorf("it demands %d iterations to derive a key; the limit is %d", p.iterations, maxIterations)
	}
	if err := p.choosePRF(kdfParams); err != nil {
		return nil, err
	}
	return &p, p.chooseCipher(schemeOID)
}

func (p *pbes2) choosePRF(rest cryptobyte.String) error {
	p.prf = sha1.New // the default
	if rest.Empty() {
		return nil
	}
	var algorithm cryptobyte.String
	var oid encasn1.ObjectIdentifier
	if !rest.ReadASN1(&algorithm, asn1.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&oid) {
		return errors.New("its encryption parameters are damaged")
	}
	switch oid.String() {
	case "1.2.840.113549.2.7":
	case "1.2.840.113549.2.8":
		p.prf = sha256.New224
	case "1.2.840.113549.2.9":
		p.prf = sha256.New
	case "1.2.840.113549.2.10":
		p.prf = sha512.New384
	case "1.2.840.113549.2.11":
		p.prf = sha512.New
	default:
		return fmt.Errorf("key derivation with %v is not supported", oid)
	}
	return nil
}

func (p *pbes2) chooseCipher(oid encasn1.ObjectIdentifier) error {
	p.block = aes.NewCipher
	size := aes.BlockSize
	switch oid.String() {
	case "2.16.840.1.101.3.4.1.2":
		p.keyLen = 16
	case "2.16.840.1.101.3.4.1.22":
		p.keyLen = 24
	case "2.16.840.1.101.3.4.1.42":
		p.keyLen = 32
	case "1.2.840.113549.3.7":
		p.keyLen, p.block, size = 24, des.NewTripleDESCipher, des.BlockSize
	default:
		return fmt.Errorf("encryption %v is not supported", oid)
	}
	if len(p.iv) != size || len(p.encrypted) == 0 || len(p.encrypted)%size != 0 {
		return errors.New("its encryption parameters are damaged")
	}
	return nil
}

func (p *pbes2) decrypt(password string) ([]byte, error) {
	key, err := pbkdf2.Key(p.prf, password, p.salt, p.iterations, p.keyLen)
	if err != nil {
		return nil, err
	}
	block, err := p.block(key)
	if err != nil {
		return nil, err
	}
	plain := make([]byte, len(p.encrypted))
	cipher.NewCBCDecrypter(block, p.iv).CryptBlocks(plain, p.encrypted)
	padding := int(plain[len(plain)-1])
	if padding == 0 || padding > block.BlockSize() {
		return nil, errWrongPassword
	}
	for _, b := range plain[len(plain)-padding:] {
		if int(b) != padding {
			return nil, errWrongPassword
		}
	}
	return plain[:len(plain)-padding], nil
}
