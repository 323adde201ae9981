package cmd

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mtlsprobe/certstore"
	"mtlsprobe/probe/capture"
	"mtlsprobe/probe/diagnosis"
	"mtlsprobe/probe/reading"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report"
)

type traceOptions struct {
	file      string
	messages  string
	keyLogs   []string
	keys      []string // of servers
	streams   []int
	host, sni string
	port      uint16
	save      string
	hold      holdFlags
	chain     chainFlags
	output    outputFlags
}

func newTrace(s *Streams, run func(context.Context, *Streams, *traceOptions) error) *cobra.Command {
	o := &traceOptions{}
	c := &cobra.Command{
		Use:   "trace FILE | --messages FILE",
		Short: "Explain a capture of TLS connections, or a list of messages",
		Long: "Read a pcap or pcapng file, or standard input (-), and report for each TLS connection whether the server\n" +
			"asked for a client certificate, what the client answered, how it ended, and what that means.\n" +
			"TLS in EAP (Wi-Fi, wired networks, RADIUS) and in OpenVPN is read, too.\n" +
			"Connections that did not ask and did not fail are counted; -v shows them. With --cert the client's files\n" +
			"are judged against what the server asked for, as of the time of the capture.\n\n" +
			"Where nothing can be copied, type the messages, one or more a line, in any spelling:\n\n" +
			"\tclient: Hello\n\tserver: Hello, Certificate, Certificate request, Server hello done\n" +
			"\tclient: Encrypted alert, Client key exchange\n\n" +
			"Lines of Wireshark's packet list, the output of curl -v and openssl -msg, Java's debug log and error\n" +
			"messages of OpenSSL, Go, Java and GnuTLS are understood, too.",
		Example: "  mtlsprobe trace failing.pcapng --cert client.p12\n" +
			"  tcpdump -w - port 8443 | mtlsprobe trace -\n" +
			"  mtlsprobe trace --messages typed.txt",
		Args: args(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.file = args[0]
			}
			return run(c.Context(), s, o)
		},
	}
	addFlags(c, flagGroup{"Capture", o.register}, flagGroup{candidateGroup, o.hold.register},
		flagGroup{judgementGroup, o.chain.register},
		flagGroup{reportGroup, func(flags *pflag.FlagSet) {
			flags.BoolVarP(&o.output.verbose, "verbose", "v", false, "show every TLS connection")
			o.output.registerTranscript(flags)
			o.output.registerExpect(flags)
			o.output.register(flags)
		}})
	return c
}

func (o *traceOptions) register(flags *pflag.FlagSet) {
	flags.StringVar(&o.messages, "messages", "", "read a list of messages from this `FILE` instead of a capture")
	flags.StringArrayVar(&o.keyLogs, "keylog", nil,
		"TLS secrets: a `FILE` in the SSLKEYLOGFILE format (repeatable; those in a pcapng are used by themselves)")
	flags.StringArrayVar(&o.keys, "server-key", nil,
		"the server's RSA private key: a `FILE` in PEM or DER; decrypts connections up to TLS 1.2 that exchange keys by RSA "+
			"(repeatable)")
	flags.IntSliceVar(&o.streams, "stream", nil,
		"only the connections with these `NUMBERS`, separated by commas (Wireshark's tcp.stream plus 1)")
	flags.StringVar(&o.host, "host", "", "only connections of this `ADDRESS`")
	flags.Uint16Var(&o.port, "port", 0, "only connections of this `PORT`")
	flags.StringVar(&o.sni, "sni", "", "only connections to this server `NAME`")
	flags.StringVar(&o.save, "save", "",
		"save what the server asked for to this `FILE`, for \"check --request\" and \"mirror --request\"")
}

func (o *traceOptions) check() error {
	if (o.file == "") == (o.messages == "") {
		return usage(errors.New("give a capture FILE, - or --messages FILE"))
	}
	if o.host != "" {
		if _, err := netip.ParseAddr(o.host); err != nil {
			return usage(fmt.Errorf("--host %q is not an IP address", o.host))
		}
	}
	return cmp.Or(o.output.check(), checkOutput(o.output.force, outputFile{"--save", o.save}))
}

