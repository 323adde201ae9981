//go:build slow && linux

package cmd

// databaseServers keep data.
func databaseServers() []setup {
	postgres := func(name, rule string, targets ...target) setup {
		return setup{name: name, program: "postgres", pkg: "postgresql", version: []string{"--version"}, user: "postgres",
			files:  map[string]string{"hba": "hostssl all all 127.0.0.1/32 " + rule + "\n"},
			copies: []string{"server.pem", "server.key", "ca.pem"},
			prepare: [][]string{{"$bin/initdb", "-D", "$dir/data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C",
				"--no-sync"}},
			args: []string{"-D", "$dir/data", "-p", "$port", "-h", "127.0.0.1", "-k", "", "-c", "hba_file=$dir/hba", "-c",
				"fsync=off", "-c", "ssl=on",
				"-c", "ssl_cert_file=$dir/server.pem", "-c", "ssl_key_file=$dir/server.key", "-c", "ssl_ca_file=$dir/ca.pem"},
			ready:   []string{"$bin/pg_isready", "-q", "-h", "127.0.0.1", "-p", "$port"},
			targets: targets}
	}
	redis := func(name, auth string, t target) setup {
		return setup{name: name, program: "redis-server", pkg: "redis-server", version: []string{"--version"},
			args: []string{"--bind", "127.0.0.1", "--port", "0", "--tls-port", "$port", "--tls-cert-file", "$pki/server.pem",
				"--tls-key-file", "$pki/server.key",
				"--tls-ca-cert-file", "$pki/ca.pem", "--tls-auth-clients", auth, "--save", "", "--appendonly", "no", "--dir",
				"$dir"},
			targets: []target{t}}
	}
	slapd := func(name, verify string, e expect) setup {
		return setup{name: name, program: "slapd", pkg: "slapd", version: []string{"-VV"},
			files: map[string]string{"slapd.conf": "TLSCACertificateFile $pki/ca.pem\nTLSCertificateFile " +
				"$pki/server.pem\nTLSCertificateKeyFile $pki/server.key\nTLSVerifyClient " + verify +
				"\ndatabase config\nrootpw x\n"},
			args: []string{"-f", "$dir/slapd.conf", "-h", "ldap://127.0.0.1:$port ldaps://127.0.0.1:$port2", "-d",
				"0"}, targets: []target{
				same("ldap://127.0.0.1:$port", e), same("ldaps://127.0.0.1:$port2", e)}}
	}
	const denied = "unknown 1045: Access denied"
	return []setup{
		// Fact 14 and trap 15. What is not a good certificate is refused by OpenSSL.
		postgres("PostgreSQL, verify-full", "trust clientcert=verify-full",
			same("postgres://good@127.0.0.1:$port", byOpenSSL("required",
				"refused-by-application: 28000 connection requires a valid client certificate")),
			same("postgres://another@127.0.0.1:$port",
				expect{"required", "refused-by-application: 28000 connection requires a valid client certificate",
					"refused-by-application: 28000 \"trust\" authentication failed", unknownCA, unknownCA, certExpired, wrongUse,
					unknownCA})),
		postgres("PostgreSQL, optional", "trust", same("postgres://good@127.0.0.1:$port",
			byOpenSSL("optional", "accepted"))),
		{name: "PgBouncer, verify-full", program: "pgbouncer", pkg: "pgbouncer", user: "postgres",
			copies: []string{"server.pem", "server.key", "ca.pem"},
			files: map[string]string{"pgbouncer.ini": "[databases]\npostgres = host=127.0.0.1 " +
				"port=1\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = $port\nunix_socket_dir =\nauth_type = " +
				"md5\nauth_file = $dir/users\n" +
				"client_tls_sslmode = verify-full\nclient_tls_ca_file = $dir/ca.pem\nclient_tls_cert_file = " +
				"$dir/server.pem\nclient_tls_key_file = $dir/server.key\n",
				"users": "\"mtlsprobe\" \"secret\"\n"},
			args: []string{"$dir/pgbouncer.ini"}, targets: []target{required("postgres://mtlsprobe@127.0.0.1:$port")}},
		mariadb("MariaDB", nil,
			// Fact 14: 1045 is undecidable.
			same("mysql://nobody-here@127.0.0.1:$port",
				expect{"unknown", denied, denied, unknownCA, unknownCA, certExpired, wrongUse, unknownCA}),
			// But with the name of a user who has no password it is decided.
			same("mysql://good@127.0.0.1:$port", byOpenSSL("required", "refused-by-application 1045: Access denied"))),
		mariadb("MariaDB, require_secure_transport", []string{"--require-secure-transport"},
			optional("mysql://anybody@127.0.0.1:$port")),
		redis("Redis, tls-auth-clients yes", "yes", required("rediss://127.0.0.1:$port")),
		redis("Redis, tls-auth-clients optional", "optional", optional("rediss://127.0.0.1:$port")),
		// Facts 3, 4 and 10: GnuTLS, never an alert, and the usage is not looked at.
		slapd("slapd, demand", "demand", expect{"required", "closed", "accepted", "closed", "closed", "closed", "accepted",
			"closed"}),
		slapd("slapd, try", "try", expect{"optional", "accepted", "accepted", "closed", "closed", "closed", "accepted",
			"closed"}),
		slapd("slapd, allow", "allow", ignored),
	}
}

