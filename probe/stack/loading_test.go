//go:build slow

package stack_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/certtest/debian"
	"mtlsprobe/probe/stack"
	"mtlsprobe/report/say"
)

// A form is one way of writing the same identity to files.
type form struct {
	name string
	leaf string // empty means "rsa"
	// write fills in the bundle, the key, the kind and the password.
	write func(t *testing.T, f *forming)
}

// A forming is an identity that is being written.
type forming struct {
	*files
	leaf, int, root, weak, beside []byte // PEM
	private, other                []byte // PKCS #8, PEM
}

func (f *forming) put(t *testing.T, name string, parts ...[]byte) string {
	t.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.WriteFile(path, slices.Concat(parts...), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// tool runs a program that writes files, and returns the path of its output file.
func (f *forming) tool(t *testing.T, out string, name string, args ...string) string {
	t.Helper()
	path := filepath.Join(f.dir, out)
	for n, arg := range args {
		args[n] = strings.ReplaceAll(arg, "$out", path)
	}
	cmd := exec.Command(debian.Program(t, name, name), args...)
	cmd.Dir = f.dir
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, text)
	}
	return path
}

const formPassword = "secret"

// forms are the containers and encodings.
func forms() []form {
	certs := func(change func(f *forming) []byte) func(*testing.T, *forming) {
		return func(t *testing.T, f *forming) { f.bundle = f.put(t, "form.pem", change(f)) }
	}
	usual := func(f *forming) []byte { return slices.Concat(f.leaf, f.int) }
	replaced := func(old, by string) func(f *forming) []byte {
		return func(f *forming) []byte { return bytes.ReplaceAll(usual(f), []byte(old), []byte(by)) }
	}
	key := func(args ...string) func(*testing.T, *forming) {
		return func(t *testing.T, f *forming) {
			f.bundle, f.password = f.put(t, "form.pem", usual(f)), formPassword
			f.key = f.tool(t, "form.key", "openssl", args...)
		}
	}
	clear := func(args ...string) func(*testing.T, *forming) {
		return func(t *testing.T, f *forming) { key(args...)(t, f); f.password = "" }
	}
	pfx := func(args ...string) func(*testing.T, *forming) {
		return func(t *testing.T, f *forming) {
			f.kind, f.key, f.password = "PKCS12", "", formPassword
			f.bundle = f.tool(t, "form.p12", "openssl", append([]string{"pkcs12", "-export", "-out", "$out", "-inkey", "key.pem", "-in", "bundle.pem",
				"-name", "client", "-passout", "pass:" + formPassword}, args...)...)
		}
	}
	ours := func(encoding certstore.Encoding, kind, password string) func(*testing.T, *forming) {
		return func(t *testing.T, f *forming) {
			f.kind, f.key, f.password = kind, "", password
			f.bundle = f.put(t, "form."+string(encoding), must(certstore.Encode(certstore.Form{Encoding: encoding, Password: password}, f.Identity)))
		}
	}
	keytool := func(kind string) func(*testing.T, *forming) {
		return func(t *testing.T, f *forming) {
			f.kind, f.key, f.password = kind, "", formPassword
			f.bundle = f.tool(t, "form."+kind, "keytool", "-importkeystore", "-noprompt", "-srckeystore", "client.p12", "-srcstorepass", formPassword, "-srcstoretype", "PKCS12",
				"-destkeystore", "$out", "-deststorepass", formPassword, "-deststoretype", kind)
		}
	}
	return []form{
		{name: "PEM, two files", write: certs(usual)},
		{name: "PEM, one file", write: func(t *testing.T, f *forming) { f.bundle, f.key = f.put(t, "one.pem", usual(f), f.private), "" }},
		{name: "PEM, one file, key first", write: func(t *testing.T, f *forming) { f.bundle, f.key = f.put(t, "one.pem", f.private, usual(f)), "" }},
		{name: "PEM, key in the middle", write: func(t *testing.T, f *forming) { f.bundle, f.key = f.put(t, "one.pem", f.leaf, f.private, f.int), "" }},
		{name: "PEM, mtlsprobe's", write: func(t *testing.T, f *forming) { ours(certstore.PEM, "", "")(t, f) }},
		{name: "PEM, mtlsprobe's, with a password", write: func(t *testing.T, f *forming) { ours(certstore.PEM, "", formPassword)(t, f) }},
		{name: "CR LF", write: certs(replaced("\n", "\r\n"))},
		{name: "CR", write: certs(replaced("\n", "\r"))},
		{name: "byte order mark", write: certs(func(f *forming) []byte { return slices.Concat([]byte("\xef\xbb\xbf"), usual(f)) })},
		{name: "UTF-16", write: certs(func(f *forming) []byte {
			var out []byte
			for _, unit := range utf16.Encode([]rune("\ufeff" + string(usual(f)))) {
				out = append(out, byte(unit), byte(unit>>8))
			}
			return out
		})},
		{name: "END and BEGIN joined", write: certs(replaced("-----END CERTIFICATE-----\n-----BEGIN", "-----END CERTIFICATE----------BEGIN"))},
		{name: "no line end at the end", write: certs(func(f *forming) []byte { return bytes.TrimSpace(usual(f)) })},
		{name: "text between", write: certs(func(f *forming) []byte {
			return slices.Concat([]byte("Bag Attributes\n    friendlyName: client\nsubject=CN = x\n\n"), f.leaf, []byte("subject=CN = y\n"), f.int, []byte("the end\n"))
		})},
		{name: "openssl x509 -text", write: func(t *testing.T, f *forming) {
			f.bundle = f.tool(t, "form.pem", "openssl", "x509", "-in", "leaf.pem", "-text", "-out", "$out")
			text := must(os.ReadFile(f.bundle))
			f.bundle = f.put(t, "form.pem", text, f.int)
		}},
		{name: "indented", write: certs(func(f *forming) []byte {
			return append([]byte("  "), bytes.ReplaceAll(bytes.TrimSpace(usual(f)), []byte("\n"), []byte("\n  "))...)
		})},
		{name: "spaces at the ends of lines", write: certs(replaced("\n", "  \n"))},
		{name: "blank line within", write: certs(func(f *forming) []byte {
			lines := strings.SplitAfter(string(usual(f)), "\n")
			return []byte(strings.Join(slices.Insert(lines, 4, "\n"), ""))
		})},
		{name: "one long line", write: certs(func(f *forming) []byte {
			body, _ := pem.Decode(f.leaf)
			return slices.Concat([]byte("-----BEGIN CERTIFICATE-----\n"), []byte(base64.StdEncoding.EncodeToString(body.Bytes)), []byte("\n-----END CERTIFICATE-----\n"), f.int)
		})},
		{name: "X509 CERTIFICATE", write: certs(replaced(" CERTIFICATE", " X509 CERTIFICATE"))},
		{name: "TRUSTED CERTIFICATE", write: func(t *testing.T, f *forming) {
			trusted := must(os.ReadFile(f.tool(t, "trusted.pem", "openssl", "x509", "-in", "leaf.pem", "-trustout", "-out", "$out")))
			f.bundle = f.put(t, "form.pem", trusted, f.int)
		}},
		{name: "NUL at the end", write: certs(func(f *forming) []byte { return append(usual(f), 0) })},
		{name: "root first", write: certs(func(f *forming) []byte { return slices.Concat(f.root, f.int, f.leaf) })},
		{name: "root in the middle", write: certs(func(f *forming) []byte { return slices.Concat(f.leaf, f.root, f.int) })},
		{name: "root last", write: certs(func(f *forming) []byte { return slices.Concat(f.leaf, f.int, f.root) })},
		{name: "leaf twice", write: certs(func(f *forming) []byte { return slices.Concat(f.leaf, f.leaf, f.int) })},
		{name: "another key first", write: func(t *testing.T, f *forming) {
			f.bundle, f.key = f.put(t, "form.pem", usual(f)), f.put(t, "form.key", f.other, f.private)
		}},
		{name: "another key last", write: func(t *testing.T, f *forming) {
			f.bundle, f.key = f.put(t, "form.pem", usual(f)), f.put(t, "form.key", f.private, f.other)
		}},
		{name: "key others may read", write: func(t *testing.T, f *forming) {
			f.bundle, f.key = f.put(t, "form.pem", usual(f)), f.put(t, "form.key", f.private)
			if err := os.Chmod(f.key, 0o644); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "SHA-1 CA in the file", write: certs(func(f *forming) []byte { return slices.Concat(usual(f), f.weak) })},
		{name: "a CA beside the path in the file", write: certs(func(f *forming) []byte { return slices.Concat(f.leaf, f.beside, f.int) })},
		{name: "key RSA PRIVATE KEY", write: clear("rsa", "-in", "key.pem", "-traditional", "-out", "$out")},
		{name: "key EC PRIVATE KEY", leaf: "good", write: clear("ec", "-in", "key.pem", "-out", "$out")},
		{name: "key EC PARAMETERS and EC PRIVATE KEY", leaf: "good", write: func(t *testing.T, f *forming) {
			clear("ec", "-in", "key.pem", "-out", "$out")(t, f)
			parameters := must(os.ReadFile(f.tool(t, "form.param", "openssl", "ecparam", "-name", "prime256v1", "-out", "$out")))
			f.key = f.put(t, "both.key", parameters, must(os.ReadFile(f.key)))
		}},
		{name: "key with explicit curve", leaf: "good", write: clear("ec", "-in", "key.pem", "-param_enc", "explicit", "-out", "$out")},
		{name: "key in DER", write: func(t *testing.T, f *forming) {
			f.bundle, f.key = f.put(t, "form.pem", usual(f)), f.put(t, "form.key", must(x509.MarshalPKCS8PrivateKey(f.Key.Signer)))
			f.keyKind = "DER"
		}},
		{name: "key encrypted, AES-256", write: key("pkcs8", "-topk8", "-in", "key.pem", "-out", "$out", "-v2", "aes256", "-passout", "pass:secret")},
		{name: "key encrypted, 3DES PBES2", write: key("pkcs8", "-topk8", "-in", "key.pem", "-out", "$out", "-v2", "des3", "-passout", "pass:secret")},
		{name: "key encrypted, scrypt", write: key("pkcs8", "-topk8", "-in", "key.pem", "-out", "$out", "-scrypt", "-passout", "pass:secret")},
		{name: "key encrypted, PBES1 3DES", write: key("pkcs8", "-topk8", "-in", "key.pem", "-out", "$out", "-v1", "PBE-SHA1-3DES", "-passout", "pass:secret")},
		{name: "key encrypted, PBES1 DES", write: key("pkcs8", "-topk8", "-provider", "legacy", "-provider", "default", "-in", "key.pem", "-out", "$out", "-v1", "PBE-MD5-DES", "-passout", "pass:secret")},
		{name: "key encrypted, DEK-Info", write: key("rsa", "-in", "key.pem", "-traditional", "-aes256", "-out", "$out", "-passout", "pass:secret")},
		{name: "key encrypted, EC DEK-Info", leaf: "good", write: key("ec", "-in", "key.pem", "-aes256", "-out", "$out", "-passout", "pass:secret")},
		{name: "DER", write: func(t *testing.T, f *forming) {
			f.bundle, f.kind = f.put(t, "form.der", f.Leaf.Raw), "DER"
			f.key = f.put(t, "form.key.der", must(x509.MarshalPKCS8PrivateKey(f.Key.Signer)))
		}},
		{name: "DER certificate, PEM key", write: func(t *testing.T, f *forming) {
			f.bundle, f.kind, f.keyKind = f.put(t, "form.cer", f.Leaf.Raw), "DER", "PEM"
		}},
		{name: "PKCS #7 in PEM", write: func(t *testing.T, f *forming) {
			f.bundle = f.tool(t, "form.p7b", "openssl", "crl2pkcs7", "-nocrl", "-certfile", "bundle.pem", "-out", "$out")
		}},
		{name: "PKCS #12", write: pfx()},
		{name: "PKCS #12, mtlsprobe's", write: ours(certstore.PKCS12, "PKCS12", formPassword)},
		{name: "PKCS #12, mtlsprobe's legacy", write: ours(certstore.PKCS12Legacy, "PKCS12", formPassword)},
		{name: "PKCS #12, RC2 and 3DES", write: pfx("-legacy")},
		{name: "PKCS #12, 3DES", write: pfx("-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1")},
		{name: "PKCS #12, RC4", write: pfx("-legacy", "-keypbe", "PBE-SHA1-RC4-128", "-certpbe", "PBE-SHA1-RC4-128")},
		{name: "PKCS #12, AES-128, MAC SHA-512", write: pfx("-keypbe", "AES-128-CBC", "-certpbe", "AES-128-CBC", "-macalg", "sha512")},
		{name: "PKCS #12, AES-192", write: pfx("-keypbe", "AES-192-CBC", "-certpbe", "AES-192-CBC")},
		{name: "PKCS #12, certificates in clear", write: pfx("-certpbe", "NONE")},
		{name: "PKCS #12, key in clear", write: pfx("-keypbe", "NONE")},
		{name: "PKCS #12, no MAC", write: pfx("-nomac")},
		{name: "PKCS #12, MAC MD5", write: pfx("-macalg", "md5")},
		{name: "PKCS #12, no password", write: func(t *testing.T, f *forming) { pfx("-passout", "pass:")(t, f); f.password = "" }},
		{name: "PKCS #12, SHA-1 CA in it", write: func(t *testing.T, f *forming) { f.put(t, "weak.pem", f.weak); pfx("-certfile", "weak.pem")(t, f) }},
		{name: "PKCS #12, root in it", write: func(t *testing.T, f *forming) { f.put(t, "more.pem", f.root); pfx("-certfile", "more.pem")(t, f) }},
		{name: "PKCS #12, a CA beside the path in it", write: func(t *testing.T, f *forming) { f.put(t, "more.pem", f.beside); pfx("-certfile", "more.pem")(t, f) }},
		{name: "PKCS #12, password not ASCII", write: func(t *testing.T, f *forming) {
			pfx("-passout", "pass:Schlüssel")(t, f)
			f.password = "Schlüssel"
		}},
		{name: "JKS", write: keytool("JKS")},
		{name: "JKS, mtlsprobe's", write: ours(certstore.JKS, "JKS", formPassword)},
		{name: "JCEKS", write: keytool("JCEKS")},
		{name: "PKCS #12, keytool's", write: keytool("PKCS12")},
	}
}

// load is what mtlsprobe makes of the files; nil where it finds no identity in them.
func (f *files) load(t *testing.T) *certstore.Identity {
	t.Helper()
	sources := []certstore.Source{{Path: f.bundle, Role: certstore.Candidate}}
	if f.key != "" {
		sources = append(sources, certstore.Source{Path: f.key, Role: certstore.KeyFile})
	}
	holding, err := certstore.Load(t.Context(), &certstore.Options{Passwords: []string{f.password}, Partial: true}, sources...)
	if err != nil {
		t.Logf("load: %v", err)
		return nil
	}
	holding.Expose()
	for _, i := range holding.Identities {
		if i.Leaf != nil && i.Leaf.Equal(f.Leaf) {
			return i
		}
	}
	return nil
}

// formed writes a form, and loads it; a form that cannot be loaded has no leaf.
func (w *world) formed(t *testing.T, form form) (scenario, *forming, *certstore.Identity) {
	t.Helper()
	s := scenario{name: form.name, leaf: cmp.Or(form.leaf, "rsa"), chain: []string{"Int A"}, named: []string{"Root A", "Int A"}}
	f := &forming{files: w.files(t, s)}
	f.leaf, f.int, f.private = must(os.ReadFile(f.certOnly)), must(os.ReadFile(f.chain)), must(os.ReadFile(f.key))
	f.root, f.weak, f.beside = w.pki.CertPEM("Root A"), w.pki.CertPEM("Weak CA"), w.pki.CertPEM("Root B")
	f.other = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(w.leaves["p384"].key))})
	form.write(t, f)
	identity := f.load(t)
	if identity == nil { // which says that no client reads it
		identity = &certstore.Identity{}
	}
	return s, f, identity
}

