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
	"runtime"
	"sync"
	"time"

	"mtlsprobe/certstore/token"

	"golang.org/x/sync/errgroup"
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
	source    Source                 // that led here; its path differs from path below a directory
	read      func() ([]byte, error) // nil for what has its data, or never has any
	data      []byte
	err       error      // of the operating system
	token     *token.URI // set for a token, which has no data
	store     string     // of the operating system; set for one, which has no data
	dir       string     // that relative paths count from; empty for that of path
	entry     *entry     // of a configuration that names it; nil for most
	replaced  bool       // by what a configuration makes of it
	label     string     // that a configuration gives it; mostly empty
	passwords []string   // that a configuration tells
	property  bool       // it stands for one of Java, and must name something
	notes     []error    // what a configuration has to say; err is then errNotes
}

// An entry is one identity that a client's configuration names: what belongs to it
// belongs together, whatever else is there.
type entry struct {
	configuration string // its path
	key           string // path of the key's file; empty for that of the certificate
}

func (f *file) named() bool { return f.path == f.source.Path && !f.source.Found }

// readSources reads every file of the sources, each once; they stay in order, and
// what a configuration names stands in its place. A source that does not exist, or
// cannot be read, is among the failures: most likely it is misspelt.
func readSources(ctx context.Context, o *Options, sources []Source) (files []*file, failures []*SourceError, err error) {
	r := reader{seen: make(map[string]*file), contents: make(map[string]func() ([]byte, error)), folders: make(map[string]string), options: o}
	var found []*file
	for _, s := range sources {
		files, err := r.find(ctx, s)
		var failure *SourceError
		if err != nil && !errors.As(err, &failure) {
			return nil, nil, err
		}
		if err != nil {
			failure.found = s.Found
			r.failures = append(r.failures, failure)
		}
		found = append(found, files...)
	}
	files, err = r.read(ctx, found)
	return files, r.failures, err
}

type reader struct {
	options  *Options
	failures []*SourceError
	// By their paths without links:
	seen     map[string]*file
	contents map[string]func() ([]byte, error) // each read once
	folders  map[string]string                 // what folders are without links
}

// read reads files in parallel, and then what the configurations among them name.
func (r *reader) read(ctx context.Context, files []*file) ([]*file, error) {
	group, reading := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, f := range files {
		if f.read == nil {
			continue
		}
		group.Go(func() error {
			f.data, f.err = f.read()
			f.read = nil // it remembers the data
			return reading.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var all []*file
	for _, f := range files {
		if f.entry != nil { // what a configuration names is none itself
			all = append(all, f)
			continue
		}
		more, configuration := r.references(ctx, f)
		switch {
		case !configuration && f.property:
			r.failures = append(r.failures, &SourceError{Source: f.path, Kind: NotUnderstood, Err: errors.New("is no Java system property that names a key store: javax.net.ssl.keyStore=FILE")})
		case !configuration:
			all = append(all, f)
			more = r.besideDatabase(ctx, f)
		}
		more, err := r.read(ctx, more)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	return all, nil
}

// find returns the files of a source, which have yet to be read.
func (r *reader) find(ctx context.Context, s Source) ([]*file, error) {
	if f, err := r.special(&s); f != nil || err != nil {
		return one(f), err
	}
	info, err := os.Stat(s.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &SourceError{Source: masked(s.Path), Kind: NotReadable, Err: errors.New("no such file or directory")}
	}
	if err != nil || !info.IsDir() {
		return one(r.file(ctx, s.Path, s)), nil
	}
	var files []*file
	err = filepath.WalkDir(s.Path, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil && path == s.Path:
			return &SourceError{Source: path, Kind: NotReadable, Err: reason(err)}
		case err != nil:
			files = append(files, &file{path: path, source: s, err: err})
			return fs.SkipDir
		case len(r.seen) > maxFiles:
			return &SourceError{Source: s.Path, Kind: NotUnderstood, Err: fmt.Errorf("more than %d files: name the ones that matter", maxFiles)}
		case entry.IsDir():
			return ctx.Err()
		}
		if !entry.Type().IsRegular() {
			if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
				return ctx.Err() // sockets, pipes, and links to directories
			}
			files = append(files, one(r.file(ctx, path, s))...)
			return ctx.Err()
		}
		files = append(files, one(r.once(r.below(path), &file{path: path, source: s}, func() ([]byte, error) { return readBounded(path) }))...)
		return ctx.Err()
	})
	return files, err
}

// one is a list of the file, empty for nil.
func one(f *file) []*file {
	if f == nil {
		return nil
	}
	return []*file{f}
}

// file returns a file that has yet to be read, or nil if it was found before,
// through this path or another.
func (r *reader) file(ctx context.Context, path string, s Source) *file {
	return r.once(resolved(path), &file{path: path, source: s}, func() ([]byte, error) { return ReadFile(ctx, path) })
}

// once returns the file, or nil if the same one was found before.
func (r *reader) once(real string, f *file, read func() ([]byte, error)) *file {
	if r.seen[real] != nil {
		return nil
	}
	r.seen[real] = f
	f.read = r.content(real, read)
	return f
}

// content returns what reads a file unless that was done before.
func (r *reader) content(real string, read func() ([]byte, error)) func() ([]byte, error) {
	if r.contents[real] == nil {
		r.contents[real] = sync.OnceValues(read)
	}
	return r.contents[real]
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
