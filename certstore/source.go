package certstore

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"mtlsprobe/certstore/config"
	"mtlsprobe/certstore/token"
)

// special takes the sources that are no files. It returns nil for others; s may be
// changed into a file.
func (r *reader) special(ctx context.Context, s *Source) (*file, error) {
	s.given = s.Path
	fail := func(kind ErrorKind, err error) (*file, error) {
		return nil, &SourceError{Source: s.Path, Kind: kind, Err: err}
	}
	if s.Path == "-" && r.options.Stdin != nil {
		data, err := r.options.Stdin(ctx)
		if err != nil {
			return fail(NotReadable, err)
		}
		return &file{path: s.Path, source: *s, data: data, label: "stdin"}, nil
	}
	if _, err := os.Lstat(s.Path); err == nil {
		return nil, nil // what exists as a file is one
	}
	name, _, found := strings.Cut(s.Path, ":")
	if !found {
		name = ""
	}
	switch {
	case token.IsURI(s.Path):
		uri, err := token.ParseURI(s.Path)
		if err != nil { // the URI may hold a PIN
			s.Path = "pkcs11:"
			return fail(NotUnderstood, err)
		}
		s.Path = uri.String()
		return &file{path: s.Path, source: *s, token: uri}, nil
	case name == "env":
		value := r.getenv(strings.TrimPrefix(s.Path, "env:"))
		if value == "" {
			return fail(NothingFound, errors.New("names a variable that is not set, or is empty"))
		}
		if !strings.Contains(value, "-----BEGIN ") {
			if _, err := os.Stat(value); err == nil {
				return fail(NothingFound, fmt.Errorf("names a variable that contains the path of a file: give that, %s",
					quote(value)))
			}
		}
		return &file{path: s.Path, source: *s, data: []byte(strings.ReplaceAll(value, `\n`, "\n"))}, nil
	case name == "store":
		return &file{path: s.Path, source: *s, store: strings.TrimPrefix(s.Path, "store:")}, nil
	case name == "credential":
		dir := r.getenv("CREDENTIALS_DIRECTORY")
		if dir == "" {
			return fail(NothingFound,
				errors.New("names a systemd credential, and CREDENTIALS_DIRECTORY is not set: run within the unit"))
		}
		s.Path = filepath.Join(dir, filepath.Base(strings.TrimPrefix(s.Path, "credential:")))
	case name == "sql":
		s.Path = strings.TrimPrefix(s.Path, "sql:")
	case javaProperty().MatchString(s.Path):
		f := &file{path: masked(s.Path), source: *s, dir: ".", property: true,
			// a shell is no file of properties
			data: []byte(strings.NewReplacer(",javax.net.ssl.", "\njavax.net.ssl.", `\`, `\\`).Replace(s.Path))}
		f.source.Path = f.path
		return f, nil
	}
	return nil, nil
}

func javaProperty() *regexp.Regexp { return regexp.MustCompile(`(?i)javax\.net\.ssl\.`) }

// masked is a source as it may be shown: without what stands after a password or
// PIN.
func masked(path string) string {
	return regexp.MustCompile(`(?i)(password|pin-value)\s*[=:\s].*`).ReplaceAllString(path, "$1=…")
}

func (r *reader) getenv(name string) string {
	if r.options.Getenv == nil {
		return ""
	}
	return r.options.Getenv(name)
}

// references returns what a client's configuration names, to take the place of the
// file itself. It reports whether the file was a configuration.
func (r *reader) references(ctx context.Context, f *file) (files []*file, ok bool) {
	c := f.config
	if c == nil {
		return nil, false
	}
	notes := &file{path: f.path, source: f.source, err: errNotes}
	seen := make(map[identityKey]*config.Reference)
	var distinct []*config.Reference
	for n := range c.References {
		ref := &c.References[n]
		id := newIdentityKey(ref)
		// another context of the same user
		if of := seen[id]; id != (identityKey{}) && of != nil && agree(of.Password, ref.Password) &&
			agree(of.KeyPassword, ref.KeyPassword) {
			of.Password, of.KeyPassword = cmp.Or(of.Password, ref.Password), cmp.Or(of.KeyPassword, ref.KeyPassword)
			continue
		}
		seen[id] = ref
		distinct = append(distinct, ref)
	}
	for _, ref := range distinct {
		if ref.Note != "" && ref.Note != "the current context" {
			notes.notes = append(notes.notes, fmt.Errorf("%s: %s", c.Format,
				strings.TrimPrefix(nameOf(ref)+": "+ref.Note, ": ")))
		}
		files = append(files, r.reference(ctx, f, notes, ref)...)
	}
	for _, problem := range c.Problems {
		notes.notes = append(notes.notes, fmt.Errorf("%s: %w", c.Format, problem))
	}
	if len(files) == 0 && len(notes.notes) == 0 && !f.source.Found {
		notes.notes = append(notes.notes, fmt.Errorf("%s: it names no client certificate", c.Format))
	}
	if len(notes.notes) > 0 {
		files = append(files, notes)
	}
	return files, true
}

// agree reports whether two passwords may be one: where one is not told, it is the
// other's.
func agree(a, b string) bool { return a == "" || b == "" || a == b }

// errNotes marks a file that has nothing but notes.
var errNotes = errors.New("contains notes only")

// An identityKey is equal for references to one identity: by the names of its
// files, or the memory of its data.
type identityKey struct {
	certificate, key         string
	certificateData, keyData *byte
}

// first points to the beginning of data; nil for none.
func first(data []byte) *byte {
	if len(data) == 0 {
		return nil
	}
	return &data[0]
}

func newIdentityKey(ref *config.Reference) identityKey {
	return identityKey{ref.Certificate, ref.Key, first(ref.CertificateData), first(ref.KeyData)}
}

// reference returns the files or the data of one identity that a configuration
// names. They are read whether or not they were found before, for another client
// may have another key or password for them; what was only found below a folder
// stands here alone.
func (r *reader) reference(ctx context.Context, f, notes *file, ref *config.Reference) (files []*file) {
	label := filepath.Base(f.path)
	if ref.Name != "" {
		label += "#" + nameOf(ref)
	}
	passwords := slices.DeleteFunc([]string{ref.Password, ref.KeyPassword}, func(p string) bool { return p == "" })
	of := &entry{configuration: f.path, elsewhere: f.config.KeyElsewhere}
	if data := slices.Concat(ref.CertificateData, []byte("\n"), ref.KeyData); len(data) > 1 {
		if !bytes.Contains(ref.CertificateData, pemBegin) && len(ref.KeyData) > 0 { // DER cannot be joined
			files = append(files, &file{path: f.path, source: Source{Path: f.source.Path, Found: true}, label: label, entry: of,
				data: ref.KeyData, passwords: passwords})
			data = ref.CertificateData
		}
		files = append(files, &file{path: f.path, source: Source{Path: f.source.Path, Found: true}, label: label, entry: of,
			data: data, passwords: passwords})
	}
	for n, path := range []string{ref.Certificate, ref.Key} {
		if path == "" || n > 0 && path == ref.Certificate {
			continue
		}
		if ref.FromStart {
			path = r.fromStart(cmp.Or(f.dir, filepath.Dir(f.path)), path)
		}
		if why := cmp.Or(r.untrusted(path), f.outside(path)); why != "" {
			notes.notes = append(notes.notes, fmt.Errorf("it names %s, %s", quote(masked(path)), why))
			continue
		}
		real := resolved(path)
		named := &file{path: path, source: Source{Path: path, Found: true}, entry: of, passwords: passwords,
			read: r.content(real, func() ([]byte, error) { return ReadFile(ctx, path) })}
		if n == 0 {
			named.label = label
		} else if ref.Certificate != "" {
			of.key = path
		}
		if earlier := r.seen[real]; earlier != nil && !earlier.named() {
			earlier.replaced = true
		}
		files = append(files, named)
	}
	return files
}

// fromStart returns a path that was joined to a configuration's folder as it is
// below the folder of this process, if it is there alone.
func (r *reader) fromStart(dir, path string) string {
	relative, err := filepath.Rel(dir, path)
	if err != nil {
		return path
	}
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if _, err := os.Stat(relative); err != nil {
		return path
	}
	return relative
}

// untrusted says why what a configuration names is not followed; empty if it is. A
// configuration that lies in a folder is somebody's, and not the user's own word:
// a token's module would run within this program, a wrong PIN counts, and a pipe or
// device may never end.
func (r *reader) untrusted(path string) string {
	if token.IsURI(path) {
		return "which is not followed from there: give the URI itself"
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return "which is not a regular file"
	}
	return ""
}

// outside says why what a configuration names is not loaded: it was found below a
// folder, and leads out of it. Whoever can write into the folder would choose what is
// presented. Empty if it is loaded.
func (f *file) outside(path string) string {
	if f.path == f.source.Path {
		return "" // the configuration itself was given
	}
	folder := resolved(f.source.Path)
	if relative, err := filepath.Rel(folder, resolved(path)); err == nil && filepath.IsLocal(relative) {
		return ""
	}
	return "which is outside the folder that was given: give the configuration itself to use it"
}

// nameOf is a reference's name as it may be shown: a URL without user and password.
func nameOf(ref *config.Reference) string {
	return clip(regexp.MustCompile(`//.*@`).ReplaceAllString(ref.Name, "//"))
}

// clip bounds a name that a configuration gives.
func clip(name string) string {
	const most = 60
	if runes := []rune(name); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return name
}

// The files of a database of NSS.
const (
	nssCertificates = "cert9.db"
	nssKeys         = "key4.db"
)

// besideDatabase returns the file of the keys that belong to a database of
// certificates that was named by itself.
func (r *reader) besideDatabase(ctx context.Context, f *file) []*file {
	if filepath.Base(f.path) != nssCertificates || f.err != nil {
		return nil
	}
	keys := filepath.Join(filepath.Dir(f.path), nssKeys)
	if _, err := os.Stat(keys); err != nil {
		return nil
	}
	return one(r.file(ctx, keys, Source{Path: f.source.Path, Role: f.source.Role, Found: true}))
}
