//go:build slow && linux

package cmd

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"software.sslmate.com/src/go-pkcs12"

	"mtlsprobe/certstore/certtest"
	"mtlsprobe/certstore/certtest/debian"
	"mtlsprobe/probe"
	"mtlsprobe/probe/diagnosis"
	"mtlsprobe/probe/probetest"
	"mtlsprobe/report"
)

// A fleet is many real servers, of programs that serve many ports each.
type fleet struct {
	*testing.T
	pki   *certtest.PKI
	dir   string
	lists [][]string // names of CAs, by kind of list
	ports map[string][]string
}

// modes are how the ports of a program ask, in turn.
var modes = []string{"required", "optional", "none"}

// portsOf are free ports for a program, as "port mode list" by their number.
func (f *fleet) portsOf(program string, count int) []string {
	for range count {
		f.ports[program] = append(f.ports[program], debian.FreePort(f.T))
	}
	return f.ports[program]
}

func (f *fleet) list(n int) int { return n / len(modes) % len(f.lists) }

func (f *fleet) file(name string, data string) string {
	path := filepath.Join(f.dir, name)
	writeFile(f.T, path, []byte(data))
	return path
}

func newFleet(t *testing.T) *fleet {
	edges := []certtest.Edge{{Subject: "root", Issuer: "root"}, {Subject: "Other", Issuer: "Other"},
		{Subject: "server", Issuer: "root", Mutate: func(c *x509.Certificate) {
			c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		}}}
	var many []string
	for n := range 40 {
		name := fmt.Sprintf("Partner CA %02d", n)
		many = append(many, name)
		edges = append(edges, certtest.Edge{Subject: name, Issuer: name})
	}
	f := &fleet{T: t, dir: t.TempDir(), pki: certtest.NewAt("fleet", time.Now(), edges...),
		ports: make(map[string][]string),
		lists: [][]string{{"root"}, {"root", "Other"}, many}}
	f.file("server.pem", string(f.pki.CertPEM("server"))+string(f.pki.KeyPEM("server")))
	for n, names := range f.lists {
		f.file(fmt.Sprintf("list%d.pem", n), string(f.pki.CertPEM(names...)))
		var certs []*x509.Certificate
		for _, name := range names {
			certs = append(certs, f.pki.Cert(name))
		}
		trust, err := pkcs12.Modern.EncodeTrustStore(certs, "changeit")
		if err != nil {
			t.Fatal(err)
		}
		f.file(fmt.Sprintf("list%d.p12", n), string(trust))
	}
	identity, err := pkcs12.Modern.Encode(f.pki.Key("server"), f.pki.Cert("server"), nil, "changeit")
	if err != nil {
		t.Fatal(err)
	}
	f.file("server.p12", string(identity))
	return f
}

func (f *fleet) nginx(count int) {
	var servers strings.Builder
	for n, port := range f.portsOf("nginx", count) {
		fmt.Fprintf(&servers,
			"server { listen 127.0.0.1:%s ssl; ssl_certificate server.pem; ssl_certificate_key server.pem; "+
				"ssl_client_certificate list%d.pem; ssl_verify_client %s; return 200 ok; }\n", port, f.list(n),
			[]string{"on", "optional", "off"}[n%3])
	}
	config := f.file("nginx.conf", fmt.Sprintf("daemon off; master_process off; pid nginx.pid; error_log error.log;\n"+
		"events { worker_connections 8192; }\nhttp { access_log off; client_body_temp_path b; proxy_temp_path p; "+
		"fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;\n%s}\n", servers.String()))
	debian.Serve(f.T, exec.Command(tool(f.T, "nginx", "nginx-light"), "-c", config, "-p", f.dir, "-e", f.dir+"/error.log"),
		f.ports["nginx"][0])
}

func (f *fleet) haproxy(count int) {
	var binds strings.Builder
	for n, port := range f.portsOf("haproxy", count) {
		fmt.Fprintf(&binds, "frontend f%d\n mode http\n bind 127.0.0.1:%s ssl crt %s/server.pem ", n, port, f.dir)
		if n%3 < 2 {
			fmt.Fprintf(&binds, "ca-file %s/list%d.pem verify %s", f.dir, f.list(n), modes[n%3])
		}
		binds.WriteString("\n http-request return status 200\n")
	}
	config := f.file("haproxy.cfg",
		"global\n maxconn 4000\ndefaults\n timeout client 30s\n timeout connect 5s\n timeout server 5s\n"+
			binds.String())
	debian.Serve(f.T, exec.Command(tool(f.T, "haproxy", "haproxy"), "-f", config), f.ports["haproxy"][0])
}

