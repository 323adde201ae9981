package report

import (
	"encoding/json"
	"strings"
	"testing"
)

// A short name is replaced where it stands by itself, and not within words.
func TestRedactShortNames(t *testing.T) {
	c := &censor{pseudonyms: make(map[string]string), names: make(map[string]string), count: make(map[string]int)}
	c.name("File", "e")
	c.name("File", "kc")
	c.name("Host", "api.example.com")
	c.prepare()
	for _, tt := range [][2]string{
		{"www-data may not enter it", "www-data may not enter it"},
		{"the key in e is another's", "the key in File-1 is another's"},
		{"a pkcs12 file (kc)", "a pkcs12 file (File-2)"},
		{"the server's clock agrees with this host's", "the server's clock agrees with this host's"},
		{"cat 'my key.pem'", "cat Text-1"},
		{"nothing at api.example.com", "nothing at Host-1"},
		{`it said "user \"bob\" of ACME" once`, `it said "Text-2" once`},
		{"setfacl -m u:x:r '/home/bob/x'", "setfacl -m u:x:r Text-3"},
	} {
		if got := c.text(tt[0]); got != tt[1] {
			t.Errorf("%q: %q, want %q", tt[0], got, tt[1])
		}
	}
}

// The names that only an inspection has are names, too.
func TestRedactInspection(t *testing.T) {
	r := &Report{
		Identities: []Identity{{Label: "label-x", Source: "/home/secretuser/a.pem", NamedBy: "/home/secretuser/.curlrc", BeginsWith: "CN=Hugo; Secret,O=Secret (Werk 7): Nord",
			Container: &Container{Format: "PKCS#12", Parts: []string{`certificate "secretname"`}}, Key: Key{State: "usable", Source: "/home/secretuser/a.key"},
			Findings: []Finding{{Check: "chain.order", Title: "Chain is out of order", Result: "fail", Detail: "the file begins with CN=Hugo; Secret,O=Secret (Werk 7): Nord, which clients take"}}}},
		Containers: []Contained{{"/home/secretuser/other.p12", Container{Format: "PKCS#12", Parts: []string{`private key "secretname"`}}}},
	}
	redacted, _ := Redact(r)
	data, err := json.Marshal(redacted)
	if err != nil {
		t.Fatal(err)
	}
	for _, leak := range []string{"secret", "Secret", "Hugo", "Werk", "Nord"} {
		if strings.Contains(string(data), leak) {
			t.Errorf("%q is left in %s", leak, data)
		}
	}
	if len(redacted.Containers) != 1 || redacted.Containers[0].Format != "PKCS#12" || !strings.HasPrefix(redacted.Identities[0].NamedBy, "File-") {
		t.Errorf("what names nobody is gone: %s", data)
	}
}
