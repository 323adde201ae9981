package report

import (
	"fmt"
	"slices"
	"strings"
)

// matrix writes the answer for several servers or requests: who is accepted where, and
// what keeps the others from it.
func (t *text) matrix(f Format, r *Report, m *matrix) error {
	mark, color := m.mark(t.glyphs)
	if len(m.rows) > 0 {
		t.marked(mark, color, m.headline())
	} else {
		t.marked("?", yellow, m.asked())
	}
	for _, fact := range cautions(r) {
		t.line("", "", fact.Label+": "+fact.Text)
	}
	t.WriteByte('\n')
	if len(m.rows) == 0 {
		if err := t.render(m.requests()); err != nil {
			return err
		}
		for _, line := range m.legend(false) {
			t.line("  ", "    ", line)
		}
		return t.each(f, m)
	}
	numbered := m.numbered(t.width)
	if err := t.render(m.table(t.glyphs, numbered)); err != nil {
		return err
	}
	for _, line := range m.signLegends(t.glyphs) {
		t.line("  ", "  ", line)
	}
	for _, line := range m.legend(numbered) {
		t.line("  ", "    ", line)
	}
	t.tell(m.causes())
	for n, c := range m.remedies(r) {
		if n == 0 {
			fmt.Fprintf(t, "\n%s\n", t.emphasis(fmt.Sprintf("To be accepted with all %d requests", len(m.columns))))
		}
		t.item(t.glyphs.arrow, c.text())
	}
	t.withheld(m)
	return t.each(f, m)
}

// each writes the answer of every server, too, where everything is to be told.
func (t *text) each(f Format, m *matrix) error {
	if !f.Verbose && !f.Clients && !f.Paths && !f.Timeline && !f.Transcript || m.noun != "server" {
		if m.noun == "server" {
			t.WriteByte('\n')
			t.line("", "", "-v shows the answer for each server by itself.")
		}
		return nil
	}
	for _, c := range m.columns {
		if c.report.Error == "" {
			fmt.Fprintf(t, "\n%s\n", t.emphasis("== "+c.full))
			if err := t.report(f, c.report); err != nil {
				return err
			}
		}
	}
	return nil
}

// legend says what the columns and the short names of CAs stand for.
func (m *matrix) legend(numbered bool) []string {
	names, dns := newCANames(m.together), reachedNames(m.together)
	if len(m.rows) == 0 {
		for _, n := range m.together.Request.NamedCAs[:min(len(m.together.Request.NamedCAs), maxLegend)] {
			dns = append(dns, n.DN)
		}
		return names.legend(dns)
	}
	return append(m.columnLegend(numbered), names.legend(dns)...)
}

// mark is the sign of the whole answer.
func (m *matrix) mark(g glyphs) (mark, color string) {
	signs := make(map[cellSign]bool)
	for n := range m.rows {
		for _, cell := range m.rows[n].cells {
			signs[signOf(cell)] = true
		}
	}
	if len(signs) == 1 {
		for only := range signs {
			return g.sign(only)
		}
	}
	return "!", yellow
}

// numbered reports whether the columns have to be numbered, because their names do not
// fit.
func (m *matrix) numbered(width int) bool {
	const rest, spread = 44, 3 // what the other columns take, and what a cell takes beside its text
	used := 0
	for _, c := range m.columns {
		used += displayWidth(c.label) + spread
	}
	return used > max(width-rest, width/3)
}

// table has a row for each identity or group of them, and a column for each server.
func (m *matrix) table(g glyphs, numbered bool) []column {
	between := "\u00a0" // which keeps a mark beside its name
	if g.ascii {
		between = " "
	}
	columns := []column{{header: "Certificate"}, {header: "Reaches"}}
	until := column{header: "Until", spare: 2}
	for n, c := range m.columns {
		header := c.label
		if numbered {
			header = fmt.Sprint(n + 1)
		}
		columns = append(columns, column{header: header})
	}
	why := column{header: "Why", spare: 1, least: 16}
	all := m.labels()
	for _, b := range m.blocks(g, between) {
		columns[0].cells = append(columns[0].cells, plain(grouped(b.labels, all)))
		columns[1].cells = append(columns[1].cells, b.reach)
		for n, sign := range b.signs {
			mark, _ := g.sign(sign)
			columns[n+2].cells = append(columns[n+2].cells, mark)
		}
		until.cells, why.cells = append(until.cells, b.until), append(why.cells, b.why)
	}
	columns = append(columns, until)
	if slices.ContainsFunc(why.cells, func(cell string) bool { return cell != "" }) {
		columns = append(columns, why)
	}
	return columns
}

