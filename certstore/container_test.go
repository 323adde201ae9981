package certstore

import (
	"crypto/x509"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"mtlsprobe/certstore/certtest/debian"
	"mtlsprobe/certstore/pfx"

	"github.com/google/go-cmp/cmp"
	"software.sslmate.com/src/go-pkcs12"
)

// What lies under the password is described like the rest once it is open.
func TestDescribePKCS12(t *testing.T) {
	p := testPKI()
	key, err := x509.MarshalPKCS8PrivateKey(p.Key("client"))
	if err != nil {
		t.Fatal(err)
	}
	write := func(encoding pfx.Encoding, certs ...[]byte) []byte {
		entry := pfx.Entry{FriendlyName: "mine", Key: key, Certificates: certs}
		data, err := pfx.Write(encoding, pfx.DefaultMAC, "secret", entry)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	const (
		modern   = "PBES2 with PBKDF2-HMAC-SHA-256 and AES-256-CBC, 2048 iterations"
		threeDES = "PKCS #12 with SHA-1 and 3DES, 2048 iterations"
		openSSL  = "OpenSSL 3 reads it"
		notOld   = "Java before 8u301, and Windows before 10 1709 and Server 2019, do not read it (AES); older macOS " +
			"may not"
		old        = "old Java and Windows read it, too"
		goReads    = "Go programs read it with go-pkcs12"
		secondCert = "certificate of CN=Issuing,O=Example: likewise"
	)
	leaf, issuing := p.Cert("client").Raw, p.Cert("Issuing").Raw
	for _, tt := range []struct {
		name    string
		data    []byte
		options Options
		parts   []string
		readers []string
	}{
		{"open", write(pfx.Modern, leaf, issuing), Options{Passwords: []string{"secret"}, Readers: true},
			[]string{`certificate "mine" of CN=client,O=Example, local key ID: ` + modern, secondCert,
				`private key "mine", local key ID: likewise`}, []string{openSSL, notOld, goReads}},
		{"old encryption, nobody asked for Go", write(pfx.Legacy, leaf, issuing), Options{Passwords: []string{"secret"}},
			[]string{`certificate "mine" of CN=client,O=Example, local key ID: ` + threeDES, secondCert,
				`private key "mine", local key ID: likewise`}, []string{openSSL, old}},
		{"locked", write(pfx.Modern, leaf, issuing), Options{Readers: true},
			[]string{"encrypted contents: " + modern, `private key "mine", local key ID: likewise`},
			[]string{openSSL, notOld, "what the password protects may change that"}},
		{"trailing bytes, which Go does not bear", append(write(pfx.Legacy, leaf), 0),
			Options{Passwords: []string{"secret"}, Readers: true},
			[]string{`certificate "mine" of CN=client,O=Example, local key ID: ` + threeDES,
				`private key "mine", local key ID: likewise`},
			[]string{openSSL, old,
				"Go programs do not read it with go-pkcs12: error reading P12 data: pkcs12: trailing data found"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.p12")
			if err := os.WriteFile(path, tt.data, 0o600); err != nil {
				t.Fatal(err)
			}
			h, err := Load(t.Context(), &tt.options, Source{Path: path})
			if err != nil || len(h.Identities) != 1 {
				t.Fatalf("%v, %+v", err, h)
			}
			c := h.Identities[0].Container
			for n := range c.Parts { // the ID is the certificate's hash
				c.Parts[n] = regexp.MustCompile(`local key ID [0-9a-f]{8}…`).ReplaceAllString(c.Parts[n], "local key ID")
			}
			if diff := cmp.Diff(tt.parts, c.Parts); diff != "" {
				t.Errorf("parts (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.readers, c.Readers); diff != "" {
				t.Errorf("readers (-want +got):\n%s", diff)
			}
			if locked := h.Identities[0].Leaf == nil; !locked && h.Identities[0].FriendlyName != "mine" ||
				slices.ContainsFunc(c.Readers, func(r string) bool { return locked && strings.HasPrefix(r, "Go ") }) {
				t.Errorf("identity = %+v", h.Identities[0])
			}
		})
	}
}

// What is said of OpenSSL and Java is what they do.
func TestReaders(t *testing.T) {
	openssl, keytool := debian.Program(t, "openssl", "openssl"), debian.Program(t, "openjdk-17-jdk-headless", "keytool")
	p := testPKI()
	t.Chdir(writeFiles(t, map[string][]byte{"a.pem": join(p.KeyPEM("client"), p.CertPEM("client", "Issuing"))}))
	for _, tt := range []struct {
		name    string
		args    []string
		openSSL string // of what is said; empty for nothing
		java    string
	}{
		{"modern", nil, "OpenSSL 3 reads it", "Java before 8u301"},
		{"3DES", []string{"-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"}, "OpenSSL 3 reads it",
			"old Java and Windows read it, too"},
		{"3DES with a modern MAC", []string{"-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES"}, "OpenSSL 3 reads it",
			"Java before 8u301, and other programs"},
		{"RC2", []string{"-legacy"}, "OpenSSL 3 reads it only with -legacy", "old Java and Windows read it, too"},
		{"two-key 3DES", []string{"-keypbe", "PBE-SHA1-2DES", "-certpbe", "PBE-SHA1-2DES", "-macalg", "sha1"},
			"OpenSSL 3 reads it", "Java: it is encrypted with two-key"},
		{"PBES2 with 3DES", []string{"-keypbe", "des-ede3-cbc", "-certpbe", "des-ede3-cbc"}, "OpenSSL 3 reads it",
			"Java: it is encrypted by PBES2 with another"},
		{"AES-192", []string{"-keypbe", "aes-192-cbc", "-certpbe", "aes-192-cbc"}, "OpenSSL 3 reads it",
			"Java: it is encrypted with AES-192"},
		{"PBES1", []string{"-keypbe", "PBE-SHA1-DES", "-certpbe", "PBE-SHA1-DES", "-legacy"},
			"OpenSSL 3 reads it only with -legacy", "Java: it is encrypted by PBES1"},
		{"in clear", []string{"-keypbe", "NONE", "-certpbe", "NONE"}, "OpenSSL 3 reads it",
			"Java: its private key is not"},
		{"SHA-3", []string{"-macalg", "sha3-256"}, "OpenSSL 3 reads it",
			"Java: its integrity is by SHA-3"},
		{"MD5", []string{"-macalg", "md5"}, "OpenSSL 3 reads it", "Java: its integrity is by MD5"},
		{"Camellia", []string{"-keypbe", "camellia-256-cbc", "-certpbe", "camellia-256-cbc"}, "", ""},
		{"RC4", []string{"-legacy", "-keypbe", "PBE-SHA1-RC4-128"}, "OpenSSL 3 reads it only with -legacy", ""},
		{"SHA-512", []string{"-macalg", "sha512"}, "OpenSSL 3 reads it", "Java before 8u301"},
		{"SHA-384", []string{"-macalg", "sha384"}, "OpenSSL 3 reads it", "Java before 8u301"},
	} {
		file := tt.name + ".p12"
		args := append([]string{"pkcs12", "-export", "-in", "a.pem", "-name", "mine", "-passout", "pass:secret", "-out",
			file}, tt.args...)
		if out, err := exec.Command(openssl, args...).CombinedOutput(); err != nil {
			t.Fatalf("openssl %q: %v\n%s", args, err, out)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		opened, err := pfx.Open(data, "secret")
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		said := func(list []string, want string) {
			if len(list) == 0 && want == "" || len(list) == 1 && want != "" && strings.HasPrefix(list[0], want) {
				return
			}
			t.Errorf("%s: %q is said, want %q", tt.name, list, want)
		}
		said(openSSLReads(opened), tt.openSSL)
		java, goReads := oldPrograms(opened), true
		for _, o := range pfxObstacles(opened) {
			if slices.Contains(o.Readers, JavaReader) {
				java = append(java, "Java: "+o.Why)
			}
			goReads = goReads && !slices.Contains(o.Readers, GoReader)
		}
		said(java, tt.java)
		if _, _, _, err := pkcs12.DecodeChain(data, "secret"); (err == nil) != goReads {
			t.Errorf("%s: go-pkcs12 says %v", tt.name, err)
		}
		reads := exec.Command(openssl, "pkcs12", "-in", file, "-noenc", "-passin", "pass:secret").Run() == nil
		if tt.openSSL != "" && reads != (tt.openSSL == "OpenSSL 3 reads it") {
			t.Errorf("%s: openssl reads it: %t", tt.name, reads)
		}
		out, err := exec.Command(keytool, "-list", "-keystore", file, "-storepass", "secret").CombinedOutput()
		reads = err == nil && strings.Contains(string(out), "PrivateKeyEntry")
		if tt.java != "" && reads == strings.HasPrefix(tt.java, "Java: ") {
			t.Errorf("%s: keytool reads it: %t\n%s", tt.name, reads, out)
		}
	}
}

// Attributes with and without values are told, whichever comes first.
func TestAttributes(t *testing.T) {
	openssl := debian.Program(t, "openssl", "openssl")
	p := testPKI()
	t.Chdir(writeFiles(t, map[string][]byte{"a.pem": join(p.KeyPEM("client"), p.CertPEM("client"))}))
	if out, err := exec.Command(openssl, "pkcs12", "-export", "-in", "a.pem", "-name", "mine", "-LMK", "-CSP",
		"Some Provider", "-passout", "pass:secret", "-out", "a.p12").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	h, err := Load(t.Context(), &Options{Passwords: []string{"secret"}}, Source{Path: "a.p12"})
	if err != nil {
		t.Fatal(err)
	}
	part := h.Identities[0].Container.Parts[1]
	for _, want := range []string{`private key "mine"`, "local key ID ", `for the provider "Some Provider"`,
		"for the machine's keys"} {
		if !strings.Contains(part, want) {
			t.Errorf("%q is not in %q", want, part)
		}
	}
	if got := attributes(pfx.Bag{LocalKeyID: []byte{1}}); got != ", local key ID 01" {
		t.Errorf("%q", got)
	}
	if got := attributes(pfx.Bag{}); got != "" {
		t.Errorf("%q", got)
	}
}

// A password beyond ASCII is told of, and one within is not.
func TestPasswordBeyondASCII(t *testing.T) {
	p := testPKI()
	for password, want := range map[string]bool{"pä": true, "pa": false} {
		h := load(t, &Options{Passwords: []string{password}},
			map[string][]byte{"a.p12": encodeP12(t, p, password, "client")}, "a.p12")
		if got := strings.Contains(strings.Join(h.Identities[0].Container.Readers, " "), "not in ASCII"); got != want {
			t.Errorf("%q: %q", password, h.Identities[0].Container.Readers)
		}
	}
}
