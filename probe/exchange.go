package probe

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"mtlsprobe/probe/carrier"
	"mtlsprobe/probe/protocol"
	"mtlsprobe/probe/quic"
	"mtlsprobe/probe/reading"
	"mtlsprobe/probe/tlspeer"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// Waits after the handshake. A refusal in TLS 1.3 comes after the client's
// Finished: on loopback within 8 ms, on a loaded machine within 384 ms as
// measured. What the server sends first ends the wait.
const (
	minQuiet   = 250 * time.Millisecond
	maxQuiet   = 2 * time.Second
	ticketWait = 20 * time.Millisecond // a refusal may follow a session ticket
	drainTime  = 300 * time.Millisecond
	silentTime = 2 * time.Second // after the question, unless Options.Patient
)

// An exchange is one connection: preamble, handshake, question, answer.
type exchange struct {
	target   Target
	protocol *protocol.Protocol
	options  *Options
	carrier  carrier.Carrier // nil where TLS goes over the connection itself
	quic     *quic.Conn      // nil but for QUIC
	tap      *tap
	keyLog   bytes.Buffer
	begun    time.Time // the handshake
	times    Times
	injected []byte // plaintext after the STARTTLS reply
	seen     reading.Connection
}

// errWithheld ends a handshake in which the certificate is not to be presented.
var errWithheld = errors.New("the certificate is withheld")

// run connects, presents cert (none if nil), and follows the connection until
// the server has answered, ended it, or been silent for long enough. An error
// means that no connection came about: a [*ConnectError], or the context's.
func run(ctx context.Context, t Target, cert *tls.Certificate, o *Options) (*exchange, error) {
	o = o.withDefaults()
	limited, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	x := &exchange{target: t, protocol: t.protocol(), options: o,
		seen: reading.Connection{Presents: cert != nil, Guessed: t.Guessed}}
	defer x.record()
	conn, err := x.connect(ctx, limited)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	quiet := min(max(3*(x.times.Connect+x.times.Preamble), minQuiet), maxQuiet)
	x.begun = time.Now()
	s, state, err := x.handshake(limited, cert)
	if x.quic != nil {
		defer x.quic.Close() //nolint:errcheck // it may be over
	}
	x.times.Handshake = time.Since(x.begun)
	if err == nil {
		x.seen.Established = true
		err = x.converse(limited, s, state, quiet)
		x.times.Answer = time.Since(x.begun) - x.times.Handshake
	} else if x.quic == nil {
		left := max(time.Until(x.begun.Add(x.options.Timeout)), 0)
		if x.carrier == nil { // which sends nothing to read on
			left = drainTime
		}
		x.drain(conn, left)
	}
	if ctx.Err() != nil { // what this end cut off is not the server's doing
		return nil, ctx.Err()
	}
	if x.quic != nil && x.quic.Silent() {
		if errors.Is(err, syscall.ECONNREFUSED) { // of UDP: nothing listens
			return nil, dialError(t, err)
		}
		return nil, dialError(t, &preambleError{&carrier.SilentError{
			Why: "nothing there speaks QUIC, or UDP does not get through", Packets: 1}})
	}
	x.conclude(err)
	return x, nil
}

// conclude reads what went over the connection, and how it ended.
func (x *exchange) conclude(err error) {
	x.seen.Transcript = wire.Decode(x.tap.snapshot(), x.keyLog.Bytes())
	x.seen.End, x.seen.Err = endOf(err)
	x.carried()
	if sent := x.seen.Transcript.ClientCertificate(); sent != say.Unknown {
		x.seen.Presented = x.seen.Presents && sent == say.Yes
	}
}

