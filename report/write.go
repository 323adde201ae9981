package report

import (
	"encoding/json"
	"fmt"
	"io"
)

// A Format is a way to write a report.
type Format struct {
	Name string // table or json
	// Width is the most columns that a table may take; zero means 80.
	Width int
	// Color allows escape sequences for colours.
	Color bool
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
	}
	return fmt.Errorf("unknown output format %q: table and json are known", f.Name)
}
