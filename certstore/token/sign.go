//go:build cgo

package token

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// A signer is a private key that the token keeps.
type signer struct {
	ctx       context.Context // of Open
	session   *session
	key       object
	public    crypto.PublicKey
	loginEach bool // CKA_ALWAYS_AUTHENTICATE
}

func (s *signer) Public() crypto.PublicKey { return s.public }

// Sign implements [crypto.Signer]. Randomness comes from the token.
func (s *signer) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	mechanism, parameters, data, err := s.prepare(digest, opts)
	if err != nil {
		return nil, err
	}
	var signature []byte
	if err := run(s.ctx, func() error {
		var err error
		signature, err = s.session.sign(s.key, s.loginEach, mechanism, parameters, data)
		return err
	}); err != nil {
		return nil, err
	}
	if mechanism == mechanismECDSA {
		return encodeECDSA(signature)
	}
	return signature, nil
}

// prepare says what the token is to do with which bytes.
func (s *signer) prepare(digest []byte, opts crypto.SignerOpts) (mechanism uint, parameters, data []byte, err error) {
	hashFunc := opts.HashFunc()
	if hashFunc != 0 && len(digest) != hashFunc.Size() {
		return 0, nil, nil, fmt.Errorf("a digest of %d bytes is none of %v", len(digest), hashFunc)
	}
	switch key := s.public.(type) {
	case *rsa.PublicKey:
		if pss, ok := opts.(*rsa.PSSOptions); ok {
			parameters, err = pssOptions(key, pss)
			return mechanismPSS, parameters, digest, err
		}
		data, err = digestInfo(hashFunc, digest)
		return mechanismPKCS1, nil, data, err
	case *ecdsa.PublicKey:
		// Of a longer digest only the leftmost bits count (FIPS 186-5, Section
		// 6.4.1); older tokens refuse it in full length.
		if order := (key.Params().N.BitLen() + 7) / 8; len(digest) > order {
			digest = digest[:order]
		}
		return mechanismECDSA, nil, digest, nil
	case ed25519.PublicKey:
		if hashFunc != 0 {
			return 0, nil, nil, errors.New("Ed25519 signs messages, not digests")
		}
		return mechanismEdDSA, nil, digest, nil
	}
	return 0, nil, nil, fmt.Errorf("no signatures are known for a key of type %T", s.public)
}

// A hash is a hash function as PKCS #11 and X.509 name it.
type hash struct {
	mechanism, mgf uint // CKM_…, CKG_MGF1_…
	oid            asn1.ObjectIdentifier
}

func hashOf(h crypto.Hash) (hash, error) {
	nist := func(last int) asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, last} }
	switch h {
	case crypto.SHA1:
		return hash{0x220, 1, asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}}, nil
	case crypto.SHA224:
		return hash{0x255, 5, nist(4)}, nil
	case crypto.SHA256:
		return hash{0x250, 2, nist(1)}, nil
	case crypto.SHA384:
		return hash{0x260, 3, nist(2)}, nil
	case crypto.SHA512:
		return hash{0x270, 4, nist(3)}, nil
	}
	return hash{}, fmt.Errorf("signatures over %v are not known here", h)
}

// pssOptions encodes the parameters of RSASSA-PSS, with MGF1 over the same hash.
func pssOptions(key *rsa.PublicKey, o *rsa.PSSOptions) ([]byte, error) {
	h, err := hashOf(o.Hash)
	if err != nil {
		return nil, err
	}
	salt := o.SaltLength
	switch salt {
	case rsa.PSSSaltLengthEqualsHash:
		salt = o.Hash.Size()
	case rsa.PSSSaltLengthAuto: // as long as fits (RFC 8017, Section 9.1.1)
		salt = (key.N.BitLen()+6)/8 - 2 - o.Hash.Size()
	}
	if salt < 0 {
		return nil, errors.New("the RSA key is too short for this hash in RSA-PSS")
	}
	return pssParameters(h, salt), nil
}

// digestInfo encodes what PKCS #1 v1.5 signs (RFC 8017, Section 9.2). Without a
// hash, and for that of TLS 1.1 and before, it is the digest itself.
func digestInfo(hashFunc crypto.Hash, digest []byte) ([]byte, error) {
	if hashFunc == 0 || hashFunc == crypto.MD5SHA1 {
		return digest, nil
	}
	h, err := hashOf(hashFunc)
	if err != nil {
		return nil, err
	}
	var b cryptobyte.Builder
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(h.oid)
			b.AddASN1NULL()
		})
		b.AddASN1OctetString(digest)
	})
	return b.Bytes()
}

// encodeECDSA turns r || s of PKCS #11 into the DER of X.509 (RFC 3279, Section
// 2.2.3).
func encodeECDSA(signature []byte) ([]byte, error) {
	half := len(signature) / 2
	if half == 0 || len(signature)%2 != 0 {
		return nil, fmt.Errorf("the token made an ECDSA signature of %d bytes", len(signature))
	}
	var b cryptobyte.Builder
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1BigInt(new(big.Int).SetBytes(signature[:half]))
		b.AddASN1BigInt(new(big.Int).SetBytes(signature[half:]))
	})
	return b.Bytes()
}
