package cmd

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"mtlsprobe/probe/diagnosis"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

type requestOptions struct {
	targets []string
	connect connectFlags
	output  outputFlags
	record  recordFlags
	save    string
}

func newRequest(s *Streams, run func(context.Context, *Streams, *requestOptions) error) *cobra.Command {
	o := &requestOptions{}
	c := &cobra.Command{
		Use:   "request TARGET...",
		Short: "Show what a server demands of a client certificate; nothing is presented",
		Long: "Show what a server's CertificateRequest demands: acceptable CA names, types, schemes, in each version,\n" +
			"and what it answers to a client without a certificate. No certificate of yours is presented.\n\n" + targetText,
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			o.targets = args
			return o.output.orError(s, run(c.Context(), s, o))
		},
	}
	addFlags(c, flagGroup{serverGroup, o.connect.register},
		flagGroup{reportGroup, func(flags *pflag.FlagSet) {
			flags.StringVar(&o.save, "save", "", "also save it to this `FILE`, for \"mtlsprobe check --request FILE\"")
		}},
		flagGroup{reportGroup, o.output.registerTranscript}, flagGroup{reportGroup, o.output.registerExpect},
		flagGroup{reportGroup, o.output.register},
		flagGroup{recordGroup, o.record.register})
	return c
}

func runRequest(ctx context.Context, s *Streams, o *requestOptions) (err error) {
	if o.save == "-" { // what is saved is the report as JSON
		o.save, o.output.json = "", true
	}
	if err := cmp.Or(o.output.check(), o.record.check(o.output.force),
		checkOutput(o.output.force, outputFile{"--save", o.save})); err != nil {
		return err
	}
	recorder := &recorder{flags: o.record, force: o.output.force}
	defer func() { err = recorder.write(s, err) }()
	ctx, cancel, err := o.connect.limit(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	targets, err := o.connect.parseAll(ctx, s, o.targets)
	if err != nil {
		return cmp.Or(context.Cause(ctx), err)
	}
	if o.save != "" && len(targets) > 1 {
		return usage(errors.New("--save keeps the request of one TARGET: use -o json --output-file FILE for several"))
	}
	engine := diagnosis.New(diagnosis.Settings{Now: s.Now, Plan: o.connect.plan(), Label: recorder.label})
	r, err := askEach(ctx, s, targets, o.output.transcript,
		func(ctx context.Context, at *destination) (*diagnosis.Diagnosis, error) {
			return engine.Request(ctx, at.target, at.options)
		})
	if err != nil {
		return cmp.Or(context.Cause(ctx), o.output.failed(s, r, err))
	}
	if o.save != "" {
		if o.output.redact {
			warn(s.Err, "--save keeps the request as it is, for \"check --request\": --redact is for the report")
		}
		data, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return fmt.Errorf("--save: %w", err)
		}
		if err := replace(o.save, append(data, '\n'), o.output.force); err != nil {
			return fmt.Errorf("--save: %w", err)
		}
	}
	if err := o.output.say(ctx, s, r); err != nil {
		return err
	}
	return cmp.Or(context.Cause(ctx), unreached(r))
}
