package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// escapeMarkdown makes text that GitHub shows as it is: no markup, no HTML, no
// mention, no cell boundary.
func escapeMarkdown(s string) string {
	var b strings.Builder
	for _, r := range plain(s) {
		switch {
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '&':
			b.WriteString("&amp;")
		case r == '@':
			b.WriteString("&#64;")
		case strings.ContainsRune("\\`*_{}[]()#+-.!|~:", r):
			// A backslash before punctuation is no more than that character
			// (CommonMark, Section 2.4).
			if strings.ContainsRune("\\`*_{}[]#|~", r) {
				b.WriteByte('\\')
			}
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// writeMarkdown writes the report for tickets and pull requests, in GitHub's
// flavour.
func writeMarkdown(w io.Writer, f Format, r *Report) error {
	var b bytes.Buffer
	if m := newMatrix(r); m != nil {
		m.markdown(&b, r)
	}
	for _, part := range r.Reports {
		if part.Error == "" {
			b.WriteByte('\n')
			part.markdown(&b, f)
		}
	}
	switch {
	case r.Connections != nil:
		markdownConnections(&b, f, r)
	case len(r.Reports) == 0 && r.Migration == nil:
		r.markdown(&b, f)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// markdown writes the report of one target, or of files.
func (r *Report) markdown(b *bytes.Buffer, f Format) {
	r = worstFirst(r)
	title := "Client certificates"
	if r.Target != nil {
		title += " for " + r.Target.Address
	}
	fmt.Fprintf(b, "# %s\n\n", escapeMarkdown(title))
	if line := summary(r, f.By); line != "" {
		fmt.Fprintf(b, "**%s**\n\n", escapeMarkdown(line))
		markdownTable(b, compatibility(r))
		markdownReasons(b, r)
		if f.Servers {
			markdownServers(b, r)
		}
		b.WriteString("\n### The request\n\n")
	}
	for _, f := range facts(r) {
		fmt.Fprintf(b, "- **%s**: %s\n", escapeMarkdown(f.Label), escapeMarkdown(f.Text))
	}
	b.WriteByte('\n')
	if !r.judged() {
		markdownTable(b, compatibility(r))
		markdownReasons(b, r)
		markdownNotes(b, r)
	}
	if len(r.Sightings) > 0 {
		b.WriteString("\n### What real clients did\n\n")
	}
	for n := range r.Sightings {
		s := &r.Sightings[n]
		fmt.Fprintf(b, "- client %d: %s", n+1, escapeMarkdown(strings.ReplaceAll(s.Action, "-", " ")))
		for _, c := range s.Chain {
			fmt.Fprintf(b, ", %s", escapeMarkdown(c.Subject))
		}
		if s.Verdict == Fits {
			b.WriteString("; it matches what is asked for")
		}
		b.WriteByte('\n')
		for _, found := range s.Findings {
			b.WriteString("  ")
			markdownFinding(b, &found)
		}
	}
	if f.Transcript {
		markdownTranscripts(b, r)
	}
}

// markdownServers lists what the server programs would do.
func markdownServers(b *bytes.Buffer, r *Report) {
	for n := range r.Identities {
		i := &r.Identities[n]
		if len(i.ServerModels) == 0 {
			continue
		}
		fmt.Fprintf(b, "\n### Server programs that trust the acceptable CAs, with %s\n\n", escapeMarkdown(i.Label))
		for _, g := range serverGroups(i.ServerModels) {
			line := g.programs()
			if g.reason != "" {
				line += ": " + g.reason
			}
			for _, remedy := range g.advice() {
				line += " → " + remedy
			}
			fmt.Fprintf(b, "- %s\n", escapeMarkdown(line))
		}
	}
}

func markdownTable(b *bytes.Buffer, columns []column) {
	if len(columns) == 0 {
		return
	}
	for _, c := range columns {
		fmt.Fprintf(b, "| %s ", escapeMarkdown(c.header))
	}
	b.WriteString("|\n" + strings.Repeat("| --- ", len(columns)) + "|\n")
	for row := range columns[0].cells {
		for _, c := range columns {
			fmt.Fprintf(b, "| %s ", escapeMarkdown(strings.ReplaceAll(c.cells[row], "\u00a0", " ")))
		}
		b.WriteString("|\n")
	}
}

func markdownReasons(b *bytes.Buffer, r *Report) {
	for n := range r.Identities {
		i := &r.Identities[n]
		lines, refusal := reasons(i)
		if len(lines) == 0 && refusal == "" {
			continue
		}
		fmt.Fprintf(b, "\n### %s\n\n", escapeMarkdown(heading(i)))
		first := i.refusedFirst(lines, refusal)
		if first {
			fmt.Fprintf(b, "- %s\n", escapeMarkdown(refusal))
		}
		for _, f := range lines {
			markdownFinding(b, &f)
		}
		if refusal != "" && !first {
			fmt.Fprintf(b, "- %s\n", escapeMarkdown(refusal))
		}
	}
	for k, f := range serverFindings(r) {
		if k == 0 {
			b.WriteString("\n### The server\n\n")
		}
		markdownFinding(b, &f)
	}
	var graph bytes.Buffer
	if writeMermaid(&graph, r) == nil && bytes.Count(graph.Bytes(), []byte("\n")) > 1 {
		fmt.Fprintf(b, "\n### Paths\n\n```mermaid\n%s```\n", graph.Bytes())
	}
}

// markdownNotes says what was found in files, where nothing was judged.
func markdownNotes(b *bytes.Buffer, r *Report) {
	for _, n := range allNotes(r) {
		fmt.Fprintf(b, "\n### %s\n\n", escapeMarkdown(n.Title))
		for _, item := range n.Items {
			mark := map[string]string{readerItem: "→ ", warnItem: "! ", failItem: "✗ ", remedyItem: "→ "}[item.Mark]
			fmt.Fprintf(b, "- %s%s\n", mark, escapeMarkdown(item.Text))
		}
	}
	for n, line := range authorityLines(r) {
		if n == 0 {
			b.WriteString("\n### CA certificates at hand\n\n")
		}
		fmt.Fprintf(b, "- %s\n", escapeMarkdown(line))
	}
}

func markdownFinding(b *bytes.Buffer, f *Finding) {
	mark := map[string]string{"fail": "✗", "warn": "!"}[f.Result]
	fmt.Fprintf(b, "- %s %s\n", mark, escapeMarkdown(f.text()))
	if f.Remedy != nil {
		fmt.Fprintf(b, "  - → %s\n", escapeMarkdown(f.Remedy.String()))
	}
}

// markdown writes the answer for several servers or requests.
func (m *matrix) markdown(b *bytes.Buffer, r *Report) {
	fmt.Fprintf(b, "# Client certificates for %d %ss\n\n", len(m.columns), m.noun)
	g := newGlyphs(false)
	if len(m.rows) > 0 {
		fmt.Fprintf(b, "**%s**\n\n", escapeMarkdown(m.headline()))
		markdownTable(b, m.table(g, false))
		fmt.Fprintf(b, "\n%s\n\n", escapeMarkdown(strings.Join(m.signLegends(g), "; ")))
	} else {
		markdownTable(b, m.requests())
		b.WriteByte('\n')
	}
	for _, line := range m.legend(false) {
		fmt.Fprintf(b, "- %s\n", escapeMarkdown(line))
	}
	for n, c := range m.causes() {
		if n == 0 {
			b.WriteString("\n### Why, and what to change\n\n")
		}
		fmt.Fprintf(b, "- %s %s\n", map[bool]string{true: "✗", false: "!"}[c.main], escapeMarkdown(c.text()))
		if c.finding != nil && c.finding.Remedy != nil {
			fmt.Fprintf(b, "  - → %s\n", escapeMarkdown(c.finding.Remedy.String()))
		}
		if c.command != nil {
			fmt.Fprintf(b, "  - → `%s`\n", strings.ReplaceAll(c.command.String(), "`", "'"))
		}
	}
	for n, c := range m.remedies(r) {
		if n == 0 {
			fmt.Fprintf(b, "\n### To be accepted with all %d requests\n\n", len(m.columns))
		}
		fmt.Fprintf(b, "- → %s\n", escapeMarkdown(c.text()))
	}
	for _, line := range m.withheld() {
		fmt.Fprintf(b, "- %s\n", escapeMarkdown(line))
	}
}
