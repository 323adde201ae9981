// Package reading says what connections show: what a server asked for, what became
// of a certificate that was presented, and what trials and controls mean together.
//
// Call [Observe] or [Classify] with one [Connection], and [Conclude] with all of
// them. The package is pure: connections that this program made, captures and a
// relay are read by the same code. It judges no certificate: see probe/match.
package reading

import (
	"crypto/x509"

	"mtlsprobe/probe/protocol"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// A Connection is what was seen of one connection, and what the TLS end that made
// it knows. The zero Connection with a Transcript is one of which nothing else is
// known, as in a capture.
type Connection struct {
	Transcript *wire.Transcript
	// Established says that the TLS end completed the handshake: it verified the
	// server's Finished. The look of records never says so.
	Established bool
	// Presents says that the client wanted to present a certificate, and Presented
	// that it was sent.
	Presents, Presented bool
	// Withheld is why the client did not present it; empty where that was not so.
	Withheld Withheld
	// Verification is this connection's own.
	Verification Verification
	// Application is the answer to the question after the handshake; nil without one.
	Application *protocol.Answer
	End         End
	// Err is why the TLS end gave up, where it did; nil otherwise.
	Err error
	// Guessed says that nobody named the application protocol.
	Guessed bool
}

// An End says how a connection came to its end.
type End uint8

// The ends of a connection.
const (
	Open     End = iota // nobody ended it while it was looked at
	ByServer            // the server closed or reset it, or sent a fatal alert
	TimedOut            // nothing came within the time limit
	Stopped             // this program ended it: Err says why
)

// Withheld says why a certificate was not presented.
type Withheld string

// The reasons to withhold a certificate.
const (
	Unverified Withheld = "the server's own certificate could not be verified"
	NoProof    Withheld = "the server offers RSA key exchange only, in which it gets the certificate before it has " +
		"proved its key"
)

// A Verification says whether the server is the one that a client should trust.
type Verification struct {
	// Result is Yes only if the chain, the name and the possession of the key were
	// checked; Unknown if any of them was not looked at.
	Result say.Answer
	// Err says why not, for No and where a proof is missing.
	Err error
	// Peer is the server's chain, leaf first; nil if it was not seen.
	Peer []*x509.Certificate
}

// proved reports whether the server has shown that it has the key of its
// certificate: by its signature, which the client checks before it goes on, or by
// its Finished.
func (c *Connection) proved() bool {
	tr := c.Transcript
	switch {
	case c.Established:
		return true
	case tr.Version >= versionTLS13:
		return tr.Sent(wire.Client, wire.Finished)
	}
	return tr.Sent(wire.Client, wire.ClientKeyExchange) && !wire.StaticRSA(tr.CipherSuite)
}

// asked reports whether the server asked for a certificate.
func (c *Connection) asked() bool { return len(c.Transcript.Requests()) > 0 }

// refusal is the server's alert that ended the connection; nil without one.
func (c *Connection) refusal() *wire.AlertSeen { return c.Transcript.Refusal(wire.Server) }

// plaintext is what the server sent in clear after its hello, at most 80 bytes; nil
// for nothing. A program behind the server's TLS has then bypassed it, or a third
// party sent it: it proves nothing.
func (c *Connection) plaintext() []byte {
	const enough = 80
	for n := range c.Transcript.Entries {
		e := &c.Transcript.Entries[n]
		if e.ContentType == wire.NotTLS && e.From == wire.Server && c.Transcript.Version != 0 {
			return e.Body[:min(len(e.Body), enough)]
		}
	}
	return nil
}

const versionTLS13 = 0x0304
