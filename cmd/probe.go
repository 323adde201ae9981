package cmd

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"

	"mtlsprobe/certstore"
	"mtlsprobe/probe"
	"mtlsprobe/report"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

type probeOptions struct {
	target  string
	connect connectFlags
	hold    holdFlags
	chain   chainFlags
	judge   judgeFlags
	output  outputFlags
	record  recordFlags
	noTry   bool
}

func newProbe(s *Streams, run func(context.Context, *Streams, *probeOptions) error) *cobra.Command {
	o := &probeOptions{}
	c := &cobra.Command{
		Use:   "probe TARGET --cert SOURCE...",
		Short: "Ask a server, judge your certificates against its request, and try each",
		Long: "Ask a server for its CertificateRequest, judge your certificates against it, and try each for real.\n" +
			"The server is verified first: without that, or -k, nothing is presented.\n\n" + targetText,
		Example: "  mtlsprobe probe api.example.com --cert client.p12\n" +
			"  mtlsprobe probe https://api.example.com:8443/v1 --cert ./certs --authorities roots.pem",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			o.target = args[0]
			return run(c.Context(), s, o)
		},
	}
	addFlags(c, flagGroup{candidateGroup, o.hold.register}, flagGroup{serverGroup, o.connect.register},
		flagGroup{serverGroup, func(flags *pflag.FlagSet) {
			flags.BoolVar(&o.noTry, "no-try", false, "present nothing to the server")
		}},
		flagGroup{judgementGroup, o.judge.register}, flagGroup{judgementGroup, o.chain.register},
		flagGroup{reportGroup, o.output.registerViews}, flagGroup{reportGroup, o.output.registerTranscript}, flagGroup{reportGroup, o.output.register},
		flagGroup{recordGroup, o.record.register})
	return c
}

// targetText says what a TARGET is.
const targetText = "A TARGET is HOST or HOST:PORT, where the protocol is that of a well-known port, else HTTP; [IPv6]:PORT;\n" +
	"or a URL whose scheme names the protocol, such as https://HOST/PATH, smtp://HOST, imaps://HOST,\n" +
	"ldap://HOST or postgres://USER@HOST. Without a port it is the scheme's, else 443."

func runProbe(ctx context.Context, s *Streams, o *probeOptions) (err error) {
	if len(o.hold.certs) == 0 {
		return usage(errors.New("nothing to probe with: give --cert SOURCE, or use \"mtlsprobe request\""))
	}
	if err := cmp.Or(o.output.check(), o.record.check()); err != nil {
		return err
	}
	now, err := o.judge.time()
	if err != nil {
		return err
	}
	target, options, err := o.connect.parse(ctx, s, o.target)
	if err != nil {
		return err
	}
	if o.connect.cacert != "" { // CA certificates at hand are at hand
		o.hold.authorities = append(o.hold.authorities, o.connect.cacert)
	}
	holding, err := holdIdentities(ctx, s, &o.hold)
	if err != nil {
		return err
	}
	defer holding.Close() //nolint:errcheck // of tokens, when everything is said
	recorder := &recorder{flags: o.record}
	defer func() { err = recorder.write(s, err) }()
	observation, options, err := probe.Ask(ctx, target, recorder.label(options, asksLabel))
	if err != nil {
		return err
	}
	run := &report.Run{
		GeneratedAt: s.Now(), JudgedAt: now, NTP: o.judge.clock(ctx, s, holding), Observation: observation, Proxy: report.ProxyName(options.Proxy), Request: observation.Request, Holding: holding,
		Insistence: probe.Conclude(observation.None, nil, nil), Transcripts: o.output.transcript,
	}
	q, err := question(ctx, s, &o.chain, run)
	if err != nil {
		return err
	}
	var control *tls.Certificate
	if !o.noTry {
		if control, err = probe.SelfSigned(s.Now()); err != nil {
			return err
		}
		try(ctx, s, run, func(label string, cert *tls.Certificate) (*probe.Trial, error) {
			return probe.Try(ctx, observation.Target, cert, recorder.label(options, label))
		}, control)
	}
	for _, t := range append([]*probe.Trial{run.SelfSigned}, run.Trials...) {
		observation.LearnTime(t)
	}
	evaluate(run, q)
	if run.Variants, err = o.connect.variants(ctx, target, recorder.label(options, variantLabel)); err != nil && ctx.Err() == nil {
		return err
	}
	if !o.connect.noSweep && ctx.Err() == nil {
		run.Versions, _ = probe.Sweep(ctx, target, observation, run.Insistence, control, recorder.label(options, sweepLabel)) // what it has seen when interrupted
	}
	if !o.noTry && !options.Insecure {
		warnUnverified(s, observation)
	}
	err = answer(s, &o.output, run)
	if ctx.Err() != nil { // what is known has been written, and it is not all
		return ctx.Err()
	}
	return err
}

// warnUnverified says that nothing was presented to a server that is not verified.
func warnUnverified(s *Streams, o *probe.Observation) {
	if o.Verification.Result == probe.No {
		warn(s.Err, "nothing was presented, for the server is not verified: "+o.Verification.Err.Error())
		say(s.Err, "hint", "give its CA with --cacert FILE, the right name with --servername NAME, or present it all the same with -k")
	}
}

// An attempt presents a certificate on a connection that gets the label.
type attempt func(label string, cert *tls.Certificate) (*probe.Trial, error)

// try presents every identity on a connection of its own. Those without a chain
// come first: some servers remember intermediates that they have seen once.
func try(ctx context.Context, s *Streams, run *report.Run, try attempt, control *tls.Certificate) {
	identities := run.Holding.Identities
	order := make([]int, len(identities))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return min(1, len(identities[a].Chain)) - min(1, len(identities[b].Chain)) })
	progress := newProgress(s, len(order)+1)
	defer progress.Clear() //nolint:errcheck // decoration

	var err error
	if run.SelfSigned, err = try("presents a self-signed certificate (control)", control); err != nil {
		run.SelfSigned = notTried(err.Error())
	}
	run.Trials = make([]*probe.Trial, len(identities))
	for _, n := range order {
		_ = progress.Add(1)
		run.Trials[n] = present(ctx, identities[n], try)
	}
	run.Insistence = probe.Conclude(run.Observation.None, run.SelfSigned, run.Trials)
}

func present(ctx context.Context, i *certstore.Identity, try attempt) *probe.Trial {
	cert := i.Certificate()
	switch {
	case ctx.Err() != nil:
		return notTried("interrupted")
	case cert == nil:
		return notTried(fmt.Sprintf("its key is %s", i.Key.State))
	}
	t, err := try("presents "+i.Label, cert)
	if err != nil {
		return &probe.Trial{Outcome: probe.UnknownOutcome, Detail: err.Error()}
	}
	return t
}

// newProgress shows how many trials are done, on a terminal only.
func newProgress(s *Streams, steps int) *progressbar.ProgressBar {
	const few = 4 // that are over before anybody wonders
	visible := s.ErrTerminal && steps > few
	return progressbar.NewOptions(steps, progressbar.OptionSetWriter(s.Err), progressbar.OptionSetVisibility(visible),
		progressbar.OptionSetDescription("trying"), progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(20))
}
