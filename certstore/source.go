package certstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
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
		return r.variable(s)
	case name == "spiffe":
		return r.spiffe(ctx, s)
	case name == "kubeconfig":
		return r.kubeContext(ctx, s)
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

// variable is what a variable of the environment contains: PEM, or the base64 of PEM, DER or a
// key store, as secrets of CI systems are.
func (r *reader) variable(s *Source) (*file, error) {
	fail := func(err error) (*file, error) {
		return nil, &SourceError{Source: s.Path, Kind: NothingFound, Err: err}
	}
	value := r.getenv(strings.TrimPrefix(s.Path, "env:"))
	if value == "" {
		return fail(errors.New("names a variable that is not set, or is empty"))
	}
	data := config.Embedded(value)
	if data == nil {
		data = []byte(value)
		if _, err := os.Stat(value); err == nil {
			return fail(fmt.Errorf("names a variable that contains the path of a file: give that, %s",
				quote(value)))
		}
	}
	return &file{path: s.Path, source: *s, data: data}, nil
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
