package certstore

import (
	"strings"
	"testing"
)

func TestDamagedPEM(t *testing.T) {
	whole := string(testPKI().CertPEM("client"))
	for _, tt := range []struct{ name, text, want string }{
		{"no end", whole[:len(whole)/2], "without its end: -----END CERTIFICATE----- is missing"},
		{"another end", strings.Replace(whole, "END CERTIFICATE", "END KEY", 1), `begins as "CERTIFICATE" and ends as another`},
		{"a wrong character", whole[:100] + "!" + whole[101:], "3. line is no Base64"},
		{"a missing character", whole[:100] + whole[101:], "Base64 is damaged"},
		{"one line", strings.ReplaceAll(whole, "\n", " "), "in one line"},
		{"four dashes", strings.Replace(whole, "CERTIFICATE-----", "CERTIFICATE----", 1), "first line is not -----BEGIN LABEL-----"},
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
