package reading

import (
	"crypto/x509"
	"errors"
	"time"

	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// An Observation is what a server asks for, seen without presenting anything.
type Observation struct {
	Demand
	// Version and CipherSuite are the negotiated ones, zero before a ServerHello.
	Version, CipherSuite uint16
	Certificates         []*x509.Certificate // the server's, leaf first; nil if not seen
	Verification         Verification
	Clock                Clock
	// Injected is plaintext received after the STARTTLS reply and before the
	// handshake.
	Injected []byte
	// Earlier is the first connection, on which the server refused without asking;
	// nil otherwise.
	Earlier *Observation
	// None is the control trial: what came of presenting nothing.
	None       *Trial
	Transcript *wire.Transcript
}

// A Demand is what a server asks of a client's certificate.
type Demand struct {
	Asked say.Answer
	When  wire.Stage // empty unless asked
	// Request is nil unless the server asked and the request could be decoded.
	Request    *wire.CertificateRequest
	RequestErr error // a [*wire.DecodeError]
}

// A Clock is the server's clock, as the server told it.
type Clock struct {
	Server, Local time.Time // the same instant by both clocks; zero if it did not tell
	Source        string    // where it told, such as "HTTP Date"
}

// Skew is the server's clock minus the local one; false if the server did not tell.
func (c *Clock) Skew() (time.Duration, bool) { return c.Server.Sub(c.Local), !c.Server.IsZero() }

// errNoProof is the verification error of a server that was not seen to have its key.
var errNoProof = errors.New("the server did not prove that it has the key of its certificate")

// Observe reads a connection that presented nothing.
func Observe(c *Connection) *Observation {
	tr := c.Transcript
	o := &Observation{
		Demand: Asked(tr), Version: tr.Version, CipherSuite: tr.CipherSuite,
		Certificates: c.Verification.Peer, Verification: c.verified(), None: Classify(c), Transcript: tr,
	}
	o.Learn(o.None)
	return o
}

// verified is the connection's verification, which holds only with a proof of
// possession.
func (c *Connection) verified() Verification {
	v := c.Verification
	if v.Result == say.Yes && !c.proved() {
		return Verification{Result: say.Unknown, Err: errNoProof, Peer: v.Peer}
	}
	return v
}

// Asked reads what a transcript shows of the server's request.
func Asked(tr *wire.Transcript) Demand {
	d := Demand{}
	if asked, known := tr.AskedInHandshake(); known {
		d.Asked = say.Known(asked)
	}
	if requests := tr.Requests(); len(requests) > 0 {
		first := requests[0]
		d.Asked, d.When, d.Request, d.RequestErr = say.Yes, first.When, first.Request, first.Err
	}
	if d.Asked == say.No && tr.Cut { // it may have asked in what was not read
		d.Asked = say.Unknown
	}
	return d
}

// Learn takes the server's clock from the answer of a trial, unless it is known
// already or was not told. A server that refuses everybody without a certificate
// tells it only to those who bring one.
func (o *Observation) Learn(t *Trial) {
	if t == nil || t.Application == nil || t.Application.Date.IsZero() || !o.Clock.Server.IsZero() {
		return
	}
	// The date is cut to whole seconds; half a second is the best guess.
	o.Clock = Clock{Server: t.Application.Date.Add(500 * time.Millisecond), Local: t.Application.At,
		Source: t.Application.DateFrom}
}
