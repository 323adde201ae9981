package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"
)

// A Format is a way to write a report.
type Format struct {
	Name string // one of [Formats]
	// Width is the most columns that a table may take; zero means 80.
	Width int
	// Color allows escape sequences for colours.
	Color bool
	// By are the programs that the summary and a brief report are for.
	By By
	// Require says which identities have to fit for JUnit, as [Report.Satisfies] does.
	Require []string
	// Differences are those from an expected result, for JUnit.
	Differences []Change
	// Ending is how many of them, the first ones, only say that a certificate is about to end.
	Ending int
	// ASCII keeps a table to characters that every terminal shows.
	ASCII bool
	// Verbose has everything told: every reason, the controls, and all that the server
	// asks for.
	Verbose bool
	// Clients adds what each client stack would do to a table.
	Clients bool
	// Servers adds what each server program would do to a table.
	Servers bool
	// Paths adds the ways up from each leaf to a table, as trees.
	Paths bool
	// Timeline adds from when to when each identity works, to a table.
	Timeline bool
	// Transcript adds the connections, message by message, to a table or Markdown;
	// HTML and JSON have what the report has.
	Transcript bool
}

// Formats returns the names of the formats.
func Formats() []string {
	return []string{"table", "json", "markdown", "html", "junit", "nagios", "brief", "dot", "mermaid", "svg"}
}

// EscapeJSON escapes in JSON text what a terminal might act upon and JSON allows
// as it is: DEL, C1 control codes, direction marks. They stand in strings only.
func EscapeJSON(text []byte) []byte {
	special := func(r rune) bool { return r >= 0x7f && !unicode.IsGraphic(r) }
	if bytes.IndexFunc(text, special) < 0 {
		return text
	}
	out := make([]byte, 0, len(text)+64)
	for _, r := range string(text) {
		switch {
		case !special(r):
			out = utf8.AppendRune(out, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}

// WriteJSON writes a value as this program's JSON: indented, and escaped by
// [EscapeJSON].
func WriteJSON(w io.Writer, value any) error {
	text, err := indented(value, "")
	if err == nil {
		_, err = w.Write(append(text, '\n'))
	}
	return err
}

// indented is the JSON of a value whose lines but the first begin with a prefix.
func indented(value any, prefix string) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent(prefix, "  ")
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return EscapeJSON(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}

// writeReport is WriteJSON of a report, a few identities at a time: there may be many thousands.
// When it returns an error part of the report may be written.
func writeReport(w io.Writer, r *Report) error {
	const empty, batch = "\n  \"identities\": [", 64
	frame := *r
	frame.Identities = []Identity{}
	text, err := indented(&frame, "")
	if err != nil {
		return err
	}
	before, after, found := bytes.Cut(text, []byte(empty)) // such a line is nowhere else, as no string has a line end
	if !found {
		return errors.New("the report has no place for identities")
	}
	out := bufio.NewWriter(w) // whose error stays
	out.Write(before)
	out.WriteString(empty)
	for n, some := range slices.Collect(slices.Chunk(r.Identities, batch)) {
		texts := make([][]byte, len(some))
		group := new(errgroup.Group)
		group.SetLimit(runtime.GOMAXPROCS(0))
		for k := range some {
			group.Go(func() (err error) {
				texts[k], err = indented(&some[k], "    ")
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
		if n > 0 {
			out.WriteByte(',')
		}
		out.WriteString("\n    ")
		out.Write(bytes.Join(texts, []byte(",\n    ")))
	}
	if len(r.Identities) > 0 {
		out.WriteString("\n  ")
	}
	out.Write(after)
	out.WriteByte('\n')
	return out.Flush()
}

// Write writes the report in the format. The error is the writer's, or about an
// unknown format.
func Write(w io.Writer, f Format, r *Report) error {
	switch f.Name {
	case "json":
		return writeReport(w, r)
	case "table":
		return writeText(w, f, r)
	case "markdown":
		return writeMarkdown(w, f, r)
	case "html":
		return writeHTML(w, f, r)
	case "junit":
		return writeJUnit(w, f, r)
	case "nagios":
		return writeNagios(w, f, r)
	case "brief":
		return writeBrief(w, f, r)
	case "dot":
		return writeDOT(w, r)
	case "mermaid":
		return writeMermaid(w, r)
	case "svg":
		return writeSVG(w, r)
	}
	return fmt.Errorf("unknown output format %q; choose one of %s", f.Name, strings.Join(Formats(), ", "))
}