func runTrace(ctx context.Context, s *Streams, o *traceOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	e, err := newExplainer(ctx, s, &o.hold, &o.chain, o.output.transcript)
	if err != nil {
		return err
	}
	defer e.close()
	r := report.Empty(s.Now())
	var all []traced
	if o.messages != "" {
		all, err = o.typed(ctx, s, e, r)
	} else {
		all, err = o.captured(ctx, s, e, r)
	}
	if err != nil {
		return cmp.Or(context.Cause(ctx), err)
	}
	slices.SortFunc(all, func(a, b traced) int { return cmp.Compare(a.connection.Number, b.connection.Number) })
	if o.save != "" {
		if err := o.saveRequest(s, all); err != nil {
			return fmt.Errorf("--save: %w", err)
		}
	}
	answering := make([]reading.Answering, len(all))
	for n := range all {
		answering[n] = all[n].answering
	}
	r.Connections = []report.Connection{}
	for n, otherwise := range reading.Compare(answering) {
		if otherwise != nil {
			all[n].connection.Reading = append(all[n].connection.Reading, otherwise)
		}
		r.Connections = append(r.Connections, all[n].connection)
	}
	r.Complete()
	if err := o.output.say(ctx, s, r); err != nil {
		return err
	}
	if r.Refused() {
		return errNoneFits
	}
	return nil
}

// saveRequest saves what the servers asked for, if it is the same in all connections.
func (o *traceOptions) saveRequest(s *Streams, all []traced) error {
	var found *traced
	for n := range all {
		switch t := &all[n]; {
		case t.request == nil:
		case found == nil:
			found = t
		case !reflect.DeepEqual(found.request, t.request):
			return fmt.Errorf("connections %d and %d were asked for different things: choose with --stream",
				found.connection.Number, t.connection.Number)
		}
	}
	if found == nil {
		return errors.New("no request was seen that could be read")
	}
	d := diagnosis.New(diagnosis.Settings{Now: s.Now, Holding: &certstore.Holding{}}).Inspect()
	d.Request = found.request
	data, err := json.MarshalIndent(report.New(d, false), "", "  ")
	if err != nil {
		return err
	}
	return replace(o.save, append(data, '\n'), o.output.force)
}

// secrets are those of connections, and the keys of servers.
func (o *traceOptions) secrets(ctx context.Context, s *Streams) (*wire.KeyLog, error) {
	keys := &wire.KeyLog{}
	for _, path := range o.keyLogs {
		data, err := s.readUpTo(ctx, path, maxReport)
		if err != nil {
			return nil, fmt.Errorf("--keylog: %w", err)
		}
		keys.Add(data)
		one := &wire.KeyLog{}
		if one.Add(data); one.Empty() {
			warn(s.Err, fmt.Sprintf("--keylog %q contains no secrets in the SSLKEYLOGFILE format", path))
		}
	}
	for _, path := range o.keys {
		key, err := serverKey(ctx, s, path)
		if err != nil {
			return nil, err
		}
		keys.AddKey(key)
	}
	return keys, nil
}

// captured reads a capture.
func (o *traceOptions) captured(ctx context.Context, s *Streams, e *explainer, r *report.Report) ([]traced, error) {
	keys, err := o.secrets(ctx, s)
	if err != nil {
		return nil, err
	}
	in := s.In
	if o.file != "-" {
		file, err := os.Open(o.file)
		if err != nil {
			return nil, unreadable(o.file, err)
		}
		defer file.Close() //nolint:errcheck // only read
		in = file
	}
	var all []traced
	dropped, seen := 0, 0
	over := make(chan *capture.Connection, 16) // explained while the capture is read on
	var explaining sync.WaitGroup
	var failed error
	explaining.Go(func() {
		for c := range over {
			seen++
			x := shown(c)
			switch {
			case failed != nil, !o.wanted(c, x):
			case len(all) >= maxTraced:
				dropped++
			default:
				var t traced
				t, failed = e.captured(ctx, c, x)
				all = append(all, t)
			}
		}
	})
	summary, err := capture.Read(ctx, &interruptible{ctx, in}, keys, func(c *capture.Connection) { over <- c })
	close(over)
	explaining.Wait()
	if err != nil {
		return nil, fmt.Errorf("%q: %w", o.file, err)
	}
	if failed != nil {
		return nil, failed
	}
	if len(all) == 0 && seen > 0 {
		return nil, fmt.Errorf("none of %d TLS connections is one that --stream, --host, --port or --sni asks for", seen)
	}
	problems := o.shortcomings(summary)
	if dropped > 0 {
		problems = append(problems, fmt.Sprintf("%d connections beyond %d are not reported: choose with --host, --port, "+
			"--sni or --stream", dropped, maxTraced))
	}
	for _, problem := range problems {
		warn(s.Err, problem)
	}
	r.Problems = append(r.Problems, problems...)
	return all, nil
}

