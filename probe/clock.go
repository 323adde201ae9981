package probe

import (
	"context"
	"fmt"
	"time"

	"github.com/beevik/ntp"
)

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
