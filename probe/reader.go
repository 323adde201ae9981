package probe

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"mtlsprobe/probe/protocol"
)

// A reader reads a stream in the background, so that a failed write cannot discard an
// unread alert, and hands on what came. Its own reads are bounded: when
// nothing comes for as long as its patience, or the context ends, they return
// os.ErrDeadlineExceeded.
type reader struct {
	ctx      context.Context //nolint:containedctx // of the one exchange
	patience time.Duration

	mu    sync.Mutex
	data  []byte
	total int
	err   error         // why reading ended
	ended chan struct{} // closed when it did
	more  chan struct{}
}

// errTooMuch says that the server sends more than any answer has.
var errTooMuch = fmt.Errorf("more than %d bytes came in answer", 2*protocol.MaxAnswer)

func newReader(ctx context.Context, s io.Reader) *reader {
	in := &reader{ctx: ctx, patience: silentTime, ended: make(chan struct{}), more: make(chan struct{}, 1)}
	go in.fill(s)
	return in
}

func (in *reader) fill(s io.Reader) {
	buffer := make([]byte, 4096)
	for {
		n, err := s.Read(buffer)
		in.mu.Lock()
		in.data = append(in.data, buffer[:n]...)
		in.total += n
		if err == nil && in.total >= 2*protocol.MaxAnswer {
			err = errTooMuch
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
func (in *reader) take(b []byte) (int, error) {
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
func (in *reader) empty() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.data) == 0
}

// Read implements io.Reader.
func (in *reader) Read(b []byte) (int, error) {
	silence := time.NewTimer(in.patience)
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
func (in *reader) over(d time.Duration) bool {
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
