package nss

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
)

// maxRSA bounds the arithmetic on a stored key; NSS's own bound is the same
// (RSA_MAX_MODULUS_BITS of lib/freebl/blapit.h).
const maxRSA = 16384 // bits

// read sets the algorithm, and the key or why there is none.
func (k *Key) read(r row, u *unlocker) {
	kind, ok := r.number(colKeyType)
	switch {
	case !ok:
		k.Algorithm, k.Err = "unknown", errors.New("its type is not stored")
	case kind == keyRSA:
		k.readRSA(r, u)
	case kind == keyEC:
		k.readEC(r, u)
	case kind == keyEdwards:
		k.readEd25519(r, u)
	case kind == keyDSA:
		k.Algorithm, k.Err = "DSA", errors.New("DSA keys are of no use in TLS any more")
	case kind == keyDH:
		k.Algorithm, k.Err = "DH", errors.New("a Diffie-Hellman key cannot sign")
	default:
		k.Algorithm, k.Err = "unknown", fmt.Errorf("keys of type %#x of PKCS #11 are not known", kind)
	}
}

// readRSA reads a key. One prime is all that is decrypted, for each attribute costs
// a derivation; modulus and public exponent are in clear and give the rest.
func (k *Key) readRSA(r row, u *unlocker) {
	n, e := r.get(colModulus), r.get(colPublicExponent)
	k.Algorithm = "RSA"
	if len(n) <= maxRSA/8+1 {
		k.Algorithm = fmt.Sprintf("RSA %d", new(big.Int).SetBytes(n).BitLen())
	}
	prime, err := u.open(r.get(colPrime1))
	if err != nil {
		k.Err = err
		return
	}
	key, err := rsaKey(n, e, prime)
	if err != nil {
		k.Err = err
		return
	}
	k.Private = key
}

func rsaKey(modulus, exponent, prime []byte) (*rsa.PrivateKey, error) {
	damaged := errors.New("its numbers are not an RSA key")
	if len(modulus) > maxRSA/8+1 || len(prime) > len(modulus) {
		return nil, damaged
	}
	n, e, p := new(big.Int).SetBytes(modulus), new(big.Int).SetBytes(exponent), new(big.Int).SetBytes(prime)
	one := big.NewInt(1)
	if p.Cmp(one) <= 0 || e.BitLen() > 31 {
		return nil, damaged
	}
	q, rest := new(big.Int).DivMod(n, p, new(big.Int))
	if rest.Sign() != 0 || q.Cmp(one) <= 0 {
		return nil, damaged
	}
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	d := new(big.Int).ModInverse(e, phi)
	if d == nil {
		return nil, damaged
	}
	key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: n, E: int(e.Int64())}, D: d, Primes: []*big.Int{p, q}}
	key.Precompute()
	if err := key.Validate(); err != nil {
		return nil, fmt.Errorf("its numbers are not an RSA key: %w", err)
	}
	return key, nil
}

// readEC reads a key on a named curve (RFC 5480, Section 2.1.1.1).
func (k *Key) readEC(r row, u *unlocker) {
	k.Algorithm = "ECDSA"
	params := cryptobyte.String(r.get(colECParams))
	var oid asn1.ObjectIdentifier
	if !params.ReadASN1ObjectIdentifier(&oid) {
		k.Err = errors.New("its curve is not a named one, or damaged")
		return
	}
	curve := curveByOID(oid)
	if curve == nil {
		k.Err = fmt.Errorf("its curve %v is not known", oid)
		return
	}
	k.Algorithm = "ECDSA " + curve.Params().Name
	value, err := u.open(r.get(colValue))
	if err != nil {
		k.Err = err
		return
	}
	// A number: leading zeros may be there, or not.
	size := (curve.Params().BitSize + 7) / 8
	value = bytes.TrimLeft(value, "\x00")
	if len(value) > size {
		k.Err = errors.New("its number is too large for the curve")
		return
	}
	key, err := ecdsa.ParseRawPrivateKey(curve, append(make([]byte, size-len(value)), value...))
	if err != nil {
		k.Err = errors.New("its number is not within the curve's order")
		return
	}
	k.Private = key
}

func curveByOID(oid asn1.ObjectIdentifier) elliptic.Curve {
	switch oid.String() {
	case "1.3.132.0.33":
		return elliptic.P224()
	case "1.2.840.10045.3.1.7":
		return elliptic.P256()
	case "1.3.132.0.34":
		return elliptic.P384()
	case "1.3.132.0.35":
		return elliptic.P521()
	}
	return nil
}

// readEd25519 reads a seed (RFC 8032, Section 5.1.5). The curve's name is one of
// three: RFC 8410's, or one of the two of PKCS #11 3.1, Section 6.3.3.
func (k *Key) readEd25519(r row, u *unlocker) {
	k.Algorithm = "Ed25519"
	switch string(r.get(colECParams)) {
	case "\x06\x03\x2b\x65\x70", "\x13\x0cedwards25519", "\x06\x0a\x2b\x06\x01\x04\x01\xda\x47\x0f\x01\x01":
	default:
		k.Algorithm, k.Err = "EdDSA", errors.New("its curve is not Ed25519")
		return
	}
	seed, err := u.open(r.get(colValue))
	switch {
	case err != nil:
		k.Err = err
	case len(seed) != ed25519.SeedSize:
		k.Err = fmt.Errorf("its seed has %d bytes; Ed25519 needs %d", len(seed), ed25519.SeedSize)
	default:
		k.Private = ed25519.NewKeyFromSeed(seed)
	}
}
