package certstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"mtlsprobe/certstore/config"
	"mtlsprobe/certstore/token"
)

// configuration reads a file's content as a configuration, if it is one.
func (r *reader) configuration(f *file, data []byte) (*config.Config, bool) {
	dirs := []string{filepath.Dir(f.path)}
	if f.dir != "" && f.dir != dirs[0] {
		dirs = append([]string{f.dir}, dirs...)
	}
	return config.Parse(&config.Text{Name: f.path, Dirs: dirs, Data: data, Home: r.options.Home,
		Given: f.path == f.source.Path, Look: f.look})
}

// look says what lies at a path that a configuration may name. What is outside a folder
// that was given is not opened.
func (f *file) look(path string) config.Contents {
	if f.outside(path) != "" {
		return config.Outside
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return config.Absent
	case info.IsDir():
		return config.Folder
	case !info.Mode().IsRegular() || info.Size() > maxFileSize:
		return config.There
	}
	const head = 64 << 10 // comments may come first
	open, err := os.Open(path)
	if err != nil {
		return config.Store // that it cannot be read is worth telling
	}
	defer open.Close()
	data, err := io.ReadAll(io.LimitReader(open, head))
	if err != nil || len(data) == 0 || !mayBeStore(data) {
		return config.There
	}
	return config.Store
}

// Bounds on what configurations include.
const (
	maxIncludeDepth = 10
	maxIncluded     = 1000
)

// references returns what a configuration names, to take the place of the file itself:
// identities, or the CAs that it accepts. It reports whether the file was a configuration.
func (r *reader) references(ctx context.Context, f *file, depth int) (files []*file, ok bool) {
	c := f.config
	if c == nil {
		return nil, false
	}
	notes := &file{path: f.path, source: f.source, err: errNotes}
	note := func(err error) { notes.notes = append(notes.notes, fmt.Errorf("%s: %w", c.Format, err)) }
	if f.is(Candidate) {
		files = r.candidates(ctx, f, notes)
	}
	if f.is(NamedCAs) {
		for _, a := range c.Accepted {
			files = append(files, r.named(ctx, f, notes, a.Path, a.Data, NamedCAs)...)
		}
	}
	for _, text := range c.Notes {
		note(errors.New(text))
	}
	for _, problem := range c.Problems {
		note(problem)
	}
	given := f.path == f.source.Path && !f.source.Found
	if given && depth == 0 {
		if len(c.Own) > 0 {
			note(fmt.Errorf("left out is what the server itself presents: %s", settings(c.Own)))
		}
		if len(c.Accepted) > 0 && !f.is(NamedCAs) {
			note(fmt.Errorf("%s names the CAs that the server accepts: give the file as --named-ca to check for them",
				settings(c.Accepted)))
		}
	}
	files = append(files, r.included(ctx, f, notes, depth)...)
	if len(files) == 0 && len(notes.notes) == 0 && given {
		what := "client certificate"
		if !f.is(Candidate) {
			what = "CA that a server accepts"
		}
		note(fmt.Errorf("it names no %s", what))
	}
	if len(notes.notes) > 0 {
		files = append(files, notes)
	}
	return files, true
}

// settings lists a few of them, with their lines.
func settings(list []config.Named) string {
	const most = 4
	var out []string
	for _, n := range list[:min(len(list), most)] {
		out = append(out, fmt.Sprintf("%s (line %d)", config.Clip(n.Setting), n.Line))
	}
	text := strings.Join(slices.Compact(out), ", ")
	if len(list) > most {
		text += fmt.Sprintf(" and %d more", len(list)-most)
	}
	return text
}

