package cmd

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"mtlsprobe/probe/match"
	"mtlsprobe/probe/wire"
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

// explainAlert writes what a server tells by an alert, and the checks whose findings it refuses
// with it.
func explainAlert(s *Streams, alert wire.Alert) error {
	width := min(cmp.Or(s.Width, pipedWidth), 100)
	fmt.Fprintf(s.Out, "alert %d %s, from a server\n\n%s.\n", alert.Description, alert.Name(),
		report.Wrap(alert.MeaningFrom(wire.Server), width, ""))
	title := "\nSent by servers for what these checks find:\n"
	for _, c := range match.Checks() {
		for _, o := range c.Objections {
			if o.Alert != alert.Description {
				continue
			}
			by := ""
			if o.Library != "" {
				by = fmt.Sprintf(" (%s)", o.Library)
			}
			fmt.Fprintf(s.Out, "%s  %-26s %s%s\n", title, c.ID, c.Title, by)
			title = ""
			break
		}
	}
	_, err := fmt.Fprintf(s.Out, "\nSource: RFC 8446, Section 6; RFC 5246, Section 7.2\n")
	return err
}

func newExplain(s *Streams) *cobra.Command {
	return &cobra.Command{
		Use:     "explain [CHECK-ID | ALERT]",
		Short:   "Explain a check or an alert, or list all checks",
		Example: "  mtlsprobe explain chain.incomplete\n  mtlsprobe explain unknown_ca\n  mtlsprobe explain 48",
		Args:    args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var ids []string
			for _, c := range match.Checks() {
				ids = append(ids, c.ID+"\t"+c.Title)
			}
			return ids, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			var ids []string
			for _, c := range match.Checks() {
				if len(args) == 0 {
					fmt.Fprintf(s.Out, "%-26s %s\n", c.ID, c.Title)
				} else if c.ID == args[0] {
					return explain(s, c)
				}
				ids = append(ids, c.ID)
			}
			if len(args) == 0 {
				return nil
			}
			if alert, ok := wire.ParseAlert(args[0]); ok {
				return explainAlert(s, alert)
			}
			e := &usageError{err: fmt.Errorf("%q is neither a check nor an alert; \"mtlsprobe explain\" lists the checks",
				args[0])}
			near := nearest(ids, args[0])
			if word := strings.ToLower(args[0]); len(near) == 0 && word != "" {
				near = slices.DeleteFunc(ids, func(id string) bool { return !strings.Contains(id, word) })
			}
			if len(near) > 0 {
				e.better = "did you mean mtlsprobe explain " + strings.Join(near, " or ") + "?"
			}
			return e
		},
	}
}
