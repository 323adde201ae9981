package config

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"strings"
	"unicode"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Embedded returns the certificates, keys or key store that a value is: PEM, in which "\n"
// may stand for the end of a line, or the base64 of PEM, DER, PKCS#12 or a Java key store.
// Nil for all else.
func Embedded(value string) []byte {
	if strings.Contains(value, "-----BEGIN ") {
		return pemLines(value)
	}
	const least = 64 // characters: no key is shorter
	if len(value) < least {
		return nil
	}
	compact := strings.Map(func(c rune) rune {
		if unicode.IsSpace(c) {
			return -1
		}
		return c
	}, strings.ReplaceAll(value, `\n`, ""))
	compact = strings.TrimRight(compact, "=")
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		data, err := encoding.DecodeString(compact)
		if err != nil {
			continue
		}
		if bytes.Contains(data, []byte("-----BEGIN ")) || isStore(data) {
			return data
		}
	}
	return nil
}

func pemLines(value string) []byte {
	lines := strings.Split(strings.NewReplacer(`\r`, "", `\n`, "\n").Replace(value), "\n")
	for n := range lines {
		lines[n] = strings.Trim(lines[n], ` 	\"'`)
	}
	return []byte(strings.Join(lines, "\n"))
}

// pfx is the version of PKCS#12 (RFC 7292, Section 4); those of private keys are below it.
const pfx = 3

// isStore tells a certificate, a private key (RFC 5958, RFC 5915, RFC 8017), PKCS#12 (RFC
// 7292) and Java's key stores from other bytes.
func isStore(data []byte) bool {
	switch {
	case bytes.HasPrefix(data, []byte{0xfe, 0xed, 0xfe, 0xed}), bytes.HasPrefix(data, []byte{0xce, 0xce, 0xce, 0xce}):
		return true
	case len(data) == 0 || data[0] != 0x30:
		return false
	}
	if _, err := x509.ParseCertificate(data); err == nil {
		return true
	}
	var body, content cryptobyte.String
	input := cryptobyte.String(data)
	var version int64
	if !input.ReadASN1(&body, asn1.SEQUENCE) || !input.Empty() {
		return false
	}
	if body.PeekASN1Tag(asn1.SEQUENCE) { // EncryptedPrivateKeyInfo
		return body.SkipASN1(asn1.SEQUENCE) && body.ReadASN1(&content, asn1.OCTET_STRING) && body.Empty()
	}
	return body.ReadASN1Integer(&version) && (version < pfx && !body.PeekASN1Tag(asn1.BIT_STRING) ||
		version == pfx && body.PeekASN1Tag(asn1.SEQUENCE))
}

// A dataKind says what data holds.
type dataKind struct{ certificate, key bool }

func kindOf(data []byte) dataKind {
	if bytes.Contains(data, []byte("-----BEGIN ")) {
		return dataKind{bytes.Contains(data, []byte("CERTIFICATE-----")), bytes.Contains(data, []byte("PRIVATE KEY-----"))}
	}
	_, err := x509.ParseCertificate(data)
	if err == nil {
		return dataKind{certificate: true}
	}
	input := cryptobyte.String(data)
	var body cryptobyte.String
	var version int64
	if input.ReadASN1(&body, asn1.SEQUENCE) && (body.PeekASN1Tag(asn1.SEQUENCE) || body.ReadASN1Integer(&version) &&
		version < pfx) {
		return dataKind{key: true}
	}
	return dataKind{true, true}
}
