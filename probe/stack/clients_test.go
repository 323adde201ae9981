package stack_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/chain"
	"mtlsprobe/probe/match"
	"mtlsprobe/probe/mirror"
	"mtlsprobe/probe/stack"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"

	"k8s.io/client-go/transport"
)

// A client is a real program that is run against the mirror.
type client struct {
	profile string
	name    string // where it is not the profile's
	tool    string // looked for on the path
	pkg     string // the Debian package that has it
	// greet speaks the protocol's own words before TLS; nil for none.
	greet   func(net.Conn) error
	only    string // the one version that it has; empty for both
	browser bool   // slow to start: some scenarios have to do
	quick   bool   // it waits for more than an answer in HTTP: the handshake is enough
	// run connects to the port in the version (1.2 or 1.3) with the identity.
	run func(ctx context.Context, w *world, f *files, port, version string) ([]byte, error)
}

const getRequest = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

func clients() []client {
	command := func(ctx context.Context, f *files, stdin, name string, args ...string) ([]byte, error) {
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Stdin, cmd.Dir = strings.NewReader(stdin), f.dir
		cmd.Env = append(os.Environ(), "HOME="+f.dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "PGSSLCRL=", "LC_ALL=C")
		cmd.WaitDelay = time.Second
		return cmd.CombinedOutput()
	}
	sClient := func(extra ...string) func(context.Context, *world, *files, string, string) ([]byte, error) {
		return func(ctx context.Context, w *world, f *files, port, version string) ([]byte, error) {
			args := []string{"s_client", "-connect", "127.0.0.1:" + port, "-servername", "localhost", "-CAfile", w.dir + "/server-root.pem", "-no-CApath", "-no-CAstore",
				"-cert", f.certOnly, "-key", f.key, "-tls" + strings.ReplaceAll(version, ".", "_"), "-ign_eof"}
			if len(f.Chain) > 0 {
				args = append(args, "-cert_chain", f.chain)
			}
			return command(ctx, f, getRequest, "openssl", append(args, extra...)...)
		}
	}
	return []client{
		{profile: "openssl", tool: "openssl", pkg: "openssl", run: sClient()},
		{profile: "openssl-strict", tool: "openssl", pkg: "openssl", run: sClient("-strict")},
		{profile: "curl", tool: "curl", pkg: "curl", run: func(ctx context.Context, w *world, f *files, port, version string) ([]byte, error) {
			args := []string{"-sS", "--http1.1", "--cacert", w.dir + "/server-root.pem", "--cert", f.bundle, "--cert-type", f.certType("PEM", "DER", "P12"), "--tlsv" + version, "--tls-max", version}
			if f.key != "" {
				args = append(args, "--key", f.key, "--key-type", f.keyType("PEM", "DER", "P12"))
			}
			if f.password != "" {
				args = append(args, "--pass", f.password)
			}
			return command(ctx, f, "", "curl", append(args, "https://localhost:"+port+"/")...)
		}},
		{profile: "python", tool: "python3", pkg: "python3", run: func(ctx context.Context, w *world, f *files, port, version string) ([]byte, error) {
			return command(ctx, f, pythonClient, "python3", "-", port, version, w.root(), f.bundle, f.keyFile(), f.password)
		}},
		{profile: nodeProfile(), tool: "node", pkg: "nodejs", name: "node", run: func(ctx context.Context, w *world, f *files, port, version string) ([]byte, error) {
			return command(ctx, f, nodeClient, "node", "-", port, version, w.root(), f.bundle, f.keyFile(), f.certType("PEM", "DER", "P12"), f.password)
		}},
		{profile: "gnutls", tool: "wget", pkg: "wget", run: func(ctx context.Context, w *world, f *files, port, version string) ([]byte, error) {
			return command(ctx, f, "", "wget", "-q", "-O-", "--tries=1", "--timeout=5", "--ca-certificate="+w.root(), "--certificate="+f.bundle, "--private-key="+f.keyFile(),
				"--certificate-type="+f.certType("PEM", "DER", "PEM"), "--private-key-type="+f.keyType("PEM", "DER", "PEM"), "--secure-protocol=TLSv"+strings.ReplaceAll(version, ".", "_"), "https://localhost:"+port+"/")
		}},
		{profile: "gnutls-forced", tool: "git", pkg: "git", run: func(ctx context.Context, w *world, f *files, port, version string) ([]byte, error) {
			return command(ctx, f, "", "git", "-c", "http.sslCAInfo="+w.root(), "-c", "http.sslCert="+f.bundle, "-c", "http.sslKey="+f.keyFile(), "-c", "http.sslVersion=tlsv"+version,
				"ls-remote", "https://localhost:"+port+"/x.git")
		}},
		{profile: "libpq", tool: "psql", pkg: "postgresql-client", greet: greetPostgreSQL, quick: true, run: func(ctx context.Context, w *world, f *files, port, version string) ([]byte, error) {
			return command(ctx, f, "", "psql", fmt.Sprintf("host=localhost port=%s sslmode=verify-ca sslrootcert=%s/server-root.pem sslcert=%s sslkey=%s sslpassword='%s' ssl_min_protocol_version=TLSv%s ssl_max_protocol_version=TLSv%s connect_timeout=5 user=x dbname=x",
				port, w.dir, f.bundle, f.keyFile(), f.password, version, version))
		}},
		{profile: "mariadb", tool: "mariadb", pkg: "mariadb-client", greet: greetMariaDB, quick: true, run: func(ctx context.Context, w *world, f *files, port, version string) ([]byte, error) {
			return command(ctx, f, "", "mariadb", "--no-defaults", "--protocol=TCP", "-h", "127.0.0.1", "-P", port, "-u", "x", "--connect-timeout=5", "--ssl-ca="+w.root(),
				"--ssl-cert="+f.bundle, "--ssl-key="+f.keyFile(), "--tls-version=TLSv"+version, "-e", "select 1")
		}},
		{profile: "go", run: goClient},
		{profile: "client-go", run: clientGo},
		{profile: "nss", tool: "tstclnt", pkg: "libnss3-tools", quick: true, run: tstclnt(command)},
		{profile: "nss-nickname", tool: "tstclnt", pkg: "libnss3-tools", quick: true, run: tstclnt(command, "-n", "client")},
	}
}

