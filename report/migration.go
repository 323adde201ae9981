package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/probe/diagnosis"
	"mtlsprobe/probe/match"
	"mtlsprobe/probe/stack"
	"mtlsprobe/report/say"
)

// A Migration says which identity works in which phase.
type Migration struct {
	Phases []Phase        `json:"phases"`
	Rows   []MigrationRow `json:"rows"`
}

// A Phase is what the server demands at one stage.
type Phase struct {
	Label    string   `json:"label" redact:"Phase"`
	NamedCAs []string `json:"named_cas" redact:"CA"` // distinguished names
}

// A MigrationRow is one identity through all phases.
type MigrationRow struct {
	Label string `json:"label" redact:"File"`
	// Works says that it does in every phase.
	Works bool            `json:"works"`
	Cells []MigrationCell `json:"cells"`
	// BreaksIn is the label of the first phase in which it no longer works; empty
	// if there is none.
	BreaksIn string     `json:"breaks_in,omitempty" redact:"Phase"`
	Remedy   say.Phrase `json:"remedy,omitempty"` // the smallest one
}

// A MigrationCell is one identity in one phase.
type MigrationCell struct {
	Phase   string       `json:"phase" redact:"Phase"`
	Verdict string       `json:"verdict" redact:"keep"`
	NamedCA string       `json:"named_ca,omitempty" redact:"CA"` // the best reached
	Result  string       `json:"result,omitempty" redact:"keep"` // how far, as in named_cas
	Via     string       `json:"via,omitempty" redact:"keep"`
	Path    []string     `json:"path,omitempty" redact:"CA"`
	Until   *time.Time   `json:"until,omitempty"`
	EndedBy string       `json:"ended_by,omitempty" redact:"CA"` // whose end that is
	Reasons []say.Phrase `json:"reasons,omitempty"`              // findings that failed, as "check: detail"
	// Warnings are those about names and chains: what some servers or clients
	// stumble on.
	Warnings []say.Phrase `json:"warnings,omitempty"`
	// Withheld are the client stacks that would not send the identity in this
	// phase, and Unsure those of which it is not known: IDs.
	Withheld []string `json:"withheld,omitempty" redact:"keep"`
	Unsure   []string `json:"unsure,omitempty" redact:"keep"`
	// Clients is the same in words.
	Clients string `json:"clients,omitempty" redact:"keep"`
}

func newMigration(d *diagnosis.Diagnosis, identities []Identity) *Migration {
	m := d.Migration
	out := &Migration{}
	for _, p := range m.Phases {
		phase := Phase{Label: p.Label, NamedCAs: []string{}}
		for _, der := range p.Request.NamedCAs {
			phase.NamedCAs = append(phase.NamedCAs, certstore.NameString(der))
		}
		out.Phases = append(out.Phases, phase)
	}
	for i := range m.Rows {
		row := &m.Rows[i]
		r := MigrationRow{Label: identities[i].Label, Works: row.Works(), Remedy: row.Remedy}
		if row.Breaks >= 0 {
			r.BreaksIn = m.Phases[row.Breaks].Label
		}
		for k := range row.Cells {
			cell := newMigrationCell(m.Phases[k].Label, &row.Cells[k])
			if k < len(d.PhasePredictions) && d.PhasePredictions[k] != nil {
				cell.withheld(d.PhasePredictions[k][i])
			}
			r.Cells = append(r.Cells, cell)
		}
		out.Rows = append(out.Rows, r)
	}
	return out
}

// withheld notes which clients would not send the identity.
func (c *MigrationCell) withheld(predictions []stack.Prediction) {
	var plain []Prediction
	for i := range predictions {
		p := newPrediction(&predictions[i])
		plain = append(plain, p)
		switch p.Sends {
		case "no":
			c.Withheld = append(c.Withheld, p.Stack)
		case "unknown":
			c.Unsure = append(c.Unsure, p.Stack)
		}
	}
	c.Clients = clientsCell(plain)
}

func newMigrationCell(phase string, c *match.Cell) MigrationCell {
	out := MigrationCell{Phase: phase, Verdict: cellVerdict(c)}
	if c.Named != nil {
		out.NamedCA, out.Result, out.Via = c.DN, string(c.Named.Result), string(c.Named.Via)
		if c.Named.Path != nil {
			out.Path = subjects(c.Named.Path)
		}
	}
	if c.Ends != nil {
		until := c.Until.UTC()
		out.Until, out.EndedBy = &until, certstore.NameString(c.Ends.RawSubject)
	}
	for _, f := range c.Verdict.Findings {
		text := say.Text(f.Check.ID, ": ", f.Detail)
		if f.Detail == nil {
			text = say.Text(f.Check.ID, ": ", f.Check.Title)
		}
		switch {
		case f.Result == match.Fail:
			out.Reasons = append(out.Reasons, text)
		case f.Result == match.Warn && f.Check.ChainOnly:
			out.Warnings = append(out.Warnings, text)
		}
	}
	return out
}

