package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"time"

	"mtlsprobe/probe/protocol"
	"mtlsprobe/probe/wire"
)

// Ask is [Capture], and where the server turns the client away without having
// asked for a certificate, it looks for a request that comes late: after the
// handshake in TLS 1.3, and by renegotiation in TLS 1.2. It returns the
// observation that shows the request, or else the first one, with the first one
// in Earlier; and the options to try certificates with.
func Ask(ctx context.Context, t Target, o *Options) (*Observation, *Options, error) {
	first, err := Capture(ctx, t, o)
	old := o == nil || o.MinVersion == 0 // SSL 3.0 is not ruled out
	o = o.withDefaults()
	if heard := overhear(ctx, t, o, old, err); heard != nil {
		return heard, o, nil
	}
	if err != nil || !first.mayAskLate() {
		return first, o, err
	}
	for _, how := range o.lateWays(first.Version) {
		obs, err := Capture(ctx, t, how)
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		if err == nil && obs.Asked == Yes {
			obs.Earlier = first
			return obs, how, nil
		}
	}
	return first, o, nil
}

// overhear reads what a server says in clear, up to ServerHelloDone, where err says
// that no handshake came about: it may want a suite, a group or a version that
// crypto/tls does not have. It returns nil where that does not help.
func overhear(ctx context.Context, t Target, o *Options, old bool, err error) *Observation {
	var connect *ConnectError
	if !errors.As(err, &connect) || connect.Kind != Alerted && connect.Kind != Hangup && connect.Kind != Malformed || o.MinVersion >= tls.VersionTLS13 {
		return nil
	}
	highest := uint16(tls.VersionTLS12)
	if o.MaxVersion != 0 {
		highest = min(highest, o.MaxVersion)
	}
	for _, version := range []uint16{highest, wire.VersionSSL30} {
		if version == wire.VersionSSL30 && !old {
			continue
		}
		tr, err := listen(ctx, t, version, o)
		if err != nil || tr.Version == 0 {
			continue
		}
		s := Served{Asked: Unknown}
		s.demand(tr)
		obs := &Observation{Target: t, Version: tr.Version, CipherSuite: tr.CipherSuite, Asked: s.Asked, When: s.When, Request: s.Request,
			Verification: Verification{Result: Unknown}, Transcript: tr, asked: time.Now(),
			None: &Trial{Outcome: UnknownOutcome, Detail: "the handshake takes a version, suite or group that this program does not have; it was read in clear, up to ServerHelloDone", Asked: s.Asked == Yes, Transcript: tr}}
		for _, d := range tr.Demands() {
			obs.RequestErr = d.Err
		}
		obs.helloTime(ctx, t, o)
		return obs
	}
	return nil
}

// mayAskLate reports whether a server that did not ask may have wanted to.
func (o *Observation) mayAskLate() bool {
	if o.Asked != No || !o.None.Transcript.HandshakeDone() {
		return false
	}
	a := o.None.Application
	return o.None.Refused() || a != nil && (a.Protocol == "http" || a.Protocol == "h2") && a.Verdict == protocol.Undecided
}

// lateWays are the ways to connect in which a server can ask late, other than
// the one that was tried: with crypto/tls renegotiation is always allowed.
func (o *Options) lateWays(tried uint16) []*Options {
	var ways []*Options
	if o.MaxVersion == 0 || o.MaxVersion >= tls.VersionTLS13 {
		way := *o
		way.PostHandshake = true
		if way.ALPN == nil {
			way.ALPN = []string{"http/1.1"} // HTTP/2 forbids it (RFC 8740)
		}
		ways = append(ways, &way)
	}
	if tried >= tls.VersionTLS13 && o.MinVersion <= tls.VersionTLS12 {
		way := *o
		way.MaxVersion = tls.VersionTLS12
		ways = append(ways, &way)
	}
	return ways
}