// goClient is crypto/tls with the identity in Config.Certificates.
func goClient(ctx context.Context, w *world, f *files, port, version string) ([]byte, error) {
	pair, err := f.pair()
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(w.pki.Cert("Server Root"))
	v := versions[version]
	dialer := &tls.Dialer{Config: &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: roots, ServerName: "localhost", MinVersion: v, MaxVersion: v}}
	conn, err := dialer.DialContext(ctx, "tcp", "127.0.0.1:"+port)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(conn, getRequest); err != nil {
		return nil, err
	}
	return io.ReadAll(conn)
}

// clientGo is the transport of kubectl and every controller.
func clientGo(ctx context.Context, w *world, f *files, port, version string) ([]byte, error) {
	config, err := transport.TLSConfigFor(&transport.Config{TLS: transport.TLSConfig{CAFile: w.dir + "/server-root.pem", CertFile: f.bundle, KeyFile: f.keyFile(), ServerName: "localhost"}})
	if err != nil {
		return nil, err
	}
	config.MinVersion, config.MaxVersion = versions[version], versions[version]
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://localhost:"+port+"/", nil)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return io.ReadAll(response.Body)
}

var versions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// nodeProfile is that of Node.js with its own OpenSSL. Debian's is built on the
// system's, whose security level then counts.
func nodeProfile() string {
	out, err := exec.Command("node", "-p", "process.config.variables.node_shared_openssl").Output()
	if err == nil && strings.TrimSpace(string(out)) == "true" {
		return "openssl"
	}
	return "node"
}

// tstclnt runs NSS's own client on a database with the identity in it.
func tstclnt(command func(context.Context, *files, string, string, ...string) ([]byte, error), extra ...string) func(context.Context, *world, *files, string, string) ([]byte, error) {
	return func(ctx context.Context, w *world, f *files, port, version string) ([]byte, error) {
		return command(ctx, f, getRequest, "tstclnt", append([]string{"-h", "127.0.0.1", "-a", "localhost", "-p", port, "-d", "sql:" + nssDB(ctx, f), "-o", "-O",
			"-V", "tls" + version + ":tls" + version}, extra...)...)
	}
}

// nssDB makes an NSS database with the identity, once.
func nssDB(ctx context.Context, f *files) string {
	db := filepath.Join(f.dir, "nss")
	if os.Mkdir(db, 0o700) != nil {
		return db
	}
	store, _, password := f.store()
	for _, args := range [][]string{
		{"certutil", "-N", "-d", "sql:" + db, "--empty-password"},
		{"pk12util", "-i", store, "-d", "sql:" + db, "-W", password, "-K", ""},
	} {
		_ = exec.CommandContext(ctx, args[0], args[1:]...).Run()
	}
	// pk12util imports one certificate of each subject: the others by hand.
	for n, c := range f.Chain {
		path := filepath.Join(f.dir, fmt.Sprintf("ca%d.der", n))
		_ = os.WriteFile(path, c.Raw, 0o600)
		_ = exec.CommandContext(ctx, "certutil", "-A", "-d", "sql:"+db, "-n", fmt.Sprintf("ca%d", n), "-t", ",,", "-i", path).Run()
	}
	return db
}

