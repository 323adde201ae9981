package nss

import "testing"

// Whatever a file holds, reading it ends without a panic, and what it gives is
// whole.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"cert9.db", "key4-small-pages.db", "key4-3des.db"} {
		f.Add(fixture(f, name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(data, "secret")
		if c == nil {
			if err == nil {
				t.Error("neither contents nor an error")
			}
			return
		}
		for _, k := range c.Keys {
			if (k.Private == nil) == (k.Err == nil) {
				t.Errorf("%+v", k)
			}
		}
		for _, cert := range c.Certificates {
			if len(cert.DER) == 0 {
				t.Errorf("%q is empty", cert.Nickname)
			}
		}
	})
}
