package report

import (
	"slices"
	"time"

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
	// Findings are those behind reasons and warnings.
	Findings []Finding `json:"findings,omitempty"`
	// Withheld are the client stacks that would not send the identity in this
	// phase, and Unsure those of which it is not known: IDs.
	Withheld []string `json:"withheld,omitempty" redact:"keep"`
	Unsure   []string `json:"unsure,omitempty" redact:"keep"`
	// Clients is the same in words.
	Clients string `json:"clients,omitempty" redact:"keep"`
}

func (n *newer) migration(identities []Identity) *Migration {
	d, m := n.d, n.d.Migration
	out := &Migration{}
	for _, p := range m.Phases {
		phase := Phase{Label: p.Label, NamedCAs: []string{}}
		for _, der := range p.Request.NamedCAs {
			phase.NamedCAs = append(phase.NamedCAs, n.name(der))
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
			cell := n.migrationCell(m.Phases[k].Label, &row.Cells[k])
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

func (n *newer) migrationCell(phase string, c *match.Cell) MigrationCell {
	out := MigrationCell{Phase: phase, Verdict: cellVerdict(c)}
	if c.Named != nil {
		out.NamedCA, out.Result, out.Via = c.DN, string(c.Named.Result), string(c.Named.Via)
		if c.Named.Path != nil {
			out.Path = n.subjects(c.Named.Path)
		}
	}
	if c.Ends != nil {
		until := c.Until.UTC()
		out.Until, out.EndedBy = &until, n.name(c.Ends.RawSubject)
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
		default:
			continue
		}
		out.Findings = append(out.Findings, newFinding(&f))
	}
	return out
}

// cellVerdict is the verdict of names and dates.
func cellVerdict(c *match.Cell) string {
	return map[match.Result]string{match.Pass: Fits, match.Fail: DoesNotFit, match.Unknown: Unknown}[c.Works()]
}

// fits reports whether the identity works in every phase and, with a client
// stack's ID, is sent by it in every phase.
func (r *MigrationRow) fits(client string) bool {
	return r.Works && (client == "" || !slices.ContainsFunc(r.Cells, func(c MigrationCell) bool {
		return slices.Contains(c.Withheld, client) || slices.Contains(c.Unsure, client)
	}))
}

// clientName is how people call a client model.
func clientName(id string) string {
	if p := stack.Lookup(id); p != nil {
		return p.Name
	}
	return id
}