func mariadb(name string, more []string, targets ...target) setup {
	return setup{name: name, program: "mariadbd", pkg: "mariadb-server-core", version: []string{"--version"},
		files: map[string]string{"init.sql": "CREATE USER good@'%' REQUIRE X509;\nCREATE USER anybody@'%';\n"},
		prepare: [][]string{{"mariadb-install-db", "--no-defaults", "--datadir=$dir/data", "--tmpdir=$dir", "--user=$user",
			"--auth-root-authentication-method=normal", "--skip-test-db"}},
		args: append([]string{"--no-defaults", "--user=$user", "--datadir=$dir/data", "--tmpdir=$dir", "--socket=$dir/s",
			"--pid-file=$dir/pid", "--bind-address=127.0.0.1", "--port=$port",
			"--skip-name-resolve", "--ssl-ca=$pki/ca.pem", "--ssl-cert=$pki/server.pem", "--ssl-key=$pki/server.key",
			"--init-file=$dir/init.sql"}, more...),
		targets: targets}
}

// messageServers carry messages and files.
func messageServers() []setup {
	mosquitto := func(name, require string, t target) setup {
		return setup{name: name, program: "mosquitto", pkg: "mosquitto", args: []string{"-c", "$dir/mosquitto.conf"},
			files: map[string]string{"mosquitto.conf": "user root\nallow_anonymous true\nlistener $port 127.0.0.1\ncafile " +
				"$pki/ca.pem\ncertfile $pki/server.pem\nkeyfile $pki/server.key\nrequire_certificate " + require + "\n"},
			targets: []target{t}}
	}
	vsftpd := func(name, more string, t target) setup {
		return setup{name: name, program: "vsftpd", pkg: "vsftpd", root: true, args: []string{"$dir/vsftpd.conf"},
			files: map[string]string{"vsftpd.conf": "listen=YES\nlisten_address=127.0.0.1\nlisten_port=$port\nbackground=NO\nanonymous_enable=YES\nsecure_chroot_dir=$dir\nseccomp_sandbox=NO\n" +
				"ssl_enable=YES\nallow_anon_ssl=YES\nrsa_cert_file=$pki/server.pem\nrsa_private_key_file=$pki/server.key\nca_certs_file=$pki/ca.pem\nssl_ciphers=HIGH\n" + more},
			targets: []target{t}}
	}
	return []setup{
		// Facts 3 and 4: never an alert, and up to TLS 1.2 after the whole handshake. In
		// TLS 1.3 it sends no ticket, so nothing shows that it has read everything.
		// Its other driver, ossl, is left out: now and then it closes a connection
		// before its ServerHello, and logs the error that ended an earlier one.
		{name: "rsyslog, gtls, x509/certvalid", program: "rsyslogd", pkg: "rsyslog",
			modules: [][2]string{{"/usr/lib/*/rsyslog/lmnsd_gtls.so", "rsyslog-gnutls"}},
			args:    []string{"-n", "-f", "$dir/rsyslog.conf", "-i", "$dir/pid"},
			files: map[string]string{"rsyslog.conf": `global(defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile="$pki/ca.pem" defaultNetstreamDriverCertFile="$pki/server.pem" defaultNetstreamDriverKeyFile="$pki/server.key" workDirectory="$dir")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")
input(type="imtcp" port="$port" address="127.0.0.1")
action(type="omfile" file="$dir/messages.log")
`},
			targets: []target{{"syslog-tls://127.0.0.1:$port", nil,
				expect{"required", "closed", "accepted", "closed", "closed", "closed", "accepted", "closed"},
				expect{"required", "closed", "silent", "closed", "closed", "closed", "silent", "closed"}}}},
		{name: "RabbitMQ, fail_if_no_peer_cert", program: "/usr/lib/rabbitmq/bin/rabbitmq-server", pkg: "rabbitmq-server",
			root: true,
			files: map[string]string{"rabbitmq.conf": "listeners.tcp = none\nlisteners.ssl.default = " +
				"127.0.0.1:$port\nssl_options.cacertfile = $pki/ca.pem\nssl_options.certfile = $pki/server.pem\n" +
				"ssl_options.keyfile = $pki/server.key\nssl_options.verify = verify_peer\nssl_options.fail_if_no_peer_cert = " +
				"true\n"},
			beside: []string{"epmd", "-address", "127.0.0.1", "-port", "$port2"},
			env: []string{"HOME=$dir", "ERL_EPMD_PORT=$port2", "RABBITMQ_DIST_PORT=$port3",
				"RABBITMQ_NODENAME=mtlsprobe@localhost", "RABBITMQ_MNESIA_BASE=$dir", "RABBITMQ_LOGS=-",
				"RABBITMQ_CONFIG_FILE=$dir/rabbitmq.conf", "RABBITMQ_ENABLED_PLUGINS_FILE=$dir/plugins",
				"RABBITMQ_PID_FILE=$dir/pid"},
			targets: []target{{"amqps://127.0.0.1:$port", nil, byErlang(noAgreement), byErlang(noCertificate)}}},
		{name: "InspIRCd", program: "inspircd", pkg: "inspircd",
			args: []string{"--nofork", "--nopid", "--runasroot", "--config=$dir/inspircd.conf"},
			files: map[string]string{"inspircd.conf": `<server name="irc.test" description="x" network="n">
<admin name="a" nick="a" email="a@b.test">
<module name="cap"><module name="starttls"><module name="ssl_gnutls">
<sslprofile name="p" provider="gnutls" certfile="$pki/server.pem" keyfile="$pki/server.key" cafile="$pki/ca.pem" requestclientcert="yes">
<bind address="127.0.0.1" port="$port" type="clients" sslprofile="p">
<bind address="127.0.0.1" port="$port2" type="clients">
<connect name="c" allow="*" timeout="10" useident="no" resolvehostnames="no">
<log method="file" type="*" level="default" target="$dir/inspircd.log">
`},
			targets: []target{same("ircs://127.0.0.1:$port", ignored), same("irc://127.0.0.1:$port2", ignored)}},
		mosquitto("mosquitto, require_certificate", "true", required("mqtts://127.0.0.1:$port")),
		// Trap 11: it does not even ask.
		mosquitto("mosquitto, none", "false", same("mqtts://127.0.0.1:$port", unasked)),
		vsftpd("vsftpd, require_cert", "require_cert=YES\nvalidate_cert=YES\n", required("ftp://127.0.0.1:$port")),
		vsftpd("vsftpd, ask", "ssl_request_cert=YES\n", same("ftp://127.0.0.1:$port", ignored)),
		// Fact 9: whoever has a certificate passes; SASL decides what it is worth.
		{name: "Prosody, c2s", program: "prosody", pkg: "prosody", args: []string{"--config", "$dir/prosody.cfg.lua", "-F"},
			files: map[string]string{"prosody.cfg.lua": `run_as_root = true
pidfile = "$dir/pid"
data_path = "$dir"
log = { info = "*console" }
interfaces = { "127.0.0.1" }
c2s_ports = { $port }
c2s_direct_tls_ports = { $port2 }
s2s_ports = {}
modules_enabled = { "tls", "saslauth" }
modules_disabled = { "s2s" }
c2s_require_encryption = true
ssl = { certificate = "$pki/server.pem", key = "$pki/server.key", cafile = "$pki/ca.pem", verify = { "peer", "fail_if_no_peer_cert" } }
VirtualHost "localhost"
`},
			targets: []target{anyone("xmpp://127.0.0.1:$port", noAgreement, "--servername", "localhost"),
				anyone("xmpps://127.0.0.1:$port2", noAgreement, "--servername", "localhost")}},
	}
}
