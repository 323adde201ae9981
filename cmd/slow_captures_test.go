//go:build slow && linux

package cmd

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/certtest/debian"
	"mtlsprobe/probe/capture"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report"
)

// A client is a program that connects to a server, with secrets where it can write them.
type client struct {
	name, pkg string
	// arguments are for a port, a version as "1.2", and a bundle: $bundle without its ending, of
	// which there are a .pem, a .key (PEM, the key alone) and a .p12; empty for none.
	arguments func(port, version, bundle string) []string
	env       []string // $secrets is a file for them
}

// clients are those that speak HTTP; classes is the folder with that of Java.
func clients(classes string) []client {
	return []client{
		{name: "openssl", pkg: "openssl", arguments: func(port, version, bundle string) []string {
			args := []string{"s_client", "-connect", "127.0.0.1:" + port, "-tls" + strings.ReplaceAll(version, ".", "_"),
				"-keylogfile", "$secrets", "-ign_eof"}
			if bundle != "" {
				args = append(args, "-cert", bundle+".pem", "-key", bundle+".key", "-cert_chain", bundle+".pem")
			}
			return args
		}},
		{name: "curl", pkg: "curl", env: []string{"SSLKEYLOGFILE=$secrets"},
			arguments: func(port, version, bundle string) []string {
				args := []string{"-sk", "--max-time", "10", "--tlsv" + version, "--tls-max", version,
					"https://127.0.0.1:" + port + "/"}
				if bundle != "" {
					args = append(args, "--cert", bundle+".pem", "--key", bundle+".key")
				}
				return args
			}},
		{name: "gnutls-cli", pkg: "gnutls-bin", env: []string{"SSLKEYLOGFILE=$secrets"},
			arguments: func(port, version, bundle string) []string {
				args := []string{"--insecure", "--priority", "NORMAL:-VERS-ALL:+VERS-TLS" + version, "-p", port, "127.0.0.1"}
				if bundle != "" {
					args = append(args, "--x509certfile", bundle+".pem", "--x509keyfile", bundle+".key")
				}
				return args
			}},
		{name: "java", pkg: "openjdk-17-jdk-headless",
			arguments: func(port, version, bundle string) []string {
				args := []string{"-XX:TieredStopAtLevel=1", "-Xshare:auto", "-cp", classes, "Client", port, "TLSv" + version}
				if bundle != "" {
					args = append(args, bundle+".p12")
				}
				return args
			}},
	}
}

// javaClient uses the default key manager.
const javaClient = `
import java.io.*; import java.nio.file.*; import java.security.*; import java.security.cert.*; import javax.net.ssl.*;
public class Client {
  public static void main(String[] a) throws Exception {
    KeyManager[] keys = null;
    if (a.length > 2) {
      KeyStore ks = KeyStore.getInstance("PKCS12");
      try (InputStream s = Files.newInputStream(Path.of(a[2]))) { ks.load(s, "secret".toCharArray()); }
      KeyManagerFactory f = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
      f.init(ks, "secret".toCharArray());
      keys = f.getKeyManagers();
    }
    TrustManager any = new X509ExtendedTrustManager() {
      public void checkClientTrusted(X509Certificate[] c, String s) {}
      public void checkServerTrusted(X509Certificate[] c, String s) {}
      public void checkClientTrusted(X509Certificate[] c, String s, java.net.Socket o) {}
      public void checkServerTrusted(X509Certificate[] c, String s, java.net.Socket o) {}
      public void checkClientTrusted(X509Certificate[] c, String s, SSLEngine o) {}
      public void checkServerTrusted(X509Certificate[] c, String s, SSLEngine o) {}
      public X509Certificate[] getAcceptedIssuers() { return new X509Certificate[0]; }
    };
    SSLContext c = SSLContext.getInstance("TLS");
    c.init(keys, new TrustManager[]{any}, null);
    SSLSocket s = (SSLSocket) c.getSocketFactory().createSocket("127.0.0.1", Integer.parseInt(a[0]));
    s.setSoTimeout(10000);
    s.setEnabledProtocols(new String[]{a[1]});
    s.getOutputStream().write("GET / HTTP/1.0\r\n\r\n".getBytes());
    System.out.println(new String(s.getInputStream().readAllBytes()));
  }
}`

