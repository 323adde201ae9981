package certstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mtlsprobe/certstore/certtest"
	"mtlsprobe/certstore/certtest/debian"
	"mtlsprobe/certstore/pbe"
	"mtlsprobe/certstore/pfx"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
	"software.sslmate.com/src/go-pkcs12"
)

func testPKI() *certtest.PKI {
	return certtest.New(
		certtest.Edge{Subject: "Root", Issuer: "Root"},
		certtest.Edge{Subject: "Issuing", Issuer: "Root"},
		certtest.Edge{Subject: "client", Issuer: "Issuing"},
		certtest.Edge{Subject: "other", Issuer: "Issuing"},
	)
}

func encodeP12(t testing.TB, p *certtest.PKI, password string, leaf string, chain ...string) []byte {
	t.Helper()
	data, err := pkcs12.Modern.Encode(p.Key(leaf), p.Cert(leaf), p.Certs(chain...), password)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// encryptedKey is what "openssl genpkey -aes256" writes in its older form.
func encryptedKey(t testing.TB, p *certtest.PKI, node, password string) []byte {
	t.Helper()
	der, err := x509.MarshalECPrivateKey(p.Key(node))
	if err != nil {
		t.Fatal(err)
	}
	block, err := x509.EncryptPEMBlock(rand.Reader, "EC PRIVATE KEY", der, []byte(password), x509.PEMCipherAES256)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(block)
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// summary describes an identity in one line: label, leaf, chain, key state.
func summary(i *Identity) string {
	leaf := "-"
	if i.Leaf != nil {
		leaf = i.Leaf.Subject.CommonName
	}
	var chain []string
	for _, c := range i.Chain {
		chain = append(chain, c.Subject.CommonName)
	}
	return fmt.Sprintf("%s: %s [%s] %s", filepath.ToSlash(i.Label), leaf, strings.Join(chain, " "), i.Key.State)
}

func TestLoad(t *testing.T) {
	p := testPKI()
	sec1, err := x509.MarshalECPrivateKey(p.Key("client"))
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, _ := pem.Decode(p.KeyPEM("client"))
	tests := []struct {
		name    string
		files   map[string][]byte
		options Options
		sources []Source
		want    []string
	}{
		{"PEM, key first", map[string][]byte{"a.pem": join(p.KeyPEM("client"), p.CertPEM("client", "Issuing"))},
			Options{}, []Source{{Path: "a.pem", Role: Candidate}}, []string{"a.pem: client [Issuing] usable"}},
		{"PEM, key in the middle, CA first, text between",
			map[string][]byte{"a.pem": join(p.CertPEM("Issuing"), []byte("Bag Attributes\n  x: y\n"), p.KeyPEM("client"),
				p.CertPEM("client"))},
			Options{}, []Source{{Path: "a.pem", Role: Candidate}}, []string{"a.pem: client [Issuing] usable"}},
		{"DER certificate and SEC 1 key apart", map[string][]byte{"a.cer": p.Cert("client").Raw, "b.key": sec1},
			Options{}, []Source{{Path: "a.cer", Role: Candidate}, {Path: "b.key", Role: KeyFile}},
			[]string{"a.cer: client [] usable"}},
		{"PKCS#8 DER key, given as certificate", map[string][]byte{"a.cer": p.Cert("client").Raw, "b.key": pkcs8.Bytes},
			Options{}, []Source{{Path: "a.cer", Role: Candidate}, {Path: "b.key", Role: Candidate}},
			[]string{"a.cer: client [] usable"}},
		{"PKCS#12, empty password", map[string][]byte{"a.p12": encodeP12(t, p, "", "client", "Issuing", "Root")},
			Options{}, []Source{{Path: "a.p12", Role: Candidate}}, []string{"a.p12: client [Issuing Root] usable"}},
		{"PKCS#12, right password second", map[string][]byte{"a.p12": encodeP12(t, p, "secret", "client")},
			Options{Passwords: []string{"no", "secret"}}, []Source{{Path: "a.p12", Role: Candidate}},
			[]string{"a.p12: client [] usable"}},
		{"PKCS#12, locked", map[string][]byte{"a.p12": encodeP12(t, p, "secret", "client")},
			Options{Passwords: []string{"no"}}, []Source{{Path: "a.p12", Role: Candidate}}, []string{"a.p12: - [] locked"}},
		{"locked key in the same file", map[string][]byte{"a.pem": join(p.CertPEM("client"),
			encryptedKey(t, p, "client", "secret"))},
			Options{}, []Source{{Path: "a.pem", Role: Candidate}}, []string{"a.pem: client [] locked"}},
		{"unlocked key in the same file", map[string][]byte{"a.pem": join(p.CertPEM("client"),
			encryptedKey(t, p, "client", "secret"))},
			Options{Passwords: []string{"secret"}}, []Source{{Path: "a.pem", Role: Candidate}},
			[]string{"a.pem: client [] usable"}},
		{"key missing", map[string][]byte{"a.pem": p.CertPEM("client", "Issuing")},
			Options{}, []Source{{Path: "a.pem", Role: Candidate}}, []string{"a.pem: client [Issuing] missing"}},
		{"key of another in the same file", map[string][]byte{"a.pem": join(p.CertPEM("client"), p.KeyPEM("other"))},
			Options{}, []Source{{Path: "a.pem", Role: Candidate}}, []string{"a.pem: client [] mismatched"}},
		{"key of another in a key file", map[string][]byte{"a.pem": p.CertPEM("client"), "b.key": p.KeyPEM("other")},
			Options{}, []Source{{Path: "a.pem", Role: Candidate}, {Path: "b.key", Role: KeyFile}},
			[]string{"a.pem: client [] mismatched"}},
		{"two clients in one file", map[string][]byte{"a.pem": join(p.CertPEM("client", "other"), p.KeyPEM("client"),
			p.KeyPEM("other"))},
			Options{}, []Source{{Path: "a.pem", Role: Candidate}},
			[]string{"a.pem#1: client [] usable", "a.pem#2: other [] usable"}},
		{"directory like Kubernetes", map[string][]byte{"d/tls.crt": p.CertPEM("client", "Issuing"),
			"d/tls.key": p.KeyPEM("client"), "d/ca.crt": p.CertPEM("Root"), "d/token": []byte("abc")},
			Options{}, []Source{{Path: "d", Role: Candidate}}, []string{"tls.crt: client [Issuing] usable"}},
		{"directory of a PKI: a CA with its key is no client",
			map[string][]byte{"d/ca.crt": p.CertPEM("Root"), "d/ca.key": p.KeyPEM("Root"), "d/client.crt": p.CertPEM("client"),
				"d/client.key": p.KeyPEM("client")},
			Options{}, []Source{{Path: "d", Role: Candidate}}, []string{"client.crt: client [] usable"}},
		{"a CA with its key, by its name", map[string][]byte{"ca.pem": join(p.CertPEM("Root"), p.KeyPEM("Root"))},
			Options{}, []Source{{Path: "ca.pem", Role: Candidate}}, []string{"ca.pem: Root [] usable"}},
		{"keys are paired across folders, labels are unique",
			map[string][]byte{"x/c.pem": p.CertPEM("client"), "y/c.pem": p.CertPEM("other"), "z/1": p.KeyPEM("other"),
				"z/2": p.KeyPEM("client")},
			Options{}, []Source{{Path: "x", Role: Candidate}, {Path: "y", Role: Candidate}, {Path: "z", Role: Candidate}},
			[]string{"x/c.pem: client [] usable", "y/c.pem: other [] usable"}},
		{"locked key beside its certificate", map[string][]byte{"d/client.crt": p.CertPEM("client"),
			"d/client.key": encryptedKey(t, p, "client", "x"), "d/other.crt": p.CertPEM("other")},
			Options{}, []Source{{Path: "d", Role: Candidate}},
			[]string{"client.crt: client [] locked", "other.crt: other [] missing"}},
		{"one file twice", map[string][]byte{"a.pem": join(p.KeyPEM("client"), p.CertPEM("client"))},
			Options{}, []Source{{Path: "a.pem", Role: Candidate}, {Path: "a.pem", Role: KeyFile}},
			[]string{"a.pem: client [] usable"}},
		{"a bundle whose password a configuration after it tells",
			map[string][]byte{"d/a.p12": encodeP12(t, p, "secret", "client"),
				"d/b.properties": []byte("javax.net.ssl.keyStore=a.p12\njavax.net.ssl.keyStorePassword=secret\n")},
			Options{}, []Source{{Path: "d", Role: Candidate}}, []string{"b.properties: client [] usable"}},
		{"a bundle whose password a configuration before it tells",
			map[string][]byte{"d/b.p12": encodeP12(t, p, "secret", "client"),
				"d/a.properties": []byte("javax.net.ssl.keyStore=b.p12\njavax.net.ssl.keyStorePassword=secret\n")},
			Options{}, []Source{{Path: "d", Role: Candidate}}, []string{"a.properties: client [] usable"}},
		{"a configuration that names the wrong key, though the right one is at hand",
			map[string][]byte{"a.curlrc": []byte("cert = x.pem\nkey = other.key\n"),
				"x.pem": join(p.CertPEM("client"), p.KeyPEM("client")), "other.key": p.KeyPEM("other")},
			Options{}, []Source{{Path: "a.curlrc", Role: Candidate}, {Path: "x.pem", Role: Candidate}},
			[]string{"a.curlrc: client [] mismatched", "x.pem: client [] usable"}},
		{"a configuration that names no key, which lies beside",
			map[string][]byte{"a.curlrc": []byte("cert = x.pem\n"), "x.pem": p.CertPEM("client"), "k.pem": p.KeyPEM("client")},
			Options{}, []Source{{Path: "a.curlrc", Role: Candidate}, {Path: "k.pem", Role: KeyFile}},
			[]string{"a.curlrc: client [] missing"}},
		{"two clients with one certificate, one of them with a key that is not there",
			map[string][]byte{"d/.curlrc": []byte("cert = x.pem\nkey = x.key\n"),
				"d/.wgetrc": []byte("certificate = x.pem\nprivate_key = none.key\n"), "d/x.pem": p.CertPEM("client"),
				"d/x.key": p.KeyPEM("client")},
			Options{}, []Source{{Path: "d", Role: Candidate}},
			[]string{".curlrc: client [] usable", ".wgetrc: client [] unreadable"}},
		{"two services with their keys swapped",
			map[string][]byte{"pg_service.conf": []byte("[a]\nsslcert=a.pem\nsslkey=b.key\n[b]\nsslcert=b.pem\nsslkey=a.key\n"),
				"a.pem": p.CertPEM("client"), "a.key": p.KeyPEM("client"), "b.pem": p.CertPEM("other"),
				"b.key": p.KeyPEM("other")},
			Options{}, []Source{{Path: "pg_service.conf", Role: Candidate}},
			[]string{"pg_service.conf#a: client [] mismatched", "pg_service.conf#b: other [] mismatched"}},
		{"a locked key that is named, and not as such",
			map[string][]byte{"a.pem": p.CertPEM("client"), "k": encryptedKey(t, p, "client", "secret")},
			Options{}, []Source{{Path: "a.pem", Role: Candidate}, {Path: "k", Role: Candidate}},
			[]string{"a.pem: client [] locked"}},
		{"a locked key in the folder that belongs to no other by its name",
			map[string][]byte{"d/client.crt": p.CertPEM("client"), "d/privkey.pem": encryptedKey(t, p, "client", "secret")},
			Options{}, []Source{{Path: "d", Role: Candidate}}, []string{"client.crt: client [] locked"}},
		{"what a configuration names stands in its place",
			map[string][]byte{"a.curlrc": []byte("cert = x.pem\n"), "x.pem": join(p.CertPEM("client"), p.KeyPEM("client")),
				"b.pem": p.CertPEM("other")},
			Options{}, []Source{{Path: "a.curlrc", Role: Candidate}, {Path: "b.pem", Role: Candidate}},
			[]string{"a.curlrc: client [] usable", "b.pem: other [] missing"}},
		{"a leaf that two roots' bundles contain twice",
			map[string][]byte{"a.pem": join(p.CertPEM("client", "client", "Issuing"), p.KeyPEM("client"))},
			Options{}, []Source{{Path: "a.pem", Role: Candidate}}, []string{"a.pem: client [Issuing] usable"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(writeFiles(t, tt.files))
			h, err := Load(t.Context(), &tt.options, tt.sources...)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, i := range h.Identities {
				got = append(got, summary(i))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func writeFiles(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLoadErrors(t *testing.T) {
	p := testPKI()
	p12 := encodeP12(t, p, "secret", "client")
	tests := []struct {
		name string
		data []byte
		kind ErrorKind
		want string
	}{
		{"empty", []byte(" \n"), NotUnderstood, "is empty"},
		{"CA only", p.CertPEM("Root", "Issuing"), CAOnly, "contains CA certificates only, no client certificate"},
		{"key only", p.KeyPEM("client"), KeyOnly, "contains a private key only, no certificate"},
		{"wrong password", p12, WrongPassword, "is locked: PKCS#12: the password given does not open it"},
		{"cut PKCS#12", p12[:len(p12)/2], NotUnderstood, "cut off"},
		{"garbage", []byte("\x00\x01garbage"), NotUnderstood, "is in no format that is known here"},
		{"cut PEM", p.CertPEM("client")[:200], NotUnderstood, "contains nothing usable: line 1: a PEM block without its end"},
		{"JKS", []byte("\xfe\xed\xfe\xed\x00\x00\x00\x07\x00\x00\x00\x01"), NotUnderstood,
			"Java key store of an unknown version"},
		{"a request", []byte("-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n"),
			NotUnderstood, "neither certificate nor key, but: certificate request"},
		{"too large", make([]byte, maxFileSize+1), NotUnderstood, "larger than 16 MiB"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(writeFiles(t, map[string][]byte{"file": tt.data}))
			h, err := Load(t.Context(), &Options{Passwords: []string{"wrong"}}, Source{Path: "file", Role: Candidate})
			if err == nil {
				err = h.RequireIdentity()
			}
			var source *SourceError
			if !errors.As(err, &source) || source.Kind != tt.kind || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error = %v, want kind %d with %q", err, tt.kind, tt.want)
			}
			if !strings.HasPrefix(err.Error(), `"file" `) {
				t.Errorf("error %q does not name the file", err)
			}
		})
	}
	t.Run("folder without a certificate", func(t *testing.T) {
		t.Chdir(writeFiles(t, map[string][]byte{"d/notes.txt": []byte("nothing")}))
		h, err := Load(t.Context(), nil, Source{Path: "d", Role: Candidate})
		if err != nil || len(h.Problems) != 1 {
			t.Fatalf("%v, %v, want one problem", h, err)
		}
		if err := h.RequireIdentity(); err == nil || err.Error() != `"d" contains no client certificate` {
			t.Errorf("error = %v", err)
		}
	})
	t.Run("no such file", func(t *testing.T) {
		_, err := Load(t.Context(), nil, Source{Path: filepath.Join(t.TempDir(), "nothing"), Role: Candidate})
		if err == nil || !strings.Contains(err.Error(), "no such file") {
			t.Errorf("error = %v", err)
		}
	})
}

// A file that cannot be read is a state of the key, with the reason of the
// operating system. A link to itself is unreadable for root, too.
func TestLoadUnreadable(t *testing.T) {
	p := testPKI()
	t.Chdir(writeFiles(t, map[string][]byte{"d/client.crt": p.CertPEM("client"), "other.crt": p.CertPEM("other")}))
	for _, link := range []string{"d/client.key", "loop.p12", "loop.key"} {
		if err := os.Symlink(filepath.Base(link), link); err != nil {
			t.Fatal(err)
		}
	}
	h, err := Load(t.Context(), nil, Source{Path: "d", Role: Candidate}, Source{Path: "loop.p12", Role: Candidate})
	if err != nil {
		t.Fatal(err)
	}
	if len(h.Identities) != 2 || h.Identities[0].Key.State != Unreadable || h.Identities[1].Key.State != Unreadable ||
		h.Identities[1].Leaf != nil {
		t.Fatalf("identities = %v", h.Identities)
	}
	if detail := h.Identities[0].Key.Detail; !strings.Contains(detail, "too many levels of symbolic links") {
		t.Errorf("detail = %q, want the operating system's reason", detail)
	}
	h, err = Load(t.Context(), nil, Source{Path: "other.crt", Role: Candidate}, Source{Path: "loop.key", Role: KeyFile})
	if err != nil || h.Identities[0].Key.State != Unreadable {
		t.Errorf("identity with an unreadable key file: %v, %v", h, err)
	}
}

func TestLoadProblems(t *testing.T) {
	p := testPKI()
	damaged := bytes.Replace(p.CertPEM("Root"), []byte("MII"), []byte("!!!"), 1)
	t.Chdir(writeFiles(t, map[string][]byte{
		"a.pem":  join(p.CertPEM("client"), damaged, p.KeyPEM("client")),
		"ca.pem": p.CertPEM("Root"),
	}))
	h, err := Load(t.Context(), nil, Source{Path: "a.pem", Role: Candidate}, Source{Path: "ca.pem", Role: Candidate})
	if err != nil {
		t.Fatal(err)
	}
	line := 1 + bytes.Count(p.CertPEM("client"), []byte("\n"))
	want := []string{
		fmt.Sprintf(`"a.pem": line %d: a PEM block whose Base64 is broken in line %d`, line, line+1),
		`"ca.pem" contains CA certificates only, no client certificate`,
	}
	var got []string
	for _, problem := range h.Problems {
		got = append(got, problem.Error())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if len(h.Authorities) != 1 || h.Authorities[0].Source != "ca.pem" {
		t.Errorf("authorities = %v", h.Authorities)
	}
}

func TestPrompt(t *testing.T) {
	p := testPKI()
	t.Chdir(writeFiles(t, map[string][]byte{"a.p12": encodeP12(t, p, "secret", "client")}))
	asked := 0
	prompt := func(_ context.Context, source string, attempt int) (string, error) {
		asked++
		if source != "a.p12" || attempt != asked {
			t.Errorf("asked for %q, attempt %d", source, attempt)
		}
		return []string{"wrong", "secret"}[attempt-1], nil
	}
	h, err := Load(t.Context(), &Options{Prompt: prompt}, Source{Path: "a.p12", Role: Candidate})
	if err != nil || h.Identities[0].Key.State != Usable || asked != 2 {
		t.Errorf("%v, %v, asked %d times, want usable after 2", h, err, asked)
	}
	// In the order of the files, and what was right once is tried on the next.
	t.Chdir(writeFiles(t, map[string][]byte{"d/1.p12": encodeP12(t, p, "one", "client"),
		"d/2.p12": encodeP12(t, p, "two", "other"), "d/3.p12": encodeP12(t, p, "one", "other")}))
	var sources []string
	h, err = Load(t.Context(), &Options{Prompt: func(_ context.Context, source string, attempt int) (string, error) {
		sources = append(sources, filepath.Base(source))
		return map[string]string{"1.p12": "one", "2.p12": "wrong"}[filepath.Base(source)], nil
	}}, Source{Path: "d"})
	if err != nil || len(h.Identities) != 3 || !cmp.Equal(sources, []string{"1.p12", "2.p12", "2.p12", "2.p12"}) {
		t.Fatalf("%v, asked for %q", err, sources)
	}
	if i := h.Identities[1]; h.Identities[2].Key.State != Usable || i.Key.State != Locked ||
		!strings.Contains(i.Key.Detail, "no password that was typed opens it") {
		t.Errorf("%s, then %+v", i.Key.Detail, h.Identities[2].Key)
	}
	t.Chdir(writeFiles(t, map[string][]byte{"a.p12": encodeP12(t, p, "secret", "client")}))
	nobody := func(context.Context, string, int) (string, error) { return "", ErrNoPassword }
	h, err = Load(t.Context(), &Options{Prompt: nobody}, Source{Path: "a.p12", Role: Candidate})
	if err != nil || h.Identities[0].Key.State != Locked {
		t.Errorf("nobody answers: %v, %v, want locked", h, err)
	}
}

// Keys that the real openssl encrypted are opened.
func TestOpenSSLKeys(t *testing.T) {
	openssl := debian.Program(t, "openssl", "openssl")
	p := testPKI()
	for _, args := range [][]string{
		{"pkcs8", "-topk8"},
		{"pkcs8", "-topk8", "-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA512"},
		{"pkcs8", "-topk8", "-v2", "des3", "-v2prf", "hmacWithSHA1"},
		{"pkcs8", "-topk8", "-v1", "PBE-SHA1-3DES"},
		{"pkcs8", "-topk8", "-scrypt"},
		{"ec", "-aes256"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			cmd := exec.Command(openssl, append(args, "-passout", "pass:secret")...)
			cmd.Stdin = bytes.NewReader(p.KeyPEM("client"))
			encrypted, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			t.Chdir(writeFiles(t, map[string][]byte{"a.pem": join(p.CertPEM("client"), encrypted)}))
			h, err := Load(t.Context(), &Options{Passwords: []string{"wrong", "secret"}},
				Source{Path: "a.pem", Role: Candidate})
			if err != nil || h.Identities[0].Key.State != Usable {
				t.Fatalf("%v, %v", h, err)
			}
			h, err = Load(t.Context(), &Options{Passwords: []string{"wrong"}}, Source{Path: "a.pem", Role: Candidate})
			if err != nil || h.Identities[0].Key.State != Locked {
				t.Errorf("with a wrong password: %v, %v", h, err)
			}
		})
	}
}

// A key derivation beyond the limit is seen before it begins.
func TestIterationsLimit(t *testing.T) {
	p := testPKI()
	data, err := pkcs12.Modern.WithIterations(70_000).Encode(p.Key("client"), p.Cert("client"), nil, "x")
	if err != nil {
		t.Fatal(err)
	}
	// The counts become 0x7fffff... the same length, so still well formed.
	huge := bytes.ReplaceAll(data, []byte{0x02, 0x03, 0x01, 0x11, 0x70}, []byte{0x02, 0x03, 0x7f, 0xff, 0xff})
	if bytes.Equal(huge, data) {
		t.Fatal("no count was found")
	}
	t.Chdir(writeFiles(t, map[string][]byte{"a.p12": bytes.ReplaceAll(data, []byte{0x02, 0x03, 0x01, 0x11, 0x70},
		[]byte{0x02, 0x03, 0x4c, 0x4b, 0x40})}))
	_, err = Load(t.Context(), &Options{Passwords: []string{"x"}}, Source{Path: "a.p12", Role: Candidate})
	if err == nil || !strings.Contains(err.Error(), "iterations") {
		t.Errorf("three derivations of five million iterations: %v, want a refusal", err)
	}
}

func TestProve(t *testing.T) {
	p := testPKI()
	i := &Identity{Leaf: p.Cert("client"), Key: Key{State: Usable, Signer: p.Key("client")}}
	proofs := i.Prove([]tls.SignatureScheme{tls.PSSWithSHA256, tls.ECDSAWithP256AndSHA256, tls.ECDSAWithSHA1})
	if len(proofs) != 2 || proofs[0].Err != nil || proofs[1].Err != nil {
		t.Errorf("proofs = %v, want two that hold", proofs)
	}
	i.Key.Signer = p.Key("other")
	if proofs := i.Prove([]tls.SignatureScheme{tls.ECDSAWithP256AndSHA256}); proofs[0].Err == nil {
		t.Error("another key's signature was accepted")
	}
	t.Setenv("GODEBUG", "rsa1024min=0")
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	cert := *p.Cert("client")
	cert.PublicKey = &small.PublicKey
	i = &Identity{Leaf: &cert, Key: Key{State: Usable, Signer: small}}
	proofs = i.Prove([]tls.SignatureScheme{tls.PSSWithSHA256, tls.PSSWithSHA512})
	if len(proofs) != 2 || proofs[0].Err != nil || proofs[1].Err == nil {
		t.Errorf("proofs of RSA 1024 = %v: too short for PSS with SHA-512 only", proofs)
	}
}

func TestFits(t *testing.T) {
	cert := testPKI().Cert("client")
	tests := []struct {
		scheme  tls.SignatureScheme
		version uint16
		want    bool
	}{
		{tls.ECDSAWithP256AndSHA256, tls.VersionTLS13, true},
		{tls.ECDSAWithP384AndSHA384, tls.VersionTLS13, false},
		{tls.ECDSAWithP384AndSHA384, tls.VersionTLS12, true},
		{tls.ECDSAWithSHA1, tls.VersionTLS13, false},
		{tls.PSSWithSHA256, tls.VersionTLS12, false},
		{0x0808, tls.VersionTLS13, false},
	}
	for _, tt := range tests {
		if got := Fits(cert, tt.scheme, tt.version); got != tt.want {
			t.Errorf("Fits(P-256, %v, %x) = %t, want %t", tt.scheme, tt.version, got, tt.want)
		}
	}
}

func TestBesides(t *testing.T) {
	p := newPairing()
	besides := func(key, cert string) bool { return p.stemmed(&file{path: key}) == p.stemmed(&file{path: cert}) }
	for _, pair := range [][2]string{{"client.key", "client.crt"}, {"client-key.pem", "client-cert.pem"},
		{"key.pem", "cert.pem"}, {"tls.key", "tls.crt"}} {
		if !besides(pair[0], pair[1]) {
			t.Errorf("%v do not belong together", pair)
		}
	}
	if besides("a/client.key", "b/client.crt") || besides("client.key", "other.crt") {
		t.Error("files of different names or folders belong together")
	}
}

// Whatever a file holds, opening it ends without a panic.
func FuzzOpen(f *testing.F) {
	p := testPKI()
	seeds := [][]byte{
		p.CertPEM("client"), p.KeyPEM("client"), p.Cert("client").Raw,
		encodeP12(f, p, "", "client"), encryptedKey(f, p, "client", "x"),
		[]byte("\xfe\xed\xfe\xed\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x02\x00\x01a12345678\x00\x05X.509\x00\x00\x00\x02\x30\x00"),
	}
	for _, s := range seeds {
		if len(s) == 0 {
			f.Fatal("empty seed")
		}
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if file, err := pfx.Parse(data); err == nil && file.Work() > 100_000 {
			return // allowed, but too slow to try here
		}
		c, err := (&opener{}).open(t.Context(), &file{path: "fuzz", data: data})
		if err == nil && c.empty() {
			t.Errorf("nothing found and no error: %v", c.problems)
		}
	})
}

// A file with thousands of certificates and no key is read in a moment, and each
// candidate's chain is what is no candidate itself.
func TestManyCertificates(t *testing.T) {
	const count = 3000
	var all bytes.Buffer
	edges := []certtest.Edge{{Subject: "CA", Issuer: "CA"}}
	for n := range count {
		edges = append(edges, certtest.Edge{Subject: fmt.Sprintf("client %d", n), Issuer: "CA"})
	}
	many := certtest.New(edges...)
	all.Write(many.CertPEM("CA"))
	for n := range count {
		all.Write(many.CertPEM(fmt.Sprintf("client %d", n)))
	}
	t.Chdir(writeFiles(t, map[string][]byte{"many.pem": all.Bytes()}))
	h, err := Load(t.Context(), nil, Source{Path: "many.pem", Role: Candidate})
	if err != nil || len(h.Identities) != count || len(h.Identities[0].Chain) != 1 {
		t.Fatalf("%v, %d identities", err, len(h.Identities))
	}
}

// The keys of one file share a budget of iterations.
func TestKeyBudget(t *testing.T) {
	p := testPKI()
	algorithm, encrypted, err := pbe.EncryptAES256("x", 1, p.Cert("client").Raw)
	if err != nil {
		t.Fatal(err)
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(algorithm)
		b.AddASN1OctetString(encrypted)
	})
	data := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: b.BytesOrPanic()})
	c := &contents{file: &file{path: "keys.pem"}, work: pbe.MaxIterations}
	o := &opener{options: Options{Passwords: []string{"x"}}}
	if err := o.pem(t.Context(), c, data); err != nil || len(c.locked) != 1 ||
		!strings.Contains(c.locked[0], "together demand more than") {
		t.Errorf("%v, %q", err, c.locked)
	}
}

// Key stores that the real keytool makes: two entries, each with its own key.
func TestKeytool(t *testing.T) {
	keytool := debian.Program(t, "openjdk-17-jdk-headless", "keytool")
	for _, kind := range []string{"JKS", "JCEKS", "PKCS12"} {
		t.Run(kind, func(t *testing.T) {
			t.Chdir(t.TempDir())
			for alias, algorithm := range map[string][]string{"first": {"-keyalg", "RSA", "-keysize", "2048"},
				"second": {"-keyalg", "EC", "-groupname", "secp256r1"}} {
				args := append([]string{"-genkeypair", "-keystore", "store", "-storetype", kind, "-storepass", "secret",
					"-keypass", "secret", "-alias", alias, "-dname", "CN=" + alias, "-ext", "EKU=clientAuth"}, algorithm...)
				if out, err := exec.Command(keytool, args...).CombinedOutput(); err != nil {
					t.Fatalf("keytool: %v\n%s", err, out)
				}
			}
			h, err := Load(t.Context(), &Options{Passwords: []string{"secret"}}, Source{Path: "store", Role: Candidate})
			if err != nil || len(h.Identities) != 2 {
				t.Fatalf("%v, %+v", err, h)
			}
			for _, i := range h.Identities {
				if i.Key.State != Usable || i.Leaf.Subject.CommonName != i.FriendlyName || len(i.Chain) != 0 {
					t.Errorf("%s: key %s, %q, named %q, chain of %d", i.Label, i.Key.State, i.Key.Detail, i.FriendlyName,
						len(i.Chain))
				}
			}
			if want := "SHA-1 with the password, which fits"; kind != "PKCS12" && h.Identities[0].Container.Integrity != want {
				t.Errorf("integrity %q, want %q", h.Identities[0].Container.Integrity, want)
			}
			h, err = Load(t.Context(), &Options{Passwords: []string{"wrong"}}, Source{Path: "store", Role: Candidate})
			if err != nil || h.Identities[0].Key.State != Locked {
				t.Errorf("with a wrong password: %v, %+v", err, h.Identities[0].Key)
			}
		})
	}
}

// What keytool's stores say of their integrity, and how their secrets are kept.
func TestKeytoolStores(t *testing.T) {
	keytool := debian.Program(t, "openjdk-17-jdk-headless", "keytool")
	t.Chdir(t.TempDir())
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(keytool, append(args, "-storepass", "secret")...).CombinedOutput(); err != nil {
			t.Fatalf("keytool %q: %v\n%s", args, err, out)
		}
	}
	run("-genkeypair", "-keystore", "a.jks", "-storetype", "JKS", "-keypass", "secret", "-alias", "a", "-dname", "CN=a",
		"-keyalg", "EC")
	run("-genseckey", "-keystore", "s.p12", "-storetype", "PKCS12", "-alias", "s", "-keyalg", "AES", "-keysize", "128")
	data, err := os.ReadFile("a.jks")
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(data)
	flipped[20] ^= 1 // of the date
	for _, tt := range []struct {
		name      string
		data      []byte
		passwords []string
		integrity string
		problem   string
	}{
		{"fits", data, []string{"no", "secret"}, "SHA-1 with the password, which fits", ""},
		{"no password", data, nil, "SHA-1 with the password, which was not given", ""},
		{"wrong password", data, []string{"no"}, "SHA-1 with the password, and none that was given fits",
			"it is another, or the file was changed"},
		{"changed", flipped, []string{"secret"}, "SHA-1 with the password, and none that was given fits",
			"it is another, or the file was changed"},
		{"cut off", data[:len(data)-1], []string{"secret"}, "SHA-1 with the password, which cannot fit",
			"does not end with its digest"},
	} {
		h := load(t, &Options{Passwords: tt.passwords}, map[string][]byte{"x.jks": tt.data}, "x.jks")
		if got := h.Identities[0].Container.Integrity; got != tt.integrity {
			t.Errorf("%s: integrity %q, want %q", tt.name, got, tt.integrity)
		}
		if text := fmt.Sprint(h.Problems); (tt.problem == "") != (len(h.Problems) == 0) ||
			!strings.Contains(text, tt.problem) {
			t.Errorf("%s: problems %s, want %q", tt.name, text, tt.problem)
		}
	}
	h, err := Load(t.Context(), &Options{Passwords: []string{"secret"}}, Source{Path: "s.p12"})
	if err != nil || len(h.Others) != 1 || !strings.HasPrefix(h.Others[0].Container.Parts[0], `secret "s"`) ||
		!strings.Contains(h.Others[0].Container.Parts[0], ": PBES2 with") {
		t.Errorf("%v, %+v", err, h)
	}
}
