package config

import (
	"slices"
	"strings"
)

// A document is a configuration as settings with their places, whatever its syntax.
type document struct {
	settings []setting
	blocks   []block
	problems []error // what could not be read; they contain no values
	notes    []string
	sections map[string]int // blocks of headings by their names
}

// A setting is one value under its keys.
type setting struct {
	// keys lead to it, the innermost last: ["tls_config", "cert_file"]. A dotted key is one
	// of them. At a position of a statement it is the word before.
	keys  []string
	value string // as it is written, with quotes
	line  int    // from 1
	block int    // index of its block
	// literal says that the syntax has been read to its end: the value is what it says.
	literal bool
	// directive says that the value stands behind the key without a sign between.
	directive bool
	// dashed says that it is an option "--key=value".
	dashed bool
	// statement is the first word of the statement it is an option of; mostly empty.
	statement string
}

// key is the innermost key, as a person knows it.
func (s *setting) key() string { return s.keys[len(s.keys)-1] }

// name is the keys, dotted.
func (s *setting) name() string { return strings.Join(s.keys, ".") }

// shown is the last of the keys, for people.
func (s *setting) shown() string {
	const most = 3
	keys := slices.DeleteFunc(slices.Clone(s.keys), func(key string) bool { return key == "" })
	return strings.Join(keys[max(0, len(keys)-most):], ".")
}

// A block is what belongs together: a section, what stands in braces, an element of a
// list, a command. The first of a document is the document itself.
type block struct {
	name   string // of a section in brackets, or what stands before a brace; mostly empty
	parent int    // index; that of the first is itself
}

func newDocument() *document { return &document{blocks: []block{{}}, sections: make(map[string]int)} }

// section returns the block of a heading: one of the same name is the same.
func (d *document) section(name string) int {
	if d.sections[name] == 0 {
		d.sections[name] = d.open(0, name)
	}
	return d.sections[name]
}

// open begins a block and returns its index.
func (d *document) open(parent int, name string) int {
	d.blocks = append(d.blocks, block{name: name, parent: parent})
	return len(d.blocks) - 1
}

// within reports whether a block is the outer one, or lies in it.
func (d *document) within(inner, outer int) bool {
	for inner != outer {
		if inner == 0 {
			return false
		}
		inner = d.blocks[inner].parent
	}
	return true
}

// Bounds on a document. The largest in practice, lists of Kubernetes Secrets and
// kubeconfigs of many clusters, come to some hundred KiB.
const (
	maxSize     = 4 << 20 // bytes
	maxSettings = 100_000
	maxDepth    = 100
)

func (d *document) add(s setting) {
	if len(d.settings) < maxSettings {
		d.settings = append(d.settings, s)
	}
}

// lines counts the lines of a text, from 1.
type lines struct {
	text string
	at   int // how far it was counted
	line int
}

// to returns the line of an offset, which is no smaller than those before.
func (l *lines) to(offset int) int {
	offset = min(offset, len(l.text))
	if offset > l.at {
		l.line += strings.Count(l.text[l.at:offset], "\n")
		l.at = offset
	}
	return l.line + 1
}
