package config

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const (
	pemCert = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"
	pemKey  = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"
	start   = "a relative path counts from the folder in which the client is started"
)

// A parseCase is one configuration in the folder /etc/x of a user at /home/u.
type parseCase struct {
	name, file, text string
	format           string // empty if none
	want             []Reference
	problem          string // part of the only one
	includes         []string
}

func runCases(t *testing.T, cases []parseCase) {
	t.Helper()
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			c, ok := Parse(&Text{Name: tt.file, Dirs: []string{"/etc/x"}, Data: []byte(tt.text), Home: "/home/u", Given: true})
			if ok != (tt.format != "") {
				t.Fatalf("recognised = %t: %+v", ok, c)
			}
			if !ok {
				return
			}
			if c.Format != tt.format {
				t.Errorf("format = %q, want %q", c.Format, tt.format)
			}
			if diff := cmp.Diff(tt.want, c.References, cmpopts.IgnoreFields(Reference{}, "Setting", "Line", "KeyElsewhere"),
				cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("references (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.includes, c.Includes, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("includes (-want +got):\n%s", diff)
			}
			if problems := fmt.Sprint(c.Problems); (tt.problem == "") != (len(c.Problems) == 0) ||
				!strings.Contains(problems, tt.problem) {
				t.Errorf("problems = %s, want %q", problems, tt.problem)
			}
		})
	}
}

// A file that includes others says which, even where it names nothing itself.
func TestIncludes(t *testing.T) {
	runCases(t, []parseCase{
		{name: "Git", file: ".gitconfig", format: "Git configuration", text: "[include]\n\tpath = more\n",
			includes: []string{"/etc/x/more"}},
		{name: "MySQL", file: "my.cnf", format: "MySQL option file", text: "!includedir /etc/mysql/conf.d/\n",
			includes: []string{"/etc/mysql/conf.d/*"}},
		{name: "MySQL, nothing included", file: "my.cnf", format: "MySQL option file", text: "[mysqld]\nport = 1\n"},
		{name: "Git, by another name", file: "x", format: "configuration", text: "[include]\n\tpath = more\n",
			includes: []string{"/etc/x/more"}},
		{name: "prose", file: "README", text: "Include this in your report.\n"},
		{name: "a line of nginx", file: "x", format: "configuration", text: "include conf.d/*.conf;\n",
			includes: []string{"/etc/x/conf.d/*.conf"}},
	})
}

