package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/account"
	"mtlsprobe/certstore/config"
	"mtlsprobe/probe/diagnosis"
	"mtlsprobe/report"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

type inspectOptions struct {
	hold     holdFlags
	output   outputFlags
	discover bool
}

func newInspect(s *Streams, run func(context.Context, *Streams, *inspectOptions) error) *cobra.Command {
	o := &inspectOptions{}
	c := &cobra.Command{
		Use:   "inspect SOURCE... | --discover",
		Short: "Show what files, directories, databases and tokens contain",
		Long: "Show everything in a file or store, and whether the keys can be used.\n\n" +
			"A SOURCE is a file or directory in any format: PEM, DER, PKCS#12, PKCS#7, JKS, JCEKS, a\n" +
			"database of NSS (cert9.db); a client's configuration, whose certificates are read:\n" +
			"kubeconfig, .curlrc, pg_service.conf, my.cnf, .gitconfig, .npmrc, .wgetrc, Java\n" +
			"properties; pkcs11: URIs (RFC 7512); env:NAME, a variable that contains PEM; credential:NAME,\n" +
			"a systemd credential; or javax.net.ssl.keyStore=FILE.",
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
		flags.BoolVar(&o.discover, "discover", false,
			"look where clients on this host usually keep identities, those of --as-user if that is given; reads only")
		o.hold.registerOpen(flags)
	}}, flagGroup{reportGroup, o.output.registerExpires}, flagGroup{reportGroup, o.output.register})
	return c
}

func runInspect(ctx context.Context, s *Streams, o *inspectOptions) error {
	if err := o.output.check(); err != nil {
		return err
	}
	if len(o.hold.certs) == 0 && !o.discover {
		return usage(errors.New("nothing to inspect: give a SOURCE, or --discover"))
	}
	if o.discover {
		if err := o.hold.discover(s); err != nil {
			return err
		}
		if len(o.hold.certs)+len(o.hold.found) == 0 {
			return errors.New("none of the places exists where clients on this host usually keep identities")
		}
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

// discover finds the places that exist, and says which they are: those of this
// user, or of the account that is to use them.
func (f *holdFlags) discover(s *Streams) error {
	home, getenv := s.Getenv("HOME"), s.Getenv
	if f.asUser != "" {
		a, err := account.Lookup(f.asUser)
		if err != nil {
			return usage(fmt.Errorf("--as-user: %w", err))
		}
		home, getenv = a.Home, func(string) string { return "" } // whose variables are not known
		if f.home = home; home == "" {
			return usage(fmt.Errorf("--discover: the account %s has no home folder to look in", a))
		}
	}
	for _, place := range config.Places(home, getenv, runtime.GOOS) {
		paths, _ := filepath.Glob(place.Path) // a pattern of the program's own
		for _, path := range paths {
			tell(s.Err, "looking", fmt.Sprintf("%s (%s)", path, place.Client))
			f.found = append(f.found, certstore.Source{Path: path, Found: true})
			key := strings.TrimSuffix(path, filepath.Ext(path)) + ".key"
			if _, err := os.Stat(key); err == nil && key != path {
				f.found = append(f.found, certstore.Source{Path: key, Role: certstore.KeyFile, Found: true})
			}
		}
	}
	return nil
}
