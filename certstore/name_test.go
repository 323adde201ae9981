package certstore

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// nameDER encodes a name of one attribute per RDN.
func nameDER(t testing.TB, attributes ...any) []byte {
	t.Helper()
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for i := 0; i < len(attributes); i += 3 {
			b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) {
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(attributes[i].(asn1.ObjectIdentifier))
					b.AddASN1(cbasn1.Tag(attributes[i+1].(int)), func(b *cryptobyte.Builder) {
						b.AddBytes([]byte(attributes[i+2].(string)))
					})
				})
			})
		}
	})
	return b.BytesOrPanic()
}

var (
	oidCN = asn1.ObjectIdentifier{2, 5, 4, 3}
	oidO  = asn1.ObjectIdentifier{2, 5, 4, 10}
)

func TestNameString(t *testing.T) {
	tests := []struct {
		name string
		der  []byte
		want string
	}{
		{"order", nameDER(t, oidO, 19, "Acme", oidCN, 12, "Root"), "CN=Root,O=Acme"},
		{"special characters", nameDER(t, oidCN, 12, ` a,b+"c\d<e>;# `), `CN=\ a\,b\+\"c\\d\<e\>\;#\ `},
		{"leading hash", nameDER(t, oidCN, 12, "#1"), `CN=\#1`},
		{"escape sequence and newline", nameDER(t, oidCN, 12, "\x1b[31m\nx"), `CN=\1B[31m\0Ax`},
		{"right-to-left override", nameDER(t, oidCN, 12, "a\u202eb"), `CN=a\E2\80\AEb`},
		{"BMPString", nameDER(t, oidCN, 30, "\x00R\x00\xe9"), "CN=Ré"},
		{"TeletexString", nameDER(t, oidCN, 20, "R\xe9"), "CN=Ré"},
		{"broken UTF-8", nameDER(t, oidCN, 12, "\xff"), "CN=#0c01ff"},
		{"unknown type", nameDER(t, asn1.ObjectIdentifier{1, 2, 3}, 12, "x"), "1.2.3=#0c0178"},
		{"no name", []byte("NT AUTHORITY"), "(not a name: 4e5420415554484f52495459)"},
		{"empty", nameDER(t), "(empty name)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := NameString(tt.der); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestNameKey(t *testing.T) {
	root := nameDER(t, oidO, 19, "Acme", oidCN, 19, "My Root")
	same := map[string][]byte{
		"string type":      nameDER(t, oidO, 12, "Acme", oidCN, 30, "\x00M\x00y\x00 \x00R\x00o\x00o\x00t"),
		"case":             nameDER(t, oidO, 19, "ACME", oidCN, 19, "my root"),
		"white space":      nameDER(t, oidO, 19, " Acme", oidCN, 19, "My  Root "),
		"compatible forms": nameDER(t, oidO, 12, "Ａcme", oidCN, 12, "My\u00a0Root"),
	}
	for name, der := range same {
		if NameKey(der) != NameKey(root) {
			t.Errorf("%s: names differ", name)
		}
	}
	other := map[string][]byte{
		"another value": nameDER(t, oidO, 19, "Acme", oidCN, 19, "My Root 2"),
		"another order": nameDER(t, oidCN, 19, "My Root", oidO, 19, "Acme"),
		"one more RDN":  nameDER(t, oidO, 19, "Acme", oidCN, 19, "My Root", oidCN, 19, "x"),
		"no text":       nameDER(t, oidO, 19, "Acme", oidCN, 4, "My Root"),
		"no name":       []byte("My Root"),
	}
	for name, der := range other {
		if NameKey(der) == NameKey(root) {
			t.Errorf("%s: names are equal", name)
		}
	}
}

func FuzzName(f *testing.F) {
	seed, err := asn1.Marshal(pkix.Name{CommonName: "Root", Organization: []string{"Acmé"}}.ToRDNSequence())
	if err != nil || len(seed) == 0 {
		f.Fatalf("seed: %x, %v", seed, err)
	}
	f.Add(seed)
	f.Add(nameDER(f, oidCN, 30, "\x00R\x00\xe9"))
	f.Fuzz(func(t *testing.T, der []byte) {
		for _, r := range NameString(der) {
			if r < 0x20 || r == 0x7f {
				t.Fatalf("control character %U in %q", r, NameString(der))
			}
		}
		if n, err := ParseName(der); err == nil && n.Key() != NameKey(der) {
			t.Error("two keys for one name")
		}
		if strings.Contains(NameString(der), "\u202e") {
			t.Error("right-to-left override is shown")
		}
	})
}
