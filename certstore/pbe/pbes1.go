package pbe

import (
	"crypto/cipher"
	"crypto/des" //nolint:gosec // what old files are made with
	"crypto/md5" //nolint:gosec // likewise
	"crypto/rand"
	"crypto/rc4"  //nolint:gosec // likewise
	"crypto/sha1" //nolint:gosec // likewise
	"encoding/asn1"
	"hash"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// oid3DES is pbeWithSHAAnd3-KeyTripleDES-CBC, what PKCS #12 files of the time
// before 2021 are made with.
var oid3DES = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1, 3}

// parsePBES1 reads the parameters that PBES1 (RFC 8018, Appendix A.3) and the
// schemes of PKCS #12 (RFC 7292, Appendix C) share: salt and iterations.
func parsePBES1(oid string, params cryptobyte.String) (*Scheme, error) {
	s := &Scheme{Algorithm: Algorithm{Legacy: true}}
	var seq cryptobyte.String
	var salt []byte
	read := func() error {
		if !params.ReadASN1(&seq, casn1.SEQUENCE) || !seq.ReadASN1Bytes(&salt, casn1.OCTET_STRING) {
			return errDamaged
		}
		return readCount(&seq, &s.Iterations)
	}
	pkcs12 := func(c Cipher, name string, keySize, ivSize int,
		open func(key, iv, data []byte) ([]byte, error)) (*Scheme, error) {
		s.Family, s.Cipher, s.Name, s.unicode, s.open = PKCS12, c, name, true, open
		s.derive = func(password []byte) (key, iv []byte, err error) {
			return KDF(sha1.New, salt, password, s.Iterations, 1, keySize),
				KDF(sha1.New, salt, password, s.Iterations, 2, ivSize), nil
		}
		return s, read()
	}
	pkcs5 := func(c Cipher, name string, h func() hash.Hash,
		newCipher func([]byte) (cipher.Block, error)) (*Scheme, error) {
		s.Family, s.Cipher, s.Name, s.open = PKCS5v1, c, name, openCBC(newCipher)
		s.derive = func(password []byte) (key, iv []byte, err error) {
			k := pbkdf1(h, password, salt, s.Iterations)
			return k[:8], k[8:16], nil
		}
		return s, read()
	}
	switch oid {
	case "1.2.840.113549.1.12.1.1":
		return pkcs12(RC4, "PKCS #12 with SHA-1 and RC4-128", 16, 0, openRC4)
	case "1.2.840.113549.1.12.1.2":
		return pkcs12(RC4, "PKCS #12 with SHA-1 and RC4-40", 5, 0, openRC4)
	case oid3DES.String():
		s.Legacy = false
		return pkcs12(DES3, "PKCS #12 with SHA-1 and 3DES", 24, 8, openCBC(des.NewTripleDESCipher))
	case "1.2.840.113549.1.12.1.4":
		s.Legacy = false
		return pkcs12(DES3TwoKey, "PKCS #12 with SHA-1 and 3DES with two keys", 16, 8, openCBC(twoKey3DES))
	case "1.2.840.113549.1.12.1.5":
		return pkcs12(RC2, "PKCS #12 with SHA-1 and RC2-128", 16, 8, openCBC(rc2WithBits(128)))
	case "1.2.840.113549.1.12.1.6":
		return pkcs12(RC240, "PKCS #12 with SHA-1 and RC2-40", 5, 8, openCBC(rc2WithBits(40)))
	case "1.2.840.113549.1.5.3":
		return pkcs5(DES, "PBES1 with MD5 and DES", md5.New, des.NewCipher)
	case "1.2.840.113549.1.5.6":
		return pkcs5(RC2, "PBES1 with MD5 and RC2", md5.New, rc2WithBits(64))
	case "1.2.840.113549.1.5.10":
		return pkcs5(DES, "PBES1 with SHA-1 and DES", sha1.New, des.NewCipher)
	case "1.2.840.113549.1.5.11":
		return pkcs5(RC2, "PBES1 with SHA-1 and RC2", sha1.New, rc2WithBits(64))
	case "1.2.840.113549.1.5.1", "1.2.840.113549.1.5.4":
		return nil, unsupported("PBES1 with MD2, which this program does not know")
	}
	return nil, unsupported("encryption %s, which this program does not know", oid)
}

func twoKey3DES(key []byte) (cipher.Block, error) {
	return des.NewTripleDESCipher(append(key[:16:16], key[:8]...))
}

func openRC4(key, _, data []byte) ([]byte, error) {
	c, err := rc4.NewCipher(key)
	if err != nil {
		return nil, err
	}
	plain := make([]byte, len(data))
	c.XORKeyStream(plain, data)
	if len(plain) == 0 || plain[0] != 0x30 { // a stream cipher has no padding to tell by
		return nil, ErrPassword
	}
	return plain, nil
}

// pbkdf1 is PBKDF1 (RFC 8018, Section 5.1), of which PBES1 takes 16 bytes.
func pbkdf1(h func() hash.Hash, password, salt []byte, iterations int) []byte {
	d := h()
	d.Write(password)
	d.Write(salt)
	sum := d.Sum(nil)
	for range iterations - 1 {
		d.Reset()
		d.Write(sum)
		sum = d.Sum(sum[:0])
	}
	return sum
}

// Encrypt3DES encrypts as old systems do, such as Windows before 2019 and Java 8:
// SHA-1 and 3DES. It returns the AlgorithmIdentifier beside the ciphertext.
func Encrypt3DES(password string, iterations int, plain []byte) (algorithm, encrypted []byte, err error) {
	salt := make([]byte, 8)
	if _, err := rand.Read(salt); err != nil {
		return nil, nil, err
	}
	encoded := BMPPasswords(password)[0]
	block, err := des.NewTripleDESCipher(KDF(sha1.New, salt, encoded, iterations, 1, 24))
	if err != nil {
		return nil, nil, err
	}
	encrypted = sealCBC(block, KDF(sha1.New, salt, encoded, iterations, 2, 8), plain)
	var b cryptobyte.Builder
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oid3DES)
		b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1OctetString(salt)
			b.AddASN1Int64(int64(iterations))
		})
	})
	algorithm, err = b.Bytes()
	return algorithm, encrypted, err
}
