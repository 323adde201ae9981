//go:build unix

package cmd

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// BenchmarkScan asks 1,000 targets on loopback, all of one server with 100 names, and prints lines
// of JSON: beside the best plain loop of crypto/tls. "cpu" is what the client's process used, for
// each target.
func BenchmarkScan(b *testing.B) {
	executable, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	server := exec.Command(executable)
	server.Args = []string{"scanserver"}
	in, err1 := server.StdinPipe()
	out, err2 := server.StdoutPipe()
	if err1 != nil || err2 != nil || server.Start() != nil {
		b.Fatal(err1, err2)
	}
	defer func() { in.Close(); _ = server.Wait() }()
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	const targets = 1000
	var list strings.Builder
	for n := range targets { // of one server: each has a path of its own
		fmt.Fprintf(&list, "%s/%d\n", strings.TrimSpace(address), n)
	}
	scan := func(args ...string) func() error {
		return func() error {
			var out bytes.Buffer
			s := &Streams{In: strings.NewReader(list.String()), Out: &out, Err: io.Discard, Now: time.Now,
				LookupEnv: func(string) (string, bool) { return "", false }}
			Main(context.Background(), append([]string{"scan", "-", "-k", "--per-host", "0"}, args...), s)
			if asking := strings.Count(out.String(), `"asked":"yes"`); asking != targets {
				return fmt.Errorf("%d of %d targets ask", asking, targets)
			}
			return nil
		}
	}
	for _, run := range []struct {
		name string
		do   func() error
	}{{"plain", func() error { return plainScan(list.String()) }}, {"handshake", scan()},
		{"flight", scan("--fast", "--tls-min", "1.3")}, {"clear", scan("--fast")}} {
		b.Run(run.name, func(b *testing.B) {
			before, runs := cpuTime(), 0
			for b.Loop() {
				if err := run.do(); err != nil {
					b.Fatal(err)
				}
				runs++
			}
			b.ReportMetric(float64(cpuTime()-before)/float64(runs*targets)/1e3, "cpu-µs/target")
		})
	}
}

// cpuTime is what this process has used.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// plainScan is the best that crypto/tls alone does: one key exchange, each list rendered once.
func plainScan(list string) error {
	targets := make(chan string)
	var wait sync.WaitGroup
	var mu sync.Mutex
	lists := make(map[[sha256.Size]byte][]string)
	for range 100 {
		wait.Go(func() {
			for target := range targets {
				address, _, _ := strings.Cut(target, "/")
				conn, err := net.DialTimeout("tcp", address, 5*time.Second)
				if err != nil {
					panic(err) // of a server of this benchmark
				}
				var names [][]byte
				_ = tls.Client(conn, &tls.Config{InsecureSkipVerify: true, CurvePreferences: []tls.CurveID{tls.X25519},
					GetClientCertificate: func(r *tls.CertificateRequestInfo) (*tls.Certificate, error) {
						names = r.AcceptableCAs
						return &tls.Certificate{}, nil
					}}).Handshake()
				conn.Close()
				h := sha256.New()
				for _, der := range names {
					h.Write(der)
				}
				key := [sha256.Size]byte(h.Sum(nil))
				mu.Lock()
				if lists[key] == nil {
					for _, der := range names {
						var name pkix.RDNSequence
						_, _ = asn1.Unmarshal(der, &name)
						lists[key] = append(lists[key], name.String())
					}
				}
				_ = json.NewEncoder(io.Discard).Encode(map[string]any{"target": target, "named_cas": lists[key]})
				mu.Unlock()
			}
		})
	}
	for target := range strings.Lines(list) {
		targets <- strings.TrimSpace(target)
	}
	close(targets)
	wait.Wait()
	return nil
}
