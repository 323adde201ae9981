package cmd

import (
	"bytes"
	"crypto/x509"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/certtest"
	"mtlsprobe/certstore/certtest/debian"
)

// The servers of these tests are the ones that people run: their programs come
// from Debian packages. They use the real clock, and so does the PKI.

// tool finds a server's program. In CI a missing one is a failure.
func tool(t *testing.T, name, pkg string) string {
	t.Helper()
	return debian.Program(t, pkg, name, "/usr/lib/postgresql/*/bin/"+name)
}

// handedOut are the ports that freePort has returned.
var handedOut sync.Map

// freePort returns a port of loopback that was free just now, that no outgoing
// connection is given, and that it has not returned before: servers that start
// side by side have not taken theirs yet.
func freePort(t *testing.T) string {
	t.Helper()
	const first, beyond, tries = 16384, 32768, 100 // below Linux's ip_local_port_range
	for range tries {
		port := strconv.Itoa(first + rand.IntN(beyond-first))
		if _, taken := handedOut.LoadOrStore(port, true); taken {
			continue
		}
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no port of loopback is free")
	return ""
}

// startServer runs a server until the test ends, and returns when it listens.
func startServer(t *testing.T, port, path string, args ...string) {
	t.Helper()
	serve(t, exec.Command(path, args...), port)
}

// serve runs a server until the test ends, and returns when it listens on the
// ports. When the test fails, what the server wrote is shown, and so are the
// files *.log in its folder.
func serve(t *testing.T, cmd *exec.Cmd, ports ...string) {
	t.Helper()
	const patience = 30 * time.Second // of Java, on a loaded machine
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &log, &log, 2*time.Second
	stdin, err := cmd.StdinPipe() // s_server ends with its input
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		timer := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() })
		<-ended
		timer.Stop()
		stdin.Close()
		if t.Failed() {
			t.Logf("%s said:\n%s%s", filepath.Base(cmd.Path), log.String(), logs(cmd.Dir))
		}
	})
	for _, port := range ports {
		answered := 0
		for deadline := time.Now().Add(patience); ; {
			conn, err := net.DialTimeout("tcp", "127.0.0.1:"+port, time.Second)
			if err == nil {
				conn.Close()
				if answered++; answered == 2 { // once may be another process that looks for a free port
					break
				}
				continue
			}
			answered = 0
			select {
			case <-ended:
				t.Fatalf("%s has ended and does not listen", cmd.Path)
			case <-time.After(20 * time.Millisecond): // another process: there is nothing to wait on
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s does not listen: %v", cmd.Path, err)
			}
		}
	}
}

// logs returns what the files *.log in a folder hold.
func logs(dir string) string {
	if dir == "" {
		return ""
	}
	var b bytes.Buffer
	files, _ := filepath.Glob(filepath.Join(dir, "*.log"))
	for _, file := range files {
		data, _ := os.ReadFile(file)
		b.WriteString(filepath.Base(file) + ":\n")
		b.Write(data)
	}
	return b.String()
}

// serverFiles writes the PKI that the server tests share, and changes into its folder.
func serverFiles(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	writeServerFiles(t, dir)
	t.Chdir(dir)
}

// writeServerFiles writes the PKI that the server tests share.
func writeServerFiles(t *testing.T, dir string) {
	t.Helper()
	now := time.Now()
	serverAuth := []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	p := certtest.NewAt("servers", now,
		certtest.Edge{Subject: "Root", Issuer: "Root"},
		certtest.Edge{Subject: "Issuing", Issuer: "Root"},
		certtest.Edge{Subject: "good", Issuer: "Issuing"},
		certtest.Edge{Subject: "expired", Issuer: "Issuing",
			Mutate: func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, -2) }},
		certtest.Edge{Subject: "no-eku", Issuer: "Issuing",
			Mutate: func(c *x509.Certificate) { c.ExtKeyUsage = serverAuth }},
		certtest.Edge{Subject: "Other", Issuer: "Other"},
		certtest.Edge{Subject: "stranger", Issuer: "Other"},
		certtest.Edge{Subject: "server", Issuer: "Root", Mutate: func(c *x509.Certificate) {
			c.ExtKeyUsage = serverAuth
			c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
		}},
		certtest.Edge{Subject: "Old Root", Issuer: "Old Root"},
		certtest.Edge{Subject: "Migrating", Issuer: "Old Root"},
		certtest.Edge{Subject: "Migrating", Issuer: "Root", Name: "cross"},
		certtest.Edge{Subject: "migrated", Issuer: "Migrating"},
	)
	p12 := func(password, leaf string, chain ...string) []byte {
		data, err := certstore.Encode(&certstore.Identity{Leaf: p.Cert(leaf), Chain: p.Certs(chain...),
			Key: certstore.Key{Signer: p.Key(leaf)}}, certstore.PKCS12, password)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for name, data := range map[string][]byte{
		"ca.pem": p.CertPEM("Root"), "server.pem": p.CertPEM("server"), "server.key": p.KeyPEM("server"),
		"server.both": append(p.CertPEM("server"), p.KeyPEM("server")...), "server.p12": p12("secret", "server"),
		"good.p12": p12("", "good", "Issuing", "Root"), "other-ca.p12": p12("", "stranger", "Other"),
		"leaf.pem":    append(p.CertPEM("good"), p.KeyPEM("good")...),
		"expired.pem": append(p.CertPEM("expired", "Issuing"), p.KeyPEM("expired")...),
		"no-eku.pem":  append(p.CertPEM("no-eku", "Issuing"), p.KeyPEM("no-eku")...),
		"old.p12":     p12("", "migrated", "Migrating", "Old Root"),
		"new.p12":     p12("", "migrated", "cross"),
		"both.p12":    p12("", "migrated", "cross", "Migrating"),
		"late.p12":    p12("", "migrated", "Migrating", "cross"),
		"cross.pem":   p.CertPEM("cross", "Root"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
