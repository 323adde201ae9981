package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

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
