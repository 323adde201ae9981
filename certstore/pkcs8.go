package certstore

import (
	"context"
	"errors"
	"fmt"

	"mtlsprobe/certstore/pbe"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// encryptedPKCS8 adds the key of an EncryptedPrivateKeyInfo (RFC 5958, Section 3).
func (o *opener) encryptedPKCS8(ctx context.Context, c *contents, der []byte) error {
	what := "an encrypted private key (PKCS#8)"
	s := cryptobyte.String(der)
	var info, algorithm cryptobyte.String
	var encrypted []byte
	var scheme *pbe.Scheme
	err := errors.New("its structure is damaged")
	if s.ReadASN1(&info, asn1.SEQUENCE) && info.ReadASN1Element(&algorithm, asn1.SEQUENCE) &&
		info.ReadASN1Bytes(&encrypted, asn1.OCTET_STRING) {
		scheme, err = pbe.Parse(algorithm)
	}
	if err != nil {
		c.noKey("", &foreignError{kind: fmt.Sprintf("%s (%v: write it again with openssl pkcs8 -topk8 -v2 aes256)", what,
			err), sealed: true})
		return nil
	}
	what = "an encrypted private key (PKCS#8, " + scheme.String() + ")"
	// Every password that is tried costs as much: one budget for the file.
	if c.work += scheme.Work(); c.work > pbe.MaxIterations {
		c.locked = append(c.locked, fmt.Sprintf("%s in %s: the file's keys together demand more than %d iterations", what,
			quote(c.file.path), pbe.MaxIterations))
		return nil
	}
	form := KeyForm{Protection: scheme.String(), Algorithm: scheme.Algorithm}
	return o.lockedKey(ctx, c, what, form, scheme.Work(),
		func(password string) ([]byte, error) { return scheme.Decrypt(password, encrypted) })
}

func isEncryptedPKCS8(der []byte) bool {
	s := cryptobyte.String(der)
	var info cryptobyte.String
	return s.ReadASN1(&info, asn1.SEQUENCE) && info.SkipASN1(asn1.SEQUENCE) &&
		info.SkipASN1(asn1.OCTET_STRING) && info.Empty()
}
