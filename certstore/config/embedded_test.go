package config

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// What issuers, Kubernetes and profiles embed is found by its content.
func TestEmbedded(t *testing.T) {
	quoted := func(text string) string {
		out, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	b64 := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	cert, key := quoted(pemCert), quoted(pemKey)
	pfx := "\x30\x4d\x02\x01\x03\x30" + "\x48" + strings.Repeat("\x00", 0x48)
	secret := func(name, data string) string {
		return "apiVersion: v1\nkind: Secret\nmetadata: {name: " + name + "}\ntype: kubernetes.io/tls\ndata:\n" + data
	}
	tls := "  tls.crt: " + b64(pemCert) + "\n  tls.key: " + b64(pemKey) + "\n  ca.crt: " + b64(pemCert) + "\n"
	for _, tt := range []struct{ name, file, text, want, problem string }{
		{name: "Vault", file: "v.json", text: `{"data": {"certificate": ` + cert + `, "issuing_ca": ` + cert +
			`, "ca_chain": [` + cert + `], "private_key": ` + key + `}}`,
			want: "data.certificate:1 PEM PEM ca=PEM"},
		{name: "AWS IoT", file: "i.json", text: `{"certificatePem": ` + cert +
			`, "keyPair": {"PublicKey": "x", "PrivateKey": ` + key + `}}`,
			want: "certificatePem:1 PEM PEM"},
		{name: "ACM", file: "a.json", text: `{"Certificate": ` + cert + `, "CertificateChain": ` + cert +
			`, "PrivateKey": ` + key + `}`,
			want: "Certificate:1 PEM PEM"},
		{name: "Google CAS", file: "g.json", text: `{"pemCertificate": ` + cert + `, "pemCertificateChain": [` + cert +
			`, ` + cert + `]}`,
			want: "pemCertificate:1 PEM"},
		{name: "Azure Key Vault", file: "z.json", text: `{"contentType": "application/x-pkcs12", "value": "` + b64(pfx) +
			`"}`,
			want: "value:1 PEM"},
		{name: "cfssl", file: "c.json", text: `{"cert": ` + cert + `, "csr": "x", "key": ` + key + `}`,
			want: "cert:1 PEM PEM"},
		{name: ".env", file: ".env", text: "TLS_CERT=\"" + strings.ReplaceAll(pemCert, "\n", `\n`) + "\"\nTLS_KEY='" +
			pemKey + "'\n",
			want: "TLS_CERT:1 PEM PEM"},
		{name: "Secret", file: "s.yaml", text: secret("web", tls), want: "web tls.crt:6 PEM PEM ca=PEM"},
		{name: "Secrets", file: "s.yaml", text: secret("a", tls) + "---\n" + secret("b", tls),
			want: "a tls.crt:6 PEM PEM ca=PEM\nb tls.crt:15 PEM PEM ca=PEM"},
		{name: "SecretList", file: "-",
			text: `{"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": {"any.pem": "` +
				b64(pemCert+pemKey) + `"}}]}`, want: "a any.pem:1 PEM"},
		{name: "key store with its password", file: "s.yaml",
			text: secret("store", "  keystore.p12: "+b64(pfx)+"\n") + "---\n" + secret("pw", "  password: "+b64("s3cret")+"\n"),
			want: "store keystore.p12:6 PEM [s3cret]"},
		{name: "ConfigMap", file: "-",
			text: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata:\n  ca.crt: |\n    " +
				strings.ReplaceAll(pemCert, "\n", "\n    ") + "\n"},
		{name: "profile", file: "corp.mobileconfig",
			text: "<?xml version=\"1.0\"?>\n<plist><dict><key>PayloadContent</key><array><dict>\n<key>Password</key><string>pw</string>\n<key>PayloadContent</key><data>\n" + b64(pfx) + "\n</data></dict></array></dict></plist>",
			want: "PayloadContent.PayloadContent:4 PEM [pw]"},
		{name: "EAP profile", file: "corp.eap-config",
			text: "<?xml version=\"1.0\"?>\n<EAPIdentityProviderList><ClientSideCredential>\n<ClientCertificate " +
				"format=\"PKCS12\" encoding=\"base64\">" + b64(pfx) +
				"</ClientCertificate>\n<Passphrase>pw</Passphrase></ClientSideCredential></EAPIdentityProviderList>",
			want: "EAPIdentityProviderList.ClientSideCredential.ClientCertificate:3 PEM [pw]"},
		{name: "broken XML", file: "corp.mobileconfig",
			text:    "<?xml version=\"1.0\"?>\n<plist><dict>\n<key>Password</key><string>hunter2</wrong>",
			problem: "the XML cannot be parsed (line 3)"},
		{name: "broken JSON", file: ".env", text: "{\"password\": \"hunter2\",\n", problem: "the YAML cannot be parsed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, ok := Parse(&Text{Name: tt.file, Data: []byte(tt.text), Given: true})
			if !ok {
				t.Fatal("it is not recognised")
			}
			var got []string
			for _, r := range c.References {
				got = append(got, r.line())
			}
			if text := strings.Join(got, "\n"); text != tt.want {
				t.Errorf("%s, want %s", text, tt.want)
			}
			problem := ""
			if len(c.Problems) > 0 {
				problem = c.Problems[0].Error()
			}
			if (problem == "") != (tt.problem == "") || !strings.Contains(problem, tt.problem) ||
				strings.Contains(problem, "hunter2") {
				t.Errorf("problem %q, want %q", problem, tt.problem)
			}
		})
	}
}

