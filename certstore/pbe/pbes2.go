package pbe

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des" //nolint:gosec // what old files are made with
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // the default pseudo-random function of PBKDF2
	"crypto/sha256"
	"crypto/sha512"
	"encoding/asn1"
	"fmt"
	"hash"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/scrypt"
)

var (
	oidPBES2      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	oidScrypt     = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11591, 4, 11}
	oidHMACSHA256 = asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 9}
	oidAES256     = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}
)

// parsePBES2 reads PBES2-params (RFC 8018, Appendix A.4): a key derivation and a
// cipher.
func parsePBES2(rest cryptobyte.String) (*Scheme, error) {
	var params, kdf, encryption cryptobyte.String
	if !rest.ReadASN1(&params, casn1.SEQUENCE) || !params.ReadASN1Element(&kdf, casn1.SEQUENCE) ||
		!params.ReadASN1(&encryption, casn1.SEQUENCE) {
		return nil, errDamaged
	}
	s := &Scheme{}
	cipherName, keySize, iv, err := s.readCipher(encryption)
	if err != nil {
		return nil, err
	}
	d, err := parseKDF(kdf)
	if err != nil {
		return nil, err
	}
	s.Name = "PBES2 with " + d.name + " and " + cipherName
	s.Iterations, s.Scrypt, s.cost, s.Family = d.iterations, d.scrypt, d.cost, PBES2
	if s.Scrypt != "" {
		s.Family = Scrypt
	}
	s.derive = func(password []byte) ([]byte, []byte, error) {
		key, err := d.derive(password, keySize)
		return key, iv, err
	}
	return s, nil
}

// readCipher sets how to decrypt, and returns the cipher's name, key size and
// initialisation vector.
func (s *Scheme) readCipher(encryption cryptobyte.String) (name string, keySize int, iv []byte, err error) {
	var oid asn1.ObjectIdentifier
	if !encryption.ReadASN1ObjectIdentifier(&oid) {
		return "", 0, nil, errDamaged
	}
	readIV := func(newCipher func([]byte) (cipher.Block, error)) error {
		s.open = openCBC(newCipher)
		if !encryption.ReadASN1Bytes(&iv, casn1.OCTET_STRING) {
			return errDamaged
		}
		return nil
	}
	switch oid.String() {
	case "2.16.840.1.101.3.4.1.2":
		s.Cipher, err = AES128, readIV(aes.NewCipher)
		return "AES-128-CBC", 16, iv, err
	case "2.16.840.1.101.3.4.1.22":
		s.Cipher, err = AES192, readIV(aes.NewCipher)
		return "AES-192-CBC", 24, iv, err
	case oidAES256.String():
		s.Cipher, err = AES256, readIV(aes.NewCipher)
		return "AES-256-CBC", 32, iv, err
	case "1.2.840.113549.3.7":
		s.Cipher, err = DES3, readIV(des.NewTripleDESCipher)
		return "3DES-CBC", 24, iv, err
	case "1.3.14.3.2.7":
		s.Cipher, s.Legacy = DES, true
		err = readIV(des.NewCipher)
		return "DES-CBC", 8, iv, err
	case "1.2.840.113549.3.2":
		s.Cipher, s.Legacy = RC2, true
		bits, iv, err := readRC2(encryption)
		s.open = openCBC(rc2WithBits(bits))
		return fmt.Sprintf("RC2-%d-CBC", bits), max(1, bits/8), iv, err
	}
	return "", 0, nil, unsupported("PBES2 with %s, which this program does not know", otherCipher(oid.String()))
}