// included returns what the files name that a configuration includes. Each is read once.
func (r *reader) included(ctx context.Context, f, notes *file, depth int) (files []*file) {
	for _, pattern := range f.config.Includes {
		fixed := pattern
		for strings.ContainsAny(fixed, `*?[`) {
			fixed = filepath.Dir(fixed)
		}
		const most = 2 // of elements with patterns: more would go through the whole system
		switch why := f.outside(fixed); {
		case why != "":
			notes.notes = append(notes.notes, fmt.Errorf("it includes %s, %s", quote(config.Clip(pattern)), why))
			continue
		case strings.Count(pattern, string(filepath.Separator))-strings.Count(fixed, string(filepath.Separator)) > most:
			notes.notes = append(notes.notes, fmt.Errorf("it includes %s, a pattern of more than %d folders: give the files "+
				"themselves", quote(config.Clip(pattern)), most))
			continue
		}
		paths, err := filepath.Glob(pattern)
		if err != nil {
			continue
		}
		for _, path := range paths {
			real := resolved(path)
			switch {
			case r.includes[real], f.outside(path) != "":
				continue
			case ctx.Err() != nil:
				return files
			case depth == maxIncludeDepth || len(r.includes) == maxIncluded:
				notes.notes = append(notes.notes, fmt.Errorf("it includes more than %d files, or deeper than %d: %s was not read",
					maxIncluded, maxIncludeDepth, quote(path)))
				return files
			}
			r.includes[real] = true
			files = append(files, r.include(ctx, f, path, depth)...)
		}
	}
	return files
}

// include reads one file that a configuration includes.
func (r *reader) include(ctx context.Context, f *file, path string, depth int) []*file {
	if f.unfollowed(path) != "" {
		return nil
	}
	inner := &file{path: path, source: Source{Path: path, Role: f.source.Role, Found: true}, dir: f.dir}
	if f.path != f.source.Path { // it stays within the folder
		inner.source = f.source
	}
	if inner.dir == "" {
		inner.dir = filepath.Dir(f.path)
	}
	data, err := ReadFile(ctx, path)
	if err != nil {
		inner.err, inner.notes = errNotes, []error{fmt.Errorf("cannot be read, and %s includes it: %w", quote(f.path),
			reason(err))}
		return []*file{inner}
	}
	c, ok := r.configuration(inner, data)
	if !ok {
		return nil
	}
	inner.config = c
	files, _ := r.references(ctx, inner, depth+1)
	return files
}

// candidates returns the identities that a configuration names.
func (r *reader) candidates(ctx context.Context, f, notes *file) (files []*file) {
	seen := make(map[identityKey]*config.Reference)
	var distinct []*config.Reference
	unnamed := 0
	for n := range f.config.References {
		ref := &f.config.References[n]
		id := newIdentityKey(ref)
		// another context of the same user
		if of := seen[id]; id != (identityKey{}) && of != nil && (len(of.Passwords) == 0 || len(ref.Passwords) == 0 ||
			slices.Equal(of.Passwords, ref.Passwords)) {
			of.Passwords = append(of.Passwords, ref.Passwords...)
			continue
		}
		seen[id] = ref
		distinct = append(distinct, ref)
		if ref.Name == "" {
			unnamed++
		}
	}
	for _, ref := range distinct {
		if ref.Note != "" {
			notes.notes = append(notes.notes, fmt.Errorf("%s: %s", f.config.Format,
				strings.TrimPrefix(nameOf(ref)+": "+ref.Note, ": ")))
		}
		label := filepath.Base(f.path)
		switch {
		case f.label != "":
			label = f.label
		case f.property:
			label = f.path
		}
		if ref.Name != "" {
			label += "#" + nameOf(ref)
		} else if unnamed > 1 && ref.Line > 0 {
			label += fmt.Sprintf(":%d", ref.Line)
		}
		files = append(files, r.reference(ctx, f, notes, ref, label)...)
	}
	return files
}

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
func (r *reader) reference(ctx context.Context, f, notes *file, ref *config.Reference, label string) (files []*file) {
	of := &entry{configuration: f.path, elsewhere: ref.KeyElsewhere}
	if ref.Setting != "" {
		of.setting = fmt.Sprintf("%s, line %d", config.Clip(ref.Setting), ref.Line)
	}
	held := func(data []byte) *file {
		return &file{path: f.path, source: Source{Path: f.source.Path, Found: true}, label: label, entry: of, data: data,
			passwords: ref.Passwords}
	}
	parts := [][]byte{ref.KeyData, ref.CertificateData}
	if bytes.Contains(ref.CertificateData, pemBegin) && len(ref.KeyData) > 0 { // DER cannot be joined
		parts = [][]byte{slices.Concat(ref.CertificateData, []byte("\n"), ref.KeyData)}
	}
	for _, data := range parts {
		if len(data) > 0 {
			files = append(files, held(data))
		}
	}
	for n, path := range []string{ref.Certificate, ref.Key} {
		if path == "" || n > 0 && path == ref.Certificate {
			continue
		}
		for _, named := range r.named(ctx, f, notes, path, nil, Candidate) {
			named.entry, named.passwords = of, ref.Passwords
			if n == 0 || ref.Certificate == "" && len(ref.CertificateData) == 0 {
				named.label = label
			} else {
				of.key = path
			}
			if earlier := r.seen[named.real]; earlier != nil && !earlier.named() {
				earlier.replaced = true
			}
			files = append(files, named)
		}
	}
	if key := ref.Authorities + string(ref.AuthoritiesData); key != "" && !r.beside[key] { // one file is often named again
		r.beside[key] = true
		files = append(files, r.named(ctx, f, notes, ref.Authorities, ref.AuthoritiesData, Beside)...)
	}
	return files
}

