package certstore

import (
	"strings"
	"testing"
)

// Strings of a Java key store are in Java's own encoding (java.io.DataInput, Modified UTF-8); a character
// beyond U+FFFF is two of three bytes.
func TestModifiedUTF8(t *testing.T) {
	for text, want := range map[string]string{
		"billing":                  "billing",
		"B\xc3\xbcro":              "Büro",
		"\xe2\x82\xac":             "€",
		"\xed\xa0\xbd\xed\xb8\x80": "😀",
		"\xc0\x80":                 "\x00",
		"":                         "",
		"cut \xe2\x82":             "cut �",
		"lone \x80":                "lone �",
	} {
		if got := modifiedUTF8([]byte(text)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// What a bundle cannot hold is an error, and no broken file.
func TestEncodeRefuses(t *testing.T) {
	p := testPKI()
	named := func(name string) *Identity {
		return &Identity{FriendlyName: name, Leaf: p.Cert("client"), Key: Key{State: Usable, Signer: p.Key("client")}}
	}
	for _, tt := range []struct {
		form       Form
		identities []*Identity
		want       string // part of the error; empty for none
	}{
		{Form{Encoding: PKCS12, Password: "secret"}, []*Identity{named("a"), named("b")}, ""},
		{Form{Encoding: PKCS12, Password: "secret"}, []*Identity{named("a"), named("A")}, `"A" is empty or stands twice`},
		{Form{Encoding: PKCS12, Password: "secret"}, nil, "there is no identity"},
		{Form{Encoding: PKCS12, MAC: "md2"}, []*Identity{named("a")}, `no MAC is called "md2"`},
		{Form{Encoding: PEM}, []*Identity{named("a"), named("b")}, "PEM and DER take one identity"},
		{Form{Encoding: DER}, []*Identity{named("a")}, ""},
		{Form{Encoding: JKS, Password: "secret"}, []*Identity{named("Büro")}, ""},
		{Form{Encoding: JKS, Password: "secret"}, []*Identity{named("😀")}, "a character that Java writes in another way"},
		{Form{Encoding: JKS, Password: "short"}, []*Identity{named("a")}, "at least 6 characters"},
		{Form{Encoding: "tar"}, []*Identity{named("a")}, `unknown encoding "tar"`},
		{Form{Encoding: PKCS12}, []*Identity{{Leaf: p.Cert("client")}}, "no usable key"},
	} {
		data, err := Encode(tt.form, tt.identities...)
		said := ""
		if err != nil {
			said = err.Error()
		}
		if (said == "") != (tt.want == "") || !strings.Contains(said, tt.want) || err == nil && len(data) == 0 {
			t.Errorf("%+v, %d identities: %v, want %q", tt.form, len(tt.identities), err, tt.want)
		}
	}
}
