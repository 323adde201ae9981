package wire

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"testing"
)

// A signature with RSASSA-PSS has a salt as long as the hash (RFC 8446, Section 4.2.3): one with
// another salt is wrong, as servers find it.
func TestVerifySalt(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	message := []byte("message")
	digest := sha256.Sum256(message)
	scheme, _ := LookupScheme(tls.PSSWithSHA256)
	for _, tt := range []struct {
		salt int
		want error
	}{{rsa.PSSSaltLengthEqualsHash, nil}, {20, ErrSignature}, {rsa.PSSSaltLengthAuto, ErrSignature}} {
		signature, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: tt.salt})
		if err != nil {
			t.Fatal(err)
		}
		if err := scheme.Verify(key.Public(), message, signature); !errors.Is(err, tt.want) {
			t.Errorf("salt %d: %v, want %v", tt.salt, err, tt.want)
		}
	}
	if err := scheme.Verify(key.Public(), message, nil); !errors.Is(err, ErrSignature) {
		t.Errorf("no signature: %v", err)
	}
}
