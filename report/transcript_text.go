package report

import (
	"bytes"
	"fmt"
	"strings"
)

// maxShownRows bounds how much of a connection is shown to people; JSON has all.
const maxShownRows = 200

// shown returns the rows that people get to see, and how many are left out.
func (c *conversation) shown() (rows []TranscriptRow, more int) {
	rows = c.Rows[:min(len(c.Rows), maxShownRows)]
	return rows, len(c.Rows) - len(rows)
}

// transcripts writes each connection as a conversation.
func (t *text) transcripts(r *Report) {
	for _, c := range conversations(r) {
		if t.Len() > 0 {
			t.WriteByte('\n')
		}
		for _, line := range wrap(c.Title, t.width) {
			fmt.Fprintln(t, t.emphasis(line))
		}
		rows, more := c.shown()
		for n := range rows {
			t.transcriptRow(&rows[n])
		}
		if more > 0 {
			t.item("-", fmt.Sprintf("and %d more", more))
		}
	}
}

// Columns of a conversation: the longest usual name is "EncryptedExtensions".
const (
	kindColumn, protectionColumn, sizeColumn = 19, 9, 11
	leastMeaning                             = 28 // narrower, it stands below
	citedMeaning                             = 60 // from here on with the RFC
)

// transcriptRow writes one line, its meaning wrapped beside the other columns, or
// below where there is no room.
func (t *text) transcriptRow(row *TranscriptRow) {
	arrow := t.glyphs.in
	if row.Direction == "client" {
		arrow = t.glyphs.out
	}
	says, indent := row.Says(), 2+displayWidth(arrow)+1+kindColumn+2+protectionColumn+2+sizeColumn+2
	room := t.width - indent
	if row.Citation != "" && room >= citedMeaning {
		says += " (" + strings.Replace(row.Citation, ", Section ", ", ", 1) + ")"
	}
	line := fmt.Sprintf("  %s %-*s  %-*s  %*s", arrow, kindColumn, row.Kind(), protectionColumn, row.Protection(),
		sizeColumn, row.Size())
	if room < leastMeaning {
		indent = 6
		line = strings.TrimRight(line, " ") + "\n" + strings.Repeat(" ", indent)
	} else {
		line += "  "
	}
	line += strings.Join(wrap(says, max(20, t.width-indent)), "\n"+strings.Repeat(" ", indent))
	fmt.Fprintln(t, strings.TrimRight(line, " \n"))
}

func markdownTranscripts(b *bytes.Buffer, r *Report) {
	for _, c := range conversations(r) {
		fmt.Fprintf(b, "\n### %s\n\n", escapeMarkdown(c.Title))
		columns := []column{{header: "From"}, {header: "Message"}, {header: "Protection"}, {header: "Size"},
			{header: "Meaning"}, {header: "Source"}}
		rows, more := c.shown()
		for n := range rows {
			row := &rows[n]
			for k, cell := range []string{row.Direction, row.Kind(), row.Protection(), row.Size(), row.Says(), row.Citation} {
				columns[k].cells = append(columns[k].cells, cell)
			}
		}
		markdownTable(b, columns)
		if more > 0 {
			fmt.Fprintf(b, "\nand %d more\n", more)
		}
	}
}
