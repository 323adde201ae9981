package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mtlsprobe/probe/scan"
	"mtlsprobe/report"
)

type scanOptions struct {
	file        string
	connect     connectFlags
	hold        holdFlags
	chain       chainFlags
	try, fast   bool
	ports       []string
	concurrency int
	perHost     int
	rate        float64
	shard       string
	resume      string
	save        string
	output      outputFlags
}

func newScan(s *Streams, run func(context.Context, *Streams, *scanOptions) error) *cobra.Command {
	o := &scanOptions{}
	c := &cobra.Command{
		Use:   "scan FILE",
		Short: "Ask many servers, and write a line for each",
		Long: "Read targets from a file or standard input (-), one a line, and write for each, as soon as it has been\n" +
			"asked, what it asks for: a line of JSON, or of CSV. At the end comes a summary: which servers ask alike,\n" +
			"which CAs they name, and why others could not be asked. Nothing is presented, unless --try is given.\n" +
			"With --cert, each line says which certificates match.\n\n" +
			"A line is a TARGET as \"probe\" takes it, or a network such as 10.0.0.0/24; # begins a comment.",
		Example: "  mtlsprobe scan servers.txt --output-file results.jsonl\n" +
			"  mtlsprobe scan servers.txt --resume results.jsonl\n" +
			"  mtlsprobe scan servers.txt --cert client.p12 -o csv > results.csv",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			o.file = args[0]
			return run(c.Context(), s, o)
		},
	}
	addFlags(c, flagGroup{"Scan", o.register}, flagGroup{serverGroup, o.connect.register},
		flagGroup{candidateGroup, o.hold.register}, flagGroup{judgementGroup, o.chain.register},
		flagGroup{reportGroup, func(flags *pflag.FlagSet) {
			o.output.registerLines(flags, "jsonl")
			flags.StringVar(&o.save, "save", "",
				"save what each server asks for to a file in this `DIRECTORY`, for \"check --request\"")
		}})
	return c
}

// registerLines registers the flags of what is written as lines.
func (f *outputFlags) registerLines(flags *pflag.FlagSet, format string) {
	flags.StringVarP(&f.format, "output", "o", format, "output `FORMAT`: "+strings.Join(scanFormats(), ", "))
	flags.StringVar(&f.file, "output-file", "", "write to this `FILE`")
	flags.BoolVar(&f.force, "force", false, "overwrite files")
	flags.StringVar(&f.color, "color", "auto", "`WHEN` to use color: auto, always or never")
}

// checkLines checks the flags of registerLines.
func (f *outputFlags) checkLines() error {
	if !slices.Contains(scanFormats(), f.format) {
		return invalid("--output", f.format, scanFormats())
	}
	return checkOutput(f.force, outputFile{"--output-file", f.file})
}

func scanFormats() []string { return []string{"jsonl", "csv", "table", "html"} }

func (o *scanOptions) register(flags *pflag.FlagSet) {
	flags.BoolVar(&o.try, "try", false, "present the certificates of --cert, too")
	flags.BoolVar(&o.fast, "fast", false,
		"read each server's first flight only: which CAs it names then, not whether it has its key, nor what it insists "+
			"on; servers whose flight has no request are asked in full")
	flags.StringSliceVar(&o.ports, "ports", nil, "`PORTS` of the addresses of networks, with commas between")
	flags.IntVar(&o.concurrency, "concurrency", 100,
		"ask this `NUMBER` of servers at the same time; those that do not answer are not counted")
	flags.IntVar(&o.perHost, "per-host", 8, "ask this `NUMBER` of ports of one host at the same time; 0 for no limit")
	flags.Float64Var(&o.rate, "rate", 0, "begin with this `NUMBER` of servers a second (default: no limit)")
	flags.StringVar(&o.shard, "shard", "",
		"ask one `PART` of the list: 2/8 is the second of eight; job/8 is the one that a job of Kubernetes, Slurm or Nomad "+
			"has by its number")
	flags.StringVar(&o.resume, "resume", "",
		"go on with the JSON lines in this `FILE`: targets that are there are not asked again, and new lines are appended")
}

func (o *scanOptions) check() error {
	switch {
	case o.concurrency < 1 || o.concurrency > 10_000:
		return usage(fmt.Errorf("--concurrency %d is not from 1 to 10000", o.concurrency))
	case o.perHost < 0:
		return usage(fmt.Errorf("--per-host %d is less than none", o.perHost))
	case o.rate < 0 || math.IsNaN(o.rate) || math.IsInf(o.rate, 0):
		return usage(fmt.Errorf("--rate %v is not a number of servers a second", o.rate))
	case o.try && len(o.hold.certs) == 0:
		return usage(errors.New("--try without certificates: give --cert"))
	case o.try && o.fast:
		return usage(errors.New("--try with --fast: what presents certificates is not fast"))
	case o.resume != "" && (o.output.file != "" || o.output.format != "jsonl"):
		return usage(errors.New("--resume writes JSON lines to its own file: give no --output-file and no other format"))
	}
	for _, port := range o.ports {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return usage(fmt.Errorf("--ports: %q is not a port", port))
		}
	}
	return o.output.checkLines()
}

func runScan(ctx context.Context, s *Streams, o *scanOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	ctx, cancel, err := o.connect.limit(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	run := &scanning{streams: s, options: o, in: io.NopCloser(s.In),
		lines: &lineWriter{out: s.Out, format: o.output.format}, scanner: report.NewScanner(),
		done: make(map[[sumSize]byte]bool)}
	defer run.close()
	if err := run.prepare(ctx); err != nil {
		return err
	}
	run.cancel = cancel
	stop := run.progress()
	scan.Run(ctx, run.tasks(ctx), scan.Options{Concurrency: o.concurrency, PerHost: o.perHost, Rate: o.rate,
		Patience: time.Second})
	stop()
	return run.finish(ctx)
}
