package probe

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"mtlsprobe/probe/recording"
	"mtlsprobe/probe/wire"
)

// maxTap bounds what is kept of each direction: the largest handshake that
// anybody sends, with room for an answer.
const maxTap = 1 << 20

// A tap is a connection that keeps what goes over it.
type tap struct {
	net.Conn
	opened time.Time
	mu     sync.Mutex
	seen   []recording.Segment
	clear  int    // segments before TLS began
	kept   [3]int // bytes by Peer
	// end says how the server ended the connection, and closed when.
	end    recording.End
	closed time.Time
	// heard receives a token when bytes from the server arrive.
	heard chan struct{}
}

func newTap(conn net.Conn) *tap {
	return &tap{Conn: conn, opened: time.Now(), heard: make(chan struct{}, 1)}
}

func (t *tap) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	if n > 0 {
		t.keep(wire.Server, b[:n])
		t.hear()
	}
	switch {
	case errors.Is(err, io.EOF):
		t.ended(recording.Finished)
	case errors.Is(err, syscall.ECONNRESET):
		t.ended(recording.Reset)
	}
	return n, err
}

// hear says that the server said something.
func (t *tap) hear() {
	select {
	case t.heard <- struct{}{}:
	default:
	}
}

func (t *tap) Write(b []byte) (int, error) {
	t.keep(wire.Client, b)
	return t.Conn.Write(b)
}

func (t *tap) keep(from wire.Peer, b []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b = b[:min(len(b), maxTap-t.kept[from])]
	t.kept[from] += len(b)
	if len(b) > 0 {
		t.seen = append(t.seen, recording.Segment{From: from, At: time.Now(), Data: bytes.Clone(b)})
	}
}

func (t *tap) ended(how recording.End) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.end == recording.StillOpen {
		t.end, t.closed = how, time.Now()
	}
}

// begin says that TLS begins: what was seen so far is a preamble in clear.
func (t *tap) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.clear = len(t.seen)
}

// snapshot returns what went over the connection since TLS began.
func (t *tap) snapshot() []wire.Flow {
	t.mu.Lock()
	defer t.mu.Unlock()
	flows := make([]wire.Flow, 0, len(t.seen)-t.clear)
	for _, s := range t.seen[t.clear:] {
		flows = append(flows, wire.Flow{From: s.From, Data: s.Data})
	}
	return flows
}

// recording returns all that went over the connection, with the TLS secrets.
func (t *tap) recording(keyLog []byte) *recording.Connection {
	t.mu.Lock()
	defer t.mu.Unlock()
	return &recording.Connection{
		Client: addrPort(t.LocalAddr()), Server: addrPort(t.RemoteAddr()), Opened: t.opened,
		Segments: t.seen[:len(t.seen):len(t.seen)],
		Closed:   time.Now(), ServerEnd: t.end, ServerClosed: t.closed, KeyLog: bytes.Clone(keyLog),
	}
}

// addrPort is invalid for what is no address of IP.
func addrPort(a net.Addr) netip.AddrPort {
	if ip, ok := a.(interface{ AddrPort() netip.AddrPort }); ok { // TCP and UDP
		return ip.AddrPort()
	}
	return netip.AddrPort{}
}

// forget drops a token that was left from earlier bytes.
func (t *tap) forget() {
	select {
	case <-t.heard:
	default:
	}
}
