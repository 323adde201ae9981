package cmd

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/chain"
	"mtlsprobe/probe"
	"mtlsprobe/probe/match"
	"mtlsprobe/probe/stack"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report"

	"github.com/spf13/pflag"
)

// chainFlags say what else to look at when chains are judged.
type chainFlags struct {
	crls               []string
	aia, ocsp, private bool
}

func (f *chainFlags) register(flags *pflag.FlagSet) {
	flags.StringArrayVar(&f.crls, "crl", nil, "hold the certificates against the revocation lists in this `FILE` (repeatable)")
	flags.BoolVar(&f.aia, "aia", false, "fetch missing issuers from the addresses in the certificates (http)")
	flags.BoolVar(&f.ocsp, "ocsp", false, "ask the OCSP responders named in the certificates (http)")
	flags.BoolVar(&f.private, "fetch-private", false, "let --aia and --ocsp ask private addresses, too")
}

// hold loads the candidates and says what could not be read.
func hold(ctx context.Context, s *Streams, f *holdFlags) (*certstore.Holding, error) {
	options, err := f.options(ctx, s)
	if err != nil {
		return nil, err
	}
	for _, source := range slices.Concat(f.certs, f.keys) {
		if strings.Contains(source, "pin-value=") || strings.Contains(source, "Password=") {
			warn(s.Err, "a PIN or password on the command line is visible to other users of this host: prefer --pass SOURCE=env:VAR")
		}
	}
	holding, err := certstore.Load(ctx, options, f.sources()...)
	if err != nil {
		return nil, err
	}
	for _, problem := range holding.Problems {
		warn(s.Err, problem.Error())
	}
	if f.asUser != "" {
		if err := holding.Access(f.asUser); err != nil {
			return nil, usage(fmt.Errorf("--as-user: %w", err))
		}
	} else if s.Root && s.ErrTerminal && len(holding.Identities) > 0 {
		say(s.Err, "hint", "root may read every key, which proves nothing for the account that runs the client: give --as-user NAME")
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

// judge fills the run's verdicts from what it holds so far; with several phases
// its migration.
func judge(ctx context.Context, s *Streams, f *chainFlags, run *report.Run, phases ...match.Phase) error {
	q, err := question(ctx, s, f, run, phases...)
	if err != nil {
		return err
	}
	evaluate(run, q, phases...)
	return nil
}

// question prepares what is judged, and looks up what it takes.
func question(ctx context.Context, s *Streams, f *chainFlags, run *report.Run, phases ...match.Phase) (*match.Question, error) {
	if run.JudgedAt.IsZero() {
		run.JudgedAt = run.GeneratedAt
	}
	requests := []*wire.CertificateRequest{run.Request}
	for _, p := range phases {
		requests = append(requests, p.Request)
	}
	q := newQuestion(run)
	var err error
	if q.Graph, err = authorities(ctx, s, f, run, requests); err != nil {
		return nil, err
	}
	if q.CRLs, err = certstore.LoadCRLs(ctx, f.crls...); err != nil {
		return nil, err
	}
	if f.ocsp {
		q.Statements = statuses(ctx, s, f, q)
	}
	prove(requests, run.Holding.Identities)
	return q, nil
}

// evaluate judges, with the clocks that are known by now.
func evaluate(run *report.Run, q *match.Question, phases ...match.Phase) {
	if o := run.Observation; o != nil && !o.ServerTime.IsZero() {
		q.Clocks = append(q.Clocks, match.Clock{Name: "the server's clock", Server: true, Skew: o.ServerTime.Sub(o.LocalTime)})
	}
	if run.NTP != nil {
		q.Clocks = append(q.Clocks, match.Clock{Name: "the clock of " + run.NTP.Host, Skew: run.NTP.Skew})
	}
	if len(phases) > 1 {
		run.Migration = match.Migrate(q, phases)
		for _, p := range phases {
			asked := *q
			asked.Request = p.Request
			run.PhasePredictions = append(run.PhasePredictions, predict(&asked))
		}
		return
	}
	run.Verdicts = match.Evaluate(q)
	run.Predictions = predict(q)
}

// judgeServer says what there is to say of the server, whoever comes.
func judgeServer(run *report.Run) []match.Finding {
	server := report.MatchServer(run)
	for _, p := range stack.Profiles() {
		if p.MaxRequest > 0 {
			server.Limits = append(server.Limits, match.Limit{Client: p.ID, Bytes: p.MaxRequest})
		}
	}
	return match.EvaluateServer(server)
}

// maxPredicted bounds for how many identities every client stack is asked.
const maxPredicted = 1_000

// predict says for each identity what each client stack would do with it.
func predict(q *match.Question) [][]stack.Prediction {
	if len(q.Identities) > maxPredicted {
		return nil
	}
	profiles, predictor := stack.Profiles(), stack.New(q)
	predictions := make([][]stack.Prediction, len(q.Identities))
	for n, i := range q.Identities {
		for _, p := range profiles {
			predictions[n] = append(predictions[n], predictor.Predict(p, i))
		}
	}
	return predictions
}

// newQuestion is what the run asks, with what clients on this host can look up;
// without a graph.
func newQuestion(run *report.Run) *match.Question {
	q := &match.Question{When: late(run), Protocol: spoken(run), Request: run.Request, Identities: run.Holding.Identities, Now: run.JudgedAt}
	for _, i := range q.Identities {
		q.Store = append(q.Store, i.Chain...)
	}
	for _, a := range run.Holding.Authorities {
		q.Store = append(q.Store, a.Certificate)
	}
	return q
}

// spoken is the protocol on top of TLS; empty if no server was asked.
func spoken(run *report.Run) string {
	if run.Observation == nil {
		return ""
	}
	return run.Observation.Target.Protocol
}

// late is when the server asked; empty if nobody was asked.
func late(run *report.Run) wire.Moment {
	if run.Observation == nil {
		return ""
	}
	return run.Observation.When
}

// bundleGraph is the graph of the CA certificates that were given.
func bundleGraph(run *report.Run) *chain.Graph {
	graph := chain.NewGraph(run.Holding.Authorities...)
	for _, i := range run.Holding.Identities {
		if i.Leaf != nil && i.Leaf.IsCA {
			graph.Add(certstore.Authority{Certificate: i.Leaf, Source: i.Source})
		}
		for _, c := range i.Chain {
			graph.Add(certstore.Authority{Certificate: c, Source: i.Source})
		}
	}
	return graph
}

// prove lets each key sign with every scheme that one of the requests allows.
func prove(requests []*wire.CertificateRequest, identities []*certstore.Identity) {
	for _, i := range identities {
		var schemes []tls.SignatureScheme
		for n, r := range requests {
			if r == nil && n < len(requests)-1 {
				continue
			}
			for _, scheme := range match.Usable(r, i) {
				if !slices.Contains(schemes, scheme) {
					schemes = append(schemes, scheme)
				}
			}
		}
		i.Prove(schemes)
	}
}

// authorities makes the graph of every CA certificate at hand: those given, those
// in the bundles, the server's own, fetched ones if told, and of the system's
// roots those that somebody names and nothing else has shown.
func authorities(ctx context.Context, s *Streams, f *chainFlags, run *report.Run, requests []*wire.CertificateRequest) (*chain.Graph, error) {
	graph := bundleGraph(run)
	if run.Observation != nil {
		for n, c := range run.Observation.Certificates {
			if n > 0 {
				graph.Add(certstore.Authority{Certificate: c, Source: "the server's own chain"})
			}
		}
	}
	if f.aia {
		var certs []*x509.Certificate
		for _, i := range run.Holding.Identities {
			if i.Leaf != nil {
				certs = append(append(certs, i.Leaf), i.Chain...)
			}
		}
		found, problems := (&certstore.Fetcher{Private: f.private}).Issuers(ctx, certs)
		for _, a := range found {
			graph.Add(a)
		}
		for _, problem := range problems {
			warn(s.Err, problem.Error())
		}
	}
	missing := missingNames(graph, requests)
	if len(missing) == 0 {
		return graph, ctx.Err()
	}
	system, err := certstore.SystemAuthorities(ctx, s.Getenv)
	for _, a := range system {
		if missing[graph.Key(a.Certificate.RawSubject)] {
			graph.Add(a)
		}
	}
	return graph, err
}

// missingNames returns the keys of the named CAs of which no certificate is at
// hand.
func missingNames(graph *chain.Graph, requests []*wire.CertificateRequest) map[string]bool {
	missing := make(map[string]bool)
	for _, r := range requests {
		if r == nil {
			continue
		}
		for _, name := range r.NamedCAs {
			if len(graph.Named(name)) == 0 {
				missing[graph.Key(name)] = true
			}
		}
	}
	return missing
}

// maxStatuses bounds how many certificates OCSP responders are asked about.
const maxStatuses = 64

// statuses asks the responders about each leaf and stored intermediate.
func statuses(ctx context.Context, s *Streams, f *chainFlags, q *match.Question) []*certstore.Statement {
	asked := make(map[string]bool)
	fetcher := &certstore.Fetcher{Private: f.private}
	var statements []*certstore.Statement
	for _, i := range q.Identities {
		if i.Leaf == nil {
			continue
		}
		for _, c := range append([]*x509.Certificate{i.Leaf}, i.Chain...) {
			if asked[string(c.Raw)] {
				continue
			}
			asked[string(c.Raw)] = true
			if len(asked) > maxStatuses {
				warn(s.Err, fmt.Sprintf("--ocsp: more than %d certificates; the rest was not asked about", maxStatuses))
				return statements
			}
			for _, issuer := range q.Graph.Named(c.RawIssuer) {
				if chain.TooLarge(issuer.Certificate) || c.CheckSignatureFrom(issuer.Certificate) != nil || ctx.Err() != nil {
					continue
				}
				if said := fetcher.Status(ctx, c, issuer.Certificate); said != nil {
					statements = append(statements, said)
				}
				break
			}
		}
	}
	return statements
}

// answer writes the report and returns errNoneFits if no identity fits.
func answer(s *Streams, f *outputFlags, run *report.Run) error {
	run.ServerFindings = judgeServer(run)
	r := report.New(run)
	if err := f.checkRequired(r); err != nil {
		return err
	}
	if err := f.write(s, r); err != nil {
		return err
	}
	if err := f.hold(s, r); err != nil {
		return err
	}
	return f.conclude(r)
}

func (f *outputFlags) checkRequired(r *report.Report) error {
	if !slices.Contains([]string{"", "any", "all"}, f.require) && !slices.Contains(r.Labels(), f.require) {
		return usage(fmt.Errorf("--require %q is neither any nor all nor one of the identities: %s", f.require, strings.Join(r.Labels(), ", ")))
	}
	return nil
}

// conclude says whether the identities fit that must.
func (f *outputFlags) conclude(r *report.Report) error {
	required := 1
	switch f.require {
	case "", "any":
	case "all":
		required = r.Judged()
	default:
		if !r.Fits(f.require, f.client) {
			return errNoneFits
		}
	}
	if r.Fitting(f.client) < required {
		return errNoneFits
	}
	return nil
}

// notTried is the trial of an identity that cannot be presented.
func notTried(reason string) *probe.Trial {
	return &probe.Trial{Outcome: probe.NotTried, Detail: reason}
}
