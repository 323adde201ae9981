package report

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"mtlsprobe/report/say"
)

// A Value is a name, file, time or the like that is used in a sentence of the report.
type Value struct {
	Kind string `json:"kind" redact:"keep"` // name, file, host, account, quote, digest, time, date
	Text string `json:"text" redact:"drop"` // as it is in the sentences
}

func kindNames() map[say.Kind]string {
	return map[say.Kind]string{say.NameKind: "name", say.FileKind: "file", say.HostKind: "host",
		say.AccountKind: "account",
		say.QuoteKind:   "quote", say.DigestKind: "digest", say.TimeKind: "time",
		say.DateKind: "date", say.UnknownKind: "unknown"}
}

// values lists what the sentences use, in a stable order.
func values(r *Report) []Value {
	names := kindNames()
	seen := make(map[Value]bool)
	new(redactor).walk(reflect.ValueOf(r).Elem(), "", func(v reflect.Value, _ string) {
		if v.Type() != reflect.TypeFor[say.Phrase]() {
			return
		}
		for _, part := range v.Interface().(say.Phrase) {
			if part.Kind != say.Literal && part.Value+part.Time.String() != "" {
				seen[Value{names[part.Kind], part.String()}] = true
			}
		}
	})
	list := slices.SortedFunc(maps.Keys(seen), func(a, b Value) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind),
			cmp.Compare(a.Text, b.Text))
	})
	if list == nil {
		list = []Value{} // there are none, which is known
	}
	return list
}

// A splitter finds known values in sentences, by their first four bytes.
type splitter struct {
	byPrefix map[string][]say.Part
	left     int // bytes that may still be compared
}

// maxCompared bounds the bytes that are compared for one report: for those that this
// program writes, thousands of identities among them, far less is enough.
const maxCompared = 256 << 20

const prefixLength = 4

func prefixOf(s string) string { return s[:min(len(s), prefixLength)] }

func newSplitter(values []Value) *splitter {
	kinds := make(map[string]say.Kind)
	for kind, name := range kindNames() {
		kinds[name] = kind
	}
	s := &splitter{byPrefix: make(map[string][]say.Part), left: maxCompared}
	for _, v := range values {
		kind, known := kinds[v.Kind]
		if !known || v.Text == "" {
			kind = say.UnknownKind
		}
		s.byPrefix[prefixOf(v.Text)] = append(s.byPrefix[prefixOf(v.Text)], part(kind, v.Text))
	}
	for _, parts := range s.byPrefix { // the longest first: one may begin with another
		slices.SortFunc(parts, func(a, b say.Part) int { return cmp.Compare(len(b.String()), len(a.String())) })
	}
	return s
}

// part is the value whose rendering is the text; of UnknownKind if it is none.
func part(kind say.Kind, text string) say.Part {
	p := say.Part{Kind: kind, Value: text}
	switch kind {
	case say.FileKind, say.AccountKind, say.QuoteKind:
		p.Value = unquote(text)
	case say.TimeKind, say.DateKind:
		p.Value = ""
		layout := map[say.Kind]string{say.TimeKind: time.RFC3339, say.DateKind: time.DateOnly}[kind]
		p.Time, _ = time.Parse(layout, text)
	}
	if p.String() != text {
		return say.Part{Kind: say.UnknownKind, Value: text}
	}
	return p
}

func unquote(text string) string {
	var inner string
	if _, err := fmt.Sscanf(text, "%q", &inner); err != nil {
		return text
	}
	return inner
}

// split finds the values in a sentence. One that would take more work than is left is
// of values that are not known.
func (s *splitter) split(sentence string) say.Phrase {
	var phrase say.Phrase
	literal := 0
	for at := 0; at < len(sentence); {
		if s.left <= 0 {
			return say.Phrase{{Kind: say.UnknownKind, Value: sentence}}
		}
		found := s.at(sentence[at:], at == 0 || !wordByte(sentence[at-1]))
		if found == nil {
			at++
			continue
		}
		phrase = say.Text(phrase, sentence[literal:at], *found)
		at += len(found.String())
		literal = at
	}
	return say.Text(phrase, sentence[literal:])
}

// at returns the longest value that begins the text. One without quotation marks has
// to end where a word ends, and a short one to be a word of its own.
func (s *splitter) at(text string, begins bool) *say.Part {
	for length := min(len(text), prefixLength); length > 0; length-- {
		for n := range s.byPrefix[text[:length]] {
			p := &s.byPrefix[text[:length]][n]
			value := p.String()
			s.left -= len(value)
			ends := len(value) >= len(text) || !wordByte(text[len(value)]) || strings.HasSuffix(value, `"`)
			if strings.HasPrefix(text, value) && ends && (begins || len(value) > prefixLength) {
				return p
			}
		}
	}
	return nil
}

func wordByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '-' || b == '_' || b >= 0x80
}
