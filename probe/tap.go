package probe

import (
	"bytes"
	"net"
	"sync"

	"mtlsprobe/probe/wire"
)

// maxTap bounds what is kept of each direction: the largest handshake that
// anybody sends, with room for an answer.
const maxTap = 1 << 20

// A tap is a connection that keeps what goes over it.
type tap struct {
	net.Conn
	mu    sync.Mutex
	flows []wire.Flow
	kept  [3]int // bytes by Peer
	// heard receives a token when bytes from the server arrive.
	heard chan struct{}
}

func newTap(conn net.Conn) *tap { return &tap{Conn: conn, heard: make(chan struct{}, 1)} }

func (t *tap) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	if n > 0 {
		t.keep(wire.Server, b[:n])
		select {
		case t.heard <- struct{}{}:
		default:
		}
	}
	return n, err
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
		t.flows = append(t.flows, wire.Flow{From: from, Data: bytes.Clone(b)})
	}
}

func (t *tap) snapshot() []wire.Flow {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.flows[:len(t.flows):len(t.flows)]
}

// forget drops a token that was left from earlier bytes.
func (t *tap) forget() {
	select {
	case <-t.heard:
	default:
	}
}
