package report

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"mtlsprobe/probe"
	"mtlsprobe/probe/match"
	"mtlsprobe/probe/wire"
)

// A Version is what the server does in one protocol version.
type Version struct {
	Version   string `json:"version"`
	Supported string `json:"supported"`        // yes, no, unknown
	Detail    string `json:"detail,omitempty"` // why not, or how it is known
	// Request is absent unless the version is supported.
	Request *Request `json:"request,omitempty"`
}

// A Cause is one explanation of a refusal.
type Cause struct {
	Check    string `json:"check"`
	Title    string `json:"title"`
	Standing string `json:"standing"` // found, possible, ruled-out
	Detail   string `json:"detail,omitempty"`
}

// The standings of a cause.
const (
	CauseFound    = "found"
	CausePossible = "possible"
	CauseRuledOut = "ruled-out"
)

func newVersions(served []probe.Served) []Version {
	var versions []Version
	for n := range served {
		s := &served[n]
		v := Version{Version: wire.VersionName(s.Version), Supported: string(s.Supported), Detail: s.Detail}
		if s.Supported == probe.Yes {
			v.Request = &Request{Asked: string(s.Asked), When: string(s.When), Insistence: string(s.Insistence), NamedCAs: []Name{}}
			if s.Request != nil {
				v.Request.fill(s.Request)
			}
		}
		versions = append(versions, v)
	}
	return versions
}

// A Variant is what the server does at one of its addresses or by another name.
type Variant struct {
	Address     string       `json:"address,omitempty"`
	ServerName  string       `json:"server_name,omitempty"`
	Version     string       `json:"version,omitempty"`
	Error       string       `json:"error,omitempty"` // why there is no answer
	Request     *Request     `json:"request,omitempty"`
	Certificate *Certificate `json:"certificate,omitempty"` // the server's own
}

func newVariants(variants []probe.Variant) []Variant {
	var out []Variant
	for n := range variants {
		v := &variants[n]
		w := Variant{Address: v.Address, ServerName: v.ServerName}
		if v.Err != nil {
			w.Error = v.Err.Error()
		}
		if o := v.Observation; o != nil {
			w.Version = wire.VersionName(o.Version)
			w.Request = &Request{Asked: string(o.Asked), When: string(o.When), Insistence: string(probe.UnknownInsistence), NamedCAs: []Name{}}
			if o.Request != nil {
				w.Request.fill(o.Request)
			}
			if len(o.Certificates) > 0 {
				c := newCertificate(o.Certificates[0])
				w.Certificate = &c
			}
		}
		out = append(out, w)
	}
	return out
}

