package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A block is rows of which the same is said.
type block struct {
	labels []string
	row    *matrixRow
	signs  []cellSign
	reach  string
	until  string
	why    string
}

// blocks are the rows, the worst first; many identities are grouped.
func (m *matrix) blocks(g glyphs, between string) []block {
	names := newCANames(m.together)
	var out []block
	seen := make(map[string]int)
	for n := range m.rows {
		row := &m.rows[n]
		b := block{labels: []string{row.label}, row: row}
		b.reach = reachCell(&m.together.Identities[n], names, g.ascii, between)
		b.until, b.why = row.until(), m.why(row)
		for _, cell := range row.cells {
			b.signs = append(b.signs, signOf(cell))
		}
		key := fmt.Sprint(b.signs, b.reach, b.until, b.why)
		if have, ok := seen[key]; ok && len(m.rows) > maxSingle {
			out[have].labels = append(out[have].labels, row.label)
			continue
		}
		seen[key] = len(out)
		out = append(out, b)
	}
	slices.SortStableFunc(out, func(a, b block) int { return cmp.Compare(a.row.works(), b.row.works()) })
	return out
}

// until is when the first of what an identity rests on ends; empty where that is not known.
func (row *matrixRow) until() string {
	until := ""
	for _, cell := range row.cells {
		if cell == nil || cell.NotAfter == nil {
			continue
		}
		if day := cell.NotAfter.Format(time.DateOnly); until == "" || day < until {
			until = day
		}
	}
	return until
}

// why names the main reasons that keep an identity from being accepted; if they differ, with
// where each holds.
func (m *matrix) why(row *matrixRow) string {
	var titles []string
	where := make(map[string][]string)
	for n, cell := range row.cells {
		if cell == nil {
			continue
		}
		e := explained(cell)
		title := ""
		switch {
		case e.Main != nil:
			title = e.Main.Title
		case e.Refusal != "":
			title = "see below"
		default:
			continue
		}
		if where[title] == nil {
			titles = append(titles, title)
		}
		where[title] = append(where[title], m.columns[n].label)
	}
	if len(titles) > 1 {
		const few = 2
		for n, title := range titles {
			if at := where[title]; len(at) <= few {
				titles[n] += " (" + strings.Join(at, ", ") + ")"
			}
		}
	}
	return plain(strings.Join(titles, "; "))
}

// causes has each reason once, with those whom it concerns and where.
func (m *matrix) causes() []cause {
	var where []located
	for _, c := range m.columns {
		where = append(where, located{c.report, c.label})
	}
	return causesIn(where, m.labels(), len(m.columns))
}

func (m *matrix) labels() []string {
	var labels []string
	for _, row := range m.rows {
		labels = append(labels, row.label)
	}
	return labels
}

// remedies are what makes identities work with every request, each once with those whom it
// concerns; for servers there are none beyond those of the causes.
func (m *matrix) remedies(r *Report) []cause {
	const few = 3 // steps of a migration; more are servers that have nothing to do with each other
	var all []cause
	if r.Migration == nil || len(m.columns) > few {
		return nil
	}
	told := make(map[string]bool) // by a cause
	for _, c := range m.causes() {
		if c.finding != nil {
			told[brieflySaid(c.finding.Remedy)] = true
		}
	}
	at := make(map[string]int)
	for n := range r.Migration.Rows {
		row := &r.Migration.Rows[n]
		text := brieflySaid(row.Remedy)
		if text == "" || told[text] {
			continue
		}
		if k, ok := at[text]; ok {
			all[k].labels = append(all[k].labels, row.Label)
			continue
		}
		at[text] = len(all)
		all = append(all, cause{refusal: text, labels: []string{row.Label}, all: m.labels()})
	}
	return all
}
