package report

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"mtlsprobe/probe/match"
)

// A matrix is what several servers, or several requests, mean for the same identities.
type matrix struct {
	noun     string // of one column: server, request
	columns  []matrixColumn
	rows     []matrixRow
	together *Report // every acceptable CA of any column, and what the identities reach of them
}

// A matrixColumn is one server or request.
type matrixColumn struct {
	label, full string
	report      *Report
}

// A matrixRow is one identity, with a cell for each column; nil where that one was not
// judged.
type matrixRow struct {
	label string
	cells []*Identity
}

// newMatrix is that of a report of several servers or requests; nil for one of a single
// one.
func newMatrix(r *Report) *matrix {
	parts, noun := r.Reports, "server"
	if r.Migration != nil {
		parts, noun = r.Migration.parts(), "request"
	}
	if len(parts) == 0 {
		return nil
	}
	m := &matrix{noun: noun, together: &Report{Request: &Request{Asked: "yes"}}}
	var full []string
	for n, part := range parts {
		name := fmt.Sprintf("%s %d", noun, n+1)
		if part.Target != nil {
			name = part.Target.Address
		} else if r.Migration != nil {
			name = r.Migration.Phases[n].Label
		}
		full = append(full, name)
	}
	for n, label := range shortHosts(full) {
		if r.Migration != nil {
			label = full[n]
		}
		m.columns = append(m.columns, matrixColumn{label: plain(label), full: plain(full[n]), report: parts[n]})
	}
	for _, label := range r.Labels() {
		row := matrixRow{label: label}
		union := Identity{Label: label}
		for _, part := range parts {
			cell := part.identity(label)
			if held := r.identity(label); cell != nil && held != nil { // which a phase does not repeat
				cell.Source, cell.Key = held.Source, held.Key
			}
			row.cells = append(row.cells, cell)
			if cell != nil {
				union.NamedCAs = append(union.NamedCAs, cell.NamedCAs...)
				union.NamedCAsRest = cmp.Or(union.NamedCAsRest, cell.NamedCAsRest)
			}
		}
		union.NamedCAs = bestOf(union.NamedCAs)
		m.rows = append(m.rows, row)
		m.together.Identities = append(m.together.Identities, union)
	}
	seen := make(map[string]bool)
	for _, part := range parts {
		if part.Request == nil {
			continue
		}
		for _, n := range part.Request.NamedCAs {
			if !seen[n.DN] {
				seen[n.DN] = true
				m.together.Request.NamedCAs = append(m.together.Request.NamedCAs, n)
			}
		}
	}
	return m
}

// bestOf keeps of several results for one CA that which says most.
func bestOf(all []NamedCA) []NamedCA {
	order := []string{"reached", "name-only", "near-miss", "unknown", "not-reached"}
	var out []NamedCA
	for _, n := range all {
		at := slices.IndexFunc(out, func(o NamedCA) bool { return o.DN == n.DN })
		switch {
		case at < 0:
			out = append(out, n)
		case slices.Index(order, n.Result) < slices.Index(order, out[at].Result):
			out[at] = n
		}
	}
	return out
}

// shortHosts are as much of addresses as tells them apart: the first label of a host name
// without the port, the host, or the port alone.
func shortHosts(addresses []string) []string {
	forms := []func(host, port string) string{
		func(host, _ string) string {
			if _, err := netip.ParseAddr(host); err == nil {
				return ""
			}
			first, _, _ := strings.Cut(host, ".")
			return first
		},
		func(host, _ string) string { return host },
		func(_, port string) string { return ":" + port },
	}
	for _, form := range forms {
		out, seen := make([]string, len(addresses)), make(map[string]bool)
		for n, address := range addresses {
			at := strings.LastIndexByte(address, ':')
			if at < 0 {
				return addresses
			}
			out[n] = form(strings.Trim(address[:at], "[]"), address[at+1:])
			if out[n] != "" {
				seen[out[n]] = true
			}
		}
		if len(seen) == len(addresses) {
			return out
		}
	}
	return addresses
}

