package certstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"mtlsprobe/certstore/token"
)

// Bounds on reading. No store of certificates comes near them.
const (
	maxFileSize = 16 << 20
	maxFiles    = 200_000
	pipeTimeout = 10 * time.Second // for what is no regular file and may never end
)

// A file is one file's content, or the reason why there is none; or what is like
// a file, such as a variable or a token.
type file struct {
	path      string
	source    Source // that led here; its path differs from path below a directory
	data      []byte
	err       error      // of the operating system
	token     *token.URI // set for a token, which has no data
	store     string     // of the operating system; set for one, which has no data
	dir       string     // that relative paths count from; empty for that of path
	label     string     // that a configuration gives it; mostly empty
	passwords []string   // that a configuration tells
	notes     []error    // what a configuration has to say; err is then errNotes
}

func (f *file) named() bool { return f.path == f.source.Path && !f.source.Found }

// readSources reads every file of the sources, each once, in order. A source
// that does not exist is an error at once: most likely it is misspelt.
func readSources(ctx context.Context, o *Options, sources []Source) ([]*file, error) {
	r := reader{seen: make(map[string]bool), folders: make(map[string]string), options: o}
	for _, s := range sources {
		if err := r.source(ctx, s); err != nil {
			return nil, err
		}
	}
	return r.files, nil
}

type reader struct {
	options *Options
	files   []*file
	seen    map[string]bool
	folders map[string]string // what they are without links
}

func (r *reader) source(ctx context.Context, s Source) error {
	if done, err := r.special(ctx, &s); done || err != nil {
		return err
	}
	info, err := os.Stat(s.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return &SourceError{Source: masked(s.Path), Kind: NotReadable, Err: errors.New("no such file or directory")}
	}
	if err != nil || !info.IsDir() {
		return r.file(ctx, s.Path, s)
	}
	return filepath.WalkDir(s.Path, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil && path == s.Path:
			return &SourceError{Source: path, Kind: NotReadable, Err: reason(err)}
		case err != nil:
			r.files = append(r.files, &file{path: path, source: s, err: err})
			return fs.SkipDir
		case entry.IsDir():
			return ctx.Err()
		}
		if !entry.Type().IsRegular() {
			if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
				return ctx.Err() // sockets, pipes, and links to directories
			}
			return r.file(ctx, path, s)
		}
		return r.take(ctx, r.below(path), &file{path: path, source: s}, func() ([]byte, error) { return readBounded(path) })
	})
}

// file reads one file unless it was read before, through this path or another.
func (r *reader) file(ctx context.Context, path string, s Source) error {
	return r.take(ctx, resolved(path), &file{path: path, source: s}, func() ([]byte, error) { return ReadFile(ctx, path) })
}

// resolved is a path without links, or the path itself where that fails.
func resolved(path string) string {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return path
	}
	return real
}

// below is resolved for a file that is no link, in a folder that is remembered.
func (r *reader) below(path string) string {
	dir, name := filepath.Split(path)
	if r.folders[dir] == "" {
		r.folders[dir] = resolved(filepath.Clean(dir))
	}
	return filepath.Join(r.folders[dir], name)
}

// take reads a file unless the same one, by its real path, was read before.
func (r *reader) take(ctx context.Context, real string, f *file, read func() ([]byte, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(r.files) >= maxFiles {
		return &SourceError{Source: f.source.Path, Kind: NotUnderstood, Err: fmt.Errorf("more than %d files: name the ones that matter", maxFiles)}
	}
	if r.seen[real] {
		return nil
	}
	r.seen[real] = true
	f.data, f.err = read()
	if r.references(ctx, f) {
		return ctx.Err()
	}
	r.files = append(r.files, f)
	return r.besideDatabase(ctx, f)
}

var errTooLarge = fmt.Errorf("larger than %d MiB, which no certificate store is", maxFileSize>>20)

// ReadFile reads a file that is no larger than certificate stores are. What is no
// regular file, such as the pipe of a process substitution, is read with a time
// limit.
func ReadFile(ctx context.Context, path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().IsRegular() {
		if info.Size() > maxFileSize {
			return nil, errTooLarge
		}
		return readBounded(path)
	}
	ctx, cancel := context.WithTimeout(ctx, pipeTimeout)
	defer cancel()
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		data, err := readBounded(path)
		done <- result{data, err}
	}()
	select {
	case r := <-done:
		return r.data, r.err
	case <-ctx.Done():
		return nil, fmt.Errorf("nothing came within %v", pipeTimeout)
	}
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var data []byte
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		data = make([]byte, 0, min(info.Size(), maxFileSize)+bytes.MinRead)
	}
	buffer := bytes.NewBuffer(data)
	_, err = buffer.ReadFrom(io.LimitReader(f, maxFileSize+1))
	data = buffer.Bytes()
	if err == nil && len(data) > maxFileSize {
		return nil, errTooLarge
	}
	return data, err
}

// reason strips the operation and the path, which the message has already.
func reason(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