func (f *fleet) golang(count int) {
	for n := range count {
		pool := x509.NewCertPool()
		for _, name := range f.lists[f.list(n)] {
			pool.AddCert(f.pki.Cert(name))
		}
		config := &tls.Config{ClientCAs: pool, Certificates: []tls.Certificate{{
			Certificate: [][]byte{f.pki.Cert("server").Raw}, PrivateKey: f.pki.Key("server")}},
			ClientAuth: []tls.ClientAuthType{tls.RequireAndVerifyClientCert, tls.VerifyClientCertIfGiven,
				tls.NoClientCert}[n%3]}
		server, err := probetest.Serve(func(conn net.Conn) { answerHTTP(tls.Server(conn, config)) })
		if err != nil {
			f.Fatal(err)
		}
		f.Cleanup(server.Close)
		_, port, _ := net.SplitHostPort(server.Address)
		f.ports["Go"] = append(f.ports["Go"], port)
	}
}

func (f *fleet) openssl(count int) {
	for n, port := range f.portsOf("openssl", count) {
		args := []string{"s_server", "-accept", "127.0.0.1:" + port, "-cert", f.dir + "/server.pem", "-www", "-quiet"}
		if n%3 < 2 {
			args = append(args, "-CAfile", fmt.Sprintf("%s/list%d.pem", f.dir, f.list(n)),
				[]string{"-Verify", "-verify"}[n%3], "2", "-verify_return_error")
		}
		startServer(f.T, port, tool(f.T, "openssl", "openssl"), args...)
	}
}

// listeners are a program of its own that serves all ports of its arguments: each is a port, a
// mode and the number of a list, with colons between.
func (f *fleet) listeners(program string, count int, path, source string, args ...string) {
	var specs []string
	for n, port := range f.portsOf(program, count) {
		specs = append(specs, fmt.Sprintf("%s:%s:%d", port, modes[n%3], f.list(n)))
	}
	c := exec.Command(path, slices.Concat(args, []string{source}, specs)...)
	c.Dir = f.dir
	debian.Serve(f.T, c, f.ports[program][count-1]) // they begin in order
}

const pythonFleet = `
import asyncio, ssl, sys
async def answer(reader, writer):
    try:
        await reader.read(4096)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
async def main():
    for spec in sys.argv[1:]:
        port, mode, number = spec.split(":")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain("server.pem")
        if mode != "none":
            context.load_verify_locations("list" + number + ".pem")
            context.verify_mode = {"required": ssl.CERT_REQUIRED, "optional": ssl.CERT_OPTIONAL}[mode]
        await asyncio.start_server(answer, "127.0.0.1", int(port), ssl=context)
    await asyncio.Event().wait()
asyncio.run(main())
`

const javaFleet = `
import java.io.*; import java.net.*; import java.security.*; import java.util.*; import java.util.concurrent.*; import javax.net.ssl.*;
public class Fleet {
  static KeyStore store(String name) throws Exception {
    KeyStore s = KeyStore.getInstance("PKCS12");
    try (InputStream in = new FileInputStream(name)) { s.load(in, "changeit".toCharArray()); }
    return s;
  }
  public static void main(String[] args) throws Exception {
    ExecutorService pool = Executors.newCachedThreadPool();
    KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
    keys.init(store("server.p12"), "changeit".toCharArray());
    Map<String, SSLContext> contexts = new HashMap<>();
    for (String spec : args) {
      String[] part = spec.split(":");
      SSLContext context = contexts.get(part[2]);
      if (context == null) {
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(store("list" + part[2] + ".p12"));
        context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
        contexts.put(part[2], context);
      }
      SSLServerSocket server = (SSLServerSocket) context.getServerSocketFactory().createServerSocket(
        Integer.parseInt(part[0]), 50, InetAddress.getByName("127.0.0.1"));
      if (part[1].equals("required")) server.setNeedClientAuth(true);
      if (part[1].equals("optional")) server.setWantClientAuth(true);
      pool.execute(() -> {
        while (true) {
          try {
            Socket socket = server.accept();
            pool.execute(() -> {
              try (socket) {
                socket.getInputStream().read(new byte[4096]);
                socket.getOutputStream().write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".getBytes());
              } catch (IOException e) { }
            });
          } catch (IOException e) { return; }
        }
      });
    }
  }
}
`

