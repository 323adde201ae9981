package certstore

import (
	"context"
	"crypto/cipher"
	"crypto/des"  //nolint:gosec // what JCEKS keys are protected with
	"crypto/md5"  //nolint:gosec // likewise
	"crypto/sha1" //nolint:gosec // what JKS keys are protected with
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"unicode/utf16"
	"unicode/utf8"

	"mtlsprobe/certstore/pbe"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// The magic numbers of Java's own key stores.
const (
	magicJKS   = 0xfeedfeed
	magicJCEKS = 0xcececece
)

func isJKS(data []byte) bool {
	if len(data) < 12 {
		return false
	}
	magic := binary.BigEndian.Uint32(data)
	return magic == magicJKS || magic == magicJCEKS
}

// jks reads a Java key store, JKS or JCEKS. Its certificates need no password:
// only its keys are protected, each by itself.
func (o *opener) jks(ctx context.Context, c *contents, data []byte) error {
	s := cryptobyte.String(data)
	var magic, version, count uint32
	if !s.ReadUint32(&magic) || !s.ReadUint32(&version) || !s.ReadUint32(&count) || version < 1 || version > 2 {
		return errors.New("is a Java key store of an unknown version, or cut off")
	}
	c.container = &Container{Format: "JKS", Keys: true, Integrity: "SHA-1 with the password",
		Readers: []string{"Only Java reads this format: \"mtlsprobe fix --for CLIENT\" writes another"}}
	if magic == magicJCEKS {
		c.container.Format = "JCEKS"
	}
	r, whole := &jksReader{s: s, version: version}, true
	for n := uint32(1); n <= count; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		entry, err := r.entry()
		if err != nil {
			// What came before is of use all the same.
			c.problem(fmt.Sprintf("entry %d of %d", n, count), err)
			c.container.Parts = append(c.container.Parts, fmt.Sprintf("entry %d of %d: %v", n, count, err))
			whole = false
			break
		}
		c.container.Parts = append(c.container.Parts, entry.describe())
		if err := o.jksEntry(ctx, c, entry); err != nil {
			return err
		}
	}
	if whole { // else the digest's place is not known
		o.jksIntegrity(c, data, r)
	}
	switch {
	case !c.empty():
		return nil
	case len(c.problems) > 0:
		return fmt.Errorf("is a Java key store that contains nothing usable: %w", errors.Unwrap(c.problems[0]))
	}
	return errors.New("is a Java key store without an entry")
}

// jksIntegrity holds the digest at the end against the passwords. Java opens no
// store whose digest does not fit.
func (o *opener) jksIntegrity(c *contents, data []byte, r *jksReader) {
	passwords, _ := o.passwords(c.file)
	// the last is the empty one, which keytool does not take
	passwords = slices.Concat(passwords[:len(passwords)-1], o.typed)
	end := len(data) - sha1.Size
	switch {
	case len(r.s) != sha1.Size:
		c.problem("", errors.New("the store does not end with its digest: Java does not open it"))
		c.container.Integrity, c.container.Readers = "SHA-1 with the password, which cannot fit",
			[]string{"Java does not read it: it is cut off, or has bytes too many"}
	case len(passwords) == 0:
		c.container.Integrity += ", which was not given"
	case slices.ContainsFunc(passwords, func(password string) bool {
		return jksDigest(password,
			data[:end]) == [sha1.Size]byte(data[end:])
	}):
		c.container.Integrity += ", which fits"
	default:
		c.problem("", errors.New("no password that was given fits the store's digest: it is another, or the file was "+
			"changed; Java does not open it then"))
		c.container.Integrity += ", and none that was given fits"
	}
}

// jksDigest is what stands at the end of a store (sun.security.provider.JavaKeyStore).
func jksDigest(password string, data []byte) [sha1.Size]byte {
	var b []byte
	for _, unit := range utf16.Encode([]rune(password)) {
		b = binary.BigEndian.AppendUint16(b, unit)
	}
	return sha1.Sum(slices.Concat(b, []byte("Mighty Aphrodite"), data))
}

func (o *opener) jksEntry(ctx context.Context, c *contents, e *jksEntry) error {
	for _, der := range e.certs {
		if !c.seen[string(der)] { // entries share their upper certificates
			c.addCert(der, "alias "+quote(e.alias))
		}
	}
	if e.key == nil {
		return nil
	}
	if len(e.certs) > 0 {
		if c.friendly == nil {
			c.friendly = make(map[string]string)
		}
		c.friendly[string(e.certs[0])] = e.alias
		c.keepApart(e.certs)
	}
	before := len(c.locked)
	err := o.lockedKey(ctx, c, "the key "+quote(e.alias), KeyForm{}, jksWork(e.key),
		func(password string) ([]byte, error) { return decryptJKS(e.key, password) })
	if len(c.locked) > before && len(e.certs) > 0 {
		if c.lockedOf == nil {
			c.lockedOf = make(map[string]string)
		}
		c.lockedOf[string(e.certs[0])] = c.locked[before]
	}
	return err
}

