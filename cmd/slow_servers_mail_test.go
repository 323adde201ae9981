//go:build slow && linux

package cmd

// atRCPT is a server that takes everybody until the first recipient.
func atRCPT(bad string) expect {
	bad = "refused-by-application " + bad
	return byOne(bad, bad)
}

// mailServers speak SMTP, IMAP or POP3.
func mailServers() []setup {
	const (
		nginx = `load_module /usr/lib/nginx/modules/ngx_mail_module.so;
daemon off; master_process off; pid $dir/pid; error_log $dir/error.log;
events {}
mail {
  server_name localhost; auth_http 127.0.0.1:$backend;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_certificate $pki/server.pem; ssl_certificate_key $pki/server.key; ssl_client_certificate $pki/ca.pem; ssl_verify_depth 3; ssl_verify_client on;
  server { listen 127.0.0.1:$port ssl; protocol imap; }
  server { listen 127.0.0.1:$port2; protocol smtp; starttls on; smtp_auth none; }
  server { listen 127.0.0.1:$port3 ssl; protocol smtp; smtp_auth none; }
  server { listen 127.0.0.1:$port4 ssl; protocol pop3; }
}
`
		dovecot = `base_dir = $dir/r
state_dir = $dir/r
log_path = $dir/dovecot.log
listen = 127.0.0.1
protocols = imap pop3 lmtp sieve
ssl = yes
ssl_cert = <$pki/server.pem
ssl_key = <$pki/server.key
ssl_ca = <$pki/ca.pem
ssl_require_crl = no
ssl_verify_client_cert = yes
service imap-login {
  inet_listener imap {
    port = $port
  }
  inet_listener imaps {
    port = $port2
    ssl = yes
  }
}
service pop3-login {
  inet_listener pop3 {
    port = $port3
  }
  inet_listener pop3s {
    port = $port4
    ssl = yes
  }
}
service managesieve-login {
  inet_listener sieve {
    port = $port5
  }
}
service lmtp {
  inet_listener lmtp {
    port = $port6
  }
}
passdb {
  driver = static
  args = nopassword=y
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=$dir
}
auth_ssl_require_client_cert = `
		postfixMain = `compatibility_level = 3.6
queue_directory = $dir/q
data_directory = $dir/d
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = localhost
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
local_recipient_maps =
maillog_file = $dir/postfix.log
maillog_file_prefixes = $dir
smtpd_tls_cert_file = $pki/server.pem
smtpd_tls_key_file = $pki/server.key
smtpd_tls_CAfile = $pki/ca.pem
smtpd_tls_ccert_verifydepth = 5
in_flow_delay = 0
smtpd_tls_security_level = encrypt
`
		postfixMaster = `127.0.0.1:$port inet n - n - - smtpd
127.0.0.1:$port2 inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
tlsmgr unix - - n 1000? 1 tlsmgr
cleanup unix n - n - 0 cleanup
rewrite unix - - n - - trivial-rewrite
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
`
	)
	exim := func(name, acl string, targets ...target) setup {
		return setup{name: name, program: "/opt/exim4/usr/sbin/exim4", pkg: "exim4-daemon-light", root: true,
			version: []string{"-bV"},
			copies:  []string{"server.pem", "server.key", "ca.pem"},
			files: map[string]string{"exim.conf": `primary_hostname = localhost
spool_directory = $dir/spool
log_file_path = $dir/%slog
pid_file_path = $dir/pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = $port : $port2
tls_on_connect_ports = $port2
tls_advertise_hosts = *
tls_certificate = $dir/server.pem
tls_privatekey = $dir/server.key
tls_verify_certificates = $dir/ca.pem
acl_smtp_rcpt = rcpt
` + acl},
			prepare: [][]string{{"chown", "-R", "Debian-exim", "$dir"}, {"chown", "root", "$dir/exim.conf"}},
			args:    []string{"-C", "$dir/exim.conf", "-bdf"}, targets: targets}
	}
	postfix := func(name, main string, targets ...target) setup {
		// "postfix start-fg" would leave its master behind when it is ended.
		return setup{name: name, program: "/usr/lib/postfix/sbin/master", pkg: "postfix", root: true,
			files: map[string]string{"main.cf": postfixMain + main, "master.cf": postfixMaster},
			prepare: [][]string{{"install", "-d", "-m", "755", "$dir/q"}, {"install", "-d", "-o", "postfix", "$dir/d"},
				{"postfix", "-c", "$dir", "check"}},
			args: []string{"-s", "-c", "$dir"}, targets: targets}
	}
	eximRule := atRCPT("550: RCPT TO: a client certificate is required")
	eximRule.noEKU = "accepted" // GnuTLS: the usage is not looked at
	eximHost := func(none string) expect {
		return expect{"required", none, "accepted", badCertificate, badCertificate, badCertificate, "accepted",
			badCertificate}
	}
	modules := [][2]string{{"/usr/lib/dovecot/pop3-login", "dovecot-pop3d"},
		{"/usr/lib/dovecot/managesieve-login", "dovecot-managesieved"}, {"/usr/lib/dovecot/lmtp", "dovecot-lmtpd"}}
	imap := byOne("refused-by-application: NO [ALERT] Client didn't present",
		"refused-by-application: NO [ALERT] Client didn't present")
	pop3 := byOne("refused-by-application: -ERR [AUTH]", "refused-by-application: -ERR [AUTH]")
	ccert := byOne("refused-by-application 421: 4.7.1 localhost Error: No client certificate presented",
		"refused-by-application 421: 4.7.1 localhost Error: Client certificate not trusted")
	return []setup{
		{name: "nginx mail, verify on", program: "nginx", pkg: "nginx-light",
			modules: [][2]string{{"/usr/lib/nginx/modules/ngx_mail_module.so", "libnginx-mod-mail"}}, version: []string{"-v"},
			files: map[string]string{"nginx.conf": nginx},
			args:  []string{"-c", "$dir/nginx.conf", "-p", "$dir", "-e", "$dir/error.log"}, targets: []target{
				same("imaps://127.0.0.1:$port", byOne("refused-by-application: * BYE No required SSL certificate",
					"refused-by-application: * BYE SSL certificate error")),
				same("smtp://127.0.0.1:$port2", byOne("refused-by-application 421: 4.7.1 No required SSL certificate",
					"refused-by-application 421: 4.7.1 SSL certificate error")),
				same("smtps://127.0.0.1:$port3", byOne("refused-by-application 421: 4.7.1 No required SSL certificate",
					"refused-by-application 421: 4.7.1 SSL certificate error")),
				same("pop3s://127.0.0.1:$port4", byOne("refused-by-application: -ERR No required SSL certificate",
					"refused-by-application: -ERR SSL certificate error"))}},
		{name: "Dovecot, required", program: "dovecot", pkg: "dovecot-imapd", modules: modules,
			version: []string{"--version"}, root: true,
			files: map[string]string{"dovecot.conf": dovecot + "yes\n"}, args: []string{"-F", "-c",
				"$dir/dovecot.conf"}, targets: []target{
				same("imap://127.0.0.1:$port", imap), same("imaps://127.0.0.1:$port2", imap),
				same("pop3://127.0.0.1:$port3", pop3), same("pop3s://127.0.0.1:$port4", pop3),
				same("sieve://127.0.0.1:$port5", byOne(`refused-by-application: NO "Client didn't present`,
					`refused-by-application: NO "Client didn't present`)),
				// LMTP knows no login: who presents none passes.
				same("lmtp://127.0.0.1:$port6", expect{"optional", "accepted", "accepted", "closed", "closed", "closed", "closed",
					"closed"})}},
		// Fact 8: asked for and ignored.
		{name: "Dovecot, verify only", program: "dovecot", pkg: "dovecot-imapd", modules: modules,
			version: []string{"--version"}, root: true,
			files: map[string]string{"dovecot.conf": dovecot + "no\n"}, args: []string{"-F", "-c", "$dir/dovecot.conf"},
			targets: []target{same("imaps://127.0.0.1:$port2", ignored)}},
		// Fact 14: 421 in answer to the first command, or in wrapper mode in place of
		// the greeting, which follows it.
		postfix("Postfix, req_ccert", "smtpd_tls_req_ccert = yes\n", same("smtp://127.0.0.1:$port", ccert),
			same("smtps://127.0.0.1:$port2", ccert)),
		// Trap 11: where TLS is not a must, it does not even ask.
		postfix("Postfix, may, req_ccert", "smtpd_tls_security_level = may\nsmtpd_tls_req_ccert = yes\n",
			same("smtp://127.0.0.1:$port", unasked)),
		// Rules that speak at RCPT, as delayed ones do: what passes until then is not let in.
		postfix("Postfix, ask_ccert, a rule for clients",
			"smtpd_tls_ask_ccert = yes\nsmtpd_client_restrictions = permit_tls_all_clientcerts, reject\n",
			same("smtp://127.0.0.1:$port", atRCPT("554: RCPT TO: 5.7.1")),
			same("smtps://127.0.0.1:$port2", atRCPT("554: RCPT TO: 5.7.1"))),
		exim("Exim, a rule at RCPT",
			"tls_try_verify_hosts = *\nbegin acl\nrcpt:\n  accept verify = certificate\n  deny message = a client "+
				"certificate is required\n",
			same("smtp://127.0.0.1:$port", eximRule), same("smtps://127.0.0.1:$port2", eximRule)),
		// Facts 4 and 10: GnuTLS, whose refusal is one alert for everything.
		exim("Exim, tls_verify_hosts", "tls_verify_hosts = *\nbegin acl\nrcpt:\n  accept\n",
			target{"smtps://127.0.0.1:$port2", nil, eximHost("refused decode_error"), eximHost(noCertificate)}),
		// Fact 8.
		postfix("Postfix, ask_ccert", "smtpd_tls_ask_ccert = yes\n", same("smtp://127.0.0.1:$port", ignored),
			same("smtps://127.0.0.1:$port2", ignored)),
	}
}
