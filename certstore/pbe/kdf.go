package pbe

import (
	"crypto/hmac"
	"encoding/asn1"
	"encoding/binary"
	"hash"
	"math/big"
	"unicode/utf16"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// BMPPasswords returns the ways in which writers of PKCS #12 turn a password into
// bytes, the usual one first: UTF-16 with a terminating zero (RFC 7292, Appendix
// B.1); for the empty password also no bytes at all; for one beyond ASCII also
// its UTF-8 bytes as if they were Latin-1, which OpenSSL did before 1.1.
func BMPPasswords(password string) [][]byte {
	encode := func(units []uint16) []byte {
		b := make([]byte, 0, 2*len(units)+2)
		for _, u := range units {
			b = binary.BigEndian.AppendUint16(b, u)
		}
		return append(b, 0, 0)
	}
	ways := [][]byte{encode(utf16.Encode([]rune(password)))}
	if password == "" {
		return append(ways, nil)
	}
	units, beyond := make([]uint16, len(password)), false
	for i := range len(password) {
		units[i], beyond = uint16(password[i]), beyond || password[i] >= 0x80
	}
	if beyond {
		ways = append(ways, encode(units))
	}
	return ways
}

// KDF derives size bytes as RFC 7292, Appendix B.2, says. The id is 1 for a key,
// 2 for an initialisation vector, 3 for a MAC key.
func KDF(h func() hash.Hash, salt, password []byte, iterations int, id byte, size int) []byte {
	d := h()
	u, v := d.Size(), d.BlockSize()
	diversifier := make([]byte, v)
	for i := range diversifier {
		diversifier[i] = id
	}
	stretch := func(b []byte) []byte {
		out := make([]byte, 0, v*((len(b)+v-1)/v))
		for len(b) > 0 && len(out) < cap(out) {
			out = append(out, b[:min(len(b), cap(out)-len(out))]...)
		}
		return out
	}
	block := append(stretch(salt), stretch(password)...)
	one := big.NewInt(1)
	modulus := new(big.Int).Lsh(one, uint(8*v))
	var out []byte
	for {
		a := pbkdf1(h, diversifier, block, iterations) // the hash of both, hashed again and again
		if out = append(out, a...); len(out) >= size {
			return out[:size]
		}
		b := make([]byte, v)
		for i := range b {
			b[i] = a[i%u]
		}
		add := new(big.Int).Add(new(big.Int).SetBytes(b), one)
		for i := 0; i < len(block); i += v {
			sum := new(big.Int).Add(new(big.Int).SetBytes(block[i:i+v]), add)
			sum.Mod(sum, modulus).FillBytes(block[i : i+v])
		}
	}
}

// A MAC is a password-based message authentication: the integrity protection of
// a PKCS #12 file.
type MAC struct {
	Name       string
	Hash       string // as in "SHA-256"
	PBMAC1     bool   // and not the older way of RFC 7292, Appendix B
	Iterations int
	cost       int64 // of scrypt, in iterations
	sum        func(password string, data []byte) [][]byte
}

// NewMAC returns the MAC of RFC 7292, Appendix B.4.
func NewMAC(h func() hash.Hash, name string, salt []byte, iterations int) *MAC {
	m := &MAC{Name: "HMAC-" + name, Hash: name, Iterations: iterations}
	m.sum = func(password string, data []byte) [][]byte {
		var sums [][]byte
		for _, encoded := range BMPPasswords(password) {
			mac := hmac.New(h, KDF(h, salt, encoded, iterations, 3, h().Size()))
			mac.Write(data)
			sums = append(sums, mac.Sum(nil))
		}
		return sums
	}
	return m
}

// ParsePBMAC1 reads PBMAC1-params (RFC 8018, Appendix A.5; RFC 9579).
func ParsePBMAC1(params []byte) (*MAC, error) {
	s := cryptobyte.String(params)
	var seq, kdfDER, auth cryptobyte.String
	var oid asn1.ObjectIdentifier
	if !s.ReadASN1(&seq, casn1.SEQUENCE) || !seq.ReadASN1Element(&kdfDER, casn1.SEQUENCE) ||
		!seq.ReadASN1(&auth, casn1.SEQUENCE) || !auth.ReadASN1ObjectIdentifier(&oid) {
		return nil, errDamaged
	}
	d, err := parseKDF(kdfDER)
	if err != nil {
		return nil, err
	}
	h, name := HMACHash(oid)
	if h == nil {
		return nil, unsupported("PBMAC1 with %v, which this program does not know", oid)
	}
	if d.length < 20 || d.length > 64 { // RFC 9579, Section 5 and 9
		return nil, unsupported("PBMAC1 with a key of %d bytes: 20 to 64 are allowed", d.length)
	}
	m := &MAC{Name: "PBMAC1 with " + d.name + " and HMAC-" + name, Hash: name, PBMAC1: true, Iterations: d.iterations,
		cost: d.cost}
	m.sum = func(password string, data []byte) [][]byte {
		key, err := d.derive([]byte(password), d.length)
		if err != nil {
			return nil
		}
		mac := hmac.New(h, key)
		mac.Write(data)
		return [][]byte{mac.Sum(nil)}
	}
	return m, nil
}

// Verify reports whether the digest is the data's under the password.
func (m *MAC) Verify(password string, data, digest []byte) bool {
	for _, sum := range m.sum(password, data) {
		if hmac.Equal(sum, digest) {
			return true
		}
	}
	return false
}

// Work is as [Scheme.Work].
func (m *MAC) Work() int64 { return int64(m.Iterations) + m.cost }

// Sum returns the digest of the data under the password.
func (m *MAC) Sum(password string, data []byte) []byte { return m.sum(password, data)[0] }
