package probe

import (
	"strings"
	"testing"
)

// FuzzParseTarget holds that a target that is taken has a host and a port that can be
// connected to, and that what is shown of it has no password.
func FuzzParseTarget(f *testing.F) {
	for _, seed := range []string{"host", "host:443", "[::1]:443", "https://user:secret@host/path?x#y", "smtp://host", "postgres://u@h/db", "a\x00b", "https://[::1", "//", "user:secret@host", "h:0", "h:99999", "https://h:443:1", "::%\x00", "[::%\x00]:443"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		target, err := ParseTarget(text)
		if err != nil {
			return
		}
		if target.Host == "" || target.Port == "" || target.ServerName == "" {
			t.Errorf("%q: %+v", text, target)
		}
		if strings.ContainsAny(target.Host+target.Port+target.ServerName, "\x00\r\n ") {
			t.Errorf("%q: %+v", text, target)
		}
	})
}
