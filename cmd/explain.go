package cmd

import (
	"cmp"
	"fmt"

	"mtlsprobe/probe/match"
	"mtlsprobe/report"

	"github.com/spf13/cobra"
)

// explain writes what a check means, why servers care, and how to fix it.
func explain(s *Streams, c *match.Check) error {
	width := min(cmp.Or(s.Width, pipedWidth), 100)
	fmt.Fprintf(s.Out, "%s: %s\n\n%s\n", c.ID, c.Title, report.Wrap(c.Doc, width, ""))
	for n, h := range c.HowTo {
		if n == 0 {
			fmt.Fprintln(s.Out, "\nHow to fix it:")
		}
		fmt.Fprintf(s.Out, "  %s:\n%s\n", h.Tool, report.Wrap(h.Text, width, "    "))
	}
	_, err := fmt.Fprintf(s.Out, "\nSource: %s\nSince:  %s\n", c.Citation, c.Since)
	return err
}

func newExplain(s *Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "explain [CHECK-ID]",
		Short: "Explain a check, or list them all",
		Args:  args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var ids []string
			for _, c := range match.Checks() {
				ids = append(ids, c.ID+"\t"+c.Title)
			}
			return ids, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			for _, c := range match.Checks() {
				if len(args) == 0 {
					fmt.Fprintf(s.Out, "%-26s %s\n", c.ID, c.Title)
				} else if c.ID == args[0] {
					return explain(s, c)
				}
			}
			if len(args) > 0 {
				return usage(fmt.Errorf("unknown check %q; run \"mtlsprobe explain\" for the list", args[0]))
			}
			return nil
		},
	}
}
