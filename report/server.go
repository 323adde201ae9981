package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"mtlsprobe/probe"
	"mtlsprobe/probe/match"
	"mtlsprobe/probe/reading"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// A Version is what the server does in one protocol version.
type Version struct {
	Version   string     `json:"version" redact:"keep"`
	Supported string     `json:"supported" redact:"keep"` // yes, no, unknown
	Detail    say.Phrase `json:"detail,omitempty"`        // why not, or how it is known
	// Request is absent unless the version is supported.
	Request *Request `json:"request,omitempty"`
}

// A Cause is one explanation of a refusal.
type Cause struct {
	Check    string     `json:"check" redact:"keep"`
	Title    string     `json:"title" redact:"keep"`
	Standing string     `json:"standing" redact:"keep"` // found, possible, ruled-out
	Detail   say.Phrase `json:"detail,omitempty"`
}

// The standings of a cause.
const (
	CauseFound    = "found"
	CausePossible = "possible"
	CauseRuledOut = "ruled-out"
)

func newVersions(served []probe.VersionResult) []Version {
	var versions []Version
	for n := range served {
		s := &served[n]
		v := Version{Version: wire.VersionName(s.Version), Supported: s.Supported.String(), Detail: s.Detail}
		if s.Supported == say.Yes {
			v.Request = &Request{Asked: s.Asked.String(), When: string(s.When), Insistence: string(s.Mode), NamedCAs: []Name{}}
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
	Address     string       `json:"address,omitempty" redact:"Host"`
	ServerName  string       `json:"server_name,omitempty" redact:"Host"`
	Version     string       `json:"version,omitempty" redact:"keep"`
	Error       string       `json:"error,omitempty" redact:"drop"` // why there is no answer
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
			w.Request = &Request{Asked: o.Asked.String(), When: string(o.When), Insistence: string(reading.UnknownMode),
				NamedCAs: []Name{}}
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

func newCauses(causes []match.Cause) []Cause {
	var out []Cause
	for _, c := range causes {
		cause := Cause{Check: c.Check.ID, Title: c.Check.Title, Standing: CausePossible, Detail: c.Detail}
		switch c.Status {
		case match.Fail:
			cause.Standing = CauseFound
		case match.Pass:
			cause.Standing = CauseRuledOut
		}
		out = append(out, cause)
	}
	return out
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
		parts = append(parts, strings.Join(unsupported, ", ")+" refused")
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
	words := map[string]string{"required": "requires a certificate", "optional": "accepts one, optionally",
		"ignored": "asks and ignores it"}[q.Insistence]
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

// A refusal is what is said of a server's refusal, beyond the findings.
type refusal struct {
	said     []string
	possible []string // causes
	ruledOut []string
}

func (e *refusal) String() string {
	said := slices.Clone(e.said)
	if len(e.possible) > 0 {
		said = append(said, "possible causes: "+strings.Join(e.possible, "; "))
	}
	if len(e.ruledOut) > 0 {
		said = append(said, "ruled out: "+strings.Join(e.ruledOut, ", "))
	}
	return strings.Join(said, "; ")
}

// explainRefusal sorts possible and excluded causes of a refusal; it is empty where the findings say it
// all.
func explainRefusal(i *Identity) (e refusal) {
	switch {
	case i.Trial == nil:
		return e
	case i.Trial.PastTLS && i.Trial.Application == nil:
		e.said = append(e.said, "TLS accepted the certificate, where both controls were refused by alerts; then the server "+
			"closed the connection without an answer: most likely an account, a client ID or a policy decides there, and "+
			"not the certificate's chain or dates: ask the server's operator what is allowed for this name")
		return e
	case i.Trial.PastTLS && slices.ContainsFunc(i.Findings,
		func(f Finding) bool { return f.Check == match.UserName.ID && f.Result == "fail" }):
		return e // the finding says it
	case i.Trial.PastTLS:
		e.said = append(e.said, "TLS accepted the certificate (the self-signed control failed differently); "+
			i.Trial.Application.name()+" is most likely an authorization decision: ask the server's operator which names, "+
			"roles or accounts are allowed")
		return e
	case len(i.Trial.Causes) == 0:
		return e
	}
	var found []string
	for _, c := range i.Trial.Causes {
		switch c.Standing {
		case CauseFound:
			found = append(found, lower(c.Title)+" ("+c.Check+")")
		case CausePossible:
			// which is told anyway
			if !slices.ContainsFunc(i.Findings, func(f Finding) bool { return f.Check == c.Check && f.Result == "warn" }) {
				e.possible = append(e.possible, c.text())
			}
		default:
			e.ruledOut = append(e.ruledOut, lower(c.Title))
		}
	}
	if len(found) == 1 {
		return refusal{} // the finding says it
	}
	a := i.Trial.Alert
	if a != nil {
		about := map[string]string{"server": "what the client sent", "client": "the server"}[a.From]
		e.said = append(e.said, fmt.Sprintf("alert %d %s, sent by the %s, is about %s", a.Number, a.Name, a.From, about))
	}
	if i.Trial.Mute {
		e.said = append(e.said, "servers like this one send the same alert for everything they refuse")
	}
	if len(found) > 1 {
		e.said = append(e.said, "servers stop at the first defect, so each of these counts: "+strings.Join(found, ", "))
		e.ruledOut = nil
		return e
	}
	if i.Trial.Model != nil {
		e.said = append(e.said, i.Trial.Model.String())
	}
	if a != nil && a.From == "server" && a.Name == "certificate_expired" {
		e.said = append(e.said, "no certificate has expired by this host's clock: the server's clock may be wrong (--ntp "+
			"HOST checks this host's), "+
			"or a certificate that the server adds to the chain has expired, or its revocation list")
	}
	return e
}

// name is an answer as a sentence calls it.
func (a *Application) name() string {
	switch {
	case a.Protocol == "http", a.Protocol == "h2", a.Protocol == "h3":
		return fmt.Sprintf("HTTP %d", a.Status)
	case a.Status != 0:
		return fmt.Sprintf("the answer %d (%s)", a.Status, a.Protocol)
	}
	return fmt.Sprintf("the application's answer (%s)", a.Protocol)
}

// text is a possible cause with what is known about it.
func (c *Cause) text() string {
	if c.Detail == nil {
		return lower(c.Title)
	}
	return lower(c.Title) + ": " + c.Detail.String()
}

// lower begins a title in lower case within a sentence.
func lower(s string) string {
	if s == "" || len(s) > 1 && s[1] >= 'A' && s[1] <= 'Z' {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// takesAny reports whether a server requires a certificate and accepts any: that one is accepted
// says nothing about it. It is false for nil.
func (q *Request) takesAny() bool {
	return q != nil && q.Insistence == "required" && q.Verified == "no"
}
