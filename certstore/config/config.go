// Package config recognises the configuration of TLS clients that names client
// certificates instead of holding them: kubeconfig, curl, PostgreSQL services,
// MySQL and MariaDB option files, Java and Kafka, Git, npm, wget.
//
// Call [Parse] with a file; it opens none, so files that a configuration names or
// includes are the caller's matter. [Places] lists where clients on a host
// usually keep identities.
package config

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Reference is one client identity that a configuration names. It prints, and
// is encoded as JSON, without its secrets.
type Reference struct {
	// Name is the context, service, group or URL it belongs to; empty where the
	// format has no such thing.
	Name string
	// Certificate and Key are files, relative ones joined to the configuration's
	// folder, or "pkcs11:" URIs as written. Key is empty where the certificate's
	// file has the key, too. Both are empty where the data below is there.
	Certificate, Key string
	// CertificateData and KeyData are what the configuration itself holds, in PEM
	// or DER.
	CertificateData []byte
	KeyData         []byte `json:"-"`
	// FromStart says that a relative path counts from the folder in which the client
	// is started, whichever that is. The configuration's own was taken.
	FromStart bool
	// Password opens the key or the key store; empty where the configuration has
	// none. KeyPassword is the key's within a key store, where it is another.
	Password    string `json:"-"`
	KeyPassword string `json:"-"`
	// PasswordNote says where the password comes from.
	PasswordNote string
	// Authorities is the file of CA certificates that is named beside;
	// AuthoritiesData is what the configuration itself holds.
	Authorities     string
	AuthoritiesData []byte
	// Note is what a person should know, as in `exec plugin "x" brings the
	// certificate at run time: it is named, not run`.
	Note string
}

// String names the reference and its files.
func (r Reference) String() string {
	text := fmt.Sprintf("certificate %q, key %q", r.Certificate, r.Key)
	if r.Name != "" {
		text = r.Name + ": " + text
	}
	return text
}

// GoString is as String, for there are secrets inside.
func (r Reference) GoString() string { return r.String() }

func (r Reference) namesIdentity() bool {
	return r.Certificate != "" || r.Key != "" || len(r.CertificateData) > 0 || len(r.KeyData) > 0
}

// addNote appends to the note.
func (r *Reference) addNote(format string, args ...any) {
	if r.Note != "" {
		r.Note += "; "
	}
	r.Note += fmt.Sprintf(format, args...)
}

// setPassword notes a password that the configuration holds.
func (r *Reference) setPassword(password string) {
	if password != "" {
		r.Password, r.PasswordNote = password, "the configuration contains the password itself"
	}
}

// Config is what a configuration names.
type Config struct {
	// Format is for people, as in "kubeconfig".
	Format     string
	References []Reference
	// KeyElsewhere says that where a reference names no key, the client looks for it in
	// a place of its own, and not in the certificate's file.
	KeyElsewhere bool
	// Problems are what could not be read. They contain no values.
	Problems []error
}

// Bounds on a configuration. The largest in practice, kubeconfigs of many clusters,
// have some 100 KiB.
const (
	maxSize       = 1 << 20 // bytes
	maxReferences = 1000
	maxProblems   = 100
)

// A format is one kind of configuration.
type format struct {
	name string
	// files are customary names. Under one of them a file is of the format even
	// if it names no identity.
	files []string
	// read returns nil if the text is not of the format, or names no identity.
	read func(*source) *Config
}

// formats lists the more distinctive ones first.
func formats() []format {
	return []format{
		{"kubeconfig", []string{"kubeconfig"}, readKubeconfig},
		{"Java system properties", nil, readJavaOptions},
		{"Java properties", nil, readProperties},
		{"npm configuration", []string{".npmrc", "npmrc"}, readNPM},
		{"Git configuration", []string{".gitconfig", "gitconfig"}, readGit},
		{"MySQL option file", []string{".my.cnf", "my.cnf", "my.ini"}, readMySQL},
		{"PostgreSQL service file", []string{".pg_service.conf", "pg_service.conf"}, readPostgres},
		{"wget configuration", []string{".wgetrc", "wgetrc", "wget.ini"}, readWget},
		{"curl configuration", []string{".curlrc", "_curlrc", "curlrc"}, readCurl},
	}
}

// Parse reads a configuration. The format is told by the content, and by the name
// where that decides nothing. The folder is dir, and home is what "~" stands for in
// formats that know it. Parse returns nil, false if data is none of the formats.
func Parse(name, dir string, data []byte, home string) (*Config, bool) {
	if len(data) > maxSize || bytes.IndexByte(data, 0) >= 0 || !utf8.Valid(data) {
		return nil, false
	}
	text := strings.TrimPrefix(string(data), "\ufeff")
	s := &source{dir: dir, home: home, text: strings.ReplaceAll(text, "\r\n", "\n")}
	for _, f := range formats() {
		if !slices.Contains(f.files, filepath.Base(name)) {
			continue
		}
		s.customary = true
		c := f.read(s)
		if c == nil {
			c = &Config{}
		}
		return c.finish(f), true
	}
	for _, f := range formats() {
		if c := f.read(s); c != nil {
			return c.finish(f), true
		}
	}
	return nil, false
}

// finish names the format and keeps to the bounds.
func (c *Config) finish(f format) *Config {
	c.Format = f.name
	if len(c.References) > maxReferences {
		c.References = c.References[:maxReferences]
		c.Problems = append([]error{fmt.Errorf("it names more than %d identities", maxReferences)}, c.Problems...)
	}
	c.Problems = c.Problems[:min(len(c.Problems), maxProblems)]
	return c
}

// A source is the file that is read.
type source struct {
	dir, home, text string
	customary       bool // its name is one of the format that is tried
}

// A pathRule is how a client understands a path.
type pathRule struct {
	tilde     bool // "~/" is the home directory
	fromStart bool // a relative path counts from where the client is started
}

// resolve makes the paths of a reference absolute.
func (s *source) resolve(r *Reference, rule pathRule) {
	relative := false
	for _, path := range []*string{&r.Certificate, &r.Key, &r.Authorities} {
		rest, isHome := strings.CutPrefix(*path, "~/")
		switch {
		case *path == "" || strings.HasPrefix(*path, "pkcs11:") || filepath.IsAbs(*path):
		case rule.tilde && isHome && s.home != "":
			*path = filepath.Join(s.home, rest)
		default:
			relative = true
			*path = filepath.Join(s.dir, *path)
		}
	}
	if relative && rule.fromStart {
		r.FromStart = true
		r.addNote("a relative path counts from the folder in which the client is started")
	}
}

// found returns a Config of the references that name an identity, or nil if none
// does.
func (s *source) found(references []Reference, rule pathRule) *Config {
	references = slices.DeleteFunc(references, func(r Reference) bool { return !r.namesIdentity() })
	if len(references) == 0 {
		return nil
	}
	for i := range references {
		s.resolve(&references[i], rule)
	}
	return &Config{References: references}
}

// isPEM reports whether a value is the thing itself and not its file's name.
func isPEM(value string) bool {
	block, _ := pem.Decode([]byte(value))
	return block != nil
}
