package diagnosis

import (
	"context"
	"crypto/tls"
	"errors"
	"slices"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/probe"
	"mtlsprobe/probe/match"
	"mtlsprobe/probe/reading"
	"mtlsprobe/probe/stack"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// maxSilent is how many trials in a row a server may leave without an answer before
// it is left alone.
const maxSilent = 3

// trying is the work on one server.
type trying struct {
	engine   *Engine
	ctx      context.Context //nolint:containedctx // of the one diagnosis
	target   probe.Target
	options  *probe.Options
	control  *tls.Certificate
	evidence reading.Evidence
	silent   int  // trials in a row without an answer
	mute     bool // a patient one was among them
	// connections counts those that were made, and last has the number of the latest
	// one that presented an identity, by its index.
	connections int
	last        []int
	turnedAway  int
	waited      time.Duration
}

// What a server that turns connections away is given.
const (
	firstPause = time.Second // doubled each time
	maxPaused  = 15 * time.Second
)

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// try presents every identity on a connection of its own. Those without a chain
// come first: some servers remember intermediates that they have seen once. Then what
// the verdicts rest on is tried once more.
func (e *Engine) try(ctx context.Context, d *Diagnosis, q *match.Question, o *probe.Options,
	control *tls.Certificate) {
	identities := d.Holding.Identities
	observation := d.Server.Observation
	w := &trying{engine: e, ctx: ctx, target: d.Server.Target, options: o, control: control}
	w.evidence = reading.Evidence{None: []*reading.Trial{observation.None},
		Identities: make([][]*reading.Trial, len(identities))}
	w.connections, w.last = 1, make([]int, len(identities))
	switch {
	case observation.Asked != say.Yes: // nothing would be presented
		return
	case observation.Verification.Result == say.No && !o.Insecure:
		w.withhold(reading.Unverified)
	default:
		w.all(identities)
		w.again(identities)
		w.withoutChains(d)
		w.rechained(d, q)
	}
	c := reading.Conclude(&w.evidence)
	d.Server.Conclusion, d.Server.TurnedAway, d.Mode = c, w.turnedAway, c.Mode
	for n := range d.Identities {
		d.Identities[n].Trial = c.Trials[n]
	}
	for _, t := range append([]*reading.Trial{c.SelfSigned}, c.Trials...) {
		observation.Learn(t)
	}
}

// withhold presents nothing to a server that is not verified.
func (w *trying) withhold(why reading.Withheld) {
	notPresented := func() []*reading.Trial {
		return []*reading.Trial{reading.Classify(&reading.Connection{Transcript: &wire.Transcript{}, Presents: true,
			Withheld: why})}
	}
	w.evidence.SelfSigned = notPresented()
	for n := range w.evidence.Identities {
		w.evidence.Identities[n] = notPresented()
	}
}

// all tries the self-signed control and each identity once.
func (w *trying) all(identities []*certstore.Identity) {
	order := make([]int, len(identities))
	for n := range order {
		order[n] = n
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return min(1, len(identities[a].Chain)) - min(1,
			len(identities[b].Chain))
	})
	w.self()
	for done, n := range order {
		w.engine.settings.Progress(done+1, len(order)+1)
		w.present(n, identities[n])
	}
	w.engine.settings.Progress(len(order)+1, len(order)+1)
}

// maxConfirmed bounds how many accepted identities are tried again: beyond that the
// controls alone tell whether answers differ.
const maxConfirmed = 16

// again repeats the controls and the accepted identities, and the refused ones where
// the self-signed control is accepted. A balancer takes its servers in turn: what fell on
// an odd connection before falls on an even one now.
func (w *trying) again(identities []*certstore.Identity) {
	times := w.engine.settings.Plan.Repeat
	if times == 0 {
		times = 1
	}
	latest := func(trials []*reading.Trial) *reading.Trial { return trials[len(trials)-1] }
	lax := latest(w.evidence.SelfSigned).Outcome == reading.Accepted
	for range times {
		confirmed := 0
		for n, trials := range w.evidence.Identities {
			first := latest(trials)
			if confirmed < maxConfirmed && first.Presented && (first.Outcome == reading.Accepted || first.Refused() && lax) {
				confirmed++
				if w.inStep(w.last[n]) {
					w.none()
				}
				w.present(n, identities[n])
			}
		}
		const ownSelf = 2 // the number of the first connection that presented it
		if w.inStep(ownSelf) {
			w.none()
			w.self()
		} else {
			w.self()
			w.none()
		}
	}
}

// maxAlone bounds for how many issuers, or identities of one client, it is asked whether the server
// accepts another chain than the file's.
const maxAlone = 8

// withoutChains presents accepted identities once more, without their intermediates:
// some clients send the leaf alone. Those of one issuer fare alike.
func (w *trying) withoutChains(d *Diagnosis) {
	tried := make(map[string]say.Answer)
	for n := range d.Identities {
		i := &d.Identities[n]
		trials := w.evidence.Identities[n]
		if !stack.Intermediates(i.Identity) || trials[len(trials)-1].Outcome != reading.Accepted {
			continue
		}
		issuer := string(i.Leaf.RawIssuer)
		answer, known := tried[issuer]
		if !known && len(tried) < maxAlone {
			alone := *i.Certificate()
			alone.Certificate = alone.Certificate[:1]
			answer = w.instead(d, i, &alone, " without its chain")
			tried[issuer] = answer
		}
		i.LeafAlone = answer
	}
}