// columns is the table of bundles by phases.
func (m *Migration) columns() []column {
	columns := []column{{header: "Identity"}}
	for i, p := range m.Phases {
		columns = append(columns, column{header: plain(fmt.Sprintf("%d %s", i+1, p.Label))})
	}
	for _, row := range m.Rows {
		columns[0].cells = append(columns[0].cells, plain(row.Label))
		for i, c := range row.Cells {
			columns[i+1].cells = append(columns[i+1].cells, plain(c.text()))
		}
	}
	return columns
}

func reasonsOf(c *MigrationCell) []say.Phrase  { return c.Reasons }
func warningsOf(c *MigrationCell) []say.Phrase { return c.Warnings }

// cellVerdict is the verdict of names and dates.
func cellVerdict(c *match.Cell) string {
	return map[match.Result]string{match.Pass: Fits, match.Fail: DoesNotFit, match.Unknown: Unknown}[c.Works()]
}

// migration writes the phases, a table of bundles by phases, and for each bundle
// that does not work throughout where it breaks and what mends it.
func (t *text) migration(m *Migration) error {
	for i, p := range m.Phases {
		t.labelled(fmt.Sprintf("Phase %d", i+1), p.Label+": "+cmp.Or(strings.Join(p.NamedCAs, "; "), "no CA names"))
	}
	t.WriteByte('\n')
	if err := t.render(m.columns()); err != nil {
		return err
	}
	working := 0
	for _, row := range m.Rows {
		if row.Works {
			working++
		}
		failed := row.gather(reasonsOf)
		warned := row.gather(warningsOf)
		if len(failed)+len(warned) == 0 {
			continue
		}
		t.WriteByte('\n')
		line := row.Label
		if row.BreaksIn != "" {
			line += fmt.Sprintf("  breaks in phase %q", row.BreaksIn)
		}
		fmt.Fprintln(t, t.emphasis(plain(line)))
		for _, text := range failed {
			t.item(t.glyphs.fail, text)
		}
		for _, text := range warned {
			t.item("!", text)
		}
		if row.Remedy != nil {
			t.item("  "+t.glyphs.arrow, row.Remedy.String())
		}
	}
	t.WriteByte('\n')
	t.line("", "", fmt.Sprintf("%d of %d identities work in every phase. Nothing was presented to a server: this is "+
		"judged from names and dates, and only a trial is proof.", working, len(m.Rows)))
	return nil
}

// gather joins what is the same in several phases, as "phase 1, 3: text".
func (r *MigrationRow) gather(of func(*MigrationCell) []say.Phrase) []string {
	var texts []string
	phases := make(map[string]string)
	for i := range r.Cells {
		for _, phrase := range of(&r.Cells[i]) {
			text := phrase.String()
			if phases[text] == "" {
				texts = append(texts, text)
				phases[text] = fmt.Sprint("phase ", i+1)
			} else {
				phases[text] += fmt.Sprint(", ", i+1)
			}
		}
	}
	for i, text := range texts {
		texts[i] = strings.Replace(phases[text], "phase ",
			map[bool]string{true: "phases ", false: "phase "}[strings.Contains(phases[text], ",")], 1) + ": " + text
	}
	return texts
}

// text says in a few words how the identity stands in the phase.
func (c *MigrationCell) text() string {
	words := strings.ReplaceAll(c.Verdict, "-", " ")
	clients := ""
	if c.Clients != "" {
		clients = "; sent by " + c.Clients
	}
	switch {
	case c.Verdict == Fits && c.Until != nil:
		words += " until " + c.Until.Format(time.DateOnly)
		if len(c.Warnings) > 0 {
			words += ", but see below"
		}
		return words + ": " + c.NamedCA + clients
	case c.NamedCA != "":
		words += ": " + c.NamedCA + " " + strings.ReplaceAll(c.Result, "-", " ")
		if c.Via != "" && c.Via != string(match.Presented) {
			words += ", " + c.Via
		}
	}
	return words + clients
}

// fits reports whether the identity works in every phase and, with a client
// stack's ID, is sent by it in every phase.
func (r *MigrationRow) fits(client string) bool {
	return r.Works && (client == "" || !slices.ContainsFunc(r.Cells, func(c MigrationCell) bool {
		return slices.Contains(c.Withheld, client) || slices.Contains(c.Unsure, client)
	}))
}
