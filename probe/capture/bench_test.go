package capture

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"mtlsprobe/certstore/certtest"
	"mtlsprobe/probe/recording"
	"mtlsprobe/probe/wire"
)

// A listener keeps what one peer writes.
type listener struct {
	net.Conn
	who  wire.Peer
	mu   *sync.Mutex
	into *[]recording.Segment
}

func (l listener) Write(b []byte) (int, error) {
	l.mu.Lock()
	*l.into = append(*l.into, recording.Segment{From: l.who, Data: bytes.Clone(b)})
	l.mu.Unlock()
	return l.Conn.Write(b)
}

// spoken is a connection of TLS 1.2 in which a client certificate is asked for and sent, and so
// many bytes of application data after it.
func spoken(b *testing.B, size int) []recording.Segment {
	p := certtest.NewAt("bench", time.Now(), certtest.Edge{Subject: "Root", Issuer: "Root"},
		certtest.Edge{Subject: "server", Issuer: "Root"}, certtest.Edge{Subject: "client", Issuer: "Root"})
	pair := func(label string) []tls.Certificate {
		return []tls.Certificate{{Certificate: [][]byte{p.Cert(label).Raw}, PrivateKey: p.Key(label)}}
	}
	var segments []recording.Segment
	var mu sync.Mutex
	c, s := net.Pipe()
	client := tls.Client(listener{c, wire.Client, &mu, &segments}, &tls.Config{InsecureSkipVerify: true,
		MaxVersion: tls.VersionTLS12, Certificates: pair("client")})
	server := tls.Server(listener{s, wire.Server, &mu, &segments}, &tls.Config{Certificates: pair("server"),
		ClientAuth: tls.RequireAnyClientCert})
	var wait sync.WaitGroup
	wait.Go(func() {
		_, _ = server.Write(make([]byte, size))
		_ = server.Close()
	})
	if n, err := io.Copy(io.Discard, client); err != nil || n != int64(size) {
		b.Fatal(n, err)
	}
	wait.Wait()
	return segments
}

// capturedOf is a capture of so many connections, each with so much data.
func capturedOf(b *testing.B, connections, size int) []byte {
	segments := spoken(b, size)
	var all []*recording.Connection
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for n := range connections {
		at := start.Add(time.Duration(n) * time.Millisecond)
		c := &recording.Connection{Opened: at, Closed: at.Add(time.Second), ServerClosed: at.Add(time.Second),
			ServerEnd: recording.Finished,
			Client:    netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(n >> 14), byte(n >> 6)}), uint16(20000+n%64)),
			Server:    netip.MustParseAddrPort("10.9.9.9:443")}
		for _, s := range segments {
			s.At = at
			c.Segments = append(c.Segments, s)
		}
		all = append(all, c)
	}
	var out bytes.Buffer
	if err := recording.WritePCAPNG(&out, "bench", all); err != nil {
		b.Fatal(err)
	}
	if path := os.Getenv("MTLSPROBE_BENCH_CAPTURE"); path != "" { // for other programs to read
		if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	return out.Bytes()
}

// BenchmarkRead is 500 connections with 50 kB of application data each.
func BenchmarkRead(b *testing.B) {
	const connections, size = 500, 50_000
	data := capturedOf(b, connections, size)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		found := 0
		_, err := Read(b.Context(), bytes.NewReader(data), &wire.KeyLog{}, func(c *Connection) {
			if len(c.Transcript.Requests()) == 1 {
				found++
			}
		})
		if err != nil || found != connections {
			b.Fatalf("%d connections, %v", found, err)
		}
	}
}
