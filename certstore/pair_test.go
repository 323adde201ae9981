package certstore

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mtlsprobe/certstore/certtest"
	"mtlsprobe/certstore/pfx"
)

func load(t *testing.T, o *Options, files map[string][]byte, paths ...string) *Holding {
	t.Helper()
	dir := writeFiles(t, files)
	var sources []Source
	for _, path := range paths {
		sources = append(sources, Source{Path: filepath.Join(dir, path)})
	}
	h, err := Load(t.Context(), o, sources...)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// Of several copies of a key the one beside the certificate counts.
func TestNearestKey(t *testing.T) {
	p := testPKI()
	both, key := join(p.CertPEM("client"), p.KeyPEM("client")), p.KeyPEM("client")
	for _, order := range [][]string{{"both.pem", "copy.key"}, {"copy.key", "both.pem"}} {
		h := load(t, nil, map[string][]byte{"both.pem": both, "copy.key": key}, order...)
		if got := filepath.Base(h.Identities[0].Key.Source); got != "both.pem" {
			t.Errorf("%q: the key in %s was taken", order, got)
		}
	}
}

// What a configuration names, and what is amiss with it, is said with both paths.
func TestNamedBy(t *testing.T) {
	p := testPKI()
	h := load(t, nil, map[string][]byte{
		"curlrc": []byte("cert = a.pem\nkey = other.key\n"), "a.pem": p.CertPEM("client"), "other.key": p.KeyPEM("other"),
	}, "curlrc")
	i := h.Identities[0]
	if filepath.Base(i.NamedBy) != "curlrc" || filepath.Base(i.Source) != "a.pem" {
		t.Errorf("named by %q, source %q", i.NamedBy, i.Source)
	}
	for _, want := range []string{"other.key", "curlrc", "belongs to another certificate"} {
		if !strings.Contains(i.Key.Detail, want) {
			t.Errorf("detail = %q, want %q in it", i.Key.Detail, want)
		}
	}
}

// A client's relative path counts from where it is started.
func TestFromStart(t *testing.T) {
	p := testPKI()
	both := join(p.CertPEM("client"), p.KeyPEM("client"))
	dir := writeFiles(t, map[string][]byte{"conf/.curlrc": []byte("cert = a.pem\n"), "a.pem": both,
		"conf/.wgetrc": []byte("certificate = b.pem\n"), "b.pem": nil, "conf/b.pem": both})
	t.Chdir(dir)
	for config, want := range map[string]string{"conf/.curlrc": "a.pem", "conf/.wgetrc": "conf/b.pem"} {
		h, err := Load(t.Context(), nil, Source{Path: config})
		if err != nil || len(h.Identities) != 1 || filepath.ToSlash(h.Identities[0].Source) != want {
			t.Errorf("%s: %v, %+v", config, err, h)
		}
	}
}

// A self-signed certificate is a CA's if it says so, or is too old to say.
func TestIsAuthority(t *testing.T) {
	name := pkix.Name{CommonName: "x"}.ToRDNSequence().String()
	for _, tt := range []struct {
		name string
		cert x509.Certificate
		want bool
	}{
		{"of keytool", x509.Certificate{Version: 3, RawSubject: []byte(name), RawIssuer: []byte(name)}, false},
		{"of version 1", x509.Certificate{Version: 1, RawSubject: []byte(name), RawIssuer: []byte(name)}, true},
		{"an old leaf", x509.Certificate{Version: 1, RawSubject: []byte("leaf"), RawIssuer: []byte(name)}, false},
		{"a CA", x509.Certificate{Version: 3, IsCA: true}, true},
	} {
		if got := isAuthority(&tt.cert); got != tt.want {
			t.Errorf("%s: %t", tt.name, got)
		}
	}
}

// Identities in one store are called by their own names there, where they differ.
func TestLabels(t *testing.T) {
	a, b, c := &x509.Certificate{Raw: []byte("a")}, &x509.Certificate{Raw: []byte("b")},
		&x509.Certificate{Raw: []byte("c")}
	held := &contents{file: &file{path: "store.jks"}, friendly: map[string]string{"a": "web", "b": "same", "c": "same"}}
	all := []*x509.Certificate{a, b, c}
	if got := held.labels(all); !slices.Equal(got, []string{"store.jks#web", "store.jks#2", "store.jks#3"}) {
		t.Errorf("%q", got)
	}
	if got := held.labels(all[:1]); !slices.Equal(got, []string{"store.jks"}) {
		t.Errorf("alone: %q", got)
	}
}

// A file below a folder is read for itself and for a configuration once.
func TestReadOnce(t *testing.T) {
	p := testPKI()
	dir := writeFiles(t, map[string][]byte{"curlrc": []byte("cert = a.pem\n"),
		"a.pem": join(p.CertPEM("client"), p.KeyPEM("client"))})
	files, _, err := readSources(t.Context(), &Options{}, []Source{{Path: dir}})
	if err != nil {
		t.Fatal(err)
	}
	files = slices.DeleteFunc(files, func(f *file) bool { return f.err != nil }) // the notes
	if len(files) != 2 || &files[0].data[0] != &files[1].data[0] || !files[0].replaced || files[1].entry == nil {
		t.Errorf("%+v", files)
	}
}

// A locked key in a file takes nothing from the usable one beside it, and is told.
func TestLockedBesideUsable(t *testing.T) {
	p := testPKI()
	h := load(t, nil, map[string][]byte{"two.pem": join(p.CertPEM("client"), p.KeyPEM("client"), p.CertPEM("other"),
		encryptedKey(t, p, "other", "secret"))}, "two.pem")
	var got []string
	for _, i := range h.Identities {
		got = append(got, summary(i))
	}
	if want := "two.pem#1: client [] usable; two.pem#2: other [] locked"; strings.Join(got, "; ") != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// Issuers are found by names that are equal, however they are encoded.
func TestClimb(t *testing.T) {
	p := testPKI()
	leaf, issuing, root := p.Cert("client"), p.Cert("Issuing"), p.Cert("Root")
	again := *issuing
	again.RawSubject = certtest.Reencode(issuing.RawSubject, 19) // PrintableString
	for _, tt := range []struct {
		name  string
		certs []*x509.Certificate
		want  int
	}{
		{"all of the way", []*x509.Certificate{root, issuing}, 2},
		{"another encoding", []*x509.Certificate{root, &again}, 2},
		{"a gap", []*x509.Certificate{root}, 0},
		{"another's", []*x509.Certificate{p.Cert("other")}, 0},
	} {
		if got := newClimb(tt.certs).from(leaf, tt.certs); len(got) != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, len(got), tt.want)
		}
	}
}

