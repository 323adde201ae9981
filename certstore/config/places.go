package config

import (
	"path/filepath"
	"slices"
	"strings"
)

// A Place is where clients keep identities, or name them.
type Place struct {
	// Path is a file, a directory or a pattern for filepath.Glob. Most do not exist
	// on a given host.
	Path string
	// Client is who keeps them there, as in "kubectl".
	Client string
}

// Places lists where clients on a host usually keep identities: first what the
// environment names, then what belongs to the user, then to the system. Each place
// is there once. An empty home leaves out the user's; goos is as runtime.GOOS.
func Places(home string, getenv func(string) string, goos string) []Place {
	l := &placeList{home: home, getenv: getenv, goos: goos}
	l.environment()
	if home != "" {
		l.userTools()
		l.browsers()
	}
	if goos == "windows" {
		l.windows()
	} else {
		l.system()
	}
	return l.places
}

type placeList struct {
	home   string
	getenv func(string) string
	goos   string
	places []Place
}

// add appends a path; an empty first element, as of a variable that is not set, adds
// nothing.
func (l *placeList) add(client string, elements ...string) {
	if elements[0] == "" {
		return
	}
	p := Place{Path: filepath.Join(elements...), Client: client}
	if !slices.ContainsFunc(l.places, func(q Place) bool { return q.Path == p.Path }) {
		l.places = append(l.places, p)
	}
}

// user appends files of the home directory.
func (l *placeList) user(client string, paths ...string) {
	for _, path := range paths {
		l.add(client, l.home, path)
	}
}

// variables appends the files that variables name.
func (l *placeList) variables(client string, names ...string) {
	for _, name := range names {
		l.add(client, l.getenv(name))
	}
}

func (l *placeList) environment() {
	// kubernetes.io, "Organizing Cluster Access Using kubeconfig Files".
	separator := ":"
	if l.goos == "windows" {
		separator = ";"
	}
	for path := range strings.SplitSeq(l.getenv("KUBECONFIG"), separator) {
		l.add("kubectl", path)
	}
	// PostgreSQL documentation, libpq, "Environment Variables".
	l.variables("libpq", "PGSSLCERT", "PGSSLKEY", "PGSERVICEFILE")
	l.add("libpq", l.getenv("PGSYSCONFDIR"), "pg_service.conf")
	// docs.docker.com, "Protect the Docker daemon socket".
	l.variables("docker", "DOCKER_CERT_PATH")
	l.add("docker", l.getenv("DOCKER_CONFIG"))
	// curl(1), -K, --config; its NSS variant: SSL_DIR, ENVIRONMENT.
	l.add("curl", l.getenv("CURL_HOME"), ".curlrc")
	l.add("curl", l.getenv("XDG_CONFIG_HOME"), ".curlrc")
	l.add("curl", l.getenv("XDG_CONFIG_HOME"), "curlrc")
	l.variables("curl", "SSL_DIR")
	// git-config(1), http.sslCert and http.sslKey, and FILES.
	l.variables("git", "GIT_SSL_CERT", "GIT_SSL_KEY", "GIT_CONFIG_GLOBAL")
	l.add("git", l.getenv("XDG_CONFIG_HOME"), "git", "config")
	// GNU Wget manual, "Wgetrc Location".
	l.variables("wget", "WGETRC")
	// MySQL Reference Manual, "Using Option Files".
	l.add("mysql", l.getenv("MYSQL_HOME"), "my.cnf")
	// docs.npmjs.com, npmrc; pip.pypa.io, pip, --client-cert.
	l.variables("npm", "NPM_CONFIG_USERCONFIG", "npm_config_userconfig")
	l.variables("pip", "PIP_CLIENT_CERT")
	// developer.hashicorp.com, "Environment variables" of each.
	l.variables("vault", "VAULT_CLIENT_CERT", "VAULT_CLIENT_KEY")
	l.variables("consul", "CONSUL_CLIENT_CERT", "CONSUL_CLIENT_KEY")
	l.variables("nomad", "NOMAD_CLIENT_CERT", "NOMAD_CLIENT_KEY")
	// etcd.io, etcdctl, README.
	l.variables("etcdctl", "ETCDCTL_CERT", "ETCDCTL_KEY")
	// systemd.exec(5), "Credentials".
	l.variables("systemd service", "CREDENTIALS_DIRECTORY")
}

func (l *placeList) userTools() {
	// As above; minikube.sigs.k8s.io, "Where is my data?".
	l.user("kubectl", ".kube/config")
	l.add("minikube", l.getenv("MINIKUBE_HOME"))
	l.user("minikube", ".minikube")
	// docs.docker.com, "Protect the Docker daemon socket", "Docker contexts",
	// "Rootless mode"; containers-certs.d(5).
	l.user("docker", ".docker", ".docker/contexts/tls", ".config/docker/certs.d/*")
	l.user("podman", ".config/containers/certs.d/*")
	// PostgreSQL documentation, libpq, "Client Certificates" and "The Connection
	// Service File".
	if l.goos == "windows" {
		l.add("libpq", l.getenv("APPDATA"), "postgresql", "postgresql.crt")
		l.add("libpq", l.getenv("APPDATA"), "postgresql", ".pg_service.conf")
	} else {
		l.user("libpq", ".postgresql/postgresql.crt", ".pg_service.conf")
	}
	l.user("mysql", ".my.cnf")
	l.user("curl", ".curlrc", ".config/curlrc")
	if l.goos == "windows" {
		l.user("curl", "_curlrc")
		l.add("curl", l.getenv("APPDATA"), "_curlrc")
	}
	l.user("git", ".gitconfig", ".config/git/config")
	l.user("wget", ".wgetrc")
	l.user("npm", ".npmrc")
	// keytool, "Keystore Location"; smallstep.com, step, "path".
	l.user("keytool", ".keystore")
	l.user("step", ".step/certs")
	// go-acme.github.io/lego, "--path"; ldap.conf(5).
	l.user("lego", ".lego/certificates")
	l.user("libldap", ".ldaprc", "ldaprc")
}

