package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
)

// maxNamedColumns is how many named CAs get a column each; more are counted.
const maxNamedColumns = 4

// A text writes a report for people.
type text struct {
	bytes.Buffer
	width  int
	color  bool
	glyphs glyphs
}

// writeText writes what the server demands, the compatibility table, and for
// each identity the reasons with their remedies.
func writeText(w io.Writer, f Format, r *Report) error {
	t := &text{width: cmp.Or(f.Width, 80), color: f.Color, glyphs: newGlyphs(f.ASCII)}
	t.server(r)
	if r.Migration == nil {
		if err := t.table(r); err != nil {
			return err
		}
	}
	if r.Migration != nil {
		if err := t.migration(r.Migration); err != nil {
			return err
		}
		_, err := w.Write(t.Bytes())
		return err
	}
	t.reasons(r)
	if f.Clients {
		if err := t.clients(r); err != nil {
			return err
		}
	}
	if f.Paths {
		t.trees(r)
	}
	t.notes(r)
	_, err := w.Write(t.Bytes())
	return err
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

func (t *text) server(r *Report) {
	if r.Target != nil {
		verified := map[string]string{"yes": "verified", "no": "NOT VERIFIED: " + r.Server.VerifyError, "unknown": "not verified (as told by -k)"}
		t.labelled("Server", fmt.Sprintf("%s, %s, certificate %s", r.Target.Address, r.Server.Version, verified[r.Server.Verified]))
	}
	if r.Request == nil {
		return
	}
	t.labelled("Request", requestLine(r.Request))
	if r.Request.Error == "" {
		if len(r.Request.CertificateTypes) > 0 {
			t.labelled("Types", strings.Join(r.Request.CertificateTypes, ", "))
		}
		if len(r.Request.SignatureSchemes) > 0 {
			t.labelled("Schemes", strings.Join(r.Request.SignatureSchemes, ", "))
		}
		for i, n := range r.Request.NamedCAs {
			t.labelled(fmt.Sprintf("CA %d", i+1), n.DN)
		}
	}
	for _, c := range r.Controls {
		t.labelled("Control", fmt.Sprintf("%s: %s", map[string]string{"none": "no certificate", "self-signed": "self-signed certificate"}[c.Kind], answer(&c.Trial, true)))
	}
	if r.Clock != nil && r.Clock.SkewSeconds != nil {
		t.labelled("Clock", fmt.Sprintf("the server's differs by %+d s (%s)", *r.Clock.SkewSeconds, r.Clock.Source))
	}
}

func requestLine(q *Request) string {
	names := fmt.Sprintf("%d CA names", len(q.NamedCAs))
	switch len(q.NamedCAs) {
	case 0:
		names = "no CA names (any certificate may be sent)"
	case 1:
		names = "1 CA name"
	}
	switch {
	case q.Asked == "no":
		return "the server did not ask for a client certificate"
	case q.Asked != "yes" && len(q.NamedCAs) > 0:
		return "no server was asked; judged against " + names
	case q.Asked != "yes":
		return "it is not known whether the server asks: the handshake ended before"
	case q.Error != "":
		return "the server asked, and its request cannot be decoded: " + q.Error
	}
	demand := "a client certificate is asked for; whether it is required is not known"
	switch q.Insistence {
	case "required":
		demand = "a client certificate is required"
	case "optional":
		demand = "a client certificate is optional"
	case "ignored":
		demand = "a client certificate is asked for and ignored"
	}
	if q.When != "" && q.When != "handshake" {
		demand += " (" + q.When + ")"
	}
	return strings.Join([]string{demand, q.Version, names}, ", ")
}

func (t *text) table(r *Report) error {
	if len(r.Identities) == 0 {
		return nil
	}
	judged, tried := false, false
	label, expiry, key, said, verdict := column{header: "Identity"}, column{header: "Expires", spare: 2}, column{header: "Key", spare: 3}, column{header: "Server's answer"}, column{header: "Verdict"}
	clients, predicted := column{header: "Clients that send it", spare: 4}, false
	for n := range r.Identities {
		i := &r.Identities[n]
		label.cells = append(label.cells, plain(i.Label))
		expires := "?"
		if i.NotAfter != nil {
			expires = i.NotAfter.Format(time.DateOnly)
		}
		expiry.cells = append(expiry.cells, expires)
		key.cells = append(key.cells, keyCell(&i.Key))
		said.cells = append(said.cells, answer(i.Trial, false))
		verdict.cells = append(verdict.cells, verdictCell(i))
		clients.cells = append(clients.cells, clientsCell(i.Predictions))
		predicted = predicted || i.Predictions != nil
		judged, tried = judged || i.Verdict != "", tried || i.Trial != nil
	}
	columns := []column{label, expiry, key}
	if judged {
		columns = append(columns, namedColumns(r)...)
	}
	if predicted {
		columns = append(columns, clients)
	}
	if tried {
		columns = append(columns, said)
	}
	if judged {
		columns = append(columns, verdict)
	}
	if t.Len() > 0 {
		t.WriteByte('\n')
	}
	dropped, err := renderTable(t, columns, t.width)
	if len(dropped) > 0 {
		t.labelled("", "Hidden to fit "+fmt.Sprint(t.width)+" columns: "+strings.Join(dropped, ", ")+". Use a wider terminal or -o json.")
	}
	return err
}

func keyCell(k *Key) string {
	if k.State == "usable" {
		return k.Algorithm
	}
	return strings.TrimSpace(k.Algorithm + " " + k.State)
}

func verdictCell(i *Identity) string {
	if i.Verdict != Fits {
		return strings.ReplaceAll(cmp.Or(i.Verdict, "?"), "-", " ")
	}
	for _, f := range i.Findings {
		switch {
		case f.Result == "fail":
			return "accepted, but"
		case f.Result == "warn" && f.Check == "path.not-reached" && (i.Trial == nil || i.Trial.Outcome != "accepted"):
			return "fits by name" // the CA's certificate is not at hand to prove it
		}
	}
	return "fits"
}

// namedColumns has a column for each named CA, or one count.
func namedColumns(r *Report) []column {
	if r.Request == nil || len(r.Request.NamedCAs) == 0 {
		return nil
	}
	if names := len(r.Request.NamedCAs); names > maxNamedColumns {
		c := column{header: "CAs", spare: 1}
		for _, i := range r.Identities {
			reached := 0
			for _, n := range i.NamedCAs {
				if n.Result == "reached" || n.Result == "name-only" {
					reached++
				}
			}
			c.cells = append(c.cells, fmt.Sprintf("%d of %d", reached, names))
		}
		return []column{c}
	}
	columns := make([]column, len(r.Request.NamedCAs))
	for k := range columns {
		columns[k] = column{header: fmt.Sprintf("CA %d", k+1), spare: 1}
		for _, i := range r.Identities {
			cell := "?"
			if k < len(i.NamedCAs) {
				cell = i.NamedCAs[k].Result
				if via := i.NamedCAs[k].Via; cell == "reached" && via != "presented" {
					cell += ", " + via
				}
				if cell == "not-reached" {
					cell = "-"
				}
			}
			columns[k].cells = append(columns[k].cells, cell)
		}
	}
	return columns
}

// answer says in a few words what the server did.
func answer(t *Trial, long bool) string {
	if t == nil {
		return "not tried"
	}
	var parts []string
	if a := t.Application; a != nil && a.Status != 0 {
		parts = append(parts, fmt.Sprintf("HTTP %d", a.Status))
		if long || t.Outcome == "refused-by-application" {
			parts[0] += " " + a.Detail
		}
	}
	if a := t.Alert; a != nil {
		whose := a.From + "'s "
		if a.From == "server" && !long {
			whose = "" // the column's header says so
		}
		parts = append(parts, fmt.Sprintf("%salert %d %s", whose, a.Number, a.Name))
	}
	if t.Detail != "" && (long || len(parts) == 0) && t.Outcome != "accepted" {
		parts = append(parts, t.Detail)
	}
	text := strings.ReplaceAll(t.Outcome, "-", " ")
	if len(parts) > 0 {
		text += ": " + plain(strings.Join(parts, ", "))
	}
	return text
}

// reasons writes, for each identity that does not fit or has something to mend,
// what was found in order of weight.
func (t *text) reasons(r *Report) {
	for n := range r.Identities {
		i := &r.Identities[n]
		var lines []Finding
		for _, f := range i.Findings {
			if f.Result == "fail" || f.Result == "warn" && !strings.HasPrefix(f.Check, "server.") {
				lines = append(lines, f)
			}
		}
		refused := i.Trial != nil && i.Verdict == DoesNotFit && len(lines) == 0
		if len(lines) == 0 && !refused {
			continue
		}
		t.heading(i)
		for _, f := range lines {
			t.finding(&f)
		}
		if refused {
			t.item("-", "the server refused it, and nothing was found here that explains it; ask for the server's own log")
		}
	}
	t.serverFindings(r)
}

// heading names an identity above its reasons.
func (t *text) heading(i *Identity) {
	line := plain(i.Label + "  " + cmp.Or(i.Subject, i.Source))
	if i.Verdict == Fits && i.Trial != nil && i.Trial.Outcome == "accepted" {
		line += "  (the server accepts it all the same)"
	}
	t.WriteByte('\n')
	for _, l := range wrap(line, t.width) {
		fmt.Fprintln(t, t.emphasis(l))
	}
}

func (t *text) finding(f *Finding) {
	mark := map[string]string{"fail": t.glyphs.fail, "warn": "!"}[f.Result]
	body := f.Title + " (" + f.Check + ")"
	if f.Detail != "" {
		body = f.Title + ": " + f.Detail + " (" + f.Check + ")"
	}
	t.item(mark, body)
	if f.Remedy != "" {
		t.item("  "+t.glyphs.arrow, f.Remedy)
	}
}

// serverFindings writes once what is said of the server under every identity.
func (t *text) serverFindings(r *Report) {
	if len(r.Identities) == 0 {
		return
	}
	for _, f := range r.Identities[0].Findings {
		if strings.HasPrefix(f.Check, "server.") && f.Result == "warn" {
			fmt.Fprintf(t, "\n%s\n", t.emphasis("The server"))
			t.finding(&f)
		}
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

func (t *text) emphasis(s string) string {
	if !t.color {
		return s
	}
	return "\x1b[1m" + s + "\x1b[0m"
}

// notes says what the table is worth, and what was shown to the server.
func (t *text) notes(r *Report) {
	judged, tried := 0, 0
	for _, i := range r.Identities {
		if i.Verdict != "" {
			judged++
		}
		if i.Trial != nil && i.Trial.Outcome != "not-tried" {
			tried++
		}
	}
	for _, a := range r.Authorities {
		if judged == 0 {
			t.labelled("CA", fmt.Sprintf("%s, until %s, in %s", a.Subject, a.NotAfter.Format(time.DateOnly), a.Source))
		}
	}
	if judged == 0 {
		return
	}
	line := fmt.Sprintf("%d of %d identities fit.", r.Fitting(""), judged)
	if tried == 0 {
		line += " Nothing was presented to the server: this is judged from names and dates, and only a trial is proof."
	} else {
		line += fmt.Sprintf(" %d certificates were shown to the server.", tried)
	}
	t.WriteByte('\n')
	for _, l := range wrap(line, t.width) {
		fmt.Fprintln(t, l)
	}
}
