package probe

import (
	"context"
	"io"
	"os"
	"sync"
	"time"

	"mtlsprobe/probe/protocol"
)

// A stream is a connection after its handshake: that of crypto/tls, or this
// program's own for late requests.
type stream interface {
	io.ReadWriter
}

// An inbox reads a stream all the while, so that no write can destroy an alert
// that was not yet read, and hands on what came. Its own reads are bounded: when
// nothing comes for silentTime, or the context ends, they return
// os.ErrDeadlineExceeded.
type inbox struct {
	ctx context.Context //nolint:containedctx // of the one exchange

	mu    sync.Mutex
	data  []byte
	total int
	err   error         // why reading ended
	ended chan struct{} // closed when it did
	more  chan struct{}
}

func newInbox(ctx context.Context, s stream) *inbox {
	in := &inbox{ctx: ctx, ended: make(chan struct{}), more: make(chan struct{}, 1)}
	go in.fill(s)
	return in
}

func (in *inbox) fill(s stream) {
	buffer := make([]byte, 4096)
	for {
		n, err := s.Read(buffer)
		in.mu.Lock()
		in.data = append(in.data, buffer[:n]...)
		in.total += n
		if err == nil && in.total >= 2*protocol.MaxAnswer {
			err = io.ErrShortBuffer // more than any answer has
		}
		in.err = err
		in.mu.Unlock()
		if err != nil {
			close(in.ended)
			return
		}
		select {
		case in.more <- struct{}{}:
		default:
		}
	}
}

// take returns what has come, at most len(b) bytes, and why reading ended once
// everything was taken.
func (in *inbox) take(b []byte) (int, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	n := copy(b, in.data)
	in.data = in.data[n:]
	if n > 0 {
		return n, nil
	}
	return 0, in.err
}

// empty reports whether nothing is there to be taken.
func (in *inbox) empty() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.data) == 0
}

// Read implements io.Reader.
func (in *inbox) Read(b []byte) (int, error) {
	silence := time.NewTimer(silentTime)
	defer silence.Stop()
	for {
		if n, err := in.take(b); n > 0 || err != nil {
			return n, err
		}
		select {
		case <-in.more:
		case <-in.ended:
		case <-silence.C:
			return 0, os.ErrDeadlineExceeded
		case <-in.ctx.Done():
			return 0, os.ErrDeadlineExceeded
		}
	}
}

// over reports whether reading has ended, and waits for that up to d.
func (in *inbox) over(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-in.ended:
		return true
	case <-timer.C:
	case <-in.ctx.Done():
	}
	select {
	case <-in.ended: // whichever of them came first
		return true
	default:
		return false
	}
}