func TestKubeconfig(t *testing.T) {
	runCases(t, []parseCase{
		{name: "contexts, files and data", file: "config", format: "kubeconfig", text: `
apiVersion: v1
kind: Config
current-context: prod
clusters:
- name: c1
  cluster: {server: "https://a", certificate-authority: ca.crt}
- name: c2
  cluster: {server: "https://b", certificate-authority-data: Y2E=}
contexts:
- {name: dev, context: {cluster: c1, user: alice}}
- {name: dev-2, context: {cluster: c1, user: alice, namespace: x}}
- {name: prod, context: {cluster: c2, user: bob}}
users:
- name: alice
  user: {client-certificate: pki/a.crt, client-key: /k/a.key}
- name: bob
  user: {client-certificate-data: Y2VydA==, client-key-data: a2V5, client-certificate: not-this}
- name: carol
  user: {token: secret}
- name: dave
  user: {exec: {command: aws-iam-authenticator, apiVersion: x}}
- name: eve
  user: {auth-provider: {name: oidc}}
`, want: []Reference{
			{Name: "dev, dev-2", Certificate: "/etc/x/pki/a.crt", Key: "/k/a.key", Authorities: "/etc/x/ca.crt"},
			{Name: "prod", CertificateData: []byte("cert"), KeyData: []byte("key"), AuthoritiesData: []byte("ca")},
			{Name: "carol", Note: "a token authenticates it, not a certificate"},
			{Name: "dave", Note: `exec plugin "aws-iam-authenticator" brings the certificate at run time: it is named, not run`},
			{Name: "eve", Note: `the auth provider "oidc" authenticates it`},
		}},
		{name: "JSON with tabs", file: "admin", format: "kubeconfig",
			text: "{\n\t\"kind\": \"Config\", \"clusters\": [], \"contexts\": [],\n\t\"users\": [{\"name\": \"a\", " +
				"\"user\": {\"client-certificate\": \"a.crt\"}}]}",
			want: []Reference{{Name: "a", Certificate: "/etc/x/a.crt"}}},
		{name: "aliases", file: "config", format: "kubeconfig",
			text: "clusters: []\ncontexts: []\nusers: [{name: a, user: &u {client-certificate: a.crt}}, {name: b, user: *u}]",
			want: []Reference{{Name: "a", Certificate: "/etc/x/a.crt"}, {Name: "b", Certificate: "/etc/x/a.crt"}}},
		{name: "unknown alias", file: "config", format: "kubeconfig",
			text: "current-context: a\nclusters: []\ncontexts: []\nusers: *u\n", problem: "the YAML cannot be parsed"},
		{name: "too many aliases", file: "config", format: "kubeconfig",
			text:    "a: &a [x]\nclusters: [" + strings.Repeat("*a, ", 200) + "]\ncontexts: []\nusers: [{name: a}]\n",
			problem: "more than 100 YAML aliases"},
		{name: "not base64", file: "config", format: "kubeconfig",
			text: "clusters: []\ncontexts: []\nusers: [{name: a, user: {client-certificate-data: '!', client-key: k}}]",
			want: []Reference{{Name: "a", Key: "/etc/x/k"}}, problem: `the user "a": client-certificate-data is not base64`},
		{name: "missing user", file: "config", format: "kubeconfig",
			text: "kind: Config\nclusters: []\ncontexts: [{name: c, context: {user: nobody}}, {name: d, context: " +
				"{}}]\nusers: []",
			problem: `the context "c" names the user "nobody"`},
		{name: "wrong kind, without its value", file: "config", format: "kubeconfig",
			text: "clusters: []\ncontexts: []\nusers: [{name: a, user: hunter2}, {name: b, user: {client-key: k}}]",
			want: []Reference{{Name: "a"}, {Name: "b", Key: "/etc/x/k"}}, problem: "[line 3: a mapping is expected]"},
		{name: "damaged", file: "config", format: "kubeconfig", text: "current-context: a\nclusters: [\ncontexts\nusers: ",
			problem: "the YAML cannot be parsed"},
		{name: "customary name", file: "kubeconfig", format: "kubeconfig", text: ""},
		{name: "another kind", file: "x.yaml", text: "kind: Deployment\nclusters: []\ncontexts: []\nusers: [{name: a}]"},
		{name: "another YAML", file: "x.yaml", text: "users: [a]\n"},
	})
}

