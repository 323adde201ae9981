package report

import (
	"strings"
	"testing"
	"time"
)

func TestTimeline(t *testing.T) {
	day := func(year int) *time.Time { d := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC); return &d }
	root := &Branch{Subject: "CN=Root", NotBefore: day(2020), NotAfter: day(2040)}
	tree := &Branch{Subject: "CN=leaf", NotBefore: day(2026), NotAfter: day(2029), Issuers: []*Branch{
		{Subject: "CN=CA", NotBefore: day(2025), NotAfter: day(2028), Issuers: []*Branch{root}},
		{Subject: "CN=Other", NotBefore: day(2025), NotAfter: day(2039)},
	}}
	list := spans(tree)
	if got, want := windowText(list),
		"All of it is valid from 2026-01-01 until 2028-01-01; what ends first is the intermediate, CN=CA."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	svg := timelineSVG(list, *day(2027))
	if strings.Count(svg, "<rect") != 3 || strings.Contains(svg, "broken") {
		t.Errorf("%s", svg)
	}
	if late := timelineSVG(list, *day(2035)); strings.Count(late, "broken") != 2 {
		t.Errorf("what has ended is not marked: %s", late)
	}
	tree.NotBefore = day(2030)
	tree.NotAfter = day(2031)
	if got := windowText(spans(tree)); !strings.HasPrefix(got, "At no time") {
		t.Errorf("got %q", got)
	}
	if spans(&Branch{Subject: "x"}) != nil || timelineSVG(nil, *day(2027)) != "" || windowText(nil) != "" {
		t.Error("without dates there is no timeline")
	}
}
