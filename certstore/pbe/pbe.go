// Package pbe decrypts and encrypts under a password, in every way that
// PKCS #5 (RFC 8018) and PKCS #12 (RFC 7292, Appendix C) name and that key files
// use in practice: PBES1, PBES2 with PBKDF2 or scrypt, and the six PKCS #12
// schemes.
//
// Call [Parse] with an AlgorithmIdentifier: it costs nothing and says how the
// data is protected and what opening it would cost. Then [Scheme.Decrypt].
// Work and memory are bounded before any key is derived.
package pbe

import (
	"bytes"
	"crypto/cipher"
	"encoding/asn1"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Bounds on deriving a key. OpenSSL's default is 2,048 iterations and common
// advice ends at a million; ten million take some seconds. Memory of scrypt is
// 128·N·r bytes.
const (
	MaxIterations   = 10_000_000
	maxScryptMemory = 64 << 20
	maxScryptWork   = 1 << 22 // N·r·p
)

// ErrPassword says that the password does not open the data. A padding that
// looks right is no proof of the opposite.
var ErrPassword = errors.New("the password does not open it")

// An UnsupportedError names an algorithm that this package does not know, or a
// demand above its bounds.
type UnsupportedError struct{ What string }

func (e *UnsupportedError) Error() string { return e.What }

func unsupported(format string, args ...any) error {
	return &UnsupportedError{What: fmt.Sprintf(format, args...)}
}

var errDamaged = errors.New("the encryption parameters are damaged")

// A Family is a kind of schemes that programs know or do not know together.
type Family string

// The families.
const (
	PKCS5v1 Family = "PBES1"  // RFC 8018, Section 6.1
	PKCS12  Family = "PKCS12" // RFC 7292, Appendix C
	PBES2   Family = "PBES2"  // RFC 8018, Section 6.2, with PBKDF2
	Scrypt  Family = "scrypt" // likewise, with scrypt (RFC 7914)
)

// A Cipher is what a scheme encrypts with, in CBC mode where it is a block cipher.
type Cipher string

// The ciphers.
const (
	AES128     Cipher = "AES-128"
	AES192     Cipher = "AES-192"
	AES256     Cipher = "AES-256"
	DES3       Cipher = "3DES"
	DES3TwoKey Cipher = "3DES with two keys"
	DES        Cipher = "DES"
	RC2        Cipher = "RC2" // of any key size
	RC240      Cipher = "RC2-40"
	RC4        Cipher = "RC4" // likewise
)

// IsAES reports whether it is AES, of any key size.
func (c Cipher) IsAES() bool { return c == AES128 || c == AES192 || c == AES256 }

// An Algorithm is what programs know or do not know of a scheme. Zero stands for what is in
// clear, or encrypted in a way that is not known here.
type Algorithm struct {
	Family Family
	Cipher Cipher
	// Legacy says that OpenSSL 3 decrypts it only with its legacy provider.
	Legacy bool
}

// A Scheme is an encryption under a password with its parameters.
type Scheme struct {
	Algorithm
	// Name says what it is, as in "PBES2 with PBKDF2-HMAC-SHA-256 and AES-256-CBC".
	Name string
	// Iterations of the key derivation; 0 for scrypt.
	Iterations int
	// Scrypt says that the key is derived by scrypt, and is empty otherwise: "N=16384 r=8 p=1".
	Scrypt string

	cost    int64 // of scrypt, in iterations
	unicode bool  // the password is a BMPString: the PKCS #12 schemes
	derive  func(password []byte) (key, iv []byte, err error)
	open    func(key, iv, data []byte) ([]byte, error)
}

// Parse reads an AlgorithmIdentifier. The error is an [*UnsupportedError], or
// says that the parameters are damaged.
func Parse(algorithm []byte) (*Scheme, error) {
	s := cryptobyte.String(algorithm)
	var seq cryptobyte.String
	var oid asn1.ObjectIdentifier
	if !s.ReadASN1(&seq, casn1.SEQUENCE) || !seq.ReadASN1ObjectIdentifier(&oid) {
		return nil, errDamaged
	}
	if oid.String() == "1.2.840.113549.1.5.13" {
		return parsePBES2(seq)
	}
	return parsePBES1(oid.String(), seq)
}

// Decrypt returns the plaintext, or ErrPassword. The password is text in UTF-8;
// how it becomes bytes is the scheme's matter, and where writers differ each way
// is tried.
func (s *Scheme) Decrypt(password string, data []byte) ([]byte, error) {
	encodings := [][]byte{[]byte(password)}
	if s.unicode {
		encodings = BMPPasswords(password)
	}
	for _, encoded := range encodings {
		key, iv, err := s.derive(encoded)
		if err != nil {
			return nil, err
		}
		plain, err := s.open(key, iv, data)
		if err == nil || !errors.Is(err, ErrPassword) {
			return plain, err
		}
	}
	return nil, ErrPassword
}

// Work is what deriving the key costs, in iterations; scrypt is counted as about
// as many.
func (s *Scheme) Work() int64 { return int64(s.Iterations) + s.cost }

// String is the name with the cost.
func (s *Scheme) String() string {
	if s.Scrypt != "" {
		return s.Name + ", " + s.Scrypt
	}
	return fmt.Sprintf("%s, %d iterations", s.Name, s.Iterations)
}

// openCBC decrypts with a block cipher in CBC mode and takes the padding off
// (RFC 8018, Section 6.1.1).
func openCBC(newCipher func(key []byte) (cipher.Block, error)) func(key, iv, data []byte) ([]byte, error) {
	return func(key, iv, data []byte) ([]byte, error) {
		block, err := newCipher(key)
		if err != nil {
			return nil, err
		}
		size := block.BlockSize()
		if len(iv) != size || len(data) == 0 || len(data)%size != 0 {
			return nil, errDamaged
		}
		plain := make([]byte, len(data))
		cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, data)
		padding := int(plain[len(plain)-1])
		if padding == 0 || padding > size || !bytes.Equal(plain[len(plain)-padding:],
			bytes.Repeat([]byte{byte(padding)}, padding)) {
			return nil, ErrPassword
		}
		return plain[:len(plain)-padding], nil
	}
}

// sealCBC is the reverse of openCBC.
func sealCBC(block cipher.Block, iv, plain []byte) []byte {
	padding := block.BlockSize() - len(plain)%block.BlockSize()
	padded := append(bytes.Clone(plain), bytes.Repeat([]byte{byte(padding)}, padding)...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(padded, padded)
	return padded
}

// readCount reads an iteration count and holds it against the bound.
func readCount(s *cryptobyte.String, into *int) error {
	var n int64
	if !s.ReadASN1Integer(&n) {
		return errDamaged
	}
	if n < 1 || n > MaxIterations {
		return unsupported("it demands %d iterations to derive a key; the limit is %d", n, MaxIterations)
	}
	*into = int(n)
	return nil
}