// A jksEntry is a key with its chain, or a trusted certificate.
type jksEntry struct {
	alias string
	key   []byte // EncryptedPrivateKeyInfo; nil for a trusted certificate
	certs [][]byte
}

func (e *jksEntry) describe() string {
	if e.key == nil {
		return fmt.Sprintf("trusted certificate %q: not encrypted", e.alias)
	}
	certificates := "certificates"
	if len(e.certs) == 1 {
		certificates = "certificate"
	}
	return fmt.Sprintf("private key %q with %d %s: %s", e.alias, len(e.certs), certificates, jksProtection(e.key))
}

// jksProtection names what an entry's key is encrypted with.
func jksProtection(info []byte) string {
	s := cryptobyte.String(info)
	var seq, algorithm, identifier cryptobyte.String
	var oid asn1.ObjectIdentifier
	if !s.ReadASN1(&seq, casn1.SEQUENCE) || !seq.ReadASN1Element(&algorithm, casn1.SEQUENCE) {
		return "encrypted, and damaged"
	}
	identifier = algorithm
	var inner cryptobyte.String
	if !identifier.ReadASN1(&inner, casn1.SEQUENCE) || !inner.ReadASN1ObjectIdentifier(&oid) {
		return "encrypted, and damaged"
	}
	switch oid.String() {
	case "1.3.6.1.4.1.42.2.17.1.1":
		return "Sun's stream of SHA-1"
	case "1.3.6.1.4.1.42.2.19.1":
		return "MD5 and 3DES of JCEKS"
	}
	if scheme, err := pbe.Parse(algorithm); err == nil {
		return scheme.String()
	}
	return "encrypted with " + oid.String()
}

type jksReader struct {
	s       cryptobyte.String
	version uint32
}

// maxChain bounds the certificates of one entry.
const maxChain = 1000

func (r *jksReader) entry() (*jksEntry, error) {
	var tag uint32
	var alias cryptobyte.String
	var date []byte
	if !r.s.ReadUint32(&tag) || !r.s.ReadUint16LengthPrefixed(&alias) || !r.s.ReadBytes(&date, 8) {
		return nil, errors.New("it is cut off")
	}
	e := &jksEntry{alias: modifiedUTF8(alias)}
	chain := uint32(1)
	switch tag {
	case 1:
		var ok bool
		if e.key, ok = r.block(); !ok || !r.s.ReadUint32(&chain) {
			return nil, errors.New("the key is cut off")
		}
	case 2:
	case 3: // a serialised Java object, whose end only Java knows
		return nil, fmt.Errorf("%q is a secret key, behind which nothing can be read", e.alias)
	default:
		return nil, fmt.Errorf("%q is an entry of unknown kind %d", e.alias, tag)
	}
	if chain > maxChain {
		return nil, fmt.Errorf("%q claims a chain of %d certificates", e.alias, chain)
	}
	for range chain {
		var kind cryptobyte.String
		if r.version > 1 && !r.s.ReadUint16LengthPrefixed(&kind) {
			return nil, errors.New("a certificate is cut off")
		}
		der, ok := r.block()
		if !ok {
			return nil, errors.New("a certificate is cut off")
		}
		e.certs = append(e.certs, der)
	}
	return e, nil
}

// modifiedUTF8 decodes what java.io.DataOutput.writeUTF writes: each half of a surrogate pair by
// itself, and NUL in two bytes. What cannot be decoded becomes U+FFFD.
func modifiedUTF8(b []byte) string {
	var units []uint16
	for len(b) > 0 {
		lead := b[0]
		size := 1
		switch {
		case lead&0xE0 == 0xC0:
			size = 2
		case lead&0xF0 == 0xE0:
			size = 3
		}
		if size > len(b) || lead >= 0x80 && size == 1 {
			return string(utf16.Decode(append(units, utf8.RuneError)))
		}
		unit := uint16(lead)
		if size > 1 {
			unit &= 0x7F >> size
		}
		for _, next := range b[1:size] {
			unit = unit<<6 | uint16(next&0x3F)
		}
		units, b = append(units, unit), b[size:]
	}
	return string(utf16.Decode(units))
}

// block reads bytes after their length in four bytes, without allocating what is
// not there.
func (r *jksReader) block() ([]byte, bool) {
	var length uint32
	var data []byte
	ok := r.s.ReadUint32(&length) && uint64(length) <= uint64(len(r.s)) && r.s.ReadBytes(&data, int(length))
	return data, ok
}

// Algorithms that Sun made for its key stores.
const (
	sunJKS   = "1.3.6.1.4.1.42.2.17.1.1"
	sunJCEKS = "1.3.6.1.4.1.42.2.19.1"
)

