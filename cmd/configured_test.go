package cmd

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"mtlsprobe/certstore/certtest"
	"mtlsprobe/report"

	"software.sslmate.com/src/go-pkcs12"
)

const planted = "planted-hunter2"

// configuredFolder is a folder with testdata/sources and with what these name, and becomes
// the current one.
func configuredFolder(t *testing.T) []string {
	t.Helper()
	sources, err := filepath.Glob("testdata/sources/*")
	if err != nil || len(sources) < 30 {
		t.Fatalf("%d files, %v", len(sources), err)
	}
	texts := make(map[string]string)
	for _, path := range sources {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.Base(path)] = string(data)
	}
	t.Chdir(t.TempDir())
	p := certtest.NewAt("configured", time.Now(), certtest.Edge{Issuer: "Root", Subject: "Root"},
		certtest.Edge{Issuer: "Root", Subject: "Issuing"}, certtest.Edge{Issuer: "Issuing", Subject: "client"})
	store, err := pkcs12.Modern.Encode(p.Key("client"), p.Cert("client"), p.Certs("Issuing"), planted)
	if err != nil {
		t.Fatal(err)
	}
	open, err := pkcs12.Passwordless.Encode(p.Key("client"), p.Cert("client"), p.Certs("Issuing"), "")
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(p.Key("client"))
	if err != nil {
		t.Fatal(err)
	}
	block, err := x509.EncryptPEMBlock(rand.Reader, "EC PRIVATE KEY", sec1, []byte(planted), x509.PEMCipherAES256)
	if err != nil {
		t.Fatal(err)
	}
	locked := pem.EncodeToMemory(block)
	cert, key, ca := p.CertPEM("client", "Issuing"), p.KeyPEM("client"), p.CertPEM("Root")
	for name, data := range map[string][]byte{"client.crt": cert, "client.key": key,
		"client.pem": slices.Concat(cert, key),
		"client.p12": store, "ca.pem": ca, "locked.key": locked} {
		writeFile(t, name, data)
	}
	quoted := func(data []byte) string {
		out, err := json.Marshal(string(data))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Trim(string(out), `"`)
	}
	b64 := base64.StdEncoding.EncodeToString
	fill := strings.NewReplacer(
		"BASE64-CLIENT-CERTIFICATE", b64(cert), "BASE64-CLIENT-KEY", b64(key), "BASE64-CA", b64(ca), "BASE64-DER-CA",
		b64(p.Cert("Root").Raw),
		"BASE64-P12-WITHOUT-PASSWORD", b64(open), "BASE64-P12", b64(store),
		"JSON-CLIENT-CERTIFICATE", quoted(cert), "JSON-CLIENT-KEY", quoted(key), "JSON-CA", quoted(ca),
		"CLIENT-CERTIFICATE", strings.TrimSpace(string(cert)), "CLIENT-KEY", strings.TrimSpace(string(key)))
	var names []string
	for name, text := range texts {
		names = append(names, name)
		writeFile(t, name, []byte(fill.Replace(text)))
	}
	slices.Sort(names)
	return names
}

// Every row of the guide's table is run, on a file that is there: its identity has its key,
// and no password is shown in any format.
func TestGuideSources(t *testing.T) {
	page, err := os.ReadFile("docs/guide/sources.md")
	if err != nil {
		t.Fatal(err)
	}
	names := configuredFolder(t)
	for _, row := range regexp.MustCompile("(?m)^\\| [^|]+ \\| `mtlsprobe (inspect (\\S+))` \\|").FindAllStringSubmatch(string(page), -1) {
		name := row[2]
		t.Run(name, func(t *testing.T) {
			if !slices.Contains(names, name) {
				t.Fatal("there is no such file in testdata/sources")
			}
			names = slices.DeleteFunc(names, func(other string) bool { return other == name })
			r := runJSON(t, 0, strings.Fields(row[1])...)
			usable := 0
			for _, i := range r.Identities {
				if i.Key.State == "usable" && strings.HasPrefix(i.Label, name) && i.NamedBy == name {
					usable++
				}
			}
			if usable == 0 || usable != len(r.Identities) {
				t.Errorf("%+v", r.Identities)
			}
			for _, format := range report.Formats() {
				code, stdout, stderr := run(t, "inspect", name, "-o", format)
				if code != 0 && format != "junit" || strings.Contains(stdout+stderr, planted) {
					t.Errorf("%s: exit code %d\n%s%s", format, code, stdout, stderr)
				}
			}
		})
	}
	if len(names) > 0 {
		t.Errorf("not in the guide: %v", names)
	}
}

// A profile that is signed, as those of mobile device management are, is read like others.
func TestSignedProfile(t *testing.T) {
	configuredFolder(t)
	do(t, "openssl", "smime", "-sign", "-nodetach", "-outform", "DER", "-in", "corporate.mobileconfig", "-binary",
		"-signer", "client.pem", "-out", "signed.mobileconfig")
	r := runJSON(t, 0, "inspect", "signed.mobileconfig")
	if len(r.Identities) != 1 || r.Identities[0].Key.State != "usable" ||
		r.Identities[0].Subject != "CN=client,O=Example" {
		t.Errorf("%+v", r.Identities)
	}
}

// What is cut off or has an odd line is no reason to show a password, or to fail without
// the file's name.
func TestMalformedSources(t *testing.T) {
	for _, name := range configuredFolder(t) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for n, text := range []string{
			string(data[:len(data)/3]), string(data[:2*len(data)/3]), string(data) + "\n{[<\"'", "\"" + string(data),
			strings.ReplaceAll(string(data), "\n", "\n\t{ "), strings.ReplaceAll(string(data), "client.", "missing."),
		} {
			file := fmt.Sprintf("m%d/%s", n, name)
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			writeFile(t, file, []byte(text))
			code, stdout, stderr := run(t, "inspect", file)
			if strings.Contains(stdout+stderr, planted) || code != 0 && !strings.Contains(stderr, name) &&
				!strings.Contains(stderr, "client.") {
				t.Errorf("%s: exit code %d\n%s%s", file, code, stdout, stderr)
			}
		}
	}
}

// The CAs that a server accepts can stand for its list.
func TestNamedCAsOfConfiguration(t *testing.T) {
	configuredFolder(t)
	for _, name := range []string{"nginx.conf", "site.conf", "haproxy.cfg", "mosquitto.conf", "redis.conf",
		"rabbitmq.conf"} {
		r := runJSON(t, 0, "check", "--cert", "client.pem", "--named-ca", name)
		if len(r.Identities) != 1 || r.Identities[0].Verdict != "fits" {
			t.Errorf("%s: %+v", name, r.Identities)
		}
	}
	if code, _, stderr := run(t, "check", "--cert", "client.pem", "--named-ca", "curlrc"); code == 0 ||
		!strings.Contains(stderr, "curlrc") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}