// rechained presents accepted identities once more with the chain that the client in question
// sends, where that is another one than the file's.
func (w *trying) rechained(d *Diagnosis, q *match.Question) {
	profile := stack.Lookup(w.engine.settings.Client)
	if profile == nil {
		return
	}
	predictions, tried := stack.New(q).PredictAll(profile, q.Identities), 0
	for n := range d.Identities {
		i := &d.Identities[n]
		trials := w.evidence.Identities[n]
		if trials[len(trials)-1].Outcome != reading.Accepted {
			continue
		}
		p := &predictions[n]
		if i.Rechained = p.Rechained; !i.Rechained || tried >= maxAlone {
			continue
		}
		tried++
		sent := *i.Certificate()
		sent.Certificate = nil
		for _, c := range p.Chain {
			sent.Certificate = append(sent.Certificate, c.Raw)
		}
		i.AsClient = w.instead(d, i, &sent, " with the chain of "+profile.Name)
	}
}

// instead says whether the server accepts another chain of an identity that it has accepted.
func (w *trying) instead(d *Diagnosis, i *Identity, sent *tls.Certificate, label string) say.Answer {
	t, _ := w.attempt(sent, presentsLabel+i.Label+label)
	switch {
	case t.Refused():
		// A server that by now refuses the file's chain refuses for another reason.
		if again, _ := w.attempt(i.Certificate(), presentsLabel+i.Label); again.Outcome == reading.Accepted {
			return say.No
		}
	case t.Outcome == reading.Accepted && match.LibraryOf(d.Request) != match.WolfSSL: // which remembers chains
		return say.Yes
	}
	return say.Unknown
}

// inStep reports whether the next connection would fall on the same of two servers as
// an earlier one.
func (w *trying) inStep(earlier int) bool { return (w.connections+1-earlier)%2 == 0 }

// none asks again and presents nothing.
func (w *trying) none() {
	if w.stop() != nil {
		return
	}
	w.connections++
	none, err := probe.Repeat(w.ctx, w.target, w.engine.settings.Label(w.options, repeatLabel))
	if err == nil {
		w.evidence.None = append(w.evidence.None, none)
	}
}

// self presents the self-signed control.
func (w *trying) self() {
	w.evidence.SelfSigned = append(w.evidence.SelfSigned, w.attempts(w.control, controlLabel)...)
}

// present presents an identity, where it has a key that can sign.
func (w *trying) present(n int, i *certstore.Identity) {
	trials := []*reading.Trial{{Outcome: reading.NotTried, Detail: say.Text("its private key is ", i.Key.State)}}
	if cert := i.Certificate(); cert != nil {
		trials = w.attempts(cert, presentsLabel+i.Label)
	}
	w.last[n] = w.connections
	w.evidence.Identities[n] = append(w.evidence.Identities[n], trials...)
}

// attempts presents a certificate, and again after a pause where the server turns the
// connection away.
func (w *trying) attempts(cert *tls.Certificate, label string) []*reading.Trial {
	var trials []*reading.Trial
	for wait := firstPause; ; wait *= 2 {
		t, away := w.attempt(cert, label)
		trials = append(trials, t)
		if !away {
			return trials
		}
		w.turnedAway++
		if w.waited+wait > maxPaused {
			return trials
		}
		w.waited += wait
		w.engine.settings.Pause(w.ctx, wait)
	}
}

// stop says why nothing more is tried; nil to go on.
func (w *trying) stop() say.Phrase {
	switch {
	case w.ctx.Err() != nil:
		return say.Text("interrupted")
	case w.silent >= maxSilent:
		return say.Text("the server did not answer the last ", maxSilent, " connections")
	}
	return nil
}

// attempt presents a certificate once, and says whether the server turned the
// connection away without looking at it.
func (w *trying) attempt(cert *tls.Certificate, label string) (t *reading.Trial, away bool) {
	if why := w.stop(); why != nil {
		return &reading.Trial{Outcome: reading.NotTried, Detail: why}, false
	}
	w.connections++
	options := *w.options
	options.Patient = w.patient()
	t, err := probe.Try(w.ctx, w.target, cert, w.engine.settings.Label(&options, label))
	w.silent++
	w.mute = w.mute || err == nil && options.Patient && t.Outcome == reading.StayedSilent
	switch {
	case w.ctx.Err() != nil:
		return &reading.Trial{Outcome: reading.NotTried, Detail: say.Text("interrupted")}, false
	case err != nil:
		return &reading.Trial{Outcome: reading.UnknownOutcome,
			Detail: say.Text("no connection: ", say.Quote(err.Error()))}, refused(err)
	case t.Outcome != reading.StayedSilent || t.Processed:
		w.silent = 0
	}
	return t, t.TurnedAway()
}

// patient reports whether a late answer is worth the wait: TLS has refused both
// controls, so that an answer shows that it took the certificate. Where one did not
// come, no more time is spent on the next.
func (w *trying) patient() bool {
	byTLS := func(trials []*reading.Trial) bool {
		return len(trials) > 0 && trials[len(trials)-1].Outcome == reading.RefusedByTLS
	}
	return !w.mute && byTLS(w.evidence.None) && byTLS(w.evidence.SelfSigned)
}

// refused reports whether a connection was turned down at once, rather than left
// without an answer.
func refused(err error) bool {
	var connect *probe.ConnectError
	return errors.As(err, &connect) && (connect.Kind == probe.Refused || connect.Kind == probe.Hangup)
}