// otherCipher names the ciphers that OpenSSL writes beside those that are known here.
func otherCipher(oid string) string {
	for name, of := range map[string]string{
		"Camellia-128-CBC": "1.2.392.200011.61.1.1.1.2", "Camellia-192-CBC": "1.2.392.200011.61.1.1.1.3",
		"Camellia-256-CBC": "1.2.392.200011.61.1.1.1.4",
		"ARIA-128-CBC":     "1.2.410.200046.1.1.2", "ARIA-192-CBC": "1.2.410.200046.1.1.7",
		"ARIA-256-CBC": "1.2.410.200046.1.1.12",
		"SM4-CBC":      "1.2.156.10197.1.104.2", "SEED-CBC": "1.2.410.200004.1.4", "Blowfish-CBC": "1.3.6.1.4.1.3029.1.2",
		"CAST5-CBC": "1.2.840.113533.7.66.10", "IDEA-CBC": "1.3.6.1.4.1.188.7.1.1.2",
		"AES-128-CFB": "2.16.840.1.101.3.4.1.4", "AES-192-CFB": "2.16.840.1.101.3.4.1.24",
		"AES-256-CFB": "2.16.840.1.101.3.4.1.44",
		"AES-128-OFB": "2.16.840.1.101.3.4.1.3", "AES-192-OFB": "2.16.840.1.101.3.4.1.23",
		"AES-256-OFB": "2.16.840.1.101.3.4.1.43",
		"AES-128-GCM": "2.16.840.1.101.3.4.1.6", "AES-192-GCM": "2.16.840.1.101.3.4.1.26",
		"AES-256-GCM": "2.16.840.1.101.3.4.1.46",
	} {
		if of == oid {
			return name
		}
	}
	return "the cipher " + oid
}

// readRC2 reads RC2-CBC-Parameter: an encoded number of effective key bits, and
// the initialisation vector (RFC 2268, Section 6).
func readRC2(rest cryptobyte.String) (bits int, iv []byte, err error) {
	var seq cryptobyte.String
	var version int
	if !rest.ReadASN1(&seq, casn1.SEQUENCE) || !seq.ReadASN1Integer(&version) ||
		!seq.ReadASN1Bytes(&iv, casn1.OCTET_STRING) {
		return 32, nil, errDamaged
	}
	switch version {
	case 160:
		return 40, iv, nil
	case 120:
		return 64, iv, nil
	case 58:
		return 128, iv, nil
	}
	return 32, nil, unsupported("RC2 with an effective key size of code %d, which this program does not know", version)
}

// A kdf derives a key from a password: PBKDF2 or scrypt.
type kdf struct {
	name       string
	iterations int
	scrypt     string
	cost       int64 // of scrypt, in iterations
	length     int   // that the parameters demand; 0 if they do not
	derive     func(password []byte, size int) ([]byte, error)
}

// parseKDF reads the AlgorithmIdentifier of PBKDF2 (RFC 8018, Appendix A.2) or
// scrypt (RFC 7914, Section 7).
func parseKDF(der cryptobyte.String) (*kdf, error) {
	var seq, params cryptobyte.String
	var oid asn1.ObjectIdentifier
	if !der.ReadASN1(&seq, casn1.SEQUENCE) || !seq.ReadASN1ObjectIdentifier(&oid) ||
		!seq.ReadASN1(&params, casn1.SEQUENCE) {
		return nil, errDamaged
	}
	switch {
	case oid.Equal(oidPBKDF2):
		return parsePBKDF2(params)
	case oid.Equal(oidScrypt):
		return parseScrypt(params)
	}
	return nil, unsupported("key derivation %v, which this program does not know", oid)
}

