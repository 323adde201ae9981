package report

import (
	"fmt"
	"strings"
	"time"
)

// timelines writes, for each identity, from when to when it works, what ends it,
// and the validity of every certificate on its best way up as a bar.
func (t *text) timelines(r *Report) {
	for n := range r.Identities {
		i := &r.Identities[n]
		if i.Tree == nil {
			continue
		}
		list := spans(i.Tree)
		if len(list) == 0 {
			continue
		}
		fmt.Fprintf(t, "\n%s\n", t.emphasis(plain(i.Label)))
		t.line("  ", "  ", windowText(list))
		t.bars(list, r.JudgedAt)
	}
}

// Columns of a line of a timeline, beside its bar.
const (
	barIndent = 2
	barName   = 24 // at most, unless a third of the line is more
	barDates  = 2*len(time.DateOnly) + 2
	barLeast  = 10
)

// bars draws the validities below each other, with the time of judgement.
func (t *text) bars(list []span, judged time.Time) {
	first, last := extent(list, judged)
	names, nameWidth := make([]string, len(list)), 0
	for n, s := range list {
		names[n] = shorten(plain(s.name), max(barName, t.width/3))
		nameWidth = max(nameWidth, displayWidth(names[n]))
	}
	width := max(barLeast, t.width-barIndent-nameWidth-1-barDates)
	column := func(at time.Time) int {
		return int(float64(width-1) * at.Sub(first).Seconds() / max(1, last.Sub(first).Seconds()))
	}
	now := column(judged)
	for n, s := range list {
		bar := []rune(strings.Repeat(" ", width))
		for c := column(s.from); c <= column(s.end); c++ {
			bar[c] = t.glyphs.bar
		}
		if bar[now] == ' ' || t.glyphs.ascii {
			bar[now] = '|'
		} else {
			bar[now] = t.glyphs.now
		}
		fmt.Fprintf(t, "%*s%s%s %s %s %s\n", barIndent, "", names[n], strings.Repeat(" ", nameWidth-displayWidth(names[n])),
			s.from.Format(time.DateOnly), string(bar), s.end.Format(time.DateOnly))
	}
	fmt.Fprintf(t, "%*s%s\n", barIndent+nameWidth+len(time.DateOnly)+2+now, "", "^ "+judged.Format(time.DateOnly))
}

// extent is the time that a picture of the spans covers.
func extent(list []span, judged time.Time) (first, last time.Time) {
	first, last = judged, judged
	for _, s := range list {
		if s.from.Before(first) {
			first = s.from
		}
		if s.end.After(last) {
			last = s.end
		}
	}
	return first, last
}
