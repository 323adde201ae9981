// Package pfx reads and writes PKCS #12 files (RFC 7292) to the last bag: names,
// attributes, nesting, and which encryption and integrity protection with which
// cost.
//
// [Parse] needs no password and says what a file is made of. [Open] opens it.
// [Write] makes one. Parts that cannot be read are kept with their reason; one
// unusable bag never costs the others. BER with indefinite lengths, as NSS
// writes, is read, too.
package pfx

import (
	"crypto/md5"  //nolint:gosec // what old files are made with
	"crypto/sha1" //nolint:gosec // likewise
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/asn1"
	"errors"
	"fmt"
	"hash"
	"slices"

	"mtlsprobe/certstore/pbe"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// ErrPassword says that the password is not the file's.
var ErrPassword = pbe.ErrPassword

// A File is what a PKCS #12 file is made of.
type File struct {
	// Integrity says how the file is protected against change, as in
	// "HMAC-SHA-256, 2048 iterations"; "none" without any, "signature" for the
	// public-key kind.
	Integrity string
	// MAC is that by a password; nil without any, and where it is not known here.
	MAC *pbe.MAC
	// Unprotected says that there is no protection of any kind.
	Unprotected bool
	// BER says that it is not DER, which some readers refuse.
	BER bool
	// Trailing is how many bytes follow the file's end, which some readers refuse.
	Trailing int
	// Altered says that parts opened with the password and the MAC does not fit it: the
	// file was changed or damaged after it was made. Only [Salvage] sets it.
	Altered bool
	// Bags are what the file holds, in stored order, those in nested SafeContents
	// in place. Of what lies under a password Parse gives one bag of kind Sealed.
	Bags []Bag

	macErr    error
	digest    []byte
	authSafe  []byte
	work      int64 // iterations demanded so far
	verified  bool  // the MAC was checked with the password
	openedAny bool
	passwords []string // to try on each part; nil for none
	tried     int64    // iterations spent on passwords beyond the first
}

// A Kind is what a bag holds.
type Kind string

// The kinds of bags (RFC 7292, Section 4.2).
const (
	KeyBag     Kind = "private key"
	CertBag    Kind = "certificate"
	CRLBag     Kind = "revocation list"
	SecretBag  Kind = "secret"
	Sealed     Kind = "encrypted contents"
	UnknownBag Kind = "unknown bag"
)

// An Encryption is what protects a bag; zero for one that lies in clear.
type Encryption struct {
	pbe.Algorithm
	// Text says what it is, as in "PBES2 with …, 2048 iterations".
	Text string
	// Unknown says that it is encrypted in a way that is not known here.
	Unknown bool
}

// A Bag is one entry of a file.
type Bag struct {
	Kind Kind
	// DER is the certificate, the PKCS #8 key, or the content of other kinds. It
	// is nil for what was not opened.
	DER []byte
	Encryption
	FriendlyName string
	LocalKeyID   []byte
	// Provider is the cryptographic service provider that Windows is to keep the key
	// with, and MachineKey says that it is the machine's; mostly empty.
	Provider   string
	MachineKey bool
	// Err says why it is of no use; nil for one that is.
	Err error
}

var errTooMuch = fmt.Errorf("its parts together demand more than %d iterations to derive keys", pbe.MaxIterations)

// Bounds on what a file may make this package do.
const (
	maxNesting = 16
	maxBags    = 10_000
)

// Parse reads what lies in clear. The error says where the file is damaged, or
// that it demands too much.
func Parse(data []byte) (*File, error) { return read(data) }

// Open reads the file with the password. It returns ErrPassword if the password
// is wrong: by the MAC, or without one when nothing opens. A part that it does not
// open is tried with the others, for some programs give each part its own; what
// none opens is a bag with ErrPassword as its Err.
func Open(data []byte, password string, others ...string) (*File, error) {
	passwords := []string{password}
	for _, other := range others {
		if !slices.Contains(passwords, other) {
			passwords = append(passwords, other)
		}
	}
	return read(data, passwords...)
}

// Salvage reads a file whose MAC does not fit the password, as far as its parts open
// with it. It returns ErrPassword where none does: the password may be wrong.
func Salvage(data []byte, password string) (*File, error) {
	f := &File{passwords: []string{password}, Altered: true}
	if err := f.outer(data); err != nil {
		return nil, err
	}
	if err := f.contents(f.authSafe); err != nil {
		return nil, err
	}
	if !f.openedAny {
		return nil, ErrPassword
	}
	return f, nil
}

func read(data []byte, passwords ...string) (*File, error) {
	f := &File{passwords: passwords}
	if err := f.outer(data); err != nil {
		return nil, err
	}
	if len(passwords) > 0 {
		if err := f.checkMAC(passwords[0]); err != nil {
			return nil, err
		}
	}
	if err := f.contents(f.authSafe); err != nil {
		return nil, err
	}
	if f.work > pbe.MaxIterations {
		return nil, errTooMuch
	}
	if len(passwords) > 0 && !f.verified && f.sealedOnly() {
		return nil, ErrPassword
	}
	return f, nil
}

// sealedOnly reports that there was something to open and nothing opened.
func (f *File) sealedOnly() bool {
	sealed := false
	for _, b := range f.Bags {
		sealed = sealed || errors.Is(b.Err, ErrPassword)
	}
	return sealed && !f.openedAny
}

// outer reads PFX and MacData (RFC 7292, Section 4).
func (f *File) outer(data []byte) error {
	der, converted, size, err := toDER(data)
	if err != nil {
		return err
	}
	f.BER, f.Trailing = converted, len(data)-size
	s := cryptobyte.String(der)
	var pfx, content cryptobyte.String
	var version int
	if !s.ReadASN1(&pfx, casn1.SEQUENCE) || !pfx.ReadASN1Integer(&version) {
		return errors.New("no PFX structure")
	}
	if version != 3 {
		return fmt.Errorf("PFX version %d: only 3 is known", version)
	}
	kind, err := readContentInfo(&pfx, &content)
	switch {
	case err != nil:
		return fmt.Errorf("authSafe: %w", err)
	case kind == oidSignedData:
		f.Integrity = "signature"
		return errors.New("it is protected by a signature in place of a password, which this program cannot read")
	case kind != oidData:
		return fmt.Errorf("authSafe has the content type %s", kind)
	}
	if !content.ReadASN1Bytes(&f.authSafe, casn1.OCTET_STRING) {
		return errors.New("authSafe contains no data")
	}
	if pfx.Empty() {
		f.Integrity, f.Unprotected = "none", true
		return nil
	}
	return f.macData(pfx)
}

func (f *File) macData(pfx cryptobyte.String) error {
	var data, digestInfo, algorithm cryptobyte.String
	var oid asn1.ObjectIdentifier
	var salt []byte
	iterations := int64(1)
	if !pfx.ReadASN1(&data, casn1.SEQUENCE) || !data.ReadASN1(&digestInfo, casn1.SEQUENCE) ||
		!digestInfo.ReadASN1(&algorithm, casn1.SEQUENCE) ||
		!algorithm.ReadASN1ObjectIdentifier(&oid) || !digestInfo.ReadASN1Bytes(&f.digest, casn1.OCTET_STRING) ||
		!data.ReadASN1Bytes(&salt, casn1.OCTET_STRING) {
		return errors.New("macData cannot be decoded")
	}
	if !data.Empty() && !data.ReadASN1Integer(&iterations) {
		return errors.New("the iterations of macData cannot be decoded")
	}
	isPBMAC1 := oid.String() == "1.2.840.113549.1.5.14" // whose iterations stand elsewhere (RFC 9579, Section 4)
	if !isPBMAC1 && (iterations < 1 || iterations > pbe.MaxIterations) {
		return fmt.Errorf("its MAC demands %d iterations to derive a key; the limit is %d", iterations, pbe.MaxIterations)
	}
	if isPBMAC1 {
		f.MAC, f.macErr = pbe.ParsePBMAC1(algorithm)
	} else if h, name := digestByOID(oid.String()); h != nil {
		f.MAC = pbe.NewMAC(h, name, salt, int(iterations))
	} else {
		f.macErr = fmt.Errorf("its MAC uses digest %v, which this program does not know", oid)
	}
	f.Integrity = "unknown"
	if f.MAC != nil {
		f.work += f.MAC.Work()
		f.Integrity = fmt.Sprintf("%s, %d iterations", f.MAC.Name, f.MAC.Iterations)
	}
	return nil
}

func digestByOID(oid string) (func() hash.Hash, string) {
	switch oid {
	case "1.2.840.113549.2.5":
		return md5.New, "MD5"
	case "1.3.14.3.2.26":
		return sha1.New, "SHA-1"
	case "2.16.840.1.101.3.4.2.4":
		return sha256.New224, "SHA-224"
	case "2.16.840.1.101.3.4.2.1":
		return sha256.New, "SHA-256"
	case "2.16.840.1.101.3.4.2.2":
		return sha512.New384, "SHA-384"
	case "2.16.840.1.101.3.4.2.3":
		return sha512.New, "SHA-512"
	case "2.16.840.1.101.3.4.2.5":
		return sha512.New512_224, "SHA-512/224"
	case "2.16.840.1.101.3.4.2.7":
		return func() hash.Hash { return sha3.New224() }, "SHA3-224"
	case "2.16.840.1.101.3.4.2.8":
		return func() hash.Hash { return sha3.New256() }, "SHA3-256"
	case "2.16.840.1.101.3.4.2.9":
		return func() hash.Hash { return sha3.New384() }, "SHA3-384"
	case "2.16.840.1.101.3.4.2.10":
		return func() hash.Hash { return sha3.New512() }, "SHA3-512"
	case "2.16.840.1.101.3.4.2.6":
		return sha512.New512_256, "SHA-512/256"
	}
	return nil, ""
}

// Work returns how many iterations opening the file takes, as far as that is
// known without a password.
func (f *File) Work() int64 {
	return f.work
}

func (f *File) checkMAC(password string) error {
	switch {
	case f.MAC == nil && f.macErr != nil:
		return f.macErr
	case f.MAC == nil:
		return nil
	case !f.MAC.Verify(password, f.authSafe, f.digest):
		return ErrPassword
	}
	f.verified = true
	return nil
}
