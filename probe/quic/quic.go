// Package quic makes one connection of QUIC version 1 as a client (RFC 9000, RFC 9001): the handshake,
// one request, and its answer. It is for asking servers, and no transport for applications: it moves
// to no other address, updates no keys, and holds no more than one connection's data.
//
// TLS is crypto/tls's. What goes over the connection is handed over as TLS records, so that a
// transcript of it reads as one of TLS over TCP does.
package quic

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"mtlsprobe/probe/wire"
)

// A CloseError is the peer's CONNECTION_CLOSE (RFC 9000, Section 19.19).
type CloseError struct {
	Code        uint64
	Application bool // the code is the application's, and not QUIC's
	Reason      string
}

// cryptoError is the first of the codes that stand for alerts of TLS (RFC 9000, Section 20.1).
const cryptoError = 0x100

// Alert is the alert that the code stands for.
func (e *CloseError) Alert() (number uint8, ok bool) {
	if e.Application || e.Code < cryptoError || e.Code > cryptoError+0xff {
		return 0, false
	}
	return uint8(e.Code - cryptoError), true
}

// Orderly reports whether it is an alert, or the end that a server gives without complaint.
func (e *CloseError) Orderly() bool {
	const noError, noError3 = 0, 0x100 // of QUIC, and of HTTP/3
	_, isAlert := e.Alert()
	return isAlert || !e.Application && e.Code == noError || e.Application && e.Code == noError3
}

func (e *CloseError) Error() string {
	text := fmt.Sprintf("the server closed the connection: QUIC error %#x", e.Code)
	if e.Application {
		text = fmt.Sprintf("the server closed the connection: application error %#x", e.Code)
	}
	if e.Reason != "" {
		text += fmt.Sprintf(" %q", e.Reason)
	}
	return text
}

// A VersionError says that the server does not speak version 1.
type VersionError struct{ Versions []uint32 }

func (e *VersionError) Error() string {
	return fmt.Sprintf("the server speaks other versions of QUIC than 1: %x", e.Versions)
}

var (
	errBroken = errors.New("the server does not keep to QUIC")
	errForged = errors.New("the server's transport parameters do not fit the connection IDs, as if somebody had changed " +
		"packets under way")
)

// A Conn is a connection. Read and Write may be called at the same time, from one goroutine each; reading
// is what receives packets.
type Conn struct {
	conn  net.Conn // UDP
	tls   *tls.QUICConn
	heard func() // is called whenever the server says something

	mu       sync.Mutex
	ids      connectionIDs
	at       [levels]keyed
	records  translation
	reply    reply
	timing   timing
	progress progress
	failed   error  // ends everything
	buffer   []byte // of one datagram, for whoever reads
}

// connectionIDs are both ends', and what they rest on.
type connectionIDs struct {
	own, peer []byte // in use
	sequence  uint64 // of the peer's
	server    []byte // the one that the server chose in the handshake
	original  []byte // the one that the client chose for it first
	retried   []byte // the one that a Retry packet gave; nil without
	token     []byte // that came with it
}

// A keyed is what belongs to one level of keys.
type keyed struct {
	open, seal *protection // nil before there are keys
	space      space
	crypto     assembly
}

// A reply is what comes on the stream of the request.
type reply struct {
	stream  assembly
	ready   []byte // and not yet read
	reset   error
	told    int                        // pieces that were recorded
	allowed struct{ both, own uint64 } // streams that this end may open
}

// progress is how far a connection has come.
type progress struct {
	heard   bool  // something of the server that could be opened
	started bool  // a packet of its handshake
	done    bool  // the handshake is complete for this end
	ending  error // of TLS, after which messages are only recorded
	paths   int   // challenges that were answered
}

// Client prepares a connection over UDP. record receives what is sent and received as TLS records, and
// heard is called whenever the server says anything; both may be nil.
func Client(conn net.Conn, config *tls.Config, record func(from wire.Peer, record []byte), heard func()) *Conn {
	if heard == nil {
		heard = func() {}
	}
	return &Conn{conn: conn, heard: heard, records: translation{record: record},
		tls: tls.QUICClient(&tls.QUICConfig{TLSConfig: config})}
}

// ConnectionState is that of TLS.
func (c *Conn) ConnectionState() tls.ConnectionState { return c.tls.ConnectionState() }

// Handshake makes it. That it ends without an error does not mean that the server accepts the client's
// certificate: wait for Read to fail.
func (c *Conn) Handshake(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	ids := make([]byte, 16)
	if _, err := rand.Read(ids); err != nil {
		return err
	}
	c.ids.own, c.ids.original, c.ids.peer = ids[:8], ids[8:], ids[8:]
	var err error
	if c.at[initial].seal, c.at[initial].open, err = initialKeys(c.ids.original); err != nil {
		return err
	}
	c.tls.SetTransportParameters(c.parameters())
	if err := c.tls.Start(ctx); err != nil {
		return err
	}
	if err := c.events(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	var drained time.Time
	for !c.progress.done {
		err := c.step(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return err
		case c.progress.ending != nil && drained.IsZero(): // the rest of what is too long for crypto/tls
			drained = time.Now().Add(drainTime)
		case c.progress.ending != nil && !time.Now().Before(drained):
			c.fail(c.progress.ending)
			return c.progress.ending
		}
	}
	return nil
}

// Silent reports whether the server never said anything.
func (c *Conn) Silent() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.progress.heard
}

