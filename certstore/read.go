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
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"mtlsprobe/certstore/nss"

	"golang.org/x/sync/errgroup"
)

// Bounds on reading. No store of certificates comes near them.
const (
	maxFileSize = 16 << 20
	maxFiles    = 200_000
	maxTotal    = 1 << 30          // of what may be a store
	pipeTimeout = 10 * time.Second // for what is no regular file and may never end
)

// readSources reads every file of the sources, each once; they stay in order, and
// what a configuration names stands in its place. A source that does not exist, or
// cannot be read, is among the failures: most likely it is misspelt.
func readSources(ctx context.Context, o *Options, sources []Source) (files []*file, failures []*SourceError,
	err error) {
	r := reader{seen: make(map[string]*file), contents: make(map[string]func() ([]byte, error)),
		folders: make(map[string]string), includes: make(map[string]bool), beside: make(map[string]bool),
		options: o}
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
	contents map[string]func() ([]byte, error) // each read once; guarded by mu
	folders  map[string]string                 // what folders are without links
	includes map[string]bool                   // what configurations include
	beside   map[string]bool                   // CA certificates that they name, by path or content
	mu       sync.Mutex
	total    atomic.Int64 // bytes that are kept
}

// read reads files in parallel, and then what the configurations among them name.
func (r *reader) read(ctx context.Context, files []*file) ([]*file, error) {
	done := make(chan error, 1)
	go func() {
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(runtime.GOMAXPROCS(0))
		for _, f := range files {
			group.Go(func() error {
				if f.read != nil {
					f.data, f.err = f.read()
					f.read = nil // it remembers the data
				}
				r.sift(f)
				return ctx.Err()
			})
		}
		done <- group.Wait()
	}()
	select {
	case err := <-done:
		if err != nil {
			return nil, err
		}
	case <-ctx.Done(): // some files, such as /proc/kmsg, never end, and cannot be interrupted
		return nil, ctx.Err()
	}
	var all []*file
	for _, f := range files {
		if f.entry != nil { // what a configuration names is none itself
			all = append(all, f)
			continue
		}
		more, configuration := r.references(ctx, f, 0)
		switch {
		case !configuration && f.property:
			r.failures = append(r.failures, &SourceError{Source: f.path, Kind: NotUnderstood,
				Err: errors.New("is not a Java system property that names a key store: javax.net.ssl.keyStore=FILE")})
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

// sift tells configurations from what may be a store, and lets go of what is
// neither: below a folder there may be anything.
func (r *reader) sift(f *file) {
	if len(f.data) == 0 {
		return
	}
	isPEM := bytes.HasPrefix(bytes.TrimSpace(f.data), pemBegin)
	text := f.data
	if isPKCS7(text) {
		text = signedProfile(text)
	}
	if f.entry == nil && (f.is(Candidate) || f.is(NamedCAs)) && len(text) > 0 && text[0] != 0x30 && !isPEM {
		if c, ok := r.configuration(f, text); ok {
			f.config = c
			r.forget(f)
			return
		}
	}
	switch {
	case !f.named() && !mayBeStore(f.data):
		f.useless = unknownFormat(f.data)
		r.forget(f)
	case r.total.Add(int64(len(f.data))) > maxTotal:
		f.useless = fmt.Errorf("was not opened: the sources together are larger than %d MiB", maxTotal>>20)
		r.forget(f)
	}
}

// forget lets go of a file's content.
func (r *reader) forget(f *file) {
	f.data = nil
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.contents, f.real)
}

func mayBeStore(data []byte) bool {
	return data[0] == 0x30 || bytes.Contains(data, pemBegin) || isJKS(data) || nss.IsDatabase(data)
}

// find returns the files of a source, which have yet to be read.
func (r *reader) find(ctx context.Context, s Source) ([]*file, error) {
	if f, err := r.special(ctx, &s); f != nil || err != nil {
		if f != nil {
			f = r.once(f.path, f, nil)
		}
		return one(f), err
	}
	info, err := os.Stat(s.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &SourceError{Source: masked(s.Path), Kind: NotReadable,
			Err: fmt.Errorf("cannot be read: %w", reason(err))}
	}
	if err != nil || !info.IsDir() {
		return one(r.file(ctx, s.Path, s)), nil
	}
	var files, links []*file                    // links lead outside
	root := s.Path + string(filepath.Separator) // the folder itself, if the path is a link to it
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil && path == root:
			return &SourceError{Source: s.Path, Kind: NotReadable, Err: fmt.Errorf("cannot be read: %w", reason(err))}
		case err != nil:
			files = append(files, &file{path: path, source: s, err: err})
			return fs.SkipDir
		case len(r.seen) > maxFiles:
			return &SourceError{Source: s.Path, Kind: NotUnderstood,
				Err: fmt.Errorf("more than %d files: name the ones that matter", maxFiles)}
		case entry.IsDir():
			return ctx.Err()
		}
		if !entry.Type().IsRegular() {
			info, err := os.Stat(path)
			switch {
			case err == nil && info.IsDir() && !strings.HasPrefix(entry.Name(), ".."): // as Kubernetes has them
				files = append(files, &file{path: path, source: s, err: errNotes, notes: []error{errLinkedFolder}})
				return ctx.Err()
			case err == nil && !info.Mode().IsRegular(): // sockets and pipes
				return ctx.Err()
			}
			if linked := (&file{path: path, source: s}); linked.outside(path) != "" {
				linked.err, linked.notes = errNotes, []error{errLinkOutside}
				links = append(links, linked)
				return ctx.Err()
			}
			files = append(files, one(r.file(ctx, path, s))...)
			return ctx.Err()
		}
		files = append(files, one(r.once(r.below(path), &file{path: path, source: s},
			func() ([]byte, error) { return readBounded(path, maxFileSize) }))...)
		return ctx.Err()
	})
	const each = 3 // more are counted
	if len(links) > each {
		links = []*file{{path: s.Path, source: s, err: errNotes, notes: []error{fmt.Errorf("contains %d links to files "+
			"outside the folder, such as %q, which are not followed: name what matters as a source of its own", len(links),
			filepath.Base(links[0].path))}}}
	}
	return append(files, links...), err
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
	if earlier := r.seen[real]; earlier != nil {
		earlier.merge(f.path, f.source)
		return nil
	}
	r.seen[real] = f
	if read != nil {
		f.real, f.read = real, r.content(real, read)
	}
	return f
}

