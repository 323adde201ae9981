package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"mtlsprobe/probe/match"
)

// What there is to say, before any format gives it its form: text, Markdown and
// HTML are views of these.

// maxNamedColumns is how many named CAs get a column each; of more the reached ones are named.
const maxNamedColumns = 4

const clientsHeader = "Clients that send it"

// A fact is a labelled sentence about the server and its request.
type fact struct{ Label, Text string }

// facts are what is to be said of the server and its request.
func facts(r *Report) []fact { return factsWith(r, acceptableCAs(r)) }

// acceptableCAs are a fact each.
func acceptableCAs(r *Report) []fact {
	var out []fact
	if r.Request != nil && r.Request.Error == "" {
		for i, n := range r.Request.NamedCAs {
			out = append(out, fact{fmt.Sprintf("CA %d", i+1), plain(n.DN)})
		}
	}
	return out
}

// factsWith are the facts, with these lines where the acceptable CAs belong.
func factsWith(r *Report, named []fact) []fact {
	var out []fact
	add := func(label, text string) { out = append(out, fact{label, plain(text)}) }
	if r.Error != "" {
		add("Error", r.Error)
	}
	if r.Target != nil && r.Server != nil {
		verified := map[string]string{"yes": "verified" + r.byCA(), "no": "NOT VERIFIED: " + r.Server.VerifyError,
			"unknown": "not verified"}
		add("Server", fmt.Sprintf("%s, %s, certificate %s", r.Target.Address, r.Server.Version, verified[r.Server.Verified]))
		if r.Target.User != "" {
			add("User", r.Target.User)
		}
	}
	out = append(out, cautions(r)...)
	if r.Request == nil {
		return out
	}
	add("Request", requestLine(r))
	if r.Request.Error == "" {
		if len(r.Request.CertificateTypes) > 0 {
			add("Types", strings.Join(r.Request.CertificateTypes, ", "))
		}
		if len(r.Request.SignatureSchemes) > 0 {
			add("Schemes", strings.Join(r.Request.SignatureSchemes, ", "))
		}
		if r.Request.Library != "" {
			add("Library", "probably "+r.Request.Library+", by the order of what the request lists")
		}
		if line := versionsLine(r); line != "" {
			add("Versions", line)
		}
		for _, line := range variantLines(r) {
			add("Also at", line)
		}
		out = append(out, named...)
	}
	for _, c := range r.Controls {
		kind := map[string]string{"none": "no certificate", "self-signed": "self-signed certificate"}[c.Kind]
		add("Control", fmt.Sprintf("%s: %s", cmp.Or(kind, c.Kind), answer(&c.Trial, true)))
	}
	if r.Clock != nil && r.Clock.SkewSeconds != nil {
		add("Clock", clockLine(*r.Clock.SkewSeconds, r.Clock.Source))
	}
	if r.Clock != nil && r.Clock.NTP != nil {
		add("Clock", fmt.Sprintf("that of %s %s (NTP, to within %.3f s)", r.Clock.NTP.Host,
			offset(r.Clock.NTP.SkewSeconds, r.Clock.NTP.UncertaintySeconds), r.Clock.NTP.UncertaintySeconds))
	}
	return out
}

// cautions are facts about the run that every reader has to know: that it was judged for
// another time, that it was cut short, and that answers differed.
func cautions(r *Report) []fact {
	var out []fact
	add := func(label, text string) { out = append(out, fact{label, plain(text)}) }
	if shift := r.JudgedAt.Sub(r.GeneratedAt); shift.Abs() > time.Minute {
		text := fmt.Sprintf("as of %s, and not of now", r.JudgedAt.UTC().Format(time.RFC3339))
		if r.Server != nil {
			text += "; what a server answers, it answers now"
		}
		add("Judged", text)
	}
	if r.Interrupted {
		add("Interrupted", fmt.Sprintf("%d of %d identities had been tried when the run was ended; nothing is known of the "+
			"others' trials", r.tried(), len(r.Identities)))
	}
	if r.Differs != nil {
		add("Caution", "the server does not answer alike on every connection: "+r.Differs.String())
	}
	return out
}

