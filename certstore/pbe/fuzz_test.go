package pbe

import (
	"encoding/hex"
	"testing"
)

// FuzzParse takes anything for the parameters of an encryption: what is taken demands
// no more work than the limit, and can be tried where it is cheap.
func FuzzParse(f *testing.F) {
	algorithm, encrypted, err := EncryptAES256("secret", 1, []byte("a key"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(algorithm, encrypted)
	for _, seed := range []string{"3010060a2a864886f70d010c0103300206", "301b060a2a864886f70d010c0103300d0408000000000000000002010a", "3000"} {
		data, err := hex.DecodeString(seed)
		if err != nil {
			f.Add([]byte(seed), encrypted)
			continue
		}
		f.Add(data, encrypted)
	}
	f.Fuzz(func(t *testing.T, algorithm, encrypted []byte) {
		scheme, err := Parse(algorithm)
		if err == nil {
			if scheme.Work() < 0 || scheme.Work() > 2*MaxIterations || scheme.String() == "" {
				t.Errorf("%s demands %d", scheme, scheme.Work())
			}
			if scheme.Work() < 10_000 {
				_, _ = scheme.Decrypt("secret", encrypted)
			}
		}
		if mac, err := ParsePBMAC1(algorithm); err == nil && (mac.Work() < 0 || mac.Work() > 2*MaxIterations) {
			t.Errorf("a MAC demands %d", mac.Work())
		}
	})
}