// Read reads the answer; io.EOF is its end.
func (c *Conn) Read(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case len(c.reply.ready) > 0:
			n := copy(b, c.reply.ready)
			c.reply.ready = c.reply.ready[n:]
			return n, nil
		case c.failed != nil:
			return 0, c.failed
		case c.reply.reset != nil:
			return 0, c.reply.reset
		case c.reply.stream.whole():
			return 0, io.EOF
		}
		if err := c.step(context.Background()); err != nil {
			return 0, err
		}
	}
}

// Write sends a request on the first stream, and its end: it is called once. What comes before it, a
// control stream of HTTP/3 or nothing, goes out on a stream of its own.
func (c *Conn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed != nil {
		return 0, c.failed
	}
	if c.reply.allowed.both == 0 {
		return 0, errors.New("the server allows no request")
	}
	c.records.write(wire.Client, wire.ApplicationData, b)
	c.queueStream(0, b, true)
	return len(b), c.flush()
}

// Announce sends data on a stream of this end's own, which stays open; where the server allows none
// it does nothing.
func (c *Conn) Announce(b []byte) error {
	const firstOwn = 2 // the client's first unidirectional stream
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reply.allowed.own == 0 {
		return nil
	}
	c.queueStream(firstOwn, b, false)
	return c.flush()
}

// Close tells the server that the connection is over, and closes the socket.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed == nil {
		c.failed = net.ErrClosed
		if c.at[initial].seal != nil {
			c.sendClose(0, true)
		}
	}
	return errors.Join(c.tls.Close(), c.conn.Close())
}

// events does what TLS wants done.
func (c *Conn) events() error {
	for {
		e := c.tls.NextEvent()
		switch e.Kind {
		case tls.QUICNoEvent:
			return c.flush()
		case tls.QUICSetReadSecret, tls.QUICSetWriteSecret:
			p, err := newProtection(e.Suite, e.Data)
			if err != nil {
				return err
			}
			if at := &c.at[levelOf(e.Level)]; e.Kind == tls.QUICSetReadSecret {
				at.open = p
				c.records.rekey(wire.Server, e.Suite, e.Data)
			} else {
				at.seal = p
				c.records.rekey(wire.Client, e.Suite, e.Data)
			}
		case tls.QUICWriteData:
			c.records.write(wire.Client, wire.HandshakeRecord, e.Data)
			c.queueCrypto(levelOf(e.Level), bytes.Clone(e.Data))
		case tls.QUICTransportParameters:
			if err := c.check(e.Data); err != nil {
				return err
			}
		case tls.QUICHandshakeDone:
			c.progress.done = true
		}
	}
}

func levelOf(l tls.QUICEncryptionLevel) level {
	switch l {
	case tls.QUICEncryptionLevelInitial:
		return initial
	case tls.QUICEncryptionLevelHandshake:
		return handshake
	}
	return application
}

func tlsLevel(l level) tls.QUICEncryptionLevel {
	return [levels]tls.QUICEncryptionLevel{tls.QUICEncryptionLevelInitial, tls.QUICEncryptionLevelHandshake,
		tls.QUICEncryptionLevelApplication}[l]
}

// Transport parameters (RFC 9000, Section 18.2).
const (
	paramOriginalID  = 0x00
	paramIdle        = 0x01
	paramPayloadSize = 0x03
	paramMaxData     = 0x04
	paramBidiLocal   = 0x05
	paramBidiRemote  = 0x06
	paramUni         = 0x07
	paramStreamsBidi = 0x08
	paramStreamsUni  = 0x09
	paramInitialID   = 0x0f
	paramRetryID     = 0x10
)

// parameters are this end's: small, and the same for every server.
func (c *Conn) parameters() []byte {
	var out []byte
	number := func(id, n uint64) {
		value := AppendVarint(nil, n)
		out = append(AppendVarint(AppendVarint(out, id), uint64(len(value))), value...)
	}
	number(paramIdle, 30_000)
	number(paramPayloadSize, maxDatagram)
	number(paramMaxData, 4*maxStream)
	number(paramBidiLocal, maxStream)
	number(paramBidiRemote, maxStream)
	number(paramUni, maxStream)
	number(paramStreamsBidi, 0)
	number(paramStreamsUni, 16)
	return append(append(AppendVarint(out, paramInitialID), byte(len(c.ids.own))), c.ids.own...)
}

// check holds the server's parameters against the connection IDs that were seen (RFC 9000, Section
// 7.3): they are what TLS authenticates of the packets before it.
func (c *Conn) check(raw []byte) error {
	b := &buffer{data: raw}
	found := make(map[uint64][]byte)
	for len(b.data) > 0 && !b.bad {
		id := b.varint()
		found[id] = b.bytes(b.varint())
	}
	c.reply.allowed.both = (&buffer{data: found[paramStreamsBidi]}).varint()
	c.reply.allowed.own = (&buffer{data: found[paramStreamsUni]}).varint()
	retry, retried := found[paramRetryID]
	_, named := found[paramInitialID]
	if b.bad || !named || !bytes.Equal(found[paramOriginalID], c.ids.original) ||
		!bytes.Equal(found[paramInitialID], c.ids.server) || retried != (c.ids.retried != nil) ||
		!bytes.Equal(retry, c.ids.retried) {
		return errForged
	}
	return nil
}
