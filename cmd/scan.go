package cmd

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mtlsprobe/certstore"
	"mtlsprobe/probe"
	"mtlsprobe/probe/diagnosis"
	"mtlsprobe/probe/scan"
	"mtlsprobe/report"
)

type scanOptions struct {
	file        string
	connect     connectFlags
	hold        holdFlags
	chain       chainFlags
	try         bool
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

func scanFormats() []string { return []string{"jsonl", "csv", "table"} }

func (o *scanOptions) register(flags *pflag.FlagSet) {
	flags.BoolVar(&o.try, "try", false, "present the certificates of --cert, too")
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
	case !slices.Contains(scanFormats(), o.output.format):
		return invalid("--output", o.output.format, scanFormats())
	case o.concurrency < 1 || o.concurrency > 10_000:
		return usage(fmt.Errorf("--concurrency %d is not from 1 to 10000", o.concurrency))
	case o.perHost < 0:
		return usage(fmt.Errorf("--per-host %d is less than none", o.perHost))
	case o.rate < 0:
		return usage(fmt.Errorf("--rate %v is less than none", o.rate))
	case o.try && len(o.hold.certs) == 0:
		return usage(errors.New("--try without certificates: give --cert"))
	case o.resume != "" && (o.output.file != "" || o.output.format != "jsonl"):
		return usage(errors.New("--resume writes JSON lines to its own file: give no --output-file and no other format"))
	}
	for _, port := range o.ports {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return usage(fmt.Errorf("--ports: %q is not a port", port))
		}
	}
	return checkOutput(o.output.force, outputFile{"--output-file", o.output.file})
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
	run, err := o.prepare(ctx, s)
	if err != nil {
		return err
	}
	defer run.close()
	run.cancel = cancel
	stop := run.progress()
	scan.Run(ctx, run.tasks(ctx), scan.Options{Concurrency: o.concurrency, PerHost: o.perHost, Rate: o.rate,
		Patience: time.Second})
	stop()
	return run.finish(ctx)
}

// A scanning is the work of one run.
type scanning struct {
	streams *Streams
	options *scanOptions
	cancel  context.CancelFunc
	in      io.ReadCloser
	size    int64        // of the list; zero where that is not known
	read    atomic.Int64 // bytes of it
	common  *probe.Options
	engine  *diagnosis.Engine
	holding *certstore.Holding // nil without certificates
	scanner *report.Scanner
	done    map[[sumSize]byte]bool // sums of the targets that have a line, or will have one

	shard scan.Shard

	mu    sync.Mutex
	lines *lineWriter
	file  *os.File // that lines go to; nil for standard output
	short bool     // of files
}

// sumSize is enough for millions of targets to differ.
const sumSize = 16

func sumOf(target string) [sumSize]byte {
	sum := sha256.Sum256([]byte(target))
	return [sumSize]byte(sum[:sumSize])
}

// prepare opens what is read and written, and loads the certificates.
func (o *scanOptions) prepare(ctx context.Context, s *Streams) (*scanning, error) {
	run := &scanning{streams: s, options: o, in: io.NopCloser(s.In),
		lines: &lineWriter{out: s.Out, format: o.output.format}, scanner: report.NewScanner(),
		done: make(map[[sumSize]byte]bool)}
	if o.file != "-" {
		f, err := os.Open(o.file)
		if err != nil {
			return nil, unreadable(o.file, err)
		}
		run.in = f
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			run.size = info.Size()
		}
	}
	var err error
	if o.shard != "" {
		if run.shard, err = scan.ParseShard(o.shard, s.Getenv); err != nil {
			return nil, usage(fmt.Errorf("--shard: %w", err))
		}
	}
	if run.common, err = o.connect.options(ctx, s); err != nil {
		return nil, err
	}
	run.common.Classical = true
	if len(o.hold.certs) > 0 {
		if run.holding, err = holdIdentities(ctx, s, &o.hold); err != nil {
			return nil, err
		}
	}
	settings, err := o.chain.settings(ctx, s, time.Time{}, run.holding)
	if err != nil {
		return nil, err
	}
	settings.Plan = o.connect.plan()
	settings.Plan.NoSweep, settings.Plan.NoTry, settings.Plan.Repeat = true, !o.try, -1
	run.engine = diagnosis.New(settings)
	if o.save != "" {
		if err := os.MkdirAll(o.save, 0o755); err != nil {
			return nil, fmt.Errorf("--save: %w", err)
		}
	}
	switch path := cmp.Or(o.resume, o.output.file); {
	case o.resume != "":
		err = run.resume(path)
	case path != "":
		if run.file, err = os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644); err == nil {
			run.lines.out = run.file
		}
	}
	if err == nil {
		err = run.lines.begin()
	}
	return run, err
}

