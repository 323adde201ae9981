package quic_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"mtlsprobe/certstore/certtest"
	"mtlsprobe/probe/quic"
	"mtlsprobe/probe/wire"

	quicgo "github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// pki has a server, a client that it accepts, and one that it does not.
func pki() *certtest.PKI {
	return certtest.New(certtest.Edge{Subject: "Root", Issuer: "Root"}, certtest.Edge{Subject: "Other", Issuer: "Other"},
		certtest.Edge{Subject: "good", Issuer: "Root"}, certtest.Edge{Subject: "strange", Issuer: "Other"},
		certtest.Edge{Subject: "localhost", Issuer: "Root", Mutate: func(c *x509.Certificate) {
			c.ExtKeyUsage, c.DNSNames = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, []string{"localhost"}
		}})
}

// serve runs quic-go's server of HTTP/3, which wants a client certificate, and returns its address.
func serve(t *testing.T, p *certtest.PKI, retry bool) string {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(p.Cert("Root"))
	config := &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots,
		Time:         func() time.Time { return certtest.Now },
		Certificates: []tls.Certificate{{Certificate: [][]byte{p.Cert("localhost").Raw}, PrivateKey: p.Key("localhost")}}}
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	transport := &quicgo.Transport{Conn: socket, VerifySourceAddress: func(net.Addr) bool { return retry }}
	listener, err := transport.ListenEarly(http3.ConfigureTLSConfig(config), &quicgo.Config{})
	if err != nil {
		t.Fatal(err)
	}
	server := &http3.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "hello "+r.TLS.PeerCertificates[0].Subject.CommonName)
	})}
	go func() { _ = server.ServeListener(listener) }()
	t.Cleanup(func() { _ = server.Close(); _ = transport.Close(); _ = socket.Close() })
	return socket.LocalAddr().String()
}

// ask makes the handshake and a request with a certificate, none if its name is empty, and returns
// what was answered, with the transcript.
func ask(t *testing.T, conn net.Conn, p *certtest.PKI, name string, patience time.Duration) (answer []byte,
	tr *wire.Transcript, err error) {
	t.Helper()
	var keys bytes.Buffer
	var flows []wire.Flow
	config := &tls.Config{ServerName: "localhost", MinVersion: tls.VersionTLS13, NextProtos: []string{"h3"},
		KeyLogWriter: &keys, InsecureSkipVerify: true,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if name == "" {
				return &tls.Certificate{}, nil
			}
			return &tls.Certificate{Certificate: [][]byte{p.Cert(name).Raw}, PrivateKey: p.Key(name)}, nil
		}}
	c := quic.Client(conn, config, func(from wire.Peer, record []byte) {
		flows = append(flows, wire.Flow{From: from, Data: bytes.Clone(record)})
	}, nil)
	defer c.Close() //nolint:errcheck // the test is over
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err = c.Handshake(ctx); err == nil {
		err = c.Announce([]byte{0, 4, 0})
	}
	if err == nil {
		// HEADERS with indexed fields: GET, https, the path, and an authority (RFC 9204, Appendix A).
		_, err = c.Write([]byte("\x01\x10\x00\x00\xd1\xd7\xc1\x50\x09localhost"))
	}
	if err == nil {
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		defer stop()
		answer, err = io.ReadAll(c)
	}
	return answer, wire.Decode(flows, keys.Bytes()), err
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// A server that somebody else wrote accepts and refuses, and the transcript is one of TLS.
func TestConn(t *testing.T) {
	p := pki()
	for _, retry := range []bool{false, true} {
		address := serve(t, p, retry)
		for name, alert := range map[string]uint8{"": 116, "strange": 48, "good": 0} {
			answer, tr, err := ask(t, dial(t, address), p, name, 20*time.Second)
			asked, known := tr.AskedInHandshake()
			if !asked || !known || !tr.HandshakeDone() || len(tr.Faults) > 0 {
				t.Errorf("%q, retry %t: asked %t, done %t, %v", name, retry, asked, tr.HandshakeDone(), tr.Faults)
			}
			if requests := tr.Requests(); len(requests) != 1 || len(requests[0].Request.NamedCAs) != 1 ||
				!bytes.Equal(requests[0].Request.NamedCAs[0], p.Cert("Root").RawSubject) {
				t.Errorf("%q: requests %+v", name, requests)
			}
			var closed *quic.CloseError
			switch {
			case alert == 0:
				if err != nil || !bytes.Contains(answer, []byte("hello good")) {
					t.Errorf("%q, retry %t: %q, %v", name, retry, answer, err)
				}
			case !errors.As(err, &closed):
				t.Errorf("%q, retry %t: %v", name, retry, err)
			default:
				if got, ok := closed.Alert(); !ok || got != alert {
					t.Errorf("%q: %v, want alert %d", name, err, alert)
				}
				if refusal := tr.Refusal(wire.Server); refusal == nil || refusal.Description != alert || !refusal.AfterHandshake {
					t.Errorf("%q: refusal %+v", name, refusal)
				}
			}
		}
	}
}

