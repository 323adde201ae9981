package report

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
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

// count is in how many columns an identity stands so.
func (row *matrixRow) count(want standing) int {
	n := 0
	for _, cell := range row.cells {
		if cell != nil && cell.standing() == want {
			n++
		}
	}
	return n
}

// works counts the columns in which an identity is accepted, or would be.
func (row *matrixRow) works() int { return row.count(acceptedStanding) + row.count(predictedStanding) }

// headline is the answer of a matrix in a few sentences. What could not be asked does not
// count, and where anything was tried only what was tried counts as accepted.
func (m *matrix) headline() string {
	failed, counted := m.failed(), predictedStanding
	places := len(m.columns) - len(failed)
	if m.tried() {
		counted = acceptedStanding
	}
	all, some, predicted := 0, 0, false
	for n := range m.rows {
		switch fine := m.rows[n].count(counted); {
		case fine == places:
			all++
		case fine > 0:
			some++
		}
		predicted = predicted || m.rows[n].count(predictedStanding) > 0
	}
	verb, by := m.verb(counted, all)
	where := fmt.Sprintf("%d %ss", places, m.noun)
	if places == 1 {
		where = "1 " + m.noun
	}
	var line string
	if len(m.rows) == 1 {
		verb, _ = m.verb(counted, 1)
		line = fmt.Sprintf("%s %s %d of %s.", m.rows[0].label, verb, m.rows[0].count(counted), where)
	} else {
		line = fmt.Sprintf("%d of %d certificates %s all %s", all, len(m.rows), verb, where)
		if places == 1 {
			line = fmt.Sprintf("%d of %d certificates %s the %s that answered", all, len(m.rows), verb, m.noun)
		}
		if some > 0 {
			line += fmt.Sprintf("; %d %ssome of them", some, by)
		}
		if none := len(m.rows) - all - some; none > 0 {
			line += fmt.Sprintf("; %d %snone", none, by)
		}
		line += "."
	}
	if m.noun == "server" && len(m.rows) > 1 && places > 1 && all == 0 && some > 0 {
		line += " " + m.unserved(counted)
	}
	switch {
	case !m.tried():
		line += " Nothing was presented: only a trial is proof."
	case predicted:
		line += " What is marked ~ was not tried, and does not count."
	}
	if len(failed) > 0 {
		line += fmt.Sprintf(" %d more could not be asked: %s.", len(failed), strings.Join(failed, ", "))
	}
	return plain(line)
}

// unserved says which of the servers that answered accept none of the certificates.
func (m *matrix) unserved(counted standing) string {
	var none []string
	for n, c := range m.columns {
		accepts := func(row matrixRow) bool { return row.cells[n] != nil && row.cells[n].standing() == counted }
		if c.report.Error == "" && !slices.ContainsFunc(m.rows, accepts) {
			none = append(none, c.label)
		}
	}
	const few = 3
	switch {
	case len(none) > 0 && counted == acceptedStanding:
		return fmt.Sprintf("None is accepted by %s.", anyOf(none, few))
	case len(none) > 0:
		return fmt.Sprintf("None matches %s.", anyOf(none, few))
	case counted == acceptedStanding:
		return "Each server accepts at least one."
	}
	return "Each server is matched by at least one."
}

// anyOf lists names, or counts servers where there are too many.
func anyOf(names []string, most int) string {
	if len(names) > most {
		return fmt.Sprintf("%d servers", len(names))
	}
	return strings.Join(names, " or ")
}

// verb is what so many certificates are said to do, and what "some of them" needs before it.
func (m *matrix) verb(counted standing, certificates int) (verb, by string) {
	one := certificates == 1
	switch {
	case counted == acceptedStanding && one:
		return "is accepted by", "by "
	case counted == acceptedStanding:
		return "are accepted by", "by "
	case m.noun == "server" && one:
		return "matches what is requested by", ""
	case m.noun == "server":
		return "match what is requested by", ""
	case one:
		return "matches", ""
	}
	return "match", ""
}

// tried reports whether anything was presented to any server.
func (m *matrix) tried() bool {
	return slices.ContainsFunc(m.rows, func(row matrixRow) bool {
		return slices.ContainsFunc(row.cells, func(cell *Identity) bool { return cell != nil && cell.Trial.shown() })
	})
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
			if q.takesAny() {
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
