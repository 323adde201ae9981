package report

import (
	"bytes"
	"fmt"
	"testing"
)

// A report is written a few identities at a time, and byte by byte as it would be at once.
func TestWriteReport(t *testing.T) {
	for _, count := range []int{0, 1, 63, 64, 65, 130} {
		r := &Report{Schema: Schema, Identities: []Identity{}, Problems: []string{"\n  \"identities\": ["},
			Values: []Value{}}
		for n := range count {
			r.Identities = append(r.Identities, Identity{Label: fmt.Sprintf("<%d>\u202e", n),
				Findings: []Finding{{Check: "x"}}})
		}
		for name, report := range map[string]*Report{"one": r,
			"several": {Identities: []Identity{}, Reports: []*Report{r, r}}} {
			var got, want bytes.Buffer
			if err := writeReport(&got, report); err != nil {
				t.Fatal(err)
			}
			if err := WriteJSON(&want, report); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want.Bytes()) {
				t.Errorf("%s of %d:\n%s\n%s", name, count, got.Bytes(), want.Bytes())
			}
		}
	}
}
