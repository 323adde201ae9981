package report

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// A ScanSummary counts the lines of a scan. The zero value has seen none.
type ScanSummary struct {
	Targets, Asking, NotAsking, Failed int // asking, not asking, and not asked
	groups                             map[scanKey]*scanGroup
	kept                               int // bytes of the names of groups
	more                               int // servers of groups that are not kept
	failures                           map[string]*scanGroup
	unserved                           []string // targets for which no certificate fits, the first few
	unservedCount                      int
	judged                             bool
	lists                              map[listID][sha256.Size]byte // sums of lists, which a Scanner shares
}

// A listID tells lists apart that are in memory.
type listID struct {
	first *string
	count int
}

// sum is that of a list of names.
func (s *ScanSummary) sum(names []string) [sha256.Size]byte {
	if len(names) == 0 {
		return [sha256.Size]byte{}
	}
	id := listID{&names[0], len(names)}
	sum, known := s.lists[id]
	if !known {
		sum = sha256.Sum256([]byte(strings.Join(names, "\x00")))
		if len(s.lists) < maxLists {
			s.lists[id] = sum
		}
	}
	return sum
}

// A scanKey is what servers have in common that ask alike.
type scanKey struct {
	mode  string
	named [sha256.Size]byte
}

// A scanGroup is the servers of which the same is true.
type scanGroup struct {
	mode     string
	named    []string
	count    int
	examples []string
}

// Bounds of what a summary keeps.
const (
	maxScanGroups = 10_000
	maxScanKept   = 16 << 20 // bytes of names
	scanExamples  = 3
)

// Add counts a line.
func (s *ScanSummary) Add(l *Scanned) {
	if s.groups == nil {
		s.groups = make(map[scanKey]*scanGroup)
		s.failures, s.lists = make(map[string]*scanGroup), make(map[listID][sha256.Size]byte)
	}
	s.Targets++
	switch {
	case l.Error != nil:
		s.Failed++
		g := s.failures[l.Error.Kind]
		if g == nil {
			g = &scanGroup{mode: l.Error.Kind}
			s.failures[l.Error.Kind] = g
		}
		g.add(l.Target)
		return
	case l.Asked != "yes":
		s.NotAsking++
		return
	}
	s.Asking++
	s.serve(l)
	key := scanKey{l.Mode, s.sum(l.NamedCAs)}
	g := s.groups[key]
	if g == nil && (len(s.groups) >= maxScanGroups || s.kept > maxScanKept) {
		s.more++
		return
	}
	if g == nil {
		for _, name := range l.NamedCAs {
			s.kept += len(name)
		}
		g = &scanGroup{mode: l.Mode, named: l.NamedCAs}
		s.groups[key] = g
	}
	g.add(l.Target)
}

// serve notes a server for which no certificate fits.
func (s *ScanSummary) serve(l *Scanned) {
	if len(l.Verdicts) == 0 {
		return
	}
	s.judged = true
	for _, verdict := range l.Verdicts {
		if verdict == Fits {
			return
		}
	}
	if s.unservedCount++; len(s.unserved) < scanExamples {
		s.unserved = append(s.unserved, l.Target)
	}
}

func (g *scanGroup) add(target string) {
	if g.count++; len(g.examples) < scanExamples {
		g.examples = append(g.examples, target)
	}
}

// targets are the examples, and how many there are beyond them.
func (g *scanGroup) targets() string {
	text := strings.Join(g.examples, ", ")
	if rest := g.count - len(g.examples); rest > 0 {
		text += fmt.Sprintf(" and %d more", rest)
	}
	return text
}

// WriteScan writes a summary for people.
func WriteScan(w io.Writer, f Format, s *ScanSummary) error {
	t := newText(f)
	mark, color := t.glyphs.standing(acceptedStanding)
	if s.Asking+s.NotAsking == 0 {
		mark, color = t.glyphs.fail, red
	}
	t.marked(mark, color, s.answer())
	if err := t.scanGroups(s); err != nil {
		return err
	}
	if err := t.scanNames(s); err != nil {
		return err
	}
	if text := s.served(); text != "" {
		t.WriteByte('\n')
		for _, line := range wrap(text, max(20, t.width)) {
			fmt.Fprintln(t, line)
		}
	}
	t.scanFailures(s)
	_, err := w.Write(t.Bytes())
	return err
}

// answer is the sum in a sentence.
func (s *ScanSummary) answer() string {
	return fmt.Sprintf("%s: %d with a request for a client certificate, %d without, %d could not be asked.",
		count(s.Targets, "target"), s.Asking, s.NotAsking, s.Failed)
}

// served says whether each server has a certificate that fits; empty where none was judged.
func (s *ScanSummary) served() string {
	switch {
	case !s.judged:
		return ""
	case s.unservedCount == 0:
		return "Every server that asks has a certificate that fits."
	}
	g := scanGroup{count: s.unservedCount, examples: s.unserved}
	return plain(fmt.Sprintf("No certificate is known to fit at %s: %s", count(s.unservedCount, "server"), g.targets()))
}

const examplesHeader = "Such as"

