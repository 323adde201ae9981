package probe

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"time"

	"mtlsprobe/probe/reading"
	"mtlsprobe/probe/wire"

	"github.com/beevik/ntp"
)

// clockTolerance is how far two hellos' times may be apart, beyond the time that
// passed between them, and still come from one clock.
const clockTolerance = 3 * time.Second

// helloTime takes the server's clock from the random of its hello, where up to
// TLS 1.2 some servers write it (gmt_unix_time; RFC 5246, Section 7.4.1.3). Most
// write random bytes, so that a second hello has to agree: by chance it does in
// one of some 700 million.
func (o *Observation) helloTime(ctx context.Context, t Target, options *Options) {
	const plausible = 2 * 365 * 24 * time.Hour
	first, ok := gmtUnixTime(o.Transcript)
	if !ok || o.Version >= tls.VersionTLS13 || first.Sub(o.asked).Abs() > plausible {
		return
	}
	again := time.Now()
	tr, err := readServerFlight(ctx, t, o.Version, options)
	if err != nil {
		return
	}
	second, ok := gmtUnixTime(tr)
	if passed := again.Sub(o.asked); !ok || (second.Sub(first)-passed).Abs() > clockTolerance {
		return
	}
	o.Clock = reading.Clock{Server: second, Local: again, Source: "gmt_unix_time of its hello"}
}

// gmtUnixTime reads the first four bytes of the server's random as seconds.
func gmtUnixTime(tr *wire.Transcript) (time.Time, bool) {
	for n := range tr.Entries {
		e := &tr.Entries[n]
		if e.From != wire.Server || e.Handshake != wire.ServerHello || len(e.Body) < 6 {
			continue
		}
		hello, err := wire.ParseServerHello(e.Body)
		if err != nil {
			return time.Time{}, false
		}
		return time.Unix(int64(binary.BigEndian.Uint32(hello.Random)), 0), true
	}
	return time.Time{}, false
}

// An NTPClock is what a time server says of the local clock.
type NTPClock struct {
	Host string
	Skew time.Duration // that clock minus the local one
	// Uncertainty bounds the error of Skew (RFC 5905, root distance).
	Uncertainty time.Duration
}

// AskNTP asks a time server, host or host:port, over NTP (RFC 5905). An error says
// that it did not answer, or that its answer is not to be trusted.
func AskNTP(ctx context.Context, host string, timeout time.Duration) (*NTPClock, error) {
	type result struct {
		response *ntp.Response
		err      error
	}
	done := make(chan result, 1)
	go func() {
		response, err := ntp.QueryWithOptions(host, ntp.QueryOptions{Timeout: timeout})
		if err == nil {
			err = response.Validate()
		}
		done <- result{response, err}
	}()
	select {
	case r := <-done:
		if r.err != nil {
			return nil, fmt.Errorf("asking %s for the time: %w", host, r.err)
		}
		return &NTPClock{Host: host, Skew: r.response.ClockOffset, Uncertainty: r.response.RootDistance}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
