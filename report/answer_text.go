package report

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mtlsprobe/report/say"
)

// judged writes the answer first: the verdict in one sentence, then why and what to do,
// then the evidence in a few lines.
func (t *text) judged(f Format, r *Report) error {
	t.headline(r, f.Client)
	if with := clientLine(r, f.Client); with != "" {
		t.line("", "", with)
	}
	for _, fact := range facts(r) {
		if fact.Label == "Interrupted" || fact.Label == "Caution" || fact.Label == "Judged" {
			t.line("", "", fact.Label+": "+fact.Text)
		}
	}
	if f.Verbose {
		t.WriteByte('\n')
		for _, fact := range facts(r) {
			t.labelled(fact.Label, fact.Text)
		}
		if err := t.table(r); err != nil {
			return err
		}
		t.reasons(r)
		return nil
	}
	if len(r.Identities) == 1 {
		t.one(r, &r.Identities[0], f.Client)
	} else if err := t.many(r); err != nil {
		return err
	}
	t.server(r)
	return nil
}

// headline writes the verdict with its mark.
func (t *text) headline(r *Report, client string) {
	mark, color := t.mark(r, client)
	for k, line := range wrap(plain(headline(r)), max(20, t.width-2)) {
		if k == 0 {
			fmt.Fprintf(t, "%s %s\n", t.paint(mark, color), t.emphasis(line))
			continue
		}
		fmt.Fprintf(t, "  %s\n", t.emphasis(line))
	}
}

// mark is the sign of what is said of all identities alike, or that they differ.
func (t *text) mark(r *Report, client string) (mark, color string) {
	if client != "" && r.Fitting(client) < r.Fitting("") {
		return "!", yellow
	}
	first := r.Identities[0].standing()
	for n := range r.Identities {
		if r.Identities[n].standing() != first {
			return "!", yellow
		}
	}
	return t.glyphs.standing(first)
}

// entry writes a label, and a wrapped text beside it; nothing for an empty text.
func (t *text) entry(label, body string) {
	const indent = 15
	if body == "" {
		return
	}
	for k, line := range wrap(plain(body), max(20, t.width-indent)) {
		if k > 0 {
			label = ""
		}
		fmt.Fprintf(t, "  %-*s%s\n", indent-2, label, line)
	}
}

// one explains a single identity.
func (t *text) one(r *Report, i *Identity, client string) {
	e := explained(i)
	t.WriteByte('\n')
	switch {
	case e.Main != nil:
		t.entry("Why", e.Main.text())
		t.entry("Fix", brieflySaid(e.Main.Remedy))
		t.entry("", e.Refusal)
	case e.Refusal != "":
		t.entry("Why", e.Refusal)
	}
	for k, f := range e.Also {
		label := ""
		if k == 0 {
			label = "Also"
		}
		t.entry(label, f.text())
		if f.Remedy != nil {
			t.entry("", t.glyphs.arrow+" "+brieflySaid(f.Remedy))
		}
	}
	t.entry("Certificate", certificateLine(i, r.JudgedAt))
	t.entry("Reaches", reachLine(r, i))
	t.entry("Server", serverLine(r))
	t.entry("Clients", clientsLine(i.Predictions))
	if at := slices.IndexFunc(i.Predictions, func(p Prediction) bool { return p.Stack == client }); at >= 0 {
		p := &i.Predictions[at]
		said := map[string]string{"yes": "sends it", "no": "does not send it"}[p.Sends]
		t.entry("Client", fmt.Sprintf("%s %s: %s", p.Name, cmp.Or(said, "may send it"), p.Reason))
		if p.Remedy != nil {
			t.entry("", t.glyphs.arrow+" "+p.Remedy.String())
		}
	}
}

// brieflySaid is a remedy with fingerprints cut to what tells them apart.
func brieflySaid(p say.Phrase) string {
	const enough = 16
	return p.Map(func(part say.Part) say.Part {
		if part.Kind == say.DigestKind && len(part.Value) > enough {
			part.Value = part.Value[:enough] + "…"
		}
		return part
	}).String()
}

