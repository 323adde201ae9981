package report

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A row is one line of the table: one identity, or several of which the same is said.
type row struct {
	labels                      []string
	standing                    standing
	answer, reaches, why, until string
}

// maxSingle is up to how many identities each has a row of its own.
const maxSingle = 12

// tableRows gathers the table, the worst first; many identities are grouped.
func tableRows(r *Report, ascii bool) []row {
	names, between := newCANames(r), "\u00a0" // which keeps a mark beside its name
	if ascii {
		between = " "
	}
	var out []row
	type key struct{ standing, answer, reaches, why, until string }
	seen := make(map[key]int)
	for n := range r.Identities {
		i := &r.Identities[n]
		e := explained(i)
		w := row{labels: []string{i.Label}, standing: i.standing(), answer: tableAnswer(i),
			reaches: reachCell(i, names, ascii, between),
			until:   "?"}
		if i.NotAfter != nil {
			w.until = i.NotAfter.Format(time.DateOnly)
		}
		switch {
		case e.Main != nil:
			w.why = e.Main.Title
		case e.Refusal != "":
			w.why = "see below"
		}
		k := key{string(w.standing), w.answer, w.reaches, w.why, w.until}
		if have, ok := seen[k]; ok && len(r.Identities) > maxSingle {
			out[have].labels = append(out[have].labels, i.Label)
			continue
		}
		seen[k] = len(out)
		out = append(out, w)
	}
	slices.SortStableFunc(out, func(a, b row) int { return cmp.Compare(a.standing.rank(), b.standing.rank()) })
	return out
}

// tableAnswer is the verdict with what the server said.
func tableAnswer(i *Identity) string {
	s := string(i.standing())
	if i.standing() == predictedStanding || i.standing() == mismatchStanding || i.Trial == nil {
		return s
	}
	if said := shortAnswer(i.Trial); said != "" && said != s {
		return s + ": " + said
	}
	return s
}

// grouped names several of all identities in a few words: what their labels have in
// common and no other has, or the first of them, and how many there are.
func grouped(labels, all []string) string {
	switch {
	case len(labels) == 1:
		return labels[0]
	case len(labels) == 2:
		return labels[0] + ", " + labels[1]
	}
	prefix, suffix := labels[0], filepath.Ext(labels[0])
	for _, l := range labels {
		for !strings.HasPrefix(l, prefix) {
			prefix = prefix[:len(prefix)-1]
		}
		if !strings.HasSuffix(l, suffix) {
			suffix = ""
		}
	}
	const telling = 3
	alike := 0
	for _, l := range all {
		if strings.HasPrefix(l, prefix) && strings.HasSuffix(l, suffix) {
			alike++
		}
	}
	if prefix = strings.ToValidUTF8(prefix, ""); len(prefix) >= telling && alike == len(labels) {
		return fmt.Sprintf("%s*%s (%d)", prefix, suffix, len(labels))
	}
	return fmt.Sprintf("%s and %d more", labels[0], len(labels)-1)
}

// many writes the table, and below it the reasons, each once.
func (t *text) many(r *Report) error {
	label, said, reaches, why := column{header: "Certificate"}, column{header: "Answer"}, column{header: "Reaches"},
		column{header: "Why"}
	until := column{header: "Until", spare: 2}
	table := tableRows(r, t.glyphs.ascii)
	for n := range table {
		w := &table[n]
		mark, _ := t.glyphs.standing(w.standing)
		label.cells = append(label.cells, plain(grouped(w.labels, r.Labels())))
		said.cells = append(said.cells, mark+" "+plain(w.answer))
		reaches.cells = append(reaches.cells, w.reaches)
		why.cells = append(why.cells, plain(w.why))
		until.cells = append(until.cells, w.until)
	}
	columns := []column{label, until, said}
	if r.Request != nil && len(r.Request.NamedCAs) > 0 {
		columns = append(columns, reaches)
	}
	if slices.ContainsFunc(why.cells, func(cell string) bool { return cell != "" }) {
		columns = append(columns, why)
	}
	t.WriteByte('\n')
	if err := t.render(columns); err != nil {
		return err
	}
	t.legend(r)
	t.tell(causesOf(r))
	t.WriteByte('\n')
	t.entry("Server", serverLine(r))
	t.linesOf(r, "Clients", "--clients", func(i *Identity) string { return clientsLine(i.Predictions) })
	t.linesOf(r, "Servers", "--servers", serversLine)
	return nil
}

// linesOf says what is true of the certificates, such as which clients send them: once for all of
// which the same is true, and for the most of them first. The flag shows the rest.
func (t *text) linesOf(r *Report, name, flag string, of func(*Identity) string) {
	const most = 4
	labels := make(map[string][]string)
	var lines []string
	for n := range r.Identities {
		line := of(&r.Identities[n])
		if line == "" {
			continue
		}
		if labels[line] == nil {
			lines = append(lines, line)
		}
		labels[line] = append(labels[line], r.Identities[n].Label)
	}
	slices.SortStableFunc(lines, func(a, b string) int { return cmp.Compare(len(labels[b]), len(labels[a])) })
	for k, line := range lines {
		switch {
		case len(labels[line]) == len(r.Identities):
			t.entry(name, line)
		case k == most:
			t.entry("", fmt.Sprintf("%d more answers: %s", len(lines)-most, flag))
			return
		default:
			t.entry(map[bool]string{true: name}[k == 0], grouped(labels[line], r.Labels())+": "+line)
		}
	}
}

// legend says what the marks mean, and the full names of the CAs that are reached.
func (t *text) legend(r *Report) {
	if r.Request == nil || len(r.Request.NamedCAs) == 0 {
		return
	}
	if marks := signLegend(r, t.glyphs.ascii); marks != "" {
		t.line("  ", "", marks)
	}
	names, reached := newCANames(r), reachedNames(r)
	for _, line := range names.legend(reached) {
		t.line("  ", "    ", line)
	}
	switch count := len(r.Request.NamedCAs); {
	case len(reached) == 0 && count == 1:
		t.line("  ", "", "no certificate reaches the acceptable CA, "+r.Request.NamedCAs[0].DN)
	case len(reached) == 0:
		t.line("  ", "", fmt.Sprintf("no certificate reaches any of the %d acceptable CAs", count))
	case len(reached) < count:
		t.line("  ", "", fmt.Sprintf("%d acceptable CAs; no certificate reaches %d of them", count, count-len(reached)))
	}
}
