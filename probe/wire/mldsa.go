//go:build go1.27

package wire

import (
	"crypto"
	"crypto/mldsa"
)

// HasMLDSA says that this program was built with a Go that has ML-DSA: 1.27 or later.
const HasMLDSA = true

// mldsaType returns the type of an ML-DSA key; empty for others.
func mldsaType(public crypto.PublicKey) KeyType {
	key, ok := public.(*mldsa.PublicKey)
	if !ok {
		return ""
	}
	switch key.Parameters() {
	case mldsa.MLDSA44():
		return MLDSA44Key
	case mldsa.MLDSA65():
		return MLDSA65Key
	case mldsa.MLDSA87():
		return MLDSA87Key
	}
	return ""
}

// verifyMLDSA reports whether a signature by an ML-DSA key verifies.
func verifyMLDSA(public crypto.PublicKey, message, signature []byte) bool {
	key, ok := public.(*mldsa.PublicKey)
	return ok && mldsa.Verify(key, message, signature, nil) == nil
}
