// Package config reads the configurations of TLS clients, and of servers that are
// clients of others, for the certificates and keys that they name or contain.
//
// Most say the same thing: somewhere a value is the path of a file that holds a
// certificate, a key or CAs, and near it a value is a password. [Parse] reads any text
// as settings with their places, tells from the words of the keys what they are for,
// and groups what belongs together; a format has code of its own where it has a rule
// of its own.
//
// The package opens nothing itself: it asks the caller what is there. [Places] lists
// where clients on a host usually keep identities.
package config

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// A Reference is one client identity that a configuration names. It prints, and
// is encoded as JSON, without its secrets.
type Reference struct {
	// Name is the context, service, section, Secret or URL it belongs to; empty where the
	// configuration has no such thing.
	Name string
	// Setting is the key that names it, as it is written, and Line where, from 1; empty
	// and 0 where that is not known.
	Setting string
	Line    int
	// Certificate and Key are files, found as [Text] says, or "pkcs11:" URIs as written.
	// Key is empty where the certificate's file has the key, too.
	Certificate, Key string
	// CertificateData and KeyData are what the configuration itself holds: PEM, DER or a
	// key store. CertificateData may have the key, too.
	CertificateData []byte `json:"-"`
	KeyData         []byte `json:"-"`
	// Passwords open the key or the key store; the likelier ones come first.
	Passwords []string `json:"-"`
	// Authorities is the file of CA certificates that is named beside;
	// AuthoritiesData is what the configuration itself holds.
	Authorities     string
	AuthoritiesData []byte
	// KeyElsewhere says that where no key is named, it may lie anywhere, and not in the
	// certificate's file alone.
	KeyElsewhere bool
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
	note := fmt.Sprintf(format, args...)
	switch {
	case r.Note == "":
		r.Note = note
	case !strings.Contains(r.Note, note):
		r.Note += "; " + note
	}
}

// Config is what a configuration names.
type Config struct {
	// Format is for people, as in "kubeconfig"; "configuration" for one that is not known.
	Format     string
	References []Reference
	// Accepted are the CAs that a server accepts client certificates of, as far as the
	// configuration is a server's.
	Accepted []Named
	// Own are the server's own certificates, which it is no client with.
	Own []Named
	// Includes are paths or patterns of further files that belong to it.
	Includes []string
	// Notes are what a person should know of it.
	Notes []string
	// Problems are what could not be read. They contain no values.
	Problems []error
}

// A Named is a file that a setting names, or the data in its place.
type Named struct {
	Setting string
	Line    int
	Path    string
	Data    []byte
}

// Contents is what is known of a path.
type Contents int

// The contents of a path.
const (
	Absent  Contents = iota // there is no such file
	Outside                 // it is not to be looked at
	Folder                  // it is a folder
	There                   // there is a file, and it is not of the kind below
	Store                   // it may hold a certificate or a key
)

// A Text is a configuration to be read.
type Text struct {
	Name string // its file's
	// Dirs are the folders that relative paths count from: the one of the file that was
	// given, and then, for a file that it includes, its own. Where programs do so, the
	// folder in which they run comes last.
	Dirs []string
	Home string // what "~" stands for; empty for nothing
	Data []byte
	// Given says that somebody gave the file itself: then any text may be a
	// configuration, and else one of a format that is known alone.
	Given bool
	// Look says what a path leads to; nil finds nothing.
	Look func(path string) Contents
}

// Bounds on what comes of a configuration.
const (
	maxReferences = 1000
	maxProblems   = 100
	maxIncludes   = 100
	maxOption     = 4096 + 64 // bytes of a value: a path of Linux (PATH_MAX) with its name
)

// Parse reads a configuration. It returns nil, false for a text that names no identity
// and bears no customary name of one that may.
func Parse(t *Text) (*Config, bool) {
	if len(t.Data) > maxSize || bytes.IndexByte(t.Data, 0) >= 0 || !utf8.Valid(t.Data) {
		return nil, false
	}
	text := strings.TrimPrefix(string(t.Data), "\ufeff")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if c := readKubeconfig(t, text); c != nil {
		return c.finish("kubeconfig"), true
	}
	v := newVocabulary()
	d := v.document(text)
	if d == nil {
		return nil, false
	}
	f := dialectOf(t.Name, d)
	if !t.Given && f.name == "" {
		return nil, false
	}
	c := gather(t, f, d, v)
	if f.name == "" && len(c.References)+len(c.Accepted)+len(c.Includes) == 0 {
		return nil, false
	}
	return c.finish(f.name), true
}

// finish names the format and keeps to the bounds.
func (c *Config) finish(format string) *Config {
	if c.Format = format; format == "" {
		c.Format = "configuration"
	}
	if len(c.References) > maxReferences {
		c.References = c.References[:maxReferences]
		c.Problems = append([]error{fmt.Errorf("it names more than %d identities", maxReferences)}, c.Problems...)
	}
	c.Problems = c.Problems[:min(len(c.Problems), maxProblems)]
	slices.Sort(c.Includes)
	c.Includes = slices.Compact(c.Includes)
	c.Includes = c.Includes[:min(len(c.Includes), maxIncludes)]
	return c
}

// document reads a text by its syntax; nil for one that is no configuration.
func (v *vocabulary) document(text string) *document {
	trimmed := strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(trimmed, "<"):
		root, err := readXML(text)
		if err == nil || strings.HasPrefix(trimmed, "<?xml") || strings.HasPrefix(trimmed, "<!DOCTYPE") {
			return v.readNodes([]*yaml.Node{root}, err)
		}
	case isTree(text):
		roots, err := readTrees(text)
		if err == nil || len(roots) > 0 {
			return v.readNodes(roots, err)
		}
		if strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "---\n") {
			return v.readNodes(nil, err)
		}
	}
	return v.readStatements(text)
}

// Clip bounds what a configuration says, where it is shown.
func Clip(text string) string {
	const most = 60
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}