// Thousands of certificates without keys, and of lines that begin a block, are read
// in a time that grows with them.
func BenchmarkMany(b *testing.B) {
	p := testPKI()
	for _, count := range []int{1000, 4000} {
		files := make(map[string][]byte)
		for n := range count {
			files[fmt.Sprintf("newcerts/%04d.pem", n)] = p.CertPEM("client")
		}
		dir := writeFiles(b, files)
		b.Run(fmt.Sprintf("keyless-%d", count), func(b *testing.B) {
			for b.Loop() {
				if h, err := Load(b.Context(), nil, Source{Path: dir}); err != nil || len(h.Identities) != count {
					b.Fatalf("%v, %+v", err, h)
				}
			}
		})
	}
	others := certtest.New(certtest.Edge{Subject: "x", Issuer: "x"})
	for _, count := range []int{500, 2000} { // none of the keys is a certificate's
		files := make(map[string][]byte)
		for n := range count {
			files[fmt.Sprintf("certs/%04d.pem", n)], files[fmt.Sprintf("keys/%04d.key", n)] = p.CertPEM("client"),
				others.KeyPEM("x")
		}
		dir := writeFiles(b, files)
		b.Run(fmt.Sprintf("strangers-%d", count), func(b *testing.B) {
			for b.Loop() {
				if h, err := Load(b.Context(), nil, Source{Path: dir}); err != nil || len(h.Identities) != count {
					b.Fatalf("%v, %+v", err, h)
				}
			}
		})
	}
	for _, count := range []int{100_000, 400_000} {
		path := filepath.Join(writeFiles(b, map[string][]byte{"a.pem": append(p.CertPEM("client"),
			strings.Repeat("-----BEGIN \n", count)...)}), "a.pem")
		b.Run(fmt.Sprintf("begin-%d", count), func(b *testing.B) {
			for b.Loop() {
				if h, err := Load(b.Context(), nil, Source{Path: path}); err != nil || len(h.Identities) != 1 {
					b.Fatalf("%v, %+v", err, h)
				}
			}
		})
	}
}

// Of a locked key with a copy elsewhere the copy is used, and both are told.
func TestLockedWithCopy(t *testing.T) {
	p := testPKI()
	h := load(t, nil, map[string][]byte{"a.pem": join(p.CertPEM("client"), encryptedKey(t, p, "client", "secret")),
		"b.key": p.KeyPEM("client")}, "a.pem", "b.key")
	if key := h.Identities[0].Key; key.State != Usable || filepath.Base(key.Source) != "b.key" ||
		!strings.Contains(key.OwnLocked, "none was given") {
		t.Errorf("%+v", key)
	}
	if len(h.Others) != 0 {
		t.Errorf("a key that was paired is listed by itself: %+v", h.Others)
	}
}

