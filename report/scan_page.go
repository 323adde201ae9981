package report

import (
	"cmp"
	"crypto/sha256"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"time"
)

//go:embed scan.html
var scanTemplate string

// A ScanPage collects the lines of a scan for a page. The zero value has none.
type ScanPage struct {
	lines []*Scanned
	more  int
}

// maxPageLines bounds the rows of a page: browsers become slow.
const maxPageLines = 20_000

// Add takes a line, which is not to be changed afterwards.
func (p *ScanPage) Add(l *Scanned) {
	if len(p.lines) == maxPageLines {
		p.more++
		return
	}
	p.lines = append(p.lines, l)
}

type scanView struct {
	Title, Answer, Served, More, Policy, Made string
	CSS                                       template.CSS
	JS                                        template.JS
	Identities                                []string
	Tried                                     bool
	Rows                                      []scanRow
	Lists                                     []*scanList
	Named                                     []scanCA
	known                                     bearers
}

type scanRow struct {
	Target, Asks, Class, CAs, Version, Until, Verdict string
	List                                              int // zero for none
	Cells                                             []pageSign
}

// A scanList is a list of acceptable CAs that servers send.
type scanList struct {
	Number  int
	Names   []string
	servers int
}

// Title is how many CAs a list has, and how many servers send it.
func (l *scanList) Title() string {
	return fmt.Sprintf("%s, from %s", count(len(l.Names), "CA"), count(l.servers, "server"))
}

type scanCA struct {
	Name    string
	Servers int
}

// Write writes the page, which needs nothing from elsewhere.
func (p *ScanPage) Write(w io.Writer, s *ScanSummary, now time.Time) error {
	t, err := template.New("scan").Parse(pageHead + scanTemplate)
	if err != nil {
		return fmt.Errorf("reading the page's template: %w", err)
	}
	if err := t.Execute(w, p.view(s, now)); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	return nil
}

func (p *ScanPage) view(s *ScanSummary, now time.Time) *scanView {
	v := &scanView{Title: "Client certificates for " + count(s.Targets, "target"), Answer: s.answer(), Served: s.served(),
		Policy: pagePolicy(), CSS: template.CSS(pageCSS), JS: template.JS(pageJS),
		Made: now.Format("2006-01-02 15:04:05 MST"), known: make(bearers)}
	if p.more > 0 {
		v.More = fmt.Sprintf("%s are not shown: a page has up to %d.", count(p.more, "target"), maxPageLines)
	}
	labels := make(map[string]bool)
	for _, l := range p.lines {
		v.Tried = v.Tried || l.Level == "trial"
		for label := range l.Verdicts {
			labels[label] = true
		}
	}
	v.Identities = slices.Sorted(maps.Keys(labels))
	lists := v.list(p.lines, s)
	for _, l := range p.lines {
		v.Rows = append(v.Rows, v.row(l, lists[s.sum(l.NamedCAs)]))
	}
	slices.SortStableFunc(v.Rows, func(a, b scanRow) int { // what does not fit first
		return cmp.Or(cmp.Compare(verdictOrder(a.Verdict), verdictOrder(b.Verdict)), cmp.Compare(a.List, b.List))
	})
	for n := range v.Identities {
		v.Identities[n] = plain(v.Identities[n])
	}
	return v
}

func verdictOrder(verdict string) int {
	return slices.Index([]string{DoesNotFit, Unknown, "", Fits}, verdict)
}

// list numbers the different lists, the most frequent first, and counts who names each CA.
func (v *scanView) list(lines []*Scanned, s *ScanSummary) map[[sha256.Size]byte]*scanList {
	lists, cas := make(map[[sha256.Size]byte]*scanList), make(map[string]int)
	for _, l := range lines {
		if len(l.NamedCAs) == 0 {
			continue
		}
		sum := s.sum(l.NamedCAs)
		if lists[sum] == nil {
			v.known.add(l.NamedCAs)
			lists[sum] = &scanList{}
			for _, name := range l.NamedCAs {
				lists[sum].Names = append(lists[sum].Names, plain(name))
			}
		}
		lists[sum].servers++
		named := make(map[string]bool) // a list may name a CA twice
		for _, name := range l.NamedCAs {
			named[name] = true
		}
		for name := range named {
			cas[name]++
		}
	}
	v.Lists = slices.SortedFunc(maps.Values(lists), func(a, b *scanList) int {
		return cmp.Or(cmp.Compare(b.servers, a.servers), slices.Compare(a.Names, b.Names))
	})
	for n, l := range v.Lists {
		l.Number = n + 1
	}
	for name, servers := range cas {
		v.Named = append(v.Named, scanCA{plain(name), servers})
	}
	slices.SortFunc(v.Named, func(a, b scanCA) int {
		return cmp.Or(cmp.Compare(b.Servers, a.Servers), cmp.Compare(a.Name, b.Name))
	})
	return lists
}

func (v *scanView) row(l *Scanned, list *scanList) scanRow {
	row := scanRow{Target: plain(l.Target), Asks: cmp.Or(l.Mode, Unknown), Version: l.Version}
	switch {
	case l.Error != nil:
		row.Asks, row.Class, row.CAs = "not asked", Unknown, plain(l.Error.Kind+": "+l.Error.Detail)
	case l.Asked == "no":
		row.Asks = "not requested"
	case l.Asked == Unknown:
		row.Asks = Unknown
	case list == nil:
		row.CAs = "any"
	default:
		row.List, row.CAs = list.Number, plain(v.known.abridged(l.NamedCAs))
	}
	if c := l.ServerCertificate; c != nil {
		row.Until = c.NotAfter.Format(time.DateOnly)
	}
	if l.Error != nil && len(v.Identities) > 0 {
		row.Verdict = Unknown
	}
	for _, label := range v.Identities {
		verdict := l.Verdicts[label]
		row.Cells = append(row.Cells, pageSign{Class: verdict, Mark: map[string]string{Fits: "✓", DoesNotFit: "✗",
			Unknown: "?"}[verdict],
			Meaning: plain(label) + ": " + cmp.Or(map[string]string{DoesNotFit: "does not fit"}[verdict], verdict,
				"not judged")})
		if row.Verdict == "" || verdict == Fits || verdict == Unknown && row.Verdict == DoesNotFit {
			row.Verdict = verdict
		}
	}
	return row
}