// certificateLine is the certificate in a few words.
func certificateLine(i *Identity, at time.Time) string {
	if i.Subject == "" {
		return fmt.Sprintf("not readable: %s", cmp.Or(i.Key.Detail, i.Key.State))
	}
	parts := []string{i.Subject, keyCell(&i.Key)}
	if i.NotAfter != nil {
		days := int(math.Floor(i.NotAfter.Sub(at).Hours() / 24))
		until := "valid until " + i.NotAfter.Format(time.DateOnly)
		switch {
		case days < 0:
			until = "expired " + i.NotAfter.Format(time.DateOnly)
		case i.NotBefore != nil && at.Before(*i.NotBefore):
			until = "valid from " + i.NotBefore.Format(time.DateOnly) + " to " + i.NotAfter.Format(time.DateOnly)
		case days == 1:
			until += " (1 day)"
		default:
			until += fmt.Sprintf(" (%d days)", days)
		}
		parts = append(parts, until)
	}
	return strings.Join(parts, ", ")
}

// reachLine names every acceptable CA that an identity reaches, and in which way.
func reachLine(r *Report, i *Identity) string {
	if r.Request == nil || r.Request.Asked == "no" {
		return ""
	}
	count := len(r.Request.NamedCAs)
	if count == 0 {
		return "the server names no acceptable CA, so any certificate may be sent"
	}
	ways := map[string]string{"local": " (with a certificate to add)", "cross-signed": " (through a cross-certificate)"}
	results := map[string]string{"name-only": " (by its name only: its certificate is not at hand)",
		"near-miss": " (not quite: the path breaks, or another key)", "unknown": " (not known)"}
	var parts []string
	for _, n := range i.NamedCAs {
		if n.Result == "reached" {
			parts = append(parts, n.DN+ways[n.Via])
		} else if text, ok := results[n.Result]; ok {
			parts = append(parts, n.DN+text)
		}
	}
	switch {
	case parts == nil && count == 1:
		return "not the acceptable CA, " + r.Request.NamedCAs[0].DN
	case parts == nil:
		return fmt.Sprintf("none of the %d acceptable CAs (-v lists them)", count)
	case count == 1:
		return parts[0] + ", the acceptable CA"
	}
	return fmt.Sprintf("%s: %d of %d acceptable CAs", strings.Join(parts, "; "), len(parts), count)
}

// serverLine is what the server asks for, in a few words.
func serverLine(r *Report) string {
	q := r.Request
	if q == nil {
		return ""
	}
	var parts []string
	if q.Version != "" {
		parts = append(parts, q.Version)
	}
	switch {
	case q.Asked == "no":
		parts = append(parts, "requests no client certificate")
	case q.Insistence == "required" && q.Verified == "no":
		parts = append(parts, "requires a client certificate, and accepts any")
	case q.Insistence == "required":
		parts = append(parts, "requires a client certificate")
	case q.Insistence == "optional":
		parts = append(parts, "requests a client certificate, which is optional")
	case q.Insistence == "ignored":
		parts = append(parts, "requests a client certificate, and ignores it")
	case q.Asked == "yes":
		parts = append(parts, "requests a client certificate; whether it is required is not known")
	}
	if r.Server != nil {
		parts = append(parts, map[string]string{"yes": "its own certificate is verified",
			"no":      "its own certificate could NOT be verified: " + r.Server.VerifyError,
			"unknown": "its own certificate was not verified"}[r.Server.Verified])
	}
	if r.Target != nil && r.Target.User != "" {
		parts = append(parts, "user "+r.Target.User)
	}
	if r.Clock != nil && r.Clock.SkewSeconds != nil && (*r.Clock.SkewSeconds > 60 || *r.Clock.SkewSeconds < -60) {
		parts = append(parts, "clock: "+clockLine(*r.Clock.SkewSeconds, r.Clock.Source))
	}
	return strings.Join(parts, "; ")
}

// clientsLine is how many client models send a certificate.
func clientsLine(predictions []Prediction) string {
	yes, no, unknown := sentBy(predictions)
	all := len(predictions)
	switch {
	case all == 0:
		return ""
	case len(yes) == all:
		return fmt.Sprintf("all %d known client programs send it", all)
	case len(no) == all:
		return "no known client program sends it (--clients says why)"
	case len(unknown) == all:
		return "it is not known which client programs send it (--clients says why)"
	}
	line := fmt.Sprintf("%d of %d known client programs send it", len(yes), all)
	if len(no) > 0 {
		line += "; not " + some(no)
	}
	if len(unknown) > 0 {
		line += fmt.Sprintf("; %d not known", len(unknown))
	}
	return line + " (--clients says why)"
}

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
	t.clientsOf(r)
	return nil
}