// variantLines says, for each address and name, what the server does there.
func variantLines(r *Report) []string {
	var lines []string
	for _, v := range r.Variants {
		line := cmp.Or(v.Address, v.ServerName)
		switch {
		case v.Request == nil:
			line += ": " + v.Error
		default:
			line += ": " + v.Version + ", " + demand(v.Request)
			if v.Certificate != nil {
				line += "; it is " + v.Certificate.Subject
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// MatchServer is what a run shows of the server, as judging takes it.
func MatchServer(r *Run) *match.Server {
	s := &match.Server{Request: r.Request}
	if r.Holding != nil {
		s.Identities = r.Holding.Identities
	}
	for n := range r.Versions {
		v := &r.Versions[n]
		s.Versions = append(s.Versions, match.Version{Number: v.Version, Supported: matchAnswer(v.Supported), Asked: matchAnswer(v.Asked), Request: v.Request, Insistence: string(v.Insistence)})
	}
	for n := range r.Variants {
		v := &r.Variants[n]
		w := match.Variant{Label: v.Label(), Failed: "does not answer"}
		if o := v.Observation; o != nil {
			w.Failed, w.Version = "", match.Version{Number: o.Version, Supported: match.Yes, Asked: matchAnswer(o.Asked), Request: o.Request}
		}
		s.Variants = append(s.Variants, w)
	}
	if t := r.SelfSigned; t != nil && r.Insistence == probe.Required {
		switch {
		case t.Outcome == probe.Accepted:
			s.AnyPasses = match.Yes
		case t.Refused():
			s.AnyPasses = match.No
		}
	}
	o := r.Observation
	if o == nil {
		return s
	}
	s.Asked, s.When, s.StartTLS, s.Injected = matchAnswer(o.Asked), o.When, o.Target.StartTLS, o.Injected
	if o.Earlier != nil {
		said := answer(newTrial(o.Earlier.None), true)
		s.TurnedAway = fmt.Sprintf("under %s it turned the client away without having asked (%s), and it asks under %s", wire.VersionName(o.Earlier.Version), said, wire.VersionName(o.Version))
		if o.When == wire.PostHandshake {
			s.TurnedAway = fmt.Sprintf("it turned a client away that does not offer post-handshake authentication, without having asked (%s)", said)
		}
	}
	return s
}

// matchAnswer is an answer as judging takes it.
func matchAnswer(a probe.Answer) match.Answer {
	switch a {
	case probe.Yes:
		return match.Yes
	case probe.No:
		return match.No
	}
	return ""
}

// newCauses ranks what can have made the server refuse the identity.
// mute says that the alert tells nothing of them.
func newCauses(r *Run, trial *probe.Trial, v *match.Verdict) (causes []Cause, mute bool) {
	if trial == nil || !trial.Refused() {
		return nil, false
	}
	refusal := &match.Refusal{Family: match.FamilyOf(r.Request)}
	if a := trial.Alert; a != nil && a.From == wire.Server {
		refusal.Alert, refusal.Alerted = a.Description, true
	}
	for _, c := range match.Causes(refusal, v.Findings) {
		out := Cause{Check: c.Check.ID, Title: c.Check.Title, Standing: CausePossible, Detail: c.Detail}
		switch c.Standing {
		case match.Fail:
			out.Standing = CauseFound
		case match.Pass:
			out.Standing = CauseRuledOut
		}
		causes = append(causes, out)
	}
	return causes, refusal.Mute()
}

// pastTLS reports whether a refusal is one of a name or role: HTTP says so, and the
// self-signed control, which no server verifies, was refused in another way.
func pastTLS(trial, control *probe.Trial) bool {
	status := func(t *probe.Trial) int {
		if t == nil || t.Application == nil || t.Outcome != probe.RefusedByApplication {
			return 0
		}
		return t.Application.Status
	}
	own := status(trial)
	return (own == http.StatusUnauthorized || own == http.StatusForbidden) && control != nil && control.Refused() && status(control) != own
}

// versionsLine compares the versions in one sentence; empty if they were not
// tried.
func versionsLine(r *Report) string {
	var parts, unsupported, unknown []string
	first := ""
	for _, v := range r.Versions {
		switch {
		case v.Supported == Unknown:
			unknown = append(unknown, v.Version)
		case v.Supported != "yes":
			unsupported = append(unsupported, v.Version)
		default:
			said := demand(v.Request)
			if first == "" {
				first = said
			} else if said == first {
				said = "the same"
			}
			parts = append(parts, v.Version+" "+said)
		}
	}
	if len(unsupported) > 0 {
		parts = append(parts, strings.Join(unsupported, ", ")+" not offered")
	}
	if len(unknown) > 0 {
		parts = append(parts, strings.Join(unknown, ", ")+" not known")
	}
	return strings.Join(parts, "; ")
}

// demand says in a few words what a request demands.
func demand(q *Request) string {
	switch q.Asked {
	case "no":
		return "does not ask"
	case Unknown:
		return "is not known to ask"
	}
	words := map[string]string{"required": "requires a certificate", "optional": "takes one, optionally", "ignored": "asks and ignores it"}[q.Insistence]
	if words == "" {
		words = "asks"
	}
	switch len(q.NamedCAs) {
	case 0:
		words += ", no names"
	case 1:
		words += ", 1 name"
	default:
		words += fmt.Sprintf(", %d names", len(q.NamedCAs))
	}
	if q.When != "" && q.When != string(wire.InHandshake) {
		words += ", " + q.When
	}
	return words
}

// blame is what to say of a refusal beyond the findings: which causes are ruled
// out, and what the alert is worth.
func blame(i *Identity) string {
	switch {
	case i.Trial == nil:
		return ""
	case i.Trial.PastTLS:
		return fmt.Sprintf("the server tells it from the self-signed control, which was refused in another way: HTTP %d is most likely a refusal of this name or role; ask who may come", i.Trial.Application.Status)
	case len(i.Trial.Causes) == 0:
		return ""
	}
	var found, possible, ruledOut []string
	for _, c := range i.Trial.Causes {
		switch c.Standing {
		case CauseFound:
			found = append(found, lower(c.Title)+" ("+c.Check+")")
		case CausePossible:
			if !slices.ContainsFunc(i.Findings, func(f Finding) bool { return f.Check == c.Check && f.Result == "warn" }) { // which is told anyway
				possible = append(possible, lower(c.Title))
			}
		default:
			ruledOut = append(ruledOut, lower(c.Title))
		}
	}
	if len(found) == 1 {
		return "" // the finding says it
	}
	var said []string
	if a := i.Trial.Alert; a != nil {
		said = append(said, fmt.Sprintf("the %s's alert %d %s accuses %s", a.From, a.Number, a.Name, map[string]string{"server": "what the client sent", "client": "the server"}[a.From]))
	}
	if i.Trial.Mute {
		said = append(said, "servers like this one say the same of everything they refuse")
	}
	if len(found) > 1 {
		said = append(said, "servers stop at the first defect, so each of these counts: "+strings.Join(found, ", "))
	}
	if a := i.Trial.Alert; a != nil && a.From == "server" && a.Name == "certificate_expired" && len(found) == 0 {
		said = append(said, "by this host's clock nothing of it has expired: the server's clock may be wrong (--ntp HOST tells what this host's is worth), or a certificate has that the server itself puts into the chain")
	}
	if len(possible) > 0 {
		said = append(said, "it may also be: "+strings.Join(possible, ", "))
	}
	if len(found) == 0 && len(ruledOut) > 0 {
		said = append(said, "as far as can be seen from here it is not: "+strings.Join(ruledOut, ", "))
	}
	return strings.Join(said, "; ")
}

// lower begins a title in lower case within a sentence.
func lower(s string) string {
	if s == "" || len(s) > 1 && s[1] >= 'A' && s[1] <= 'Z' {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
