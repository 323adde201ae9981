package report

import "testing"

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
		{"nothing at api.example.com", "nothing at Host-1"},
		{`it said "user \"bob\" of ACME" once`, `it said "Text-1" once`},
		{"setfacl -m u:x:r '/home/bob/x'", "setfacl -m u:x:r Text-2"},
	} {
		if got := c.text(tt[0]); got != tt[1] {
			t.Errorf("%q: %q, want %q", tt[0], got, tt[1])
		}
	}
}
