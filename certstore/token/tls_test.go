//go:build cgo

package token

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"mtlsprobe/certstore/certtest"
	"mtlsprobe/certstore/certtest/debian"
)

func newPKI() *certtest.PKI {
	return certtest.New(certtest.Edge{Subject: "Root", Issuer: "Root"}, certtest.Edge{Subject: "client", Issuer: "Root"})
}

func sorted(labels []string) string {
	slices.Sort(labels)
	return strings.Join(labels, " ")
}

// Real handshakes with keys in a token, as crypto/tls makes them.
func TestHandshake(t *testing.T) {
	s := newSoftToken(t)
	pin, _ := giving(testPIN, nil)
	token := s.open(t, "", pin).Tokens[0]
	servers := map[string]string{"crypto/tls": goServer(t, s.pki), "openssl s_server": opensslServer(t, s.pki)}
	for _, k := range token.Keys {
		i := slices.IndexFunc(token.Certificates, func(c Certificate) bool { return string(c.ID) == string(k.ID) })
		if i < 0 {
			t.Fatalf("%s: no certificate", k.Label)
		}
		want := map[string]string{"rsa": "rsa client", "ec": "client"}[k.Label]
		for server, address := range servers {
			for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				t.Run(k.Label+"/"+tls.VersionName(version)+"/"+server, func(t *testing.T) {
					config := &tls.Config{MinVersion: version, MaxVersion: version, InsecureSkipVerify: true, //nolint:gosec // the client is tested
						Certificates: []tls.Certificate{{Certificate: [][]byte{token.Certificates[i].DER}, PrivateKey: k.Signer}}}
					if got := request(t, address, config); !strings.Contains(got, want) {
						t.Errorf("the server answered %q, want one with %q", got, want)
					}
				})
			}
		}
	}
}

func request(t *testing.T, address string, config *tls.Config) string {
	t.Helper()
	conn, err := tls.Dial("tcp", address, config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	check(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	if _, err := io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

// goServer answers with the name in the verified client certificate.
func goServer(t *testing.T, pki *certtest.PKI) string {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(pki.Cert("Root"))
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert,
		Certificates: []tls.Certificate{{Certificate: [][]byte{pki.Cert("client").Raw}, PrivateKey: pki.Key("client")}}})
	check(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go answer(conn.(*tls.Conn))
		}
	}()
	return listener.Addr().String()
}

func answer(conn *tls.Conn) {
	defer conn.Close()
	if conn.Handshake() != nil {
		return
	}
	_, _ = bufio.NewReader(conn).ReadString('\n')
	_, _ = io.WriteString(conn, conn.ConnectionState().PeerCertificates[0].Subject.CommonName)
}

// opensslServer answers with its status page, which shows the client certificate.
func opensslServer(t *testing.T, pki *certtest.PKI) string {
	t.Helper()
	openssl := debian.Program(t, "openssl", "openssl")
	dir := t.TempDir()
	write(t, dir+"/ca.pem", pki.CertPEM("Root"))
	write(t, dir+"/server.pem", append(pki.CertPEM("client"), pki.KeyPEM("client")...))
	cmd := exec.Command(openssl, "s_server", "-accept", "127.0.0.1:0", "-cert", dir+"/server.pem", "-Verify", "3", "-verify_return_error", "-CAfile", dir+"/ca.pem", "-www")
	stdout, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if address, ok := strings.CutPrefix(lines.Text(), "ACCEPT "); ok {
			_, port, err := net.SplitHostPort(address)
			check(t, err)
			go func() { _, _ = io.Copy(io.Discard, stdout) }()
			return "127.0.0.1:" + port
		}
	}
	t.Fatal("openssl s_server did not start")
	return ""
}
