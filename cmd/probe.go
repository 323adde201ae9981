package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"mtlsprobe/probe/diagnosis"
	"mtlsprobe/report"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

type probeOptions struct {
	targets []string
	connect connectFlags
	hold    holdFlags
	chain   chainFlags
	judge   judgeFlags
	output  outputFlags
	record  recordFlags
	noTry   bool
	repeat  int
}

func newProbe(s *Streams, run func(context.Context, *Streams, *probeOptions) error) *cobra.Command {
	o := &probeOptions{}
	c := &cobra.Command{
		Use:   "probe TARGET... --cert SOURCE...",
		Short: "Ask a server, judge your certificates against its request, and try each",
		Long: "Ask a server for its CertificateRequest, judge your certificates against it, and try each for real.\n" +
			"The server is verified first: without that, or -k, nothing is presented.\n" +
			"Several TARGETs make a table of certificates and servers.\n\n" + targetText,
		Example: "  mtlsprobe probe api.example.com --cert client.p12\n" +
			"  mtlsprobe probe https://api.example.com:8443/v1 --cert ./certs --authorities roots.pem\n" +
			"  mtlsprobe probe api.example.com pay.example.com smtp://mail.example.com --cert ./certs",
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			o.targets = args
			return o.output.orError(s, run(c.Context(), s, o))
		},
	}
	addFlags(c, flagGroup{candidateGroup, o.hold.register}, flagGroup{candidateGroup, func(flags *pflag.FlagSet) {
		o.hold.registerDiscover(flags, "each is tried, as with --cert")
	}}, flagGroup{serverGroup, o.connect.register},
		flagGroup{serverGroup, func(flags *pflag.FlagSet) {
			flags.BoolVar(&o.noTry, "no-try", false, "present nothing to the server")
			flags.IntVar(&o.repeat, "repeat", 1, "confirm what was accepted, and the controls, this `NUMBER` of times")
		}},
		flagGroup{judgementGroup, o.judge.register}, flagGroup{judgementGroup, o.chain.register},
		flagGroup{reportGroup, o.output.registerViews}, flagGroup{reportGroup, o.output.registerTranscript},
		flagGroup{reportGroup, o.output.register},
		flagGroup{recordGroup, o.record.register})
	return c
}

// targetText says what a TARGET is.
const targetText = "A TARGET is HOST or HOST:PORT, where the protocol is that of a well-known port, else HTTP; " +
	"[IPv6]:PORT;\n" +
	"or a URL whose scheme names the protocol, such as https://HOST/PATH, smtp://HOST, imaps://HOST,\n" +
	"ldap://HOST or postgres://USER@HOST; without a port it is the scheme's, else 443; or kubeconfig:CONTEXT,\n" +
	"the server of a context, with its CAs and, without --cert, its user (kubeconfig: for the current one)."

// check takes the flags for what they are, or says what is wrong with them.
func (o *probeOptions) check() error {
	if o.hold.none() { // a context brings its own
		o.hold.certs = slices.DeleteFunc(slices.Clone(o.targets), func(text string) bool { return !isContext(text) })
	}
	if o.hold.none() {
		return usage(errors.New("no client certificate given: use --cert FILE, --discover, or \"mtlsprobe request\" to " +
			"see only what " +
			"the server asks for"))
	}
	if o.repeat < 0 {
		return usage(fmt.Errorf("--repeat %d is less than none", o.repeat))
	}
	for _, path := range []string{o.connect.cacert, o.connect.capath} { // CA certificates at hand are at hand
		if path != "" {
			o.hold.authorities = append(o.hold.authorities, path)
		}
	}
	return cmp.Or(o.output.check(), o.record.check(o.output.force))
}

func runProbe(ctx context.Context, s *Streams, o *probeOptions) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	now, err := o.judge.time()
	if err != nil {
		return err
	}
	ctx, cancel, err := o.connect.limit(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	targets, err := o.connect.parseAll(ctx, s, o.targets)
	if err != nil {
		return cmp.Or(context.Cause(ctx), err)
	}
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
	settings.Plan = o.connect.plan()
	settings.Plan.NoTry, settings.Plan.Repeat = o.noTry, o.repeat
	recorder := &recorder{flags: o.record, force: o.output.force}
	settings.Label = recorder.label
	defer func() { err = recorder.write(s, err) }()
	progress := newProgress(s, len(targets)*(len(holding.Identities)+1))
	settings.Progress = func(int, int) { _ = progress.Add(1) }
	engine := diagnosis.New(settings)
	r, err := askEach(ctx, s, targets, o.output.transcript,
		func(ctx context.Context, at *destination) (*diagnosis.Diagnosis, error) {
			return engine.Probe(ctx, at.target, at.options)
		})
	_ = progress.Clear()
	if err != nil {
		return cmp.Or(context.Cause(ctx), o.output.failed(s, r, err))
	}
	if !o.noTry && !o.connect.insecure {
		warnUnverified(s, r)
	}
	err = answer(ctx, s, &o.output, r)
	if ctx.Err() != nil { // what is known has been written, and it is not all
		return context.Cause(ctx)
	}
	return err
}

// warnUnverified says that nothing was presented to servers that are not verified.
func warnUnverified(s *Streams, r *report.Report) {
	var hosts []string
	why := ""
	for _, part := range r.Each() {
		if part.Server != nil && part.Server.Verified == "no" {
			hosts, why = append(hosts, part.Target.Address), part.Server.VerifyError
		}
	}
	switch {
	case len(hosts) == 0:
		return
	case len(r.Reports) == 0:
		warn(s.Err, "no certificate was presented because the server's own certificate could not be verified: "+why)
	default:
		warn(s.Err, fmt.Sprintf("no certificate was presented to %s, whose own certificate could not be verified: %s",
			strings.Join(hosts, ", "), why))
	}
	tell(s.Err, "hint", "give its CA with --cacert FILE, the right name with --servername NAME, or present it anyway "+
		"with -k")
}

// newProgress shows how many trials are done, on a terminal only.
func newProgress(s *Streams, steps int) *progressbar.ProgressBar {
	const few = 4 // that are over before anybody wonders
	visible := s.ErrTerminal && steps > few
	return progressbar.NewOptions(steps, progressbar.OptionSetWriter(s.Err), progressbar.OptionSetVisibility(visible),
		progressbar.OptionSetDescription("trying"), progressbar.OptionShowCount(),
		progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(20))
}