// clockLine compares the server's clock with this host's.
func clockLine(skew int64, source string) string {
	const tolerance = 2 // seconds, of a date that is cut to whole ones
	return fmt.Sprintf("the server's %s (%s)", offset(float64(skew), tolerance), source)
}

// offset says by how many seconds another clock is ahead of this host's, or behind.
func offset(skew, tolerance float64) string {
	far := match.Spell(time.Duration(math.Abs(skew) * float64(time.Second)))
	if math.Abs(skew) < 10 && tolerance < 1 { // where milliseconds say more
		far = fmt.Sprintf("%.3f s", math.Abs(skew))
	}
	switch {
	case skew > tolerance:
		return "is " + far + " ahead of this host's"
	case skew < -tolerance:
		return "is " + far + " behind this host's"
	}
	return "agrees with this host's"
}

func requestLine(r *Report) string {
	q := r.Request
	names := fmt.Sprintf("%d CA names", len(q.NamedCAs))
	switch len(q.NamedCAs) {
	case 0:
		names = "no CA names (any certificate may be sent)"
	case 1:
		names = "1 CA name"
	}
	switch {
	case q.Asked == "no":
		return "the server did not ask for a client certificate; some ask for certain paths, names or versions only"
	case q.Asked != "yes" && len(q.NamedCAs) > 0:
		return "no server was asked; judged against " + names
	case q.Asked != "yes":
		return "it is not known whether the server asks: the handshake ended before"
	case q.Error != "":
		return "the server asked, and its request cannot be decoded: " + q.Error
	}
	demand := "a client certificate is asked for; whether it is required is not known"
	switch {
	case r.applicationInsists():
		demand = "a client certificate is required by the application, not by TLS"
	case q.Insistence == "required":
		demand = "a client certificate is required"
	case q.Insistence == "optional":
		demand = "a client certificate is optional"
	case q.Insistence == "ignored":
		demand = "a client certificate is asked for and ignored"
	}
	if q.When != "" && q.When != "handshake" {
		demand += " (" + q.When + ")"
	}
	return strings.Join([]string{demand, q.Version, names}, ", ")
}

// compatibility is the table: a row for each identity. What nothing is known of
// has no column. It is nil without identities.
func compatibility(r *Report) []column {
	if len(r.Identities) == 0 {
		return nil
	}
	judged, tried, predicted := false, false, false
	label, expiry, key, said, verdict := column{header: "Certificate"}, column{header: "Until", spare: 2},
		column{header: "Key", spare: 3}, column{header: "Answer"}, column{header: "Verdict"}
	subject, issuer, stored := column{header: "Subject", spare: 1}, column{header: "Issuer", spare: 4},
		column{header: "Chain", spare: 5}
	clients, why := column{header: clientsHeader, spare: 4, least: 24}, column{header: "Why", spare: 1}
	for n := range r.Identities {
		i := &r.Identities[n]
		label.cells = append(label.cells, plain(i.Label))
		expires := "?"
		if i.NotAfter != nil {
			expires = i.NotAfter.Format(time.DateOnly)
		}
		if i.Verdict == "" {
			expires += validity(i, r.JudgedAt)
		}
		expiry.cells = append(expiry.cells, expires)
		key.cells = append(key.cells, keyCell(&i.Key))
		subject.cells, issuer.cells = append(subject.cells, plain(cmp.Or(i.Subject, "?"))),
			append(issuer.cells, plain(cmp.Or(i.Issuer, "?")))
		stored.cells = append(stored.cells, fmt.Sprintf("%d more", len(i.Chain)))
		said.cells = append(said.cells, answer(i.Trial, false))
		verdict.cells = append(verdict.cells, verdictCell(i))
		reason := ""
		if e := explained(i); e.Main != nil {
			reason = plain(e.Main.Title)
		}
		why.cells = append(why.cells, reason)
		clients.cells = append(clients.cells, clientsCell(i.Predictions))
		judged, tried, predicted = judged || i.Verdict != "", tried || i.Trial != nil, predicted || i.Predictions != nil
	}
	columns := []column{label, expiry, key}
	if !judged {
		columns[2].spare = 0 // whether a key can be used is what was asked
		columns = append(columns, subject, issuer, stored)
	}
	if judged {
		columns = append(columns, namedColumns(r)...)
	}
	if predicted {
		columns = append(columns, clients)
	}
	if tried {
		columns = append(columns, said)
	}
	if slices.ContainsFunc(why.cells, func(cell string) bool { return cell != "" }) {
		columns = append(columns, why)
	}
	if judged {
		columns = append(columns, verdict)
	}
	return columns
}

