package certstore

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

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
)

// Encodings returns all of them.
func Encodings() []Encoding { return []Encoding{PKCS12, PKCS12Legacy, PEM, JKS} }

// Encode writes the identity as a bundle: key, leaf and chain in order, and in
// PKCS#12 the friendly name. The password protects the key; in PEM an empty one
// leaves it in clear, and in JKS it needs six characters. It needs a leaf and a usable key that can be exported.
func Encode(i *Identity, encoding Encoding, password string) ([]byte, error) {
	if i.Leaf == nil || i.Key.Signer == nil {
		return nil, errors.New("writing a bundle: the identity has no certificate or no usable key")
	}
	key, err := x509.MarshalPKCS8PrivateKey(i.Key.Signer)
	if err != nil {
		return nil, fmt.Errorf("writing a bundle: the key cannot be exported: %w", err)
	}
	certs := [][]byte{i.Leaf.Raw}
	for _, c := range i.Chain {
		certs = append(certs, c.Raw)
	}
	switch encoding {
	case PKCS12:
		return pfx.Write(pfx.Modern, password, i.FriendlyName, key, certs...)
	case PKCS12Legacy:
		return pfx.Write(pfx.Legacy, password, i.FriendlyName, key, certs...)
	case PEM:
		return encodePEM(key, certs, password)
	case JKS:
		return encodeJKS(i, key, certs, password)
	}
	return nil, fmt.Errorf("writing a bundle: unknown encoding %q", encoding)
}

// encodeJKS writes a store with one entry, as of the day on which its certificate begins.
func encodeJKS(i *Identity, key []byte, certs [][]byte, password string) ([]byte, error) {
	const shortest = 6 // keytool opens no store with less
	if len(password) < shortest {
		return nil, fmt.Errorf("writing a Java key store: its password needs at least %d characters", shortest)
	}
	entry := keystore.PrivateKeyEntry{CreationTime: i.Leaf.NotBefore, PrivateKey: key}
	for _, der := range certs {
		entry.CertificateChain = append(entry.CertificateChain, keystore.Certificate{Type: "X509", Content: der})
	}
	store := keystore.New()
	var out bytes.Buffer
	err := store.SetPrivateKeyEntry(cmp.Or(i.FriendlyName, "client"), entry, []byte(password))
	if err == nil {
		err = store.Store(&out, []byte(password))
	}
	if err != nil {
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
