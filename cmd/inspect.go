package cmd

import (
	"context"

	"mtlsprobe/report"

	"github.com/spf13/cobra"
)

type inspectOptions struct {
	hold   holdFlags
	output outputFlags
}

func newInspect(s *Streams, run func(context.Context, *Streams, *inspectOptions) error) *cobra.Command {
	o := &inspectOptions{}
	c := &cobra.Command{
		Use:   "inspect SOURCE...",
		Short: "Show what files and directories hold",
		Args:  args(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			o.hold.certs = args
			return run(c.Context(), s, o)
		},
	}
	o.hold.registerPass(c.Flags())
	o.output.register(c.Flags())
	return c
}

func runInspect(ctx context.Context, s *Streams, o *inspectOptions) error {
	if err := o.output.check(); err != nil {
		return err
	}
	holding, err := hold(ctx, s, &o.hold)
	if err != nil {
		return err
	}
	if len(holding.Authorities) == 0 {
		if err := holding.RequireIdentity(); err != nil {
			return err
		}
	}
	return o.output.write(s, report.New(&report.Run{GeneratedAt: s.Now(), JudgedAt: s.Now(), Holding: holding}))
}
