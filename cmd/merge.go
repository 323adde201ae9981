package cmd

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mtlsprobe/report"
)

type mergeOptions struct {
	files  []string
	output outputFlags
}

func newMerge(s *Streams, run func(context.Context, *Streams, *mergeOptions) error) *cobra.Command {
	o := &mergeOptions{}
	c := &cobra.Command{
		Use:   "merge RESULTS...",
		Short: "Summarise the lines that \"scan\" wrote, of one run or of several",
		Long: "Read files of JSON lines that \"scan\" wrote, and summarise them as one. Of a target that is in several\n" +
			"places the first line counts. A last line that was cut short is left out.",
		Example: "  mtlsprobe merge results-*.jsonl\n  mtlsprobe merge results-*.jsonl -o csv --output-file all.csv",
		Args:    args(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			o.files = args
			return run(c.Context(), s, o)
		},
	}
	addFlags(c, flagGroup{reportGroup, func(flags *pflag.FlagSet) { o.output.registerLines(flags, "table") }})
	return c
}

func runMerge(_ context.Context, s *Streams, o *mergeOptions) (err error) {
	if err := o.output.checkLines(); err != nil {
		return err
	}
	for _, path := range o.files {
		if o.output.file != "" && sameFile(path, o.output.file) {
			return usage(fmt.Errorf("--output-file %q is one of the files that are read", o.output.file))
		}
	}
	out := s.Out
	if o.output.file != "" {
		f, err := os.OpenFile(o.output.file, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
		if err != nil {
			return fmt.Errorf("--output-file: %w", err)
		}
		defer func() {
			if closed := f.Close(); err == nil {
				err = closed
			}
		}()
		out = f
	}
	lines := &lineWriter{out: out, format: o.output.format}
	if err := lines.begin(); err != nil {
		return err
	}
	done := make(map[[sumSize]byte]bool)
	for _, path := range o.files {
		if err := mergeFile(s, path, func(l *report.Scanned) {
			if sum := lineKey(l.Target, l.Line); !done[sum] {
				done[sum] = true
				lines.write(l)
			}
		}); err != nil {
			return err
		}
	}
	if lines.end(s.Now()); lines.err != nil {
		return lines.err
	}
	if lines.summary.Targets == 0 {
		return fmt.Errorf("%s: no line that \"scan\" wrote", strings.Join(o.files, ", "))
	}
	if o.output.format == "table" {
		return report.WriteScan(out, o.output.forText(s), &lines.summary)
	}
	return nil
}

// mergeFile reads the lines of one file; "-" is standard input.
func mergeFile(s *Streams, path string, each func(*report.Scanned)) error {
	in := s.In
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return unreadable(path, err)
		}
		defer f.Close() //nolint:errcheck // only read
		in = f
	}
	if _, err := report.ReadScanned(in, each); err != nil {
		return fmt.Errorf("%q: %w", path, err)
	}
	return nil
}

// A lineWriter writes lines in one of scan's formats, and counts them.
type lineWriter struct {
	out     io.Writer
	format  string
	summary report.ScanSummary
	page    report.ScanPage
	err     error // after which nothing is written
}

func (w *lineWriter) begin() error {
	if w.format == "csv" {
		return report.WriteScannedCSV(w.out, nil)
	}
	return nil
}

func (w *lineWriter) write(l *report.Scanned) {
	if w.err != nil {
		return
	}
	w.summary.Add(l)
	switch w.format {
	case "jsonl":
		w.err = report.WriteScanned(w.out, l)
	case "csv":
		w.err = report.WriteScannedCSV(w.out, l)
	case "html":
		w.page.Add(l)
	}
}

// end writes what is written when all lines are known.
func (w *lineWriter) end(now time.Time) {
	if w.format == "html" && w.err == nil && w.summary.Targets > 0 {
		w.err = w.page.Write(w.out, &w.summary, now)
	}
}
