package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
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

// standardInput returns what is on standard input.
func (s *Streams) standardInput(ctx context.Context) ([]byte, error) {
	s.stdin.once.Do(func() { s.stdin.data, s.stdin.err = readAll(ctx, s.stdin.from) })
	return s.stdin.data, s.stdin.err
}

// unreadable says that a file cannot be read, and why, in the words for every file.
func unreadable(path string, err error) error {
	var reason *fs.PathError
	if !errors.As(err, &reason) {
		return fmt.Errorf("%q: %w", path, err)
	}
	return fmt.Errorf("%q cannot be read: %w", path, reason.Err)
}

// readUpTo reads a file of the command line; "-" is standard input.
func (s *Streams) readUpTo(ctx context.Context, path string, most int64) ([]byte, error) {
	if path == "-" {
		return s.standardInput(ctx)
	}
	data, err := certstore.ReadUpTo(ctx, path, most)
	if err != nil {
		return nil, unreadable(path, err)
	}
	return data, nil
}