// A recorded connection of a client with a server.
type recorded struct {
	server, client, version, bundle string
	packets                         []byte
	secrets                         string // a file; it may be missing
}

// record runs a client and returns what went over loopback.
func (r *running) record(c *client, port, version, bundle string) *recorded {
	r.Helper()
	dir := r.TempDir()
	out := &recorded{server: r.name, client: c.name, version: version, bundle: filepath.Base(bundle),
		secrets: filepath.Join(dir, "secrets")}
	dump := exec.Command(tool(r.T, "tcpdump", "tcpdump"), "-i", "lo", "-U", "-w", "-", "port", port)
	packets, err := dump.StdoutPipe()
	if err != nil {
		r.Fatal(err)
	}
	said, err := dump.StderrPipe()
	if err != nil {
		r.Fatal(err)
	}
	if err := dump.Start(); err != nil {
		r.Fatal(err)
	}
	defer dump.Wait()         //nolint:errcheck // it is ended by a signal
	defer dump.Process.Kill() //nolint:errcheck // likewise
	if line, err := io.ReadAll(io.LimitReader(said, 16)); err != nil || !bytes.HasPrefix(line, []byte("tcpdump: listen")) {
		rest, _ := io.ReadAll(said)
		debian.Missing(r, fmt.Sprintf("tcpdump cannot record here: %s%s", line, rest))
	}
	go io.Copy(io.Discard, said) //nolint:errcheck // it says no more that matters

	secret := func(list []string) []string {
		for n := range list {
			list[n] = strings.ReplaceAll(list[n], "$secrets", out.secrets)
		}
		return list
	}
	cmd := exec.Command(tool(r.T, c.name, c.pkg), secret(c.arguments(port, version, bundle))...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), secret(slices.Clone(c.env))...)
	cmd.Stdin = strings.NewReader("GET / HTTP/1.0\r\n\r\n")
	limit := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	defer limit.Stop()
	_ = cmd.Run() // most are refused

	// A packet of its own says that everything before it was recorded.
	marker := []byte(rand.Text())
	conn, err := net.Dial("udp", "127.0.0.1:"+port)
	if err != nil {
		r.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(marker); err != nil {
		r.Fatal(err)
	}
	buf := make([]byte, 1<<16)
	for !bytes.Contains(out.packets, marker) {
		n, err := packets.Read(buf)
		if err != nil {
			r.Fatal("tcpdump has ended: ", err)
		}
		out.packets = append(out.packets, buf[:n]...)
	}
	return out
}

// What programs that nobody here wrote do with one another is read from a recording: the messages
// and alerts that tshark finds, what was sent, and why it was refused.
func TestCaptures(t *testing.T) {
	pki := t.TempDir()
	writeServerFiles(t, pki)
	bundles, classes := writeBundles(t, pki), compileJava(t)
	table := &capturedTable{}
	t.Run("all", func(t *testing.T) {
		for _, s := range capturedServers() {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				r := &running{T: t, setup: &s, values: map[string]string{"pki": pki}}
				r.begin()
				port := r.expand("$port")
				programs := clients(classes)
				if s.program == "postgres" {
					programs = []client{psql}
				}
				for _, c := range programs {
					var all []*recorded
					for _, version := range []string{"1.2", "1.3"} {
						for _, bundle := range bundles {
							name := "none"
							if bundle != "" {
								name = filepath.Base(bundle)
							}
							t.Run(c.name+" "+version+" "+name, func(t *testing.T) {
								r := &running{T: t, setup: &s, values: r.values}
								all = append(all, r.record(&c, port, version, bundle))
								table.check(t, all[len(all)-1])
							})
						}
					}
					t.Run(c.name+" tshark", func(t *testing.T) { compareMessages(t, all) })
				}
			})
		}
	})
	t.Log(table)
}

