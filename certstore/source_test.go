package certstore

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// everything is all that a holding says, for looking for what must not be there.
func everything(h *Holding) string {
	var b strings.Builder
	for _, i := range h.Identities {
		fmt.Fprintf(&b, "%s %s %s %s %s\n", i.Label, i.Source, i.NamedBy, i.Key.State, i.Key.Detail)
	}
	for _, p := range h.Problems {
		fmt.Fprintln(&b, p)
	}
	return b.String()
}

// What a file holds in place of a certificate may be a secret.
func TestNoSecretInReports(t *testing.T) {
	p := testPKI()
	both := join(p.CertPEM("client"), p.KeyPEM("client"))
	const secret = "hunter2-secret"
	kubeconfig := "apiVersion: v1\nkind: Config\nusers:\n- name: u\n  user:\n    client-certificate-data: " +
		base64.StdEncoding.EncodeToString(p.CertPEM("client")) + "\n    client-key-data: " +
		base64.StdEncoding.EncodeToString([]byte(secret)) + "\n"
	for _, tt := range []struct {
		name  string
		files map[string][]byte
	}{
		{"a file with a password", map[string][]byte{"d/creds": []byte(secret), "d/a.pem": both}},
		{"a key in a configuration", map[string][]byte{"d/kube.yaml": []byte(kubeconfig)}},
		{"user and password in a URL", map[string][]byte{"d/.gitconfig": []byte("[http \"https://bob:" + secret +
			"@git.example/\"]\n\tsslCert = a.pem\n"), "d/a.pem": both}},
	} {
		h := load(t, nil, tt.files, "d")
		text := everything(h)
		for _, leak := range []string{secret, fmt.Sprintf("%x", secret[:4]), "bob"} {
			if strings.Contains(text, leak) {
				t.Errorf("%s: %q in\n%s", tt.name, leak, text)
			}
		}
		if text == "" {
			t.Errorf("%s: nothing is said", tt.name)
		}
	}
	for _, property := range []string{"javax.net.ssl.keyStorePassword=" + secret,
		"javax.net.ssl.keyStorePassword: " + secret + ",javax.net.ssl.keyStore=a.p12", "javax.net.ssl.keyStorePassword " +
			secret} {
		h, err := Load(t.Context(), nil, Source{Path: property})
		if h != nil {
			err = fmt.Errorf("%w %s", err, everything(h))
		}
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v", property, err)
		}
	}
}

// A link to a folder is followed where it was named, and told of below another.
func TestLinkedFolders(t *testing.T) {
	p := testPKI()
	dir := writeFiles(t, map[string][]byte{"real/a.pem": join(p.CertPEM("client"), p.KeyPEM("client")),
		"outer/x.pem": p.CertPEM("other")})
	t.Chdir(dir)
	for link, to := range map[string]string{"link": "real", "outer/inner": "../real", "outer/..data": "../real"} {
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
	}
	h, err := Load(t.Context(), nil, Source{Path: "link"})
	if err != nil || len(h.Identities) != 1 || filepath.ToSlash(h.Identities[0].Source) != "link/a.pem" {
		t.Errorf("%v, %+v", err, h)
	}
	h, err = Load(t.Context(), nil, Source{Path: "outer"})
	if err != nil || len(h.Identities) != 1 || len(h.Problems) != 1 ||
		!strings.Contains(h.Problems[0].Error(), `"outer/inner": is a link to a folder`) {
		t.Errorf("%v, %v", err, h.Problems)
	}
}