// resume takes over the lines of an earlier run, of which the last may be cut short.
func (run *scanning) resume(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("--resume: %w", err)
	}
	run.file, run.lines.out = f, f
	whole, err := report.ReadScanned(f, func(l *report.Scanned) {
		run.done[sumOf(l.Target)] = true
		run.lines.summary.Add(l)
	})
	if err != nil {
		return fmt.Errorf("--resume %q: %w", path, err)
	}
	if err := f.Truncate(whole); err != nil {
		return fmt.Errorf("--resume: %w", err)
	}
	_, err = f.Seek(whole, io.SeekStart)
	return err
}

// close closes files and tokens, when everything is said.
func (run *scanning) close() {
	_ = run.in.Close()
	if run.file != nil {
		_ = run.file.Close()
	}
	if run.holding != nil {
		_ = run.holding.Close()
	}
}

// tasks are what is to be done with each target of the list. What cannot be a target gets its
// line at once.
func (run *scanning) tasks(ctx context.Context) iter.Seq[scan.Task] {
	lines := make(chan scan.Line)
	go func() { // standard input may have nothing to say
		defer close(lines)
		for line := range scan.Lines(&counted{run.in, &run.read}, run.options.ports) {
			select {
			case lines <- line:
			case <-ctx.Done():
				return
			}
		}
	}()
	return func(yield func(scan.Task) bool) {
		for {
			select {
			case line, more := <-lines:
				if !more || !run.line(line, yield) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

// line begins with one target, and reports whether to go on.
func (run *scanning) line(line scan.Line, yield func(scan.Task) bool) bool {
	if line.Err == nil && !run.shard.Has(line.Target) || line.Err != nil && run.shard.Part > 1 {
		return true // another part has it
	}
	if line.Err == nil && run.done[sumOf(line.Target)] {
		return true
	}
	run.done[sumOf(line.Target)] = true
	if line.Err != nil {
		run.write(run.scanner.Wrong(line.Target, line.Number, line.Err))
		return true
	}
	target, options, err := run.options.connect.destination(run.streams, line.Target, run.common)
	if err != nil {
		run.write(run.scanner.Wrong(line.Target, line.Number, err))
		return true
	}
	return yield(scan.Task{Host: target.Host, Do: func(ctx context.Context) {
		d, err := run.ask(ctx, target, options)
		switch {
		case ctx.Err() != nil: // it is asked again when the run goes on
		case err != nil:
			run.write(run.scanner.Failed(line.Target, line.Number, err))
		default:
			run.keep(target, d)
			run.write(run.scanner.Line(line.Target, line.Number, d))
		}
	}})
}

// ask asks one server: once more where the connection was reset, and where this process has no
// file left for it, when others have ended.
func (run *scanning) ask(ctx context.Context, target probe.Target, options *probe.Options) (*diagnosis.Diagnosis,
	error) {
	const most = 20
	for tries := 0; ; tries++ {
		ask := run.engine.Ask
		if run.holding != nil {
			ask = run.engine.Probe
		}
		d, err := ask(ctx, target, options)
		switch {
		case err == nil || ctx.Err() != nil || tries == most:
			return d, err
		case errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE):
			run.tellShort()
			timer := time.NewTimer(time.Duration(tries+1) * 50 * time.Millisecond)
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
			}
		case errors.Is(err, syscall.ECONNRESET) && tries == 0:
		default:
			return d, err
		}
	}
}

func (run *scanning) tellShort() {
	run.mu.Lock()
	defer run.mu.Unlock()
	if !run.short {
		run.short = true
		warn(run.streams.Err,
			"this process may not open more files: it goes on more slowly; raise the limit (ulimit -n), or "+
				"give a lower --concurrency")
	}
}

// write writes a line. After one that cannot be written the run ends.
func (run *scanning) write(l *report.Scanned) {
	run.mu.Lock()
	defer run.mu.Unlock()
	if run.lines.write(l); run.lines.err != nil {
		run.cancel()
	}
}

// keep saves what a server asks for.
func (run *scanning) keep(target probe.Target, d *diagnosis.Diagnosis) {
	if run.options.save == "" || d.Request == nil {
		return
	}
	data, err := json.MarshalIndent(report.New(d, false), "", "  ")
	name := strings.Map(func(r rune) rune {
		if r == '/' || r == '\\' || r == ':' && os.PathSeparator == '\\' {
			return '_'
		}
		return r
	}, target.Address()) + ".json"
	if err == nil {
		err = replace(filepath.Join(run.options.save, name), append(data, '\n'), run.options.output.force)
	}
	if err != nil {
		warn(run.streams.Err, "--save: "+err.Error())
	}
}

// progress shows how far it is, on a terminal. It returns what ends that.
func (run *scanning) progress() (stop func()) {
	if !run.streams.ErrTerminal {
		return func() {}
	}
	begun := run.streams.Now()
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				fmt.Fprintf(run.streams.Err, "\r\x1b[K%s", run.position(run.streams.Now().Sub(begun)))
			case <-done:
				fmt.Fprint(run.streams.Err, "\r\x1b[K")
				return
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

// position is how many targets are done after a time, and when the rest will be.
func (run *scanning) position(after time.Duration) string {
	run.mu.Lock()
	defer run.mu.Unlock()
	text := fmt.Sprintf("%d targets done, %d of them could not be asked", run.lines.summary.Targets,
		run.lines.summary.Failed)
	if read := run.read.Load(); run.size > 0 && read > 0 {
		rest := time.Duration(float64(after) * float64(run.size-read) / float64(read))
		text += fmt.Sprintf("; %d %% of the list, about %v to go", 100*read/run.size, rest.Round(time.Second))
	}
	return text
}

// finish writes the summary, and says what came of it all.
func (run *scanning) finish(ctx context.Context) error {
	to := run.streams.Err
	if run.file != nil || run.options.output.format == "table" {
		to = run.streams.Out
	}
	if run.lines.err != nil {
		return fmt.Errorf("writing the lines: %w; what is missing is asked with --resume", run.lines.err)
	}
	if run.file != nil {
		if err := run.file.Close(); err != nil {
			return fmt.Errorf("writing the lines: %w", err)
		}
	}
	if m, ok := to.(*messages); ok && m.errorsOnly {
		to = io.Discard
	}
	if err := report.WriteScan(to, run.options.output.forText(run.streams), &run.lines.summary); err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if run.lines.summary.Targets == 0 && run.shard.Of > 1 {
		return nil // other parts have them all
	}
	if run.lines.summary.Targets == 0 {
		return fmt.Errorf("%q contains no target", run.options.file)
	}
	if run.lines.summary.Asking+run.lines.summary.NotAsking == 0 {
		return errors.New("no target could be asked")
	}
	return nil
}

// A counted reader counts what was read.
type counted struct {
	io.Reader
	read *atomic.Int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.read.Add(int64(n))
	return n, err
}
