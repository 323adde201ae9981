package report

import (
	"fmt"
	"html"
	"strings"
	"time"
)

// A span is the validity of one certificate on a path.
type span struct {
	role      string // leaf, intermediate or root
	name      string
	from, end time.Time
}

// spans returns the validities along the best way up, the leaf first: the first
// branch at each fork, for paths come best first.
func spans(root *Branch) []span {
	var out []span
	for b := root; b != nil; {
		if b.NotBefore == nil || b.NotAfter == nil {
			return nil
		}
		role := "intermediate"
		switch {
		case b == root:
			role = "leaf"
		case b.Root:
			role = "root"
		case b.Kin != "":
			role = "intermediate (" + b.Kin + ")"
		}
		out = append(out, span{role, b.Subject, *b.NotBefore, *b.NotAfter})
		if len(b.Issuers) == 0 {
			break
		}
		b = b.Issuers[0]
	}
	return out
}

// window is when all of the spans hold, and whose end closes it. The window is
// empty if from is not before end.
func window(list []span) (from, end time.Time, closes string) {
	for i, s := range list {
		if i == 0 || s.from.After(from) {
			from = s.from
		}
		if i == 0 || s.end.Before(end) {
			end, closes = s.end, "the "+s.role+", "+s.name
		}
	}
	return from, end, closes
}

// windowText says from when to when a path works, and what ends it.
func windowText(list []span) string {
	if len(list) == 0 {
		return ""
	}
	from, end, closes := window(list)
	if !from.Before(end) {
		return "At no time are all certificates of this path valid."
	}
	return plain(fmt.Sprintf("All of it is valid from %s until %s; what ends first is %s.", from.Format(time.DateOnly),
		end.Format(time.DateOnly), closes))
}

// Sizes of the timeline, in CSS pixels.
const (
	timelineWidth = 720
	timelineLabel = 250
	timelineRow   = 20
)

// timelineSVG draws the validities below each other, with the time of judgement.
func timelineSVG(list []span, judged time.Time) string {
	if len(list) == 0 {
		return ""
	}
	first, last := extent(list, judged)
	scale := float64(timelineWidth-timelineLabel-drawingMargin) / max(1, last.Sub(first).Seconds())
	x := func(t time.Time) int { return timelineLabel + int(t.Sub(first).Seconds()*scale) }
	height := timelineRow*len(list) + 26
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" class="tree" role="img" viewBox="0 0 %d %d" width="%d" height="%d"><title>Validity along the path</title><desc>%s</desc>`,
		timelineWidth, height, timelineWidth, height, html.EscapeString(windowText(list)))
	const labelChars = 36
	for i, s := range list {
		y := timelineRow * i
		class := ""
		if judged.Before(s.from) || judged.After(s.end) {
			class = ` class="broken"`
		}
		fmt.Fprintf(&b, `<g%s><text x="0" y="%d">%s</text><rect x="%d" y="%d" width="%d" height="%d" rx="3"><title>%s to %s</title></rect></g>`,
			class, y+14, html.EscapeString(shorten(plain(s.name), labelChars)), x(s.from), y+4, max(2,
				x(s.end)-x(s.from)), timelineRow-8, s.from.Format(time.DateOnly), s.end.Format(time.DateOnly))
	}
	bottom := timelineRow * len(list)
	fmt.Fprintf(&b, `<path d="M%d 0V%d"/>`, x(judged), bottom)
	fmt.Fprintf(&b, `<text class="minor" x="%d" y="%d">%s</text><text class="minor" x="%d" y="%d" text-anchor="end">%s</text></svg>`,
		timelineLabel, bottom+16, first.Format(time.DateOnly), timelineWidth-drawingMargin, bottom+16, last.Format(time.DateOnly))
	return b.String()
}
