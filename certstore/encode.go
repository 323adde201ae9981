package certstore

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"mtlsprobe/certstore/pbe"
	"mtlsprobe/certstore/pfx"

	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// An Encoding is a form of bundle, and so who can read it.
type Encoding string

// The encodings.
const (
	PKCS12       Encoding = "pkcs12"        // AES-256 and SHA-256: OpenSSL 3 and current systems
	PKCS12Legacy Encoding = "pkcs12-legacy" // 3DES and SHA-1: everything, old Windows and Java among it
	PEM          Encoding = "pem"
	JKS          Encoding = "jks" // Java's own, which only Java reads
	DER          Encoding = "der" // the certificate alone, its key in a file of its own
)

// Encodings returns all of them.
func Encodings() []Encoding { return []Encoding{PKCS12, PKCS12Legacy, PEM, DER, JKS} }

// A MAC is the digest of a PKCS #12 file's integrity check; empty for what an encoding has by
// default.
type MAC = pfx.MAC

// MACs returns those that can be asked for.
func MACs() []MAC { return pfx.MACs() }

// A Form is how a bundle is written.
type Form struct {
	Encoding Encoding
	MAC      MAC
	Password string
}

// Encode writes identities as a bundle: for each its key, leaf and chain in order, and the
// friendly name in PKCS #12. The password protects the keys; in PEM an empty one leaves the key
// in clear, and in JKS it needs six characters. Each needs a leaf and a usable key that can be
// exported; PEM and DER take one identity, and of several each needs a friendly name of its own.
// DER is the leaf alone.
func Encode(form Form, identities ...*Identity) ([]byte, error) {
	var entries []pfx.Entry
	named := make(map[string]bool)
	for _, i := range identities {
		if i.Leaf == nil || i.Key.Signer == nil {
			return nil, errors.New("writing a bundle: the identity has no certificate or no usable key")
		}
		key, err := x509.MarshalPKCS8PrivateKey(i.Key.Signer)
		if err != nil {
			return nil, fmt.Errorf("writing a bundle: the key cannot be exported: %w", err)
		}
		alias := strings.ToLower(i.FriendlyName) // Java's are alike without regard to case
		if len(identities) > 1 && (alias == "" || named[alias]) {
			return nil, fmt.Errorf("writing a bundle: each identity needs an alias of its own, and %q is empty or stands "+
				"twice (case does not count)", i.FriendlyName)
		}
		named[alias] = true
		certs := [][]byte{i.Leaf.Raw}
		for _, c := range i.Chain {
			certs = append(certs, c.Raw)
		}
		entries = append(entries, pfx.Entry{FriendlyName: i.FriendlyName, Key: key, Certificates: certs})
	}
	switch encoding := form.Encoding; {
	case len(entries) == 0:
		return nil, errors.New("writing a bundle: there is no identity")
	case encoding == PKCS12:
		return pfx.Write(pfx.Modern, form.MAC, form.Password, entries...)
	case encoding == PKCS12Legacy:
		return pfx.Write(pfx.Legacy, form.MAC, form.Password, entries...)
	case (encoding == PEM || encoding == DER) && len(entries) > 1:
		return nil, errors.New("writing a bundle: PEM and DER take one identity: programs use the first key of a file")
	case encoding == PEM:
		return encodePEM(entries[0].Key, entries[0].Certificates, form.Password)
	case encoding == DER:
		return entries[0].Certificates[0], nil
	case encoding == JKS:
		return encodeJKS(entries, form.Password)
	}
	return nil, fmt.Errorf("writing a bundle: unknown encoding %q", form.Encoding)
}

// encodeJKS writes a store, in the order of the aliases. Each entry is of the day on which its
// certificate begins.
func encodeJKS(entries []pfx.Entry, password string) ([]byte, error) {
	const shortest = 6 // keytool opens no store with less
	if len(password) < shortest {
		return nil, fmt.Errorf("writing a Java key store: its password needs at least %d characters", shortest)
	}
	store := keystore.New(keystore.WithOrderedAliases())
	for _, e := range entries {
		if strings.ContainsFunc(e.FriendlyName, func(r rune) bool { return r == 0 || r > 0xFFFF }) {
			return nil, fmt.Errorf("writing a Java key store: the alias %q has a character that Java writes in another way: "+
				"give another one, or write PKCS#12", e.FriendlyName)
		}
		leaf, err := x509.ParseCertificate(e.Certificates[0])
		if err != nil {
			return nil, fmt.Errorf("writing a Java key store: %w", err)
		}
		entry := keystore.PrivateKeyEntry{CreationTime: leaf.NotBefore, PrivateKey: e.Key}
		for _, der := range e.Certificates {
			entry.CertificateChain = append(entry.CertificateChain, keystore.Certificate{Type: "X509", Content: der})
		}
		if err := store.SetPrivateKeyEntry(cmp.Or(e.FriendlyName, "client"), entry, []byte(password)); err != nil {
			return nil, fmt.Errorf("writing a Java key store: %w", err)
		}
	}
	var out bytes.Buffer
	if err := store.Store(&out, []byte(password)); err != nil {
		return nil, fmt.Errorf("writing a Java key store: %w", err)
	}
	return out.Bytes(), nil
}

// pemIterations for the key's password: OpenSSL's default, which everything reads.
const pemIterations = 2048

func encodePEM(key []byte, certs [][]byte, password string) ([]byte, error) {
	var out bytes.Buffer
	for _, cert := range certs {
		out.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))
	}
	block := &pem.Block{Type: "PRIVATE KEY", Bytes: key}
	if password != "" {
		algorithm, encrypted, err := pbe.EncryptAES256(password, pemIterations, key)
		if err != nil {
			return nil, fmt.Errorf("encrypting the key: %w", err)
		}
		var b cryptobyte.Builder
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(algorithm)
			b.AddASN1OctetString(encrypted)
		})
		der, err := b.Bytes()
		if err != nil {
			return nil, fmt.Errorf("encrypting the key: %w", err)
		}
		block = &pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der}
	}
	out.Write(pem.EncodeToMemory(block))
	return out.Bytes(), nil
}