func TestCurl(t *testing.T) {
	runCases(t, []parseCase{
		{name: "all", file: "anything", format: "curl configuration",
			text: "# comment\n\nurl = \"https://a\"\n  cert: \"a b.pem:pw\\\"d\"\nkey=/k/a.key\r\n--cacert " +
				"ca.pem\ncert-type = P12\n-sS\n",
			want: []Reference{{Certificate: "/etc/x/a b.pem", Key: "/k/a.key", Passwords: []string{`pw"d`},
				Authorities: "/etc/x/ca.pem",
				Note:        start}}},
		{name: "short", file: ".curlrc", format: "curl configuration", text: "-E /a.pem\n-k\npass secret words",
			want: []Reference{{Certificate: "/a.pem", Passwords: []string{"secret words", "secret"}}}},
		{name: "short, at once", file: ".curlrc", format: "curl configuration", text: "-E/a.pem",
			want: []Reference{{Certificate: "/a.pem"}}},
		{name: "no equals behind dashes", file: ".curlrc", format: "curl configuration", text: "--cert=/a.pem",
			problem: "line 1: behind dashes curl reads a value after space"},
		{name: "escapes", file: ".curlrc", format: "curl configuration", text: `cert = "/a\\:b\\\\c.pem:p:q"`,
			want: []Reference{{Certificate: `/a:b\c.pem`, Passwords: []string{"p:q"}}}},
		{name: "token", file: ".curlrc", format: "curl configuration", text: `cert = pkcs11:object=a;type=cert`,
			want: []Reference{{Certificate: "pkcs11:object=a;type=cert"}}},
		{name: "next", file: ".curlrc", format: "curl configuration", text: "cert /a\nnext\ncert /b\n",
			want: []Reference{{Certificate: "/a"}, {Certificate: "/b"}}},
		{name: "without an identity", file: ".curlrc", format: "curl configuration", text: "silent\n"},
		{name: "quote not closed", file: ".curlrc", format: "curl configuration", text: `cert = "/a.pem`,
			want: []Reference{{Certificate: "/a.pem"}}},
		{name: "OpenVPN", file: "client.conf", format: "configuration",
			text: "client\ndev tun\nca ca.crt\ncert client.crt\nkey client.key\n",
			want: []Reference{{Certificate: "/etc/x/client.crt", Key: "/etc/x/client.key", Authorities: "/etc/x/ca.crt"}}},
		{name: "stunnel", file: "stunnel.conf", format: "stunnel configuration",
			text: "cert = /a.pem\n[https]\naccept = 443\n"},
		{name: "PEM", file: "a.pem", text: pemCert + pemKey},
	})
}

func TestDatabases(t *testing.T) {
	runCases(t, []parseCase{
		{name: "services", file: "services", format: "PostgreSQL service file",
			text: "# comment\n[a]\nhost=db\nsslcert=/a.crt\nsslkey=a.key\nsslpassword= p w " +
				"\nsslrootcert=system\n\n[b]\nsslkey=pkcs11:x\nsslcert=/b.crt\n[c]\nhost=x\n",
			want: []Reference{
				{Name: "a", Certificate: "/a.crt", Key: "/etc/x/a.key", Passwords: []string{"p w"}, Note: start},
				{Name: "b", Certificate: "/b.crt", Key: "pkcs11:x"},
			}},
		{name: "engine", file: "x", format: "PostgreSQL service file", text: "[a]\nsslcert=/a.crt\nsslkey=tpm2:0x81",
			want: []Reference{{Name: "a", Certificate: "/a.crt", Note: `OpenSSL's engine "tpm2" keeps the key`}}},
		{name: "without an identity", file: "pg_service.conf", format: "PostgreSQL service file", text: "[a]\nhost=x\n"},
		{name: "damaged", file: "pg_service.conf", format: "PostgreSQL service file", text: "[a\nsslcert\n"},
		{name: "client groups", file: "extra.cnf", format: "MySQL option file",
			text: "[mysqld]\nssl-cert=/server.pem\n[client]\nssl_cert = '~/a b.pem' # " +
				"mine\nloose-ssl-key=/k.pem\nssl-ca=\"/ca\\\\s.pem\"\n[mysqldump]\nssl-cert=\n!includedir /etc/y\n",
			want:     []Reference{{Name: "client", Certificate: "/home/u/a b.pem", Key: "/k.pem", Authorities: `/ca\s.pem`}},
			includes: []string{"/etc/y/*"}},
		{name: "last counts", file: "x", format: "MySQL option file",
			text: "[client]\nssl-cert=/a\n[mysql]\nssl-cert=/m\n[client]\nssl-cert=/b\n",
			want: []Reference{{Name: "client", Certificate: "/b"}, {Name: "mysql", Certificate: "/m"}}},
		{name: "server only", file: "x.cnf", text: "[mysqld]\nssl-cert=/server.pem\n"},
		{name: "another INI", file: "x.ini", text: "[client]\nhost=x\n"},
	})
}

