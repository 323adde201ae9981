// Package recording keeps connections as they went over the wire, and writes them
// as what other tools read: a key log ([WriteKeyLog]) and a capture
// ([WritePCAPNG]) that Wireshark decrypts by itself.
//
// A recording holds secrets: with it everything that was said can be read. The
// package opens no file and has no clock; addresses, bytes and times come in. TCP
// is made up around the bytes: its segments are what a program wrote or read at
// once, not what was on the cable.
package recording

import (
	"io"
	"net/netip"
	"time"

	"mtlsprobe/probe/wire"
)

// A Connection is one TCP connection, seen from the client.
type Connection struct {
	// Comment says what it was made for; it may be empty.
	Comment string
	// Client and Server are the ends. Invalid ones, such as those of a unix socket,
	// are replaced by addresses for documentation (RFC 5737).
	Client, Server netip.AddrPort
	Opened         time.Time
	// Segments are in the order in which they were seen, a preamble in clear
	// included.
	Segments []Segment
	// Closed is when the client closed it, or looked no longer.
	Closed time.Time
	// ServerEnd says how the server ended it, and ServerClosed when it was seen.
	ServerEnd    End
	ServerClosed time.Time
	// KeyLog has the TLS secrets in the SSLKEYLOGFILE format (RFC 9850); nil if
	// there are none.
	KeyLog []byte
}

// A Segment is a run of bytes that one peer sent.
type Segment struct {
	From wire.Peer
	At   time.Time
	Data []byte
}

// An End is how a peer ended a connection.
type End uint8

// The ends. The zero End means that it did not, as far as was seen.
const (
	StillOpen End = iota
	Finished      // FIN: nothing more comes
	Reset         // RST
)

// Size is the number of bytes that the connection keeps in memory.
func (c *Connection) Size() int {
	n := len(c.KeyLog)
	for _, s := range c.Segments {
		n += len(s.Data)
	}
	return n
}

// WriteKeyLog writes the secrets of all connections. See RFC 9850.
func WriteKeyLog(w io.Writer, connections []*Connection) error {
	_, err := w.Write(keyLog(connections))
	return err
}

func keyLog(connections []*Connection) []byte {
	var all []byte
	for _, c := range connections {
		all = append(all, c.KeyLog...)
	}
	return all
}
