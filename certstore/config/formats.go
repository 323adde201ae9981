package config

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A format is what is particular about one kind of configuration.
type format struct {
	name string
	// files are patterns of customary names (filepath.Match). Under one of them a file is of the format
	// even if it names no identity.
	files []string
	// keys match a setting's name that no other format has.
	keys string
	// aliases are keys whose words do not tell what they are for.
	aliases map[string]role
	// blocks match the sections that count; empty for all.
	blocks string
	// own match the settings of the server's own certificates, and accepted those of the
	// CAs that it accepts: names, with the statement or section before and a space.
	own, accepted string
	// client matches a setting, with its value, that makes a section a client's: without it,
	// what is named is the server's own. Empty where that is not how it is told.
	client string
	// roots are folders below the configuration's that relative paths count from, too.
	roots []string
	// fromStart says that relative paths count from where the client is started.
	fromStart bool
	// elsewhere says that a key that is not named lies in a place of its own.
	elsewhere bool
	// sections says that an identity goes by the name of its section.
	sections bool
	// password says that a certificate may be FILE:PASSWORD, and next that "next" begins
	// another request: curl's.
	password, next bool
	// shared says that passwords are for all that is there: one Secret of Kubernetes has that
	// of another's key store. Blocks are named.
	shared bool
	// userOnly is a customary file in which the program ignores certificates, and why.
	userOnly, ignores string
	// engines says that a key may be ENGINE:ID, of OpenSSL, and loose that any setting may be
	// called anything.
	engines, loose bool
	// options says that the keys may be those of a command.
	options bool
	// directives says that the keys stand without a sign before the value.
	directives bool
	// quotes says that quotes, and comments behind a value, are part of it.
	quotes bool
	// inContainer says that paths may be those of a container: what is not there is not
	// missed.
	inContainer bool
	// last says that of one key the last value counts.
	last bool
}

