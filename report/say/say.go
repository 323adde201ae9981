// Package say is text whose parts know what they are: literal words and typed
// values such as names, files and times. A writer can then shorten, quote, link
// or redact a value without guessing where it begins.
//
// Call [Text] with literal strings and values made by [DN], [File], [Host] and
// their neighbours. [Phrase.String] is the plain rendering.
//
// The package is a leaf: it imports nothing of this program, and everything that
// has something to tell may import it. No code decides anything by reading a
// phrase.
package say

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Kind says what a part of a phrase is.
type Kind uint8

// The kinds of parts. Literal is this program's own text; every other kind is a
// value that may name somebody or something.
const (
	Literal Kind = iota
	NameKind
	FileKind
	HostKind
	AccountKind
	QuoteKind  // words of a server, a file or the operating system
	DigestKind // fingerprints, serial numbers and key identifiers
	TimeKind
	DateKind // a day, in UTC
	// UnknownKind is a phrase that was read back from JSON: its parts are not known
	// any more, so it may hold any value.
	UnknownKind
)

// A Part is literal text or one typed value.
type Part struct {
	Kind  Kind
	Value string    // empty for times and dates
	Time  time.Time // for TimeKind and DateKind only
}

// String renders the part: names as they are, times in RFC 3339 in UTC, files,
// accounts and foreign words quoted so that no character acts on a terminal.
func (p Part) String() string {
	switch p.Kind {
	case FileKind, AccountKind, QuoteKind:
		return strconv.Quote(p.Value)
	case TimeKind:
		return p.Time.UTC().Format(time.RFC3339)
	case DateKind:
		return p.Time.UTC().Format(time.DateOnly)
	}
	return p.Value
}

// DN is a distinguished name in RFC 4514 form, already free of control characters.
func DN(name string) Part { return Part{Kind: NameKind, Value: name} }

// File is a path, or another source as it was given.
func File(path string) Part { return Part{Kind: FileKind, Value: path} }

// Host is a host name or address, with or without a port.
func Host(host string) Part { return Part{Kind: HostKind, Value: host} }

// Account is a user or group, of the operating system or of a server.
func Account(name string) Part { return Part{Kind: AccountKind, Value: name} }

// Quote is what somebody else said: a server, a file, the operating system.
func Quote(words string) Part { return Part{Kind: QuoteKind, Value: words} }

// Digest is a fingerprint, serial number or key identifier.
func Digest(sum []byte) Part { return Part{Kind: DigestKind, Value: hex.EncodeToString(sum)} }

// Time is an instant.
func Time(t time.Time) Part { return Part{Kind: TimeKind, Time: t} }

// Date is the day of an instant, in UTC.
func Date(t time.Time) Part { return Part{Kind: DateKind, Time: t} }

// A Phrase is a text of literal words and typed values, in order. The nil Phrase
// says nothing.
type Phrase []Part

// Text makes a phrase of strings, which are literal, parts, phrases, and values of
// this program's own such as numbers and enumerations, which are rendered as
// literal text. Empty strings vanish, so Text("") is nil.
func Text(parts ...any) Phrase {
	var p Phrase
	for _, part := range parts {
		switch v := part.(type) {
		case Part:
			p = append(p, v)
		case Phrase:
			p = append(p, v...)
		case string:
			p = p.literal(v)
		default:
			p = p.literal(fmt.Sprint(v))
		}
	}
	return p
}

func (p Phrase) literal(text string) Phrase {
	switch n := len(p); {
	case text == "":
		return p
	case n > 0 && p[n-1].Kind == Literal:
		joined := append(Phrase(nil), p...)
		joined[n-1].Value += text
		return joined
	}
	return append(p, Part{Value: text})
}

// Join puts the separator between the phrases that say something.
func Join(separator string, phrases ...Phrase) Phrase {
	var p Phrase
	for _, phrase := range phrases {
		if len(phrase) == 0 {
			continue
		}
		if len(p) > 0 {
			p = p.literal(separator)
		}
		p = Text(p, phrase)
	}
	return p
}

// List joins values of one kind with commas.
func List[T any](value func(T) Part, values ...T) Phrase {
	phrases := make([]Phrase, len(values))
	for n, v := range values {
		phrases[n] = Phrase{value(v)}
	}
	return Join(", ", phrases...)
}

// String renders every part.
func (p Phrase) String() string {
	var b strings.Builder
	for _, part := range p {
		b.WriteString(part.String())
	}
	return b.String()
}

// Map returns the phrase with every part replaced.
func (p Phrase) Map(replace func(Part) Part) Phrase {
	var out Phrase
	for _, part := range p {
		out = append(out, replace(part))
	}
	return out
}

// MarshalJSON writes the phrase as a string: the parts stay with the program that
// made it.
func (p Phrase) MarshalJSON() ([]byte, error) { return json.Marshal(p.String()) }

// UnmarshalJSON reads a string as one part of UnknownKind, or as nil if empty.
func (p *Phrase) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	*p = nil
	if text != "" {
		*p = Phrase{{Kind: UnknownKind, Value: text}}
	}
	return nil
}
