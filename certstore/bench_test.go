package certstore

import (
	"fmt"
	"path/filepath"
	"runtime"
	"testing"

	"mtlsprobe/certstore/certtest"

	"golang.org/x/sync/errgroup"
	"software.sslmate.com/src/go-pkcs12"
)

// Opening 1,000 files. The floor of PKCS#12 is what go-pkcs12 alone takes for
// them in parallel, nearly all of it key derivation.
func BenchmarkLoad(b *testing.B) {
	const count = 1000
	p := certtest.New(certtest.Edge{Subject: "Root", Issuer: "Root"}, certtest.Edge{Subject: "Issuing", Issuer: "Root"}, certtest.Edge{Subject: "client", Issuer: "Issuing"})
	pem, pfx := make(map[string][]byte), make(map[string][]byte)
	bundle := encodeP12(b, p, "secret", "client", "Issuing")
	for n := range count {
		pem[fmt.Sprintf("%04d.pem", n)] = join(p.CertPEM("client", "Issuing"), p.KeyPEM("client"))
		pfx[fmt.Sprintf("%04d.p12", n)] = bundle
	}
	load := func(dir string) func(*testing.B) {
		return func(b *testing.B) {
			for b.Loop() {
				h, err := Load(b.Context(), &Options{Passwords: []string{"secret"}}, Source{Path: dir})
				if err != nil || len(h.Identities) != count {
					b.Fatalf("%v, %d identities", err, len(h.Identities))
				}
			}
		}
	}
	b.Run("pem", load(filepath.Clean(writeFiles(b, pem))))
	b.Run("pkcs12", load(filepath.Clean(writeFiles(b, pfx))))
	b.Run("pkcs12-floor", func(b *testing.B) {
		for b.Loop() {
			var group errgroup.Group
			group.SetLimit(runtime.GOMAXPROCS(0))
			for range count {
				group.Go(func() error {
					_, _, _, err := pkcs12.DecodeChain(bundle, "secret")
					return err
				})
			}
			if err := group.Wait(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
