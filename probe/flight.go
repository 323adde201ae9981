package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"time"

	"mtlsprobe/probe/reading"
	"mtlsprobe/probe/tlspeer"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// Flight finds out what a server asks for as cheaply as that can be: by the server's first
// flight, of TLS 1.2 in clear, and of TLS 1.3 where the server has only that. It ends the
// connection there: nothing is proved, not even that the server has its key, and what it does
// about certificates is not seen. Where no flight shows a request it is [Ask]: the server may ask
// later, or in another version.
func Flight(ctx context.Context, t Target, o *Options) (*Observation, *Options, error) {
	if t.protocol().QUIC {
		return Ask(ctx, t, o)
	}
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
			if obs := flown(tr, begun, why); obs != nil && obs.Asked == say.Yes {
				return obs, o, nil
			}
		}
	}
	if newest == 0 || newest >= tls.VersionTLS13 {
		begun := time.Now()
		tr, err := readProtectedFlight(ctx, t, o)
		if err != nil && !refusedHello(err) {
			return nil, nil, err
		}
		if err == nil {
			if obs := flown(tr, begun, why); obs != nil && obs.Asked == say.Yes {
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

// readServerFlight sends a ClientHello of one version up to TLS 1.2, and reads until
// ServerHelloDone, an alert or the end.
func readServerFlight(ctx context.Context, t Target, version uint16, o *Options) (*wire.Transcript, error) {
	x := &exchange{target: t, protocol: t.protocol(), options: o}
	hello, err := wire.HelloOnly(version, x.sni(), x.offered(), tlspeer.Random(32))
	if err != nil {
		return nil, err
	}
	streams := wire.NewStreams(nil)
	return x.readFlight(ctx, hello, wire.ServerHelloDone, streams, func(data []byte) error {
		streams.Feed(wire.Flow{From: wire.Server, Data: data})
		return nil
	})
}

// readProtectedFlight offers TLS 1.3, and reads until the server's Certificate, an alert or the
// end.
func readProtectedFlight(ctx context.Context, t Target, o *Options) (*wire.Transcript, error) {
	x := &exchange{target: t, protocol: t.protocol(), options: o}
	share, hello, err := tlspeer.NewShare(x.sni(), x.offered())
	if err != nil {
		return nil, err
	}
	keys := &wire.KeyLog{}
	streams := wire.NewStreams(keys)
	var first []byte // record
	agreed := false
	return x.readFlight(ctx, hello, wire.Certificate, streams, func(data []byte) error {
		if !agreed { // what comes after ServerHello cannot be read before there are keys
			first = append(first, data...)
			record, _ := wire.CutRecord(first)
			if record == nil {
				return nil
			}
			secrets, err := share.Agree(record)
			if err != nil {
				return err
			}
			keys.Add(secrets)
			data, agreed = first, true
		}
		streams.Feed(wire.Flow{From: wire.Server, Data: data})
		return nil
	})
}

// readFlight sends a ClientHello and reads what the server says, which feed gives to the
// streams, until it has sent the last message that is of interest.
func (x *exchange) readFlight(ctx context.Context, hello []byte, last wire.HandshakeType, streams *wire.Streams,
	feed func([]byte) error) (*wire.Transcript, error) {
	limited, cancel := context.WithTimeout(ctx, x.options.Timeout)
	defer cancel()
	defer x.record()
	conn, err := x.connect(ctx, limited)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer bound(limited, conn)()
	if x.options.Record != nil { // else what goes over it needs no keeping
		conn = x.tap
	}
	if _, err := conn.Write(hello); err != nil {
		end, err := endOf(err)
		return nil, handshakeError(x.target, &wire.Transcript{}, err, end)
	}
	streams.Feed(wire.Flow{From: wire.Client, Data: hello})
	buffer := make([]byte, 4<<10)
	for total := 0; total < maxTap; {
		n, err := conn.Read(buffer)
		total += n
		if err := feed(buffer[:n]); err != nil {
			return nil, handshakeError(x.target, streams.Transcript(), err, reading.Stopped)
		}
		if tr := streams.Seen(); tr.Sent(wire.Server, last) || len(tr.Alerts()) > 0 {
			return streams.Transcript(), nil
		}
		if err != nil {
			tr := streams.Transcript()
			if tr.Version == 0 && (!errors.Is(err, io.EOF) || len(tr.Entries) > 1) {
				end, err := endOf(err)
				return nil, handshakeError(x.target, tr, err, end)
			}
			return tr, nil
		}
	}
	return nil, handshakeError(x.target, &wire.Transcript{}, errTooMuch, reading.Stopped)
}