// parts are the phases as a report each.
func (m *Migration) parts() []*Report {
	var parts []*Report
	for k, phase := range m.Phases {
		part := &Report{Request: &Request{Asked: Unknown, NamedCAs: []Name{}}}
		for _, dn := range phase.NamedCAs {
			part.Request.NamedCAs = append(part.Request.NamedCAs, Name{DN: dn})
		}
		for n := range m.Rows {
			i := m.Rows[n].Cells[k].identity(m.Rows[n].Label)
			if len(i.NamedCAs) == 0 && len(phase.NamedCAs) > 0 {
				i.NamedCAsRest = &NamedCARest{Result: "not-reached", Count: len(phase.NamedCAs)}
			}
			part.Identities = append(part.Identities, i)
		}
		parts = append(parts, part)
	}
	return parts
}

// identity is what the cell says, as of an identity of its own.
func (c *MigrationCell) identity(label string) Identity {
	i := Identity{Label: label, Verdict: c.Verdict, Basis: "predicted", Findings: c.Findings, NotAfter: c.Until}
	if c.NamedCA != "" {
		i.NamedCAs = []NamedCA{{DN: c.NamedCA, Result: c.Result, Via: c.Via}}
	}
	if c.Findings == nil { // a report of an earlier version
		for _, reason := range c.Reasons {
			i.Findings = append(i.Findings, Finding{Title: reason.String(), Result: "fail"})
		}
	}
	for _, id := range c.Withheld {
		i.Predictions = append(i.Predictions, Prediction{Stack: id, Name: clientName(id), Sends: "no"})
	}
	for _, id := range c.Unsure {
		i.Predictions = append(i.Predictions, Prediction{Stack: id, Name: clientName(id), Sends: Unknown})
	}
	return i
}

// works counts the columns in which an identity is accepted, or would be.
func (row *matrixRow) works() int {
	n := 0
	for _, cell := range row.cells {
		if cell != nil && (cell.standing() == acceptedStanding || cell.standing() == predictedStanding) {
			n++
		}
	}
	return n
}

// fixable reports whether what keeps an identity from being accepted is a certificate
// that is at hand and not in its bundle.
func (i *Identity) fixable() bool {
	e := explained(i)
	if e.Main == nil || !slices.ContainsFunc(i.NamedCAs,
		func(n NamedCA) bool { return n.Result == "reached" && (n.Via == "local" || n.Via == "cross-signed") }) {
		return false
	}
	return slices.Contains([]string{match.ChainIncomplete.ID, match.PathCrossSigned.ID, match.IssuerNotNamed.ID,
		match.PathNotReached.ID}, e.Main.Check)
}

// away reports whether an identity is not accepted because no acceptable CA has anything to
// do with it.
func (i *Identity) away() bool {
	e := explained(i)
	return e.Main != nil && (e.Main.Check == match.PathNotReached.ID || e.Main.Check == match.IssuerNotNamed.ID) &&
		!slices.ContainsFunc(i.NamedCAs, func(n NamedCA) bool { return n.Result != "not-reached" })
}

// A cellSign is how the matrix shows one identity at one server.
type cellSign int

// The signs, in the order of the legend.
const (
	acceptedSign cellSign = iota
	matchesSign
	fixableSign
	refusedSign
	notNamedSign
	unknownSign
)

func signOf(i *Identity) cellSign {
	if i == nil {
		return unknownSign
	}
	switch s := i.standing(); {
	case s == acceptedStanding:
		return acceptedSign
	case s == predictedStanding:
		return matchesSign
	case s != refusedStanding && s != mismatchStanding:
		return unknownSign
	case i.fixable():
		return fixableSign
	case i.away():
		return notNamedSign
	}
	return refusedSign
}

// class is the sign as a class of the page's style.
func (s cellSign) class() string {
	return [...]string{"fits", "unknown", "fixable", "does-not-fit", "away", "unknown"}[s]
}

// meaning is what the legend says of the sign.
func (s cellSign) meaning() string {
	return [...]string{"accepted", "matches, not tried", "accepted once a certificate is added",
		"refused, or would be", "its CA is not acceptable", "not known"}[s]
}