// endOf tells who ended a connection, by the error of the last read.
func endOf(err error) (reading.End, error) {
	var alert *tlspeer.AlertError
	var op *net.OpError
	var closed *quic.CloseError
	switch {
	case err == nil, errors.Is(err, net.ErrClosed):
		return reading.Open, nil
	// crypto/tls has no type for alerts over TCP (go #35234)
	case errors.As(err, &closed) && !closed.Orderly(): // which is not about a certificate
		return reading.Stopped, err
	case errors.As(err, &closed), errors.As(err, &alert), errors.As(err, &op) && op.Op == "remote error",
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNREFUSED): // of UDP: it has gone
		return reading.ByServer, nil
	case isTimeout(err):
		return reading.TimedOut, nil
	}
	return reading.Stopped, err
}

// record drops the secrets, and hands over what was seen where that was asked for.
func (x *exchange) record() {
	if x.tap != nil && x.options.Record != nil {
		x.options.Record(x.tap.recording(x.keyLog.Bytes()))
	}
	x.keyLog.Reset()
}

// handshake makes it with crypto/tls, or with this program's own client where
// requests after the handshake are looked for.
func (x *exchange) handshake(ctx context.Context, cert *tls.Certificate) (io.ReadWriter, tls.ConnectionState, error) {
	if x.protocol.QUIC { // which has no requests after the handshake (RFC 9001, Section 4.4)
		return x.overQUIC(ctx, cert)
	}
	if !x.options.PostHandshake {
		client := tls.Client(x.tap, x.config(cert))
		err := error(nil)
		if x.carrier == nil {
			err = client.HandshakeContext(ctx)
		} else { // which is not to be closed under way: it may have something to say
			defer bound(ctx, x.tap)()
			err = client.Handshake()
		}
		return client, client.ConnectionState(), err
	}
	client := tlspeer.Client(x.tap, &tlspeer.Config{
		ServerName: x.sni(), ALPN: x.offered(), Certificate: cert, KeyLog: &x.keyLog,
		VerifyPeer: func(certs []*x509.Certificate) error { return x.verifyPeer(certs, cert != nil) },
		Presented:  func() { x.seen.Presented = true },
	})
	defer bound(ctx, x.tap)()
	err := client.Handshake()
	return client, client.State(), err
}

// overQUIC makes the handshake, and opens HTTP/3's control stream.
func (x *exchange) overQUIC(ctx context.Context, cert *tls.Certificate) (io.ReadWriter, tls.ConnectionState, error) {
	config := x.config(cert)
	if config.MaxVersion != 0 && config.MaxVersion < tls.VersionTLS13 {
		return nil, tls.ConnectionState{}, errors.New("QUIC has TLS 1.3 alone")
	}
	config.MinVersion, config.NextProtos = tls.VersionTLS13, x.protocol.ALPN
	x.quic = quic.Client(x.tap.Conn, config, x.tap.keep, x.tap.hear)
	err := x.quic.Handshake(ctx)
	if err == nil {
		err = x.quic.Announce(protocol.ControlStream3())
	}
	return x.quic, x.quic.ConnectionState(), err
}

