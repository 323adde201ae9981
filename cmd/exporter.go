package cmd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/exporter-toolkit/web"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

type exporterOptions struct {
	config      string
	check       bool
	listen      []string
	webConfig   string
	concurrency int
}

func newExporter(s *Streams, run func(context.Context, *Streams, *exporterOptions) error) *cobra.Command {
	o := &exporterOptions{}
	c := &cobra.Command{
		Use:   "exporter",
		Short: "Serve Prometheus metrics: what servers ask for, and which certificates fit",
		Long: "Serve metrics of a target at /probe?target=TARGET&module=MODULE. A module is a section of the file of\n" +
			"--config: the targets that may be probed, and flags of \"scan\" without the dashes, such as cert, cacert,\n" +
			"pass, starttls and try. Certificates are read again when their files change, the file itself on SIGHUP\n" +
			"and POST /-/reload.\n\n" +
			"\tmodules:\n\t  payments:\n\t    targets: [\"*.pay.example.com:443\", \"10.1.0.0/16\"]\n" +
			"\t    cert: /etc/mtlsprobe/client.p12\n\t    pass: file:/etc/mtlsprobe/client.pass",
		Example: "  mtlsprobe exporter --config exporter.yaml --listen :9843\n" +
			"  mtlsprobe exporter --config exporter.yaml --check",
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return run(c.Context(), s, o) },
	}
	addFlags(c, flagGroup{"Exporter", o.register})
	return c
}

func (o *exporterOptions) register(flags *pflag.FlagSet) {
	flags.StringVar(&o.config, "config", "", "the modules are in this YAML `FILE`")
	flags.BoolVar(&o.check, "check", false, "read the configuration and the certificates, and do nothing more")
	flags.StringArrayVar(&o.listen, "listen", []string{"localhost:9843"},
		"listen on this `ADDRESS` and port, :9843 for all addresses (repeatable)")
	flags.StringVar(&o.webConfig, "web-config", "",
		"TLS and authentication of this exporter itself: a `FILE` in the format of all Prometheus exporters")
	flags.IntVar(&o.concurrency, "concurrency", 100, "probe this `NUMBER` of targets at the same time; others wait")
}

func runExporter(ctx context.Context, s *Streams, o *exporterOptions) error {
	switch {
	case o.config == "":
		return usage(errors.New("missing --config FILE"))
	case o.concurrency < 1:
		return usage(fmt.Errorf("--concurrency %d is less than one", o.concurrency))
	}
	e := newExporting(ctx, s, o)
	defer e.close()
	if err := e.reload(ctx); err != nil {
		return err
	}
	if o.webConfig != "" {
		if err := web.Validate(o.webConfig); err != nil {
			return fmt.Errorf("--web-config %q: %w", o.webConfig, err)
		}
	}
	if o.check {
		_, err := fmt.Fprintf(s.Out, "%q is valid; modules: %d\n", o.config, len(e.all()))
		return err
	}
	var listeners []net.Listener
	defer func() {
		for _, l := range listeners {
			_ = l.Close()
		}
	}()
	for _, address := range o.listen {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return fmt.Errorf("--listen: %w", err)
		}
		listeners = append(listeners, l)
		tell(s.Err, "hint", fmt.Sprintf("listening on %s", l.Addr()))
	}
	return e.serve(ctx, listeners)
}

// serve answers until the context ends.
func (e *exporting) serve(ctx context.Context, listeners []net.Listener) error {
	const slowest, grace = 10 * time.Second, 5 * time.Second
	handler, err := e.handler()
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(e.streams.Err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	probing, stop := context.WithCancel(context.WithoutCancel(ctx)) // probes may end after ctx
	defer stop()
	server := &http.Server{Handler: handler, ReadHeaderTimeout: slowest, ReadTimeout: slowest, IdleTimeout: time.Minute,
		ErrorLog:     slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
		WriteTimeout: longestProbe + slowest,
		BaseContext:  func(net.Listener) context.Context { return probing }}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	ended, closed := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(closed)
		for {
			select {
			case <-hangup:
				if err := e.reload(ctx); err != nil {
					warn(e.streams.Err, "the earlier configuration stays in use: "+err.Error())
				}
			case <-ctx.Done():
				patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
				defer cancel()
				_ = server.Shutdown(patience)
				stop()
				_ = server.Close() // what is still open then
				return
			case <-ended:
				return
			}
		}
	}()
	systemd := false
	err = web.ServeMultiple(listeners, server, &web.FlagConfig{WebListenAddresses: &e.options.listen,
		WebSystemdSocket: &systemd, WebConfigFile: &e.options.webConfig}, logger)
	close(ended)
	<-closed
	if ctx.Err() != nil { // it was told to end
		return nil
	}
	return err
}
