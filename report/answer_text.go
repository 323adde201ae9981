package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"mtlsprobe/report/say"
)

// judged writes the answer first: the verdict in one sentence, then why and what to do,
// then the evidence in a few lines.
func (t *text) judged(f Format, r *Report) error {
	t.headline(r, f.By)
	for _, with := range programLines(r, f.By) {
		if len(r.Identities) > 1 || f.Verbose { // of one the answer says it below
			t.line("", "", with)
		}
	}
	for _, fact := range cautions(r) {
		t.line("", "", fact.Label+": "+fact.Text)
	}
	if f.Verbose {
		if err := t.table(r); err != nil {
			return err
		}
		t.reasons(r)
		fmt.Fprintf(t, "\n%s\n", t.emphasis("What the server asks for"))
		for _, fact := range facts(r) {
			t.labelled(fact.Label, fact.Text)
		}
		return nil
	}
	if len(r.Identities) == 1 {
		t.one(r, &r.Identities[0], f.By)
	} else if err := t.many(r); err != nil {
		return err
	}
	t.server(r)
	return nil
}

// headline writes the verdict with its mark.
func (t *text) headline(r *Report, by By) {
	mark, color := t.mark(r, by)
	t.marked(mark, color, headline(r))
}

// marked writes a sentence behind its mark.
func (t *text) marked(mark, color, sentence string) {
	for k, line := range wrap(plain(sentence), max(20, t.width-2)) {
		if k == 0 {
			fmt.Fprintf(t, "%s %s\n", t.paint(mark, color), t.emphasis(line))
			continue
		}
		fmt.Fprintf(t, "  %s\n", t.emphasis(line))
	}
}

// mark is the sign of what is said of all identities alike, or that they differ.
func (t *text) mark(r *Report, by By) (mark, color string) {
	if r.Fitting(by) < r.Fitting(By{}) {
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

// command writes what to type.
func (t *text) command(c command) {
	const indent = 15
	for _, line := range c.lines(t.width - indent) {
		fmt.Fprintf(t, "%*s%s\n", indent, "", line)
	}
}

// one explains a single identity.
func (t *text) one(r *Report, i *Identity, by By) {
	e := explained(i)
	t.WriteByte('\n')
	switch {
	case e.Main != nil:
		t.entry("Why", e.Main.text())
		t.entry("Fix", brieflySaid(e.Main.Remedy))
		t.command(i.fixCommand())
		t.beyond("", i, &e.Beyond)
	case e.Refusal != "":
		t.beyond("Why", i, &e.Beyond)
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
	t.entry("Passed on", passedOnLine(i))
	t.entry("Clients", clientsLine(i.Predictions))
	if at := slices.IndexFunc(i.Predictions, func(p Prediction) bool { return p.Stack == by.Client }); at >= 0 {
		p := &i.Predictions[at]
		said := map[string]string{"yes": "sends it", "no": "does not send it"}[p.Sends]
		t.entry("Client", fmt.Sprintf("%s %s: %s", p.Name, cmp.Or(said, "may send it"), p.Reason))
		command := i.rewriteCommand(p)
		if p.Remedy != nil && (command == nil || p.Sends == "yes") {
			t.entry("", t.glyphs.arrow+" "+p.Remedy.String())
		}
		if command != nil {
			t.command(command)
		}
	}
	t.entry("Servers", serversLine(i))
	switch m := i.serverModel(by.Server); {
	case m != nil:
		t.entry(m.Name, m.text())
		if m.Remedy != nil {
			t.entry("", t.glyphs.arrow+" "+m.Remedy.String())
		}
	case by.Server != "":
		t.entry(by.Server, "not known: no certificate of the CAs that the server names is at hand (--authorities takes them)")
	}
}

// beyond writes what is said of a refusal beyond the findings: what is possible in lines of its own,
// unless the model of the server's library knows better.
func (t *text) beyond(label string, i *Identity, e *refusal) {
	t.entry(label, strings.Join(e.said, "; "))
	if len(e.said) > 0 && i.Trial != nil && i.Trial.ModelRemedy != nil {
		t.entry("Fix", brieflySaid(i.Trial.ModelRemedy))
		if len(e.possible) > 0 {
			t.entry("", "-v lists what else is possible")
		}
		return
	}
	for k, cause := range e.possible {
		t.entry(map[bool]string{true: "Possible"}[k == 0], cause)
	}
	t.entry("Ruled out", strings.Join(e.ruledOut, ", "))
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

// applicationInsists reports whether TLS goes on without a certificate, and the application does
// not.
func (r *Report) applicationInsists() bool {
	without := r.control("none")
	return r.Request != nil && r.Request.Insistence == "required" && without != nil &&
		without.Outcome == "refused-by-application"
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
	case r.applicationInsists():
		parts = append(parts, "the application requires a client certificate; TLS does not")
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
		parts = append(parts, map[string]string{"yes": "its own certificate is verified" + r.byCA(),
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
	_, no, unknown := sentBy(predictions)
	var bare []string // the leaf that they send alone is refused
	own := ""         // whose chain is refused
	for _, p := range predictions {
		if p.refused() {
			if p.Chain != nil {
				own = p.Name
			} else {
				bare = append(bare, p.Name)
			}
			no = slices.DeleteFunc(no, func(name string) bool { return name == p.Name })
		}
	}
	all := len(predictions)
	line := fmt.Sprintf("%d of %d known client programs send it", all-len(no)-len(unknown), all)
	switch {
	case all == 0:
		return ""
	case len(no) == all:
		return "no known client program sends it (--clients says why)"
	case len(unknown) == all:
		return "it is not known which client programs send it (--clients says why)"
	case len(no)+len(unknown) == 0:
		line = fmt.Sprintf("all %d known client programs send it", all)
		if bare == nil && own == "" {
			return line
		}
	}
	if len(no) > 0 {
		line += "; not " + some(no)
	}
	if len(unknown) > 0 {
		line += fmt.Sprintf("; %d not known", len(unknown))
	}
	if bare != nil {
		do := map[bool]string{true: " does", false: " do"}[len(bare) == 1]
		line += "; refused without the intermediates, which " + some(bare) + do + " not send"
	}
	if own != "" {
		line += "; refused with the chain that " + own + " sends"
	}
	return line + " (--clients says why)"
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

// passedOnLine says how a proxy passed the certificate on to the application; empty where that does
// not show.
func passedOnLine(i *Identity) string {
	if i.Trial == nil || i.Trial.Application == nil || len(i.Trial.Application.PassedOn) == 0 {
		return ""
	}
	return "by a proxy, in " + strings.Join(i.Trial.Application.PassedOn, ", ") + ", as the application's answer shows"
}

// byCA says that a server was verified without a name: those of some protocols have none that could be
// compared.
func (r *Report) byCA() string {
	if r.Target == nil || r.Target.ServerName != "" {
		return ""
	}
	return " by its CA, not by a name"
}
