package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"time"

	"mtlsprobe/probe/protocol"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// Ask is [Capture], and goes further where that does not show a request: it tries
// RSA key exchange and this program's own hello where crypto/tls cannot complete a
// handshake, and looks for a request that comes late, after the handshake in TLS 1.3
// and by renegotiation in TLS 1.2. It returns the observation that shows the request,
// or else the first one, with the first one in Earlier; and the options to try
// certificates with.
func Ask(ctx context.Context, t Target, o *Options) (*Observation, *Options, error) {
	if t.protocol().QUIC { // in which there is TLS 1.3 alone, and no request after the handshake
		obs, err := Capture(ctx, t, o)
		return obs, o.withDefaults(), err
	}
	first, err := Capture(ctx, t, o)
	old := o == nil || o.MinVersion == 0 // SSL 3.0 is not ruled out
	o = o.withDefaults()
	if err != nil && refusedHello(err) {
		for _, how := range o.otherHellos() {
			if obs, err := Capture(ctx, t, how); err == nil {
				return obs, how, nil
			}
		}
	}
	if err != nil {
		if obs := captureFirstFlight(ctx, t, o, old, err); obs != nil {
			return obs, o, nil
		}
	}
	if err != nil || !first.mayAskLate() {
		return first, o, err
	}
	for _, how := range o.lateWays(first.Version) {
		obs, err := Capture(ctx, t, how)
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		if err == nil && obs.Asked == say.Yes {
			obs.Earlier = first.Observation
			return obs, how, nil
		}
	}
	return first, o, nil
}

// refusedHello reports whether a server may take another hello better: it ended the
// handshake by itself, or this program could not go on.
func refusedHello(err error) bool {
	var connect *ConnectError
	const protocolVersion = 70
	return errors.As(err, &connect) && (connect.Kind == Alerted && connect.Alert != protocolVersion ||
		connect.Kind == Hangup || connect.Kind == Malformed)
}

// otherHellos are the other ways to begin a handshake that can be completed: with RSA
// key exchange, which crypto/tls offers only if told to, and with this program's own
// client, whose hello has none of the extensions that wolfSSL 5.5 stumbles over.
func (o *Options) otherHellos() []*Options {
	var ways []*Options
	if o.MinVersion <= tls.VersionTLS12 {
		way := *o
		way.staticRSA = true
		if way.MaxVersion == 0 || way.MaxVersion > tls.VersionTLS12 {
			way.MaxVersion = tls.VersionTLS12
		}
		ways = append(ways, &way)
	}
	if (o.MaxVersion == 0 || o.MaxVersion >= tls.VersionTLS13) && !o.PostHandshake {
		way := *o
		way.PostHandshake = true
		ways = append(ways, &way)
	}
	return ways
}

// captureFirstFlight sends a broad ClientHello and reads the plaintext first flight
// where crypto/tls cannot complete the handshake: the server may want a suite, a
// group or a version that crypto/tls does not have. It returns nil where that does
// not show whether the server asks.
func captureFirstFlight(ctx context.Context, t Target, o *Options, old bool, why error) *Observation {
	var connect *ConnectError
	if !errors.As(why, &connect) || connect.Kind != Alerted && connect.Kind != Hangup && connect.Kind != Malformed ||
		o.MinVersion >= tls.VersionTLS13 {
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
		tr, err := readServerFlight(ctx, t, version, o)
		if err != nil || tr.Version == 0 {
			continue
		}
		obs := flown(tr, time.Now(), say.Text("this program could not complete a handshake with the server; its first "+
			"flight was read in clear and is not verified"))
		if obs == nil {
			continue
		}
		obs.helloTime(ctx, t, o)
		return obs
	}
	return nil
}

// mayAskLate reports whether a server that did not ask may have wanted to.
func (o *Observation) mayAskLate() bool {
	if o.Asked != say.No || !o.None.Transcript.HandshakeDone() {
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
