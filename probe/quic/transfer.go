package quic

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"mtlsprobe/probe/wire"
)

// queueCrypto queues handshake messages.
func (c *Conn) queueCrypto(l level, data []byte) {
	s := &c.spaces[l]
	for len(data) > 0 {
		part := data[:min(len(data), payloadSize-20)]
		f := appendVarint([]byte{frameCrypto}, s.written)
		f = append(appendVarint(f, uint64(len(part))), part...)
		s.queue, s.written, data = append(s.queue, f), s.written+uint64(len(part)), data[len(part):]
	}
}

// queueStream queues all that is ever sent on a stream.
func (c *Conn) queueStream(id uint64, data []byte, fin bool) {
	s := &c.spaces[application]
	for offset := 0; offset == 0 || offset < len(data); {
		part := data[offset:min(len(data), offset+payloadSize-20)]
		last := offset+len(part) == len(data)
		kind := byte(frameStream | 4 | 2) // with an offset and a length
		if fin && last {
			kind |= 1
		}
		f := appendVarint(appendVarint([]byte{kind}, id), uint64(offset))
		s.queue = append(s.queue, append(appendVarint(f, uint64(len(part))), part...))
		if offset += len(part); last {
			return
		}
	}
}

// flush sends what is queued or owed.
func (c *Conn) flush() error {
	for l := range c.spaces {
		s := &c.spaces[l]
		for c.seal[l] != nil && !s.over && (len(s.queue) > 0 || s.owes) {
			if err := c.send(level(l)); err != nil {
				return err
			}
		}
	}
	return nil
}

// send sends one packet in a datagram of its own.
func (c *Conn) send(l level) error {
	s := &c.spaces[l]
	var payload []byte
	p := sent{number: s.number, at: time.Now()}
	if s.owes && len(s.received) > 0 {
		payload = s.ack()
	}
	s.owes = false
	for len(s.queue) > 0 && (len(p.frames) == 0 || len(payload)+len(s.queue[0]) <= payloadSize) {
		payload = append(payload, s.queue[0]...)
		p.frames, s.queue = append(p.frames, s.queue[0]), s.queue[1:]
	}
	if len(p.frames) > 0 {
		s.sent = append(s.sent, p)
		c.probeAt = p.at.Add(c.patience())
	}
	return c.transmit(l, payload)
}

// transmit seals a payload.
func (c *Conn) transmit(l level, payload []byte) error {
	s, keys := &c.spaces[l], c.seal[l]
	least := sampleSize // enough to take the sample from
	if l == initial {
		least = initialDatagram - len(longHeader(l, c.peer, c.own, c.token, 0, 0)) - keys.aead.Overhead()
	}
	if len(payload) < least {
		payload = append(payload, make([]byte, least-len(payload))...) // PADDING
	}
	header := shortHeader(c.peer, s.number)
	if l != application {
		header = longHeader(l, c.peer, c.own, c.token, s.number, len(payload)+keys.aead.Overhead())
	}
	datagram := keys.seal(header, s.number, payload)
	s.number++
	if _, err := c.conn.Write(datagram); err != nil && !c.started { // later it is as if it had been lost
		return err
	}
	return nil
}

// step waits for one datagram, or until something has to be sent again. It is called, and returns, with
// the lock, which it gives up while it waits.
func (c *Conn) step(ctx context.Context) error {
	if c.failed != nil {
		return c.failed
	}
	now := time.Now()
	if c.probeAt.Before(now) {
		c.probeAt = now.Add(c.patience())
	}
	until := c.probeAt
	over, bounded := ctx.Deadline()
	if bounded && over.Before(until) {
		until = over
	}
	if c.ending != nil {
		until = now.Add(drainTime)
	}
	if c.buffer == nil {
		c.buffer = make([]byte, 1<<16)
	}
	c.mu.Unlock()
	n, err := 0, c.conn.SetReadDeadline(until)
	if err == nil {
		if err = ctx.Err(); err == nil {
			n, err = c.conn.Read(c.buffer)
		}
	}
	c.mu.Lock()
	switch {
	case c.failed != nil:
		return c.failed
	case errors.Is(err, os.ErrDeadlineExceeded):
		switch {
		case bounded && !time.Now().Before(over):
			return context.DeadlineExceeded
		case ctx.Err() != nil || c.ending != nil || !c.waiting():
			return ctx.Err()
		}
		c.again()
		return c.flush()
	case errors.Is(err, syscall.ECONNREFUSED) && c.started: // anybody can send what says so
		return nil
	case err != nil:
		return err
	}
	if err := c.datagram(c.buffer[:n]); err != nil {
		c.fail(err)
		return err
	}
	if c.ending != nil {
		return nil
	}
	return c.flush()
}

