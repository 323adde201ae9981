// Package mirror is a TLS server that asks for a client certificate exactly as
// another server did: the same names, certificate types, signature schemes and
// version, byte for byte. It reports what a real client then does.
//
// Call [Serve] for each connection. The package has its own small handshake,
// for crypto/tls does not let its caller choose what a CertificateRequest says:
// TLS 1.3 and 1.2, one kind of key exchange (X25519 or P-256), AES-GCM. It
// protects nothing and resumes nothing; what the client proves is verified.
package mirror

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"mtlsprobe/probe/tlspeer"
	"mtlsprobe/probe/wire"
)

// Options says how to ask.
type Options struct {
	// Requests are what to ask with, at most one for each version; the highest
	// that the client offers is used. One with Raw is sent as it is.
	Requests []*wire.CertificateRequest
	// Certificate is the server's own, with an ECDSA P-256 or RSA key.
	Certificate tls.Certificate
	// Timeout of one connection; zero means 10 s.
	Timeout time.Duration
}

// An Action is what a client did.
type Action string

// The actions.
const (
	Sent     Action = "sent"              // a certificate, with a signature
	Declined Action = "empty-certificate" // a Certificate message without certificates
	Alerted  Action = "alert"             // a fatal alert, or the no_certificate warning of SSL 3.0
	Closed   Action = "closed"            // the connection, without a word
	Silent   Action = "silent"            // nothing within the time limit
	NotTLS   Action = "not-tls"
	Unsuited Action = "unsuited" // no version or algorithm in common: nothing was asked
	// Distrusted is a client that ended the handshake over this server's own
	// certificate, by all appearances: nothing is known of what it would send.
	Distrusted Action = "distrusted"
	Failed     Action = "failed" // this server could not go on
	Cut        Action = "cut"    // by the context
)

// A Sighting is what one client did.
type Sighting struct {
	Remote     string
	Version    uint16 // zero before one was chosen
	ServerName string
	ALPN       []string
	Action     Action
	// Asked says that the CertificateRequest went out.
	Asked bool
	// Chain is what the client sent, the leaf first; nil unless it sent any.
	Chain [][]byte
	// Scheme is that of the client's signature; zero without one.
	Scheme tls.SignatureScheme
	// SignatureErr is nil if the signature verifies, or there is none.
	SignatureErr error
	// Alert is the client's; nil without one.
	Alert *wire.Alert
	// Finished says that the client completed the tlspeer.
	Finished bool
	Detail   string
}

// Leaf returns the client's certificate, or nil.
func (s *Sighting) Leaf() *x509.Certificate {
	if len(s.Chain) == 0 {
		return nil
	}
	c, err := x509.ParseCertificate(s.Chain[0])
	if err != nil {
		return nil
	}
	return c
}

// Serve speaks with one client and closes the connection. The answer to a client
// that speaks HTTP is 200 with the words of answer; with a nil answer the
// connection ends with the tlspeer.
func Serve(ctx context.Context, conn net.Conn, o *Options, answer func(*Sighting) string) *Sighting {
	defer conn.Close()
	timeout := o.Timeout
	if timeout == 0 {
		timeout = 10 * time.Second
	}
	deadline := time.Now().Add(timeout)
	_ = conn.SetDeadline(deadline)
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	s := &server{ctx: ctx, Layer: tlspeer.Layer{Conn: conn}, options: o,
		seen: &Sighting{Remote: conn.RemoteAddr().String()}}
	err := s.run()
	s.conclude(err)
	switch {
	case err != nil:
	case answer == nil:
		_ = s.Write(wire.AlertRecord, []byte{1, 0}) // close_notify
	default:
		s.converse(answer)
	}
	return s.seen
}

// A server is the work on one connection.
type server struct {
	tlspeer.Layer
	ctx     context.Context //nolint:containedctx // the work's own
	local   bool            // what went wrong is this server's
	options *Options
	seen    *Sighting
	hello   *wire.Offer
	request *wire.CertificateRequest
}

var errUnsuited = errors.New("nothing in common")

func (s *server) run() error {
	body, err := s.Message(wire.ClientHello)
	if err != nil {
		return err
	}
	if s.hello, err = wire.ParseClientHello(body); err != nil {
		return err
	}
	s.seen.ServerName, s.seen.ALPN = s.hello.ServerName, s.hello.ALPN
	for _, r := range s.options.Requests {
		if s.hello.Supports(r.Version) && (s.request == nil || r.Version > s.request.Version) {
			s.request = r
		}
	}
	if s.request == nil {
		s.Alert(70) // protocol_version
		return fmt.Errorf("%w: the client does not offer the version that the server asked in", errUnsuited)
	}
	s.seen.Version = s.request.Version
	if s.request.Version >= tls.VersionTLS13 {
		return s.handshake13()
	}
	return s.handshake12()
}

// conclude says what the client did, by how the handshake ended.
func (s *server) conclude(err error) {
	var alert *tlspeer.AlertError
	var netErr net.Error
	switch {
	case s.seen.Action != "":
	case s.ctx.Err() != nil:
		s.seen.Action = Cut
	case errors.As(err, &alert) && alert.Description >= 42 && alert.Description <= 48 && alert.Description != 47:
		s.seen.Action = Distrusted // bad_certificate to unknown_ca
	case errors.As(err, &alert) && alert.Description != wire.CloseNotify:
		s.seen.Action = Alerted
	case errors.Is(err, errUnsuited):
		s.seen.Action = Unsuited
	case errors.Is(err, tlspeer.ErrNotTLS):
		s.seen.Action = NotTLS
	case errors.As(err, &netErr) && netErr.Timeout():
		s.seen.Action = Silent
	case s.local:
		s.seen.Action = Failed
	default:
		s.seen.Action = Closed
	}
	if errors.As(err, &alert) && alert.Description != wire.CloseNotify {
		s.seen.Alert = &alert.Alert
		if s.seen.Action == Sent || s.seen.Action == Declined {
			s.seen.Detail = "the client then ended the handshake"
		}
	} else if err != nil && s.seen.Detail == "" && !errors.Is(err, io.EOF) {
		s.seen.Detail = err.Error()
	}
}

// certificate notes what the client's Certificate message holds.
func (s *server) certificate(body []byte) error {
	chain, err := wire.ParseCertificate(s.request.Version, body)
	if err != nil {
		return err
	}
	s.seen.Action, s.seen.Chain = Declined, chain
	if len(chain) > 0 {
		s.seen.Action = Sent
	}
	return nil
}

// converse answers the client's question, so that it ends content.
func (s *server) converse(answer func(*Sighting) string) {
	var asked []byte
	for !bytes.Contains(asked, []byte("\r\n\r\n")) && len(asked) < 64<<10 {
		kind, data, err := s.Read()
		var alert *tlspeer.AlertError
		if errors.As(err, &alert) {
			if alert.Refuses(s.request.Version) {
				s.seen.Alert = &alert.Alert
			}
			return
		}
		if err != nil {
			return
		}
		if kind == wire.ApplicationData {
			asked = append(asked, data...)
		}
	}
	body := answer(s.seen)
	_ = s.Write(wire.ApplicationData,
		fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: "+
			"%d\r\nConnection: close\r\n\r\n%s", len(body), body))
	_ = s.Write(wire.AlertRecord, []byte{1, 0}) // close_notify
	// Wait until the client has read it: closing with unread bytes resets.
	_ = s.Conn.SetReadDeadline(time.Now().Add(time.Second))
	_, _ = io.Copy(io.Discard, io.LimitReader(s.Conn, 64<<10))
}
