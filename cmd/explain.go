package cmd

import (
	"fmt"

	"mtlsprobe/probe/match"

	"github.com/spf13/cobra"
)

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
					_, err := fmt.Fprintf(s.Out, "%s: %s\n\n%s\n\nSource: %s\nSince:  %s\n", c.ID, c.Title, c.Doc, c.Citation, c.Since)
					return err
				}
			}
			if len(args) > 0 {
				return usage(fmt.Errorf("no check has the ID %q: \"mtlsprobe explain\" lists them", args[0]))
			}
			return nil
		},
	}
}
