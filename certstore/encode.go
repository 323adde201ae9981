package certstore

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"mtlsprobe/certstore/pbe"
	"mtlsprobe/certstore/pfx"

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
)

// Encodings returns all of them.
func Encodings() []Encoding { return []Encoding{PKCS12, PKCS12Legacy, PEM} }

// Encode writes the identity as a bundle: key, leaf and chain in order, and in
// PKCS#12 the friendly name. The password protects the key; in PEM an empty one
// leaves it in clear. It needs a leaf and a usable key that can be exported.
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
	}
	return nil, fmt.Errorf("writing a bundle: unknown encoding %q", encoding)
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
