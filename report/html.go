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
	Header                   []string
	Rows                     []pageRow
	Identities               []pageIdentity
	Server                   []Finding
	Migration                *Migration
	MigrationHeader          []string
	MigrationRows            [][]string
	MigrationReasons         []pageMigration
	Sightings                []Sighting
	Conversations            []conversation
	Problems                 []string
	Summary                  string
	Causes                   []pageCause // why certificates are not accepted, each once
	Verdicts                 bool        // were given; else it only says what was found in files
	Others                   []note
	Authorities              []string
	Checks                   []*match.Check // those that failed or warned somewhere
}

type pageCause struct{ Text, Remedy string }

type pageRow struct {
	ID, Verdict string
	Cells       []string
}

type pageIdentity struct {
	ID, Heading, Verdict string
	Identity             *Identity
	Findings             []Finding
	Refused              string
	RefusedFirst         bool // before the findings
	Notes                []note
	Tree, Timeline       template.HTML
	Window               string
	TreeCut              bool
}

type pageMigration struct {
	Label, BreaksIn, Remedy string
	Failed, Warned          []string
}

// writeHTML writes one page that needs nothing from elsewhere: no font, no
// script, no picture. Its content security policy allows nothing but its own
// style and script, by their hashes.
func writeHTML(w io.Writer, f Format, r *Report) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"plain":    func(text any) string { return plain(fmt.Sprint(text)) },
		"sentence": func(f Finding) string { return f.text() },
		"dash":     func(s string) string { return strings.ReplaceAll(s, "-", " ") },
	}).Parse(page)
	if err != nil {
		return fmt.Errorf("reading the page's template: %w", err)
	}
	if err := t.Execute(w, newPage(r, f.Client)); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	return nil
}

func newPage(r *Report, client string) *pageView {
	r = worstFirst(r)
	v := &pageView{
		Title: "Client certificates", Generated: r.GeneratedAt.Format("2006-01-02 15:04:05 MST"),
		Judged: r.JudgedAt.Format("2006-01-02 15:04:05 MST"),
		CSS:    template.CSS(pageCSS), JS: template.JS(pageJS), Facts: facts(r), Server: serverFindings(r),
		Migration: r.Migration,
		Sightings: r.Sightings, Conversations: conversations(r), Problems: r.Problems,
		Summary: summary(r, client),
	}
	v.Policy = fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; script-src 'sha256-%s'; base-uri 'none'; "+
		"form-action 'none'", digest(pageCSS), digest(pageJS))
	if r.Target != nil {
		v.Title += " for " + plain(r.Target.Address)
	}
	if r.Migration != nil {
		v.migration(r.Migration)
		return v
	}
	if v.Verdicts = r.judged(); !v.Verdicts {
		v.Others, v.Authorities = others(r), authorityLines(r)
	}
	for _, c := range causesOf(r) {
		if c.main {
			cause := pageCause{Text: c.text()}
			if c.finding != nil {
				cause.Remedy = plain(c.finding.Remedy.String())
			}
			v.Causes = append(v.Causes, cause)
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
		p := pageIdentity{ID: id, Heading: heading(i), Verdict: i.Verdict, Identity: i, TreeCut: i.TreeCut}
		p.Findings, p.Refused = reasons(i)
		p.RefusedFirst = i.refusedFirst(p.Findings, p.Refused)
		p.Notes = notes[n]
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

func (v *pageView) migration(m *Migration) {
	columns := m.columns()
	for _, c := range columns {
		v.MigrationHeader = append(v.MigrationHeader, c.header)
	}
	for n, row := range m.Rows {
		var cells []string
		for _, c := range columns {
			cells = append(cells, c.cells[n])
		}
		v.MigrationRows = append(v.MigrationRows, cells)
		failed, warned := row.gather(reasonsOf), row.gather(warningsOf)
		if len(failed)+len(warned) > 0 {
			v.MigrationReasons = append(v.MigrationReasons,
				pageMigration{row.Label, row.BreaksIn, row.Remedy.String(), failed, warned})
		}
	}
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