func (l *placeList) browsers() {
	// support.mozilla.org, "Profiles - Where Firefox stores your bookmarks, passwords
	// and other user data", also for Snap and Flatpak; Chromium, "Linux Cert
	// Management".
	switch l.goos {
	case "windows":
		l.add("firefox", l.getenv("APPDATA"), "Mozilla", "Firefox", "Profiles", "*")
		l.add("thunderbird", l.getenv("APPDATA"), "Thunderbird", "Profiles", "*")
	case "darwin":
		l.user("firefox", "Library/Application Support/Firefox/Profiles/*")
		l.user("thunderbird", "Library/Thunderbird/Profiles/*")
	default:
		l.user("chromium", ".pki/nssdb", "snap/chromium/current/.pki/nssdb")
		l.user("firefox", ".mozilla/firefox/*", ".config/mozilla/firefox/*", "snap/firefox/common/.mozilla/firefox/*",
			".var/app/org.mozilla.firefox/.mozilla/firefox/*")
		l.user("thunderbird", ".thunderbird/*")
	}
}

func (l *placeList) system() {
	// docs.docker.com, "Verify repository client with certificates".
	l.add("docker", "/etc/docker/certs.d/*")
	l.add("docker, which does not look there", "/etc/docker/cert.d/*") // see Misplaced
	l.add("podman", "/etc/containers/certs.d/*")
	// kubernetes.io, "PKI certificates and requirements", and kubelet, --cert-dir;
	// docs.k3s.io, "Cluster Access" and "certificate".
	l.add("kubeadm", "/etc/kubernetes/*.conf")
	l.add("kubeadm", "/etc/kubernetes/pki")
	l.add("kubelet", "/var/lib/kubelet/pki")
	l.add("k3s", "/etc/rancher/k3s/k3s.yaml")
	l.add("k3s", "/var/lib/rancher/k3s/server/tls")
	// Networks: wpa_supplicant(8), NetworkManager(8), openvpn@.service of the projects,
	// swanctl.conf(5), stunnel(8); /etc/swanctl has its files in folders of its own.
	l.add("wpa_supplicant", "/etc/wpa_supplicant/*.conf")
	l.add("NetworkManager", "/etc/NetworkManager/system-connections/*.nmconnection")
	l.add("openvpn", "/etc/openvpn/*.conf")
	l.add("openvpn", "/etc/openvpn/client/*.conf")
	l.add("strongSwan", "/etc/swanctl/swanctl.conf")
	l.add("stunnel", "/etc/stunnel/*.conf")
	// Servers that are clients of others: nginx(8), apache2(8), haproxy(1), mosquitto.conf(5),
	// prometheus.io, "Configuration", redis.io, "TLS".
	l.add("nginx", "/etc/nginx/nginx.conf")
	l.add("apache", "/etc/apache2/apache2.conf")
	l.add("apache", "/etc/httpd/conf/httpd.conf")
	l.add("haproxy", "/etc/haproxy/haproxy.cfg")
	l.add("mosquitto", "/etc/mosquitto/mosquitto.conf")
	l.add("prometheus", "/etc/prometheus/prometheus.yml")
	l.add("redis", "/etc/redis/redis.conf")
	// eff-certbot.readthedocs.io, "Where are my certificates?".
	l.add("certbot", "/etc/letsencrypt/live/*")
	// Debian and Fedora keep keys of any service here; Red Hat's shared NSS database.
	l.add("Debian's packages", "/etc/ssl/private")
	l.add("Fedora's packages", "/etc/pki/tls/private")
	l.add("NSS", "/etc/pki/nssdb")
	// puppet.com, "Configuration: ssldir".
	l.add("puppet", "/etc/puppetlabs/puppet/ssl")
	// The system's files of the clients above; Debian's pg_wrapper(1) for the last.
	l.add("git", "/etc/gitconfig")
	l.add("wget", "/etc/wgetrc")
	l.add("mysql", "/etc/my.cnf")
	l.add("mysql", "/etc/mysql/my.cnf")
	l.add("libpq", "/etc/postgresql-common/pg_service.conf")
	if l.goos == "darwin" {
		for _, prefix := range []string{"/opt/homebrew/etc", "/usr/local/etc"} { // brew --prefix
			l.add("mysql", prefix, "my.cnf")
			l.add("wget", prefix, "wgetrc")
		}
	}
}

func (l *placeList) windows() {
	// docs.docker.com and puppet.com as for other systems; git-config(1), FILES; MySQL
	// Reference Manual, "Using Option Files".
	data := l.getenv("PROGRAMDATA")
	l.add("docker", data, "docker", "certs.d", "*")
	l.add("puppet", data, "PuppetLabs", "puppet", "etc", "ssl")
	l.add("git", data, "Git", "config")
	l.add("mysql", l.getenv("WINDIR"), "my.ini")
	l.add("mysql", data, "MySQL", "*", "my.ini")
}
