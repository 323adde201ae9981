package probe

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"sync"
	"time"

	"mtlsprobe/probe/protocol"
	"mtlsprobe/probe/wire"
)

// Waits after the handshake. A refusal in TLS 1.3 comes after the client's
// Finished: on loopback within 8 ms, on a loaded machine within 384 ms as
// measured. What the server sends first ends the wait.
const (
	minQuiet   = 250 * time.Millisecond
	maxQuiet   = 2 * time.Second
	ticketWait = 20 * time.Millisecond // a refusal may follow a session ticket
	drainTime  = 300 * time.Millisecond
	silentTime = 2 * time.Second // after the question
)

// An exchange is one connection: handshake, question, answer.
type exchange struct {
	target      Target
	options     *Options
	tap         *tap
	keyLog      bytes.Buffer
	peer        []*x509.Certificate // the server's, leaf first
	verify      Verification
	shown       bool // the given certificate was handed to crypto/tls to present
	err         error
	answer      []byte
	answered    time.Time
	ended       bool // the server ended the connection
	transcript  *wire.Transcript
	application *protocol.Answer
}

var errUnverified = errors.New("the server is not verified")

// run connects, presents cert (none if nil), and follows the connection until
// the server has answered, ended it, or been silent for long enough. An error
// means that no connection came about: a [*ConnectError], or the context's.
func run(ctx context.Context, t Target, cert *tls.Certificate, o *Options) (*exchange, error) {
	o = o.withDefaults()
	limited, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	begin := time.Now()
	conn, err := o.Dial(limited, "tcp", t.Address())
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, dialError(t, err)
	}
	defer conn.Close()
	x := &exchange{target: t, options: o, tap: newTap(conn)}
	client := tls.Client(x.tap, x.config(cert))
	quiet := min(max(3*time.Since(begin), minQuiet), maxQuiet)
	x.err = client.HandshakeContext(limited)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case x.err != nil:
		x.drain(conn)
	default:
		x.converse(limited, client, quiet)
	}
	x.transcript = wire.Decode(x.tap.snapshot(), x.keyLog.Bytes())
	x.keyLog.Reset()
	if a, ok := protocol.ParseHTTP(x.answer); ok {
		x.application = &a
	}
	return x, nil
}

// config is the one place that sets how crypto/tls behaves. Verification of the
// server is done in VerifyConnection, so that its result is recorded and a
// failure does not prevent asking; what is presented depends on it.
func (x *exchange) config(cert *tls.Certificate) *tls.Config {
	var suites []uint16
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		suites = append(suites, s.ID)
	}
	return &tls.Config{
		ServerName: x.target.ServerName, NextProtos: x.options.ALPN,
		MinVersion: x.options.MinVersion, MaxVersion: x.options.MaxVersion, CipherSuites: suites,
		InsecureSkipVerify: true, //nolint:gosec // see VerifyConnection
		VerifyConnection: func(state tls.ConnectionState) error {
			x.peer = state.PeerCertificates
			x.verify = x.options.verify(x.target.ServerName, state.PeerCertificates)
			if cert != nil && x.verify.Result == No && !x.options.Insecure {
				return errUnverified
			}
			return nil
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if cert == nil {
				return &tls.Certificate{}, nil
			}
			x.shown = true
			return cert, nil
		},
		KeyLogWriter:       &x.keyLog,
		ClientSessionCache: forgetful{},
	}
}

// A forgetful cache makes servers send session tickets, which show that they
// have read the client's Finished, and never resumes: resumption skips client
// authentication.
type forgetful struct{}

func (forgetful) Get(string) (*tls.ClientSessionState, bool) { return nil, false }
func (forgetful) Put(string, *tls.ClientSessionState)        {}

// drain reads what the server still says after a failed handshake: its alert,
// or the rest of a list of CA names that was too long for crypto/tls.
func (x *exchange) drain(conn net.Conn) {
	_ = conn.SetReadDeadline(time.Now().Add(drainTime))
	buffer := make([]byte, 16<<10)
	for total := 0; total < maxTap; {
		n, err := x.tap.Read(buffer)
		total += n
		if err != nil {
			return
		}
	}
}

// converse waits for an early refusal, asks the question, and reads the answer.
// It reads all the while: a write can destroy an alert that was not yet read.
func (x *exchange) converse(ctx context.Context, client *tls.Conn, quiet time.Duration) {
	var mu sync.Mutex
	var answer []byte
	progress, done := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := client.Read(buffer)
			mu.Lock()
			answer = append(answer, buffer[:n]...)
			full := len(answer) >= protocol.MaxAnswer
			mu.Unlock()
			if err != nil || full {
				done <- err
				return
			}
			select {
			case progress <- struct{}{}:
			default:
			}
		}
	}()
	finish := func(err error, ended bool) {
		_ = x.tap.Conn.Close()
		if !ended {
			err = <-done // the reader sees the closed connection
		}
		mu.Lock()
		defer mu.Unlock()
		x.answer, x.err, x.ended, x.answered = answer, err, ended, time.Now()
	}
	if client.ConnectionState().Version >= tls.VersionTLS13 {
		if err, ended := x.await(ctx, done, quiet); ended {
			finish(err, true)
			return
		}
	}
	// The question may fail to go out when the server has hung up; what the
	// server said before is still read.
	_, _ = client.Write(protocol.HTTPQuestion(x.target.hostHeader(), x.target.Path))
	silence := time.NewTimer(silentTime)
	defer silence.Stop()
	for {
		select {
		case err := <-done:
			finish(err, true)
			return
		case <-progress:
			mu.Lock()
			a, ok := protocol.ParseHTTP(answer)
			mu.Unlock()
			if ok && a.Complete {
				finish(nil, false)
				return
			}
		case <-silence.C:
			finish(nil, false)
			return
		case <-ctx.Done():
			finish(nil, false)
			return
		}
	}
}

// await waits until the server says something or the quiet time is over. After
// a ticket it waits a little more, for a refusal may follow.
func (x *exchange) await(ctx context.Context, done chan error, quiet time.Duration) (err error, ended bool) {
	timer := time.NewTimer(quiet)
	defer timer.Stop()
	x.tap.forget()
	for {
		select {
		case err := <-done:
			return err, true
		case <-x.tap.heard:
			timer.Reset(ticketWait)
		case <-timer.C:
			return nil, false
		case <-ctx.Done():
			return nil, false
		}
	}
}