// formats lists those whose files or keys are known. The settings are from the
// documentation of each program.
func formats() []format {
	return []format{
		{name: "Java system properties", keys: `^javax\.net\.ssl\.keyStore$`, fromStart: true, last: true, options: true},
		{
			name:      "npm configuration",
			files:     []string{".npmrc", "npmrc"},
			keys:      `^//.*:(certfile|keyfile)$`,
			fromStart: true, last: true,
		},
		{
			name:     "Git configuration",
			files:    []string{".gitconfig", "gitconfig"},
			keys:     `(?i)^sslCert$`,
			blocks:   `(?i)^http( |$)`,
			sections: true, fromStart: true, last: true,
		},
		{
			name:  "MySQL option file",
			files: []string{".my.cnf", "my.cnf", "my.ini"},
			keys:  `^(loose[-_])?ssl[-_](cert|key)$`,
			blocks: `^(client.*|mysql|mysql(admin|binlog|check|dump|import|pump|show|slap)|` +
				`mariadb-(client|admin|binlog|check|dump|import|show|slap))$`,
			sections: true, fromStart: true, last: true,
		},
		{
			name:     "PostgreSQL service file",
			files:    []string{".pg_service.conf", "pg_service.conf"},
			keys:     `^sslcert$|^sslkey$`,
			sections: true, fromStart: true, elsewhere: true, last: true, quotes: true, engines: true,
		},
		{
			name:      "wget configuration",
			files:     []string{".wgetrc", "wgetrc", "wget.ini"},
			keys:      `(?i)^(private[-_]?key|certificate)[-_]?type$`,
			fromStart: true, last: true, quotes: true,
		},
		{
			name:      "curl configuration",
			files:     []string{"*.curlrc", "_curlrc", "curlrc"},
			keys:      `^(cert|key)-type$`,
			aliases:   map[string]role{"E": certificateRole},
			fromStart: true, last: true, password: true, next: true,
		},
		{
			name: "Java properties",
			keys: `(^|\.)ssl\.(keystore\.(location|key|certificate\.chain)|key\.password)$|` +
				`(^|\.)ssl\.(key-?store$|bundle\.)`,
			fromStart: true, last: true, quotes: true,
		},
		{
			name:     "nginx configuration",
			files:    []string{"nginx.conf", "nginx/conf.d/*.conf"},
			keys:     `^(proxy|grpc|uwsgi|mail)_ssl_certificate$|^ssl_client_certificate$|^ssl_certificate$`,
			own:      ` ssl_(certificate|certificate_key|trusted_certificate|stapling_file|password_file)$`,
			accepted: ` ssl_client_certificate$`,
			last:     true, directives: true,
		},
		{
			name:  "Apache configuration",
			files: []string{"httpd.conf", "apache2.conf", "apache2/*/*.conf"},
			keys: `(?i)^SSL(Proxy(MachineCertificate|CACertificate)|` +
				`CACertificate|Certificate|CertificateKey|CADNRequest)(File|Path)$`,
			own:      `(?i) SSLCertificate(Key|Chain)?File$`,
			accepted: `(?i) SSLCA(Certificate|DNRequest)File$`,
		},
		{
			name:     "HAProxy configuration",
			files:    []string{"haproxy.cfg", "haproxy/*.cfg", "haproxy/conf.d/*.cfg"},
			own:      `^bind (crt|crt-list|key)$`,
			accepted: `^bind ca-file$|^bind ca-verify-file$`,
		},
		{
			name:     "Traefik configuration",
			keys:     `^(http\.)?serversTransports?\.`,
			own:      ` tls\.(certificates|stores)`,
			accepted: `clientAuth\.(caFiles|secretNames)`,
		},
		{
			name:     "Caddy configuration",
			files:    []string{"Caddyfile"},
			aliases:  map[string]role{"tls_client_auth": certificateRole},
			own:      ` tls$`,
			accepted: `trusted_ca_cert_file$|trusted_leaf_cert_file$`,
		},
		{
			name:     "mosquitto configuration",
			files:    []string{"mosquitto.conf", "mosquitto/conf.d/*.conf"},
			keys:     `^bridge_(certfile|keyfile|cafile)$`,
			own:      ` (certfile|keyfile)$`,
			accepted: ` cafile$`,
		},
		{
			name:     "Redis configuration",
			files:    []string{"redis.conf", "valkey.conf", "sentinel.conf"},
			keys:     `^tls-client-(cert|key)-file$`,
			accepted: ` tls-ca-cert-file$`,
		},
		{
			name:     "RabbitMQ configuration",
			files:    []string{"rabbitmq.conf"},
			own:      ` (ssl|management\.ssl)(_options)?\.(certfile|keyfile|password)$`,
			accepted: ` (ssl|management\.ssl)(_options)?\.cacertfile$`,
		},
		{
			name:     "stunnel configuration",
			files:    []string{"stunnel.conf", "stunnel/*.conf"},
			client:   `^client=yes$`,
			sections: true,
		},
		{
			name:  "wpa_supplicant configuration",
			files: []string{"wpa_supplicant*.conf"},
			keys:  `^private_key_passwd$`,
		},
		{
			name:   "NetworkManager connection",
			files:  []string{"*.nmconnection"},
			keys:   `^private-key-password$`,
			quotes: true,
		},
		{
			name:      "strongSwan configuration",
			files:     []string{"swanctl.conf"},
			roots:     []string{"x509", "private", "rsa", "ecdsa", "pkcs12", "x509ca"},
			elsewhere: true,
		},
		{
			name:    "OpenVPN configuration",
			files:   []string{"*.ovpn", "openvpn/*.conf", "openvpn/client/*.conf"},
			aliases: map[string]role{"extra-certs": authorityRole, "askpass": passwordFileRole},
		},
		{
			name:     "libldap configuration",
			files:    []string{".ldaprc", "ldaprc", "ldap.conf"},
			keys:     `^TLS_(CERT|KEY)$`,
			last:     true,
			userOnly: "ldap.conf",
			ignores: "libldap takes TLS_CERT and TLS_KEY from a user's file or the environment alone (~/.ldaprc, " +
				"LDAPTLS_CERT), and not from this one (ldap.conf(5))",
		},
		{name: "Prometheus configuration", files: []string{"prometheus.yml", "prometheus.yaml"}},
		{name: "Envoy configuration", files: []string{"envoy.yaml", "envoy.yml"}},
		{
			name:        "Docker Compose file",
			files:       []string{"compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"},
			inContainer: true,
		},
		{name: "systemd unit", files: []string{"*.service", "*.socket"}, loose: true},
		{name: "environment file", files: []string{".env", "*.env"}, last: true, loose: true},
		{name: "Kubernetes objects", keys: `^apiVersion$`, inContainer: true, shared: true},
		{name: "Apple configuration profile", files: []string{"*.mobileconfig"}, keys: `PayloadContent`},
		{name: "EAP profile", files: []string{"*.eap-config"}, keys: `EAPIdentityProvider`},
	}
}

