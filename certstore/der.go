package certstore

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/x509"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// der reads a file that holds one certificate or key in DER.
func (o *opener) der(ctx context.Context, c *contents, data []byte) error {
	s := cryptobyte.String(data)
	var first cryptobyte.String
	if !s.ReadASN1Element(&first, asn1.SEQUENCE) {
		return unknownFormat(data)
	}
	if len(bytes.TrimSpace(s)) > 0 {
		c.problem("", fmt.Errorf("%d bytes after the end of the DER object were not read", len(s)))
	}
	if looksLikeCertificate(first) {
		cert, err := x509.ParseCertificate(first)
		if err != nil {
			return fmt.Errorf("is a certificate that this program cannot use: %w", err)
		}
		c.certs = append(c.certs, cert)
		return nil
	}
	switch key, err := parseKey(first); {
	case err == nil:
		c.keys = append(c.keys, key)
		return nil
	case isForeign(err) && c.file.source.Role != Authorities:
		c.noKey("", err)
		return nil
	}
	if isEncryptedPKCS8(first) {
		return o.encryptedPKCS8(ctx, c, first)
	}
	if kind := foreignKey(first); kind != "" {
		return fmt.Errorf("holds %w", &foreignError{kind})
	}
	return unknownFormat(data)
}

// looksLikeCertificate sees SEQUENCE { SEQUENCE, SEQUENCE, BIT STRING }.
func looksLikeCertificate(der []byte) bool {
	s := cryptobyte.String(der)
	var cert cryptobyte.String
	return s.ReadASN1(&cert, asn1.SEQUENCE) && cert.SkipASN1(asn1.SEQUENCE) &&
		cert.SkipASN1(asn1.SEQUENCE) && cert.SkipASN1(asn1.BIT_STRING) && cert.Empty()
}

// parseKey reads a private key in PKCS#8, PKCS#1 or SEC 1.
func parseKey(der []byte) (crypto.Signer, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
			return key, nil
		}
		if key, err := x509.ParseECPrivateKey(der); err == nil {
			return key, nil
		}
		if kind := foreignKey(der); kind != "" {
			return nil, &foreignError{kind}
		}
		return nil, errors.New("a private key that is damaged or of a kind that this program cannot use")
	}
	if _, ok := key.(*ecdh.PrivateKey); ok {
		return nil, errors.New("a key for key agreement (X25519), which signs nothing: no client certificate has such a key")
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a private key of type %T, which cannot sign", key)
	}
	return signer, nil
}

// unknownFormat names the formats that people hand over by mistake.
func unknownFormat(data []byte) error {
	starts := func(magic string) bool { return bytes.HasPrefix(data, []byte(magic)) }
	switch {
	case starts("PuTTY-User-Key-File"):
		return errors.New("is a PuTTY key, which TLS clients do not read")
	case starts("ssh-"), starts("ecdsa-sha2-"):
		return errors.New("is an SSH public key, not a certificate")
	case starts("SQLite format 3"):
		return errors.New("is an SQLite database, and not one of NSS")
	case bytes.HasPrefix(data, []byte{0, 6, 0x15, 0x61}), bytes.HasPrefix(data, []byte{0x61, 0x15, 6, 0}):
		return errors.New("is a database of NSS in the format before 2010 (cert8.db, key3.db): certutil --upgrade-merge makes a new one of it")
	case isTPM2(data):
		return errors.New("is a key that lives in a TPM: this program cannot use it; reach it as a token, by a pkcs11: URI (tpm2-pkcs11)")
	case starts("\x30"):
		return errors.New("is DER, but neither a certificate nor a private key nor PKCS#12, or it is cut off")
	}
	return fmt.Errorf("is in no format that is known here (it starts with %x)", data[:min(len(data), 8)])
}

// isTPM2 sees the start of a TSS2 PRIVATE KEY in DER: SEQUENCE { OBJECT IDENTIFIER
// 2.23.133.10.1.3, … (draft-bottomley-tpm2-keys).
func isTPM2(data []byte) bool {
	return len(data) > 16 && data[0] == 0x30 && indexOf(data[:16], []byte{0x06, 0x06, 0x67, 0x81, 0x05, 0x0a, 0x01}) > 0
}
