package cmd

import (
	"context"
	"crypto/sha256"
	"slices"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/probe/capture"
	"mtlsprobe/probe/diagnosis"
	"mtlsprobe/probe/reading"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report"
	"mtlsprobe/report/say"
)

// An explainer explains connections that others make, and holds the client's files against what
// servers asked for.
type explainer struct {
	engine     *diagnosis.Engine
	holding    *certstore.Holding // nil without files
	transcript bool               // messages are wanted, too
}

// newExplainer loads the client's files, if there are any. Close it.
func newExplainer(ctx context.Context, s *Streams, hold *holdFlags, chain *chainFlags, transcript bool) (*explainer,
	error) {
	e := &explainer{transcript: transcript}
	var err error
	if len(hold.certs) > 0 {
		if e.holding, err = holdIdentities(ctx, s, hold); err != nil {
			return nil, err
		}
	}
	settings, err := chain.settings(ctx, s, time.Time{}, e.holding)
	if err != nil {
		e.close()
	}
	e.engine = diagnosis.New(settings)
	return e, err
}

// close closes tokens, when everything is said.
func (e *explainer) close() {
	if e.holding != nil {
		_ = e.holding.Close()
	}
}

// A traced is a connection with what it shows. Captures have thousands, so it keeps only what is
// still needed.
type traced struct {
	connection report.Connection
	request    *wire.CertificateRequest // nil where none is known
	answering  reading.Answering
}

// shown is what a connection shows.
func shown(c *capture.Connection) *reading.Exchange {
	end := reading.Ending{By: c.Closer, Reset: c.Close == capture.RST, Lost: c.Lost+c.Gaps > 0,
		Silent: c.Close == capture.Unanswered}
	switch c.Close {
	case capture.EAPSuccess, capture.TunnelUp:
		end.Admitted = say.Yes
	case capture.EAPFailure:
		end.Admitted = say.No
	}
	return reading.Explain(c.Transcript, end)
}

// captured explains a connection of which it is known what it shows.
func (e *explainer) captured(ctx context.Context, c *capture.Connection, x *reading.Exchange) (traced, error) {
	return e.judged(ctx, report.NewConnection(c, x, e.transcript), x, c.Started)
}

// typed explains a list of messages that somebody typed at this time.
func (e *explainer) typed(ctx context.Context, list *capture.Typed, now time.Time) (traced, error) {
	x := reading.Explain(list.Transcript, reading.Ending{By: list.Closer, Reset: list.Close == capture.RST,
		Unread: slices.ContainsFunc(list.Doubts, func(d capture.Doubt) bool { return d.Kind == capture.NotUnderstood })})
	x.Failed = x.Failed || x.Sent == reading.SentEmpty && x.Application == nil || x.Sent == reading.SentNothing
	return e.judged(ctx, report.NewTyped(list, x), x, now)
}

func (e *explainer) judged(ctx context.Context, c report.Connection, x *reading.Exchange, at time.Time) (traced,
	error) {
	t := traced{connection: c, answering: reading.Answering{Server: c.Server, ServerName: c.ServerName, Asked: x.Asked}}
	if x.Server != nil {
		t.answering.Subject = certstore.NameString(x.Server.RawSubject)
		t.answering.Key = sha256.Sum256(x.Server.RawSubjectPublicKeyInfo)
	}
	if x.Request != nil {
		t.request = x.Request.Request
	}
	j, err := e.engine.Exchange(ctx, x, at)
	if err == nil {
		t.connection.Judge(j)
	}
	return t, err
}