// clientsOf says which clients send the certificates: once for all of which the same is
// true, and for the most of them first.
func (t *text) clientsOf(r *Report) {
	const most = 4
	labels := make(map[string][]string)
	var lines []string
	for n := range r.Identities {
		line := clientsLine(r.Identities[n].Predictions)
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
		case len(lines) == 1:
			t.entry("Clients", line)
		case k == most:
			t.entry("", fmt.Sprintf("%d more answers: --clients", len(lines)-most))
			return
		default:
			t.entry(map[bool]string{true: "Clients"}[k == 0], grouped(labels[line], r.Labels())+": "+line)
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

// A cause is one reason with all identities of which it is said.
type cause struct {
	finding *Finding // nil where only the refusal is explained
	refusal string
	labels  []string
	all     []string // the labels of all identities
	main    bool
}

// causesOf has each reason once, with those whom it concerns: first what keeps
// certificates from being accepted, then what else counts.
func causesOf(r *Report) []cause {
	var all []cause
	labels := r.Labels()
	add := func(c cause, label string) {
		same := func(o cause) bool {
			return o.main == c.main && o.refusal == c.refusal && (o.finding == nil) == (c.finding == nil) &&
				(c.finding == nil || o.finding.Check == c.finding.Check && o.finding.Remedy.String() == c.finding.Remedy.String())
		}
		if at := slices.IndexFunc(all, same); at >= 0 {
			o := &all[at]
			o.labels = append(o.labels, label)
			if c.finding != nil && o.finding.Detail.String() != c.finding.Detail.String() {
				general := *o.finding
				general.Detail, o.finding = nil, &general // what is true of all of them
			}
			return
		}
		c.labels, c.all = []string{label}, labels
		all = append(all, c)
	}
	for n := range r.Identities {
		i := &r.Identities[n]
		e := explained(i)
		if e.Main != nil {
			add(cause{finding: e.Main, main: true}, i.Label)
		}
		if e.Refusal != "" {
			add(cause{refusal: e.Refusal, main: true}, i.Label)
		}
		for k := range e.Also {
			add(cause{finding: &e.Also[k]}, i.Label)
		}
	}
	slices.SortStableFunc(all, func(a, b cause) int {
		return cmp.Compare(map[bool]int{true: 0, false: 1}[a.main], map[bool]int{true: 0, false: 1}[b.main])
	})
	return all
}

// text is a reason in one sentence.
func (c *cause) text() string {
	who := grouped(c.labels, c.all)
	const most = 6 // whose names are told one by one
	if c.main && len(c.labels) <= most {
		who = strings.Join(c.labels, ", ")
	}
	if c.finding == nil {
		return plain(who + ": " + c.refusal)
	}
	return plain(who + ": " + c.finding.text())
}

// tell writes reasons; of more than a page has room for, how many there are.
func (t *text) tell(all []cause) {
	most := map[bool]int{true: 12, false: 6}
	told := map[bool]int{}
	for _, c := range all {
		if told[c.main]++; told[c.main] > most[c.main] {
			continue
		}
		if told[c.main] == 1 {
			t.WriteByte('\n')
		}
		mark := "!"
		if c.main {
			mark = t.glyphs.fail
		}
		t.item(mark, c.text())
		if c.finding != nil && c.finding.Remedy != nil {
			t.item("  "+t.glyphs.arrow, brieflySaid(c.finding.Remedy))
		}
	}
	for _, main := range []bool{true, false} {
		if rest := told[main] - most[main]; rest > 0 {
			t.item("-", fmt.Sprintf("%d more of these: -v lists them all", rest))
		}
	}
}

// server writes what there is to say about the server, whoever connects.
func (t *text) server(r *Report) {
	found := serverFindings(r)
	if len(found) > 0 {
		fmt.Fprintf(t, "\n%s\n", t.emphasis("The server"))
	}
	for _, f := range found {
		t.finding(&f)
	}
}
