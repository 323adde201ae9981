package quic

import (
	"slices"
	"time"
)

// Bounds and times of RFC 9002.
const (
	firstRTT        = 333 * time.Millisecond
	granularity     = time.Millisecond
	ackDelay        = 25 * time.Millisecond
	reordering      = 3 // packets
	maxBackoff      = 6
	maxDatagram     = 1472 // that is received
	payloadSize     = 1100 // of what this client sends, before it is sealed
	initialDatagram = 1200 // at least, of Initial packets
	// drainTime is how long the rest of a message is waited for that crypto/tls does not take.
	drainTime = 300 * time.Millisecond
)

// A space is one of packet numbers, with what is to be sent in it and what was.
type space struct {
	number   uint64 // of the next packet
	received []span // packet numbers, the greatest first
	owes     bool   // an acknowledgement
	written  uint64 // of the crypto stream
	queue    [][]byte
	sent     []sent // and not acknowledged
	over     bool   // its keys are dropped
}

// A sent packet is kept until it is acknowledged.
type sent struct {
	number uint64
	at     time.Time
	frames [][]byte
}

// has notes a packet that was received, and reports whether it was before.
func (s *space) has(number uint64) bool {
	for n := range s.received {
		r := &s.received[n]
		switch {
		case number >= r.least && number <= r.most:
			return true
		case number == r.most+1:
			r.most = number
			if n > 0 && s.received[n-1].least == number+1 {
				s.received[n-1].least = r.least
				s.received = slices.Delete(s.received, n, n+1)
			}
			return false
		case number+1 == r.least:
			r.least = number
			if n+1 < len(s.received) && s.received[n+1].most+1 == number {
				s.received[n].least = s.received[n+1].least
				s.received = slices.Delete(s.received, n+1, n+2)
			}
			return false
		case number > r.most:
			s.received = slices.Insert(s.received, n, span{number, number})
			s.received = s.received[:min(len(s.received), maxSpans)]
			return false
		}
	}
	if len(s.received) < maxSpans {
		s.received = append(s.received, span{number, number})
	}
	return false
}

// ack is the frame that acknowledges what was received.
func (s *space) ack() []byte {
	const told = 32 // spans, which leave room for something else
	spans := s.received[:min(len(s.received), told)]
	first := spans[0]
	f := AppendVarint([]byte{frameAck}, first.most)
	f = AppendVarint(AppendVarint(AppendVarint(f, 0), uint64(len(spans)-1)), first.most-first.least)
	least := first.least
	for _, r := range spans[1:] {
		f = AppendVarint(AppendVarint(f, least-r.most-2), r.most-r.least)
		least = r.least
	}
	return f
}

// acked drops what the peer has received, and queues again what it must have lost. It returns when
// the newest of those was sent; zero for none.
func (s *space) acked(spans []span) (newest time.Time) {
	most := spans[0].most
	s.sent = slices.DeleteFunc(s.sent, func(p sent) bool {
		in := slices.ContainsFunc(spans, func(r span) bool { return p.number >= r.least && p.number <= r.most })
		if in && p.number == most {
			newest = p.at
		}
		return in
	})
	s.sent = slices.DeleteFunc(s.sent, func(p sent) bool {
		lost := p.number+reordering <= most
		if lost {
			s.queue = append(s.queue, p.frames...)
		}
		return lost
	})
	return newest
}

// timing is what the waits follow from.
type timing struct {
	rtt, variance time.Duration
	backoff       int
	probeAt       time.Time // when something is to be sent again
}

// measure takes one round trip (RFC 9002, Section 5.3).
func (t *timing) measure(trip time.Duration) {
	if t.rtt == 0 {
		t.rtt, t.variance = trip, trip/2
		return
	}
	t.variance = (3*t.variance + (t.rtt - trip).Abs()) / 4
	t.rtt = (7*t.rtt + trip) / 8
}

// patience is how long to wait before something is sent again (Section 6.2).
func (t *timing) patience() time.Duration {
	rtt, variance := t.rtt, t.variance
	if rtt == 0 {
		rtt, variance = firstRTT, firstRTT/2
	}
	return (rtt + max(4*variance, granularity) + ackDelay) << min(t.backoff, maxBackoff)
}

// again queues what was sent and not acknowledged, in up to two packets (RFC 9002, Section 6.2.4).
// Before the handshake is confirmed there is always something to send, for the server may wait for
// packets to be allowed more (Section 6.2.2.1), or have said in a lost one that it refuses.
func (c *Conn) again() {
	c.timing.backoff++
	packets := 2
	for l := range c.at {
		s := &c.at[l].space
		for !s.over && c.at[l].seal != nil && len(s.sent) > 0 && packets > 0 {
			s.queue = append(s.queue, s.sent[0].frames...)
			s.sent = s.sent[1:]
			packets--
		}
	}
	for l := application; l >= initial && packets > 0; l-- {
		if s := &c.at[l].space; c.at[l].seal != nil && !s.over && len(s.queue) == 0 {
			s.queue = append(s.queue, []byte{framePing})
			packets--
		}
	}
}
