//go:build slow && linux

package cmd

// webServers speak HTTP themselves.
func webServers() []setup {
	const (
		nginx = "daemon off; master_process off; pid $dir/pid; error_log $dir/error.log;\nevents {}\n"
		https = nginx + `http {
  access_log off;
  client_body_temp_path $dir/b; proxy_temp_path $dir/p; fastcgi_temp_path $dir/f; uwsgi_temp_path $dir/u; scgi_temp_path $dir/s;
  server {
    listen 127.0.0.1:$port ssl http2; ssl_protocols TLSv1.2 TLSv1.3;
    ssl_certificate $pki/server.pem; ssl_certificate_key $pki/server.key; ssl_client_certificate $pki/ca.pem; ssl_verify_depth 3;
    return 200 ok;
    ssl_verify_client `
	)
	nginxArgs := []string{"-c", "$dir/nginx.conf", "-p", "$dir", "-e", "$dir/error.log"}
	const missing, bad = "refused-by-application 400: No required SSL certificate was sent",
		"refused-by-application 400: The SSL certificate error"
	return []setup{
		{name: "nginx http, verify on", program: "nginx", pkg: "nginx-light", version: []string{"-v"}, args: nginxArgs,
			files: map[string]string{"nginx.conf": https + "on;\n  }\n}\n"},
			targets: []target{same("https://127.0.0.1:$port/", byOne(missing, bad)),
				same("h2://127.0.0.1:$port/", byOne(missing, bad))}},
		{name: "nginx http, verify optional", program: "nginx", pkg: "nginx-light", version: []string{"-v"}, args: nginxArgs,
			files: map[string]string{"nginx.conf": https + "optional;\n  }\n}\n"},
			targets: []target{same("https://127.0.0.1:$port/",
				expect{"optional", "accepted", "accepted", bad, bad, bad, bad, bad})}},
		// Fact 8: an unknown CA is ignored, and other defects are not.
		{name: "nginx http, verify optional_no_ca", program: "nginx", pkg: "nginx-light", version: []string{"-v"},
			args:  nginxArgs,
			files: map[string]string{"nginx.conf": https + "optional_no_ca;\n  }\n}\n"},
			targets: []target{same("https://127.0.0.1:$port/",
				expect{"optional", "accepted", "accepted", "accepted", "accepted", bad, bad, "accepted"})}},
		// Facts 3, 4 and 10: GnuTLS says access_denied of everything, and does not
		// look at the usage.
		{name: "gnutls-serv, verify", program: "gnutls-serv", pkg: "gnutls-bin", version: []string{"--version"},
			args: []string{"--http", "--quiet", "--require-client-cert", "--verify-client-cert", "--x509certfile",
				"$pki/server.pem", "--x509keyfile", "$pki/server.key", "--x509cafile", "$pki/ca.pem", "-p", "$port"},
			targets: []target{{"https://127.0.0.1:$port/", nil,
				expect{"required", "refused decode_error", "accepted", "refused access_denied", "refused access_denied",
					"refused access_denied", "accepted", "refused access_denied"},
				expect{"required", noCertificate, "accepted", "refused access_denied", "refused access_denied",
					"refused access_denied", "accepted", "refused access_denied"}}}},
		// Fact 9.
		{name: "gnutls-serv, any", program: "gnutls-serv", pkg: "gnutls-bin", version: []string{"--version"},
			args: []string{"--http", "--quiet", "--require-client-cert", "--x509certfile", "$pki/server.pem",
				"--x509keyfile", "$pki/server.key", "--x509cafile", "$pki/ca.pem", "-p", "$port"},
			targets: []target{anyone("https://127.0.0.1:$port/", "refused decode_error")}},
		etcd("etcd", true),
		etcd("etcd, no client-cert-auth", false),
	}
}