// A Certificate of cert-manager says its state.
func TestCertManager(t *testing.T) {
	text := "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: web}\nspec: {secretName: " +
		"web-tls}\nstatus:\n  notAfter: \"2027-01-01T00:00:00Z\"\n  conditions:\n" +
		"  - {type: Ready, status: \"False\", message: Issuing certificate as Secret does not exist}\n"
	c, ok := Parse(&Text{Name: "c.yaml", Data: []byte(text), Given: true})
	want := `line 1: the Certificate "web" is kept in the Secret "web-tls" and is not ready (Issuing certificate as Secret does not exist), and valid until 2027-01-01T00:00:00Z`
	if !ok || len(c.Notes) != 1 || c.Notes[0] != want {
		t.Errorf("%t %+v", ok, c)
	}
}

func manyLines(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// Bombs of all syntaxes end early, and say so.
func TestBombs(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000)
	var laughs strings.Builder
	laughs.WriteString("apiVersion: v1\nkind: Secret\na0: &a0 [x]\n")
	for n := range 30 {
		laughs.WriteString("a" + string(rune('A'+n)) + ": &b" + string(rune('A'+n)) + " [" + strings.Repeat("*a0, ", 9) +
			"]\n")
	}
	for name, text := range map[string]string{
		"JSON":      deep,
		"YAML":      laughs.String(),
		"XML":       "<?xml version=\"1.0\"?>\n<!DOCTYPE l [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>\n<plist>&b;</plist>",
		"deep XML":  "<?xml version=\"1.0\"?>" + strings.Repeat("<a>", 100_000),
		"braces":    strings.Repeat("a {\n", 60_000),
		"settings":  strings.Repeat("cert = /c/a.pem\n", 60_000),
		"words":     "cert " + strings.Repeat("--key=/c/x ", 100_000),
		"variable":  strings.Repeat("A=$A$A$A$A\n", 1000) + "cert=$A/x.pem",
		"sections":  strings.Repeat("[a]\nx.cert = /c/a.pem\ny.password = a\n", 20_000),
		"blocks":    strings.Repeat("a { \ncert /c/a.pem;\n}\nb {\nkey /c/a.key; }\n", 20_000),
		"-D":        "java " + strings.Repeat("-Dx.y=", 120_000),
		"continued": "a=b\\\n" + strings.Repeat("x\\\n", 120_000),
		"headings":  manyLines(40_000, "[a%d]\na=b\n"),
		"keys":      manyLines(40_000, "a%d=b\n"),
		"groups":    manyLines(12_000, "[a%d]\ncert=/c/a.pem\nkey=/c/a.key\n"),
		"nested":    strings.Repeat("<a>\n", 120_000),
		"expansion": "a=$b$b$b$b\nb=$c$c$c$c\nc=$d$d$d$d\nd=" + strings.Repeat("x", 1000) + "\n" + strings.Repeat("cert=$a$a$a\n", 10_000),
		"items":     `{"cert": [` + strings.Repeat("1,", 300_000) + "1]}",
		"elements":  "<a>" + strings.Repeat("<a b=\"c\"/>", 300_000) + "</a>",
		"quotes":    strings.Repeat("a=\"-----BEGIN \n", 20_000),
		"tags":      strings.Repeat("<a>\n", 20_000),
	} {
		t.Run(name, func(t *testing.T) {
			c, ok := Parse(&Text{Name: "stunnel.conf", Data: []byte(text), Given: true, Look: there})
			if ok && len(c.References) > maxReferences {
				t.Errorf("%d references", len(c.References))
			}
		})
	}
}
