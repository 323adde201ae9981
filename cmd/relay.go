package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"mtlsprobe/probe/relay"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

type relayOptions struct {
	target  string
	listen  string
	keyLog  string
	pcapng  string
	count   int
	timeout time.Duration
	hold    holdFlags
	chain   chainFlags
	output  outputFlags
}

func newRelay(s *Streams, run func(context.Context, *Streams, *relayOptions) error) *cobra.Command {
	o := &relayOptions{}
	c := &cobra.Command{
		Use:   "relay TARGET",
		Short: "Pass bytes between a client and its server, and explain what each said",
		Long: "Listen, and pass every connection on to the TARGET, unchanged. When it is over, report whether the server\n" +
			"asked for a client certificate, what the client answered, how it ended, and what that means. Any\n" +
			"protocol passes, with STARTTLS or without. The client still verifies the server's own certificate, so let\n" +
			"it connect here by the server's name (curl --connect-to, /etc/hosts). \"mirror\" in contrast is a server\n" +
			"of its own. In TLS 1.3 the client's answer can be read only with --keylog.\n\n" +
			"A TARGET is HOST:PORT. Ctrl-C ends the relay, and is not an error.",
		Example: "  mtlsprobe relay api.example.com:443 --listen 127.0.0.1:8443 --keylog keys.txt --cert client.p12\n" +
			"  SSLKEYLOGFILE=keys.txt curl --connect-to api.example.com:443:127.0.0.1:8443 --cert client.pem " +
			"https://api.example.com/",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			o.target = args[0]
			return run(c.Context(), s, o)
		},
	}
	addFlags(c, flagGroup{"Listening", o.register}, flagGroup{candidateGroup, o.hold.register},
		flagGroup{judgementGroup, o.chain.register},
		flagGroup{reportGroup, func(flags *pflag.FlagSet) {
			flags.BoolVarP(&o.output.verbose, "verbose", "v", false, "show every TLS connection")
			o.output.registerTranscript(flags)
			o.output.register(flags)
		}})
	return c
}

func (o *relayOptions) register(flags *pflag.FlagSet) {
	flags.StringVar(&o.listen, "listen", "127.0.0.1:0", "listen on this `ADDRESS` and port; port 0 chooses a free one")
	flags.IntVar(&o.count, "count", 0, "stop after this `NUMBER` of connections; 0 means run until an interrupt")
	flags.DurationVar(&o.timeout, "timeout", 10*time.Second,
		"timeout for connecting to the server: a `DURATION` as in 10s or 1m")
	flags.StringVar(&o.keyLog, "keylog", "",
		"the `FILE` to which the client or the server writes its TLS secrets (SSLKEYLOGFILE format); it may come later")
	flags.StringVar(&o.pcapng, "pcapng", "", "write every connection to this `FILE`, for Wireshark or \"trace\"")
}

func (o *relayOptions) check() error {
	switch {
	case o.count < 0:
		return usage(errors.New("--count must not be negative"))
	case o.timeout <= 0:
		return usage(fmt.Errorf("--timeout must be greater than 0, not %v", o.timeout))
	}
	return cmp.Or(o.output.check(), checkOutput(o.output.force, outputFile{"--pcapng", o.pcapng}))
}

func runRelay(ctx context.Context, s *Streams, o *relayOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	target, err := parseTarget(o.target)
	if err != nil {
		return err
	}
	e, err := newExplainer(ctx, s, &o.hold, &o.chain, o.output.transcript)
	if err != nil {
		return err
	}
	defer e.close()
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	tell(s.Err, "hint", fmt.Sprintf("listening on %s, for %s", listener.Addr(), target.Address()))
	serving, cancel := context.WithCancel(ctx)
	defer cancel()
	w := &relaying{streams: s, options: o, explainer: e, enough: cancel, report: report.Empty(s.Now()),
		ctx:      context.WithoutCancel(ctx), // an interrupt ends the relay, not the report
		recorder: &recorder{flags: recordFlags{pcapng: o.pcapng}, force: o.output.force}}
	w.report.Connections = []report.Connection{}
	dialer := &net.Dialer{Timeout: o.timeout}
	r := &relay.Relay{Keep: o.keyLog != "" || o.pcapng != "", Done: w.done,
		Dial: func(ctx context.Context) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", target.Address()) }}
	if o.keyLog != "" {
		r.Keys = func() *wire.KeyLog { return lastSecrets(o.keyLog) }
	}
	if err := r.Serve(serving, listener); err != nil {
		return err
	}
	return w.recorder.write(s, w.finish())
}

// A relaying is the work of one run.
type relaying struct {
	ctx       context.Context //nolint:containedctx // of the whole run
	streams   *Streams
	options   *relayOptions
	explainer *explainer
	enough    func()
	recorder  *recorder

	mu      sync.Mutex
	report  *report.Report
	over    int // connections
	foreign int // those without TLS
	err     error
}

// live says that connections are shown as they end.
func (w *relaying) live() bool {
	o := &w.options.output
	return o.format == "table" && o.file == "" && !o.redact && !o.transcript
}

// done takes a connection that is over.
func (w *relaying) done(outcome *relay.Outcome) {
	if outcome.Recording != nil && w.options.pcapng != "" {
		w.recorder.keep(outcome.Recording)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over++; w.over == w.options.count {
		w.enough()
	}
	switch {
	case outcome.Err != nil:
		warn(w.streams.Err, "the server cannot be reached: "+outcome.Err.Error())
		w.err = fmt.Errorf("the server could not be reached: %w", outcome.Err)
	case outcome.Connection == nil:
		w.foreign++
	case len(w.report.Connections) < maxTraced:
		t, err := w.explainer.captured(w.ctx, outcome.Connection, shown(outcome.Connection))
		if err != nil {
			w.err = err
		}
		w.report.Connections = append(w.report.Connections, t.connection)
		if w.live() {
			if err := report.WriteConnection(w.streams.Out, w.options.output.forText(w.streams), &t.connection); err != nil {
				w.err = err
				w.enough() // nobody reads on
			}
		}
	}
}

// finish writes what is left to say.
func (w *relaying) finish() error {
	r, o := w.report, &w.options.output
	slices.SortFunc(r.Connections, func(a, b report.Connection) int { return cmp.Compare(a.Number, b.Number) })
	if w.foreign > 0 {
		r.Problems = append(r.Problems, fmt.Sprintf("%d connections did not speak TLS", w.foreign))
		warn(w.streams.Err, r.Problems[0])
	}
	r.Complete()
	var err error
	if w.live() {
		err = report.WriteConnectionCount(w.streams.Out, o.forText(w.streams), r)
	} else {
		err = o.write(w.streams, r)
	}
	switch {
	case err != nil:
		return err
	case w.err != nil:
		return w.err
	case r.Refused():
		return errNoneFits
	}
	return nil
}

// lastSecrets reads the end of a key log, where the secrets of recent connections are; nil if
// there is none yet.
func lastSecrets(path string) *wire.KeyLog {
	const last = 1 << 20
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil
	} else if info.Size() > last {
		_, _ = f.Seek(-last, io.SeekEnd)
	}
	data, _ := io.ReadAll(io.LimitReader(f, last))
	keys := &wire.KeyLog{}
	keys.Add(data)
	return keys
}
