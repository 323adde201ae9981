package report

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"mtlsprobe/probe/match"
)

//go:embed page.html
var page string

// pageHead is the head of every page.
//
//go:embed head.html
var pageHead string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

// A view of the report for the page.
type pageView struct {
	Title, Generated, Judged string
	Policy                   string // of the content
	CSS                      template.CSS
	JS                       template.JS
	Facts                    []fact
	Named                    []fact // the acceptable CAs
	Header                   []string
	Rows                     []pageRow
	Identities               []pageIdentity
	Server                   []Finding
	Matrix                   *pageMatrix // of several servers or requests; nil for one
	Parts                    []*pageView // of several servers
	Prefix                   string      // of the IDs in this part of the page
	Sightings                []Sighting
	Connections              []pageConnection
	Conversations            []conversation
	Problems                 []string
	Summary                  string
	Causes                   []pageCause // why certificates are not accepted, each once
	Verdicts                 bool        // were given; else it only says what was found in files
	Others                   []note
	Authorities              []string
	Checks                   []*match.Check // those that failed or warned somewhere
}

type pageCause struct{ Class, Text, Remedy, Command, Likewise string }

type pageRow struct {
	ID, Verdict string
	Cells       []string
}

// A pageServers is the server programs that do the same for the same reason.
type pageServers struct {
	Programs, Reason string
	Remedies         []string
}

type pageIdentity struct {
	Servers              []pageServers
	ID, Heading, Verdict string
	Standing             string
	Identity             *Identity
	Findings             []Finding
	Refused              string
	RefusedFirst         bool // before the findings
	Notes                []note
	Tree, Timeline       template.HTML
	Window               string
	TreeCut              bool
}

// A pageMatrix is the table of several servers or requests.
type pageMatrix struct {
	Header []pageColumn
	Rows   []pageMatrixRow
	Legend []string
	Signs  string
	Causes []pageCause
	Also   []string // what else there is to know
}

// A pageColumn is a server or a request.
type pageColumn struct{ Label, Full string }

type pageMatrixRow struct {
	Labels       []string
	Until, Reach string
	Cells        []pageSign
	Why, Verdict string
}

type pageSign struct{ Class, Mark, Meaning string }

// writeHTML writes one page that needs nothing from elsewhere: no font, no
// script, no picture. Its content security policy allows nothing but its own
// style and script, by their hashes.
func writeHTML(w io.Writer, f Format, r *Report) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"plain":    func(text any) string { return plain(fmt.Sprint(text)) },
		"sentence": func(f Finding) string { return f.text() },
		"result": func(f Finding) string {
			if f.Result == "pass" {
				return "ok"
			}
			return strings.ReplaceAll(f.Result, "-", " ")
		},
		"dash": func(s string) string { return strings.ReplaceAll(s, "-", " ") },
	}).Parse(pageHead + page)
	if err != nil {
		return fmt.Errorf("reading the page's template: %w", err)
	}
	if err := t.Execute(w, newPage(r, f.By)); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	return nil
}

// pagePolicy is the content security policy of a page.
func pagePolicy() string {
	return fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; script-src 'sha256-%s'; base-uri 'none'; "+
		"form-action 'none'", digest(pageCSS), digest(pageJS))
}

func newPage(r *Report, by By) *pageView {
	r = worstFirst(r)
	v := &pageView{
		Title: "Client certificates", Generated: r.GeneratedAt.Format("2006-01-02 15:04:05 MST"),
		Judged: r.JudgedAt.Format("2006-01-02 15:04:05 MST"),
		CSS:    template.CSS(pageCSS), JS: template.JS(pageJS), Facts: factsWith(r, nil), Named: acceptableCAs(r),
		Server: serverFindings(r), Sightings: r.Sightings, Conversations: conversations(r), Problems: r.Problems,
		Summary: summary(r, by),
	}
	v.Policy = pagePolicy()
	if r.Target != nil {
		v.Title += " for " + plain(r.Target.Address)
	}
	if m := newMatrix(r); m != nil {
		v.matrix(r, m, by)
		return v
	}
	if r.Connections != nil {
		v.connections(r)
		return v
	}
	if v.Verdicts = r.judged(); !v.Verdicts {
		v.Others, v.Authorities = others(r), authorityLines(r)
	}
	for _, c := range causesOf(r) {
		if c.main {
			v.Causes = append(v.Causes, c.page())
		}
	}
	v.Checks = concerned(r)
	columns := compatibility(r)
	if n := len(columns); n > 1 && columns[n-1].header == "Verdict" { // seen first on a narrow screen
		columns = slices.Insert(columns[:n-1:n-1], 1, columns[n-1])
	}
	for _, c := range columns {
		v.Header = append(v.Header, c.header)
	}
	notes := eachNotes(r)
	for n := range r.Identities {
		i := &r.Identities[n]
		id := fmt.Sprintf("identity-%d", n+1)
		row := pageRow{ID: id, Verdict: i.Verdict}
		for _, c := range columns {
			row.Cells = append(row.Cells, c.cells[n])
		}
		v.Rows = append(v.Rows, row)
		p := pageIdentity{ID: id, Heading: heading(i), Verdict: i.Verdict, Standing: string(i.standing()),
			Identity: i, TreeCut: i.TreeCut}
		p.Findings, p.Refused = reasons(i)
		p.RefusedFirst = i.refusedFirst(p.Findings, p.Refused)
		p.Notes = notes[n]
		for _, g := range serverGroups(i.ServerModels) {
			p.Servers = append(p.Servers, pageServers{g.programs(), g.reason, g.advice()})
		}
		if i.Tree != nil {
			line := spans(i.Tree)
			p.Window, p.Timeline = windowText(line), template.HTML(timelineSVG(line, r.JudgedAt)) //nolint:gosec // likewise
			//nolint:gosec // every text in it is escaped
			p.Tree = template.HTML(treeSVG(i.Tree, "Ways up from "+i.Label, ""))
		}
		v.Identities = append(v.Identities, p)
	}
	return v
}

