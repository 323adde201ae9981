package pfx

import (
	"cmp"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // what old readers need
	"crypto/sha256"
	"crypto/sha512"
	"encoding/asn1"
	"encoding/binary"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"unicode/utf16"

	"mtlsprobe/certstore/pbe"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// An Encoding is who shall be able to read a file.
type Encoding string

// The encodings.
const (
	// Modern is what OpenSSL 3 writes: PBKDF2, AES-256, HMAC-SHA-256. Java from
	// 8u301 on and Windows from 10 1709 on read it.
	Modern Encoding = "modern"
	// Legacy is 3DES and HMAC-SHA-1, which everything reads, and OpenSSL 3 without
	// its legacy provider, too.
	Legacy Encoding = "legacy"
)

// A MAC is the digest of a file's integrity check.
type MAC string

// The digests. DefaultMAC is SHA256 in modern files, and SHA1 in those for old readers.
const (
	DefaultMAC MAC = ""
	NoMAC      MAC = "none" // which OpenSSL's command line and Java read, and Go and NSS do not
	SHA1       MAC = "sha1"
	SHA256     MAC = "sha256"
	SHA384     MAC = "sha384"
	SHA512     MAC = "sha512"
)

// MACs returns all but the default.
func MACs() []MAC { return []MAC{SHA1, SHA256, SHA384, SHA512, NoMAC} }

// digest returns the hash of a MAC, and its object identifier.
func (m MAC) digest() (func() hash.Hash, string, error) {
	switch m {
	case SHA1:
		return sha1.New, "1.3.14.3.2.26", nil
	case SHA256:
		return sha256.New, "2.16.840.1.101.3.4.2.1", nil
	case SHA384:
		return sha512.New384, "2.16.840.1.101.3.4.2.2", nil
	case SHA512:
		return sha512.New, "2.16.840.1.101.3.4.2.3", nil
	}
	return nil, "", fmt.Errorf("no MAC is called %q", m)
}

// iterations of what is written. Java 8 before 8u301 takes up to 5,000,000, old
// Windows up to 600,000; OpenSSL writes 2,048.
const iterations = 2048

// An Entry is a key in PKCS #8 with its certificates, the leaf first.
type Entry struct {
	// FriendlyName is that of the key and the leaf; empty for none.
	FriendlyName string
	Key          []byte
	Certificates [][]byte
}

// Write makes a file of entries. A certificate of a CA that several have stands once.
func Write(encoding Encoding, mac MAC, password string, entries ...Entry) ([]byte, error) {
	encrypt := pbe.EncryptAES256
	if encoding == Legacy {
		encrypt, mac = pbe.Encrypt3DES, cmp.Or(mac, SHA1)
	}
	certBags, err := build(func(b *cryptobyte.Builder) { addCertificates(b, entries) })
	if err != nil {
		return nil, err
	}
	certAlgorithm, certsSealed, err := encrypt(password, iterations, certBags)
	if err != nil {
		return nil, fmt.Errorf("encrypting the certificates: %w", err)
	}
	keyBags, err := build(func(b *cryptobyte.Builder) {
		for _, e := range entries {
			algorithm, sealed, err := encrypt(password, iterations, e.Key)
			if err != nil {
				b.SetError(fmt.Errorf("encrypting the key: %w", err))
				return
			}
			addBag(b, "2", func(b *cryptobyte.Builder) {
				b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddBytes(algorithm)
					b.AddASN1OctetString(sealed)
				})
			}, &e)
		}
	})
	if err != nil {
		return nil, err
	}
	safe, err := build(func(b *cryptobyte.Builder) {
		addContentInfo(b, oidEncryptedData, func(b *cryptobyte.Builder) {
			b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1Int64(0)
				b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
					addOID(b, oidData)
					b.AddBytes(certAlgorithm)
					b.AddASN1(casn1.Tag(0).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes(certsSealed) })
				})
			})
		})
		addContentInfo(b, oidData, func(b *cryptobyte.Builder) { b.AddASN1OctetString(keyBags) })
	})
	if err != nil {
		return nil, err
	}
	return seal(safe, password, cmp.Or(mac, SHA256))
}

// addCertificates adds a bag for each certificate.
func addCertificates(b *cryptobyte.Builder, entries []Entry) {
	seen := make(map[string]bool)
	for _, e := range entries {
		for n, cert := range e.Certificates {
			of := &e
			if n > 0 {
				if seen[string(cert)] {
					continue
				}
				of = nil
			}
			seen[string(cert)] = true
			addBag(b, "3", func(b *cryptobyte.Builder) {
				b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
					addOID(b, oidX509Cert)
					b.AddASN1(explicit(0), func(b *cryptobyte.Builder) { b.AddASN1OctetString(cert) })
				})
			}, of)
		}
	}
}

// seal writes the PFX around the authenticated safe, with its MAC.
func seal(safe []byte, password string, mac MAC) ([]byte, error) {
	if mac == NoMAC {
		return build(func(b *cryptobyte.Builder) {
			b.AddASN1Int64(3)
			addContentInfo(b, oidData, func(b *cryptobyte.Builder) { b.AddASN1OctetString(safe) })
		})
	}
	digested, oid, err := mac.digest()
	if err != nil {
		return nil, err
	}
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return nil, err
	}
	digest := pbe.NewMAC(digested, "", salt, iterations).Sum(password, safe)
	return build(func(b *cryptobyte.Builder) {
		b.AddASN1Int64(3)
		addContentInfo(b, oidData, func(b *cryptobyte.Builder) { b.AddASN1OctetString(safe) })
		b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
					addOID(b, oid)
					b.AddASN1NULL()
				})
				b.AddASN1OctetString(digest)
			})
			b.AddASN1OctetString(salt)
			b.AddASN1Int64(iterations)
		})
	})
}

// build makes a SEQUENCE.
func build(add func(*cryptobyte.Builder)) ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(casn1.SEQUENCE, add)
	return b.Bytes()
}

func addOID(b *cryptobyte.Builder, dotted string) {
	var oid asn1.ObjectIdentifier
	for _, arc := range strings.Split(dotted, ".") {
		n, err := strconv.Atoi(arc)
		if err != nil {
			b.SetError(err)
			return
		}
		oid = append(oid, n)
	}
	b.AddASN1ObjectIdentifier(oid)
}

func addContentInfo(b *cryptobyte.Builder, kind string, add func(*cryptobyte.Builder)) {
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		addOID(b, kind)
		b.AddASN1(explicit(0), add)
	})
}

// addBag adds a bag with the name of its entry and the local key ID; of is nil for a CA's certificate.
func addBag(b *cryptobyte.Builder, kind string, value func(*cryptobyte.Builder), of *Entry) {
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		addOID(b, oidBags+kind)
		b.AddASN1(explicit(0), value)
		if of == nil {
			return
		}
		id := sha1.Sum(of.Certificates[0])
		b.AddASN1(casn1.SET, func(b *cryptobyte.Builder) {
			if of.FriendlyName != "" {
				addAttribute(b, oidFriendlyName, 30, encodeBMP(of.FriendlyName))
			}
			addAttribute(b, oidLocalKeyID, casn1.OCTET_STRING, id[:])
		})
	})
}

func addAttribute(b *cryptobyte.Builder, oid string, tag casn1.Tag, value []byte) {
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		addOID(b, oid)
		b.AddASN1(casn1.SET, func(b *cryptobyte.Builder) {
			b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes(value) })
		})
	})
}

func encodeBMP(s string) []byte {
	var b []byte
	for _, unit := range utf16.Encode([]rune(s)) {
		b = binary.BigEndian.AppendUint16(b, unit)
	}
	return b
}
