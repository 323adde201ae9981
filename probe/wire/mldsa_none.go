//go:build !go1.27

package wire

import "crypto"

// HasMLDSA says that this program was built with a Go that has ML-DSA: 1.27 or later.
const HasMLDSA = false

// mldsaType returns "": Go has ML-DSA from version 1.27.
func mldsaType(crypto.PublicKey) KeyType { return "" }

// verifyMLDSA is not called, for no key has the type.
func verifyMLDSA(crypto.PublicKey, []byte, []byte) bool { return false }
