package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A formatCase is a configuration as its program reads it, in the folder /etc/x.
type formatCase struct {
	file, text string
	// want has a line for each reference: name, setting:line, certificate, key,
	// authorities, passwords. What is empty is left out.
	want string
	// accepted and own are the settings with their lines.
	accepted, own string
}

// there are the files that exist, besides those under /c, which all do.
func there(path string) Contents {
	switch {
	case strings.HasPrefix(path, "/c/"), path == "/etc/x/rel.pem", path == "/etc/x/rel.key",
		path == "/etc/x/x509/moon.pem", path == "/etc/x/private/moon.key", path == "/home/u/me.pem":
		return Store
	case path == "/etc/x":
		return Folder
	case path == "/etc/passwd":
		return There
	}
	return Absent
}

func formatCases() []formatCase {
	return []formatCase{
		{file: "x.curlrc", text: "url = \"https://a\"\ncert = \"/c/a.pem\"\nkey = /c/a.key\npass = \"s3 cret\"\ncacert = " +
			"/c/ca.pem\n",
			want: "cert:2 /c/a.pem /c/a.key ca=/c/ca.pem [s3 cret]"},
		{file: "pg_service.conf",
			text: "[prod]\nhost=db\npassword=dbpw\nsslcert=/c/a.crt\nsslkey=/c/a.key\nsslpassword=pw\nsslrootcert=/c/ca.crt\n",
			want: "prod sslcert:4 /c/a.crt /c/a.key ca=/c/ca.crt [pw]"},
		{file: "my.cnf", text: "[client]\nuser = u\npassword = dbpw\nssl-cert = /c/a.pem\nssl-key = /c/a.key\nssl-ca = " +
			"/c/ca.pem\n[mysqld]\nssl-cert = /c/s.pem\n",
			want: "client ssl-cert:4 /c/a.pem /c/a.key ca=/c/ca.pem"},
		{file: "gitconfig", text: "[http \"https://git.example/\"]\n\tsslCert = ~/me.pem ; mine\n\tsslKey = " +
			"/c/a.key\n\tsslCAInfo = /c/ca.pem\n",
			want: "https://git.example/ sslCert:2 /home/u/me.pem /c/a.key ca=/c/ca.pem"},
		{file: ".npmrc", text: "//npm.example/:certfile=/c/a.pem\n//npm.example/:keyfile=/c/a.key\ncafile=/c/ca.pem\n",
			want: "//npm.example //npm.example/:certfile:1 /c/a.pem /c/a.key ca=/c/ca.pem"},
		{file: "wgetrc", text: "certificate = /c/a.pem\nprivate_key = /c/a.key\nca_certificate = /c/ca.pem\n",
			want: "certificate:1 /c/a.pem /c/a.key ca=/c/ca.pem"},
		{file: "client.properties",
			text: "bootstrap.servers=a:9093\nssl.keystore.location=/c/k.p12\nssl.keystore.password=store\nssl.key.password=key\nssl.truststore.location=/c/t.jks\nssl.truststore.password=trust\n",
			want: "ssl.keystore.location:2 /c/k.p12 ca=/c/t.jks [store key trust]"},
		{file: "application.properties",
			text: "spring.datasource.password=db\nspring.ssl.bundle.jks.client.keystore.location=file:/c/k.p12\nspring.ssl.bundle.jks.client.keystore.password=pw\nspring.ssl.bundle.jks.client.key.alias=me\n",
			want: "spring spring.ssl.bundle.jks.client.keystore.location:2 /c/k.p12 [pw]"},
		{file: "application.yaml",
			text: "spring:\n  ssl:\n    bundle:\n      pem:\n        client:\n          keystore:\n            certificate: " +
				"/c/a.pem\n            private-key: /c/a.key\n            private-key-password: pw\n          truststore:\n    " +
				"        certificate: /c/ca.pem\n",
			want: "client.keystore.certificate:7 /c/a.pem /c/a.key ca=/c/ca.pem [pw]"},
		{file: "nginx.conf", text: "http {\n  server {\n    listen 443 ssl;\n    ssl_certificate /c/s.pem;\n    " +
			"ssl_certificate_key /c/s.key;\n    ssl_client_certificate /c/ca.pem; # clients'\n    location / { " +
			"proxy_ssl_certificate rel.pem; proxy_ssl_certificate_key rel.key;\n      proxy_ssl_trusted_certificate " +
			"/c/up.pem; }\n  }\n}\n",
			want: "proxy_ssl_certificate:7 /etc/x/rel.pem /etc/x/rel.key ca=/c/up.pem", accepted: "ssl_client_certificate:6",
			own: "ssl_certificate:4 ssl_certificate_key:5"},
		{file: "site.conf", text: "<VirtualHost *:443>\n  SSLCertificateFile /c/s.pem\n  SSLCertificateKeyFile " +
			"\"/c/s.key\"\n  SSLCACertificateFile /c/ca.pem\n  SSLProxyMachineCertificateFile /c/a.pem\n  " +
			"SSLProxyCACertificateFile /c/up.pem\n</VirtualHost>\n",
			want: "SSLProxyMachineCertificateFile:5 /c/a.pem ca=/c/up.pem", accepted: "SSLCACertificateFile:4",
			own: "SSLCertificateFile:2 SSLCertificateKeyFile:3"},
		{file: "haproxy.cfg",
			text: "frontend f\n  bind :443 ssl crt /c/s.pem ca-file /c/ca.pem verify required\nbackend b\n  server s1 " +
				"10.0.0.1:443 ssl crt /c/a.pem ca-file /c/up.pem verify required\n",
			want: "crt:4 /c/a.pem ca=/c/up.pem", accepted: "ca-file:2", own: "crt:2"},
		{file: "envoy.yaml", text: "static_resources:\n  clusters:\n  - name: up\n    transport_socket:\n      " +
			"typed_config:\n        common_tls_context:\n          tls_certificates:\n          - certificate_chain: " +
			"{filename: /c/a.pem}\n            private_key: {filename: /c/a.key}\n            password: {inline_string: " +
			"pw}\n          validation_context: {trusted_ca: {filename: /c/up.pem}}\n",
			want: "up tls_certificates.certificate_chain.filename:8 /c/a.pem /c/a.key [pw]"},
		{file: "traefik.yml",
			text: "http:\n  serversTransports:\n    up:\n      certificates:\n      - certFile: /c/a.pem\n        keyFile: " +
				"/c/a.key\ntls:\n  certificates:\n  - certFile: /c/s.pem\n    keyFile: /c/s.key\n  options:\n    default:\n    " +
				"  clientAuth: {caFiles: [/c/ca.pem]}\n",
			want: "up.certificates.certFile:5 /c/a.pem /c/a.key", accepted: "default.clientAuth.caFiles:13",
			own: "tls.certificates.certFile:9 tls.certificates.keyFile:10"},
		{file: "Caddyfile", text: "example.com {\n  tls /c/s.pem /c/s.key\n  reverse_proxy https://up {\n    transport " +
			"http {\n      tls_client_auth /c/a.pem /c/a.key\n    }\n  }\n}\n",
			want: "tls_client_auth:5 /c/a.pem /c/a.key", own: "tls:2"},
		{file: "mosquitto.conf",
			text: "listener 8883\ncertfile /c/s.pem\nkeyfile /c/s.key\ncafile /c/ca.pem\nconnection up\nbridge_certfile " +
				"/c/a.pem\nbridge_keyfile /c/a.key\nbridge_cafile /c/up.pem\n",
			want: "bridge_certfile:6 /c/a.pem /c/a.key ca=/c/up.pem", accepted: "cafile:4", own: "certfile:2 keyfile:3"},
		{file: "redis.conf", text: "tls-port 6379\ntls-client-cert-file /c/a.pem\ntls-client-key-file " +
			"/c/a.key\ntls-client-key-file-pass pw\ntls-ca-cert-file /c/ca.pem\n",
			want: "tls-client-cert-file:2 /c/a.pem /c/a.key [pw]", accepted: "tls-ca-cert-file:5"},
		{file: "rabbitmq.conf",
			text: "ssl_options.cacertfile = /c/ca.pem\nssl_options.certfile = /c/s.pem\nssl_options.keyfile = " +
				"/c/s.key\nauth_ldap.ssl_options.certfile = /c/a.pem\nauth_ldap.ssl_options.keyfile = " +
				"/c/a.key\nauth_ldap.ssl_options.password = pw\n",
			want: "auth_ldap auth_ldap.ssl_options.certfile:4 /c/a.pem /c/a.key [pw]", accepted: "ssl_options.cacertfile:1",
			own: "ssl_options.certfile:2 ssl_options.keyfile:3"},
		{file: "etcd.env", text: "export ETCDCTL_CACERT=/c/ca.pem\nETCDCTL_CERT=/c/a.pem\nETCDCTL_KEY=\"/c/a.key\"\n",
			want: "ETCDCTL_CERT:2 /c/a.pem /c/a.key ca=/c/ca.pem"},
		{file: "stunnel.conf",
			text: "[up]\nclient = yes\naccept = 127.0.0.1:25\ncert = /c/a.pem\nkey = /c/a.key\nCAfile = " +
				"/c/ca.pem\n[down]\naccept = 443\ncert = /c/s.pem\n",
			want: "up cert:4 /c/a.pem /c/a.key ca=/c/ca.pem", own: "cert:9"},
		{file: "wpa_supplicant.conf",
			text: "network={\n\tssid=\"corp\"\n\tkey_mgmt=WPA-EAP\n\teap=TLS\n\tidentity=\"me\"\n\tca_cert=\"/c/ca.pem\"\n\tclient_cert=\"/c/a.pem\"\n\tprivate_key=\"/c/a.key\"\n\tprivate_key_passwd=\"pw\"\n}\n",
			want: "client_cert:7 /c/a.pem /c/a.key ca=/c/ca.pem [pw]"},
		{file: "corp.nmconnection",
			text: "[connection]\nid=corp\n[802-1x]\neap=tls;\nca-cert=/c/ca.pem\nclient-cert=/c/a.pem\nprivate-key=/c/a.key\nprivate-key-password=pw\n",
			want: "client-cert:6 /c/a.pem /c/a.key ca=/c/ca.pem [pw]"},
		{file: "swanctl.conf",
			text: "connections {\n  home {\n    local {\n      auth = pubkey\n      certs = moon.pem\n    }\n  " +
				"}\n}\nsecrets {\n  private-moon {\n    file = moon.key\n    secret = \"pw\"\n  }\n}\n",
			want: "certs:5 /etc/x/x509/moon.pem\nfile:11 /etc/x/private/moon.key [pw]"},
		{file: "client.ovpn", text: "client\nremote vpn.example 1194\nca rel.pem\n<cert>\n" + pemCert + "</cert>\n<key>\n" +
			pemKey + "</key>\n",
			want: "cert:4 PEM PEM ca=/etc/x/rel.pem"},
		{file: "ldaprc", text: "URI ldaps://ldap.example\nTLS_CACERT /c/ca.pem\nTLS_CERT /c/a.pem\nTLS_KEY /c/a.key\n",
			want: "TLS_CERT:3 /c/a.pem /c/a.key ca=/c/ca.pem"},
		{file: "prometheus.yml",
			text: "scrape_configs:\n- job_name: app\n  scheme: https\n  tls_config:\n    ca_file: /c/ca.pem\n    cert_file: " +
				"/c/a.pem\n    key_file: /c/a.key\n- job_name: other\n  tls_config: {cert_file: /c/b.pem, key_file: /c/b.key}\n",
			want: "app scrape_configs.tls_config.cert_file:6 /c/a.pem /c/a.key ca=/c/ca.pem\nother " +
				"scrape_configs.tls_config.cert_file:9 /c/b.pem /c/b.key"},
		{file: "compose.yaml",
			text: "services:\n  app:\n    command: [\"app\", \"--tls-cert\", \"/c/a.pem\", \"--tls-key=/c/a.key\"]\n    " +
				"environment:\n    - VAULT_CLIENT_CERT=/c/b.pem\n    - VAULT_CLIENT_KEY=/c/b.key\nsecrets:\n  tls: {file: " +
				"./rel.pem}\n",
			want: "tls-cert:3 /c/a.pem /c/a.key\nVAULT_CLIENT_CERT:5 /c/b.pem /c/b.key\nsecrets.tls.file:8 /etc/x/rel.pem"},
		{file: "app.service",
			text: "[Service]\nEnvironment=\"JAVA_TOOL_OPTIONS=-Djavax.net.ssl.keyStore=/c/k.p12 " +
				"-Djavax.net.ssl.keyStorePassword=pw\"\nExecStart=/usr/bin/curl --cert /c/a.pem:pass --key /c/a.key https://a\n",
			want: "javax.net.ssl.keyStore:2 /c/k.p12 [pw]\ncert:3 /c/a.pem /c/a.key [pass]"},
		{file: "run.sh", text: "#!/bin/sh\nDIR=/c\nCERT=$DIR/a.pem\nexec app \\\n  --client-cert \"$CERT\" \\\n  " +
			"--client-key ${DIR}/a.key --password-file /etc/passwd\n",
			want: "CERT:3 /c/a.pem\nclient-cert:4 /c/a.pem /c/a.key"},
		{file: "agent.toml", text: "[tls]\ncert_file = \"/c/a.pem\" # mine\nkey_file = \"/c/a.key\"\nca_file = " +
			"'/c/ca.pem'\n",
			want: "cert_file:2 /c/a.pem /c/a.key ca=/c/ca.pem"},
		{file: "settings.json", text: `{"http": {"tls": {"cert": "/c/a.pem",` + "\n" +
			`"key": "/c/a.key", "passphrase": "pw"}}, "port": 1}`,
			want: "http.tls.cert:1 /c/a.pem /c/a.key [pw]"},
		{file: "server.xml", text: "<?xml version=\"1.0\"?>\n<Server><Connector port=\"8443\"\n " +
			"keystoreFile=\"/c/k.p12\" keystorePass=\"pw\" truststoreFile=\"/c/t.jks\"/></Server>\n",
			want: "Server.Connector.keystoreFile:3 /c/k.p12 ca=/c/t.jks [pw]"},
		{file: "nginx.conf", text: "stream {\n  server {\n    proxy_ssl_certificate /c/a.pem;\n    proxy_ssl_certificate_key /c/a.key;\n  }\n}\n",
			want: "proxy_ssl_certificate:3 /c/a.pem /c/a.key"},
		{file: "cassandra.yaml", text: "client_encryption_options:\n  keystore: /c/k.p12\n  keystore_password: pw\n",
			want: "client_encryption_options.keystore:2 /c/k.p12 [pw]"},
		{file: "x.yaml", text: "api:\n  tls:\n    cert_file: /c/a.pem\n    key_file: /c/a.key\n    key_password: pw\nsession:\n  redis: {keystore: /c/b.p12, keystore-password: other}\n",
			want: "api.tls.cert_file:3 /c/a.pem /c/a.key [pw]\nsession.redis.keystore:7 /c/b.p12 [other]"},
		{file: "tomcat.xml", text: "<Connector>\n<SSLHostConfig><Certificate certificateKeystoreFile=\"/c/k.p12\" certificateKeystorePassword=\"pw\"/></SSLHostConfig>\n</Connector>\n",
			want: "SSLHostConfig.Certificate.certificateKeystoreFile:2 /c/k.p12 [pw]"},
		{file: "config.toml", text: "[[runners]]\n  name = \"one\"\n  tls-cert-file = \"/c/a.pem\"\n  tls-key-file = \"/c/a.key\"\n[[runners]]\n  name = \"two\"\n  tls-cert-file = \"/c/b.pem\"\n  tls-key-file = \"/c/b.key\"\n",
			want: "one tls-cert-file:3 /c/a.pem /c/a.key\ntwo tls-cert-file:7 /c/b.pem /c/b.key"},
		{file: "full.ovpn", text: "client\n<ca>\n" + pemCert + "</ca>\n<cert>\n" + pemCert + "</cert>\n<key>\n" + pemKey + "</key>\n<tls-auth>\n#\n-----BEGIN OpenVPN Static key V1-----\n00\n-----END OpenVPN Static key V1-----\n</tls-auth>\n",
			want: "cert:7 PEM PEM ca=PEM"},
		{file: "listener.yaml", text: "filter_chains:\n- transport_socket:\n    typed_config:\n      \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext\n      common_tls_context:\n        tls_certificates:\n        - certificate_chain: {filename: /c/s.pem}\n          private_key: {filename: /c/s.key}\n        validation_context: {trusted_ca: {filename: /c/ca.pem}}\n",
			accepted: "validation_context.trusted_ca.filename:9",
			own:      "tls_certificates.certificate_chain.filename:7 tls_certificates.private_key.filename:8"},
		{file: "application.yml", text: "server:\n  ssl:\n    key-store: /c/s.p12\n    key-store-password: pw\n  port: 8443\nclient:\n  ssl:\n    key-store: /c/k.p12\n    key-store-password: pw\n",
			want: "client.ssl.key-store:8 /c/k.p12 [pw]", own: "server.ssl.key-store:3"},
		{file: "/etc/stunnel/tunnel.conf", text: "[down]\naccept = 443\ncert = /c/s.pem\n[up]\nclient = yes\ncert = /c/a.pem\n",
			want: "up cert:6 /c/a.pem", own: "cert:3"},
		{file: "x.env", text: "DATABASE_URL=postgresql://u:pw@h/db?sslmode=verify-full&sslcert=/c/a.pem&sslkey=/c/a.key\n",
			want: "sslcert:1 /c/a.pem /c/a.key"},
		{file: "backup.sh", text: "psql \"host=x sslcert=/c/a.pem sslkey=/c/a.key\" -c 'select 1'\n", want: "sslcert:1 /c/a.pem /c/a.key"},
		{file: "postgresql.conf", text: "primary_conninfo = 'host=x sslcert=/c/a.pem sslkey=/c/a.key'\n", want: "sslcert:1 /c/a.pem /c/a.key"},
		{file: "dovecot.conf", text: "ssl_client_cert = </c/a.pem\nssl_client_key = </c/a.key\n", want: "ssl_client_cert:1 /c/a.pem /c/a.key"},
		{file: "hosts.toml", text: "[host.\"https://r\"]\n  client = [\"/c/a.pem\", \"/c/a.key\"]\n", want: "client:2 /c/a.pem\nclient:2 /c/a.key"},
		{file: "web.service", text: "[Service]\nLoadCredential=tls.crt:/c/a.pem\nEnvironment=\"A=b\" \"CERT=/c/b.pem\" \"KEY=/c/b.key\"\n",
			want: "LoadCredential:2 /c/a.pem\nCERT:3 /c/b.pem /c/b.key"},
		{file: "main.tf", text: "provider \"x\" {\n  client_certificate = file(\"/c/a.pem\")\n  client_key = file(\"${path.module}/rel.key\")\n}\n",
			want: "client_certificate:2 /c/a.pem /etc/x/rel.key"},
		{file: "pipeline.conf", text: "output {\n  elasticsearch {\n    ssl_certificate => \"/c/a.pem\"\n    ssl_key => \"/c/a.key\"\n  }\n}\n",
			want: "ssl_certificate:3 /c/a.pem /c/a.key"},
		{file: "rsyslog.conf", text: "action(type=\"omfwd\" streamdriver.certfile=\"/c/a.pem\" streamdriver.keyfile=\"/c/a.key\")\n",
			want: "streamdriver streamdriver.certfile:1 /c/a.pem /c/a.key"},
		{file: "settings.xml", text: "<settings><server><keystore>/c/k.p12</keystore></server></settings>\n", want: "settings.server.keystore:1 /c/k.p12"},
		{file: "haproxy.cfg", text: "backend b\n  server s 10.0.0.1:443 ssl crt /c/a.pem verify none # crt /c/b.pem\n", want: "crt:2 /c/a.pem"},
		{file: "try.sh", text: "openssl s_client -connect a:443 -cert /c/a.crt -key /c/a.key\n", want: "cert:1 /c/a.crt /c/a.key"},
		{file: "eap.conf", text: "tls {\n  certificate_file = /c/a.pem\n  private_key_file = ${certdir}/a.key\n}\n", want: "certificate_file:2 /c/a.pem"},
		{file: "unknown.conf", text: "whatever = /c/a.pem\nhost = a\nlog = /etc/passwd\nkeymap = us\ncertainty = high\n",
			want: "whatever:1 /c/a.pem"},
	}
}

