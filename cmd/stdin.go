package cmd

import (
	"context"
	"errors"
	"io"
	"sync"

	"mtlsprobe/certstore"
)

// A stdin reads standard input once, for whoever names it by "-".
type stdin struct {
	from io.Reader
	once sync.Once
	data []byte
	err  error
}

// standardInput returns what is on standard input. It is an error if a password was read from
// it.
func (s *Streams) standardInput(ctx context.Context) ([]byte, error) {
	if s.buffered["stdin"] != nil {
		return nil, errors.New("standard input cannot be both a file and a password")
	}
	s.stdin.once.Do(func() { s.stdin.data, s.stdin.err = readAll(ctx, s.stdin.from) })
	return s.stdin.data, s.stdin.err
}

// readUpTo reads a file of the command line; "-" is standard input.
func (s *Streams) readUpTo(ctx context.Context, path string, most int64) ([]byte, error) {
	if path == "-" {
		return s.standardInput(ctx)
	}
	return certstore.ReadUpTo(ctx, path, most)
}