// validity marks a certificate that is out of its validity, where no finding does.
func validity(i *Identity, at time.Time) string {
	switch {
	case i.NotAfter != nil && at.After(*i.NotAfter):
		return ", expired"
	case i.NotBefore != nil && at.Before(*i.NotBefore):
		return ", not yet valid"
	}
	return ""
}

func keyCell(k *Key) string {
	if k.State == "usable" {
		return k.Algorithm
	}
	return strings.TrimSpace(k.Algorithm + " " + k.State)
}

func verdictCell(i *Identity) string {
	if i.Verdict != Fits {
		return cmp.Or(string(i.standing()), "?")
	}
	for _, f := range i.Findings {
		switch {
		case f.Result == "fail":
			return "accepted, but"
		case f.Result == "warn" && !i.proven() && (i.Trial == nil || i.Trial.Outcome != "accepted"):
			return "fits by name" // the CA's certificate is not at hand to prove it
		}
	}
	return string(i.standing())
}

// proven reports whether a named CA is reached by a certificate that is at hand from
// elsewhere than the bundle; true without a list.
func (i *Identity) proven() bool {
	return len(i.NamedCAs) == 0 && i.NamedCAsRest == nil || slices.ContainsFunc(i.NamedCAs,
		func(n NamedCA) bool { return n.Result == "reached" && n.Anchor != "bundle" })
}

