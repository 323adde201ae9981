package certstore

import (
	"strings"
	"testing"
)

func TestDamagedPEM(t *testing.T) {
	whole := string(testPKI().CertPEM("client"))
	for _, tt := range []struct{ name, text, want string }{
		{"no end", whole[:len(whole)/2], `without its end: a line "-----END CERTIFICATE-----" is missing`},
		{"another end", strings.Replace(whole, "END CERTIFICATE", "END KEY", 1), `begins as "CERTIFICATE" and ends as another`},
		{"a wrong character", whole[:100] + "!" + whole[101:], "broken in line 3"},
		{"a missing character", whole[:100] + whole[101:], "Base64 is damaged"},
		{"one line", strings.ReplaceAll(whole, "\n", " "), "in one line"},
		{"four dashes", strings.Replace(whole, "CERTIFICATE-----", "CERTIFICATE----", 1), "first line is not -----BEGIN LABEL-----"},
		{"end behind the last line", strings.Replace(whole, "\n-----END", "-----END", 1), "whose END does not begin a line"},
		{"a long label", "-----BEGIN " + strings.Repeat("A", 1000) + "-----\n", strings.Repeat("A", 60) + "…"},
		{"nothing more", "-----BEGIN ", "first line is not"},
	} {
		h, err := Load(t.Context(), nil, Source{Path: writeFiles(t, map[string][]byte{"a.pem": []byte(tt.text)})})
		if err != nil {
			t.Fatal(err)
		}
		if text := everything(h); !strings.Contains(text, tt.want) {
			t.Errorf("%s: %s, want %q", tt.name, text, tt.want)
		}
	}
}