const pythonClient = `
import ssl, socket, sys
port, version, ca, bundle, key, password = sys.argv[1:]
c = ssl.create_default_context(cafile=ca)
c.minimum_version = c.maximum_version = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]
c.load_cert_chain(bundle, key, password or "")
s = c.wrap_socket(socket.create_connection(("127.0.0.1", int(port)), 5), server_hostname="localhost")
s.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
print(s.recv(4096))
`

const nodeClient = `
const tls = require('tls'), fs = require('fs');
const [port, version, ca, bundle, key, kind, passphrase] = process.argv.slice(2);
const own = kind == 'P12' ? {pfx: fs.readFileSync(bundle)} : {cert: fs.readFileSync(bundle), key: fs.readFileSync(key)};
const s = tls.connect({...own, passphrase, host: '127.0.0.1', port, servername: 'localhost', ca: fs.readFileSync(ca),
  minVersion: 'TLSv' + version, maxVersion: 'TLSv' + version}, () => s.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'));
s.on('data', d => console.log(String(d))); s.on('error', e => { console.log(String(e)); process.exit(1) });
`

// greetPostgreSQL answers the SSLRequest of a PostgreSQL client.
func greetPostgreSQL(conn net.Conn) error {
	if _, err := io.ReadFull(conn, make([]byte, 8)); err != nil {
		return err
	}
	_, err := conn.Write([]byte("S"))
	return err
}

// greetMariaDB sends the initial handshake packet of a MariaDB server and reads
// the client's SSLRequest.
func greetMariaDB(conn net.Conn) error {
	var p bytes.Buffer
	p.WriteString("\x0a5.5.5-10.11.0-MariaDB\x00")
	p.Write([]byte{1, 0, 0, 0})
	p.WriteString("12345678\x00")
	p.Write([]byte{0xff, 0xff, 33, 2, 0, 0xff, 0x81, 21})
	p.Write(make([]byte, 10))
	p.WriteString("123456789012\x00mysql_native_password\x00")
	header := binary.LittleEndian.AppendUint32(nil, uint32(p.Len()))
	if _, err := conn.Write(append(header, p.Bytes()...)); err != nil {
		return err
	}
	answer := make([]byte, 4)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, make([]byte, int(answer[0])|int(answer[1])<<8))
	return err
}

// A cell is one client in one scenario and version.
type cell struct{ predicted, observed string }

func describe(action string, certs [][]byte, alert uint8) string {
	text := action
	if len(certs) > 0 {
		text += fmt.Sprintf(" of %d", len(certs))
	}
	if alert != 0 {
		text += fmt.Sprintf(" %d", alert)
	}
	return text
}

// listen runs the mirror for one run of a client: it may connect several times,
// and the first connection that was asked counts.
func listen(t *testing.T, w *world, r *wire.CertificateRequest, c *client, enough func()) (port string, seen func() *mirror.Sighting) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ = net.SplitHostPort(listener.Addr().String())
	sightings := make(chan *mirror.Sighting, 16)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if c.greet != nil {
				_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
				if c.greet(conn) != nil {
					conn.Close()
					continue
				}
			}
			answer := func(s *mirror.Sighting) string { return string(s.Action) }
			if c.quick {
				answer = nil
			}
			s := mirror.Serve(t.Context(), conn, &mirror.Options{Requests: []*wire.CertificateRequest{r}, Certificate: w.server, Timeout: 5 * time.Second}, answer)
			select {
			case sightings <- s:
			default:
			}
			if s.Asked && c.quick { // what the client waits for will not come
				enough()
			}
		}
	}()
	return port, func() *mirror.Sighting {
		listener.Close()
		<-done
		close(sightings)
		// Browsers close the connection on which they are asked, choose, and come
		// again.
		var best *mirror.Sighting
		rank := func(s *mirror.Sighting) int {
			switch {
			case s == nil:
				return 0
			case !s.Asked:
				return 1
			case s.Action == mirror.Closed:
				return 2
			}
			return 3
		}
		for s := range sightings {
			if rank(s) > rank(best) {
				best = s
			}
		}
		return best
	}
}

