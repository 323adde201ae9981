// Package carrier brings TLS to servers that do not take it from a TCP stream: in EAP over RADIUS
// ([NewEAP]), and in OpenVPN's control channel.
//
// To TLS a carrier is a [net.Conn]: what is written is kept until TLS waits for an answer, and
// then goes out as the protocol wants it. Call Start, and make the handshake over the carrier.
// The package dials nothing; what it reads is bounded, and waiting is bounded by the deadline.
// Packets are sent again as often as their protocol says, and no more.
package carrier

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// A Carrier is a connection that carries TLS.
type Carrier interface {
	net.Conn
	// Start does what comes before TLS.
	Start() error
	// Outcome is what the carrier's own protocol said of the client; nil where it said nothing
	// yet.
	Outcome() *Outcome
}

// Options says how to speak what carries TLS. The zero Options are usable where no secret is needed.
type Options struct {
	EAP     EAPOptions
	OpenVPN OpenVPNOptions
}

// An Outcome is the end of a carrier's protocol.
type Outcome struct {
	Accepted bool
	// Said is the peer's message in its own words, such as "Access-Reject"; Text is for people
	// and may be empty.
	Said, Text string
	// User is the name that the client gave outside TLS; empty where there is none.
	User string
	// Unrelated says that it is not about the client's certificate.
	Unrelated bool
}

func (o *Outcome) String() string {
	if o.Text == "" {
		return o.Said
	}
	return fmt.Sprintf("%s %q", o.Said, o.Text)
}

// A SilentError says that a peer does not answer.
type SilentError struct {
	Packets int // that were sent for nothing
	// Dropped are answers whose sender does not know the secret.
	Dropped int
	// Unsigned are answers without a Message-Authenticator.
	Unsigned int
	Why      string // for people; may be empty
	Program  string // that speaks the same, to try with
}

func (e *SilentError) Error() string {
	switch {
	case e.Dropped > 0:
		return "its answers were made with another shared secret than the one given"
	case e.Unsigned > 0:
		return "its answers have no Message-Authenticator, so anybody can have made them (CVE-2024-3596): the server is " +
			"old, or the answers are forged"
	}
	if e.Why != "" {
		return "no answer: " + e.Why
	}
	return "no answer"
}

// Timeout makes it an error of a time limit, as those of package net are.
func (e *SilentError) Timeout() bool { return true }

// Temporary completes [net.Error].
func (e *SilentError) Temporary() bool { return false }

// errBroken is of a peer that does not keep to the protocol.
var errBroken = errors.New("the server does not keep to the protocol")

// datagrams are a connection of datagrams with a deadline beside the one for the next packet.
type datagrams struct {
	net.Conn
	mu       sync.Mutex
	deadline time.Time
}

// SetDeadline bounds all reads and writes.
func (d *datagrams) SetDeadline(t time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.deadline = t
	return d.Conn.SetDeadline(t)
}

// SetReadDeadline is [datagrams.SetDeadline]: reading sends, too.
func (d *datagrams) SetReadDeadline(t time.Time) error { return d.SetDeadline(t) }

// SetWriteDeadline does nothing: writing only keeps what is to be sent.
func (*datagrams) SetWriteDeadline(time.Time) error { return nil }

// receive waits for a datagram until a moment: late says that it passed without one. An error is
// the connection's, or that of the deadline.
func (d *datagrams) receive(buffer []byte, until time.Time) (n int, late bool, err error) {
	d.mu.Lock()
	over := d.deadline
	bound := until
	if !over.IsZero() && over.Before(bound) {
		bound = over
	}
	err = d.Conn.SetReadDeadline(bound)
	d.mu.Unlock()
	if err != nil {
		return 0, false, err
	}
	n, err = d.Conn.Read(buffer)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, false, err
	}
	d.mu.Lock()
	over = d.deadline
	d.mu.Unlock()
	if !over.IsZero() && !time.Now().Before(over) {
		return 0, false, err
	}
	return 0, true, nil
}
