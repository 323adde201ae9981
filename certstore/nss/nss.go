// Package nss reads the databases of NSS, in which Firefox, Chromium on Linux and
// the tools of Red Hat's servers keep certificates and keys: cert9.db and key4.db,
// SQLite files as NSS's softoken writes them.
//
// Call [IsDatabase], then [Parse] once for each of the two files: a certificate
// and its key have the same ID. Parts that cannot be read are kept with their
// reason. Not read: trust, which says nothing about client certificates; secret
// keys; the signatures that guard single attributes; the older cert8.db and
// key3.db.
package nss

import (
	"bytes"
	"crypto"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"mtlsprobe/certstore/pbe"
)

// ErrPassword says that the password is not the database's.
var ErrPassword = pbe.ErrPassword

// Contents is what one database holds.
type Contents struct {
	Certificates []Certificate
	Keys         []Key
	// Encryption says what protects the keys, as in "PBES2 with
	// PBKDF2-HMAC-SHA-256 and AES-256-CBC, 10000 iterations". It is empty for a
	// database of certificates, which are in clear.
	Encryption string
	// Problems are what could not be read, and what may be missing.
	Problems []error
	// Work is what was spent on deriving keys, in iterations.
	Work int64
}

// A Certificate is one of a database, whosever it is.
type Certificate struct {
	Nickname string
	// DER is as stored, and need not be sound.
	DER []byte
	// ID pairs it with its key; empty for one without.
	ID []byte
}

// A Key is a private key.
type Key struct {
	// Nickname is often empty: the certificate has it.
	Nickname string
	ID       []byte
	// Algorithm is as in "RSA 2048", "ECDSA P-256", "Ed25519"; without the size
	// where that lies in what could not be read.
	Algorithm string
	// Private is an *rsa.PrivateKey, *ecdsa.PrivateKey or ed25519.PrivateKey. It
	// is nil if Err is not.
	Private crypto.Signer
	// Err says why it is of no use.
	Err error
}

// The tables of softoken (lib/softoken/sdb.c).
const (
	publicTable   = "nssPublic"
	privateTable  = "nssPrivate"
	metadataTable = "metaData"
)

// maxSchema is where IsDatabase stops to look for the tables' names; they lie on
// the first pages.
const maxSchema = 64 << 10

// IsDatabase reports whether data is a SQLite database with a table of NSS. It
// may be damaged further on.
func IsDatabase(data []byte) bool {
	begin := data[:min(len(data), maxSchema)]
	return bytes.HasPrefix(data, []byte(magic)) &&
		(bytes.Contains(begin, []byte("TABLE "+publicTable)) || bytes.Contains(begin, []byte("TABLE "+privateTable)))
}

// Parse reads a database. The password is needed for keys alone, and is empty for
// a database without a master password. If it is wrong, Parse returns ErrPassword
// beside the contents, whose keys then have it as their Err.
func Parse(data []byte, password string) (*Contents, error) {
	d, err := openDatabase(data)
	if err != nil {
		return nil, err
	}
	if err := d.complete(); err != nil {
		return nil, err
	}
	tables, err := d.tables()
	if err != nil {
		return nil, err
	}
	public, hasPublic := tables[publicTable]
	private, hasPrivate := tables[privateTable]
	if !hasPublic && !hasPrivate {
		return nil, errors.New("is a SQLite database, and not one of NSS")
	}
	c := &Contents{}
	if d.wal() {
		c.problem("it has a write-ahead log, which is not read", errors.New("what was changed last may be missing"))
	}
	if hasPublic {
		c.problem("reading the certificates", d.each(public, c.addCertificate))
	}
	if !hasPrivate {
		return c, nil
	}
	u := c.unlocker(d, tables[metadataTable], password)
	c.problem("reading the keys", d.each(private, func(r row) error { return c.addKey(r, u) }))
	c.Work = u.work
	if errors.Is(u.err, ErrPassword) {
		return c, ErrPassword
	}
	return c, nil
}

func (c *Contents) problem(what string, err error) {
	if err != nil {
		c.Problems = append(c.Problems, fmt.Errorf("%s: %w", what, err))
	}
}

// The columns that are read. A column is an attribute of PKCS #11, in
// hexadecimal behind "a" (OASIS, PKCS #11 Specification Version 3.1, Section
// 4, and pkcs11t.h).
const (
	colClass           = "a0"
	colLabel           = "a3"
	colValue           = "a11"
	colCertificateType = "a80"
	colKeyType         = "a100"
	colID              = "a102"
	colModulus         = "a120"
	colPublicExponent  = "a122"
	colPrime1          = "a124"
	colECParams        = "a180"
)

// The numbers of PKCS #11 that are known.
const (
	classCertificate = 1
	classPrivateKey  = 3
	typeX509         = 0

	keyRSA     = 0x00
	keyDSA     = 0x01
	keyDH      = 0x02
	keyEC      = 0x03
	keyEdwards = 0x40 // Ed25519 and Ed448
)

// number reads an attribute that is a CK_ULONG; softoken stores four bytes, the
// most significant one first.
func (r row) number(column string) (uint32, bool) {
	b := r.get(column)
	if len(b) != 4 {
		return 0, false
	}
	return binary.BigEndian.Uint32(b), true
}

// text reads an attribute for people. Some writers end it with a zero.
func (r row) text(column string) string {
	return strings.TrimRight(string(r.get(column)), "\x00")
}

func (c *Contents) addCertificate(r row) error {
	if class, ok := r.number(colClass); !ok || class != classCertificate {
		return nil
	}
	der := r.get(colValue)
	if kind, ok := r.number(colCertificateType); ok && kind != typeX509 || len(der) == 0 {
		c.problem(fmt.Sprintf("certificate %q", r.text(colLabel)), errors.New("it is not X.509, or empty"))
		return nil
	}
	c.Certificates = append(c.Certificates, Certificate{Nickname: r.text(colLabel), DER: bytes.Clone(der),
		ID: bytes.Clone(r.get(colID))})
	return nil
}

func (c *Contents) addKey(r row, u *unlocker) error {
	if class, ok := r.number(colClass); !ok || class != classPrivateKey {
		return nil
	}
	key := Key{Nickname: r.text(colLabel), ID: bytes.Clone(r.get(colID))}
	key.read(r, u)
	c.Keys = append(c.Keys, key)
	return nil
}