// pageWidth is the room for a table, in characters.
const pageWidth = 100

// matrix shows several servers or requests, and each server by itself.
func (v *pageView) matrix(r *Report, m *matrix, by By) {
	g := newGlyphs(false)
	v.Title = fmt.Sprintf("Client certificates for %d %ss", len(m.columns), m.noun)
	numbered := m.numbered(pageWidth)
	p := &pageMatrix{Legend: m.legend(numbered), Also: m.withheld(),
		Signs: strings.ReplaceAll(strings.Join(m.signLegends(g), "; "), "   ", "; ")}
	v.Matrix, v.Summary = p, m.asked()
	for n, c := range m.columns {
		label := c.label
		if numbered {
			label = fmt.Sprint(n + 1)
		}
		p.Header = append(p.Header, pageColumn{label, c.full})
	}
	if len(m.rows) == 0 {
		p.Header = nil
		for n, c := range m.requests() {
			v.Header = append(v.Header, c.header)
			for k, cell := range c.cells {
				if n == 0 {
					v.Rows = append(v.Rows, pageRow{ID: fmt.Sprintf("server-%d", k+1)})
				}
				v.Rows[k].Cells = append(v.Rows[k].Cells, cell)
			}
		}
	} else {
		v.Summary = m.headline()
	}
	for _, b := range m.blocks(g, "\u00a0") {
		row := pageMatrixRow{Labels: b.labels, Until: b.until, Reach: b.reach, Why: b.why, Verdict: DoesNotFit}
		if b.row.works() == len(m.columns)-len(m.failed()) {
			row.Verdict = Fits
		}
		for _, sign := range b.signs {
			mark, _ := g.sign(sign)
			row.Cells = append(row.Cells, pageSign{sign.class(), mark, sign.meaning()})
		}
		p.Rows = append(p.Rows, row)
	}
	for _, c := range m.causes() {
		p.Causes = append(p.Causes, c.page())
	}
	for _, c := range m.remedies(r) {
		p.Also = append(p.Also, c.text())
	}
	for n, part := range r.Reports {
		if part.Error != "" {
			continue
		}
		view := newPage(part, by)
		view.Prefix = fmt.Sprintf("server-%d-", n+1)
		for k := range view.Rows {
			view.Rows[k].ID = view.Prefix + view.Rows[k].ID
			view.Identities[k].ID = view.Prefix + view.Identities[k].ID
		}
		v.Parts = append(v.Parts, view)
	}
}

// connections shows a capture.
func (v *pageView) connections(r *Report) {
	f := Format{}
	v.Title = "TLS connections"
	_, _, v.Summary = newText(f).captured(r)
	shown := shownConnections(f, r)
	for n, column := range connectionTable(shown) {
		v.Header = append(v.Header, column.header)
		for k, cell := range column.cells {
			if n == 0 {
				v.Rows = append(v.Rows, pageRow{ID: fmt.Sprintf("connection-%d", shown[k].Number),
					Verdict: map[bool]string{true: DoesNotFit, false: Fits}[shown[k].Failed]})
			}
			v.Rows[k].Cells = append(v.Rows[k].Cells, cell)
		}
	}
	for _, c := range shown {
		p := pageConnection{ID: fmt.Sprintf("connection-%d", c.Number), Title: plain(c.title()),
			Facts: []fact{{"CAs", plain(c.asked())}, {"Client answered", plain(c.answered())}, {"Ended", plain(c.ending())}}}
		for _, phrase := range c.Reading {
			p.Reading = append(p.Reading, plain(phrase.String()))
		}
		v.Connections = append(v.Connections, p)
	}
}

// A pageConnection is one connection of a capture.
type pageConnection struct {
	ID, Title string
	Facts     []fact
	Reading   []string
}

func (c *cause) page() pageCause {
	p := pageCause{Text: c.text(),
		Command: c.command.String(), Likewise: c.repeated(), Class: map[bool]string{true: "fail", false: "warn"}[c.main]}
	if c.finding != nil {
		p.Remedy = plain(c.finding.Remedy.String())
	}
	return p
}

// concerned returns the checks that failed or warned for any identity.
func concerned(r *Report) []*match.Check {
	found := make(map[string]bool)
	for n := range r.Identities {
		for _, f := range r.Identities[n].Findings {
			found[f.Check] = found[f.Check] || f.Result == "fail" || f.Result == "warn"
		}
	}
	var checks []*match.Check
	for _, c := range match.Checks() {
		if found[c.ID] {
			checks = append(checks, c)
		}
	}
	return checks
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}
