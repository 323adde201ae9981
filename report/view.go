package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// What there is to say, before any format gives it its form: text, Markdown and
// HTML are views of these.

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
	case "h3":
		return "HTTP/3"
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