func TestJava(t *testing.T) {
	runCases(t, []parseCase{
		{name: "command line", file: "run.sh", format: "Java system properties",
			text: "exec java -Djavax.net.ssl.keyStore=/k.p12 -Djavax.net.ssl.keyStorePassword='p w' " +
				"-Djavax.net.ssl.keyStoreType=PKCS12 -Djavax.net.ssl.trustStore=t.jks -jar a.jar\n",
			want: []Reference{{Certificate: "/k.p12", Passwords: []string{"p w"}, Authorities: "/etc/x/t.jks",
				Note: start}}},
		{name: "one quote", file: "x.service", format: "systemd unit",
			text: `Environment="JAVA_TOOL_OPTIONS=-Djavax.net.ssl.keyStore=/k.p12 -Djavax.net.ssl.keyStorePassword=pw"` + "\n",
			want: []Reference{{Certificate: "/k.p12", Passwords: []string{"pw"}}}},
		{name: "several commands", file: "run.sh", format: "Java system properties",
			text: "java \"-Djavax.net.ssl.keyStore=/a b.p12\"\njava -Djavax.net.ssl.keyStore=/c.p12 " +
				"-Djavax.net.ssl.keyStorePassword=${PW}\n",
			want: []Reference{{Certificate: "/a b.p12"},
				{Certificate: "/c.p12", Note: "the password comes from elsewhere at run time"}}},
		{name: "token", file: "x", format: "Java system properties",
			text: "-Djavax.net.ssl.keyStore=NONE -Djavax.net.ssl.keyStoreType=PKCS11",
			want: []Reference{{Certificate: "pkcs11:", Note: "a token keeps the key"}}},
		{name: "trust only", file: "x", text: "-Djavax.net.ssl.trustStore=/t.jks"},
		{name: "cut off", file: "x", format: "Java system properties", text: "-Djavax.net.ssl.keyStore"},
		{name: "properties", file: "a.properties", format: "Java system properties",
			text: "! comment\njavax.net.ssl.keyStore : /a\\\n   b.p12\njavax.net.ssl.keyStorePassword=\\u0070w\\=\n",
			want: []Reference{{Certificate: "/ab.p12", Passwords: []string{`\u0070w\=`, "pw="}}}},
		{name: "Kafka", file: "client.properties", format: "Java properties",
			text: "security.protocol=SSL\nssl.keystore.location=/k.jks\nssl.keystore.password=store\nssl.key.password=key\nproducer.ssl.keystore.location /p.jks\nproducer.ssl.key.password=same\n",
			want: []Reference{
				{Certificate: "/k.jks", Passwords: []string{"store", "key"}},
				{Name: "producer", Certificate: "/p.jks", Passwords: []string{"same"}},
			}},
		{name: "Kafka in PEM", file: "x", format: "Java properties",
			text: "ssl.keystore.type=PEM\nssl.keystore.key=" + strings.ReplaceAll(pemKey, "\n", `\n`) +
				"\nssl.keystore.certificate.chain=" + strings.ReplaceAll(pemCert, "\n", "\\n\\\n") + "\n",
			want: []Reference{{CertificateData: []byte(pemCert), KeyData: []byte(pemKey)}}},
		{name: "other properties", file: "a.properties", format: "configuration", text: "myssl.keystore.location=/k.jks\n",
			want: []Reference{{Name: "myssl", Certificate: "/k.jks"}}},
		{name: "ends in a backslash", file: "a.properties", format: "Java properties", text: `ssl.keystore.location=/k\`,
			want: []Reference{{Certificate: `/k\`}}},
	})
}

func TestTools(t *testing.T) {
	runCases(t, []parseCase{
		{name: "Git", file: "config", format: "Git configuration",
			text: "[core]\n\teditor = vi\n[http]\n\tsslCert = ~/a.pem ; mine\n\tSSLKEY = \"/k;1.pem\"\n[http " +
				"\"https://[::1]/\"] sslCert = /b.pem\n\tsslCertPasswordProtected = true\n\tsslCAInfo = " +
				"ca.pem\n[include]\n\tpath = x\n",
			want: []Reference{
				{Certificate: "/home/u/a.pem", Key: "/k;1.pem"},
				{Name: "https://[::1]/", Certificate: "/b.pem", Authorities: "/etc/x/ca.pem", Note: start},
			}, includes: []string{"/etc/x/x"}},
		{name: "Git without an identity", file: ".gitconfig", format: "Git configuration", text: "[user]\nname = a\n"},
		{name: "another config", file: "config", text: "[core]\nbare = false\n"},
		{name: "wget", file: "x", format: "wget configuration",
			text: "Certificate = ~/a.pem\nprivate-key = /k.pem\ncertificate_type = DER\nca_certificate=/ca\n",
			want: []Reference{{Certificate: "/home/u/a.pem", Key: "/k.pem", Authorities: "/ca"}}},
		{name: "wget by name", file: ".wgetrc", format: "wget configuration", text: "certificate = /a.pem\n",
			want: []Reference{{Certificate: "/a.pem"}}},
		{name: "certificate alone", file: "x.conf", format: "configuration", text: "certificate = /a.pem\n",
			want: []Reference{{Certificate: "/a.pem"}}},
		{name: "npm", file: "x", format: "npm configuration",
			text: "//r.example/:certfile=~/a.pem\n//r.example/:keyfile=k.pem\ncafile=/ca.pem\n//r.example/:_authToken=x\n",
			want: []Reference{{Name: "//r.example", Certificate: "/home/u/a.pem", Key: "/etc/x/k.pem", Authorities: "/ca.pem",
				Note: start}}},
		{name: "npm inside", file: ".npmrc", format: "npm configuration",
			text: "cert=\"" + strings.ReplaceAll(pemCert, "\n", `\n`) + "\"\nkey=" + strings.ReplaceAll(pemKey, "\n", `\n`) +
				"\n",
			want: []Reference{{CertificateData: []byte(pemCert), KeyData: []byte(pemKey)}}},
		{name: "npm without an identity", file: ".npmrc", format: "npm configuration", text: "registry=https://x\n"},
		{name: "npm, field cut off", file: "x", text: "//r.example/:certfile\n"},
		{name: "kubeconfig, damaged", file: "kubeconfig", format: "kubeconfig", text: "users: [\nclusters contexts",
			problem: "the YAML cannot be parsed"},
		{name: "nothing", file: "x", text: ""},
		{name: "binary", file: ".curlrc", text: "cert = /a\x00"},
		{name: "not UTF-8", file: ".curlrc", text: "cert = /\xff"},
		{name: "too large", file: ".curlrc", text: "cert = /a\n" + strings.Repeat("#", maxSize)},
	})
}

func TestBounds(t *testing.T) {
	c, ok := Parse(&Text{Name: ".curlrc", Given: true, Data: []byte(strings.Repeat("cert /a\nnext\n", maxReferences+1))})
	if !ok || len(c.References) != maxReferences || len(c.Problems) != 1 {
		t.Errorf("%d references, %v", len(c.References), c.Problems)
	}
	c, ok = Parse(&Text{Name: "kubeconfig", Given: true,
		Data: []byte("clusters: []\ncontexts: []\nusers:\n" + strings.Repeat("- a\n", 2*maxProblems))})
	if !ok || len(c.Problems) != maxProblems {
		t.Errorf("%v", c.Problems)
	}
}

// No way of printing shows a secret.
func TestSecrets(t *testing.T) {
	c := &Config{References: []Reference{{Name: "a", Certificate: "/a", Passwords: []string{"hunter2", "hunter2"},
		KeyData: []byte("hunter2")}}}
	encoded, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	data := fmt.Sprint([]byte("hunter2"))
	for _, text := range []string{fmt.Sprintf("%v %+v %#v %v", c.References, c.References[0], c.References, c),
		string(encoded), fmt.Sprintf("%+v %#v", *c, c.References[0])} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, strings.Trim(data, "[]")) ||
			strings.Contains(text, "0x68, 0x75") || strings.Contains(text, "aHVudGVyMg") {
			t.Errorf("%s", text)
		}
	}
}
