package certstore

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"unicode/utf8"

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
	c.container, c.kind = &Container{Format: "DER"}, DERKind
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
		c.take(key, KeyForm{Explicit: parseExplicit(first) != nil})
		return nil
	case isForeign(err) && (c.file.is(Candidate) || c.file.is(KeyFile)):
		c.noKey("", err)
		return nil
	}
	if isEncryptedPKCS8(first) {
		return o.encryptedPKCS8(ctx, c, first)
	}
	if kind, algorithm := foreignKey(first); kind != "" {
		return fmt.Errorf("contains %w", &foreignError{kind: kind, algorithm: algorithm})
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

// maxKeySize is that of an RSA key with 28,000 bits: longer ones take seconds to
// read, and no client has one.
const maxKeySize = 16 << 10

// parseKey reads a private key in PKCS#8, PKCS#1 or SEC 1.
func parseKey(der []byte) (crypto.Signer, error) {
	if len(der) > maxKeySize {
		return nil, fmt.Errorf("a private key of %d bytes, longer than any that a client has", len(der))
	}
	key, err := x509.ParsePKCS8PrivateKey(seedOnly(der))
	if err != nil {
		if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
			return key, nil
		}
		if key, err := x509.ParseECPrivateKey(der); err == nil {
			return key, nil
		}
		if key := parseExplicit(der); key != nil {
			return key, nil
		}
		if kind, algorithm := foreignKey(der); kind != "" {
			return nil, &foreignError{kind: kind, algorithm: algorithm}
		}
		return nil, errors.New("a private key that is damaged or of a kind that this program cannot use")
	}
	if _, ok := key.(*ecdh.PrivateKey); ok {
		return nil, &foreignError{kind: "an X25519 key, which signs nothing"}
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a private key of type %T, which cannot sign", key)
	}
	return signer, nil
}

// ErrUnknownFormat says that nothing is known of what a file is.
var ErrUnknownFormat = errors.New("is in no format that is known here")

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
		return errors.New("is a database of NSS in the format before 2010 (cert8.db, key3.db): certutil --upgrade-merge " +
			"makes a new one of it")
	case isTPM2(data):
		return errors.New("is a key that lives in a TPM: this program cannot use it; reach it as a token, by a pkcs11: " +
			"URI (tpm2-pkcs11)")
	case starts("\x30"):
		return errors.New("is DER, but neither a certificate nor a private key nor PKCS#12, or it is cut off")
	case starts("\x1f\x8b"), starts("PK\x03\x04"), starts("BZh"), starts("\xfd7zXZ"), starts("\x28\xb5\x2f\xfd"):
		return errors.New("is an archive or compressed: give what is in it")
	case starts("%PDF"):
		return errors.New("is a PDF document")
	case starts("\xff\xfe"), starts("\xfe\xff"), bytes.Contains(data[:min(len(data), 16)], []byte("-\x00-\x00")):
		return errors.New("is text in UTF-16, which no client reads: write it in ASCII")
	case isBase64DER(data):
		return errors.New("is Base64 without the lines BEGIN and END of PEM: base64 -d makes DER of it")
	case utf8.Valid(data) && bytes.IndexByte(data, 0) < 0:
		return errors.New("is text: not PEM and not a recognised client configuration file")
	}
	return ErrUnknownFormat // its bytes may be a secret
}

// isBase64DER sees a DER structure of some length in Base64.
func isBase64DER(data []byte) bool {
	const enough = 64
	text := bytes.Join(bytes.Fields(data[:min(len(data), 1<<10)]), nil)
	if len(text) < enough {
		return false
	}
	der, err := base64.StdEncoding.DecodeString(string(text[:enough]))
	return err == nil && der[0] == 0x30 && der[1]&0x80 != 0
}

// isTPM2 sees the start of a TSS2 PRIVATE KEY in DER: SEQUENCE { OBJECT IDENTIFIER
// 2.23.133.10.1.3, … (draft-bottomley-tpm2-keys).
func isTPM2(data []byte) bool {
	return len(data) > 16 && data[0] == 0x30 && indexOf(data[:16], []byte{0x06, 0x06, 0x67, 0x81, 0x05, 0x0a, 0x01}) > 0
}