func (r *Reference) line() string {
	text := func(data []byte) string {
		if len(data) > 0 {
			return "PEM"
		}
		return ""
	}
	ca := r.Authorities + text(r.AuthoritiesData)
	if ca != "" {
		ca = "ca=" + ca
	}
	passwords := ""
	if len(r.Passwords) > 0 {
		passwords = fmt.Sprint(r.Passwords)
	}
	return strings.Join(strings.Fields(strings.Join([]string{r.Name, fmt.Sprintf("%s:%d", r.Setting, r.Line),
		r.Certificate + text(r.CertificateData), r.Key + text(r.KeyData), ca, passwords}, " ")), " ")
}

func nameds(list []Named) string {
	var out []string
	for _, n := range list {
		out = append(out, fmt.Sprintf("%s:%d", n.Setting, n.Line))
	}
	return strings.Join(out, " ")
}

// The configurations of many programs are read by one reader.
func TestFormats(t *testing.T) {
	for _, tt := range formatCases() {
		t.Run(tt.file, func(t *testing.T) {
			c, ok := Parse(&Text{Name: tt.file, Dirs: []string{"/etc/x"}, Home: "/home/u", Data: []byte(tt.text), Given: true,
				Look: there})
			if !ok {
				t.Fatal("it is not recognised")
			}
			var got []string
			for _, r := range c.References {
				got = append(got, r.line())
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, "\n")); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if accepted := nameds(c.Accepted); accepted != tt.accepted {
				t.Errorf("accepted %q, want %q", accepted, tt.accepted)
			}
			if own := nameds(c.Own); own != tt.own {
				t.Errorf("own %q, want %q", own, tt.own)
			}
			if len(c.Problems) > 0 {
				t.Errorf("%v", c.Problems)
			}
		})
	}
}