// namedColumns has a column for each named CA, or one count.
func namedColumns(r *Report) []column {
	if r.Request == nil || len(r.Request.NamedCAs) == 0 {
		return nil
	}
	if len(r.Request.NamedCAs) > maxNamedColumns {
		c, names := column{header: "Reaches", spare: 1}, newCANames(r)
		for n := range r.Identities {
			c.cells = append(c.cells, reachCell(&r.Identities[n], names, false, " "))
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
	text, said := strings.ReplaceAll(t.Outcome, "-", " "), saidBy(t, long)
	switch {
	case said == "":
		return text
	case t.Outcome == "closed": // its detail says so
		return said
	}
	return text + ": " + said
}

// saidBy is what the server said, without the outcome: "HTTP 200", "alert 48 unknown_ca";
// empty if it said nothing.
func saidBy(t *Trial, long bool) string {
	var parts []string
	if a := t.Application; a != nil && a.Protocol != "" {
		said := protocolLabel(a.Protocol)
		if a.Status != 0 {
			said += fmt.Sprintf(" %d", a.Status)
		}
		if long || a.Status == 0 || t.Outcome == "refused-by-application" {
			said += " " + strings.TrimPrefix(a.Detail, fmt.Sprint(a.Status)+" ")
		}
		parts = append(parts, said)
	}
	if a := t.Alert; a != nil {
		whose := a.From + "'s "
		if a.From == "server" && !long {
			whose = "" // the column's header says so
		}
		parts = append(parts, fmt.Sprintf("%salert %d %s", whose, a.Number, a.Name))
	}
	if t.Detail != nil && (long || len(parts) == 0) && t.Outcome != "accepted" {
		parts = append(parts, t.Detail.String())
	}
	return plain(strings.Join(parts, ", "))
}

// protocolLabel is how people write the name of a protocol.
func protocolLabel(name string) string {
	switch name {
	case "h2":
		return "HTTP/2"
	case "postgres":
		return "PostgreSQL"
	case "mysql":
		return "MySQL"
	case "openvpn", "openvpn-tcp":
		return "OpenVPN"
	case "radsec":
		return "RadSec"
	case "memcached":
		return name
	case "http-proxy":
		return "HTTP"
	case "mongodb", "kafka", "redis", "sieve", "cassandra":
		return strings.ToUpper(name[:1]) + name[1:]
	}
	return strings.ToUpper(name)
}

// unexplained is what is said of a refusal that no finding explains.
const unexplained = "mtlsprobe found no cause; check the server's log"

// reasons returns what was found of an identity that does not fit or has
// something to mend, failures first, and what is to be said of the server's
// refusal beyond them; empty if nothing is.
func reasons(i *Identity) (lines []Finding, refusal string) {
	for _, f := range i.Findings {
		if f.Result == "fail" || f.Result == "warn" {
			lines = append(lines, f)
		}
	}
	// what explains the server's refusal, then "fail" before "warn"
	slices.SortStableFunc(lines, func(a, b Finding) int { // as numbers without a sign, -1 is the last
		return cmp.Or(cmp.Compare(uint(i.likelihood(&a)), uint(i.likelihood(&b))), cmp.Compare(a.Result, b.Result))
	})
	why := refused(i, lines)
	return lines, why.String()
}

// refused is what is to be said of the server's refusal beyond the findings.
func refused(i *Identity, lines []Finding) refusal {
	why := explainRefusal(i)
	if i.Trial != nil && i.Verdict == DoesNotFit && len(lines) == 0 && !i.Trial.PastTLS && i.Trial.ModelRemedy == nil {
		why.said = append([]string{unexplained}, why.said...)
	}
	return why
}

// refusedFirst reports whether what explains the refusal comes before the findings: none
// of them has to do with it.
func (i *Identity) refusedFirst(lines []Finding, refusal string) bool {
	return refusal != "" && len(lines) > 0 && i.Trial != nil && i.Verdict == DoesNotFit && !i.explains(&lines[0])
}

// explains reports whether a finding explains a refusal.
func (i *Identity) explains(f *Finding) bool { return i.likelihood(f) >= 0 }

// likelihood is the place of a finding among the causes of a refusal, the likeliest first;
// -1 for one that does not explain it.
func (i *Identity) likelihood(f *Finding) int {
	if i.Trial == nil {
		return -1
	}
	return slices.IndexFunc(i.Trial.Causes,
		func(c Cause) bool { return c.Check == f.Check && c.Standing == CauseFound })
}

// heading names an identity above its reasons.
func heading(i *Identity) string {
	line := plain(i.Label + "  " + cmp.Or(i.Subject, i.Source))
	if lines, _ := reasons(i); slices.ContainsFunc(lines, func(f Finding) bool { return f.Result == "fail" }) &&
		i.Verdict == Fits && i.Trial != nil && i.Trial.Outcome == "accepted" {
		line += "  (the server accepts it anyway)"
	}
	return line
}

// text is a finding as one sentence.
func (f *Finding) text() string {
	body := f.Title
	if f.Detail != nil {
		body += ": " + f.Detail.String()
	}
	if f.Check != "" { // of earlier reports it is not known
		body += " (" + f.Check + ")"
	}
	return plain(body)
}

// serverFindings returns what there is to mend at the server.
func serverFindings(r *Report) []Finding {
	var found []Finding
	for _, f := range r.ServerFindings {
		if f.Result == "fail" || f.Result == "warn" {
			found = append(found, f)
		}
	}
	return found
}

// shown reports whether the server saw the certificate. Reports of version 0.1 do
// not say; there the outcome tells.
func (t *Trial) shown() bool {
	return t != nil && (t.Presented || slices.Contains([]string{"accepted", "refused", "refused-by-application"},
		t.Outcome))
}

// tried is how many identities were presented to the server.
func (r *Report) tried() int {
	n := 0
	for _, i := range r.Identities {
		if i.Trial.shown() {
			n++
		}
	}
	return n
}

// shown says how many certificates the server got to see.
func shown(r *Report) string {
	switch tried := r.tried(); {
	case r.Target == nil:
		return ""
	case tried == 0:
		return "Nothing was presented to the server. "
	case tried == 1:
		return "1 certificate was shown to the server. "
	default:
		return fmt.Sprintf("%d certificates were shown to the server. ", tried)
	}
}

// summary is the answer, also for the programs that it is for, and what was shown to
// the server; empty if nothing was judged.
func summary(r *Report, by By) string {
	line := headline(r)
	if line == "" {
		return ""
	}
	for _, with := range programLines(r, by) {
		line += " " + with
	}
	return strings.TrimSpace(line + " " + shown(r))
}
