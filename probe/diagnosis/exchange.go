package diagnosis

import (
	"context"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/probe/match"
	"mtlsprobe/probe/reading"
	"mtlsprobe/probe/wire"
)

// An Exchanged is a judgement of an exchange that somebody else made.
type Exchanged struct {
	// Sent has one identity, without a key: the chain that the client sent. It is nil where
	// no certificate was seen, and where the connection did not fail.
	Sent *Diagnosis
	// Files judges the identities at hand; nil where there are none, and where the server
	// did not ask.
	Files *Diagnosis
}

// Exchange judges, as of the time of an exchange, what the client sent in it and what it could
// have sent. An error is the context's.
func (e *Engine) Exchange(ctx context.Context, x *reading.Exchange, at time.Time) (*Exchanged, error) {
	out := &Exchanged{}
	var request *wire.CertificateRequest
	if x.Request != nil {
		request = x.Request.Request
	}
	judged := func(d *Diagnosis) error {
		d.JudgedAt, d.Request = at, request
		q, err := e.question(ctx, d)
		if err == nil {
			e.judge(d, q)
		}
		return err
	}
	if x.Failed && len(x.Chain) > 0 {
		sent := &certstore.Identity{Leaf: x.Chain[0], Chain: x.Chain[1:], Key: certstore.Key{State: certstore.Unknown}}
		d := e.begin()
		d.Holding, d.Identities = &certstore.Holding{Identities: []*certstore.Identity{sent}}, []Identity{{Identity: sent}}
		if h := e.settings.Holding; h != nil {
			d.Holding.Authorities = h.Authorities
		}
		if err := judged(d); err != nil {
			return nil, err
		}
		d.conclude()
		d.Identities[0].turnedAway(x, request)
		out.Sent = d
	}
	asked := x.Request != nil || x.Sent == reading.Hidden // as far as can be seen
	if h := e.settings.Holding; h != nil && len(h.Identities) > 0 && asked {
		d := e.begin()
		if err := judged(d); err != nil {
			return nil, err
		}
		d.conclude()
		for n := range d.Identities {
			if request == nil { // what clients do depends on it
				d.Identities[n].Predictions = nil
			}
		}
		out.Files = d
	}
	return out, nil
}

// turnedAway notes the server's alert, and what can have made it send that.
func (i *Identity) turnedAway(x *reading.Exchange, request *wire.CertificateRequest) {
	if x.Refusal == nil {
		return
	}
	r := &match.Refusal{Library: match.LibraryOf(request), Alert: x.Refusal.Description, Alerted: true}
	i.Trial = &reading.Trial{Outcome: reading.RefusedByTLS, Asked: true, Presented: true, Alert: x.Refusal}
	i.Verdict, i.Basis = DoesNotFit, Tried
	i.Refusal = &Refusal{Uninformative: r.Uninformative(), Causes: match.Causes(r, i.Judgement)}
}
