package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// A Format is a way to write a report.
type Format struct {
	Name string // one of [Formats]
	// Width is the most columns that a table may take; zero means 80.
	Width int
	// Color allows escape sequences for colours.
	Color bool
	// ASCII keeps a table to characters that every terminal shows.
	ASCII bool
	// Clients adds what each client stack would do to a table.
	Clients bool
	// Paths adds the ways up from each leaf to a table, as trees.
	Paths bool
}

// Formats returns the names of the formats.
func Formats() []string {
	return []string{"table", "json", "markdown", "html", "junit", "brief", "dot", "mermaid", "svg"}
}

// Write writes the report in the format. The error is the writer's, or about an
// unknown format.
func Write(w io.Writer, f Format, r *Report) error {
	switch f.Name {
	case "json":
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	case "table":
		return writeText(w, f, r)
	case "markdown":
		return writeMarkdown(w, r)
	case "html":
		return writeHTML(w, r)
	case "junit":
		return writeJUnit(w, r)
	case "brief":
		return writeBrief(w, r)
	case "dot":
		return writeDOT(w, r)
	case "mermaid":
		return writeMermaid(w, r)
	case "svg":
		return writeSVG(w, r)
	}
	return fmt.Errorf("unknown output format %q: %s are known", f.Name, strings.Join(Formats(), ", "))
}