// mostScanRows bounds each table of a summary.
const mostScanRows = 20

// scanGroups is the table of servers that ask alike.
func (t *text) scanGroups(s *ScanSummary) error {
	groups := s.sorted()
	if len(groups) == 0 {
		return nil
	}
	shown := groups[:min(len(groups), mostScanRows)]
	columns := []column{{header: "Servers"}, {header: "Certificate"}, {header: "Acceptable CAs", least: 20},
		{header: examplesHeader, spare: 1, least: 20}}
	known := make(bearers)
	for _, g := range shown {
		known.add(g.named)
	}
	for _, g := range shown {
		named := "any"
		if len(g.named) > 0 {
			named = known.abridged(g.named)
		}
		for n, cell := range []string{fmt.Sprint(g.count), cmp.Or(g.mode, Unknown), named, g.targets()} {
			columns[n].cells = append(columns[n].cells, plain(cell))
		}
	}
	fmt.Fprintf(t, "\n%s\n", t.emphasis("Servers that ask alike"))
	if err := t.render(columns); err != nil {
		return err
	}
	rest := s.more
	for _, g := range groups[len(shown):] {
		rest += g.count
	}
	if rest > 0 {
		fmt.Fprintf(t, "and %s in %d more groups\n", count(rest, "server"), len(groups)-len(shown))
	}
	return nil
}

// bearers are the full names that have a common name.
type bearers map[string]map[string]bool

func (b bearers) add(names []string) {
	for _, dn := range names {
		cn := commonName(dn)
		if b[cn] == nil {
			b[cn] = make(map[string]bool)
		}
		b[cn][dn] = true
	}
}

// abridged is the first of some names, by their common names where these tell them apart.
func (b bearers) abridged(list []string) string {
	const few = 3
	var names []string
	for _, dn := range list[:min(few, len(list))] {
		cn := commonName(dn)
		if cn == "" || len(b[cn]) > 1 {
			cn = dn
		}
		names = append(names, cn)
	}
	text := strings.Join(names, ", ")
	if rest := len(list) - few; rest > 0 {
		text += fmt.Sprintf(" and %d more", rest)
	}
	return text
}

// A scanNamed is acceptable CAs that the same servers name.
type scanNamed struct {
	servers int
	names   []string
}

// named are the acceptable CAs, the most frequent first; those that the same servers name stand
// together.
func (s *ScanSummary) named() []*scanNamed {
	groups := s.sorted()
	in := make(map[string][]int) // the groups of each name
	var names []string           // in the order of the lists
	for n, g := range groups {
		for _, name := range g.named {
			list := in[name]
			if list == nil {
				names = append(names, name)
			}
			if len(list) == 0 || list[len(list)-1] != n {
				in[name] = append(list, n)
			}
		}
	}
	together := make(map[string]*scanNamed)
	var all []*scanNamed
	for _, name := range names {
		key := fmt.Sprint(in[name])
		row := together[key]
		if row == nil {
			row = &scanNamed{}
			for _, n := range in[name] {
				row.servers += groups[n].count
			}
			together[key] = row
			all = append(all, row)
		}
		row.names = append(row.names, name)
	}
	slices.SortStableFunc(all, func(a, b *scanNamed) int { return cmp.Compare(b.servers, a.servers) })
	return all
}

// sorted are the groups, the largest first.
func (s *ScanSummary) sorted() []*scanGroup {
	return slices.SortedFunc(maps.Values(s.groups), func(a, b *scanGroup) int {
		return cmp.Or(cmp.Compare(b.count, a.count), slices.Compare(a.examples, b.examples))
	})
}

// scanNames is the table of CAs by how many servers name them.
func (t *text) scanNames(s *ScanSummary) error {
	all := s.named()
	if len(all) == 0 {
		return nil
	}
	columns := []column{{header: "Servers"}, {header: "Acceptable CAs", least: 20}}
	for _, row := range all[:min(len(all), mostScanRows)] {
		const few = 3
		text := strings.Join(row.names[:min(few, len(row.names))], "; ")
		if rest := len(row.names) - few; rest > 0 {
			text += fmt.Sprintf("; and %d more", rest)
		}
		columns[0].cells = append(columns[0].cells, fmt.Sprint(row.servers))
		columns[1].cells = append(columns[1].cells, plain(text))
	}
	fmt.Fprintf(t, "\n%s\n", t.emphasis("CAs that are named"))
	if err := t.render(columns); err != nil {
		return err
	}
	if rest := len(all) - mostScanRows; rest > 0 {
		fmt.Fprintf(t, "and %s more\n", count(rest, "row"))
	}
	return nil
}

// scanFailures says why targets were not asked.
func (t *text) scanFailures(s *ScanSummary) {
	if s.Failed == 0 {
		return
	}
	fmt.Fprintf(t, "\n%s\n", t.emphasis("Not asked"))
	for _, g := range slices.SortedFunc(maps.Values(s.failures), func(a, b *scanGroup) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.mode, b.mode))
	}) {
		t.entry(g.mode, fmt.Sprintf("%d: %s", g.count, g.targets()))
	}
}
