package certstore

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mtlsprobe/certstore/pfx"

	"github.com/google/go-cmp/cmp"
)

// What lies under the password is described like the rest once it is open.
func TestDescribePKCS12(t *testing.T) {
	p := testPKI()
	key, err := x509.MarshalPKCS8PrivateKey(p.Key("client"))
	if err != nil {
		t.Fatal(err)
	}
	write := func(encoding pfx.Encoding, certs ...[]byte) []byte {
		data, err := pfx.Write(encoding, "secret", "mine", key, certs...)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	const (
		modern     = "PBES2 with PBKDF2-HMAC-SHA-256 and AES-256-CBC, 2048 iterations"
		threeDES   = "PKCS #12 with SHA-1 and 3DES, 2048 iterations"
		openSSL    = "OpenSSL 3 reads it"
		notOld     = "Java before 8u301, and Windows before 10 1709 and Server 2019, do not read it (AES); older macOS may not"
		old        = "old Java and Windows read it, too"
		goReads    = "Go programs read it with go-pkcs12"
		secondCert = "certificate of CN=Issuing,O=Example: likewise"
	)
	leaf, issuing := p.Cert("client").Raw, p.Cert("Issuing").Raw
	for _, tt := range []struct {
		name    string
		data    []byte
		options Options
		parts   []string
		readers []string
	}{
		{"open", write(pfx.Modern, leaf, issuing), Options{Passwords: []string{"secret"}, Readers: true},
			[]string{`certificate "mine" of CN=client,O=Example: ` + modern, secondCert, `private key "mine": likewise`}, []string{openSSL, notOld, goReads}},
		{"old encryption, nobody asked for Go", write(pfx.Legacy, leaf, issuing), Options{Passwords: []string{"secret"}},
			[]string{`certificate "mine" of CN=client,O=Example: ` + threeDES, secondCert, `private key "mine": likewise`}, []string{openSSL, old}},
		{"locked", write(pfx.Modern, leaf, issuing), Options{Readers: true},
			[]string{"encrypted contents: " + modern, `private key "mine": likewise`}, []string{openSSL, notOld}},
		{"trailing bytes, which Go does not bear", append(write(pfx.Legacy, leaf), 0), Options{Passwords: []string{"secret"}, Readers: true},
			[]string{`certificate "mine" of CN=client,O=Example: ` + threeDES, `private key "mine": likewise`}, []string{openSSL, old, "Go programs do not read it with go-pkcs12: error reading P12 data: pkcs12: trailing data found"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.p12")
			if err := os.WriteFile(path, tt.data, 0o600); err != nil {
				t.Fatal(err)
			}
			h, err := Load(t.Context(), &tt.options, Source{Path: path})
			if err != nil || len(h.Identities) != 1 {
				t.Fatalf("%v, %+v", err, h)
			}
			c := h.Identities[0].Container
			if diff := cmp.Diff(tt.parts, c.Parts); diff != "" {
				t.Errorf("parts (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.readers, c.Readers); diff != "" {
				t.Errorf("readers (-want +got):\n%s", diff)
			}
			if locked := h.Identities[0].Leaf == nil; !locked && h.Identities[0].FriendlyName != "mine" || slices.ContainsFunc(c.Readers, func(r string) bool { return locked && strings.HasPrefix(r, "Go ") }) {
				t.Errorf("identity = %+v", h.Identities[0])
			}
		})
	}
}