// waiting reports whether something is to be sent again when the server says nothing.
func (c *Conn) waiting() bool {
	if !c.spaces[handshake].over { // not confirmed
		return true
	}
	return len(c.spaces[application].sent) > 0
}

// fail ends the connection, and tells the server why where this end found something wrong.
func (c *Conn) fail(err error) {
	var closed *CloseError
	var alert tls.AlertError
	c.failed = err
	switch {
	case errors.As(err, &closed):
	case errors.As(err, &alert):
		c.records.alert(wire.Client, uint8(alert))
		c.sendClose(cryptoError+uint64(alert), false)
	default:
		const protocolViolation = 0x0a
		c.sendClose(protocolViolation, false)
	}
}

// sendClose sends CONNECTION_CLOSE at each level that the server may have keys for (RFC 9000, Section
// 10.2.3).
func (c *Conn) sendClose(code uint64, ofApplication bool) {
	const (
		applicationError = 0x0c
		noError          = 0x100 // of HTTP/3 (RFC 9114, Section 8.1)
	)
	for l := application; l >= initial; l-- {
		if c.seal[l] == nil || c.spaces[l].over {
			continue
		}
		number := code
		if ofApplication {
			number = applicationError
		}
		f := append(appendVarint([]byte{frameClose}, number), 0, 0) // no frame, no reason
		if ofApplication && l == application {
			f = append(appendVarint([]byte{frameApplicationEnds}, noError), 0)
		}
		_ = c.transmit(l, f) // the peer may have gone
	}
}

// datagram takes what one holds. What cannot be opened is dropped: anybody can have sent it.
func (c *Conn) datagram(data []byte) error {
	for len(data) > 0 {
		p, rest, ok := next(data, c.own)
		if !ok {
			return nil
		}
		data = rest
		switch {
		case p.versions != nil:
			if !c.started && c.retried == nil && bytes.Equal(p.source, c.original) && !slices.Contains(p.versions, version1) {
				c.any = true
				return &VersionError{p.versions[:min(len(p.versions), 16)]}
			}
		case p.retry:
			if err := c.retry(&p); err != nil {
				return err
			}
		default:
			if err := c.packet(&p); err != nil {
				return err
			}
		}
	}
	return nil
}

// retry begins again with the server's token, once (RFC 9000, Section 17.2.5).
func (c *Conn) retry(p *packet) error {
	const tag, most = 16, 512 // bytes behind the token, and of both
	if c.started || c.retried != nil || len(p.token) <= tag || len(p.token) > most || bytes.Equal(p.source, c.original) ||
		!retryFits(p.raw, c.peer) {
		return nil
	}
	c.any = true
	c.retried, c.token = bytes.Clone(p.source), bytes.Clone(p.token[:len(p.token)-tag])
	c.peer = c.retried
	var err error
	if c.seal[initial], c.open[initial], err = initialKeys(c.peer); err != nil {
		return err
	}
	s := &c.spaces[initial]
	for _, old := range s.sent {
		s.queue = append(s.queue, old.frames...)
	}
	s.sent = nil
	return nil
}