// A jksKey is an encrypted key, with Sun's own two algorithms or any of PKCS #5.
type jksKey struct {
	algorithm  string // an OID
	encrypted  []byte
	salt       []byte // for JCEKS
	iterations int
	scheme     *pbe.Scheme // for the others
}

func parseJKSKey(info []byte) (*jksKey, error) {
	damaged := errors.New("its structure is damaged")
	s := cryptobyte.String(info)
	var seq, algorithm, inner, params cryptobyte.String
	var oid asn1.ObjectIdentifier
	k := &jksKey{}
	if !s.ReadASN1(&seq, casn1.SEQUENCE) || !seq.ReadASN1Element(&algorithm, casn1.SEQUENCE) ||
		!seq.ReadASN1Bytes(&k.encrypted, casn1.OCTET_STRING) {
		return nil, damaged
	}
	identifier := algorithm
	if !identifier.ReadASN1(&inner, casn1.SEQUENCE) || !inner.ReadASN1ObjectIdentifier(&oid) {
		return nil, damaged
	}
	k.algorithm = oid.String()
	var err error
	switch k.algorithm {
	case sunJKS:
	case sunJCEKS:
		if !inner.ReadASN1(&params, casn1.SEQUENCE) || !params.ReadASN1Bytes(&k.salt, casn1.OCTET_STRING) ||
			!params.ReadASN1Integer(&k.iterations) ||
			len(k.salt) != 8 || k.iterations < 1 || k.iterations > pbe.MaxIterations {
			return nil, errors.New("its encryption parameters are damaged, or demand too much")
		}
	default:
		k.scheme, err = pbe.Parse(algorithm)
	}
	return k, err
}

// jksWork is what opening a key costs, in iterations; 0 for one that cannot be read.
func jksWork(info []byte) int64 {
	k, err := parseJKSKey(info)
	switch {
	case err != nil:
		return 0
	case k.scheme != nil:
		return k.scheme.Work()
	}
	return int64(k.iterations)
}

// decryptJKS opens a key.
func decryptJKS(info []byte, password string) ([]byte, error) {
	k, err := parseJKSKey(info)
	switch {
	case err != nil:
		return nil, err
	case k.algorithm == sunJKS:
		return openSunJKS(k.encrypted, password)
	case k.algorithm == sunJCEKS:
		return openSunJCEKS(k.encrypted, password, k.salt, k.iterations)
	}
	return k.scheme.Decrypt(password, k.encrypted)
}

// openSunJKS is the key protection of JKS (sun.security.provider.KeyProtector): a
// key stream of SHA-1 over the password and the salt or the digest before; the
// plain key's SHA-1 stands behind.
func openSunJKS(data []byte, password string) ([]byte, error) {
	if len(data) < 2*sha1.Size {
		return nil, errors.New("its encrypted key is too short")
	}
	var secret []byte
	for _, unit := range utf16.Encode([]rune(password)) {
		secret = binary.BigEndian.AppendUint16(secret, unit)
	}
	salt, body, check := data[:sha1.Size], data[sha1.Size:len(data)-sha1.Size], data[len(data)-sha1.Size:]
	plain := make([]byte, len(body))
	stream := salt
	for i := range body {
		if i%sha1.Size == 0 {
			sum := sha1.Sum(append(append([]byte(nil), secret...), stream...))
			stream = sum[:]
		}
		plain[i] = body[i] ^ stream[i%sha1.Size]
	}
	if sum := sha1.Sum(append(append([]byte(nil), secret...), plain...)); string(sum[:]) != string(check) {
		return nil, pbe.ErrPassword
	}
	return plain, nil
}

// openSunJCEKS is the key protection of JCEKS (com.sun.crypto.provider.PBES1Core
// with MD5 and Triple DES): each half of the salt gives half of key and IV.
func openSunJCEKS(data []byte, password string, salt []byte, iterations int) ([]byte, error) {
	if string(salt[:4]) == string(salt[4:]) { // a quirk of the original, which means to turn the half around
		salt = []byte{salt[3], salt[0], salt[1], salt[3], salt[4], salt[5], salt[6], salt[7]}
	}
	var derived []byte
	for half := range 2 {
		sum := salt[4*half : 4*half+4]
		for range iterations {
			next := md5.Sum(append(append([]byte(nil), sum...), password...))
			sum = next[:]
		}
		derived = append(derived, sum...)
	}
	block, err := des.NewTripleDESCipher(derived[:24])
	if err != nil {
		return nil, err
	}
	if len(data) == 0 || len(data)%block.BlockSize() != 0 {
		return nil, errors.New("its encrypted key is damaged")
	}
	plain := make([]byte, len(data))
	cipher.NewCBCDecrypter(block, derived[24:32]).CryptBlocks(plain, data)
	padding := int(plain[len(plain)-1])
	if padding == 0 || padding > block.BlockSize() {
		return nil, pbe.ErrPassword
	}
	return plain[:len(plain)-padding], nil
}