// signLegends say what the signs mean, those of the answers and those of the CAs.
func (m *matrix) signLegends(g glyphs) []string {
	lines := []string{m.signLegend(g)}
	if reached := signLegend(m.together, g.ascii); reached != "" {
		lines = append(lines, "Reaches: "+reached)
	}
	return lines
}

// signLegend says what the signs mean, of those that are used.
func (m *matrix) signLegend(g glyphs) string {
	used := make(map[cellSign]bool)
	for n := range m.rows {
		for _, cell := range m.rows[n].cells {
			used[signOf(cell)] = true
		}
	}
	var parts []string
	for s := acceptedSign; s <= unknownSign; s++ {
		if mark, _ := g.sign(s); used[s] {
			parts = append(parts, mark+" "+s.meaning())
		}
	}
	return strings.Join(parts, "   ")
}

// withheld says which clients do not send what would be accepted.
func (t *text) withheld(m *matrix) {
	const most = 4
	lines := m.withheld()
	for n, line := range lines {
		label := map[bool]string{true: "Clients"}[n == 0]
		if n == 0 {
			t.WriteByte('\n')
		}
		if n == most {
			t.entry(label, fmt.Sprintf("%d more of these: -o html or -o json", len(lines)-most))
			return
		}
		t.entry(label, line)
	}
}

// withheld are the clients that do not send what matches, each group once.
func (m *matrix) withheld() []string {
	labels, columns := make(map[string][]string), make(map[string][]string)
	var order []string
	for n := range m.rows {
		where := make(map[string][]string)
		for k, cell := range m.rows[n].cells {
			if cell == nil || cell.Verdict != Fits {
				continue
			}
			if _, no, _ := sentBy(cell.Predictions); len(no) > 0 {
				where[some(no)] = append(where[some(no)], m.columns[k].label)
			}
		}
		for who, at := range where {
			key := who + "\x00" + strings.Join(at, ", ")
			if labels[key] == nil {
				order = append(order, key)
			}
			labels[key], columns[key] = append(labels[key], m.rows[n].label), at
		}
	}
	slices.Sort(order)
	var lines []string
	for _, key := range order {
		who, _, _ := strings.Cut(key, "\x00")
		line := grouped(labels[key], m.labels())
		if len(columns[key]) < len(m.columns) {
			line += " (" + strings.Join(columns[key], ", ") + ")"
		}
		lines = append(lines, line+": not sent by "+who)
	}
	return lines
}

// asked is how many servers request a client certificate.
func (m *matrix) asked() string {
	counts := make(map[string]int)
	for _, c := range m.columns {
		if q := c.report.Request; c.report.Error == "" && q != nil {
			counts[q.Asked]++
		}
	}
	line := fmt.Sprintf("%d of %d servers request a client certificate", counts["yes"], len(m.columns))
	if n := counts["no"]; n > 0 {
		line += fmt.Sprintf("; %d do not", n)
	}
	if n := counts[Unknown]; n > 0 {
		line += fmt.Sprintf("; of %d it is not known", n)
	}
	if n := len(m.failed()); n > 0 {
		line += fmt.Sprintf("; %d could not be asked", n)
	}
	return line + "."
}

// requests is a table of what several servers ask for.
func (m *matrix) requests() []column {
	columns := []column{{header: "Server"}, {header: "Version", spare: 1}, {header: "Asks"}, {header: "Acceptable CAs"}}
	names := newCANames(m.together)
	for _, c := range m.columns {
		asks, version, cas := "could not be asked", "", c.report.Error
		if q := c.report.Request; c.report.Error == "" && q != nil {
			version = q.Version
			asks, cas = map[string]string{"yes": "yes, " + q.Insistence, "no": "no"}[q.Asked], names.list(q.NamedCAs)
			if asks == "" {
				asks = "not known"
			}
		}
		for n, cell := range []string{c.full, version, asks, cas} {
			columns[n].cells = append(columns[n].cells, plain(cell))
		}
	}
	return columns
}

// maxLegend bounds the names that a legend spells out where not all are reached.
const maxLegend = 12

// list names acceptable CAs: the first of them, and how many there are.
func (n *caNames) list(cas []Name) string {
	const most = 3
	var parts []string
	for _, ca := range cas[:min(len(cas), most)] {
		parts = append(parts, n.short[ca.DN])
	}
	switch {
	case len(cas) == 0:
		return "any"
	case len(cas) > most:
		return fmt.Sprintf("%d: %s …", len(cas), strings.Join(parts, ", "))
	}
	return strings.Join(parts, ", ")
}
