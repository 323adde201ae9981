package cmd

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mtlsprobe/certstore/certtest"
	"mtlsprobe/probe/probetest"
)

// The floor of a cold start: crypto/tls and fmt alone, and the names as they
// come from crypto/tls.
const floorProgram = `package main

import (
	"crypto/tls"
	"fmt"
	"os"
)

func main() {
	var names [][]byte
	conn, err := tls.Dial("tcp", os.Args[1], &tls.Config{InsecureSkipVerify: true,
		GetClientCertificate: func(r *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			names = r.AcceptableCAs
			return &tls.Certificate{}, nil
		}})
	if err == nil {
		_, err = conn.Read(make([]byte, 1))
	}
	for _, n := range names {
		fmt.Printf("%x\n", n)
	}
	if len(names) == 0 {
		fmt.Println(err)
		os.Exit(1)
	}
}
`

// BenchmarkColdStart runs the binary from its start to the printed list of 100
// names, beside the floor program.
func BenchmarkColdStart(b *testing.B) {
	p := scriptPKI()
	server, err := probetest.ServeHTTPS(&tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{p.Cert("server").Raw}, PrivateKey: p.Key("server")}},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: manyNames(p),
	}, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(floorProgram), 0o600); err != nil {
		b.Fatal(err)
	}
	// The same with the packages that the program is built on linked in and not
	// used: what their initialisation alone costs.
	linked := strings.Replace(floorProgram, "import (", `import (
	_ "github.com/olekukonko/tablewriter"
	_ "github.com/spf13/cobra"
	_ "software.sslmate.com/src/go-pkcs12"`, 1)
	if err := os.WriteFile(filepath.Join(dir, "linked.go"), []byte(linked), 0o600); err != nil {
		b.Fatal(err)
	}
	floor, libraries, ours := filepath.Join(dir, "floor"), filepath.Join(dir, "libraries"),
		filepath.Join(dir, "mtlsprobe")
	for out, source := range map[string]string{floor: filepath.Join(dir, "main.go"),
		libraries: filepath.Join(dir, "linked.go"), ours: "./mtlsprobe"} {
		build := exec.Command("go", "build", "-trimpath", "-o", out, source)
		build.Env = append(os.Environ(), "CGO_ENABLED=0") // as "make build" does
		if text, err := build.CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, text)
		}
	}
	for _, run := range []struct {
		name string
		args []string
	}{
		{"floor", []string{floor, server.Address}},
		{"floor with libraries", []string{libraries, server.Address}},
		{"json", []string{ours, "request", server.Address, "-k", "--no-sweep", "-o", "json"}},
		{"table", []string{ours, "request", server.Address, "-k", "--no-sweep"}},
	} {
		b.Run(run.name, func(b *testing.B) {
			for b.Loop() {
				if text, err := exec.Command(run.args[0], run.args[1:]...).CombinedOutput(); err != nil {
					b.Fatalf("%v\n%s", err, text)
				}
			}
		})
	}
}

// manyNames are the CAs that a server of the benchmarks names.
func manyNames(p *certtest.PKI) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(p.Cert("Root"))
	for i := range 99 {
		name, err := asn1.Marshal(pkix.Name{CommonName: fmt.Sprintf("CA %d", i),
			Organization: []string{"Example"}}.ToRDNSequence())
		if err != nil {
			panic(err) // it is a constant
		}
		c := *p.Cert("Root") // only the subject is sent
		c.RawSubject, c.Raw = name, append([]byte{byte(i)}, c.Raw...)
		pool.AddCert(&c)
	}
	return pool
}

// scanServer is a process of its own: what it costs is not the client's. It prints its address and
// ends with its input.
func scanServer() {
	p := scriptPKI()
	config := &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: manyNames(p),
		Certificates: []tls.Certificate{{Certificate: [][]byte{p.Cert("server").Raw}, PrivateKey: p.Key("server")}}}
	server, err := probetest.Serve(func(conn net.Conn) { answerHTTP(tls.Server(conn, config)) })
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(server.Address)
	_, _ = io.Copy(io.Discard, os.Stdin)
}
