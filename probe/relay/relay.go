// Package relay passes bytes between clients and their server, unchanged, and reads what they
// say. Nothing is terminated or encrypted again: what cannot be read without the peers' secrets
// stays unread. Call [Relay.Serve].
package relay

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"mtlsprobe/probe/capture"
	"mtlsprobe/probe/recording"
	"mtlsprobe/probe/wire"
)

// A Relay says where to, and who is told. It is not changed by serving.
type Relay struct {
	// Dial connects to the server.
	Dial func(context.Context) (net.Conn, error)
	// Keep says that bytes are kept until a connection ends: for Keys, which by then has the
	// secrets of both peers, and for Outcome.Recording. Otherwise they are read as they pass.
	Keep bool
	// Keys returns the secrets that are known at the end of a connection; nil for none.
	Keys func() *wire.KeyLog
	// Done is told of every connection when it is over, by several goroutines.
	Done func(*Outcome)
}

// An Outcome is what was seen of one connection.
type Outcome struct {
	// Connection is nil where no TLS was spoken.
	Connection *capture.Connection
	// Recording has what was said, up to a bound; nil without Relay.Keep.
	Recording *recording.Connection
	// Err says why the server was not reached; nil where it was.
	Err error
}

// maxKept bounds what is kept of a connection, in bytes.
const maxKept = 1 << 20

// Serve accepts connections until the context ends, or the listener cannot go on, and returns
// when all of them are over. The end of the context closes them.
func (r *Relay) Serve(ctx context.Context, listener net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	var all sync.WaitGroup
	defer all.Wait()
	for number := 1; ; number++ {
		client, err := listener.Accept()
		switch {
		case err == nil:
			all.Go(func() { r.pass(ctx, client, number) })
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ECONNABORTED):
			number-- // others end, and leave room
			const pause = 50 * time.Millisecond
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
		default:
			return err
		}
	}
}

// pass connects a client with the server until both have ended.
func (r *Relay) pass(ctx context.Context, client net.Conn, number int) {
	defer client.Close()
	server, err := r.Dial(ctx)
	if err != nil {
		r.Done(&Outcome{Err: err})
		return
	}
	defer server.Close()
	stop := context.AfterFunc(ctx, func() { _, _ = client.Close(), server.Close() })
	defer stop()
	s := newSight(client, server, number, r.Keep)
	var both sync.WaitGroup
	both.Go(func() { s.copy(server, client, wire.Client) })
	both.Go(func() { s.copy(client, server, wire.Server) })
	both.Wait()
	var keys *wire.KeyLog
	if r.Keys != nil {
		keys = r.Keys()
	}
	r.Done(s.outcome(keys))
}

// A sight is what is seen of one connection while it lasts.
type sight struct {
	mu         sync.Mutex
	connection capture.Connection
	flows      *capture.Flows
	recording  *recording.Connection // nil where nothing is kept
	kept       int
}

func newSight(client, server net.Conn, number int, keep bool) *sight {
	s := &sight{flows: capture.NewFlows(nil)}
	now := time.Now()
	s.connection = capture.Connection{Number: number, Client: address(client.RemoteAddr()),
		Server: address(server.RemoteAddr()), Started: now, Ended: now, Close: capture.NotClosed}
	if keep {
		s.recording = &recording.Connection{Client: s.connection.Client, Server: s.connection.Server, Opened: now}
	}
	return s
}

// address is that of a TCP peer; invalid for others.
func address(a net.Addr) netip.AddrPort {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return netip.AddrPortFrom(tcp.AddrPort().Addr().Unmap(), uint16(tcp.Port))
	}
	return netip.AddrPort{}
}

// pageSize is how much is passed on at once.
const pageSize = 16 << 10

// pages are buffers that no connection needs at the moment.
var pages = sync.Pool{New: func() any { return new([pageSize]byte) }}

// copy passes on what one peer says until it ends, and its end. A peer that is slow to read
// holds up the other one.
func (s *sight) copy(to, from net.Conn, who wire.Peer) {
	page := pages.Get().(*[pageSize]byte)
	defer pages.Put(page)
	for {
		n, err := from.Read(page[:])
		if n > 0 {
			s.see(who, page[:n])
			if _, err := to.Write(page[:n]); err != nil {
				return // what the other one said before it went away is still to be passed on
			}
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			s.end(who, capture.FIN)
			if half, ok := to.(interface{ CloseWrite() error }); ok {
				_ = half.CloseWrite() // the other one may have more to say
			}
			return
		default:
			if errors.Is(err, syscall.ECONNRESET) {
				s.end(who, capture.RST)
				if tcp, ok := to.(*net.TCPConn); ok {
					_ = tcp.SetLinger(0) // closing resets it
				}
			}
			_ = to.Close()
			return
		}
	}
}

// see reads what one peer said.
func (s *sight) see(who wire.Peer, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connection.Ended = time.Now()
	if s.recording == nil {
		s.flows.Feed(who, data)
		return
	}
	if s.kept += len(data); s.kept > maxKept {
		s.connection.Lost += len(data)
		return
	}
	s.recording.Segments = append(s.recording.Segments, recording.Segment{From: who, At: s.connection.Ended,
		Data: append([]byte(nil), data...)})
}

// end notes how one peer ended.
func (s *sight) end(who wire.Peer, how capture.Close) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.connection.Close == capture.NotClosed {
		s.connection.Close, s.connection.Closer = how, who
	}
	if s.connection.Ended = now; s.recording == nil {
		return
	}
	s.recording.Closed = now
	if who == wire.Server {
		s.recording.ServerClosed, s.recording.ServerEnd = now, recording.Finished
		if how == capture.RST {
			s.recording.ServerEnd = recording.Reset
		}
	}
}

// outcome is what was seen, once both have ended.
func (s *sight) outcome(keys *wire.KeyLog) *Outcome {
	out := &Outcome{Recording: s.recording}
	if s.recording != nil {
		s.flows = capture.NewFlows(keys)
		for _, segment := range s.recording.Segments {
			s.flows.Feed(segment.From, segment.Data)
		}
		if s.recording.Closed.IsZero() {
			s.recording.Closed = s.connection.Ended
		}
	}
	if s.connection.Transcript = s.flows.Transcript(); s.connection.Transcript != nil {
		out.Connection = &s.connection
	}
	return out
}
