package cmd

import (
	"context"
	"fmt"
	"slices"

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
		Long: "Show what changed from the first report to the second, breakages first: before and after a\n" +
			"migration, on one host and on another, in TLS 1.2 and 1.3. Identities are matched by label,\n" +
			"targets by address. The exit code is that of diff: 0 for no change, 1 for changes, 2 for an error.",
		Example: "  mtlsprobe compare before.json after.json",
		Args:    args(cobra.ExactArgs(2)),
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
		return invalid("--output", o.format, []string{"table", "json"})
	}
	_, before, err := readReport(ctx, s, o.before)
	if err != nil {
		return &troubleError{err}
	}
	_, after, err := readReport(ctx, s, o.after)
	if err != nil {
		return &troubleError{err}
	}
	changes := report.Compare(before, after)
	if o.format == "json" {
		if changes == nil {
			changes = []report.Change{}
		}
		if err := report.WriteJSON(s.Out, changes); err != nil {
			return &troubleError{err}
		}
	} else if err := printChanges(s, report.Grouped(changes, labelsOf(before, after))); err != nil {
		return &troubleError{err}
	}
	if len(changes) > 0 {
		return errDiffers
	}
	if o.format == "table" {
		fmt.Fprintln(s.Out, "nothing changed")
	}
	return nil
}

// labelsOf are the labels of both reports, each once.
func labelsOf(before, after *report.Report) []string {
	labels := append(before.Labels(), after.Labels()...)
	slices.Sort(labels)
	return slices.Compact(labels)
}

func printChanges(s *Streams, changes []report.Change) error {
	for _, c := range changes {
		if _, err := fmt.Fprint(s.Out, c); err != nil {
			return err
		}
	}
	return nil
}