// agrees holds what was seen against the prediction, and describes both.
func agrees(p *stack.Prediction, s *mirror.Sighting) (ok bool, c cell) {
	var alert uint8
	if p.Chain != nil {
		var ders [][]byte
		for _, cert := range p.Chain {
			ders = append(ders, cert.Raw)
		}
		c.predicted = describe(string(p.Action), ders, p.Alert)
	} else {
		c.predicted = describe(string(p.Action), nil, p.Alert)
	}
	if s == nil {
		c.observed = "no connection"
		return p.Action == stack.Fails, c
	}
	if s.Alert != nil {
		alert = s.Alert.Description
	}
	c.observed = describe(string(s.Action), s.Chain, alert)
	if s.SignatureErr != nil {
		c.observed += ", wrong signature"
	}
	switch p.Action {
	case stack.Sends:
		if s.Action != mirror.Sent || s.SignatureErr != nil || !s.Finished {
			return false, c
		}
		if p.Chain == nil {
			return !p.LeafAlone || len(s.Chain) == 1, c
		}
		return slices.EqualFunc(p.Chain, s.Chain, func(a *x509.Certificate, b []byte) bool { return bytes.Equal(a.Raw, b) }), c
	case stack.Declines:
		return s.Action == mirror.Declined, c
	case stack.Alerts:
		return s.Action == mirror.Alerted && alert == p.Alert, c
	case stack.SendsAlerts:
		return s.Action == mirror.Sent && !s.Finished && alert == p.Alert, c
	case stack.BadSigns:
		return s.Action == mirror.Sent && s.SignatureErr != nil, c
	case stack.Fails:
		return !s.Asked || s.Action == mirror.Closed, c
	}
	return false, c
}

// predict asks the model.
func (w *world) predict(id string, f *files, r *wire.CertificateRequest) stack.Prediction {
	return w.predictAt(id, f, r, wire.InHandshake)
}

func (w *world) predictAt(id string, f *files, r *wire.CertificateRequest, when wire.Stage) stack.Prediction {
	q := &match.Question{Request: r, When: when, Identities: []*certstore.Identity{f.Identity}, Graph: chain.NewGraph(), Now: w.now, Store: f.Chain}
	predictor := stack.New(q)
	return predictor.Predict(stack.Lookup(id), f.Identity)
}

// differences are the cells in which the real client does otherwise than the
// model says, each with the reason why the model stays.
var differences = map[string]string{}

// TestClients runs the real clients and holds what they do against the model;
// "make clients" prints the table.
func TestClients(t *testing.T) { runClients(t, clients()) }

// A score counts the cells of one client.
type score struct{ agree, differ, unknown int }

func runClients(t *testing.T, list []client) {
	t.Helper()
	w := newWorld(t)
	scores := make(map[string]*score)
	for _, c := range list {
		if _, err := exec.LookPath(c.tool); c.tool != "" && err != nil {
			if os.Getenv("CI") == "true" {
				t.Errorf("the Debian package %s is missing", c.pkg)
			} else {
				t.Logf("%s: left out, the Debian package %s is missing", c.profile, c.pkg)
			}
			continue
		}
		label := cmp.Or(c.name, c.profile)
		scores[label] = &score{}
		for _, s := range scenarios() {
			f := w.files(t, s)
			for _, version := range []string{"1.2", "1.3"} {
				if s.more && c.browser || s.new && version == "1.2" || s.old && version == "1.3" || c.only != "" && c.only != version {
					continue
				}
				r := w.request(s, versions[version])
				prediction := w.predict(c.profile, f, r)
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				port, seen := listen(t, w, r, &c, cancel)
				out, _ := c.run(ctx, w, f, port, version)
				cancel()
				w.compare(t, c.profile, s, version, &prediction, seen(), out, scores[label])
			}
		}
	}
	printScores(t, scores)
}

func printScores(t *testing.T, scores map[string]*score) {
	t.Helper()
	for _, id := range slices.Sorted(maps.Keys(scores)) {
		t.Logf("%-16s agree %3d  differ with a reason %2d  not predicted %2d", id, scores[id].agree, scores[id].differ, scores[id].unknown)
	}
}

func (w *world) compare(t *testing.T, id string, s scenario, version string, p *stack.Prediction, seen *mirror.Sighting, out []byte, score *score) {
	t.Helper()
	if p.Sends == say.Unknown {
		score.unknown++
		_, c := agrees(p, seen)
		t.Logf("%s, %s, TLS %s: not predicted (%s), observed %s\n%s", id, s.name, version, p.Reason, c.observed, bytes.TrimSpace(out))
		return
	}
	ok, c := agrees(p, seen)
	key := id + ", " + s.name + ", TLS " + version
	reason := differences[key]
	switch {
	case ok && reason != "":
		t.Errorf("%s: agrees, and is listed as a difference", key)
	case ok:
		score.agree++
	case reason != "":
		score.differ++
		t.Logf("%s: predicted %s, observed %s: %s", key, c.predicted, c.observed, reason)
	default:
		t.Errorf("%s: predicted %s (%s), observed %s\n%s", key, c.predicted, p.Reason, c.observed, bytes.TrimSpace(out))
	}
}
