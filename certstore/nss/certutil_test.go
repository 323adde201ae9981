package nss

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mtlsprobe/certstore/certtest/debian"
)

// Databases that NSS's own tools make.
func TestCertutil(t *testing.T) {
	debian.Program(t, "libnss3-tools", "certutil")
	debian.Program(t, "libnss3-tools", "pk12util")
	debian.Program(t, "openssl", "openssl")
	for _, password := range []string{"", "pässword"} {
		t.Run(fmt.Sprintf("password %q", password), func(t *testing.T) {
			db := newTools(t, password)
			if password == "" {
				db.run("certutil", "-N", "-d", db.name, "--empty-password")
			} else {
				db.run("certutil", "-N", "-d", db.name, "-f", db.path("password"))
			}
			db.create("rsa", "-k", "rsa", "-g", "2048")
			db.create("p256", "-k", "ec", "-q", "nistp256")
			db.create("p521", "-k", "ec", "-q", "nistp521")
			db.importKey("imported-rsa", "rsa:3072")
			db.importKey("imported-p384", "ec", "-pkeyopt", "ec_paramgen_curve:P-384")
			certs, err := Parse(db.read("cert9.db"), "")
			if err != nil || len(certs.Certificates) != 5 || len(certs.Problems) != 0 {
				t.Fatalf("cert9.db: %+v, %v", certs, err)
			}
			keys, err := Parse(db.read("key4.db"), password)
			if err != nil || len(keys.Problems) != 0 {
				t.Fatalf("key4.db: %+v, %v", keys, err)
			}
			if got, want := algorithms(keys), "ECDSA P-256, ECDSA P-384, ECDSA P-521, RSA 2048, RSA 3072"; got != want {
				t.Errorf("algorithms = %q, want %q", got, want)
			}
			checkPairs(t, certs, keys)
			if _, err := Parse(db.read("key4.db"), password+"x"); !errors.Is(err, ErrPassword) {
				t.Errorf("with a wrong password: %v", err)
			}
		})
	}
}

// A tools runs NSS's tools on a database of its own.
type tools struct {
	t         *testing.T
	dir, name string
}

func newTools(t *testing.T, password string) *tools {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"password": password + "\n", "noise": strings.Repeat("noise ", 20)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return &tools{t, dir, "sql:" + dir}
}

func (db *tools) path(name string) string { return filepath.Join(db.dir, name) }

func (db *tools) read(name string) []byte {
	db.t.Helper()
	data, err := os.ReadFile(db.path(name))
	if err != nil {
		db.t.Fatal(err)
	}
	return data
}

func (db *tools) run(name string, args ...string) {
	db.t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		db.t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

// create makes a key with a self-signed certificate in the database.
func (db *tools) create(name string, args ...string) {
	db.t.Helper()
	db.run("certutil", append([]string{"-S", "-d", db.name, "-f", db.path("password"), "-z", db.path("noise"), "-n", name, "-s", "CN=" + name, "-x", "-t", "u,u,u"}, args...)...)
}

// importKey makes a key with a self-signed certificate in OpenSSL, and imports it.
func (db *tools) importKey(name, kind string, args ...string) {
	db.t.Helper()
	key, cert, p12 := db.path(name+".key"), db.path(name+".crt"), db.path(name+".p12")
	db.run("openssl", append([]string{"req", "-x509", "-newkey", kind, "-noenc", "-subj", "/CN=" + name, "-keyout", key, "-out", cert}, args...)...)
	db.run("openssl", "pkcs12", "-export", "-inkey", key, "-in", cert, "-name", name, "-passout", "pass:x", "-out", p12)
	db.run("pk12util", "-i", p12, "-d", db.name, "-k", db.path("password"), "-W", "x")
}
