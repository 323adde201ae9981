package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"mtlsprobe/probe/match"
)

// A cause is one reason with all identities of which it is said.
type cause struct {
	finding *Finding // nil where only the refusal is explained
	refusal string
	labels  []string
	all     []string // the labels of all identities
	where   []string // at which of several servers; nil for all
	main    bool
	command command // what to type for the first of them; nil where nothing is
	said    string  // what is to be said and done, to tell whether two are the same
	// likewise says that the remedy is that of the first, and the others' are alike.
	likewise bool
}

func newCause(main bool, f *Finding, refusal string) cause {
	c := cause{finding: f, refusal: refusal, main: main}
	c.said = fmt.Sprint(main, "\x00", refusal)
	if f != nil {
		c.said = strings.Join([]string{c.said, f.Check, f.Title, f.Remedy.String()}, "\x00")
	}
	return c
}

// A located is a report, with the name of its place among several; empty for the only one.
type located struct {
	report *Report
	where  string
}

// causesOf has each reason once, with those whom it concerns: first what keeps
// certificates from being accepted, then what else counts.
func causesOf(r *Report) []cause { return causesIn([]located{{r, ""}}, r.Labels(), 1) }

// causesIn is the same for several places, of which there are so many.
func causesIn(reports []located, labels []string, places int) []cause {
	var found []cause // one identity each
	index := make(map[[2]string]int)
	add := func(c cause, label, where string) {
		key := [2]string{label, c.said}
		if at, ok := index[key]; ok {
			found[at].where = append(found[at].where, where)
			found[at].generalize(&c)
			return
		}
		index[key] = len(found)
		c.labels, c.all, c.where = []string{label}, labels, []string{where}
		found = append(found, c)
	}
	for _, l := range reports {
		for n := range l.report.Identities {
			i := &l.report.Identities[n]
			e := explained(i)
			if e.Main != nil {
				c := newCause(true, e.Main, "")
				if places == 1 || e.Main.Check != match.PathCrossSigned.ID { // which may break it elsewhere
					c.command = i.fixCommand()
				}
				add(c, i.Label, l.where)
			}
			if e.Refusal != "" {
				add(newCause(true, nil, e.Refusal), i.Label, l.where)
			}
			for k := range e.Also {
				c := newCause(false, &e.Also[k], "")
				if len(labels) > maxSingle { // each with its own file is said once
					c.said = strings.Join([]string{"also", e.Also[k].Check, e.Also[k].Title}, "\x00")
				}
				add(c, i.Label, l.where)
			}
		}
	}
	found = joined(found)
	var all []cause
	for n := range found {
		c := &found[n]
		at := slices.IndexFunc(all, func(o cause) bool { return o.said == c.said && slices.Equal(o.where, c.where) })
		if at < 0 {
			all = append(all, *c)
			continue
		}
		all[at].labels = append(all[at].labels, c.labels[0])
		all[at].generalize(c)
	}
	for n := range all {
		if len(all[n].where) == places {
			all[n].where = nil
		}
	}
	slices.SortStableFunc(all, func(a, b cause) int {
		return cmp.Compare(map[bool]int{true: 0, false: 1}[a.main], map[bool]int{true: 0, false: 1}[b.main])
	})
	return all
}

// joined has what is the main reason at one place, and counts at another, once: as the main one.
func joined(found []cause) []cause {
	same := func(main, minor *cause) bool {
		return main.main && !minor.main && main.finding != nil && minor.finding != nil && main.labels[0] == minor.labels[0] &&
			main.finding.Check == minor.finding.Check && main.finding.Detail.String() == minor.finding.Detail.String()
	}
	var kept []cause
	for _, c := range found {
		if slices.ContainsFunc(found, func(o cause) bool { return same(&o, &c) }) {
			continue
		}
		for n := range found {
			if same(&c, &found[n]) {
				c.where = append(c.where, found[n].where...)
			}
		}
		kept = append(kept, c)
	}
	return kept
}

// generalize leaves of the details only what is true of the other one, too.
func (c *cause) generalize(o *cause) {
	if c.finding == nil {
		return
	}
	general := *c.finding
	if o.finding.Detail.String() != c.finding.Detail.String() {
		general.Detail = nil
	}
	c.likewise = c.likewise || o.finding.Remedy.String() != c.finding.Remedy.String()
	c.finding = &general
}

// text is a reason in one sentence.
func (c *cause) text() string {
	who := grouped(c.labels, c.all)
	const most = 6 // whose names are told one by one
	if c.main && len(c.labels) <= most {
		who = strings.Join(c.labels, ", ")
	}
	if c.where != nil {
		who += " (" + strings.Join(c.where, ", ") + ")"
	}
	if c.finding == nil {
		return plain(who + ": " + c.refusal)
	}
	return plain(who + ": " + c.finding.text())
}

// repeated is what to say behind the command, if the others need one of their own.
func (c *cause) repeated() string {
	if c.likewise || c.command != nil && len(c.labels) > 1 {
		return "and likewise for the others"
	}
	return ""
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
		if c.command != nil {
			const indent = 6
			for n, line := range c.command.lines(t.width - indent) {
				lead := map[bool]string{true: t.glyphs.arrow, false: strings.Repeat(" ", displayWidth(t.glyphs.arrow))}[n == 0]
				fmt.Fprintf(t, "    %s %s\n", lead, line)
			}
		}
		if likewise := c.repeated(); likewise != "" {
			t.item("  ", likewise)
		}
	}
	for _, main := range []bool{true, false} {
		if rest := told[main] - most[main]; rest > 0 {
			t.item("-", fmt.Sprintf("%d more of these: -v lists them all", rest))
		}
	}
}
