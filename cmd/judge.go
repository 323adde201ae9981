package cmd

import (
	"context"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/chain"
	"mtlsprobe/probe"
	"mtlsprobe/probe/match"
	"mtlsprobe/report"
)

// hold loads the candidates and says what could not be read.
func hold(ctx context.Context, s *Streams, f *holdFlags) (*certstore.Holding, error) {
	options, err := f.options(s)
	if err != nil {
		return nil, err
	}
	holding, err := certstore.Load(ctx, options, f.sources()...)
	if err != nil {
		return nil, err
	}
	for _, problem := range holding.Problems {
		warn(s.Err, problem.Error())
	}
	return holding, nil
}

// holdIdentities is hold where there is nothing to do without an identity.
func holdIdentities(ctx context.Context, s *Streams, f *holdFlags) (*certstore.Holding, error) {
	holding, err := hold(ctx, s, f)
	if err != nil {
		return nil, err
	}
	return holding, holding.RequireIdentity()
}

// judge fills the run's verdicts from what it holds so far.
func judge(run *report.Run) {
	graph := chain.NewGraph(run.Holding.Authorities...)
	for _, i := range run.Holding.Identities {
		for _, c := range i.Chain {
			graph.Add(certstore.Authority{Certificate: c, Source: i.Source})
		}
		i.Prove(match.Usable(run.Request, i))
	}
	q := &match.Question{Request: run.Request, Identities: run.Holding.Identities, Graph: graph, Now: run.JudgedAt}
	if o := run.Observation; o != nil && !o.ServerTime.IsZero() {
		q.ServerClock, q.ServerSkew = true, o.ServerTime.Sub(o.LocalTime)
	}
	run.Verdicts = match.Evaluate(q)
}

// answer writes the report and returns errNoneFits if no identity fits.
func answer(s *Streams, f *outputFlags, run *report.Run) error {
	r := report.New(run)
	if err := f.write(s, r); err != nil {
		return err
	}
	if r.Fitting() == 0 {
		return errNoneFits
	}
	return nil
}

// notTried is the trial of an identity that cannot be presented.
func notTried(reason string) *probe.Trial {
	return &probe.Trial{Outcome: probe.NotTried, Detail: reason}
}
