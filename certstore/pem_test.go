package certstore

import (
	"slices"
	"strings"
	"testing"
)

func TestDamagedPEM(t *testing.T) {
	whole := string(testPKI().CertPEM("client"))
	for _, tt := range []struct{ name, text, want string }{
		{"no end", whole[:len(whole)/2], `without its end: a line "-----END CERTIFICATE-----" is missing`},
		{"another end", strings.Replace(whole, "END CERTIFICATE", "END KEY", 1),
			`begins as "CERTIFICATE" and ends as another`},
		{"a wrong character", whole[:100] + "!" + whole[101:], "broken in line 3"},
		{"a missing character", whole[:100] + whole[101:], "Base64 is damaged"},
		{"one line", strings.ReplaceAll(whole, "\n", " "), "in one line"},
		{"four dashes", strings.Replace(whole, "CERTIFICATE-----", "CERTIFICATE----", 1),
			"first line is not -----BEGIN LABEL-----"},
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

// Forms of PEM that this program reads and others do not: each was run on OpenSSL 3.0,
// Go 1.26, JDK 17, GnuTLS 3.7, NSS 3.87, Mbed TLS 2.28 and wolfSSL 5.5.
func TestPEMForms(t *testing.T) {
	p := testPKI()
	leaf, issuer, key := string(p.CertPEM("client")), string(p.CertPEM("Root")), string(p.KeyPEM("client"))
	const begin = "-----BEGIN CERTIFICATE-----"
	for _, tt := range []struct {
		name, text string
		readers    []Reader // that do not read it
	}{
		{"plain", leaf + issuer, nil},
		{"text before", "Bag Attributes\n  friendlyName: x\n" + leaf + issuer, nil},
		{"CRLF", strings.ReplaceAll(leaf+issuer, "\n", "\r\n"), nil},
		{"no last line end", leaf + strings.TrimSpace(issuer), nil},
		{"space after BEGIN", strings.Replace(leaf, begin, begin+" ", 1), nil},
		{"END and BEGIN in one line", strings.TrimSpace(leaf) + issuer, []Reader{OpenSSLReader, JavaReader, GoReader}},
		{"indented BEGIN", "  " + leaf, []Reader{OpenSSLReader, JavaReader, GoReader}},
		{"a prompt before BEGIN", "$ cat a; " + leaf, []Reader{OpenSSLReader, JavaReader, GoReader}},
		{"byte order mark", "\xef\xbb\xbf" + leaf, []Reader{JavaReader, GoReader}},
		{"header", strings.Replace(leaf, begin+"\n", begin+"\nComment: x\n\n", 1),
			[]Reader{OpenSSLReader, JavaReader, GnuTLSReader, NSSReader, MbedTLSReader, WolfSSLReader}},
		{"old label", strings.ReplaceAll(leaf, "CERTIFICATE", "X509 CERTIFICATE"),
			[]Reader{GoReader, MbedTLSReader, WolfSSLReader}},
		{"END behind the last line", strings.Replace(leaf, "\n-----END", "-----END", 1), []Reader{OpenSSLReader, GoReader}},
		{"indented END", strings.Replace(leaf, "\n-----END", "\n -----END", 1), []Reader{OpenSSLReader, GoReader}},
		{"a blank line after BEGIN", strings.Replace(leaf, begin+"\n", begin+"\n\n", 1), nil},
		{"a blank line before END", strings.Replace(leaf, "\n-----END", "\n\n-----END", 1), []Reader{OpenSSLReader}},
		{"blank lines within", leaf[:28+65] + "\n" + leaf[28+65:], []Reader{OpenSSLReader, WolfSSLReader}},
		{"a tab after BEGIN", strings.Replace(leaf, begin, begin+"\t", 1), []Reader{MbedTLSReader, WolfSSLReader}},
		{"spaces after BEGIN", strings.Replace(leaf, begin, begin+"  ", 1), []Reader{MbedTLSReader}},
		{"indented lines", strings.Replace(leaf, "\nM", "\n  M", 1), []Reader{MbedTLSReader}},
		{"CR", strings.ReplaceAll(leaf, "\n", "\r"), []Reader{OpenSSLReader, GoReader, MbedTLSReader, WolfSSLReader}},
	} {
		h, err := Load(t.Context(), nil, Source{Path: writeFiles(t,
			map[string][]byte{"a.pem": []byte(tt.text), "a.key": []byte(key)})})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		i := h.Identities[0]
		if i.Leaf == nil || i.Key.State != Usable {
			t.Errorf("%s: key %s, %s", tt.name, i.Key.State, i.Key.Detail)
		}
		for _, r := range []Reader{OpenSSLReader, GoReader, JavaReader, GnuTLSReader, NSSReader,
			MbedTLSReader, WolfSSLReader} {
			if o := i.Container.ObstaclesFor(r); (len(o) > 0) != slices.Contains(tt.readers, r) {
				t.Errorf("%s: %s: %v", tt.name, r, o)
			}
		}
		if told := strings.Contains(everything(h), "cannot read it"); told != (tt.readers != nil) {
			t.Errorf("%s: told %t: %s", tt.name, told, everything(h))
		}
	}
}
