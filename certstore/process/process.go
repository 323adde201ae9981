// Package process says which of its files a running program can have read: most clients
// read certificate and key once, when they start, so that a file which was renewed since is
// not used before they are started again.
package process

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A Process is a program that runs.
type Process struct {
	PID     int
	Name    string // of the program, as the system has it
	Started time.Time

	deleted []string // files that it has open and that were deleted
	root    string   // a folder that is its root; empty where that is this process's
}

// A State says how a file relates to a process.
type State string

// The states, the worst first.
const (
	// Deleted: it has an earlier file of this path open.
	Deleted State = "deleted"
	// Later: the file was written after the process started.
	Later State = "later"
	// Elsewhere: at this path the process sees another file, or none.
	Elsewhere State = "elsewhere"
	// Touched: since the process started it was replaced by an older file, or its
	// permissions were changed.
	Touched State = "touched"
	// Earlier: the file was as it is now when the process started.
	Earlier State = "earlier"
)

// Rank orders states: lower is worse.
func (s State) Rank() int {
	return map[State]int{Deleted: 0, Later: 1, Elsewhere: 2, Touched: 3, Earlier: 4}[s]
}

// ErrUnsupported says that this system does not tell of processes what is needed.
var ErrUnsupported = errors.New("what a process can have read is looked up in /proc, which is Linux's")

// precision is that of a process's start, which counts from a boot time in whole seconds.
const precision = time.Second

// Of compares a file with the process; changed is when the file was last written or replaced.
// The error is the file system's.
func (p *Process) Of(path string) (s State, changed time.Time, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return "", time.Time{}, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", time.Time{}, err
	}
	written := info.ModTime()
	if _, link := follow("", path); link.After(written) {
		written = link
	}
	if p.root != "" {
		place, _ := follow(p.root, path)
		inside, err := os.Stat(place)
		switch {
		case errors.Is(err, fs.ErrNotExist), err == nil && !os.SameFile(info, inside):
			return Elsewhere, written, nil
		case err != nil: // it may not be looked at
			return "", time.Time{}, err
		}
	}
	for _, deleted := range p.deleted {
		if deleted == path {
			return Deleted, written, nil
		}
	}
	return state(p.Started, written, changeTime(info)), written, nil
}

// state compares times: written of the content, and touched of anything else.
func state(started, written, touched time.Time) State {
	switch limit := started.Add(precision); {
	case written.After(limit):
		return Later
	case touched.After(limit):
		return Touched
	}
	return Earlier
}

// follow goes along the symbolic links on the way to a file, below a root, and returns where
// they end, and when the last of them was made: certbot and Kubernetes renew by changing one.
// The time is zero without links.
func follow(root, path string) (place string, last time.Time) {
	const most = 40 // as the kernel's limit
	top := string(filepath.Separator)
	rest, done := strings.Split(filepath.ToSlash(path), "/"), top
	for links := 0; len(rest) > 0 && links < most; {
		next := filepath.Join(done, rest[0])
		rest = rest[1:]
		info, err := os.Lstat(filepath.Join(root, next))
		if err != nil || info.Mode()&fs.ModeSymlink == 0 {
			done = next
			continue
		}
		target, err := os.Readlink(filepath.Join(root, next))
		if err != nil {
			done = next
			continue
		}
		links++
		if info.ModTime().After(last) {
			last = info.ModTime()
		}
		if filepath.IsAbs(target) {
			done = top
		}
		rest = append(strings.Split(filepath.ToSlash(target), "/"), rest...)
	}
	return filepath.Join(root, done), last
}