// goesBy reports whether a file's path ends as the pattern says, which may have folders.
func goesBy(pattern, path string) bool {
	elements := strings.Split(filepath.ToSlash(path), "/")
	n := strings.Count(pattern, "/") + 1
	ok, _ := filepath.Match(pattern, strings.Join(elements[max(0, len(elements)-n):], "/"))
	return ok
}

// A dialect is a format made ready for matching. Patterns that are not there match nothing,
// but for blocks, which match all.
type dialect struct {
	format
	inBlocks, isOwn, isAccepted, isClient *regexp.Regexp
	serverBlocks                          *regexp.Regexp
	anywhere                              *regexp.Regexp // of any format, what is a server's own
}

func (f format) dialect() *dialect {
	compile := func(pattern string) *regexp.Regexp {
		if pattern == "" {
			return nil
		}
		return regexp.MustCompile(pattern)
	}
	return &dialect{f, compile(f.blocks), compile(f.own), compile(f.accepted), compile(f.client),
		regexp.MustCompile(`^(mysqld.*|mariadbd?)$`),
		regexp.MustCompile(`^bind (crt|key)$|(^| |\.)server\.ssl\.(key|certificate)|` +
			`[ .](http\.ssl\.(key|certificate)|smtpd_tls_|TLSCertificate|rightcert)`)}
}

// dialectOf returns that of a document, by its file's name or by its keys; one without
// a name if its format is not known.
func dialectOf(name string, d *document) *dialect {
	all := formats()
	for _, f := range all {
		if slices.ContainsFunc(f.files, func(pattern string) bool { return goesBy(pattern, name) }) {
			return f.dialect()
		}
	}
	for _, f := range all {
		if f.keys == "" {
			continue
		}
		keys, candidate := regexp.MustCompile(f.keys), f.dialect()
		if slices.ContainsFunc(d.settings, func(s setting) bool {
			return (s.statement == "" || f.options) && (!f.directives || s.directive) && keys.MatchString(s.name()) &&
				candidate.counts(d, &s)
		}) {
			return candidate
		}
	}
	return format{}.dialect()
}

// counts reports whether the block of a setting is one that counts.
func (f *dialect) counts(d *document, s *setting) bool {
	return f.inBlocks == nil || f.inBlocks.MatchString(d.blocks[s.block].name)
}

func matches(pattern *regexp.Regexp, text string) bool {
	return pattern != nil && pattern.MatchString(text)
}

// A side is what a block's certificates are for, as far as the block says so.
type side int

const (
	noSide     side = iota
	clientSide      // to present them to a server
	serverSide      // to present them to clients
)

// sides finds the blocks that say so: a section of stunnel, a context of Envoy.
func (f *dialect) sides(d *document) map[int]side {
	sides := make(map[int]side)
	for _, s := range d.settings {
		context := s.key() == "@type"
		switch {
		case context && strings.HasSuffix(s.value, ".DownstreamTlsContext"):
			sides[s.block] = serverSide
		case context && strings.HasSuffix(s.value, ".UpstreamTlsContext"),
			matches(f.isClient, s.key()+"="+strings.TrimSpace(s.value)):
			sides[s.block] = clientSide
		}
	}
	return sides
}

// servers reports whether a setting names the server's own certificate or key, or the
// CAs that it accepts.
func (f *dialect) servers(d *document, sides map[int]side, s *setting) (own, accepted bool) {
	names := []string{s.statement + " " + s.name()}
	if section := d.blocks[s.block].name; section != "" {
		names = append(names, " "+section+"."+s.name())
	}
	for _, name := range names {
		own = own || matches(f.isOwn, name) || f.anywhere.MatchString(name)
		accepted = accepted || matches(f.isAccepted, name)
	}
	own = own || f.serverBlocks.MatchString(d.blocks[s.block].name)
	for block := s.block; ; block = d.blocks[block].parent {
		switch {
		case sides[block] == serverSide:
			return true, true
		case sides[block] == clientSide:
			return own, accepted
		case block == 0:
			return own || f.isClient != nil, accepted
		}
	}
}
