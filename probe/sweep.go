package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"sync"

	"mtlsprobe/probe/reading"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// A VersionResult is the server's behaviour for one protocol version.
type VersionResult struct {
	reading.Demand
	Version   uint16
	Supported say.Answer
	Detail    say.Phrase // why not, or why it is not known
	// None is the control that presented nothing; nil where the handshake was read
	// up to ServerHelloDone only, because this program could not complete it.
	None *reading.Trial
	// SelfSigned is the control with a generated certificate; nil unless tried.
	SelfSigned *reading.Trial
	Mode       reading.Mode
	options    *Options
}

// Sweep offers each version from SSL 3.0 to TLS 1.3 alone, on connections of
// their own, and returns what the server does, the newest version first. seen is
// an observation that need not be repeated, nor its controls: mode is what they mean;
// nil for none. What crypto/tls cannot complete is read up to ServerHelloDone, in
// clear. Nothing is presented unless control is set: a generated certificate, in every
// other version. The error is the context's.
func Sweep(ctx context.Context, t Target, seen *Observation, mode reading.Mode, control *tls.Certificate,
	o *Options) ([]VersionResult, error) {
	if t.protocol().QUIC { // which has TLS 1.3 alone
		return nil, nil
	}
	o = o.withDefaults()
	versions := []uint16{tls.VersionTLS13, tls.VersionTLS12, tls.VersionTLS11, tls.VersionTLS10, wire.VersionSSL30}
	results := make([]VersionResult, len(versions))
	var wait sync.WaitGroup
	for n, version := range versions {
		wait.Go(func() {
			s := &results[n]
			*s = VersionResult{Version: version, Mode: reading.UnknownMode}
			if seen != nil && seen.Version == version {
				s.observed(seen, o)
				s.Mode = mode
				return
			}
			s.ask(ctx, t, o)
			s.controls(ctx, t, control)
		})
	}
	wait.Wait()
	return results, ctx.Err()
}

// ask fills in what one connection shows, with crypto/tls if it can.
func (s *VersionResult) ask(ctx context.Context, t Target, o *Options) {
	if s.Version > wire.VersionSSL30 {
		only := *o
		only.MinVersion, only.MaxVersion, only.PostHandshake = s.Version, s.Version, false
		obs, how, err := Ask(ctx, t, &only)
		if err == nil && obs.Version == s.Version {
			s.observed(obs, how)
			return
		}
		if s.Version == tls.VersionTLS13 && err == nil {
			s.Supported, s.Detail = say.No, say.Text("the server answers with ", wire.VersionName(obs.Version))
			return
		}
		if s.Version == tls.VersionTLS13 {
			s.refused(err)
			return
		}
	}
	tr, err := readServerFlight(ctx, t, s.Version, o)
	switch {
	case err != nil:
		s.refused(err)
	case tr.Version == s.Version:
		s.Supported, s.Detail = say.Yes,
			say.Text("read up to ServerHelloDone only: this program could not complete the handshake")
		s.Demand = reading.Asked(tr)
	case tr.Version != 0:
		s.Supported, s.Detail = say.No, say.Text("the server answers with ", wire.VersionName(tr.Version))
	default:
		s.Supported = say.No
		s.Detail = say.Text("the server closed the connection")
		if a := tr.Refusal(wire.Server); a != nil {
			s.Detail = say.Text("alert ", a.Description, " ", a.Name())
		}
	}
}

// refused takes an error for the answer that it is: an end by the server means
// no, silence and everything else is not known.
func (s *VersionResult) refused(err error) {
	var connect *ConnectError
	if errors.As(err, &connect) {
		s.Detail = say.Text(string(connect.Kind))
		if connect.Detail != "" {
			s.Detail = say.Phrase{{Kind: say.UnknownKind, Value: connect.Detail}}
		}
		switch {
		case connect.Version != 0 && connect.Version != s.Version:
			s.Supported, s.Detail = say.No, say.Text("the server answers with ", wire.VersionName(connect.Version))
		case connect.Kind == Alerted || connect.Kind == Hangup:
			s.Supported = say.No
		}
	}
}

func (s *VersionResult) observed(obs *Observation, how *Options) {
	s.Supported, s.Demand, s.None, s.options = say.Yes, obs.Demand, obs.None, how
}

// controls finds out what the server does about certificates in this version.
func (s *VersionResult) controls(ctx context.Context, t Target, control *tls.Certificate) {
	if s.None == nil || s.Asked != say.Yes {
		return
	}
	evidence := &reading.Evidence{None: []*reading.Trial{s.None}}
	if control != nil {
		only := *s.options
		if !only.PostHandshake {
			only.MinVersion, only.MaxVersion = s.Version, s.Version
		}
		if s.SelfSigned, _ = Try(ctx, t, control, &only); s.SelfSigned != nil {
			evidence.SelfSigned = []*reading.Trial{s.SelfSigned}
		}
	}
	s.Mode = reading.Conclude(evidence).Mode
}
