package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// A column is one column of a table with its cells, one per row.
type column struct {
	header string
	cells  []string
	// spare orders what is dropped when the table does not fit into the width:
	// the highest first, of equals the last. Zero is never dropped.
	spare int
	// least is how narrow a column of sentences may become before another is
	// dropped; zero means as narrow as its longest word.
	least int
}

// maxWord bounds how wide a word makes its column; longer ones are broken.
const maxWord = 20

// displayWidth counts terminal cells: two for wide characters, none for
// combining marks.
func displayWidth(s string) int { return twwidth.WidthWithOptions(s, twwidth.Options{}) }

// renderTable writes the columns within the width and returns the headers of
// those it had to drop. Widths are computed and cells wrapped here, for the
// library's own limit is none.
func renderTable(w io.Writer, columns []column, width int, ascii bool) (dropped []string, err error) {
	widths := fit(columns, width)
	for widths == nil {
		drop := 0
		for i, c := range columns {
			if c.spare >= columns[drop].spare {
				drop = i
			}
		}
		if columns[drop].spare == 0 {
			widths = squeeze(columns, width)
			break
		}
		dropped = append([]string{columns[drop].header}, dropped...)
		columns = append(columns[:drop:drop], columns[drop+1:]...)
		widths = fit(columns, width)
	}
	style := tw.StyleLight
	if ascii {
		style = tw.StyleASCII
	}
	var b bytes.Buffer
	table := tablewriter.NewTable(&b,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Symbols:  tw.NewSymbols(style),
			Settings: tw.Settings{Separators: tw.Separators{BetweenRows: tw.Off}},
		})),
		tablewriter.WithHeaderAutoFormat(tw.Off), tablewriter.WithHeaderAutoWrap(tw.WrapNone),
		tablewriter.WithRowAutoWrap(tw.WrapNone), tablewriter.WithEastAsian(tw.Off),
		tablewriter.WithHeaderAlignment(tw.AlignLeft), tablewriter.WithRowAlignment(tw.AlignLeft),
	)
	header := make([]string, len(columns))
	for i, c := range columns {
		header[i] = strings.Join(wrap(c.header, widths[i]), "\n")
	}
	table.Header(header)
	for row := range columns[0].cells {
		cells := make([]string, len(columns))
		for i, c := range columns {
			cells[i] = strings.Join(wrap(c.cells[row], widths[i]), "\n")
		}
		if err := table.Append(cells); err != nil {
			return nil, fmt.Errorf("building the table: %w", err)
		}
	}
	if err := table.Render(); err != nil {
		return nil, fmt.Errorf("drawing the table: %w", err)
	}
	// Into a buffer first: the library does not report a writer's error.
	_, err = w.Write(b.Bytes())
	return dropped, err
}

// frame is what borders and padding take.
func frame(columns int) int { return 3*columns + 1 }

// fit gives every column what its longest cell takes, and takes from the widest
// until the table fits. No column becomes narrower than its longest word; if
// that is not enough, fit returns nil.
func fit(columns []column, width int) []int {
	widths, least := make([]int, len(columns)), make([]int, len(columns))
	total := frame(len(columns))
	for i, c := range columns {
		for _, cell := range append([]string{c.header}, c.cells...) {
			widths[i] = max(widths[i], displayWidth(cell))
			least[i] = max(least[i], longestWord(cell))
		}
		least[i] = max(least[i], min(widths[i], c.least))
		total += widths[i]
	}
	for ; total > width; total-- {
		widest := -1
		for i := range widths {
			if widths[i] > least[i] && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return nil
		}
		widths[widest]--
	}
	return widths
}

// longestWord is the width of the longest part that wrap keeps in one piece.
func longestWord(cell string) int {
	longest := 0
	for _, word := range strings.FieldsFunc(strings.ReplaceAll(cell, "_", "_ "), unicode.IsSpace) {
		longest = max(longest, min(displayWidth(word), maxWord))
	}
	return longest
}

// squeeze shares out a width that is too small for a good table.
func squeeze(columns []column, width int) []int {
	widths := make([]int, len(columns))
	for i := range widths {
		widths[i] = max(3, (width-frame(len(columns)))/len(columns))
	}
	return widths
}

// Wrap breaks text into lines of at most width cells, each with the indent.
func Wrap(text string, width int, indent string) string {
	lines := wrap(plain(text), max(20, width-displayWidth(indent)))
	return indent + strings.Join(lines, "\n"+indent)
}

// shorten cuts text that is wider than width cells, and ends it with an ellipsis.
func shorten(text string, width int) string {
	if displayWidth(text) <= width {
		return text
	}
	end := 0
	for i, r := range text {
		next := i + utf8.RuneLen(r)
		if displayWidth(text[:next]) >= width {
			break
		}
		end = next
	}
	return text[:end] + "…"
}

// wrap breaks text into lines of at most width cells: at spaces, else after an
// underscore, comma, dash or slash, else anywhere.
func wrap(text string, width int) []string {
	var lines []string
	for text != "" {
		at := lineEnd(text, width)
		if at == len(text) {
			return append(lines, text)
		}
		lines = append(lines, strings.TrimRight(text[:at], " "))
		text = strings.TrimLeft(text[at:], " ")
	}
	if lines == nil {
		lines = []string{""}
	}
	return lines
}

// lineEnd is where the first line of the text ends: at the last space that fits, else
// behind the last of "_,-/", else where the line is full. It looks no further than
// that, so wrapping takes time in proportion to the text.
func lineEnd(text string, width int) int {
	used, end, space, soft := 0, 0, 0, 0
	for i, r := range text {
		next := i + utf8.RuneLen(r)
		if used += displayWidth(text[i:next]); used > width {
			break
		}
		end = next
		switch {
		case r == ' ':
			space = next
		case strings.ContainsRune("_,-/", r) && i > 0:
			soft = next
		}
	}
	if end == len(text) {
		return end
	}
	if text[end] == ' ' {
		space = end
	}
	at := cmp.Or(space, soft, end)
	if at == 0 { // one character is wider than the column
		_, at = utf8.DecodeRuneInString(text)
	}
	return at
}
