package diagnosis

import (
	"context"
	"crypto/tls"
	"slices"

	"mtlsprobe/certstore"
	"mtlsprobe/probe"
	"mtlsprobe/probe/reading"
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
	silent   int // trials in a row without an answer
}

// try presents every identity on a connection of its own. Those without a chain
// come first: some servers remember intermediates that they have seen once. Then what
// the verdicts rest on is tried once more.
func (e *Engine) try(ctx context.Context, d *Diagnosis, o *probe.Options, control *tls.Certificate) {
	identities := d.Holding.Identities
	observation := d.Server.Observation
	w := &trying{engine: e, ctx: ctx, target: d.Server.Target, options: o, control: control}
	w.evidence = reading.Evidence{None: []*reading.Trial{observation.None},
		Identities: make([][]*reading.Trial, len(identities))}
	switch {
	case observation.Asked != say.Yes: // nothing would be presented
		return
	case observation.Verification.Result == say.No && !o.Insecure:
		w.withhold(reading.Unverified)
	default:
		w.all(identities)
		w.again(identities)
	}
	c := reading.Conclude(&w.evidence)
	d.Server.Conclusion, d.Mode = c, c.Mode
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
	w.evidence.SelfSigned = []*reading.Trial{w.attempt(w.control, controlLabel)}
	for done, n := range order {
		w.engine.settings.Progress(done+1, len(order)+1)
		w.evidence.Identities[n] = []*reading.Trial{w.present(identities[n])}
	}
	w.engine.settings.Progress(len(order)+1, len(order)+1)
}

// maxConfirmed bounds how many accepted identities are tried again: beyond that the
// controls alone tell whether answers differ.
const maxConfirmed = 16

// again repeats the controls and the accepted identities, and the refused ones where
// no certificate at all is accepted.
func (w *trying) again(identities []*certstore.Identity) {
	times := w.engine.settings.Plan.Repeat
	if times == 0 {
		times = 1
	}
	lax := w.evidence.None[0].Outcome == reading.Accepted && w.evidence.SelfSigned[0].Outcome == reading.Accepted
	for range times {
		confirmed := 0
		for n, trials := range w.evidence.Identities {
			first := trials[0]
			if confirmed < maxConfirmed && first.Presented && (first.Outcome == reading.Accepted || first.Refused() && lax) {
				confirmed++
				w.evidence.Identities[n] = append(trials, w.present(identities[n]))
			}
		}
		if w.stop() != nil {
			return
		}
		if none, err := probe.Repeat(w.ctx, w.target, w.engine.settings.Label(w.options, repeatLabel)); err == nil {
			w.evidence.None = append(w.evidence.None, none)
		}
		w.evidence.SelfSigned = append(w.evidence.SelfSigned, w.attempt(w.control, controlLabel))
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

func (w *trying) present(i *certstore.Identity) *reading.Trial {
	cert := i.Certificate()
	if cert == nil {
		return &reading.Trial{Outcome: reading.NotTried, Detail: say.Text("its private key is ", i.Key.State)}
	}
	return w.attempt(cert, presentsLabel+i.Label)
}

// attempt presents a certificate once.
func (w *trying) attempt(cert *tls.Certificate, label string) *reading.Trial {
	if why := w.stop(); why != nil {
		return &reading.Trial{Outcome: reading.NotTried, Detail: why}
	}
	t, err := probe.Try(w.ctx, w.target, cert, w.engine.settings.Label(w.options, label))
	switch {
	case w.ctx.Err() != nil:
		return &reading.Trial{Outcome: reading.NotTried, Detail: say.Text("interrupted")}
	case err != nil:
		w.silent++
		return &reading.Trial{Outcome: reading.UnknownOutcome, Detail: say.Text("no connection: ", say.Quote(err.Error()))}
	}
	w.silent++
	if t.Outcome != reading.StayedSilent || t.Processed {
		w.silent = 0
	}
	return t
}
