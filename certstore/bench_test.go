package certstore

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"fmt"
	"runtime"
	"testing"

	"mtlsprobe/certstore/certtest"
	"mtlsprobe/certstore/pbe"

	"golang.org/x/sync/errgroup"
	"software.sslmate.com/src/go-pkcs12"
)

// Opening 1,000 files: PEM, and PKCS #12 with the 2,048 iterations that OpenSSL
// makes, and the 10,000 of Java's keytool. Beside that stands what key derivation
// alone takes, and go-pkcs12 with the files in memory, in parallel, too.
func BenchmarkLoad(b *testing.B) {
	const count = 1000
	p := certtest.New(certtest.Edge{Subject: "Root", Issuer: "Root"}, certtest.Edge{Subject: "Issuing", Issuer: "Root"},
		certtest.Edge{Subject: "client", Issuer: "Issuing"})
	files := make(map[string][]byte)
	for n := range count {
		files[fmt.Sprintf("%04d.pem", n)] = join(p.CertPEM("client", "Issuing"), p.KeyPEM("client"))
	}
	b.Run("pem", loadAll(writeFiles(b, files), count))
	for _, iterations := range []int{2_048, 10_000} {
		bundle, err := pkcs12.Modern.WithIterations(iterations).Encode(p.Key("client"), p.Cert("client"), p.Certs("Issuing"),
			"secret")
		if err != nil {
			b.Fatal(err)
		}
		files := make(map[string][]byte)
		for n := range count {
			files[fmt.Sprintf("%04d.p12", n)] = bundle
		}
		b.Run(fmt.Sprintf("pkcs12-%d", iterations), loadAll(writeFiles(b, files), count))
		b.Run(fmt.Sprintf("pkcs12-%d-derivation", iterations), inParallel(count, func() error {
			salt := bundle[:16]
			pbe.KDF(sha256.New, salt, pbe.BMPPasswords("secret")[0], iterations, 3, sha256.Size) // of the MAC
			for range 2 {                                                                        // certificates and key
				if _, err := pbkdf2.Key(sha256.New, "secret", salt, iterations, 32); err != nil {
					return err
				}
			}
			return nil
		}))
		b.Run(fmt.Sprintf("pkcs12-%d-library", iterations), inParallel(count, func() error {
			_, _, _, err := pkcs12.DecodeChain(bundle, "secret")
			return err
		}))
	}
}

func inParallel(count int, work func() error) func(*testing.B) {
	return func(b *testing.B) {
		for b.Loop() {
			var group errgroup.Group
			group.SetLimit(runtime.GOMAXPROCS(0))
			for range count {
				group.Go(work)
			}
			if err := group.Wait(); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func loadAll(dir string, count int) func(*testing.B) {
	return func(b *testing.B) {
		for b.Loop() {
			h, err := Load(b.Context(), &Options{Passwords: []string{"secret"}}, Source{Path: dir})
			if err != nil || len(h.Identities) != count {
				b.Fatalf("%v, %d identities", err, len(h.Identities))
			}
		}
	}
}