func (c *Conn) packet(p *packet) error {
	s, keys := &c.spaces[p.level], c.open[p.level]
	if keys == nil || s.over || c.started && p.level != application && !bytes.Equal(p.source, c.server) {
		return nil
	}
	largest := int64(-1)
	if len(s.received) > 0 {
		largest = int64(s.received[0].most)
	}
	number, payload, err := keys.open(p.raw, p.at, largest)
	if err != nil {
		return nil //nolint:nilerr // dropped
	}
	all, err := frames(payload)
	forbidden := func(f frame) bool {
		return p.level != application && !f.early() || p.level == initial && f.kind == frameClose && c.open[handshake] != nil
	}
	switch {
	case p.level == initial && (err != nil || slices.ContainsFunc(all, forbidden)): // its keys are no secret
		return nil
	case err != nil:
		return err
	case slices.ContainsFunc(all, forbidden):
		return fmt.Errorf("%w: a frame came too early", errBroken)
	}
	c.any = true
	if p.level == initial && !c.started {
		c.started, c.server = true, bytes.Clone(p.source)
		c.peer = c.server
	}
	if s.has(number) { // what is sent again has another number
		return nil
	}
	c.backoff = 0
	for n := range all {
		f := &all[n]
		if f.kind != frameAck && f.kind != frameAckECN && f.kind != frameClose &&
			f.kind != frameApplicationEnds {
			s.owes = true
		}
		if err := c.take(p.level, f); err != nil {
			return err
		}
	}
	if p.level == handshake { // the server has this end's Initial packets (RFC 9001, Section 4.9.1)
		c.spaces[initial].over = true
	}
	return nil
}

// take does what a frame says.
func (c *Conn) take(l level, f *frame) error {
	switch f.kind {
	case frameAck, frameAckECN:
		if f.acked[0].most >= c.spaces[l].number {
			return fmt.Errorf("%w: it acknowledges what was not sent", errBroken)
		}
		if at := c.spaces[l].acked(f.acked); !at.IsZero() {
			c.measure(time.Since(at))
		}
		c.probeAt = time.Now().Add(c.patience())
	case frameCrypto:
		return c.message(l, f)
	case frameStream:
		if f.stream != 0 {
			return nil // a control stream, of which this client needs nothing
		}
		if f.offset+uint64(len(f.data)) > maxStream {
			return fmt.Errorf("%w: it sends more than it may", errBroken)
		}
		ready, _ := c.answer.add(f.offset, f.data, f.fin)
		const enough = 256
		if c.told < enough && len(ready) > 0 {
			c.told++
			c.records.write(wire.Server, wire.ApplicationData, ready)
		}
		c.heard()
		c.ready = append(c.ready, ready...)
	case frameResetStream, frameStopSending:
		if f.stream == 0 && f.kind == frameResetStream {
			c.reset = &CloseError{Code: f.code, Application: true, Reason: "the stream was reset"}
		}
	case framePathChallenge:
		const most = 4 // there is one path
		if c.paths < most {
			c.paths++
			c.spaces[l].queue = append(c.spaces[l].queue, append([]byte{framePathResponse}, f.data...))
		}
	case frameNewID:
		if f.code > c.sequence && f.offset >= f.code { // the one in use is retired
			c.spaces[l].queue = append(c.spaces[l].queue, appendVarint([]byte{frameRetireID}, c.sequence))
			c.peer, c.sequence = bytes.Clone(f.data), f.offset
		}
	case frameHandshakeDone:
		c.spaces[initial].over, c.spaces[handshake].over = true, true
	case frameClose, frameApplicationEnds:
		closed := &CloseError{Code: f.code, Application: f.kind == frameApplicationEnds, Reason: string(f.data)}
		if number, ok := closed.Alert(); ok {
			c.records.alert(wire.Server, number)
		} else {
			c.records.alert(wire.Server, 0) // close_notify
		}
		c.heard()
		return closed
	}
	return nil
}

// message hands over handshake messages of the server.
func (c *Conn) message(l level, f *frame) error {
	ready, ok := c.crypto[l].add(f.offset, f.data, false)
	if !ok {
		return fmt.Errorf("%w: it sends more than it may", errBroken)
	}
	if len(ready) == 0 {
		return nil
	}
	c.heard()
	c.records.write(wire.Server, wire.HandshakeRecord, ready)
	if c.ending != nil {
		return nil
	}
	if err := c.tls.HandleData(tlsLevel(l), ready); err != nil {
		err = errors.Join(err, c.events()) // what it still has to say
		if c.done {
			return err
		}
		c.ending = err
		return nil
	}
	return c.events()
}