// content returns what reads a file unless that was done before. What is of no use
// is not remembered.
func (r *reader) content(real string, read func() ([]byte, error)) func() ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.contents[real] == nil {
		r.contents[real] = sync.OnceValues(read)
	}
	return r.contents[real]
}

// resolved is an absolute path without links, or the path itself where that fails.
func resolved(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if absolute, err := filepath.Abs(path); err == nil {
		return absolute
	}
	return path
}

// below is resolved for a file that is no link, in a folder that is remembered.
func (r *reader) below(path string) string {
	dir, name := filepath.Split(path)
	if r.folders[dir] == "" {
		r.folders[dir] = resolved(filepath.Clean(dir))
	}
	return filepath.Join(r.folders[dir], name)
}

var errLinkedFolder = errors.New("is a link to a folder, which is not followed: name it as a source of its own")

var errLinkOutside = errors.New("is a link to a file outside the folder, which is not followed: name it as a " +
	"source of " +
	"its own")

// errTooLarge is the error of a file that is larger than its kind ever is.
var errTooLarge = errors.New("which no such file is")

func tooLarge(limit int64) error {
	return fmt.Errorf("is larger than %d MiB, %w", limit>>20, errTooLarge)
}

// ReadFile reads a file that is no larger than certificate stores are: see [ReadUpTo].
func ReadFile(ctx context.Context, path string) ([]byte, error) {
	return ReadUpTo(ctx, path, maxFileSize)
}

// ReadUpTo reads a file of at most so many bytes. What is not a regular file, such as
// the pipe of a process substitution, is read with a time limit; reading ends early
// when the context does.
func ReadUpTo(ctx context.Context, path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().IsRegular() {
		if info.Size() > limit {
			return nil, tooLarge(limit)
		}
		return readBounded(path, limit)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, pipeTimeout, fmt.Errorf("nothing came within %v", pipeTimeout))
	defer cancel()
	return Await(ctx, func() ([]byte, error) { return readBounded(path, limit) })
}

// Await waits for what reads something that may never end, and cannot be interrupted:
// until the context ends.
func Await(ctx context.Context, read func() ([]byte, error)) ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		data, err := read()
		done <- result{data, err}
	}()
	select {
	case r := <-done:
		return r.data, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var data []byte
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		data = make([]byte, 0, min(info.Size(), limit)+bytes.MinRead)
	}
	buffer := bytes.NewBuffer(data)
	_, err = buffer.ReadFrom(io.LimitReader(f, limit+1))
	data = buffer.Bytes()
	if err == nil && int64(len(data)) > limit {
		return nil, tooLarge(limit)
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
