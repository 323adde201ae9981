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
