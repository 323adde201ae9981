package nss

import (
	"crypto/sha1" //nolint:gosec // what NSS hashes the password with
	"encoding/asn1"
	"errors"
	"fmt"

	"mtlsprobe/certstore/pbe"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// An unlocker opens the encrypted attributes of one database.
type unlocker struct {
	password string // what the schemes take for the password
	work     int64  // iterations demanded so far
	err      error  // why nothing can be opened
}

// passwordCheck is what the password's entry holds in encrypted form
// (SFTK_PW_CHECK_STRING of lib/softoken/sftkpwd.c).
const passwordCheck = "password-check"

// unlocker finds the password's entry and checks the password against it.
func (c *Contents) unlocker(d *database, metadata table, password string) *unlocker {
	var salt, check []byte
	if metadata.root != 0 {
		c.problem("reading the password's entry", d.each(metadata, func(r row) error {
			if string(r.get("id")) == "password" {
				salt, check = r.get("item1"), r.get("item2")
			}
			return nil
		}))
	}
	if check == nil {
		return &unlocker{err: errors.New("the database has no entry for its password")}
	}
	// The schemes below derive keys from this hash, not from the password
	// (sftkdb_passwordToKey of sftkpwd.c).
	hashed := sha1.Sum(append(append([]byte(nil), salt...), password...))
	u := &unlocker{password: string(hashed[:])}
	scheme, encrypted, err := parseItem(check)
	if err != nil {
		u.err = fmt.Errorf("the password's entry: %w", err)
		return u
	}
	c.Encryption = scheme.String()
	plain, err := u.decrypt(scheme, encrypted)
	if err == nil && string(plain) != passwordCheck {
		err = ErrPassword
	}
	u.err = err
	return u
}

// open decrypts an attribute.
func (u *unlocker) open(item []byte) ([]byte, error) {
	if u.err != nil {
		return nil, u.err
	}
	scheme, encrypted, err := parseItem(item)
	if err != nil {
		return nil, err
	}
	plain, err := u.decrypt(scheme, encrypted)
	if errors.Is(err, ErrPassword) { // it was checked before
		return nil, errors.New("its encryption is damaged")
	}
	return plain, err
}

// decrypt keeps the whole database within one bound of work.
func (u *unlocker) decrypt(s scheme, encrypted []byte) ([]byte, error) {
	if u.work+s.Work() > pbe.MaxIterations {
		return nil, fmt.Errorf("the database's keys together demand more than %d iterations", pbe.MaxIterations)
	}
	u.work += s.Work()
	return s.Decrypt(u.password, encrypted)
}

// A scheme is a [pbe.Scheme], or NSS's own.
type scheme interface {
	String() string
	Work() int64
	Decrypt(password string, data []byte) ([]byte, error)
}

// parseItem reads what is stored for an encrypted value: an AlgorithmIdentifier
// and an OCTET STRING.
func parseItem(item []byte) (scheme, []byte, error) {
	damaged := errors.New("its encryption parameters are damaged")
	s := cryptobyte.String(item)
	var seq, algorithm, inner cryptobyte.String
	var encrypted []byte
	var oid asn1.ObjectIdentifier
	if !s.ReadASN1(&seq, casn1.SEQUENCE) || !s.Empty() || !seq.ReadASN1Element(&algorithm, casn1.SEQUENCE) ||
		!seq.ReadASN1Bytes(&encrypted, casn1.OCTET_STRING) || !seq.Empty() {
		return nil, nil, damaged
	}
	if copied := algorithm; !copied.ReadASN1(&inner, casn1.SEQUENCE) || !inner.ReadASN1ObjectIdentifier(&oid) {
		return nil, nil, damaged
	}
	if oid.Equal(oidNSS3DES) {
		old, err := parseTripleDES(inner)
		return old, encrypted, err
	}
	if oid.Equal(oidPBES2) {
		if mended, err := mendIV(inner); err == nil {
			algorithm = mended
		}
	}
	modern, err := pbe.Parse(algorithm)
	return modern, encrypted, err
}

var oidPBES2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}

// mendIV rewrites PBES2 parameters of AES (RFC 8018, Appendix B.2.5) whose
// initialisation vector is 14 bytes, as softoken writes them. It takes the 16 bytes
// of the encoding then, tag and length included.
func mendIV(params cryptobyte.String) (cryptobyte.String, error) {
	var seq, kdf, encryption, iv cryptobyte.String
	var oid asn1.ObjectIdentifier
	if !params.ReadASN1(&seq, casn1.SEQUENCE) || !seq.ReadASN1Element(&kdf, casn1.SEQUENCE) ||
		!seq.ReadASN1(&encryption, casn1.SEQUENCE) ||
		!encryption.ReadASN1ObjectIdentifier(&oid) || !encryption.ReadASN1Element(&iv, casn1.OCTET_STRING) || len(iv) != 16 {
		return nil, errors.New("nothing to fix")
	}
	var b cryptobyte.Builder
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidPBES2)
		b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(kdf)
			b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(oid)
				b.AddASN1OctetString(iv)
			})
		})
	})
	return b.Bytes()
}