// compileJava compiles the client, and returns the folder with it.
func compileJava(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	source := filepath.Join(dir, "Client.java")
	writeFile(t, source, []byte(javaClient))
	if out, err := exec.Command(tool(t, "javac", "openjdk-17-jdk-headless"), "-d", dir, source).CombinedOutput(); err != nil {
		t.Fatalf("javac: %v\n%s", err, out)
	}
	return dir
}

// psql asks for TLS within its own protocol.
var psql = client{name: "psql", pkg: "postgresql-client", arguments: func(port, version, bundle string) []string {
	if bundle == "" {
		bundle = "/nowhere"
	}
	return []string{"host=127.0.0.1 port=" + port + " user=good dbname=postgres sslmode=require sslcert=" + bundle +
		".pem sslkey=" + bundle + ".key ssl_min_protocol_version=TLSv" + version + " ssl_max_protocol_version=TLSv" +
		version, "-c", "select 1"}
}}

// capturedServers are those of the table of servers of which each has another TLS, and two that
// it does not have.
func capturedServers() []setup {
	servers := []setup{
		{name: "openssl s_server", program: "openssl", pkg: "openssl", args: []string{"s_server", "-accept",
			"127.0.0.1:$port", "-cert", "$pki/server.pem", "-key", "$pki/server.key", "-CAfile", "$pki/ca.pem", "-Verify",
			"3", "-verify_return_error", "-www", "-quiet", "-keylogfile", "$dir/secrets"}},
	}
	wanted := []string{"nginx http, verify on", "gnutls-serv, verify", "Java SSLServerSocket, need",
		"Node, rejectUnauthorized", "HAProxy, required", "PostgreSQL, verify-full"}
	for _, s := range slices.Concat(webServers(), proxyServers(), databaseServers(), programServers()) {
		if slices.Contains(wanted, s.name) {
			servers = append(servers, s)
		}
	}
	return servers
}