// connect dials, and has the preamble spoken that leads to TLS.
func (x *exchange) connect(ctx, limited context.Context) (net.Conn, error) {
	begin := time.Now()
	conn, err := dial(limited, x.target, x.options)
	if err == nil {
		if x.protocol.Carry != nil {
			x.carrier = x.protocol.Carry(conn, &x.options.Carrier)
			conn = x.carrier
		}
		x.tap = newTap(conn)
		x.times.Connect = x.tap.opened.Sub(begin)
		if x.injected, err = x.preamble(limited); err == nil {
			x.tap.begin()
			if x.target.StartTLS || x.carrier != nil {
				x.times.Preamble = time.Since(x.tap.opened)
			}
			return conn, nil
		}
		conn.Close()
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, dialError(x.target, err)
}

// preamble asks for TLS where the target wants that, and returns what came in
// clear after the go-ahead: a server that means it says nothing there, for the
// client speaks first.
func (x *exchange) preamble(ctx context.Context) (injected []byte, err error) {
	carried := x.carrier != nil
	if !carried && (!x.target.StartTLS || x.protocol.StartTLS == nil) {
		return nil, nil
	}
	defer bound(ctx, x.tap)()
	if carried {
		if err := x.carrier.Start(); err != nil {
			return nil, &preambleError{err}
		}
		return nil, nil
	}
	c := protocol.NewConversation(x.tap)
	if err := x.protocol.StartTLS(c, x.target.question()); err != nil {
		return nil, &preambleError{err}
	}
	return bytes.Clone(c.Rest()), nil
}

// config is the one place that sets how crypto/tls behaves. Verification of the
// server is done in VerifyConnection, so that its result is recorded and a
// failure does not prevent asking; what is presented depends on it.
func (x *exchange) config(cert *tls.Certificate) *tls.Config {
	var curves []tls.CurveID // crypto/tls's own
	if x.options.Classical {
		curves = []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521}
	}
	return &tls.Config{
		ServerName: x.sni(), NextProtos: x.offered(), CurvePreferences: curves,
		MinVersion: x.options.MinVersion, MaxVersion: x.options.MaxVersion, CipherSuites: x.suites(cert != nil),
		// Some servers ask only when they know the path (up to TLS 1.2).
		Renegotiation:      tls.RenegotiateOnceAsClient,
		InsecureSkipVerify: true, //nolint:gosec // see VerifyConnection
		VerifyConnection: func(state tls.ConnectionState) error {
			return x.verifyPeer(state.PeerCertificates,
				cert != nil)
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if cert == nil {
				return &tls.Certificate{}, nil
			}
			x.seen.Presented = true
			return cert, nil
		},
		KeyLogWriter:       &x.keyLog,
		ClientSessionCache: noResumption{},
	}
}

// suites are those that are offered. RSA key exchange is among them only where the
// server offers nothing else, and where no certificate can reach a server that has
// not proved its key.
func (x *exchange) suites(presents bool) []uint16 {
	var suites []uint16
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if !wire.StaticRSA(s.ID) || x.options.staticRSA && (!presents || x.options.Insecure) {
			suites = append(suites, s.ID)
		}
	}
	return suites
}

// offered is what ALPN says: as told, or what the protocol's clients have to.
func (x *exchange) offered() []string {
	if x.options.ALPN != nil {
		return x.options.ALPN
	}
	return x.protocol.ALPN
}

// sni is the name in the ClientHello; clients send none where TLS is carried by something else.
func (x *exchange) sni() string {
	if x.protocol.Carry != nil {
		return ""
	}
	return x.target.ServerName
}

// verifyPeer records the result of verifying the server, and ends the handshake
// when a certificate would be presented to a server that is not verified.
func (x *exchange) verifyPeer(certs []*x509.Certificate, presents bool) error {
	x.seen.Verification = x.options.verify(x.target.ServerName, x.protocol.Nameless, certs)
	x.seen.Verification.Peer = certs
	if presents && x.seen.Verification.Result == say.No && !x.options.Insecure {
		x.seen.Withheld = reading.Unverified
		return errWithheld
	}
	return nil
}

// noResumption makes servers send session tickets, which show that they have read
// the client's Finished, and never resumes: resumption skips client authentication.
type noResumption struct{}

func (noResumption) Get(string) (*tls.ClientSessionState, bool) { return nil, false }
func (noResumption) Put(string, *tls.ClientSessionState)        {}

// drain reads what the server still says after a failed handshake: its alert,
// or the rest of a list of CA names that was too long for crypto/tls.
func (x *exchange) drain(conn net.Conn, left time.Duration) {
	wait := drainTime
	if x.carrier != nil { // whose last word comes after TLS's
		wait = silentTime
	}
	_ = conn.SetReadDeadline(time.Now().Add(min(wait, left)))
	buffer := make([]byte, 16<<10)
	for total := 0; total < maxTap; {
		n, err := x.tap.Read(buffer)
		total += n
		if err != nil {
			return
		}
	}
}

