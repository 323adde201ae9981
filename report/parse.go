package report

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"

	"mtlsprobe/report/say"

	"github.com/google/jsonschema-go/jsonschema"
)

// maxValues bounds the values of a report that is read.
const maxValues = 1_000_000

// Parse reads a saved report of this schema, from whomever it comes: one that does not
// keep to the schema is refused, and what a terminal or a reader might act upon, such
// as escape sequences and marks that change the direction of text, becomes U+FFFD.
// Its sentences get back the values that they were made of; in a report that does not
// list them they are not known, and a redaction removes such sentences.
func Parse(data []byte) (*Report, error) {
	var r Report
	if err := json.Unmarshal(data, &r); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return nil, fmt.Errorf("it is not JSON, from byte %d on", syntax.Offset)
		}
		return nil, err
	}
	if r.Schema != Schema {
		return nil, fmt.Errorf("schema %q is not %q", cmp.Or(r.Schema, "none"), Schema)
	}
	if err := validate(data); err != nil {
		return nil, err
	}
	if err := r.consistent(); err != nil {
		return nil, err
	}
	clean(&r)
	if r.Values == nil {
		return &r, nil
	}
	s := newSplitter(r.Values)
	eachPhrase(&r, func(phrase say.Phrase) say.Phrase { return s.split(phrase[0].Value) })
	return &r, nil
}

// eachPhrase replaces the sentences of a report that was read: each is one part.
func eachPhrase(r *Report, replace func(say.Phrase) say.Phrase) {
	new(redactor).walk(reflect.ValueOf(r).Elem(), "", func(v reflect.Value, _ string) {
		if phrase, ok := v.Interface().(say.Phrase); ok && len(phrase) == 1 {
			v.Set(reflect.ValueOf(replace(phrase)))
		}
	})
}

// clean replaces what is not to be shown, in every string and sentence.
func clean(r *Report) {
	new(redactor).walk(reflect.ValueOf(r).Elem(), "", func(v reflect.Value, _ string) {
		if v.Kind() == reflect.String {
			v.SetString(cleaned(v.String()))
		}
	})
	eachPhrase(r, func(phrase say.Phrase) say.Phrase {
		part := phrase[0] // which stays one whose kind is not known
		part.Value = cleaned(part.Value)
		return say.Phrase{part}
	})
}

func cleaned(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsGraphic(r) || r == '\n' || r == '\t' {
			return r
		}
		return utf8.RuneError
	}, s)
}

// consistent says why the parts of a report do not belong together; nil if they do.
func (r *Report) consistent() error {
	if len(r.Values) > maxValues {
		return errors.New("it lists more values than any report has")
	}
	for n, part := range r.Reports {
		if part == nil || part.Target == nil || len(part.Reports) > 0 {
			return fmt.Errorf("/reports/%d is not the report of one target", n)
		}
		if err := part.consistent(); err != nil {
			return fmt.Errorf("/reports/%d: %w", n, err)
		}
	}
	if r.Migration == nil {
		return nil
	}
	for n := range r.Migration.Rows {
		if row := &r.Migration.Rows[n]; len(row.Cells) != len(r.Migration.Phases) {
			return fmt.Errorf("/migration/rows/%d has %d cells for %d phases", n, len(row.Cells), len(r.Migration.Phases))
		}
	}
	return nil
}

// validate holds a report against the schema. The error names the part of the schema that it does
// not keep to.
func validate(data []byte) error {
	var schema jsonschema.Schema
	if err := json.Unmarshal(JSONSchema(), &schema); err != nil {
		return err
	}
	resolved, err := schema.Resolve(&jsonschema.ResolveOptions{BaseURI: "schema:///"})
	if err != nil {
		return err
	}
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		return err
	}
	if err := resolved.Validate(value); err != nil {
		const longest = 600 // it may quote what is wrong
		text := []rune(plain(err.Error()))
		return fmt.Errorf("it does not keep to the schema, which mtlsprobe render --schema prints: %s",
			string(text[:min(len(text), longest)]))
	}
	return nil
}
