package relay

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"mtlsprobe/certstore/certtest"
	"mtlsprobe/probe/capture"
	"mtlsprobe/probe/probetest"
	"mtlsprobe/probe/reading"
	"mtlsprobe/probe/recording"
	"mtlsprobe/probe/wire"
)

// start serves a relay to an address, and returns its own; outcomes come in the channel. The
// end of the test ends it.
func start(t testing.TB, to string, r *Relay) (address string, outcomes chan *Outcome, end func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	outcomes = make(chan *Outcome, 1000)
	r.Dial = func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "tcp", to) }
	r.Done = func(o *Outcome) { outcomes <- o }
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- r.Serve(ctx, listener) }()
	end = sync.OnceFunc(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(end)
	return listener.Addr().String(), outcomes, end
}

func dial(t testing.TB, address string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	return conn.(*net.TCPConn)
}

// What passes is unchanged, however much it is and however slowly it is read; one peer may end
// before the other.
func TestUnchanged(t *testing.T) {
	echo, err := probetest.Serve(func(conn net.Conn) {
		all, _ := io.ReadAll(conn) // nothing is said before the client has ended
		_, _ = conn.Write(all)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer echo.Close()
	address, outcomes, _ := start(t, echo.Address, &Relay{})
	const clients, size = 50, 300_000
	var all sync.WaitGroup
	for range clients {
		conn := dial(t, address)
		all.Go(func() {
			sent := make([]byte, size)
			_, _ = rand.Read(sent)
			if _, err := conn.Write(sent); err != nil {
				t.Error(err)
			}
			_ = conn.CloseWrite()
			if got, err := io.ReadAll(conn); err != nil || !bytes.Equal(got, sent) {
				t.Errorf("%d bytes of %d came back, or others: %v", len(got), size, err)
			}
		})
	}
	all.Wait()
	for range clients {
		if o := <-outcomes; o.Err != nil || o.Connection != nil {
			t.Errorf("%+v, want nothing in TLS", o)
		}
	}
}

// A reset arrives as one, after what was said before it; a server that is not there is told.
func TestEnds(t *testing.T) {
	server, err := probetest.Serve(func(conn net.Conn) {
		_, _ = conn.Write([]byte("goodbye"))
		_, _ = conn.Read(make([]byte, 1)) // the client has it
		_ = conn.(*net.TCPConn).SetLinger(0)
	})
	if err != nil {
		t.Fatal(err)
	}
	address, _, _ := start(t, server.Address, &Relay{})
	conn := dial(t, address)
	said := make([]byte, len("goodbye"))
	if _, err := io.ReadFull(conn, said); err != nil || string(said) != "goodbye" {
		t.Errorf("%q, %v", said, err)
	}
	_, _ = conn.Write([]byte("x"))
	if n, err := conn.Read(said); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%d bytes, %v, want a reset", n, err)
	}
	server.Close()
	address, outcomes, _ := start(t, server.Address, &Relay{})
	conn = dial(t, address)
	if n, err := conn.Read(said); err == nil {
		t.Errorf("%d bytes from a server that is not there", n)
	}
	if o := <-outcomes; o.Err == nil {
		t.Error("no error for a server that is not there")
	}
}

// The end of the context ends connections, and Serve waits for them.
func TestInterrupt(t *testing.T) {
	server, err := probetest.Serve(func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	address, outcomes, end := start(t, server.Address, &Relay{})
	conn := dial(t, address)
	if _, err := conn.Write([]byte{22, 3, 1}); err != nil {
		t.Fatal(err)
	}
	end()
	if len(outcomes) > 1 {
		t.Errorf("%d outcomes", len(outcomes))
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the connection goes on")
	}
}

// What client and server said is read as they say it; with the secrets in TLS 1.3, too.
func TestRead(t *testing.T) {
	p := certtest.NewAt("relay", time.Now(), certtest.Edge{Subject: "Root", Issuer: "Root"},
		certtest.Edge{Subject: "server", Issuer: "Root"}, certtest.Edge{Subject: "client", Issuer: "Root"})
	pair := func(label string) tls.Certificate {
		return tls.Certificate{Certificate: [][]byte{p.Cert(label).Raw}, PrivateKey: p.Key(label)}
	}
	roots := x509.NewCertPool()
	roots.AddCert(p.Cert("Root"))
	config := &tls.Config{Certificates: []tls.Certificate{pair("server")}, ClientCAs: roots,
		ClientAuth: tls.RequireAndVerifyClientCert}
	server, err := probetest.Serve(func(conn net.Conn) {
		c := tls.Server(conn, config)
		_, _ = io.Copy(c, c)
		_ = c.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	for _, tt := range []struct {
		name    string
		version uint16
		keep    bool
		keys    bool
		asked   bool
		sent    reading.Answer
	}{
		{"in clear", tls.VersionTLS12, false, false, true, reading.SentCertificate},
		{"in clear, recorded", tls.VersionTLS12, true, false, true, reading.SentCertificate},
		{"hidden", tls.VersionTLS13, false, false, false, reading.Hidden},
		{"with secrets", tls.VersionTLS13, true, true, true, reading.SentCertificate},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var secrets bytes.Buffer
			r := &Relay{Keep: tt.keep}
			if tt.keys {
				r.Keys = func() *wire.KeyLog {
					keys := &wire.KeyLog{}
					keys.Add(secrets.Bytes()) // the client has closed by then
					return keys
				}
			}
			address, outcomes, _ := start(t, server.Address, r)
			client := tls.Client(dial(t, address), &tls.Config{InsecureSkipVerify: true, ServerName: "localhost",
				MinVersion: tt.version, MaxVersion: tt.version, Certificates: []tls.Certificate{pair("client")},
				KeyLogWriter: &secrets})
			said := []byte("hello")
			if _, err := client.Write(said); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(client, said); err != nil || string(said) != "hello" {
				t.Fatalf("%q, %v", said, err)
			}
			_ = client.Close()
			o := <-outcomes
			if o.Connection == nil {
				t.Fatal("no TLS was seen")
			}
			if o.Connection.Close != capture.FIN { // whose came first is a matter of nanoseconds
				t.Errorf("ended by %s", o.Connection.Close)
			}
			x := reading.Explain(o.Connection.Transcript, reading.Ending{})
			if x.Sent != tt.sent || (x.Request != nil) != tt.asked || x.Failed {
				t.Errorf("sent %q, request %v, failed %v", x.Sent, x.Request, x.Failed)
			}
			if (o.Recording != nil) != tt.keep {
				t.Errorf("recording: %v", o.Recording)
			}
			if tt.keep {
				var b bytes.Buffer
				if err := recording.WritePCAPNG(&b, "test", []*recording.Connection{o.Recording}); err != nil || b.Len() == 0 {
					t.Error(err)
				}
			}
		})
	}
}

// A connection that says more than is kept passes whole.
func TestBound(t *testing.T) {
	sink := make(chan int, 1)
	server, err := probetest.Serve(func(conn net.Conn) {
		n, _ := io.Copy(io.Discard, conn)
		sink <- int(n)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	address, outcomes, _ := start(t, server.Address, &Relay{Keep: true})
	conn := dial(t, address)
	if _, err := conn.Write(make([]byte, 3*maxKept)); err != nil {
		t.Fatal(err)
	}
	_ = conn.CloseWrite()
	if n := <-sink; n != 3*maxKept {
		t.Errorf("%d bytes came", n)
	}
	_ = conn.Close()
	if o := <-outcomes; o.Recording.Size() > maxKept {
		t.Errorf("%d bytes are kept", o.Recording.Size())
	}
}

// BenchmarkRelay is a connection with one byte each way, through the relay and without it.
func BenchmarkRelay(b *testing.B) {
	server, err := probetest.Serve(func(conn net.Conn) { _, _ = io.Copy(conn, conn) })
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r := &Relay{Done: func(*Outcome) {}, Dial: func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", server.Address)
	}}
	go func() { _ = r.Serve(ctx, listener) }()
	for name, address := range map[string]string{"direct": server.Address, "relay": listener.Addr().String()} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				conn, err := net.Dial("tcp", address)
				if err != nil {
					b.Fatal(err)
				}
				_, _ = conn.Write([]byte{1})
				_, _ = io.ReadFull(conn, make([]byte, 1))
				_ = conn.Close()
			}
		})
	}
}
