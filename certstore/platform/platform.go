// Package platform reads the identities that an operating system keeps in a store
// of its own: the certificate stores of Windows and the keychain of macOS.
//
// Call [Open] with one of [Names]. On Windows keys are asked to sign where they
// lie, without a prompt; on macOS the certificates are listed and the keys are not
// used. Elsewhere there are no such stores.
//
// That of Windows is run under Wine, with RSA keys in older providers; CNG's keys, and all
// of macOS, are compiled only: treat what they say with care.
package platform

import (
	"crypto"
	"fmt"
	"strings"
)

// An Identity is a certificate in a store, with what is known of its key.
type Identity struct {
	Label string
	// DER is the certificate.
	DER []byte
	// Signer asks the store for signatures; nil without a key that can be used.
	Signer crypto.Signer
	// HasKey says that the store has a private key for it; Err says why Signer is
	// nil all the same.
	HasKey bool
	Err    error
}

// Open reads a store. The error says what is wrong with the name, or what the
// system said.
func Open(name string) ([]Identity, error) {
	for _, known := range Names() {
		if strings.EqualFold(name, known) {
			return open(known)
		}
	}
	if len(Names()) == 0 {
		return nil, fmt.Errorf("this system has no certificate store that this program reads")
	}
	return nil, fmt.Errorf("is not a store; choose one of: %s", strings.Join(Names(), ", "))
}
