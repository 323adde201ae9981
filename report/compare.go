package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Change is one difference between two reports.
type Change struct {
	What   string `json:"what"` // where: "request", or an identity's label
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// Compare returns what changed from a to b: in what the server demands, and for
// each identity by its label. What broke comes first.
func Compare(a, b *Report) []Change {
	var changes []Change
	note := func(what, before, after string) {
		if before != after {
			changes = append(changes, Change{what, before, after})
		}
	}
	for n := range a.Identities {
		i := &a.Identities[n]
		if other := b.identity(i.Label); other == nil {
			note(i.Label, "was judged", "is not in the second report")
		} else {
			compareIdentities(i, other, note)
		}
	}
	for n := range b.Identities {
		if i := &b.Identities[n]; a.identity(i.Label) == nil {
			note(i.Label, "was not in the first report", fmt.Sprintf("verdict %s", i.Verdict))
		}
	}
	compareRequests(a, b, note)
	slices.SortStableFunc(changes, func(x, y Change) int { return x.weight() - y.weight() })
	return changes
}

func (r *Report) identity(label string) *Identity {
	for n := range r.Identities {
		if r.Identities[n].Label == label {
			return &r.Identities[n]
		}
	}
	return nil
}

// weight puts what broke first.
func (c *Change) weight() int {
	switch {
	case c.Before == "verdict "+Fits:
		return 0
	case strings.HasPrefix(c.Before, "verdict "):
		return 1
	}
	return 2
}

func compareIdentities(a, b *Identity, note func(what, before, after string)) {
	note(a.Label, "verdict "+a.Verdict, "verdict "+b.Verdict)
	note(a.Label, "server's answer: "+answer(a.Trial, false), "server's answer: "+answer(b.Trial, false))
	note(a.Label, "fingerprint "+a.SHA256, "fingerprint "+b.SHA256)
	note(a.Label, "key "+a.Key.State, "key "+b.Key.State)
	results := func(i *Identity) map[string]Finding {
		found := make(map[string]Finding)
		for _, f := range i.Findings {
			found[f.Check] = f
		}
		return found
	}
	before := results(a)
	for _, f := range b.Findings {
		was, known := before[f.Check]
		if known && was.Result == f.Result || f.Result == "not-applicable" && was.Result == "pass" || f.Result == "pass" &&
			was.Result == "not-applicable" {
			continue
		}
		text := f.Check + ": " + f.Result
		if f.Detail != nil && (f.Result == "fail" || f.Result == "warn") {
			text += ", " + f.Detail.String()
		}
		note(a.Label, f.Check+": "+was.Result, text)
	}
	reach := make(map[string]string)
	for _, n := range a.NamedCAs {
		reach[n.DN] = n.text()
	}
	for _, n := range b.NamedCAs {
		was, ok := reach[n.DN]
		if !ok && a.NamedCAsRest != nil {
			was, ok = a.NamedCAsRest.Result, true
		}
		if ok {
			note(a.Label, n.DN+" "+was, n.DN+" "+n.text())
		}
		delete(reach, n.DN)
	}
	for _, dn := range slices.Sorted(maps.Keys(reach)) {
		if b.NamedCAsRest != nil {
			note(a.Label, dn+" "+reach[dn], dn+" "+b.NamedCAsRest.Result)
		}
	}
	sends := make(map[string]string)
	for _, p := range a.Predictions {
		sends[p.Stack] = p.Sends
	}
	for _, p := range b.Predictions {
		if was, ok := sends[p.Stack]; ok {
			note(a.Label, p.Name+" sends it: "+was, p.Name+" sends it: "+p.Sends)
		}
	}
}

// text is the result in a few words.
func (n *NamedCA) text() string { return strings.TrimSuffix(n.Result+", "+n.Via, ", ") }

func compareRequests(a, b *Report, note func(what, before, after string)) {
	if a.Request == nil || b.Request == nil {
		return
	}
	note("request", "asked "+a.Request.Asked, "asked "+b.Request.Asked)
	note("request", "insistence "+a.Request.Insistence, "insistence "+b.Request.Insistence)
	note("request", "version "+a.Request.Version, "version "+b.Request.Version)
	note("request", "types "+strings.Join(a.Request.CertificateTypes, ", "),
		"types "+strings.Join(b.Request.CertificateTypes, ", "))
	note("request", "schemes "+strings.Join(a.Request.SignatureSchemes, ", "),
		"schemes "+strings.Join(b.Request.SignatureSchemes, ", "))
	for _, pair := range []struct{ from, to *Request }{{a.Request, b.Request}, {b.Request, a.Request}} {
		for _, n := range pair.from.NamedCAs {
			if slices.ContainsFunc(pair.to.NamedCAs, func(o Name) bool { return o.DN == n.DN }) {
				continue
			}
			if pair.from == a.Request {
				note("request", "names "+n.DN, "")
			} else {
				note("request", "", "names "+n.DN)
			}
		}
	}
}

// String is the change as lines of a diff.
func (c Change) String() string {
	var b strings.Builder
	if c.Before != "" {
		fmt.Fprintf(&b, "- %s\n", plain(c.What+": "+c.Before))
	}
	if c.After != "" {
		fmt.Fprintf(&b, "+ %s\n", plain(c.What+": "+c.After))
	}
	return b.String()
}
