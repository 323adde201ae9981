package cmd

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// identities are what a module has loaded from files. They are loaded again when a file has
// changed; where that fails, what was loaded before stays.
type identities struct {
	streams *Streams
	module  *module

	mu       sync.Mutex
	now      *loaded
	stamp    [sha256.Size]byte
	checking chan struct{} // closed when the files were looked at; nil while nobody does
	err      error         // of the last load
	closed   bool
}

// loaded is what one load gave.
type loaded struct {
	*asking
	using sync.WaitGroup
}

var errModuleReplaced = errors.New("the configuration was just read again: ask once more")

// Bounds of loading: that a probe waits for what is new while something is loaded, and of one load.
const (
	patienceForNew = 2 * time.Second
	longestLoad    = time.Minute
)

// use returns what is loaded, and what says that it is no longer used.
func (i *identities) use(ctx context.Context) (*loaded, func(), error) {
	checked := i.check()
	var late <-chan time.Time // a first load is waited for as long as the context allows
	if i.loaded() {
		timer := time.NewTimer(patienceForNew)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-checked:
	case <-late:
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case i.closed:
		return nil, nil, errModuleReplaced
	case i.now == nil:
		return nil, nil, i.err
	}
	i.now.using.Add(1)
	return i.now, i.now.using.Done, nil
}

func (i *identities) loaded() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.now != nil
}

// check looks at the files, and loads them if they changed: once, however many ask. The channel is
// closed afterwards.
func (i *identities) check() <-chan struct{} {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.checking == nil {
		i.checking = make(chan struct{})
		go i.refresh(i.checking, i.now == nil, i.stamp)
	}
	return i.checking
}

func (i *identities) refresh(done chan struct{}, first bool, known [sha256.Size]byte) {
	ctx, cancel := context.WithTimeout(context.Background(), longestLoad)
	defer cancel()
	if stamp := i.module.stamp(); first || stamp != known {
		flags := i.module.hold // a password may have changed, too
		flags.given = nil
		a, err := newAsking(ctx, i.streams, &i.module.connect, &flags, &i.module.chain, i.module.try, false)
		if err != nil && !first {
			warn(i.streams.Err, fmt.Sprintf("module %q: what was loaded before stays in use: %v", i.module.name, err))
		}
		i.took(a, err, stamp)
	}
	i.mu.Lock()
	i.checking = nil
	i.mu.Unlock()
	close(done)
}

// took notes what a load gave.
func (i *identities) took(next *asking, err error, stamp [sha256.Size]byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.err, i.stamp = err, stamp
	switch {
	case next == nil:
	case i.closed:
		next.close()
	default:
		i.retire()
		i.now = &loaded{asking: next}
	}
}

// retire closes what was loaded when nobody uses it any more; the channel is closed then.
func (i *identities) retire() <-chan struct{} {
	done := make(chan struct{})
	old := i.now
	if old == nil {
		close(done)
		return done
	}
	go func() {
		defer close(done)
		old.using.Wait()
		old.close()
	}()
	return done
}

// close retires what is loaded. The channel is closed when nobody uses it any more.
func (i *identities) close() <-chan struct{} {
	i.mu.Lock()
	defer i.mu.Unlock()
	done := i.retire()
	i.now, i.closed = nil, true
	return done
}

// current reports whether the last load succeeded.
func (i *identities) current() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.err == nil
}

// stamp is another one when a file was changed that a load reads: the files that the settings name,
// and those in the folders that they name.
func (m *module) stamp() [sha256.Size]byte {
	const most = 10_000 // files below folders
	h, seen := sha256.New(), 0
	paths := slices.Concat(m.hold.certs, m.hold.keys, m.hold.authorities, m.chain.crls, []string{m.connect.cacert,
		m.connect.capath})
	for _, from := range m.hold.pass {
		if at := passwordForm(from); at > 0 {
			from = from[at:]
		}
		if file, ok := strings.CutPrefix(from, "file:"); ok {
			paths = append(paths, file)
		}
	}
	for _, path := range paths {
		root, err := filepath.EvalSymlinks(path)
		if err != nil {
			continue // it is no file, or not there
		}
		_ = filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if seen++; seen > most {
				return fs.SkipAll
			}
			if info, failed := os.Stat(path); err == nil && failed == nil { // of what a link leads to
				fmt.Fprintln(h, path, info.Size(), info.ModTime().UnixNano(), info.Mode())
			}
			return nil
		})
	}
	return [sha256.Size]byte(h.Sum(nil))
}