// TestLoading holds what the real clients make of each form of file against the models.
// The command line of OpenSSL is left out: it reads files as no other program does.
func TestLoading(t *testing.T) {
	slow, stop := slowClients(t)
	defer stop()
	alike, stopAlike := aliases(t)
	defer stopAlike()
	list := slices.DeleteFunc(slices.Concat(clients(), slow, alike, compiled(t)), func(c client) bool {
		return c.profile == "openssl" || c.profile == "openssl-strict" || c.profile == "firefox" || c.profile == "chromium-linux" || c.profile == "nss" || c.profile == "librdkafka-keystore" // which load as others do
	})
	w := newWorld(t)
	scores := make(map[string]*score)
	for _, form := range forms() {
		s, f, identity := w.formed(t, form)
		if identity.Key.Signer != nil && (f.kind == "" || f.kind == "DER") { // what fix writes for those that read no PEM
			named := *identity
			named.FriendlyName = f.FriendlyName
			f.Identity = &named
			f.pkcs12 = f.put(t, "fixed.p12", must(certstore.Encode(certstore.Form{Encoding: certstore.PKCS12, Password: formPassword}, &named)))
		}
		for _, c := range list {
			if _, err := exec.LookPath(c.tool); c.tool != "" && err != nil {
				debian.Missing(t, c.pkg)
				continue
			}
			version := cmp.Or(c.only, "1.3")
			r := w.request(s, versions[version])
			prediction := w.predict(c.profile, &files{Identity: identity}, r)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			port, seen := listen(t, w, r, &c, cancel)
			out, _ := c.run(ctx, w, f.files, port, version)
			cancel()
			label := cmp.Or(c.name, c.profile)
			if scores[label] == nil {
				scores[label] = &score{}
			}
			if identity.Leaf == nil && stack.Lookup(c.profile).Files.Imports {
				continue // nothing to import
			}
			if identity.Leaf == nil {
				prediction = stack.Prediction{Sends: say.No, Action: cmp.Or(stack.Lookup(c.profile).Files.Unloaded.Action, stack.Fails)}
			}
			w.compare(t, c.profile, s, version, &prediction, seen(), out, scores[label])
		}
	}
	printScores(t, scores)
}