// The links of certbot's folders are followed, to its archive alone.
func TestCertbot(t *testing.T) {
	p := testPKI()
	dir := writeFiles(t, map[string][]byte{"archive/example.org/cert1.pem": p.CertPEM("client"),
		"archive/example.org/fullchain1.pem": p.CertPEM("client", "Issuing"),
		"archive/example.org/privkey1.pem":   p.KeyPEM("client"),
		"archive/other/cert1.pem":            p.CertPEM("other"), "live/README": []byte("text")})
	t.Chdir(dir)
	if err := os.MkdirAll("live/example.org", 0o700); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"cert.pem": "example.org/cert1.pem",
		"fullchain.pem": "example.org/fullchain1.pem",
		"privkey.pem":   "example.org/privkey1.pem", "other.pem": "other/cert1.pem"} {
		if err := os.Symlink("../../archive/"+to, filepath.Join("live/example.org", link)); err != nil {
			t.Fatal(err)
		}
	}
	h, err := Load(t.Context(), nil, Source{Path: "live/example.org"})
	if err != nil || len(h.Identities) != 2 || summary(h.Identities[0]) != "cert.pem: client [] usable" ||
		summary(h.Identities[1]) != "fullchain.pem: client [Issuing] usable" || len(h.Problems) != 1 ||
		!strings.Contains(h.Problems[0].Error(), "other.pem") {
		t.Errorf("%v %s", err, everything(h))
	}
}

// However a file was given, it is one; what each way says of it counts.
func TestGivenTwice(t *testing.T) {
	p := testPKI()
	both := join(p.CertPEM("client"), p.KeyPEM("client"))
	p12 := encodeP12(t, p, "secret", "client")
	dir := writeFiles(t, map[string][]byte{
		"q/client.crt": p.CertPEM("client"), "q/zz.pem": encryptedKey(t, p, "client", "secret"),
		"q/other.crt": p.CertPEM("other"), "q/other.key": p.KeyPEM("other"),
		"c/ca.pem": join(p.CertPEM("Root"), p.KeyPEM("Root")), "a.pem": both, "a.p12": p12, "e/a.p12": p12,
	})
	t.Chdir(dir)
	if err := os.Symlink("a.p12", "link.p12"); err != nil {
		t.Fatal(err)
	}
	t.Setenv("BOTH", string(both))
	for _, tt := range []struct {
		name    string
		o       Options
		sources []Source
		want    string
	}{
		{"a folder, and the key in it", Options{}, []Source{{Path: "q"}, {Path: "q/zz.pem", Role: KeyFile}},
			"client.crt: client [] locked; other.crt: other [] usable"},
		{"a folder, and a CA in it", Options{}, []Source{{Path: "c"}, {Path: "c/ca.pem"}}, "ca.pem: Root [] usable"},
		{"as authorities, then as candidate", Options{}, []Source{{Path: "a.pem", Role: Authorities}, {Path: "a.pem"}},
			"a.pem: client [] usable"},
		{"relative and absolute", Options{}, []Source{{Path: "a.pem"}, {Path: filepath.Join(dir, "a.pem")}},
			"a.pem: client [] usable"},
		{"a variable twice", Options{Getenv: os.Getenv}, []Source{{Path: "env:BOTH"}, {Path: "env:BOTH"}},
			"env:BOTH: client [] usable"},
		{"the password by the name of a link", Options{PasswordsFor: map[string][]string{"link.p12": {"secret"}}},
			[]Source{{Path: "a.p12"}, {Path: "link.p12"}}, "a.p12: client [] usable"},
		{"passwords for the folder and for the file",
			Options{PasswordsFor: map[string][]string{"e": {"x"}, "a.p12": {"secret"}}}, []Source{{Path: "e"}},
			"a.p12: client [] usable"},
		{"a password by another spelling", Options{PasswordsFor: map[string][]string{"./e/../e/a.p12": {"secret"}}},
			[]Source{{Path: "e/a.p12"}}, "a.p12: client [] usable"},
	} {
		h, err := Load(t.Context(), &tt.o, tt.sources...)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		var got []string
		for _, i := range h.Identities {
			got = append(got, summary(i))
		}
		if strings.Join(got, "; ") != tt.want {
			t.Errorf("%s: %q, want %q (%v)", tt.name, got, tt.want, h.Problems)
		}
	}
}

