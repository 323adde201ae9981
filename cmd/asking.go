package cmd

import (
	"context"
	"errors"
	"syscall"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/probe"
	"mtlsprobe/probe/diagnosis"
)

// An asking is what scan and the exporter ask many servers with.
type asking struct {
	common  *probe.Options
	engine  *diagnosis.Engine
	holding *certstore.Holding // nil without certificates
}

// newAsking loads what the flags name; try presents the certificates, and fast reads first flights.
func newAsking(ctx context.Context, s *Streams, connect *connectFlags, hold *holdFlags, chain *chainFlags,
	try, fast bool) (_ *asking, err error) {
	a := &asking{}
	defer func() {
		if err != nil {
			a.close()
		}
	}()
	if a.common, err = connect.options(ctx, s); err != nil {
		return nil, err
	}
	a.common.Classical = true
	if len(hold.certs) > 0 {
		if a.holding, err = holdIdentities(ctx, s, hold); err != nil {
			return nil, err
		}
	}
	settings, err := chain.settings(ctx, s, time.Time{}, a.holding)
	if err != nil {
		return nil, err
	}
	settings.Plan = connect.plan()
	settings.Plan.Flight = fast
	settings.Plan.NoSweep, settings.Plan.NoTry, settings.Plan.Repeat = true, !try, -1
	a.engine = diagnosis.New(settings)
	return a, nil
}

func (a *asking) close() {
	if a.holding != nil {
		_ = a.holding.Close()
	}
}

// ask asks one server: once more where the connection was reset, and where this process has no
// file left for it, of which short is told, when others have ended.
func (a *asking) ask(ctx context.Context, target probe.Target, options *probe.Options, short func()) (
	*diagnosis.Diagnosis, error) {
	const longest = time.Second
	for tries := 0; ; tries++ {
		ask := a.engine.Ask
		if a.holding != nil {
			ask = a.engine.Probe
		}
		d, err := ask(ctx, target, options)
		switch {
		case err == nil || ctx.Err() != nil:
			return d, err
		case errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE):
			short()
			timer := time.NewTimer(min(longest, time.Duration(tries+1)*50*time.Millisecond)) // others end by their time limit
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
			}
		case errors.Is(err, syscall.ECONNRESET) && tries == 0:
		default:
			return d, err
		}
	}
}