// A value that is no path of a file may be a secret: none is told, nor what is before a colon.
func TestNoSecrets(t *testing.T) {
	text := "APP_KEY=base64:q7/Xk3SECRET=\nSTRIPE_KEY=sk_live/SECRET\nPRIVATE_KEY=abc/SECRET\nssl_key = p4ssSECRET:s3SECRET\nclient_key=/SECRET/x\n"
	yaml := "remote_write:\n- sigv4: {secret_key: abc/SECRET, access_key: SECRET/x}\n  pagerduty: {service_key: SECRET/x}\n"
	for _, name := range []string{".env", "x.conf", "a.service", "prometheus.yml"} {
		for _, given := range []bool{true, false} {
			data := text
			if name == "prometheus.yml" {
				data = yaml
			}
			c, ok := Parse(&Text{Name: name, Dirs: []string{"/etc/x"}, Data: []byte(data), Given: given, Look: there})
			if said := fmt.Sprintf("%+v", c); ok && strings.Contains(said, "SECRET") {
				t.Errorf("%s, given %t: %s", name, given, said)
			}
		}
	}
}

// Texts that are not configurations name nothing that is not there.
func TestProse(t *testing.T) {
	for name, text := range map[string]string{
		"README.md":  "The key: see [servers](cmd/docs/key.md), or `--cert FILE --key=x`.\n\n- certificates in stores/tokens\n",
		"formats.go": "package x\n\nvar keys = `^sslcert$|^sslkey$`\n\tkeys: []string{\"a/b\"},\n",
		"app.log":    "2026-01-01 INFO key=/x/y loaded cert=/no/such/folder\n",
	} {
		if c, ok := Parse(&Text{Name: name, Dirs: []string{"/etc/x"}, Data: []byte(text), Given: true, Look: there}); ok {
			t.Errorf("%s: %+v %v", name, c, c.References)
		}
	}
}

// What a program ignores where it stands is said.
func TestIgnored(t *testing.T) {
	text := []byte("TLS_CERT /c/a.pem\nTLS_KEY /c/a.key\n")
	for name, want := range map[string]int{"ldap.conf": 1, ".ldaprc": 0} {
		c, ok := Parse(&Text{Name: "/etc/ldap/" + name, Data: text, Given: true, Look: there})
		if !ok || len(c.Notes) != want {
			t.Errorf("%s: %+v", name, c)
		}
	}
}
