package certstore

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
	"software.sslmate.com/src/go-pkcs12"
)

// maxIterations bounds a key derivation. OpenSSL's default is 2,048 and common
// advice ends at a million; ten million take some seconds.
const maxIterations = 10_000_000

// isPKCS12 sees the start of a PFX: SEQUENCE { INTEGER 3, … (RFC 7292,
// Section 4). The end may be cut off, or be in BER.
func isPKCS12(data []byte) bool {
	return len(data) > 16 && data[0] == 0x30 && indexOf(data[:16], []byte{0x02, 0x01, 0x03, 0x30}) > 0
}

func indexOf(data, part []byte) int {
	for i := 0; i+len(part) <= len(data); i++ {
		if string(data[i:i+len(part)]) == string(part) {
			return i
		}
	}
	return -1
}

// pkcs12 reads a PFX. Which certificate is the leaf is not decided here: it is
// the one that the key belongs to, not the first one.
func (o *opener) pkcs12(ctx context.Context, c *contents, data []byte) error {
	s := cryptobyte.String(data)
	var pfx cryptobyte.String
	if data[1] == 0x80 {
		return errors.New("is PKCS#12 in BER with indefinite lengths, which this program cannot read: write it again with openssl pkcs12")
	}
	if !s.ReadASN1Element(&pfx, asn1.SEQUENCE) {
		return fmt.Errorf("is a PKCS#12 file that was cut off: %d bytes came", len(data))
	}
	if n := iterations(pfx, 0); n > maxIterations {
		return fmt.Errorf("is a PKCS#12 file that demands %d iterations to derive a key; the limit is %d", n, maxIterations)
	}
	err := o.unlock(ctx, c.file.path, func(password string) error {
		key, leaf, chain, err := pkcs12.DecodeChain(pfx, password)
		switch {
		case errors.Is(err, pkcs12.ErrIncorrectPassword), errors.Is(err, pkcs12.ErrDecryption):
			return errWrongPassword
		case err != nil:
			return o.trustStore(c, pfx, password, err)
		}
		c.certs = append([]*x509.Certificate{leaf}, chain...)
		signer, ok := key.(crypto.Signer)
		if !ok {
			return fmt.Errorf("holds a key of type %T, which cannot sign", key)
		}
		c.keys = []crypto.Signer{signer}
		return nil
	})
	if errors.Is(err, errWrongPassword) {
		c.sealed = "PKCS#12: " + o.whyLocked()
		return nil
	}
	return err
}

// trustStore reads a PFX that holds certificates only, after reading it as one
// with a key has failed with cause.
func (o *opener) trustStore(c *contents, pfx []byte, password string, cause error) error {
	certs, err := pkcs12.DecodeTrustStore(pfx, password)
	if err != nil || len(certs) == 0 {
		return fmt.Errorf("is a PKCS#12 file that this program cannot read: %w", cause)
	}
	c.certs = certs
	return nil
}

// EncodePKCS12 writes the identity as a PFX that OpenSSL 3 and current systems
// read: AES-256 and SHA-256. It needs a leaf and a usable key.
func EncodePKCS12(i *Identity, password string) ([]byte, error) {
	if i.Leaf == nil || i.Key.Signer == nil {
		return nil, errors.New("writing PKCS#12: the identity has no certificate or no usable key")
	}
	return pkcs12.Modern.Encode(i.Key.Signer, i.Leaf, i.Chain, password)
}

// iterations returns the largest iteration count that the DER demands: in every
// algorithm of PKCS#5 and PKCS#12, and in the MAC, it is an INTEGER right after
// the salt, an OCTET STRING (RFC 8018, Appendix A; RFC 7292, Section 4). Counts
// that lie under encryption are not seen.
func iterations(der []byte, depth int) int64 {
	const maxDepth = 16
	if depth > maxDepth {
		return 0
	}
	var most int64
	afterSalt := false
	for s := cryptobyte.String(der); !s.Empty(); {
		var element cryptobyte.String
		var tag asn1.Tag
		if !s.ReadAnyASN1(&element, &tag) {
			break
		}
		if tag == asn1.INTEGER && afterSalt {
			most = max(most, saturate(element))
		}
		if tag == asn1.OCTET_STRING || tag&0x20 != 0 {
			most = max(most, iterations(element, depth+1))
		}
		afterSalt = tag == asn1.OCTET_STRING
	}
	return most
}

// saturate reads a non-negative INTEGER; what has more than 63 bits is large enough.
func saturate(content []byte) int64 {
	if len(content) > 7 {
		return 1<<62 - 1
	}
	var n int64
	for _, b := range content {
		n = n<<8 | int64(b)
	}
	return n
}