func (g glyphs) sign(s cellSign) (mark, color string) {
	plain, signs := [...]string{"*", "~", "+", "x", "-", "?"}, [...]string{"✓", "~", "+", "✗", "–", "?"}
	color = [...]string{green, yellow, yellow, red, "", yellow}[s]
	if g.ascii {
		return plain[s], color
	}
	return signs[s], color
}

// headline is the answer of a matrix in one or two sentences. What could not be asked does
// not count.
func (m *matrix) headline() string {
	failed := m.failed()
	places := len(m.columns) - len(failed)
	all, some := 0, 0
	tried := false
	for n := range m.rows {
		switch works := m.rows[n].works(); {
		case works == places:
			all++
		case works > 0:
			some++
		}
		for _, cell := range m.rows[n].cells {
			tried = tried || cell != nil && cell.Trial.shown()
		}
	}
	where := fmt.Sprintf("%d %ss", places, m.noun)
	if places == 1 {
		where = "1 " + m.noun
	}
	verb, by := "match", ""
	switch {
	case tried:
		verb, by = "are accepted by", "by "
		if all == 1 && len(m.rows) > 1 {
			verb = "is accepted by"
		}
	case m.noun == "server":
		verb = "match what is requested by"
	}
	var line string
	if len(m.rows) == 1 {
		verb = strings.Replace(verb, "is accepted", "are accepted", 1)
		verb = map[string]string{"match": "matches", "are accepted by": "is accepted by",
			"match what is requested by": "matches what is requested by"}[verb]
		line = fmt.Sprintf("%s %s %d of %s", m.rows[0].label, verb, m.rows[0].works(), where)
	} else {
		every := "all " + where
		if places == 1 {
			every = "the " + m.noun + " that answered"
		}
		line = fmt.Sprintf("%d of %d certificates %s %s", all, len(m.rows), verb, every)
		if some > 0 {
			line += fmt.Sprintf("; %d %ssome of them", some, by)
		}
		if none := len(m.rows) - all - some; none > 0 {
			line += fmt.Sprintf("; %d %snone", none, by)
		}
	}
	line += "."
	if !tried {
		line += " Nothing was presented: only a trial is proof."
	}
	if len(failed) > 0 {
		line += fmt.Sprintf(" %d more could not be asked: %s.", len(failed), strings.Join(failed, ", "))
	}
	return plain(line)
}

// failed are the servers that did not answer.
func (m *matrix) failed() []string {
	var failed []string
	for _, c := range m.columns {
		if c.report.Error != "" {
			failed = append(failed, c.full)
		}
	}
	return failed
}

// columnLegend says of each column what it stands for.
func (m *matrix) columnLegend(numbered bool) []string {
	var lines []string
	for n, c := range m.columns {
		name := c.label
		if numbered {
			name = fmt.Sprint(n + 1)
		}
		text := c.full
		if name == text {
			text = ""
		}
		said := ""
		switch q := c.report.Request; {
		case c.report.Error != "" && name == c.label:
			lines = append(lines, c.report.Error) // which begins with the address
			continue
		case c.report.Error != "":
			text, said = "", c.report.Error
		case q == nil:
		case q.Asked == "no":
			said = "does not request a client certificate"
		case len(q.NamedCAs) == 0:
			said = "any CA"
		default:
			said = acceptable(len(q.NamedCAs))
			if q.Insistence == "required" && q.Verified == "no" {
				said += ", but any certificate is accepted"
			}
			if len(reachedNames(c.report)) == 0 && len(m.rows) > 0 {
				said += ", none of which is reached"
			}
		}
		lines = append(lines, name+": "+strings.Trim(text+", "+said, ", "))
	}
	return lines
}

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
		b.until, b.why = row.until(), row.why()
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

// why names the main reasons that keep an identity from being accepted.
func (row *matrixRow) why() string {
	var titles []string
	for _, cell := range row.cells {
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
		}
		if title != "" && !slices.Contains(titles, title) {
			titles = append(titles, title)
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