// A lossy is a connection of which one datagram in five is lost in each direction, one in ten comes twice.
type lossy struct {
	net.Conn
	mu     sync.Mutex
	random *rand.Rand
	twice  []byte
}

func (l *lossy) chance(of float64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.random.Float64() < of
}

func (l *lossy) Write(b []byte) (int, error) {
	if l.chance(0.2) {
		return len(b), nil
	}
	if l.chance(0.1) {
		_, _ = l.Conn.Write(b)
	}
	return l.Conn.Write(b)
}

func (l *lossy) Read(b []byte) (int, error) {
	if l.twice != nil {
		n := copy(b, l.twice)
		l.twice = nil
		return n, nil
	}
	for {
		n, err := l.Conn.Read(b)
		if err == nil && l.chance(0.2) {
			continue
		}
		if err == nil && l.chance(0.1) {
			l.twice = bytes.Clone(b[:n])
		}
		return n, err
	}
}

// Lost and doubled datagrams make no refusal an acceptance, and do not keep a good certificate out. The
// refusal itself can be lost for good: a server says it no more after a while (RFC 9000, Section 10.2).
func TestLoss(t *testing.T) {
	p := pki()
	address := serve(t, p, false)
	for seed := range uint64(8) {
		for name, alert := range map[string]uint8{"": 116, "good": 0} {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				conn := &lossy{Conn: dial(t, address), random: rand.New(rand.NewPCG(seed, 1))}
				answer, _, err := ask(t, conn, p, name, 8*time.Second)
				var closed *quic.CloseError
				switch {
				case alert == 0:
					if err != nil || !bytes.Contains(answer, []byte("hello good")) {
						t.Errorf("seed %d: %q, %v", seed, answer, err)
					}
				case err == nil, len(answer) > 0:
					t.Errorf("seed %d: answered %q without a certificate", seed, answer)
				case errors.As(err, &closed):
					if got, ok := closed.Alert(); !ok || got != alert {
						t.Errorf("seed %d: %v", seed, err)
					}
				}
			})
		}
	}
}

// Nobody there, and somebody who speaks another version.
func TestNoServer(t *testing.T) {
	p := pki()
	silent, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close() //nolint:errcheck // the test is over
	config := &tls.Config{ServerName: "localhost", MinVersion: tls.VersionTLS13}
	c := quic.Client(dial(t, silent.LocalAddr().String()), config, nil, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := c.Handshake(ctx); !errors.Is(err, context.DeadlineExceeded) || !c.Silent() {
		t.Errorf("%v, silent %t", err, c.Silent())
	}
	_ = c.Close()
	other, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close() //nolint:errcheck // likewise
	go func() {
		b := make([]byte, 2000)
		n, from, err := other.ReadFrom(b)
		if err != nil || n < 23 {
			return
		}
		destination, source := b[6:14], b[15:23] // both of eight bytes
		reply := append([]byte{0x80, 0, 0, 0, 0, 8}, source...)
		reply = append(append(reply, 8), destination...)
		_, _ = other.WriteTo(append(reply, 0x6b, 0x33, 0x43, 0xcf), from)
	}()
	_, _, err = ask(t, dial(t, other.LocalAddr().String()), p, "", 20*time.Second)
	var version *quic.VersionError
	if !errors.As(err, &version) || len(version.Versions) != 1 || version.Versions[0] != 0x6b3343cf {
		t.Error(err)
	}
}
