package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"mtlsprobe/certstore"
	"mtlsprobe/probe"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report"

	"github.com/spf13/cobra"
)

type checkOptions struct {
	hold     holdFlags
	judge    judgeFlags
	output   outputFlags
	request  string
	namedCAs []string
}

func newCheck(s *Streams, run func(context.Context, *Streams, *checkOptions) error) *cobra.Command {
	o := &checkOptions{}
	c := &cobra.Command{
		Use:   "check --cert SOURCE... --request FILE | --named-ca FILE",
		Short: "Judge certificates against a saved request or a list of CAs, without a network",
		Args:  args(cobra.NoArgs),
		RunE:  func(c *cobra.Command, _ []string) error { return run(c.Context(), s, o) },
	}
	o.hold.register(c.Flags())
	o.judge.register(c.Flags())
	o.output.register(c.Flags())
	o.output.registerPaths(c.Flags())
	c.Flags().StringVar(&o.request, "request", "", "what \"mtlsprobe request --save\" wrote, or a JSON report of \"mtlsprobe probe\"")
	c.Flags().StringArrayVar(&o.namedCAs, "named-ca", nil, "file with the CA certificates that the server will name (repeatable)")
	return c
}

func runCheck(ctx context.Context, s *Streams, o *checkOptions) error {
	switch {
	case len(o.hold.certs) == 0:
		return usage(errors.New("nothing to check: give --cert SOURCE"))
	case (o.request == "") == (len(o.namedCAs) == 0):
		return usage(errors.New("give either --request FILE or --named-ca FILE"))
	}
	if err := o.output.check(); err != nil {
		return err
	}
	now, err := o.judge.time(s)
	if err != nil {
		return err
	}
	request, err := o.saved(ctx)
	if err != nil {
		return err
	}
	o.hold.authorities = append(o.hold.authorities, o.namedCAs...)
	holding, err := holdIdentities(ctx, s, &o.hold)
	if err != nil {
		return err
	}
	run := &report.Run{GeneratedAt: s.Now(), JudgedAt: now, Request: request, Holding: holding, Insistence: probe.UnknownInsistence}
	judge(run)
	return answer(s, &o.output, run)
}

// saved returns the request to judge against.
func (o *checkOptions) saved(ctx context.Context) (*wire.CertificateRequest, error) {
	if o.request != "" {
		return readRequest(o.request)
	}
	var sources []certstore.Source
	for _, path := range o.namedCAs {
		sources = append(sources, certstore.Source{Path: path, Role: certstore.Authorities})
	}
	named, err := certstore.Load(ctx, nil, sources...)
	if err != nil {
		return nil, err
	}
	request := &wire.CertificateRequest{}
	for _, a := range named.Authorities {
		request.NamedCAs = append(request.NamedCAs, a.Certificate.RawSubject)
	}
	if len(request.NamedCAs) == 0 {
		return nil, errors.New("--named-ca: no certificate was found")
	}
	return request, nil
}

// readRequest reads the request from a saved report.
func readRequest(path string) (*wire.CertificateRequest, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--request: %w", err)
	}
	var r report.Report
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("--request %q is no saved request: %w", path, err)
	}
	switch {
	case r.Schema != report.Schema:
		return nil, fmt.Errorf("--request %q: schema %q is not %q", path, r.Schema, report.Schema)
	case r.Request == nil || len(r.Request.Raw) == 0:
		return nil, fmt.Errorf("--request %q holds no request: the server did not ask, or it was not seen", path)
	}
	version, ok := wire.ParseVersion(r.Request.Version)
	if !ok {
		return nil, fmt.Errorf("--request %q: version %q is not known", path, r.Request.Version)
	}
	request, err := wire.ParseCertificateRequest(version, r.Request.Raw)
	if err != nil {
		return nil, fmt.Errorf("--request %q: %w", path, err)
	}
	return request, nil
}