// What holds no identity is described all the same.
func TestOthers(t *testing.T) {
	p := testPKI()
	h := load(t, nil, map[string][]byte{"b.key": p.KeyPEM("client"), "c.key": encryptedKey(t, p, "other", "secret"),
		"ca.pem": p.CertPEM("Root")}, "b.key", "c.key", "ca.pem")
	got := make(map[string]string)
	for _, o := range h.Others {
		got[filepath.Base(o.Source)] = o.Container.Format + ": " + strings.Join(o.Container.Parts, "; ")
	}
	if len(got) != 2 || got["b.key"] != "private key: ECDSA P-256: not encrypted" ||
		!strings.Contains(got["c.key"], "PEM, AES-256-CBC") {
		t.Errorf("%q", got)
	}
}

// A file given for two ends serves both, in whichever order.
func TestRoles(t *testing.T) {
	p := testPKI()
	both := join(p.CertPEM("client", "Issuing"), p.KeyPEM("client"))
	path := filepath.Join(writeFiles(t, map[string][]byte{"a.pem": both}), "a.pem")
	for _, roles := range [][]Role{{Candidate, KeyFile, Authorities}, {KeyFile, Candidate},
		{Authorities, KeyFile, Candidate}, {Authorities, Candidate}} {
		var sources []Source
		for _, role := range roles {
			sources = append(sources, Source{Path: path, Role: role})
		}
		h, err := Load(t.Context(), nil, sources...)
		if err != nil || len(h.Identities) != 1 || h.Identities[0].Key.State != Usable {
			t.Errorf("%v: %v, %+v", roles, err, h)
			continue
		}
		if authorities := len(h.Authorities); authorities != 1 && slices.Contains(roles, Authorities) {
			t.Errorf("%v: %d authorities", roles, authorities)
		}
	}
}

// The key of an unknown kind that a configuration names is unknown, too.
func TestForeignKeyOfConfiguration(t *testing.T) {
	p := testPKI()
	ed448 := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY",
		Bytes: append([]byte{0x30, 0x47, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x71, 4, 0x3b, 4, 0x39}, make([]byte, 57)...)})
	h := load(t, nil, map[string][]byte{"curlrc": []byte("cert = a.pem\nkey = a.key\n"), "a.pem": p.CertPEM("client"),
		"a.key": ed448}, "curlrc")
	if key := h.Identities[0].Key; key.State != Missing {
		t.Errorf("a key of another kind than the certificate's: %+v", key)
	}
	sealed := strings.Replace(string(encryptedKey(t, p, "client", "x")), "AES-256-CBC", "CAMELLIA-256-CBC", 1)
	h = load(t, nil, map[string][]byte{"curlrc": []byte("cert = a.pem\nkey = a.key\n"), "a.pem": p.CertPEM("client"),
		"a.key": []byte(sealed)}, "curlrc")
	if key := h.Identities[0].Key; key.State != Unknown || !strings.Contains(key.Detail, "CAMELLIA-256-CBC") {
		t.Errorf("a key encrypted in a way that is not known: %+v", key)
	}
}

// Names stand at the certificates that they belong to.
func TestFriendlyNames(t *testing.T) {
	p := testPKI()
	pkcs8, err := x509.MarshalPKCS8PrivateKey(p.Key("client"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := pfx.Write(pfx.Modern, pfx.DefaultMAC, "", pfx.Entry{FriendlyName: "mine", Key: pkcs8,
		Certificates: [][]byte{p.Cert("client").Raw, p.Cert("other").Raw}})
	if err != nil {
		t.Fatal(err)
	}
	h := load(t, nil, map[string][]byte{"a.p12": data, "b.key": p.KeyPEM("other")}, "a.p12", "b.key")
	got := make(map[string]string)
	for _, i := range h.Identities {
		got[i.Leaf.Subject.CommonName] = i.FriendlyName
	}
	if len(got) != 2 || got["client"] != "mine" || got["other"] != "" {
		t.Errorf("%q", got)
	}
	c := &contents{file: &file{path: "x"}}
	c.names(&pfx.File{Bags: []pfx.Bag{
		{Kind: pfx.CertBag, DER: []byte("a"), LocalKeyID: []byte{1}},
		{Kind: pfx.CertBag, DER: []byte("b"), FriendlyName: "own", LocalKeyID: []byte{2}},
		{Kind: pfx.CertBag, DER: []byte("b"), FriendlyName: "again"},
		{Kind: pfx.KeyBag, LocalKeyID: []byte{1}, FriendlyName: "of the key"}, {Kind: pfx.KeyBag, FriendlyName: "nobody's"},
		{Kind: pfx.CertBag, DER: []byte("c")},
	}})
	if c.friendly["a"] != "of the key" || c.friendly["b"] != "own" || c.friendly["c"] != "" {
		t.Errorf("%q", c.friendly)
	}
}

// Keys that take seconds to read are not read.
func TestHugeKey(t *testing.T) {
	if _, err := parseKey(make([]byte, maxKeySize+1)); err == nil || !strings.Contains(err.Error(), "longer than any") {
		t.Errorf("%v", err)
	}
}
