package wire

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha1" //nolint:gosec // clients still sign with it, which is to be reported
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
)

// A KeyType is a kind of public key, as signature schemes tell them apart.
type KeyType string

// The key types. Keys of the last group are known by name only; but for ML-DSA where
// [HasMLDSA].
const (
	RSAKey     KeyType = "RSA"
	ECDSAKey   KeyType = "ECDSA"
	Ed25519Key KeyType = "Ed25519"

	RSAPSSKey  KeyType = "RSA-PSS"
	Ed448Key   KeyType = "Ed448"
	DSAKey     KeyType = "DSA"
	SM2Key     KeyType = "SM2"
	MLDSA44Key KeyType = "ML-DSA-44"
	MLDSA65Key KeyType = "ML-DSA-65"
	MLDSA87Key KeyType = "ML-DSA-87"
)

// IsMLDSA reports whether a key is one of FIPS 204.
func (t KeyType) IsMLDSA() bool { return t == MLDSA44Key || t == MLDSA65Key || t == MLDSA87Key }

// A Scheme is what a signature scheme of TLS means for a key. See RFC 8446,
// Section 4.2.3, and for pairs of hash and signature RFC 5246, Section 7.4.1.4.1.
type Scheme struct {
	ID   tls.SignatureScheme
	Name string // in the IANA registry "TLS SignatureScheme"
	Key  KeyType
	Hash crypto.Hash // zero where the scheme hashes by itself
	PSS  bool        // RSASSA-PSS, with a salt as long as the hash
	// Curve is the one that TLS 1.3 binds the scheme to; nil for none.
	Curve elliptic.Curve
	// Only12 says that TLS 1.3 does not allow the scheme in CertificateVerify.
	Only12 bool
	// OnCertificates is the algorithm of signatures on certificates that the scheme
	// stands for; the ECDSA schemes stand for the hash with any curve there.
	OnCertificates x509.SignatureAlgorithm
}

// schemes is the one table of signature schemes.
var schemes = []Scheme{
	{ID: tls.PKCS1WithSHA1, Name: "rsa_pkcs1_sha1", Key: RSAKey, Hash: crypto.SHA1, Only12: true, OnCertificates: x509.SHA1WithRSA},
	{ID: tls.PKCS1WithSHA256, Name: "rsa_pkcs1_sha256", Key: RSAKey, Hash: crypto.SHA256, Only12: true, OnCertificates: x509.SHA256WithRSA},
	{ID: tls.PKCS1WithSHA384, Name: "rsa_pkcs1_sha384", Key: RSAKey, Hash: crypto.SHA384, Only12: true, OnCertificates: x509.SHA384WithRSA},
	{ID: tls.PKCS1WithSHA512, Name: "rsa_pkcs1_sha512", Key: RSAKey, Hash: crypto.SHA512, Only12: true, OnCertificates: x509.SHA512WithRSA},
	{ID: tls.PSSWithSHA256, Name: "rsa_pss_rsae_sha256", Key: RSAKey, Hash: crypto.SHA256, PSS: true, OnCertificates: x509.SHA256WithRSAPSS},
	{ID: tls.PSSWithSHA384, Name: "rsa_pss_rsae_sha384", Key: RSAKey, Hash: crypto.SHA384, PSS: true, OnCertificates: x509.SHA384WithRSAPSS},
	{ID: tls.PSSWithSHA512, Name: "rsa_pss_rsae_sha512", Key: RSAKey, Hash: crypto.SHA512, PSS: true, OnCertificates: x509.SHA512WithRSAPSS},
	{ID: tls.ECDSAWithSHA1, Name: "ecdsa_sha1", Key: ECDSAKey, Hash: crypto.SHA1, OnCertificates: x509.ECDSAWithSHA1},
	{ID: tls.ECDSAWithP256AndSHA256, Name: "ecdsa_secp256r1_sha256", Key: ECDSAKey, Hash: crypto.SHA256, Curve: elliptic.P256(), OnCertificates: x509.ECDSAWithSHA256},
	{ID: tls.ECDSAWithP384AndSHA384, Name: "ecdsa_secp384r1_sha384", Key: ECDSAKey, Hash: crypto.SHA384, Curve: elliptic.P384(), OnCertificates: x509.ECDSAWithSHA384},
	{ID: tls.ECDSAWithP521AndSHA512, Name: "ecdsa_secp521r1_sha512", Key: ECDSAKey, Hash: crypto.SHA512, Curve: elliptic.P521(), OnCertificates: x509.ECDSAWithSHA512},
	{ID: tls.Ed25519, Name: "ed25519", Key: Ed25519Key, OnCertificates: x509.PureEd25519},
	{ID: 0x0808, Name: "ed448", Key: Ed448Key},
	{ID: 0x0809, Name: "rsa_pss_pss_sha256", Key: RSAPSSKey, Hash: crypto.SHA256, PSS: true},
	{ID: 0x080a, Name: "rsa_pss_pss_sha384", Key: RSAPSSKey, Hash: crypto.SHA384, PSS: true},
	{ID: 0x080b, Name: "rsa_pss_pss_sha512", Key: RSAPSSKey, Hash: crypto.SHA512, PSS: true},
	{ID: 0x081a, Name: "ecdsa_brainpoolP256r1tls13_sha256"},
	{ID: 0x081b, Name: "ecdsa_brainpoolP384r1tls13_sha384"},
	{ID: 0x081c, Name: "ecdsa_brainpoolP512r1tls13_sha512"},
	{ID: 0x0708, Name: "sm2sig_sm3", Key: SM2Key},
	{ID: 0x0904, Name: "mldsa44", Key: MLDSA44Key},
	{ID: 0x0905, Name: "mldsa65", Key: MLDSA65Key},
	{ID: 0x0906, Name: "mldsa87", Key: MLDSA87Key},
}

