package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"
)

// FuzzParse takes anything for a saved report: what is taken can be written in every
// format, compared and redacted, and acts upon no terminal.
func FuzzParse(f *testing.F) {
	for _, r := range []*Report{sample(1), sample(3), secretive()} {
		data, err := json.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"schema":"mtlsprobe/1","generated_at":"2026-01-01T00:00:00Z","judged_at":"2026-01-01T00:00:00Z","identities":[],"migration":{"phases":[],"rows":[{"label":"x","cells":[]}]}}`))
	// tried, by all it says, and no trial is told; for several servers, too
	odd := `{"schema":"mtlsprobe/1","generated_at":"2026-01-01T00:00:00Z","judged_at":"2026-01-01T00:00:00Z",` +
		`"identities":[{"label":"a","source":"a","key":{"state":"usable"},"verdict":"fits","basis":"tried"},` +
		`{"label":"b","source":"a","key":{"state":"usable"},"verdict":"does-not-fit","basis":"tried"}]`
	f.Add([]byte(odd + `}`))
	part := odd + `,"target":{"address":"a:1","server_name":"a","protocol":"https"}}`
	f.Add([]byte(odd + `,"reports":[` + part + `,` + part + `]}`))
	f.Add([]byte(odd + `,"reports":[` + odd + `}]}`))
	f.Add([]byte(`{"schema":"mtlsprobe/1","generated_at":"2026-01-01T00:00:00Z","judged_at":"2026-01-01T00:00:00Z",` +
		`"identities":[{"label":"a","source":"a","key":{"state":"usable"},"verdict":"fits","basis":"tried"}]}`))
	other := sample(2)
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Parse(data)
		if err != nil {
			return
		}
		redacted, _ := Redact(r)
		for _, one := range []*Report{r, redacted} {
			for _, name := range Formats() {
				var b bytes.Buffer
				if err := Write(&b, Format{Name: name, Width: 80, Clients: true, Paths: true, Timeline: true, Transcript: true},
					one); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				if err := Write(&b, Format{Name: name, Width: 80}, one); err != nil {
					t.Errorf("%s, short: %v", name, err)
				}
				if strings.ContainsFunc(b.String(), func(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsGraphic(r) }) {
					t.Errorf("%s has what a terminal acts upon: %q", name, b.String())
				}
			}
		}
		for _, c := range append(Compare(r, other), Compare(other, r)...) {
			_ = c.String()
		}
	})
}
