package report

import (
	"cmp"
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
	// Clients are the client models, by ID, that a change of what they send is about.
	Clients []string `json:"clients,omitempty"`
}

// Compare returns what changed from a to b: in what the server demands, and for
// each identity by its label, at each of several targets or with each of several requests.
// What broke comes first.
func Compare(a, b *Report) []Change {
	var changes []Change
	note := func(c Change) {
		if c.Before != c.After {
			changes = append(changes, c)
		}
	}
	one, other := a.places(), b.places()
	for _, place := range slices.Sorted(maps.Keys(one)) {
		if other[place] == nil {
			note(Change{What: place, Before: "was asked", After: "is not in the second report"})
			continue
		}
		for _, c := range compareOne(one[place], other[place]) {
			c.What = strings.TrimPrefix(place+": "+c.What, ": ")
			note(c)
		}
	}
	for _, place := range slices.Sorted(maps.Keys(other)) {
		if one[place] == nil {
			note(Change{What: place, Before: "was not in the first report", After: "is asked"})
		}
	}
	slices.SortStableFunc(changes, func(x, y Change) int { return x.weight() - y.weight() })
	return changes
}

// places are the reports of several targets by address, or of several requests by label; the
// only one has the name "".
func (r *Report) places() map[string]*Report {
	places := make(map[string]*Report)
	for _, part := range r.Reports {
		if part.Target != nil {
			places[part.Target.Address] = part
		}
	}
	if r.Migration != nil {
		for n, part := range r.Migration.parts() {
			places[r.Migration.Phases[n].Label] = part
		}
	}
	if len(places) == 0 {
		places[""] = r
	}
	return places
}

func compareOne(a, b *Report) []Change {
	var changes []Change
	full := func(c Change) {
		if c.Before != c.After {
			changes = append(changes, c)
		}
	}
	note := func(what, before, after string) { full(Change{What: what, Before: before, After: after}) }
	if a.Error != b.Error {
		note("target", cmp.Or(a.Error, "could be asked"), cmp.Or(b.Error, "can be asked"))
		return changes
	}
	for n := range a.Identities {
		i := &a.Identities[n]
		if other := b.identity(i.Label); other == nil {
			note(i.Label, "was judged", "is not in the second report")
		} else {
			compareIdentities(i, other, note)
			for _, c := range comparePredictions(i, other) {
				full(c)
			}
		}
	}
	for n := range b.Identities {
		if i := &b.Identities[n]; a.identity(i.Label) == nil {
			note(i.Label, "was not in the first report", fmt.Sprintf("verdict %s", i.Verdict))
		}
	}
	compareRequests(a, b, note)
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
}

// comparePredictions groups the clients that changed alike.
func comparePredictions(a, b *Identity) []Change {
	was := make(map[string]string)
	for _, p := range a.Predictions {
		was[p.Stack] = p.Sends
	}
	type group struct{ names, ids []string }
	groups := make(map[[2]string]*group)
	for _, p := range b.Predictions {
		before, known := was[p.Stack]
		if !known || before == p.Sends {
			continue
		}
		key := [2]string{before, p.Sends}
		if groups[key] == nil {
			groups[key] = &group{}
		}
		groups[key].names, groups[key].ids = append(groups[key].names, p.Name), append(groups[key].ids, p.Stack)
	}
	words := map[string]string{"yes": "it is sent", "no": "it is not sent", Unknown: "it is not known whether it is sent"}
	var changes []Change
	for _, key := range slices.SortedFunc(maps.Keys(groups), func(x, y [2]string) int {
		return cmp.Or(cmp.Compare(y[0], x[0]), cmp.Compare(x[1], y[1]))
	}) {
		g := groups[key]
		programs := fmt.Sprintf("%d client programs", len(g.names))
		if len(g.names) == 1 {
			programs = "1 client program"
		}
		by := " by " + programs + ": " + some(g.names)
		changes = append(changes,
			Change{What: a.Label, Before: words[key[0]] + by, After: words[key[1]] + by, Clients: g.ids})
	}
	return changes
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

// Grouped joins changes that are the same for several identities, whose labels it joins.
func Grouped(changes []Change, labels []string) []Change {
	var out []Change
	whats := make(map[int][]string)
	at := make(map[[2]string]int)
	for _, c := range changes {
		key := [2]string{c.Before, c.After}
		k, ok := at[key]
		if !ok {
			k = len(out)
			at[key] = k
			out = append(out, c)
		}
		whats[k] = append(whats[k], c.What)
	}
	for k := range out {
		out[k].What = grouped(whats[k], labels)
	}
	return out
}

// found says what was found, and what was expected if that is known.
func (c *Change) found() string {
	if c.Before == "" {
		return c.After
	}
	return "expected " + c.Before + ", found " + c.After
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