// LookupScheme returns what is known of a scheme. It reports false for one that is
// not in the table, with its ID and a name all the same.
func LookupScheme(id tls.SignatureScheme) (Scheme, bool) {
	for _, s := range schemes {
		if s.ID == id {
			return s, true
		}
	}
	return Scheme{ID: id, Name: unregisteredScheme(id)}, false
}

// SchemeOf returns the scheme that stands for a signature on a certificate.
func SchemeOf(algorithm x509.SignatureAlgorithm) (Scheme, bool) {
	for _, s := range schemes {
		if algorithm != x509.UnknownSignatureAlgorithm && s.OnCertificates == algorithm {
			return s, true
		}
	}
	return Scheme{}, false
}

// SchemeName returns the name of a signature scheme in the IANA registry "TLS
// SignatureScheme"; for the pairs of hash and signature of TLS 1.2 that the
// registry does not name, "hash_signature" after RFC 5246, Section 7.4.1.4.1.
func SchemeName(id tls.SignatureScheme) string {
	s, _ := LookupScheme(id)
	return s.Name
}

func unregisteredScheme(id tls.SignatureScheme) string {
	hashes := []string{"none", "md5", "sha1", "sha224", "sha256", "sha384", "sha512"}
	signatures := []string{"anonymous", "rsa", "dsa", "ecdsa"}
	if h, s := int(id>>8), int(id&0xff); h < len(hashes) && s < len(signatures) {
		return hashes[h] + "_" + signatures[s]
	}
	return fmt.Sprintf("0x%04x", uint16(id))
}

// KeyTypeOf returns the type of a public key of the standard library; empty for
// any other.
func KeyTypeOf(public crypto.PublicKey) KeyType {
	switch public.(type) {
	case *rsa.PublicKey:
		return RSAKey
	case *ecdsa.PublicKey:
		return ECDSAKey
	case ed25519.PublicKey:
		return Ed25519Key
	}
	return mldsaType(public)
}