func parsePBKDF2(params cryptobyte.String) (*kdf, error) {
	var salt []byte
	d := &kdf{}
	if params.PeekASN1Tag(casn1.SEQUENCE) {
		return nil, unsupported("PBKDF2 with a salt from elsewhere")
	}
	if !params.ReadASN1Bytes(&salt, casn1.OCTET_STRING) {
		return nil, errDamaged
	}
	if err := readCount(&params, &d.iterations); err != nil {
		return nil, err
	}
	if params.PeekASN1Tag(casn1.INTEGER) && !params.ReadASN1Integer(&d.length) {
		return nil, errDamaged
	}
	h, name := sha1.New, "SHA-1"
	if !params.Empty() {
		var prf cryptobyte.String
		var oid asn1.ObjectIdentifier
		if !params.ReadASN1(&prf, casn1.SEQUENCE) || !prf.ReadASN1ObjectIdentifier(&oid) {
			return nil, errDamaged
		}
		if h, name = HMACHash(oid); h == nil {
			return nil, unsupported("PBKDF2 with the pseudo-random function %v, which this program does not know", oid)
		}
	}
	d.name = "PBKDF2-HMAC-" + name
	d.derive = func(password []byte, size int) ([]byte, error) {
		return pbkdf2.Key(h, string(password), salt, d.iterations, size)
	}
	return d, nil
}

// HMACHash returns the hash of an HMAC by its OID (RFC 8018, Appendix B.1.2)
// with its name, or nil.
func HMACHash(oid asn1.ObjectIdentifier) (h func() hash.Hash, name string) {
	switch oid.String() {
	case "1.2.840.113549.2.7":
		return sha1.New, "SHA-1"
	case "1.2.840.113549.2.8":
		return sha256.New224, "SHA-224"
	case oidHMACSHA256.String():
		return sha256.New, "SHA-256"
	case "1.2.840.113549.2.10":
		return sha512.New384, "SHA-384"
	case "1.2.840.113549.2.11":
		return sha512.New, "SHA-512"
	case "1.2.840.113549.2.12":
		return sha512.New512_224, "SHA-512/224"
	case "1.2.840.113549.2.13":
		return sha512.New512_256, "SHA-512/256"
	}
	return nil, ""
}

func parseScrypt(params cryptobyte.String) (*kdf, error) {
	var salt []byte
	var n, r, p int64
	if !params.ReadASN1Bytes(&salt, casn1.OCTET_STRING) || !params.ReadASN1Integer(&n) || !params.ReadASN1Integer(&r) ||
		!params.ReadASN1Integer(&p) {
		return nil, errDamaged
	}
	if n < 2 || r < 1 || p < 1 || n&(n-1) != 0 {
		return nil, errDamaged
	}
	if n > maxScryptMemory || r > maxScryptMemory || p > maxScryptWork || n*r > maxScryptMemory/128 ||
		n*r*p > maxScryptWork {
		return nil, unsupported("scrypt with N=%d r=%d p=%d needs more than the limit of %d MiB, or more work", n,
			r, p, maxScryptMemory>>20)
	}
	d := &kdf{name: "scrypt", scrypt: fmt.Sprintf("N=%d r=%d p=%d", n, r, p), cost: 2 * n * r * p}
	d.derive = func(password []byte, size int) ([]byte, error) {
		return scrypt.Key(password, salt, int(n), int(r), int(p), size)
	}
	return d, nil
}

// EncryptAES256 encrypts as OpenSSL 3 does by default: PBKDF2 with HMAC-SHA-256,
// and AES-256-CBC. It returns the AlgorithmIdentifier beside the ciphertext.
func EncryptAES256(password string, iterations int, plain []byte) (algorithm, encrypted []byte, err error) {
	salt, iv := make([]byte, 16), make([]byte, aes.BlockSize)
	for _, random := range [][]byte{salt, iv} {
		if _, err := rand.Read(random); err != nil {
			return nil, nil, err
		}
	}
	key, err := pbkdf2.Key(sha256.New, password, salt, iterations, 32)
	if err != nil {
		return nil, nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, nil, err
	}
	var b cryptobyte.Builder
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidPBES2)
		b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(oidPBKDF2)
				b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1OctetString(salt)
					b.AddASN1Int64(int64(iterations))
					b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1ObjectIdentifier(oidHMACSHA256)
						b.AddASN1NULL()
					})
				})
			})
			b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(oidAES256)
				b.AddASN1OctetString(iv)
			})
		})
	})
	algorithm, err = b.Bytes()
	return algorithm, sealCBC(block, iv, plain), err
}
