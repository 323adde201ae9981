package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"mtlsprobe/probe/reading"
)

// An Expectation is what a server and identities should be like: the file of
// "--expect". What is absent is not looked at.
type Expectation struct {
	Asked      string   `json:"asked,omitempty"`      // yes, no
	Insistence string   `json:"insistence,omitempty"` // required, optional, ignored, unknown
	Versions   []string `json:"versions,omitempty"`   // one of them must be the negotiated one, as in "TLS 1.3"
	// NamedCAs must be on the server's list, and NotNamed must not be: DNs as the
	// report writes them.
	NamedCAs []string `json:"named_cas,omitempty"`
	NotNamed []string `json:"not_named_cas,omitempty"`
	// Verdicts are by the identity's label: fits, does-not-fit, unknown.
	Verdicts map[string]string `json:"verdicts,omitempty"`
}

// ParseExpectation reads the file. What it does not know, or an expectation of
// nothing, is an error: a slip of the hand must not pass a gate.
func ParseExpectation(data []byte) (*Expectation, error) {
	const example = `{"insistence": "required", "named_cas": ["CN=Root,O=Example"], "verdicts": {"client.p12": "fits"}}`
	var e Expectation
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&e)
	_, known := reading.ParseMode(cmp.Or(e.Insistence, string(reading.UnknownMode)))
	switch {
	case err != nil:
	case decoder.Decode(new(json.RawMessage)) != io.EOF:
		err = errors.New("something follows it")
	case e.Asked == "" && e.Insistence == "" && len(e.Versions)+len(e.NamedCAs)+len(e.NotNamed)+len(e.Verdicts) == 0:
		err = errors.New("it expects nothing")
	case !slices.Contains([]string{"", "yes", "no"}, e.Asked):
		err = fmt.Errorf("asked %q is neither yes nor no", e.Asked)
	case !known:
		err = fmt.Errorf("insistence %q is none of required, optional, ignored, unknown", e.Insistence)
	}
	for label, verdict := range e.Verdicts {
		if err == nil && !slices.Contains([]string{Fits, DoesNotFit, Unknown}, verdict) {
			err = fmt.Errorf("the verdict %q of %q is none of fits, does-not-fit, unknown", verdict, label)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("is not a valid expectation file: %w; for example: %s", err, example)
	}
	return &e, nil
}

// Differences compares the report with the expectation. Before is what is
// expected, After what was found; none means that all is as it should be.
func (e *Expectation) Differences(r *Report) []Change {
	var changes []Change
	for _, part := range r.Reports { // each of several targets is to be so
		for _, c := range e.Differences(part) {
			c.What = part.Target.Address + ": " + c.What
			changes = append(changes, c)
		}
	}
	if len(r.Reports) > 0 {
		return changes
	}
	want := func(what, expected, found string) {
		if expected != "" && expected != found {
			changes = append(changes, Change{What: what, Before: expected, After: found})
		}
	}
	q := r.Request
	if q == nil {
		q = &Request{Asked: Unknown, Insistence: Unknown}
	}
	want("asked", e.Asked, q.Asked)
	want("insistence", e.Insistence, q.Insistence)
	if r.Server != nil && len(e.Versions) > 0 && !slices.Contains(e.Versions, r.Server.Version) {
		changes = append(changes, Change{What: "version", Before: fmt.Sprint(e.Versions), After: r.Server.Version})
	}
	named := func(dn string) bool {
		return slices.ContainsFunc(q.NamedCAs, func(n Name) bool { return n.DN == dn })
	}
	for _, dn := range e.NamedCAs {
		if !named(dn) {
			changes = append(changes, Change{What: "named CAs", Before: dn, After: "not named"})
		}
	}
	for _, dn := range e.NotNamed {
		if named(dn) {
			changes = append(changes, Change{What: "named CAs", Before: "without " + dn, After: dn + " is named"})
		}
	}
	for _, label := range slices.Sorted(maps.Keys(e.Verdicts)) {
		found := "no such identity"
		if i := r.identity(label); i != nil {
			found = i.Verdict
		}
		want(label, e.Verdicts[label], found)
	}
	return changes
}

// Expiring has a difference for each identity that ends, or whose best path does, within a
// time of the judgement; none for a time of zero.
func Expiring(r *Report, within time.Duration) []Change {
	var changes []Change
	if within == 0 {
		return nil
	}
	for _, part := range r.Each() {
		reports := []*Report{part}
		if part.Migration != nil {
			reports = part.Migration.parts()
		}
		for _, one := range reports {
			for n := range one.Identities {
				i := &one.Identities[n]
				end, what := i.end()
				if end.IsZero() || end.Sub(part.JudgedAt) > within {
					continue
				}
				c := Change{What: i.Label, After: strings.TrimSpace("ends "+end.Format(time.DateOnly)+" "+what) +
					", which is before " + part.JudgedAt.Add(within).Format(time.DateOnly)}
				if !slices.ContainsFunc(changes, func(o Change) bool { return o.What == c.What && o.After == c.After }) {
					changes = append(changes, c)
				}
			}
		}
	}
	return changes
}

// end is when an identity ends, with what ends it where that is not the leaf; zero where that
// is not known.
func (i *Identity) end() (time.Time, string) {
	if list := spans(i.Tree); len(list) > 0 {
		if from, end, closes := window(list); from.Before(end) && i.NotAfter != nil && end.Before(*i.NotAfter) {
			return end, "(" + closes + ")"
		}
	}
	if i.NotAfter == nil {
		return time.Time{}, ""
	}
	return *i.NotAfter, ""
}