// AllowedIn reports whether a protocol version lets a key of the scheme's type sign
// with it: TLS 1.3 binds ECDSA schemes to a curve and excludes PKCS #1 v1.5
// (RFC 8446, Section 4.2.3). Version 0 leaves both open.
func (s Scheme) AllowedIn(version uint16, public crypto.PublicKey) bool {
	if version < tls.VersionTLS13 {
		return version == 0 || !s.Key.IsMLDSA() // draft-ietf-tls-mldsa: TLS 1.3 alone
	}
	key, isECDSA := public.(*ecdsa.PublicKey)
	return !s.Only12 && (!isECDSA || key.Curve == s.Curve)
}

// LongEnough reports whether an RSA key has room for the scheme: RSASSA-PSS takes
// twice the hash and two bytes (RFC 8017, Section 9.1.1). It is true of other keys.
func (s Scheme) LongEnough(public crypto.PublicKey) bool {
	key, ok := public.(*rsa.PublicKey)
	return !ok || !s.PSS || key.Size() >= 2*s.Hash.Size()+2
}

// Suits reports whether a key can sign with the scheme in a protocol version.
func (s Scheme) Suits(public crypto.PublicKey, version uint16) bool {
	return s.Key != "" && KeyTypeOf(public) == s.Key && s.AllowedIn(version, public) && s.LongEnough(public)
}

// options is how crypto.Signer is asked for a signature by the scheme.
func (s Scheme) options() crypto.SignerOpts {
	if s.PSS {
		return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: s.Hash}
	}
	return s.Hash
}

func (s Scheme) digest(message []byte) []byte {
	if s.Hash == 0 {
		return message
	}
	h := s.Hash.New()
	h.Write(message)
	return h.Sum(nil)
}

// Sign makes a signature of the message. The key has to suit the scheme.
func (s Scheme) Sign(random io.Reader, key crypto.Signer, message []byte) ([]byte, error) {
	return key.Sign(random, s.digest(message), s.options())
}

// MaxRSA bounds the RSA keys that signatures are verified with, in bits: one of a
// million takes minutes. crypto/tls takes 8,192.
const MaxRSA = 16384

// ErrSignature says that a signature does not verify.
var ErrSignature = errors.New("the signature does not verify")

// Verify checks a signature of the message. The error is [ErrSignature] where it
// was checked and is wrong, and another where it could not be checked.
func (s Scheme) Verify(public crypto.PublicKey, message, signature []byte) error {
	salted := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash} // RFC 8446, Section 4.2.3
	switch key := public.(type) {
	case *rsa.PublicKey:
		switch {
		case key.N.BitLen() > MaxRSA:
			return fmt.Errorf("an RSA key of %d bits is too long to verify with", key.N.BitLen())
		case s.Key != RSAKey && s.Key != RSAPSSKey || s.Hash == 0:
			return fmt.Errorf("a key of %s cannot verify %s", RSAKey, s.Name)
		case s.PSS && rsa.VerifyPSS(key, s.Hash, s.digest(message), signature, salted) == nil,
			!s.PSS && rsa.VerifyPKCS1v15(key, s.Hash, s.digest(message), signature) == nil:
			return nil
		}
	case *ecdsa.PublicKey:
		switch {
		case s.Key != ECDSAKey || s.Hash == 0:
			return fmt.Errorf("a key of %s cannot verify %s", ECDSAKey, s.Name)
		case ecdsa.VerifyASN1(key, s.digest(message), signature):
			return nil
		}
	case ed25519.PublicKey:
		switch {
		case s.Key != Ed25519Key:
			return fmt.Errorf("a key of %s cannot verify %s", Ed25519Key, s.Name)
		case ed25519.Verify(key, message, signature):
			return nil
		}
	default:
		switch {
		case mldsaType(public) == "":
			return fmt.Errorf("this program cannot verify signatures by a key of type %T", public)
		case mldsaType(public) != s.Key:
			return fmt.Errorf("a key of %s cannot verify %s", mldsaType(public), s.Name)
		case verifyMLDSA(public, message, signature):
			return nil
		}
	}
	return ErrSignature
}