// bound lets every read and write on the connection end with the context. The
// function that it returns takes the bound away again, unless the context has
// ended.
func bound(ctx context.Context, conn net.Conn) (release func()) {
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	return func() {
		if stop() {
			_ = conn.SetDeadline(time.Time{})
		}
	}
}

// converse waits for an early refusal, asks the question, and takes the answer. It
// returns why reading ended; nil if it did not.
func (x *exchange) converse(ctx context.Context, s io.ReadWriter, state tls.ConnectionState,
	quiet time.Duration) error {
	defer bound(ctx, x.tap)() // crypto/tls waits for the server within a write, too
	in := newReader(ctx, s)
	if x.options.Patient {
		in.patience = x.options.Timeout
	}
	asks := x.protocol
	switch { // what was agreed on is what is spoken
	case state.NegotiatedProtocol == "h2":
		asks = protocol.Find("h2")
	case state.NegotiatedProtocol == "http/1.1" && asks.Name == "h2":
		asks = protocol.Find("https")
	}
	// An end with a word before it is an answer: Postfix and nginx refuse in place
	// of their greeting.
	refused := state.Version >= tls.VersionTLS13 && x.await(in, quiet) && in.empty()
	if !refused && asks.Ask != nil {
		c := protocol.NewConversation(struct {
			io.Reader
			io.Writer
		}{in, s})
		x.seen.Application = asks.Ask(c, x.target.question())
	}
	if !refused && x.seen.Application == nil {
		x.listen(in, state.Version)
	}
	if x.seen.Application != nil && !x.seen.Application.Complete {
		in.over(drainTime) // a response delimited by the end of the connection
	}
	if x.seen.Application != nil {
		x.seen.Application.At = time.Now()
	}
	ended := in.over(0)
	if x.quic != nil {
		_ = x.quic.Close() // it says so
	}
	_ = x.tap.Conn.Close()
	<-in.ended // the reader sees the closed connection
	if !ended {
		return nil
	}
	return in.err
}

// carried takes what the protocol that carried TLS said at last. An alert before it says more.
func (x *exchange) carried() {
	if x.carrier == nil || x.carrier.Outcome() == nil || x.seen.Transcript.Refusal(wire.Server) != nil {
		return
	}
	o := *x.carrier.Outcome()
	// A login inside TLS decides, which is not tried: where the handshake was not completed it was
	// not come to, and up to TLS 1.2 its end shows that the server took the certificate.
	inner := o.Unrelated
	o.Unrelated = inner && x.seen.Established
	switch {
	case inner && x.seen.Established && x.seen.Transcript.Version < tls.VersionTLS13:
		x.seen.Application = x.protocol.Established()
	case x.seen.Established || !o.Accepted:
		x.seen.Application = x.protocol.Carried(&o)
	default:
		return
	}
	x.seen.Application.At = time.Now()
}

// listen waits for what a server says that was not asked anything, or did not answer.
func (x *exchange) listen(in *reader, version uint16) {
	switch {
	case x.protocol.Verifies && version < tls.VersionTLS13 && !x.target.Login:
		if !in.over(0) {
			x.seen.Application = x.protocol.Established()
		}
	case x.carrier != nil: // it has the last word
		in.over(x.options.Timeout)
	case x.protocol.Ask == nil:
		in.over(silentTime)
	}
}

// await waits until the server says something or the quiet time is over, and
// reports whether it ended the connection. After a ticket it waits a little
// more, because a refusal may follow.
func (x *exchange) await(in *reader, quiet time.Duration) (ended bool) {
	timer := time.NewTimer(quiet)
	defer timer.Stop()
	x.tap.forget()
	for {
		select {
		case <-in.ended:
			return true
		case <-x.tap.heard:
			timer.Reset(ticketWait)
		case <-timer.C:
			return false
		case <-in.ctx.Done():
			return false
		}
	}
}
