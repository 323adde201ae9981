package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
)

// A text writes a report for people.
type text struct {
	bytes.Buffer
	width  int
	color  bool
	glyphs glyphs
}

func newText(f Format) *text {
	return &text{width: cmp.Or(f.Width, 80), color: f.Color, glyphs: newGlyphs(f.ASCII)}
}

// writeText writes what the server demands, the compatibility table, and for
// each identity the reasons with their remedies.
func writeText(w io.Writer, f Format, r *Report) error {
	t := newText(f)
	if err := t.report(f, r); err != nil {
		return err
	}
	out := t.Bytes()
	if f.ASCII {
		out = bytes.ReplaceAll(out, []byte("…"), []byte("..."))
	}
	_, err := w.Write(out)
	return err
}

func (t *text) report(f Format, r *Report) error {
	if m := newMatrix(r); m != nil {
		return t.matrix(f, r, m)
	}
	if r.Connections != nil {
		if err := t.connections(f, r); err != nil || !f.Transcript {
			return err
		}
		t.transcripts(r)
		return nil
	}
	if !r.judged() {
		for _, fact := range facts(r) {
			t.labelled(fact.Label, fact.Text)
		}
	}
	for n := range r.Sightings {
		t.sighting(n+1, &r.Sightings[n])
	}
	if r.judged() {
		if err := t.judged(f, r); err != nil {
			return err
		}
	} else {
		if err := t.table(r); err != nil {
			return err
		}
		t.reasons(r)
	}
	if f.Servers {
		if err := t.servers(r); err != nil {
			return err
		}
	}
	if f.Clients {
		if err := t.clients(r); err != nil {
			return err
		}
	}
	if f.Paths {
		t.trees(r)
	}
	if f.Timeline {
		t.timelines(r)
	}
	if f.Transcript {
		t.transcripts(r)
	}
	t.notes(f, r)
	return nil
}

// labelled writes a label and a wrapped text beside it.
func (t *text) labelled(label, body string) {
	const indent = 11
	for i, line := range wrap(plain(body), max(20, t.width-indent)) {
		if i > 0 {
			label = ""
		}
		fmt.Fprintf(t, "%-*s%s\n", indent, label, line)
	}
}

// plain replaces what a terminal might act upon: most texts come from servers,
// certificates and file names.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || unicode.IsGraphic(r) && !unicode.IsSpace(r) {
			return r
		}
		return '.'
	}, s)
}

func (t *text) table(r *Report) error {
	columns := compatibility(r)
	if columns == nil {
		return nil
	}
	if t.Len() > 0 {
		t.WriteByte('\n')
	}
	return t.render(columns)
}

// render writes a table, and says which columns had to be hidden.
func (t *text) render(columns []column) error {
	dropped, err := renderTable(t, columns, t.width, t.glyphs.ascii)
	if len(dropped) > 0 {
		hint := "Use a wider terminal or -o html."
		switch {
		case slices.Contains(dropped, examplesHeader): // there is no page of it
			hint = "Use a wider terminal; the lines name each server."
		case slices.Contains(dropped, clientsHeader):
			hint = "Use a wider terminal, --clients, or -o html."
		}
		t.line("", "", fmt.Sprintf("Hidden to fit %d columns: %s. %s", t.width, strings.Join(dropped, ", "), hint))
	}
	return err
}

// reasons writes, for each identity that does not fit or has something to mend,
// what was found in order of weight.
func (t *text) reasons(r *Report) {
	for n := range r.Identities {
		i := &r.Identities[n]
		lines, refusal := reasons(i)
		if len(lines) == 0 && refusal == "" {
			continue
		}
		t.WriteByte('\n')
		for _, l := range wrap(heading(i), t.width) {
			fmt.Fprintln(t, t.emphasis(l))
		}
		first := i.refusedFirst(lines, refusal)
		if first {
			t.item("-", refusal)
		}
		for _, f := range lines {
			t.finding(&f)
		}
		if refusal != "" && !first {
			t.item("-", refusal)
		}
	}
	for n, f := range serverFindings(r) {
		if n == 0 {
			fmt.Fprintf(t, "\n%s\n", t.emphasis("The server"))
		}
		t.finding(&f)
	}
}

func (t *text) finding(f *Finding) {
	t.item(map[string]string{"fail": t.glyphs.fail, "warn": "!"}[f.Result], f.text())
	if f.Remedy != nil {
		t.item("  "+t.glyphs.arrow, f.Remedy.String())
	}
}

func (t *text) item(mark, body string) {
	indent := displayWidth(mark) + 3
	for k, line := range wrap(plain(body), max(20, t.width-indent)) {
		if k == 0 {
			fmt.Fprintf(t, "  %s %s\n", mark, line)
		} else {
			fmt.Fprintf(t, "%*s%s\n", indent, "", line)
		}
	}
}

// paint colours a word, where colours are allowed.
func (t *text) paint(s, color string) string {
	if !t.color || color == "" {
		return s
	}
	return "\x1b[" + color + "m" + s + "\x1b[0m"
}

func (t *text) emphasis(s string) string {
	if !t.color {
		return s
	}
	return "\x1b[1m" + s + "\x1b[0m"
}

func (t *text) note(n note) {
	if t.Len() > 0 {
		fmt.Fprintln(t)
	}
	for _, line := range wrap(plain(n.Title), t.width) {
		fmt.Fprintln(t, t.emphasis(line))
	}
	marks := map[string]string{plainItem: "-", readerItem: t.glyphs.arrow, warnItem: "!", failItem: t.glyphs.fail,
		remedyItem: "  " + t.glyphs.arrow}
	for _, item := range n.Items {
		t.item(marks[item.Mark], item.Text)
	}
}

// notes says what the table is worth, and what was shown to the server; where
// nothing was judged, which CA certificates are at hand.
func (t *text) notes(f Format, r *Report) {
	if !r.judged() {
		for _, n := range allNotes(r) {
			t.note(n)
		}
		for _, line := range authorityLines(r) {
			t.labelled("CA", line)
		}
		return
	}
	t.WriteByte('\n')
	hint := "-v shows every check, the controls, and all that the server asks for."
	if f.Verbose {
		hint = ""
	}
	t.line("", "", strings.TrimSpace(shown(r)+hint))
}