// writeBundles writes what clients present, and returns their paths without the endings; the
// first is empty, for none.
func writeBundles(t *testing.T, pki string) []string {
	t.Helper()
	bundles := []string{""}
	for name, source := range map[string]string{"good": "good.p12", "leaf": "leaf.pem", "stranger": "other-ca.p12",
		"expired": "expired.pem", "server-auth": "no-eku.pem"} {
		holding, err := certstore.Load(t.Context(), &certstore.Options{Passwords: []string{""}},
			certstore.Source{Path: filepath.Join(pki, source)})
		if err != nil || len(holding.Identities) != 1 {
			t.Fatalf("%s: %v", source, err)
		}
		path := filepath.Join(pki, "bundle-"+name)
		for ending, e := range map[string]certstore.Encoding{".pem": certstore.PEM, ".p12": certstore.PKCS12} {
			password := map[string]string{".p12": "secret"}[ending]
			data, err := certstore.Encode(certstore.Form{Encoding: e, Password: password}, holding.Identities[0])
			if err == nil {
				err = os.WriteFile(path+ending, data, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		key, err := os.ReadFile(path + ".pem")
		if err == nil {
			err = os.WriteFile(path+".key", key[bytes.Index(key, []byte("-----BEGIN PRIVATE")):], 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		bundles = append(bundles, path)
	}
	slices.Sort(bundles)
	return bundles
}

// reasons are what is said where a bundle was sent and the server refused it.
var reasons = map[string]string{"bundle-expired": "Expired: expired ", "bundle-leaf": "the chain stops at",
	"bundle-stranger": "No proven path to a named CA", "bundle-server-auth": "client authentication"}

// A capturedTable is what was found, a line each recording.
type capturedTable struct {
	mu    sync.Mutex
	lines []string
}

func (c *capturedTable) String() string {
	slices.Sort(c.lines)
	return "server; client; TLS; bundle; sent; likely without secrets; failed; why\n" + strings.Join(c.lines, "\n")
}

// check holds what is read from a recording against tshark, against what was done, and, where the
// secrets are known, against what is said without them.
func (c *capturedTable) check(t *testing.T, r *recorded) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "capture.pcap")
	if err := os.WriteFile(file, r.packets, 0o600); err != nil {
		t.Fatal(err)
	}
	secrets := []string{}
	if info, err := os.Stat(r.secrets); err == nil && info.Size() > 0 {
		secrets = []string{"--keylog", r.secrets}
	}
	without, with := traceOf(t, file), traceOf(t, append([]string{file}, secrets...)...)
	if len(with) != 1 || len(without) != 1 {
		t.Fatalf("%d connections, %d without secrets", len(with), len(without))
	}
	seen, blind := with[0], without[0]
	if blind.Request.Asked == "yes" && blind.Request.Asked != seen.Request.Asked {
		t.Errorf("asked %s, without secrets %s", seen.Request.Asked, blind.Request.Asked)
	}
	if likely := blind.ClientCertificate.Likely; likely != "" && seen.ClientCertificate.Sent != "hidden" &&
		likely != seen.ClientCertificate.Sent {
		t.Errorf("likely %s, and %s was sent", likely, seen.ClientCertificate.Sent)
	}
	why := ""
	for _, phrase := range seen.Reading {
		if text := phrase.String(); strings.HasPrefix(text, "The certificate that was sent") {
			why = text
		}
	}
	if want := reasons[r.bundle]; want != "" && seen.Failed && seen.ClientCertificate.Sent == "yes" &&
		!strings.Contains(why, want) {
		t.Errorf("the reason is %q, without %q", why, want)
	}
	if r.bundle == "bundle-good" && (seen.Failed || seen.ClientCertificate.Sent == "empty") {
		t.Errorf("failed: %t, sent: %s", seen.Failed, seen.ClientCertificate.Sent)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = append(c.lines, strings.Join([]string{r.server, r.client, r.version, r.bundle, seen.ClientCertificate.Sent,
		blind.ClientCertificate.Likely, strconv.FormatBool(seen.Failed), why}, "; "))
}

// compareMessages holds what this program finds in recordings of one client and server against
// what tshark finds.
func compareMessages(t *testing.T, all []*recorded) {
	t.Helper()
	const fileHeader = 24 // of a pcap file
	file, secrets := filepath.Join(t.TempDir(), "capture.pcap"), filepath.Join(t.TempDir(), "secrets")
	var packets, lines []byte
	for n, r := range all {
		if n > 0 {
			packets = append(packets, r.packets[fileHeader:]...)
		} else {
			packets = append(packets, r.packets...)
		}
		data, _ := os.ReadFile(r.secrets)
		lines = append(lines, data...)
	}
	writeFile(t, file, packets)
	writeFile(t, secrets, lines)
	if theirs, ours := tsharkMessages(t, file, secrets), messagesIn(t, file, secrets); theirs != ours &&
		(theirs != "" || all[0].client != "psql") { // it does not look behind PostgreSQL's question on any port
		t.Errorf("tshark finds %s\nthis program    %s", theirs, ours)
	}
}

func traceOf(t *testing.T, args ...string) []report.Connection {
	t.Helper()
	code, stdout, stderr := run(t, append([]string{"trace", "-v", "-o", "json"}, args...)...)
	if code != exitAnswered && code != exitNoIdentity {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	var r report.Report
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatal(err)
	}
	// A server that was just started may only now answer who looked whether it listens.
	return slices.DeleteFunc(r.Connections, func(c report.Connection) bool { return c.Version == "" })
}

// messagesIn are the handshake messages, alerts and sizes of the acceptable CAs' names of a capture, sorted.
func messagesIn(t *testing.T, file, secrets string) string {
	t.Helper()
	keys := &wire.KeyLog{}
	if data, err := os.ReadFile(secrets); err == nil {
		keys.Add(data)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var found []string
	if _, err := capture.Read(t.Context(), f, keys, func(c *capture.Connection) {
		for _, e := range c.Transcript.Entries {
			switch {
			case e.Opaque, !c.Transcript.Sent(wire.Client, wire.ClientHello):
			case e.ContentType == wire.AlertRecord:
				found = append(found, fmt.Sprintf("alert %d", e.Alert.Description))
			case e.ContentType == wire.HandshakeRecord:
				found = append(found, fmt.Sprintf("message %d", e.Handshake))
			}
		}
		for _, seen := range c.Transcript.Requests() {
			for _, der := range seen.Request.NamedCAs {
				found = append(found, fmt.Sprintf("name of %d", len(der)))
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	return strings.Join(found, ", ")
}

// tsharkMessages are the same as tshark finds them.
func tsharkMessages(t *testing.T, file, secrets string) string {
	t.Helper()
	c := exec.Command(tool(t, "tshark", "tshark"), "-r", file, "-Y", "tls", "-T", "fields", "-e", "tls.handshake.type",
		"-e", "tls.alert_message.desc", "-e", "tls.handshake.dname_len", "-o", "tls.keylog_file:"+secrets)
	var errs bytes.Buffer
	c.Stderr = &errs
	out, err := c.Output()
	if err != nil {
		t.Fatalf("tshark: %v, %s", err, errs.String())
	}
	var found []string
	for line := range strings.Lines(string(out)) {
		columns := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		for n, kind := range []string{"message ", "alert ", "name of "} {
			for _, number := range strings.FieldsFunc(columns[n], func(r rune) bool { return r == ',' }) {
				found = append(found, kind+number)
			}
		}
	}
	slices.Sort(found)
	return strings.Join(found, ", ")
}

// Programs get the same through the relay as without it, and each of their connections is read.
func TestRelayedPrograms(t *testing.T) {
	pki := t.TempDir()
	writeServerFiles(t, pki)
	writeBundles(t, pki)
	bundle, classes := filepath.Join(pki, "bundle-good"), compileJava(t)
	many := slices.Clone(psql.arguments("0", "1.2", bundle))
	many[len(many)-1] = "select string_agg(md5(n::text), '') from generate_series(1, 5000) n" // 160 kB
	for _, s := range append(capturedServers(), databaseServers()...) {
		programs := clients(classes)
		times := 20
		switch s.name {
		case "PostgreSQL, optional": // which lets its own user in
			programs = []client{{name: "psql", pkg: psql.pkg, arguments: func(port, _, _ string) []string {
				args := slices.Clone(many)
				args[0] = strings.NewReplacer("port=0", "port="+port, "user=good", "user=postgres").Replace(args[0])
				return append(args, "-At")
			}}}
		case "nginx http, verify on":
			programs = slices.DeleteFunc(programs, func(c client) bool { return c.name != "curl" && c.name != "java" })
		default:
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			r := &running{T: t, setup: &s, values: map[string]string{"pki": pki}}
			r.begin()
			port := r.expand("$port")
			for _, c := range programs {
				t.Run(c.name, func(t *testing.T) {
					get := func(port string) []byte {
						cmd := exec.Command(tool(t, c.name, c.pkg), c.arguments(port, "1.2", bundle)...)
						cmd.Dir = t.TempDir()
						out, err := cmd.Output()
						if err != nil || len(out) == 0 {
							t.Fatalf("%v: %v, %q", cmd.Args, err, out)
						}
						return regexp.MustCompile(`Date: [^\r\n]*`).ReplaceAll(out, nil)
					}
					direct := get(port)
					address, result := startListener(t, `127\.0\.0\.1:\d+`, "relay", "127.0.0.1:"+port, "--count",
						strconv.Itoa(times), "--json")
					_, local, _ := strings.Cut(address, ":")
					for range times {
						if through := get(local); !bytes.Equal(direct, through) {
							t.Fatalf("%d bytes without the relay, %d through it", len(direct), len(through))
						}
					}
					code, stdout := result()
					var rep report.Report
					if err := json.Unmarshal([]byte(stdout), &rep); err != nil {
						t.Fatal(err)
					}
					sent := 0
					for _, seen := range rep.Connections {
						if seen.ClientCertificate.Sent == "yes" && seen.ClientCertificate.Subject == "CN=good,O=Example" {
							sent++
						}
					}
					if code != exitAnswered || sent != times {
						t.Errorf("exit code %d, %d of %d certificates seen", code, sent, times)
					}
				})
			}
		})
	}
}
