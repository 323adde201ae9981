package cmd

import (
	"context"
	"errors"

	"mtlsprobe/probe/diagnosis"
	"mtlsprobe/report"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

type inspectOptions struct {
	hold   holdFlags
	output outputFlags
}

func newInspect(s *Streams, run func(context.Context, *Streams, *inspectOptions) error) *cobra.Command {
	o := &inspectOptions{}
	c := &cobra.Command{
		Use:   "inspect SOURCE... | --discover",
		Short: "Show what files, directories, databases and tokens contain",
		Long: "Show everything in a file or store, and whether the keys can be used.\n\n" +
			"A SOURCE is a file or directory in any format: PEM, DER, PKCS#12, PKCS#7, JKS, JCEKS, a\n" +
			"database of NSS (cert9.db); a configuration of a client or proxy, in any syntax, whose\n" +
			"certificates are read; Kubernetes Secrets and kubeconfigs; an issuer's JSON, .env files,\n" +
			".ovpn, .mobileconfig; - for standard input; pkcs11: URIs (RFC 7512); env:NAME, a variable that\n" +
			"contains PEM; credential:NAME, a systemd credential; kubeconfig:CONTEXT; spiffe:unix:///SOCKET;\n" +
			"or javax.net.ssl.keyStore=FILE.",
		Example: "  mtlsprobe inspect client.p12 ~/.kube/config\n" +
			"  mtlsprobe inspect 'pkcs11:token=mine?module-path=/usr/lib/softhsm/libsofthsm2.so' --pass env:PIN\n" +
			"  mtlsprobe inspect --discover --as-user www-data",
		Args: args(cobra.ArbitraryArgs),
		RunE: func(c *cobra.Command, args []string) error {
			o.hold.certs = args
			return o.output.orError(s, run(c.Context(), s, o))
		},
	}
	o.hold.looking = true
	addFlags(c, flagGroup{candidateGroup, func(flags *pflag.FlagSet) {
		o.hold.registerDiscover(flags, "reads only")
		o.hold.registerOpen(flags)
	}}, flagGroup{reportGroup, o.output.registerExpires}, flagGroup{reportGroup, o.output.register})
	return c
}

func runInspect(ctx context.Context, s *Streams, o *inspectOptions) error {
	if err := o.output.check(); err != nil {
		return err
	}
	if o.hold.none() {
		return usage(errors.New("nothing to inspect: give a SOURCE, or --discover"))
	}
	holding, err := hold(ctx, s, &o.hold)
	if err != nil {
		return err
	}
	defer holding.Close() //nolint:errcheck // of tokens, when everything is said
	r := report.New(diagnosis.New(diagnosis.Settings{Now: s.Now, Holding: holding}).Inspect(), false)
	if err := o.output.say(ctx, s, r); err != nil {
		return err
	}
	if len(holding.Authorities)+len(holding.Others) == 0 && len(o.hold.certs) > 0 { // which may be what was looked for
		if err := holding.RequireIdentity(); err != nil {
			return err
		}
	}
	return holding.RequireOpened()
}
