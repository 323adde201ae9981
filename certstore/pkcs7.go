package certstore

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"

	"mtlsprobe/certstore/pfx"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// isPKCS7 sees a ContentInfo: SEQUENCE { OBJECT IDENTIFIER of PKCS #7, [0] … }.
func isPKCS7(data []byte) bool {
	return len(data) > 24 && data[0] == 0x30 && indexOf(data[:24],
		[]byte{0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7}) > 0
}

// signedProfile returns the property list that is the content of a SignedData, as Apple's
// profiles are when they are signed; nil for another content.
func signedProfile(data []byte) []byte {
	der, _, err := pfx.DER(data)
	s := cryptobyte.String(der)
	var info, content, signed, encapsulated, explicit, text cryptobyte.String
	if err != nil || !s.ReadASN1(&info, casn1.SEQUENCE) || !info.SkipASN1(casn1.OBJECT_IDENTIFIER) ||
		!info.ReadASN1(&content, casn1.Tag(0).ContextSpecific().Constructed()) ||
		!content.ReadASN1(&signed, casn1.SEQUENCE) || !signed.SkipASN1(casn1.INTEGER) || !signed.SkipASN1(casn1.SET) ||
		!signed.ReadASN1(&encapsulated, casn1.SEQUENCE) || !encapsulated.SkipASN1(casn1.OBJECT_IDENTIFIER) ||
		!encapsulated.ReadASN1(&explicit, casn1.Tag(0).ContextSpecific().Constructed()) ||
		!explicit.ReadASN1(&text, casn1.OCTET_STRING) || !bytes.HasPrefix(text, []byte("<?xml")) {
		return nil
	}
	return text
}

// pkcs7 reads the certificates of a SignedData (RFC 2315, Section 9; RFC 5652,
// Section 5), which is how bundles without keys are handed around. One
// certificate that this program cannot use does not cost the others.
func (c *contents) pkcs7(data []byte) error {
	der, ber, err := pfx.DER(data)
	if err != nil {
		return fmt.Errorf("is a PKCS#7 file that cannot be read: %w", err)
	}
	s := cryptobyte.String(der)
	var info, content, signed, certs cryptobyte.String
	var kind asn1.ObjectIdentifier
	var has bool
	if !s.ReadASN1(&info, casn1.SEQUENCE) || !info.ReadASN1ObjectIdentifier(&kind) {
		return errors.New("is a PKCS#7 file that cannot be decoded")
	}
	if kind.String() != "1.2.840.113549.1.7.2" {
		return fmt.Errorf("is a PKCS#7 file with the content type %v, which contains no certificates", kind)
	}
	if !info.ReadASN1(&content, casn1.Tag(0).ContextSpecific().Constructed()) ||
		!content.ReadASN1(&signed, casn1.SEQUENCE) ||
		!signed.SkipASN1(casn1.INTEGER) || !signed.SkipASN1(casn1.SET) || !signed.SkipASN1(casn1.SEQUENCE) ||
		!signed.ReadOptionalASN1(&certs, &has, casn1.Tag(0).ContextSpecific().Constructed()) {
		return errors.New("is a PKCS#7 file whose SignedData cannot be decoded")
	}
	c.container, c.kind = &Container{Format: "PKCS#7", Integrity: "none"}, PKCS7Kind
	if ber {
		c.container.Format += " in BER"
	}
	for n := 1; !certs.Empty(); n++ {
		var cert cryptobyte.String
		var tag casn1.Tag
		if !certs.ReadAnyASN1Element(&cert, &tag) {
			return errors.New("is a PKCS#7 file with a damaged certificate")
		}
		place := fmt.Sprintf("certificate %d", n)
		if tag != casn1.SEQUENCE { // attribute certificates and what came later
			c.problem(place, errors.New("an entry that is not an X.509 certificate"))
			continue
		}
		c.addCert(cert, place)
		text := "certificate"
		if parsed, err := x509.ParseCertificate(cert); err == nil {
			text += " " + NameString(parsed.RawSubject)
		}
		c.container.Parts = append(c.container.Parts, text)
	}
	if c.empty() {
		if len(c.problems) > 0 {
			return fmt.Errorf("is a PKCS#7 file that contains nothing usable: %w", errors.Unwrap(c.problems[0]))
		}
		return errors.New("is a PKCS#7 file without a certificate")
	}
	return nil
}
