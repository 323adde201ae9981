package cmd

import (
	"context"
	"fmt"

	"mtlsprobe/certstore"
	"mtlsprobe/report"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

type compareOptions struct {
	before, after string
	format        string
}

func newCompare(s *Streams, run func(context.Context, *Streams, *compareOptions) error) *cobra.Command {
	o := &compareOptions{}
	c := &cobra.Command{
		Use:   "compare A.json B.json",
		Short: "Show what changed between two reports",
		Long: "Show what changed from the first report to the second, what broke first: before and after a\n" +
			"migration, on one host and on another, in TLS 1.2 and 1.3. Identities are matched by label.",
		Args: args(cobra.ExactArgs(2)),
		RunE: func(c *cobra.Command, args []string) error {
			o.before, o.after = args[0], args[1]
			return run(c.Context(), s, o)
		},
	}
	addFlags(c, flagGroup{reportGroup, func(flags *pflag.FlagSet) {
		flags.StringVarP(&o.format, "output", "o", "table",
			"write the differences in this `FORMAT`: table (like a diff) or json")
	}})
	return c
}

func runCompare(ctx context.Context, s *Streams, o *compareOptions) error {
	if o.format != "table" && o.format != "json" {
		return usage(fmt.Errorf("--output %q: table and json are known", o.format))
	}
	_, before, err := readReport(ctx, s, o.before)
	if err != nil {
		return err
	}
	_, after, err := readReport(ctx, s, o.after)
	if err != nil {
		return err
	}
	changes := report.Compare(before, after)
	if o.format == "json" {
		if changes == nil {
			changes = []report.Change{}
		}
		return report.WriteJSON(s.Out, changes)
	}
	if len(changes) == 0 {
		fmt.Fprintln(s.Out, "nothing changed")
	}
	return printChanges(s, changes)
}

func printChanges(s *Streams, changes []report.Change) error {
	for _, c := range changes {
		if _, err := fmt.Fprint(s.Out, c); err != nil {
			return err
		}
	}
	return nil
}

// differences are those of the report from what is expected; none without --expect.
func (f *outputFlags) differences(ctx context.Context, r *report.Report) ([]report.Change, error) {
	if f.expect == "" {
		return nil, nil
	}
	data, err := certstore.ReadUpTo(ctx, f.expect, maxReport)
	if err != nil {
		return nil, fmt.Errorf("--expect: %w", err)
	}
	e, err := report.ParseExpectation(data)
	if err != nil {
		return nil, fmt.Errorf("--expect %q %w", f.expect, err)
	}
	return e.Differences(r), nil
}

// say writes the report, compares it with what is expected, and tells the differences.
func (f *outputFlags) say(ctx context.Context, s *Streams, r *report.Report) (err error) {
	if f.changes, err = f.differences(ctx, r); err != nil {
		return err
	}
	if err := f.write(s, r); err != nil {
		return err
	}
	return f.tellDifferences(s, f.changes)
}

// tellDifferences writes them to stderr, because stdout carries the report.
func (f *outputFlags) tellDifferences(s *Streams, changes []report.Change) error {
	if len(changes) == 0 {
		return nil
	}
	tell(s.Err, "error", fmt.Sprintf("the result differs from what %q expects:", f.expect))
	for _, c := range changes {
		fmt.Fprint(s.Err, c)
	}
	return errNoneFits
}
