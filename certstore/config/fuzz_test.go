package config

import "testing"

// Whatever a file contains, reading it ends without a panic, and within the bounds.
func FuzzParse(f *testing.F) {
	for _, seed := range []struct{ name, text string }{
		{"config", "kind: Config\ncurrent-context: a\nclusters: [{name: c, cluster: {certificate-authority-data: " +
			"Y2E=}}]\ncontexts: [{name: a, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {client-certificate: " +
			"a, client-key-data: a2V5}}]\n"},
		{".curlrc", "cert = \"a\\\"b:c\"\n-E x\n--key y\nnext\npass: z\n"},
		{"x", "[a]\nsslcert=a\nsslkey=e:b\n"},
		{"x", "[client]\nssl_cert='a' # b\nssl-key=\"\\\\\"\n"},
		{"x", "java \"-Djavax.net.ssl.keyStore=a b\" -Djavax.net.ssl.keyStorePassword='c'\n"},
		{"x", "p.ssl.keystore.location : a\\\n b\nssl.key.password=\\u0041\n"},
		{"x", "[http \"a]\"] sslCert = \"b\" ; c\n\tsslKey = \\\n d\n"},
		{"x", "certificate=a.pem\nprivate_key=b\n"},
		{".npmrc", "//a/:certfile=b\ncert=\"-----BEGIN A-----\\n-----END A-----\\n\"\n"},
	} {
		if c, ok := Parse(&Text{Name: seed.name, Dirs: []string{"/d"}, Data: []byte(seed.text), Home: "/h",
			Given: true}); !ok || len(c.References) == 0 {
			f.Fatalf("a seed that names nothing: %q", seed.text)
		}
		f.Add(seed.name, seed.text)
	}
	f.Fuzz(func(t *testing.T, name, text string) {
		c, ok := Parse(&Text{Name: name, Dirs: []string{"/d"}, Data: []byte(text), Home: "/h", Given: true, Look: there})
		if ok != (c != nil) {
			t.Fatalf("%v, %t", c, ok)
		}
		if !ok {
			return
		}
		if c.Format == "" {
			t.Error("no format")
		}
		if len(c.References) > maxReferences || len(c.Problems) > maxProblems {
			t.Errorf("%d references, %d problems", len(c.References), len(c.Problems))
		}
		for _, r := range c.References {
			if len(r.Passwords) > maxPasswords {
				t.Errorf("%d passwords", len(r.Passwords))
			}
		}
	})
}
