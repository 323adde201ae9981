package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/probe/diagnosis"
	"mtlsprobe/probe/stack"
	"mtlsprobe/report"

	"github.com/spf13/pflag"
)

// chainFlags say what else to look at when chains are judged.
type chainFlags struct {
	crls               []string
	aia, ocsp, private bool
}

func (f *chainFlags) register(flags *pflag.FlagSet) {
	flags.StringArrayVar(&f.crls, "crl", nil,
		"check the certificates against the revocation lists in this `FILE` (repeatable)")
	flags.BoolVar(&f.aia, "aia", false, "fetch missing issuers from the addresses in the certificates (http)")
	flags.BoolVar(&f.ocsp, "ocsp", false, "ask the OCSP responders named in the certificates (http)")
	flags.BoolVar(&f.private, "fetch-private", false, "let --aia and --ocsp connect to private addresses, too")
}

// settings are those of an engine that judges what is held.
func (f *chainFlags) settings(ctx context.Context, s *Streams, at time.Time,
	holding *certstore.Holding) (diagnosis.Settings, error) {
	crls, err := certstore.LoadCRLs(ctx, f.crls...)
	return diagnosis.Settings{
		Now: s.Now, At: at, Holding: holding, CRLs: crls,
		Fetch: diagnosis.Fetch{Issuers: f.aia, Revocation: f.ocsp, Private: f.private},
		System: func(ctx context.Context) ([]certstore.Authority, error) {
			return certstore.SystemAuthorities(ctx, s.Getenv)
		},
	}, err
}

// hold loads the candidates and says what could not be read.
func hold(ctx context.Context, s *Streams, f *holdFlags) (*certstore.Holding, error) {
	if f.discovering {
		if err := f.discover(s); err != nil {
			return nil, err
		}
	}
	options, err := f.options(ctx, s)
	if err != nil {
		return nil, err
	}
	for _, source := range slices.Concat(f.certs, f.keys) {
		if strings.Contains(source, "pin-value=") || strings.Contains(source, "Password=") {
			warn(s.Err, "a PIN or password on the command line is visible to other users of this host: prefer --pass "+
				"SOURCE=env:VAR")
		}
	}
	holding, err := certstore.Load(ctx, options, f.sources()...)
	if err != nil {
		return nil, err
	}
	for _, problem := range holding.Problems {
		warn(s.Err, problem.Error())
	}
	for _, source := range f.authorities {
		info, err := os.Stat(source)
		if err == nil && info.Mode().IsRegular() && !slices.ContainsFunc(holding.Authorities,
			func(a certstore.Authority) bool { return a.Source == source }) {
			warn(s.Err, fmt.Sprintf("--authorities %q contains no CA certificate", source))
		}
	}
	if f.asUser != "" {
		if err := holding.Access(f.asUser); err != nil {
			return nil, usage(fmt.Errorf("--as-user: %w", err))
		}
	} else if s.Root && s.ErrTerminal && len(holding.Identities) > 0 {
		tell(s.Err, "hint", "running as root: the key may be unreadable for the client's account; check with --as-user NAME")
	}
	if f.pid != 0 {
		if err := holding.Running(f.pid); err != nil {
			return nil, usage(fmt.Errorf("--pid: %w", err))
		}
	}
	if len(holding.Identities) <= maxExposed {
		holding.Expose()
	}
	return holding, nil
}

// maxExposed bounds for how many identities it is looked up who may read the key.
const maxExposed = 1_000

// holdIdentities is hold where there is nothing to do without an identity.
func holdIdentities(ctx context.Context, s *Streams, f *holdFlags) (*certstore.Holding, error) {
	holding, err := hold(ctx, s, f)
	if err != nil {
		return nil, err
	}
	return holding, holding.RequireIdentity()
}

// answer writes the report. It returns an error if a target could not be asked, and
// errNoneFits if not all fits that is required.
func answer(ctx context.Context, s *Streams, f *outputFlags, r *report.Report) error {
	if err := f.checkRequired(r); err != nil {
		return err
	}
	if err := f.say(ctx, s, r); err != nil {
		return err
	}
	if err := unreached(r); err != nil {
		return err
	}
	return f.conclude(r)
}

// unreached says which of several targets could not be asked.
func unreached(r *report.Report) error {
	var failed []string
	for _, part := range r.Reports {
		if part.Error != "" {
			failed = append(failed, part.Target.Address)
		}
	}
	if failed == nil {
		return nil
	}
	return fmt.Errorf("%d of %d targets could not be asked: %s", len(failed), len(r.Reports), strings.Join(failed, ", "))
}

// orError has a program told of an error that came before there was a report. A plugin of
// Nagios ends with its status.
func (f *outputFlags) orError(s *Streams, err error) error {
	err = f.orReport(s, err)
	if f.format != "nagios" || errors.Is(err, context.Canceled) {
		return err
	}
	if !f.written {
		f.status = report.StatusUnknown
	}
	return &statusError{f.status, err}
}

func (f *outputFlags) orReport(s *Streams, err error) error {
	var mistake *usageError
	switch {
	case err == nil, f.written, errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &mistake) && f.format != "nagios" && (f.format != "junit" || f.file == ""):
		return err // for JUnit an earlier file would still be green
	}
	r := report.Empty(s.Now())
	r.Error = err.Error()
	return f.failed(s, r, err)
}

// failed has a program told of a run that came to nothing, where one reads the report: a CI
// system, or what reads JSON. It returns the error of the run.
func (f *outputFlags) failed(s *Streams, r *report.Report, err error) error {
	if !slices.Contains([]string{"junit", "json", "brief", "nagios"}, f.format) || r == nil {
		return err
	}
	return errors.Join(err, f.write(s, r))
}

func (f *outputFlags) checkRequired(r *report.Report) error {
	for n, which := range f.require {
		if lower := strings.ToLower(which); !slices.Contains(r.Labels(), which) && (lower == "any" || lower == "all") {
			which, f.require[n] = lower, lower
		}
		if !slices.Contains([]string{"any", "all"}, which) && !slices.Contains(r.Labels(), which) {
			return usage(fmt.Errorf("invalid --require %q; choose any, all, or one of the identities: %s", which,
				strings.Join(r.Labels(), ", ")))
		}
	}
	return nil
}

// checkPredicted checks that a saved report has predictions for the client and the server: those that
// are modelled on another one are predicted only when they are asked for.
func (f *outputFlags) checkPredicted(r *report.Report) error {
	if p := stack.Lookup(f.client); p != nil && p.Like != "" && !r.Predicts(p.ID) {
		return usage(fmt.Errorf("--client %s: this report has no prediction for it; make it again with --client %s, or ask "+
			"for %s, which it is modelled on", p.ID, p.ID, p.Like))
	}
	if f.server != "" && r.Lacks(f.server) {
		return usage(fmt.Errorf("--server %s: this report does not have it; make it again with --server %s", f.server,
			f.server))
	}
	return nil
}

// conclude says whether the identities fit that must.
func (f *outputFlags) conclude(r *report.Report) error {
	if !r.Satisfies(f.require, f.by()) {
		return errNoneFits
	}
	return nil
}
