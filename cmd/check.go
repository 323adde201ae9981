package cmd

import (
	"context"
	"errors"

	"mtlsprobe/probe/diagnosis"
	"mtlsprobe/report"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

type checkOptions struct {
	hold   holdFlags
	chain  chainFlags
	judge  judgeFlags
	output outputFlags
	phases phaseFlags
}

func newCheck(s *Streams, run func(context.Context, *Streams, *checkOptions) error) *cobra.Command {
	o := &checkOptions{}
	c := &cobra.Command{
		Use:   "check --cert SOURCE... --request FILE | --named-ca FILE",
		Short: "Judge certificates against a saved request or a list of CAs, without a network",
		Long: "Judge certificates against a request saved with \"request --save\", or assumed with --named-ca.\n" +
			"Several --request or --named-ca files, such as those of several servers or of the steps of a\n" +
			"root migration, make a table of what is accepted with which.",
		Example: "  mtlsprobe check --cert new.p12 --request saved.json\n" +
			"  mtlsprobe check --cert old.p12 --cert new.p12 --named-ca old-root.pem --named-ca new-root.pem --authorities " +
			"./cas",
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return o.output.orError(s, run(c.Context(), s, o)) },
	}
	addFlags(c, flagGroup{demandGroup, o.phases.register}, flagGroup{candidateGroup, o.hold.register},
		flagGroup{candidateGroup, func(flags *pflag.FlagSet) { o.hold.registerDiscover(flags, "reads only") }},
		flagGroup{judgementGroup, o.judge.register}, flagGroup{judgementGroup, o.chain.register},
		flagGroup{reportGroup, o.output.registerViews}, flagGroup{reportGroup, o.output.register})
	return c
}

func runCheck(ctx context.Context, s *Streams, o *checkOptions) error {
	switch {
	case o.hold.none():
		return usage(errors.New("no client certificate given: use --cert FILE or --discover"))
	case len(o.phases.files) == 0:
		return errNoPhase
	}
	if err := o.output.check(); err != nil {
		return err
	}
	now, err := o.judge.time()
	if err != nil {
		return err
	}
	phases, err := o.phases.phases(ctx, s)
	if err != nil {
		return err
	}
	if len(phases) > 1 && (o.output.server != "" || o.output.servers) {
		return usage(errors.New("--server and --servers judge by one request: give one --request or --named-ca"))
	}
	o.hold.namedCAs = o.phases.namedCAs()
	holding, err := holdIdentities(ctx, s, &o.hold)
	if err != nil {
		return err
	}
	defer holding.Close() //nolint:errcheck // of tokens, when everything is said
	settings, err := o.chain.settings(ctx, s, now, holding)
	if err != nil {
		return err
	}
	settings.NTP = o.judge.clock(ctx, s, holding)
	settings.Client, settings.Server = o.output.client, o.output.server
	d, err := diagnosis.New(settings).Check(ctx, o.phases.mode(), phases...)
	if err != nil {
		return err
	}
	for _, problem := range d.Problems[len(d.Holding.Problems):] { // those were told when it was loaded
		warn(s.Err, problem.Error())
	}
	return answer(ctx, s, &o.output, report.New(d, false))
}