// etcd is built with Go 1.19, which says bad_certificate of everything: facts 3
// and 4.
func etcd(name string, auth bool) setup {
	s := setup{name: name, program: "etcd", pkg: "etcd-server", version: []string{"--version"},
		args: []string{"--data-dir", "$dir/data", "--listen-client-urls", "https://127.0.0.1:$port",
			"--advertise-client-urls", "https://127.0.0.1:$port",
			"--listen-peer-urls", "http://127.0.0.1:$port2", "--initial-advertise-peer-urls", "http://127.0.0.1:$port2",
			"--initial-cluster", "default=http://127.0.0.1:$port2",
			"--cert-file", "$pki/server.pem", "--key-file", "$pki/server.key"},
	}
	if auth {
		s.args = append(s.args, "--client-cert-auth", "--trusted-ca-file", "$pki/ca.pem")
		s.targets = []target{same("etcd://127.0.0.1:$port", byOne(badCertificate, badCertificate)),
			same("https://127.0.0.1:$port/version", byOne(badCertificate, badCertificate))}
		return s
	}
	s.targets = []target{same("etcd://127.0.0.1:$port", unasked)}
	return s
}

// proxyServers decrypt for a server behind them.
func proxyServers() []setup {
	const (
		haproxy = "defaults\n  mode http\n  timeout connect 5s\n  timeout client 10s\n  timeout server 10s\nfrontend f\n " +
			" http-request return status 200\n  bind 127.0.0.1:$port ssl crt $pki/server.both ca-file $pki/ca.pem verify "
		stunnel = "foreground = yes\npid =\n[s]\naccept = 127.0.0.1:$port\nconnect = 127.0.0.1:$backend\ncert = " +
			"$pki/server.pem\nkey = $pki/server.key\nCAfile = $pki/ca.pem\n"
		stream = `load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off; master_process off; pid $dir/pid; error_log $dir/error.log;
events {}
stream {
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_certificate $pki/server.pem; ssl_certificate_key $pki/server.key; ssl_client_certificate $pki/ca.pem; ssl_verify_depth 3; ssl_verify_client on;
  server { listen 127.0.0.1:$port ssl; proxy_pass 127.0.0.1:$backend; }
  server { listen 127.0.0.1:$port2 ssl; proxy_pass 127.0.0.1:$silent; }
}
`
	)
	return []setup{
		// Traps 4, 5 and 6: a ticket, then close_notify, is the refusal.
		{name: "nginx stream, verify on", program: "nginx", pkg: "nginx-light",
			modules: [][2]string{{"/usr/lib/nginx/modules/ngx_stream_module.so", "libnginx-mod-stream"}},
			version: []string{"-v"},
			args:    []string{"-c", "$dir/nginx.conf", "-p", "$dir", "-e", "$dir/error.log"},
			files:   map[string]string{"nginx.conf": stream},
			targets: []target{same("https://127.0.0.1:$port/", byOne("closed", "closed")),
				same("tls://127.0.0.1:$port2", byOne("closed", "closed"))}},
		{name: "HAProxy, required", program: "haproxy", pkg: "haproxy", version: []string{"-v"},
			args:    []string{"-db", "-f", "$dir/haproxy.cfg"},
			files:   map[string]string{"haproxy.cfg": haproxy + "required\n"},
			targets: []target{required("https://127.0.0.1:$port/")}},
		{name: "HAProxy, optional", program: "haproxy", pkg: "haproxy", version: []string{"-v"},
			args:    []string{"-db", "-f", "$dir/haproxy.cfg"},
			files:   map[string]string{"haproxy.cfg": haproxy + "optional\n"},
			targets: []target{optional("https://127.0.0.1:$port/")}},
		// Fact 9.
		{name: "HAProxy, required, errors ignored", program: "haproxy", pkg: "haproxy", version: []string{"-v"},
			args:    []string{"-db", "-f", "$dir/haproxy.cfg"},
			files:   map[string]string{"haproxy.cfg": haproxy + "required ca-ignore-err all crt-ignore-err all\n"},
			targets: []target{anyone("https://127.0.0.1:$port/", noAgreement)}},
		{name: "hitch, client-verify required", program: "hitch", pkg: "hitch", root: true,
			args: []string{"--config=$dir/hitch.conf"},
			files: map[string]string{"hitch.conf": "frontend = \"[127.0.0.1]:$port\"\nbackend = " +
				"\"[127.0.0.1]:$backend\"\npem-file = \"$pki/server.both\"\nclient-verify = required\nclient-verify-ca = " +
				"\"$pki/ca.pem\"\nuser = \"nobody\"\nworkers = 1\n"},
			targets: []target{required("https://127.0.0.1:$port/")}},
		// Trap 12: verifyChain alone requires a certificate.
		{name: "stunnel, verifyChain", program: "stunnel4", pkg: "stunnel4", version: []string{"-version"},
			args:    []string{"$dir/stunnel.conf"},
			files:   map[string]string{"stunnel.conf": stunnel + "verifyChain = yes\n"},
			targets: []target{required("https://127.0.0.1:$port/")}},
		{name: "stunnel, verifyChain, requireCert no", program: "stunnel4", pkg: "stunnel4", version: []string{"-version"},
			args:    []string{"$dir/stunnel.conf"},
			files:   map[string]string{"stunnel.conf": stunnel + "verifyChain = yes\nrequireCert = no\n"},
			targets: []target{optional("https://127.0.0.1:$port/")}},
		// Fact 9.
		{name: "stunnel, requireCert alone", program: "stunnel4", pkg: "stunnel4", version: []string{"-version"},
			args:    []string{"$dir/stunnel.conf"},
			files:   map[string]string{"stunnel.conf": stunnel + "requireCert = yes\n"},
			targets: []target{anyone("https://127.0.0.1:$port/", noAgreement)}},
	}
}

