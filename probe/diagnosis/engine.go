package diagnosis

import (
	"context"
	"crypto/tls"
	"sync"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/probe"
	"mtlsprobe/probe/match"
	"mtlsprobe/probe/protocol"
	"mtlsprobe/probe/reading"
	"mtlsprobe/probe/stack"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// Settings are what all diagnoses of an engine share.
type Settings struct {
	// Now is the clock of reports; At is the time to judge by, zero for the report's.
	Now func() time.Time
	At  time.Time
	// Holding has the candidates and authorities; nil for none. The engine changes
	// nothing in it.
	Holding *certstore.Holding
	CRLs    []*certstore.CRL
	NTP     *probe.NTPClock
	Fetch   Fetch
	// System returns the roots that the operating system trusts; nil for none.
	System func(context.Context) ([]certstore.Authority, error)
	// Client is the ID of a client model to predict for besides [stack.Profiles], and whose chain is
	// tried where it differs from the file's; empty for none.
	Client string
	// Server is the ID of a version of a server model to ask in place of that of [verifier.Profiles];
	// empty for none.
	Server string
	Plan   Plan
	// Progress, if set, is told how many of how many trials are done. It is called by
	// one goroutine at a time for one target.
	Progress func(done, total int)
	// Pause, if set, waits before a server that turns connections away is asked again;
	// it returns early when the context ends.
	Pause func(context.Context, time.Duration)
	// Label, if set, marks the connections that options are used for.
	Label func(o *probe.Options, label string) *probe.Options
}

// Fetch says what may be fetched over the network on the word of certificates.
type Fetch struct {
	Issuers    bool // from the addresses of authorityInfoAccess
	Revocation bool // from OCSP responders
	Private    bool // at private addresses, too
}

// A Plan says what to do with a server.
type Plan struct {
	// Flight asks by the server's first flight, as [probe.Flight] does; nothing is presented then.
	Flight       bool
	NoTry        bool     // present nothing
	NoSweep      bool     // ask in the negotiated version only
	ServerNames  []string // other names to ask by
	AllAddresses bool     // ask at every address
	// Repeat is how many more times controls and accepted identities are tried, so that
	// no verdict rests on one connection; negative for none, zero for one.
	Repeat int
}

// An Engine makes diagnoses. It is safe for concurrent use.
type Engine struct {
	settings Settings
	token    sync.Mutex // held while one signs
	mu       sync.Mutex
	proofs   map[*certstore.Identity]map[tls.SignatureScheme]certstore.Proof
}

// New returns an engine. Now has to be set.
func New(s Settings) *Engine {
	if s.Label == nil {
		s.Label = func(o *probe.Options, _ string) *probe.Options { return o }
	}
	if s.Progress == nil {
		s.Progress = func(int, int) {}
	}
	if s.Pause == nil {
		s.Pause = pause
	}
	return &Engine{settings: s, proofs: make(map[*certstore.Identity]map[tls.SignatureScheme]certstore.Proof)}
}

// Labels of connections in recordings.
const (
	asksLabel     = "asks, and presents nothing"
	sweepLabel    = "tries a protocol version"
	variantLabel  = "asks another address, or for another name"
	controlLabel  = "presents a self-signed certificate (control)"
	repeatLabel   = "asks again (control)"
	presentsLabel = "presents "
)

// Ask asks a server on one connection and presents nothing; it looks for nothing that there is to
// mend at the server. An error is a [*probe.ConnectError] or the context's.
func (e *Engine) Ask(ctx context.Context, t probe.Target, o *probe.Options) (*Diagnosis, error) {
	d, _, err := e.ask(ctx, t, o)
	return d, err
}

// Request asks a server and presents nothing. An error is a [*probe.ConnectError] or
// the context's.
func (e *Engine) Request(ctx context.Context, t probe.Target, o *probe.Options) (*Diagnosis, error) {
	d, options, err := e.ask(ctx, t, o)
	if err != nil {
		return nil, err
	}
	if err := e.look(ctx, d, options, o, nil); err != nil {
		return nil, err
	}
	d.Server.Findings = e.judgeServer(d)
	return d, nil
}

// Probe asks a server, judges every identity against its request, and tries each
// unless the plan says otherwise. When the context ends on the way, the diagnosis says
// what is known by then, and is marked as interrupted. An error is a
// [*probe.ConnectError] or the context's, where nothing is known.
func (e *Engine) Probe(ctx context.Context, t probe.Target, o *probe.Options) (*Diagnosis, error) {
	d, options, err := e.ask(ctx, t, o)
	if err != nil {
		return nil, err
	}
	q, err := e.question(ctx, d)
	if err != nil {
		return nil, err
	}
	var control *tls.Certificate
	if !e.settings.Plan.NoTry && !e.settings.Plan.Flight {
		if control, err = probe.SelfSigned(e.settings.Now()); err != nil {
			return nil, err
		}
		e.try(ctx, d, q, options, control)
	}
	q.Users = d.users()
	e.judge(d, q)
	if err := e.look(ctx, d, options, o, control); err != nil && ctx.Err() == nil {
		return nil, err
	}
	d.Server.Findings = e.judgeServer(d)
	d.Interrupted = ctx.Err() != nil
	d.conclude()
	return d, nil
}

// Check judges every identity against a request that is given, or in each of several
// phases of a migration. Mode is from a saved request; empty means unknown.
func (e *Engine) Check(ctx context.Context, mode reading.Mode, phases ...match.Phase) (*Diagnosis, error) {
	d := e.begin()
	d.Mode = mode
	if len(phases) == 1 {
		d.Request = phases[0].Request
	}
	q, err := e.question(ctx, d, phases...)
	if err != nil {
		return nil, err
	}
	e.judge(d, q, phases...)
	d.conclude()
	return d, nil
}

// Inspect reports what is held, and judges nothing.
func (e *Engine) Inspect() *Diagnosis { return e.begin() }

// Predict says what one client model would do with each identity if it were asked so;
// nil for a model that is not known.
func (e *Engine) Predict(ctx context.Context, request *wire.CertificateRequest, client string) ([]stack.Prediction,
	error) {
	d := e.begin()
	d.Request = request
	q, err := e.question(ctx, d)
	if err != nil {
		return nil, err
	}
	profile := stack.Lookup(client)
	if profile == nil {
		return nil, nil
	}
	return stack.New(q).PredictAll(profile, q.Identities), nil
}

// begin is a diagnosis of which only the candidates are known.
func (e *Engine) begin() *Diagnosis {
	now := e.settings.Now()
	d := &Diagnosis{GeneratedAt: now, JudgedAt: now, Holding: e.settings.Holding, NTP: e.settings.NTP,
		Mode: reading.UnknownMode}
	if !e.settings.At.IsZero() {
		d.JudgedAt = e.settings.At
	}
	if d.Holding != nil {
		d.Problems = append(d.Problems, d.Holding.Problems...)
		for _, i := range d.Holding.Identities {
			d.Identities = append(d.Identities, Identity{Identity: i})
		}
	}
	return d
}

// ask asks the server, and returns the options to go on with.
func (e *Engine) ask(ctx context.Context, t probe.Target, o *probe.Options) (*Diagnosis, *probe.Options, error) {
	d := e.begin()
	ask := probe.Ask
	if e.settings.Plan.Flight {
		ask = probe.Flight
	}
	observation, options, err := ask(ctx, t, e.settings.Label(o, asksLabel))
	if err != nil {
		return nil, nil, err
	}
	d.Request = observation.Request
	d.Server = &Server{Target: t, Observation: observation,
		Conclusion: reading.Conclude(&reading.Evidence{None: []*reading.Trial{observation.None}})}
	if o != nil {
		d.Server.Proxy = o.Proxy
	}
	d.Mode = d.Server.Conclusion.Mode
	return d, options, nil
}

// look asks in the other versions, at the other addresses and by the other names.
func (e *Engine) look(ctx context.Context, d *Diagnosis, options, given *probe.Options,
	control *tls.Certificate) (err error) {
	plan := &e.settings.Plan
	if plan.AllAddresses || len(plan.ServerNames) > 0 {
		if d.Server.Variants, err = probe.Variants(ctx, d.Server.Target, plan.ServerNames, plan.AllAddresses,
			e.settings.Label(given, variantLabel)); err != nil {
			return err
		}
	}
	if !plan.NoSweep && ctx.Err() == nil {
		if d.Server.Observation.Verification.Result != say.Yes && !options.Insecure {
			control = nil // it would only be withheld
		}
		d.Server.Versions, err = probe.Sweep(ctx, d.Server.Target, d.Server.Observation, d.Mode, control,
			e.settings.Label(options, sweepLabel))
	}
	return err
}

// judge fills in the judgements and predictions, with the clocks that are known.
func (e *Engine) judge(d *Diagnosis, q *match.Question, phases ...match.Phase) {
	if d.Server != nil {
		if skew, known := d.Server.Observation.Clock.Skew(); known {
			q.Clocks = append(q.Clocks, match.Clock{Name: "the server's clock", Server: true, Skew: skew})
		}
	}
	if d.NTP != nil {
		q.Clocks = append(q.Clocks, match.Clock{Name: "the clock of " + d.NTP.Host, Skew: d.NTP.Skew})
	}
	if len(phases) > 1 {
		d.Migration = match.Migrate(q, phases)
		for _, p := range phases {
			asked := *q
			asked.Request = p.Request
			d.PhasePredictions = append(d.PhasePredictions, e.predict(&asked))
		}
		return
	}
	verdicts, predictions := match.Evaluate(q), e.predict(q)
	servers := serversOf(q).judge(e.settings.Server)
	for n := range d.Identities {
		d.Identities[n].Judgement, d.Identities[n].Servers = &verdicts[n], servers[n]
		if predictions != nil {
			d.Identities[n].Predictions = predictions[n]
			for k := range predictions[n] {
				p := &predictions[n][k]
				switch {
				case p.LeafAlone:
					p.Try(d.Identities[n].LeafAlone)
				case p.Profile.ID == e.settings.Client && d.Identities[n].Rechained:
					p.Try(d.Identities[n].AsClient)
				}
			}
		}
	}
}

// maxPredicted bounds for how many identities every model of a client or server is asked.
const maxPredicted = 1_000

// predict says for each identity what each client model would do with it; nil where
// there are too many.
func (e *Engine) predict(q *match.Question) [][]stack.Prediction {
	if len(q.Identities) > maxPredicted {
		return nil
	}
	profiles, predictor := stack.Profiles(), stack.New(q)
	if asked := stack.Lookup(e.settings.Client); asked != nil && asked.Like != "" {
		profiles = append(profiles, asked)
	}
	predictions := make([][]stack.Prediction, len(q.Identities))
	for _, p := range profiles {
		for n, prediction := range predictor.PredictAll(p, q.Identities) {
			predictions[n] = append(predictions[n], prediction)
		}
	}
	return predictions
}

// judgeServer judges the server, whoever connects.
func (e *Engine) judgeServer(d *Diagnosis) []match.Finding {
	o := d.Server.Observation
	s := &match.Server{
		Request: d.Request, Asked: o.Asked, When: o.When, StartTLS: d.Server.Target.StartTLS, Injected: o.Injected,
		AnyPasses: anyPasses(d.Server.Conclusion), EarlierRefusal: earlierRefusal(o.Observation),
	}
	if a := o.None.Application; a != nil && a.Verdict == protocol.CertificateRefused {
		s.Missed = say.Text(say.Quote(a.Detail))
	}
	if a := o.None.Application; a != nil && a.BadGateway() {
		s.Gateway = say.Text("HTTP ", a.Status, " ", say.Quote(a.Detail))
	}
	if c := d.Server.Conclusion; c != nil {
		s.Answers = match.Answers{Connections: c.Connections, Differ: c.Differs, Lists: c.Lists,
			Certificates: c.Certificates, TurnedAway: d.Server.TurnedAway}
	}
	if d.Holding != nil {
		s.Identities = d.Holding.Identities
	}
	for n := range d.Server.Versions {
		v := &d.Server.Versions[n]
		s.Versions = append(s.Versions, match.Version{Number: v.Version, Supported: v.Supported, Asked: v.Asked,
			Request: v.Request, Mode: string(v.Mode)})
	}
	for n := range d.Server.Variants {
		v := &d.Server.Variants[n]
		w := match.Variant{Label: v.Label(), Failed: say.Text("does not answer")}
		if o := v.Observation; o != nil {
			w.Failed, w.Version = nil, match.Version{Number: o.Version, Supported: say.Yes, Asked: o.Asked, Request: o.Request}
		}
		s.Variants = append(s.Variants, w)
	}
	for _, p := range stack.Profiles() {
		if p.MaxRequest > 0 {
			s.Limits = append(s.Limits, match.Limit{Client: p.Name, Bytes: p.MaxRequest})
		}
	}
	return match.EvaluateServer(s)
}

// anyPasses says whether a certificate that nobody issued is accepted where none is
// not.
func anyPasses(c *reading.Conclusion) say.Answer {
	if c == nil || c.SelfSigned == nil || c.Mode != reading.Required || c.Differs != nil {
		return say.Unknown
	}
	switch {
	case c.SelfSigned.Outcome == reading.Accepted:
		return say.Yes
	case c.SelfSigned.Refused():
		return say.No
	}
	return say.Unknown
}

// earlierRefusal says how the server refused before it asked late; nil unless it did.
func earlierRefusal(o *reading.Observation) say.Phrase {
	if o.Earlier == nil {
		return nil
	}
	said := say.Phrase(nil)
	if t := o.Earlier.None; t.Alert != nil {
		said = say.Text(" (alert ", t.Alert.Description, " ", t.Alert.Name(), ")")
	} else if t.Application != nil {
		said = say.Text(" (", say.Quote(t.Application.Detail), ")")
	}
	if o.When == wire.PostHandshake {
		return say.Text("it refused a client that does not offer post-handshake authentication, without having asked", said)
	}
	return say.Text("under ", wire.VersionName(o.Earlier.Version), " it refused the client without having asked", said,
		", and it asks under ", wire.VersionName(o.Version))
}