// One bad user of a kubeconfig, and one password that is told by another section,
// cost nothing.
func TestConfigurationEntries(t *testing.T) {
	p := testPKI()
	encode := base64.StdEncoding.EncodeToString
	h := load(t, nil, map[string][]byte{"kube.yaml": []byte("apiVersion: v1\nkind: Config\nusers:\n- name: good\n  " +
		"user:\n    client-certificate-data: " + encode(p.CertPEM("client")) +
		"\n    client-key-data: " + encode(p.KeyPEM("client")) + "\n- name: bad\n  user:\n    client-certificate-data: " +
		encode([]byte("not a certificate")) + "\n")}, "kube.yaml")
	if len(h.Identities) != 1 || h.Identities[0].Label != "kube.yaml#good" ||
		!strings.Contains(everything(h), "(for kube.yaml#bad)") {
		t.Errorf("%s", everything(h))
	}
	h = load(t, nil, map[string][]byte{"a.p12": encodeP12(t, p, "secret", "client"),
		"k.properties": []byte("consumer.ssl.keystore.location=a.p12\nproducer.ssl.keystore.location=a.p12\nproducer.ssl.keystore.password=secret\n")}, "k.properties")
	if len(h.Identities) != 1 || h.Identities[0].Key.State != Usable {
		t.Errorf("%s", everything(h))
	}
}

// What is no store is named, and its bytes are not shown.
func TestUnknownFormats(t *testing.T) {
	p := testPKI()
	for _, tt := range []struct {
		name string
		data []byte
		want string
	}{
		{"text", []byte("hunter2\n"), "is text: not PEM"},
		{"gzip", []byte("\x1f\x8b\x08\x00"), "is an archive or compressed"},
		{"UTF-16", []byte("\xff\xfe-\x00-\x00"), "is text in UTF-16"},
		{"Base64", []byte(base64.StdEncoding.EncodeToString(p.Cert("client").Raw)),
			"is Base64 without the lines BEGIN and END"},
		{"short Base64", []byte("MIIB"), "is text"},
		{"binary", []byte{0, 1, 2, 3}, "is in no format that is known here"},
		{"PDF", []byte("%PDF-1.4"), "is a PDF"},
	} {
		if err := unknownFormat(tt.data); !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// An agent's identities come with their keys and the CAs beside.
func TestSPIFFE(t *testing.T) {
	p := testPKI()
	var svid, answer []byte
	pkcs8, err := x509.MarshalPKCS8PrivateKey(p.Key("client"))
	if err != nil {
		t.Fatal(err)
	}
	for n, value := range [][]byte{[]byte("spiffe://example.org/web"), join(p.Cert("client").Raw, p.Cert("Issuing").Raw),
		pkcs8, p.Cert("Root").Raw} {
		svid = protowire.AppendBytes(protowire.AppendTag(svid, protowire.Number(n+1), protowire.BytesType), value)
	}
	answer = protowire.AppendBytes(protowire.AppendTag(answer, 1, protowire.BytesType), svid)
	server := &http.Server{Protocols: new(http.Protocols),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/grpc")
			_, _ = w.Write(append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(answer))), answer...))
		})}
	server.Protocols.SetUnencryptedHTTP2(true)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	address := "tcp://" + listener.Addr().String()
	for _, o := range []struct {
		source string
		env    string
	}{{"spiffe:" + address, ""}, {"spiffe:", address}} {
		h, err := Load(t.Context(), &Options{Getenv: func(string) string { return o.env }}, Source{Path: o.source})
		if err != nil {
			t.Fatal(err)
		}
		if len(h.Identities) != 1 || summary(h.Identities[0]) != "SVID#spiffe://example.org/web: client [Issuing] usable" ||
			len(h.Authorities) != 1 || h.Authorities[0].Origin != FromBundle {
			t.Errorf("%s: %s %+v", o.source, everything(h), h.Authorities)
		}
	}
	for source, want := range map[string]string{"spiffe:": "SPIFFE_ENDPOINT_SOCKET is not set",
		"spiffe:/x": "is not an address of an agent"} {
		if _, err := Load(t.Context(), nil, Source{Path: source}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", source, err)
		}
	}
}