// lighttpdServers have one configuration and four TLS stacks.
func lighttpdServers() []setup {
	lighttpd := func(module, enforce string, t target) setup {
		return setup{name: "lighttpd with " + module + ", enforce " + enforce, program: "lighttpd", pkg: "lighttpd",
			version: []string{"-v"}, modules: [][2]string{{"/usr/lib/lighttpd/mod_" + module + ".so",
				"lighttpd-mod-" + module}}, args: []string{"-D", "-f", "$dir/lighttpd.conf"},
			files: map[string]string{"lighttpd.conf": `server.document-root = "$pki"
server.bind = "127.0.0.1"
server.port = $port
server.modules = ("mod_` + module + `")
ssl.engine = "enable"
ssl.pemfile = "$pki/server.pem"
ssl.privkey = "$pki/server.key"
ssl.verifyclient.ca-file = "$pki/ca.pem"
ssl.verifyclient.activate = "enable"
ssl.verifyclient.depth = 3
ssl.verifyclient.enforce = "` + enforce + `"
`}, targets: []target{t}}
	}
	const url = "https://127.0.0.1:$port/ca.pem"
	// The facts do not tell wolfSSL's alerts.
	wolf := expect{"required", "closed", "accepted", unknownCA, unknownCA, certExpired, badCertificate, badCertificate}
	wolf13 := wolf
	wolf13.none = noCertificate
	return []setup{
		lighttpd("openssl", "enable", required(url)),
		lighttpd("openssl", "disable", same(url, ignored)),
		// Facts 3, 4 and 10.
		lighttpd("gnutls", "enable", same(url, expect{"required", "closed", "accepted", "refused access_denied",
			"refused access_denied", "refused access_denied", "accepted", "refused access_denied"})),
		// Trap 13: it looks required, and is any.
		lighttpd("gnutls", "disable", same(url, expect{"required", "closed", "accepted", "accepted", "accepted", "accepted",
			"accepted", "accepted"})),
		// Trap 10: once it has seen an intermediate it accepts the leaf alone. So that
		// is tried first, and every version on a fresh server.
		lighttpd("wolfssl", "enable", target{url, nil, wolf, expect{}}),
		lighttpd("wolfssl", "enable", target{url, nil, expect{}, wolf13}),
		lighttpd("mbedtls", "enable", target{url, nil, byOpenSSL("required", "closed"), expect{}}),
	}
}
