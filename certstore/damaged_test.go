package certstore

import (
	"crypto/x509"
	"errors"
	"path/filepath"
	"testing"

	"mtlsprobe/certstore/pfx"
)

// A changed byte in a PKCS #12 file is not called a wrong password where the password
// opens something, and a wrong password is not called damage.
func TestDamagedPKCS12(t *testing.T) {
	p := testPKI()
	key, err := x509.MarshalPKCS8PrivateKey(p.Key("client"))
	if err != nil {
		t.Fatal(err)
	}
	entry := pfx.Entry{Key: key, Certificates: [][]byte{p.Cert("client").Raw}}
	whole, err := pfx.Write(pfx.Modern, pfx.DefaultMAC, "right", entry)
	if err != nil {
		t.Fatal(err)
	}
	load := func(data []byte, password string) (*Holding, error) {
		return Load(t.Context(), &Options{Passwords: []string{password}},
			Source{Path: filepath.Join(writeFiles(t, map[string][]byte{"a.p12": data}), "a.p12")})
	}
	altered, uncovered := 0, 0
	for at := 0; at < len(whole); at += 7 {
		changed := append([]byte(nil), whole...)
		changed[at] ^= 0x40
		h, err := load(changed, "right")
		var source *SourceError
		switch {
		case errors.As(err, &source): // its structure is damaged, which is told
			if source.Kind == WrongPassword {
				t.Errorf("byte %d: %v", at, err)
			}
		case err != nil:
			t.Errorf("byte %d: %v", at, err)
		case h.Identities == nil: // nothing that could be used was left
		case h.Identities[0].Container.Altered:
			altered++
			if err := h.RequireOpened(); err == nil {
				t.Errorf("byte %d: taken for whole", at)
			}
			if h, err = load(changed, "wrong"); err == nil && h.Identities[0].Key.State != Locked {
				t.Errorf("byte %d: a wrong password makes it %s", at, h.Identities[0].Key.State)
			}
		case h.Identities[0].Key.State != Locked: // a byte that the check does not cover
			uncovered++
		}
	}
	// The parameters of the digest algorithm are all that is not covered.
	if altered < len(whole)/7/2 || uncovered > 2 {
		t.Errorf("%d of %d changes were told, %d were not seen", altered, len(whole)/7, uncovered)
	}
	if h, err := load(whole, "right"); err != nil || h.RequireOpened() != nil || h.Identities[0].Container.Altered {
		t.Errorf("the whole file: %v", err)
	}
	if h, err := load(whole, "wrong"); err != nil || h.RequireOpened() == nil || h.Identities[0].Key.State != Locked {
		t.Errorf("a wrong password: %v", err)
	}
}
