package cmd

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/probe"
	"mtlsprobe/probe/diagnosis"
)

// identities are what a module has loaded from files. They are loaded again when a file has
// changed; where that fails, what was loaded before stays.
type identities struct {
	mu      sync.Mutex
	streams *Streams
	module  *module
	now     *loaded
	stamp   [sha256.Size]byte
	failed  bool // the last load
}

// loaded is what one load gave.
type loaded struct {
	common  *probe.Options
	engine  *diagnosis.Engine
	holding *certstore.Holding // nil without certificates
	using   sync.WaitGroup
}

// use returns what is loaded, and what says that it is no longer used.
func (i *identities) use(ctx context.Context) (*loaded, func(), error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if stamp := i.module.stamp(); i.now == nil || stamp != i.stamp {
		next, err := i.module.load(ctx, i.streams)
		switch i.failed = err != nil; {
		case err == nil:
			i.retire()
			i.now = next
		case i.now == nil, ctx.Err() != nil: // then it is tried again
			return nil, nil, err
		default:
			warn(i.streams.Err, fmt.Sprintf("module %q: what was loaded before stays: %v", i.module.name, err))
		}
		i.stamp = stamp
	}
	i.now.using.Add(1)
	return i.now, i.now.using.Done, nil
}

// retire closes what was loaded when nobody uses it any more.
func (i *identities) retire() {
	if old := i.now; old != nil && old.holding != nil {
		go func() {
			old.using.Wait()
			_ = old.holding.Close()
		}()
	}
}

func (i *identities) close() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.retire()
	i.now = nil
}

// current reports whether the last load succeeded.
func (i *identities) current() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return !i.failed
}

// load reads what the settings of a module name.
func (m *module) load(ctx context.Context, s *Streams) (*loaded, error) {
	l := &loaded{}
	var err error
	if l.common, err = m.connect.options(ctx, s); err != nil {
		return nil, err
	}
	if len(m.hold.certs) > 0 {
		flags := m.hold // a password may have changed, too
		flags.given = nil
		if l.holding, err = holdIdentities(ctx, s, &flags); err != nil {
			return nil, err
		}
	}
	settings, err := m.chain.settings(ctx, s, time.Time{}, l.holding)
	if err != nil {
		return nil, err
	}
	settings.Plan = m.connect.plan()
	settings.Plan.NoSweep, settings.Plan.NoTry, settings.Plan.Repeat = true, !m.try, -1
	l.engine = diagnosis.New(settings)
	return l, nil
}

// stamp is another one when a file was changed that load reads, or may have been.
func (m *module) stamp() [sha256.Size]byte {
	const most = 10_000 // files below folders
	h, seen := sha256.New(), 0
	paths := slices.Concat(m.hold.certs, m.hold.keys, m.hold.authorities, m.chain.crls, []string{m.connect.cacert,
		m.connect.capath})
	for _, from := range m.hold.pass {
		if at := strings.Index(from, "file:"); at >= 0 {
			paths = append(paths, from[at+len("file:"):])
		}
	}
	note := func(path string) {
		if info, err := os.Stat(path); err == nil { // of what a link leads to
			fmt.Fprintln(h, path, info.Size(), info.ModTime().UnixNano(), info.Mode())
		}
	}
	for _, path := range paths {
		note(path)
		_ = filepath.WalkDir(path, func(path string, _ fs.DirEntry, err error) error {
			if seen++; err != nil || seen > most {
				return fs.SkipAll
			}
			note(path)
			return nil
		})
	}
	return [sha256.Size]byte(h.Sum(nil))
}