// shortcomings say what a capture lacks.
func (o *traceOptions) shortcomings(summary *capture.Summary) (problems []string) {
	if summary.Problem != nil {
		problems = append(problems, fmt.Sprintf("%q was read in part: %v", o.file, summary.Problem))
	}
	if summary.Short > 0 {
		problems = append(problems, fmt.Sprintf("%d of %d packets are not complete in the capture: record again with "+
			"tcpdump -s 0", summary.Short, summary.Packets))
	}
	if summary.Sealed > 0 {
		problems = append(problems, fmt.Sprintf("%d packets begin a session of OpenVPN whose packets are encrypted by "+
			"tls-crypt: they cannot be read", summary.Sealed))
	} else if summary.TCP+summary.Carried == 0 {
		problems = append(problems, fmt.Sprintf("none of %d packets belongs to TCP, EAP or OpenVPN (%d could not be decoded)",
			summary.Packets, summary.Unread))
	}
	return problems
}

// maxTraced bounds the connections that are reported.
const maxTraced = 100_000

// wanted reports whether the flags choose a connection.
func (o *traceOptions) wanted(c *capture.Connection, x *reading.Exchange) bool {
	host, _ := netip.ParseAddr(o.host)
	return (len(o.streams) == 0 || slices.Contains(o.streams, c.Number)) &&
		(o.host == "" || c.Client.Addr() == host || c.Server.Addr() == host) &&
		(o.port == 0 || c.Client.Port() == o.port || c.Server.Port() == o.port) &&
		(o.sni == "" || x.Hello != nil && strings.EqualFold(x.Hello.ServerName, o.sni))
}

// typed reads a list of messages.
func (o *traceOptions) typed(ctx context.Context, s *Streams, e *explainer, r *report.Report) ([]traced, error) {
	const most = 1 << 20
	data, err := s.readUpTo(ctx, o.messages, most)
	if err != nil {
		return nil, fmt.Errorf("--messages: %w", err)
	}
	typed, err := capture.ParseMessages(data)
	if err != nil {
		return nil, fmt.Errorf("--messages %q: %w", o.messages, err)
	}
	for _, doubt := range typed.Doubts {
		problem := fmt.Sprintf("line %d: %s", doubt.Line, doubted(&doubt))
		warn(s.Err, problem)
		r.Problems = append(r.Problems, problem)
	}
	t, err := e.typed(ctx, typed, s.Now())
	return []traced{t}, err
}

// doubted says what there is to know of a line of a typed list.
func doubted(d *capture.Doubt) string {
	switch d.Kind {
	case capture.Another:
		return "another connection begins, and is not read: put it into a list of its own"
	case capture.TakenForServer:
		return fmt.Sprintf("%q does not say who sent the alert: it is taken for a client's error message, so for the "+
			"server's alert; else write \"client: alert …\"", d.Text)
	case capture.WhoEnded:
		return fmt.Sprintf("%q does not say who ended the connection: write \"client: %[1]s\" or \"server: %[1]s\"", d.Text)
	}
	return fmt.Sprintf("not understood: %q", d.Text)
}

// An interruptible reader ends with its context: standard input may have nothing to say.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i *interruptible) Read(b []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.r.Read(b)
}
