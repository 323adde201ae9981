package certstore

import (
	"fmt"
	"path/filepath"
	"slices"

	"mtlsprobe/certstore/config"
	"mtlsprobe/certstore/token"
)

// A file is one file's content, or the reason why there is none; or what is like
// a file, such as a variable or a token.
type file struct {
	path      string
	source    Source                 // that led here; its path differs from path below a directory
	again     []mention              // further ways that led here
	real      string                 // its path without links; empty for what is only like a file
	read      func() ([]byte, error) // nil for what has its data, or never has any
	data      []byte
	err       error          // of the operating system
	useless   error          // what it is in place of anything known here
	config    *config.Config // what it names, for a client's configuration
	token     *token.URI     // set for a token, which has no data
	store     string         // of the operating system; set for one, which has no data
	dir       string         // that relative paths count from; empty for that of path
	entry     *entry         // of a configuration that names it; nil for most
	replaced  bool           // by what a configuration makes of it
	label     string         // that a configuration gives it; mostly empty
	passwords []string       // that a configuration tells
	property  bool           // it stands for one of Java, and must name something
	notes     []error        // what a configuration has to say; err is then errNotes
}

// A mention is one way in which a file was given.
type mention struct {
	path   string
	source Source
}

// An entry is one identity that a client's configuration names: what belongs to it
// belongs together, whatever else is there.
type entry struct {
	configuration string // its path
	key           string // path of the key's file; empty for that of the certificate
	elsewhere     bool   // without one, the client has a place of its own to look for it
	setting       string // and its line; empty where that is not known
}

// given reports whether one of the ways in which the file was given is such.
func (f *file) given(such func(mention) bool) bool {
	return such(mention{f.path, f.source}) || slices.ContainsFunc(f.again, such)
}

// unreadable says that it cannot be read, and who names it.
func (f *file) unreadable() error {
	if f.entry != nil {
		return fmt.Errorf("cannot be read, and %s names it: %w", quote(f.entry.configuration), reason(f.err))
	}
	return fmt.Errorf("cannot be read: %w", reason(f.err))
}

// merge notes another way that led to the file.
func (f *file) merge(path string, s Source) { f.again = append(f.again, mention{path, s}) }

// named says that somebody gave the file itself.
func (f *file) named() bool {
	return f.given(func(m mention) bool { return m.path == m.source.Path && !m.source.Found })
}

// authority says that it was given for its CA certificates, among others.
func (f *file) authority() bool { return f.is(Authorities) || f.is(NamedCAs) }

// origin says what its CA certificates are worth as anchors.
func (f *file) origin() Origin {
	switch {
	case f.is(NamedCAs):
		return Given
	case f.is(Authorities):
		return FromAuthorities
	}
	return FromBundle
}

// is says that it was given in the role, among others.
func (f *file) is(role Role) bool {
	return f.given(func(m mention) bool { return m.source.Role == role })
}

// goesBy says how nearly a password's name is the file's: 0 for not at all, then
// that of a folder above, its last element, and its path.
func (f *file) goesBy(name string) int {
	best := 0
	f.given(func(m mention) bool {
		switch {
		case samePath(name, m.path), m.path == m.source.Path && (name == m.source.given || samePath(name, m.source.Path)):
			best = 3
		case name == filepath.Base(m.path):
			best = max(best, 2)
		case samePath(name, m.source.Path), name == m.source.given:
			best = max(best, 1)
		}
		return best == 3
	})
	return best
}

// samePath reports whether two paths name one place, links aside.
func samePath(a, b string) bool {
	if a == b {
		return true
	}
	absA, errA := filepath.Abs(a)
	absB, errB := filepath.Abs(b)
	return errA == nil && errB == nil && absA == absB
}