// What scan says of 2,000 servers of six kinds is what request says of each.
func TestServersScan(t *testing.T) {
	f := newFleet(t)
	f.nginx(800)
	f.haproxy(400)
	f.golang(500)
	f.openssl(50)
	f.listeners("Python", 125, tool(t, "python3", "python3"), f.file("fleet.py", pythonFleet))
	f.listeners("Java", 125, tool(t, "java", "openjdk-17-jdk-headless"), f.file("Fleet.java", javaFleet), "-Xmx512m")
	var targets []string
	for _, ports := range f.ports {
		for _, port := range ports {
			targets = append(targets, "127.0.0.1:"+port)
		}
	}
	if len(targets) != 2000 {
		t.Fatalf("%d targets", len(targets))
	}
	ca := filepath.Join(f.dir, "list0.pem")
	list := f.file("list.txt", strings.Join(targets, "\n"))
	begun := time.Now()
	code, stdout, stderr := run(t, "scan", list, "--cacert", ca, "--per-host", "0")
	if code != exitAnswered {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	t.Logf("scanned in %v\n%s", time.Since(begun).Round(time.Millisecond), stderr)
	lines := scannedLines(t, []byte(stdout))
	_, quickly, stderr := run(t, "scan", list, "--fast", "--per-host", "0")
	fast := scannedLines(t, []byte(quickly))
	if len(fast) != len(targets) {
		t.Errorf("--fast: %d lines\n%s", len(fast), stderr)
	}

	roots := x509.NewCertPool()
	roots.AddCert(f.pki.Cert("root"))
	engine := diagnosis.New(diagnosis.Settings{Now: time.Now, Plan: diagnosis.Plan{NoSweep: true}})
	var equal, unknown atomic.Int32
	group, ctx := errgroup.WithContext(context.Background())
	group.SetLimit(16)
	kinds := make(map[string]int)
	for program, ports := range f.ports {
		for n, port := range ports {
			address := "127.0.0.1:" + port
			mode := modes[n%3]
			kinds[program+", "+mode+", list "+strconv.Itoa(f.list(n))]++
			group.Go(func() error {
				target, err := probe.ParseTarget(address)
				if err != nil {
					return err
				}
				d, err := engine.Request(ctx, target, &probe.Options{Roots: roots})
				if err != nil {
					return fmt.Errorf("%s at %s: %w", program, address, err)
				}
				line := *lines[address]
				want := report.NewScanner().Line(address, line.Line, d)
				// On a loaded machine an application may be silent for longer than either waits: then what it
				// insists on is not known, which is no other answer.
				if line.Mode == "unknown" || want.Mode == "unknown" {
					unknown.Add(1)
					line.Mode = want.Mode
				}
				one, _ := json.Marshal(line)
				other, _ := json.Marshal(want)
				asked, names := "yes", len(f.lists[f.list(n)])
				switch {
				case mode == "none":
					asked, names = "no", 0
				case program == "Python": // what verifies names nothing there
					names = 0
				}
				if string(one) != string(other) || line.Asked != asked || line.ServerCertificate.Verified != "yes" ||
					len(line.NamedCAs) != names {
					t.Errorf("%s, %s:\n%s\n%s", program, mode, one, other)
				}
				if quick := fast[address]; (quick.Level == "flight") != (asked == "yes") || quick.Asked != line.Asked ||
					quick.Level == "flight" && quick.Mode != "unknown" ||
					quick.ServerCertificate.SHA256 != line.ServerCertificate.SHA256 ||
					!slices.Equal(quick.NamedCAs, line.NamedCAs) {
					quick, _ := json.Marshal(quick)
					t.Errorf("%s, %s, --fast:\n%s\n%s", program, mode, quick, one)
				}
				equal.Add(1)
				return nil
			})
		}
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	if equal.Load() != 2000 || len(kinds) != 6*9 || unknown.Load() > 1000 {
		t.Errorf("%d of 2000 compared, of %d kinds; of %d it is not known what they insist on", equal.Load(), len(kinds),
			unknown.Load())
	}
}
