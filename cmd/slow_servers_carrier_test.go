//go:build slow && linux

package cmd

import (
	"strings"

	"mtlsprobe/certstore/certtest/debian"
)

// carrierServers ask for certificates in what carries TLS for them, and those that came with them.
// hostapd's server listens on every address, and so it is not run here.
func carrierServers() []setup {
	const (
		rejected = "refused: Access-Reject" // FreeRADIUS sends no alert with it
		radsec   = `modules {
  always reject {
    rcode = reject
  }
}
clients radsec {
  client local {
    ipaddr = 127.0.0.1
    proto = tls
    secret = radsec
    limit {
      max_connections = 0
    }
  }
}
server default {
  listen {
    type = auth
    proto = tcp
    ipaddr = 127.0.0.1
    port = $port
    virtual_server = default
    clients = radsec
    limit {
      max_connections = 0
    }
    tls {
      private_key_file = $pki/server.key
      certificate_file = $pki/server.pem
      ca_file = $pki/ca.pem
      cipher_list = "DEFAULT"
      tls_min_version = "1.2"
      tls_max_version = "1.3"
      require_client_cert = yes
      ecdh_curve = "prime256v1"
    }
  }
  authorize {
    reject
  }
}
`
		proxy = `ListenTLS 127.0.0.1:$port
tls default {
  CACertificateFile $pki/ca.pem
  CertificateFile $pki/server.pem
  CertificateKeyFile $pki/server.key
}
client local {
  host 127.0.0.1
  type tls
  tls default
  certificateNameCheck off
}
server nowhere {
  host 127.0.0.1
  port $silent
  type tcp
  secret unused
}
realm * {
  server nowhere
}
`
		caddy = `{"admin": {"disabled": true}, "apps": {
  "http": {"http_port": 1, "https_port": 2, "servers": {"s": {
    "listen": ["127.0.0.1:$port"], "protocols": ["h1", "h2", "h3"], "automatic_https": {"disable": true}, "strict_sni_host": false,
    "routes": [{"handle": [{"handler": "static_response", "body": "ok"}]}],
    "tls_connection_policies": [{"default_sni": "localhost",
      "client_authentication": {"trusted_ca_certs_pem_files": ["$pki/ca.pem"], "mode": "MODE"}}]}}},
  "tls": {"certificates": {"load_files": [{"certificate": "$pki/server.pem", "key": "$pki/server.key"}]}}}}
`
		nats = "listen: \"127.0.0.1:$port\"\ntls {\n cert_file: \"$pki/server.pem\"\n key_file: \"$pki/server.key\"\n" +
			" ca_file: \"$pki/ca.pem\"\n"
	)
	eapTLS := target{"radius://127.0.0.1:$udp", []string{"--radius-secret", "pass:" + debian.RADIUSSecret},
		byOne(rejected, rejected), byOne(rejected, rejected)}
	drops := "refused: drops the session"
	key := "-----BEGIN OpenVPN Static key V1-----\n" + strings.Repeat("00112233445566778899aabbccddeeff\n", 16) +
		"-----END OpenVPN Static key V1-----\n"
	peap := target{eapTLS.url, append([]string{"--eap", "peap"}, eapTLS.args...), byOne(rejected, rejected), expect{}}
	return []setup{
		{name: "OpenVPN UDP, tls-crypt, with login", program: "openvpn", pkg: "openvpn", root: true,
			version: []string{"--version"},
			files: map[string]string{"server.conf": strings.Replace(debian.OpenVPN, "THIRD", "1", 1) +
				"proto udp\nport $udp\ntls-crypt $dir/key\nkeepalive 10 60\n", "key": key, "client.ovpn": "tls-crypt key\n"},
			args:  []string{"--config", "$dir/server.conf", "--log", "$dir/log"},
			ready: []string{"grep", "-q", "Initialization Sequence Completed", "$dir/log"},
			targets: []target{{"openvpn://127.0.0.1:$udp", []string{"--openvpn-config", "$dir/client.ovpn", "--openvpn-login"},
				byOne(drops, drops), byOne(drops, drops)}}},
		{name: "OpenVPN TCP", program: "openvpn", pkg: "openvpn", root: true, version: []string{"--version"},
			files:   map[string]string{"server.conf": strings.Replace(debian.OpenVPN, "THIRD", "2", 1) + "proto tcp-server\nport $port\n"},
			args:    []string{"--config", "$dir/server.conf", "--log", "$dir/log"},
			ready:   []string{"grep", "-q", "Initialization Sequence Completed", "$dir/log"},
			targets: []target{{"openvpn-tcp://127.0.0.1:$port", nil, byOne("closed", "closed"), expect{}}}},
		{name: "Caddy HTTP/3, required", program: "caddy", pkg: "caddy", version: []string{"version"},
			files: map[string]string{"caddy.json": strings.Replace(caddy, "MODE", "require_and_verify", 1)},
			env:   []string{"XDG_DATA_HOME=$dir", "XDG_CONFIG_HOME=$dir"}, args: []string{"run", "--config", "$dir/caddy.json"},
			targets: []target{{"h3://127.0.0.1:$port", nil, expect{}, byOne(badCertificate, badCertificate)},
				{"https://127.0.0.1:$port", nil, byOne(badCertificate, badCertificate), byOne(badCertificate, badCertificate)}}},
		{name: "Caddy HTTP/3, optional", program: "caddy", pkg: "caddy", version: []string{"version"},
			files: map[string]string{"caddy.json": strings.Replace(caddy, "MODE", "verify_if_given", 1)},
			env:   []string{"XDG_DATA_HOME=$dir", "XDG_CONFIG_HOME=$dir"}, args: []string{"run", "--config", "$dir/caddy.json"},
			targets: []target{{"h3://127.0.0.1:$port", nil, expect{}, expect{"optional", "accepted", "accepted", badCertificate,
				badCertificate, badCertificate, badCertificate, badCertificate}}}},
		{name: "FreeRADIUS EAP-TLS", program: "freeradius", pkg: "freeradius", version: []string{"-v"},
			files: map[string]string{"radiusd.conf": debian.FreeRADIUS + debian.EAP}, args: []string{"-d", "$dir", "-f", "-l", "$dir/log"},
			ready: []string{"grep", "-q", "Ready to process requests", "$dir/log"}, targets: []target{eapTLS, peap}},
		{name: "FreeRADIUS RadSec", program: "freeradius", pkg: "freeradius", version: []string{"-v"},
			// It closes the connection where it wants to send an alert.
			files: map[string]string{"radiusd.conf": debian.FreeRADIUS + radsec}, args: []string{"-d", "$dir", "-f", "-l", "$dir/log"},
			ready:   []string{"grep", "-q", "Ready to process requests", "$dir/log"},
			targets: []target{{"radsec://127.0.0.1:$port", nil, byOne("closed", "closed"), byOne("closed", "closed")}}},
		{name: "radsecproxy", program: "radsecproxy", pkg: "radsecproxy", version: []string{"-v"},
			files: map[string]string{"radsecproxy.conf": proxy}, args: []string{"-f", "-c", "$dir/radsecproxy.conf"},
			targets: []target{required("radsec://127.0.0.1:$port")}},
		{name: "Squid", program: "squid", pkg: "squid-openssl", version: []string{"-v"}, user: "proxy",
			copies: []string{"server.pem", "server.key", "ca.pem"},
			files: map[string]string{"squid.conf": "https_port 127.0.0.1:$port tls-cert=$dir/server.pem tls-key=$dir/server.key " +
				"tls-clientca=$dir/ca.pem\nhttp_access allow all\ncache deny all\naccess_log none\ncache_log $dir/cache.log\n" +
				"pid_filename none\ncoredump_dir $dir\npinger_enable off\n"},
			args: []string{"-N", "-f", "$dir/squid.conf"}, targets: []target{required("http-proxy://127.0.0.1:$port")}},
		{name: "NATS, verify", program: "nats-server", pkg: "nats-server", version: []string{"-v"},
			files: map[string]string{"nats.conf": nats + " verify: true\n}\n"}, args: []string{"-c", "$dir/nats.conf"},
			targets: []target{{"nats://127.0.0.1:$port", nil, byOne(badCertificate, badCertificate), byOne(badCertificate, badCertificate)}}},
		{name: "NATS, verify_and_map", program: "nats-server", pkg: "nats-server", version: []string{"-v"},
			files: map[string]string{"nats.conf": nats + " verify_and_map: true\n}\n" +
				"authorization { users = [ {user: \"CN=good,O=Example\"} ] }\n"},
			args:    []string{"-c", "$dir/nats.conf"},
			targets: []target{{"nats://127.0.0.1:$port", nil, byOne(badCertificate, badCertificate), byOne(badCertificate, badCertificate)}}},
	}
}
