package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"time"

	"mtlsprobe/probe/reading"
	"mtlsprobe/probe/tlspeer"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// Flight finds out what a server asks for as cheaply as that can be: by the server's first
// flight, of TLS 1.2 in clear, and of TLS 1.3 where the server has only that. It ends the
// connection there: nothing is proved, not even that the server has its key, and what it does
// about certificates is not seen. Where no flight shows whether it asks, it is [Ask].
func Flight(ctx context.Context, t Target, o *Options) (*Observation, *Options, error) {
	given := o
	o = o.withDefaults()
	why := say.Text("the connection was ended after the server's first flight")
	oldest, newest := o.MinVersion, o.MaxVersion
	if oldest <= tls.VersionTLS12 {
		version := uint16(tls.VersionTLS12)
		if newest != 0 {
			version = min(version, newest)
		}
		begun := time.Now()
		tr, err := readServerFlight(ctx, t, version, o)
		if err != nil && !refusedHello(err) {
			return nil, nil, err
		}
		if err == nil && tr.Version >= oldest {
			if obs := flown(tr, begun, why); obs != nil {
				return obs, o, nil
			}
		}
	}
	if newest == 0 || newest >= tls.VersionTLS13 {
		begun := time.Now()
		tr, err := readProtectedFlight(ctx, t, o)
		if err == nil {
			if obs := flown(tr, begun, why); obs != nil {
				return obs, o, nil
			}
		}
	}
	if ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	return Ask(ctx, t, given)
}

// flown is what a flight shows; nil where it does not show whether the server asks.
func flown(tr *wire.Transcript, begun time.Time, why say.Phrase) *Observation {
	obs := reading.ObserveFlight(tr, why)
	if obs.Asked == say.Unknown {
		return nil
	}
	return &Observation{Observation: obs, Flight: true, asked: begun}
}

// readProtectedFlight reads the first flight of TLS 1.3 up to the server's Certificate.
func readProtectedFlight(ctx context.Context, t Target, o *Options) (*wire.Transcript, error) {
	limited, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	x := &exchange{target: t, protocol: t.protocol(), options: o}
	defer x.record()
	conn, err := x.connect(ctx, limited)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer bound(limited, conn)()
	client := tlspeer.Client(x.tap, &tlspeer.Config{ServerName: t.ServerName, ALPN: x.offered(), KeyLog: &x.keyLog})
	if err := client.Flight(); err != nil {
		return nil, errors.Join(err, ctx.Err())
	}
	return wire.Decode(x.tap.snapshot(), x.keyLog.Bytes()), nil
}