// named returns the file that a configuration names, or the data in its place; none, and
// a note, for what is not followed.
func (r *reader) named(ctx context.Context, f, notes *file, path string, data []byte, role Role) []*file {
	if len(data) > 0 {
		return []*file{{path: f.path, source: Source{Path: f.source.Path, Role: role, Found: true}, data: data,
			entry: &entry{configuration: f.path}}}
	}
	if why := f.unfollowed(path); why != "" {
		if role != Beside {
			notes.notes = append(notes.notes, fmt.Errorf("it names %s, %s", quote(masked(path)), why))
		}
		return nil
	}
	real := resolved(path)
	return []*file{{path: path, source: Source{Path: path, Role: role, Found: true}, real: real,
		entry: &entry{configuration: f.path},
		read:  r.content(real, func() ([]byte, error) { return ReadFile(ctx, path) })}}
}

// unfollowed says why what a configuration names is not followed; empty if it is. A
// configuration that lies in a folder is somebody's, and not the user's own word: a token's
// module would run within this program, a wrong PIN counts, and a pipe or device may never
// end.
func (f *file) unfollowed(path string) string {
	if token.IsURI(path) {
		return "which is not followed from there: give the URI itself"
	}
	if why := f.outside(path); why != "" {
		return why
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
	const why = "which is outside the folder that was given: give the configuration itself to use it"
	given, err := filepath.Abs(f.source.Path)
	if err != nil {
		return why
	}
	absolute, err := filepath.Abs(path)
	if err != nil || !within(absolute, given) && !within(absolute, resolved(given)) { // nothing is looked at there
		return why
	}
	folder, real := resolved(given), resolved(path)
	if within(real, folder) || within(real, certbotArchive(folder)) {
		return ""
	}
	return why
}

// within reports whether a path is in the folder, or the folder itself, by their names.
func within(path, folder string) bool {
	relative, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(relative)
}

// certbotArchive is the folder that the links in one of certbot's lead to (eff-certbot,
// "Where are my certificates?": live/NAME has links to archive/NAME); the folder itself for
// another.
func certbotArchive(folder string) string {
	live, name := filepath.Split(folder)
	if live = filepath.Clean(live); filepath.Base(live) != "live" {
		return folder
	}
	return filepath.Join(filepath.Dir(live), "archive", name)
}

// nameOf is a reference's name as it may be shown: a URL without user and password.
func nameOf(ref *config.Reference) string {
	return config.Clip(regexp.MustCompile(`//.*@`).ReplaceAllString(ref.Name, "//"))
}
