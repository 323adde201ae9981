package probe

import (
	"context"
	"crypto/tls"
)

// Ask is [Capture], and where the server turns the client away without having
// asked for a certificate, it looks for a request that comes late: after the
// handshake in TLS 1.3, and by renegotiation in TLS 1.2. It returns the
// observation that shows the request, or else the first one, with the first one
// in Earlier; and the options to try certificates with.
func Ask(ctx context.Context, t Target, o *Options) (*Observation, *Options, error) {
	first, err := Capture(ctx, t, o)
	o = o.withDefaults()
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

// mayAskLate reports whether a server that did not ask may have wanted to.
func (o *Observation) mayAskLate() bool {
	if o.Asked != No || !o.None.Transcript.HandshakeDone() {
		return false
	}
	return o.None.Refused() || o.None.Application != nil && o.None.Application.Protocol == "http" && o.None.Application.Status >= 500
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
