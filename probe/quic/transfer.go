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
	s := &c.at[l].space
	for len(data) > 0 {
		part := data[:min(len(data), payloadSize-20)]
		f := AppendVarint([]byte{frameCrypto}, s.written)
		f = append(AppendVarint(f, uint64(len(part))), part...)
		s.queue, s.written, data = append(s.queue, f), s.written+uint64(len(part)), data[len(part):]
	}
}

// queueStream queues all that is ever sent on a stream.
func (c *Conn) queueStream(id uint64, data []byte, fin bool) {
	s := &c.at[application].space
	for offset := 0; offset == 0 || offset < len(data); {
		part := data[offset:min(len(data), offset+payloadSize-20)]
		last := offset+len(part) == len(data)
		kind := byte(frameStream | 4 | 2) // with an offset and a length
		if fin && last {
			kind |= 1
		}
		f := AppendVarint(AppendVarint([]byte{kind}, id), uint64(offset))
		s.queue = append(s.queue, append(AppendVarint(f, uint64(len(part))), part...))
		if offset += len(part); last {
			return
		}
	}
}

// flush sends what is queued or owed.
func (c *Conn) flush() error {
	for l := range c.at {
		s := &c.at[l].space
		for c.at[l].seal != nil && !s.over && (len(s.queue) > 0 || s.owes) {
			if err := c.send(level(l)); err != nil {
				return err
			}
		}
	}
	return nil
}

// send sends one packet in a datagram of its own.
func (c *Conn) send(l level) error {
	s := &c.at[l].space
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
		c.timing.probeAt = p.at.Add(c.timing.patience())
	}
	return c.transmit(l, payload)
}

// transmit seals a payload.
func (c *Conn) transmit(l level, payload []byte) error {
	s, keys := &c.at[l].space, c.at[l].seal
	least := sampleSize // enough to take the sample from
	if l == initial {
		least = initialDatagram - len(longHeader(l, c.ids.peer, c.ids.own, c.ids.token, 0, 0)) - keys.aead.Overhead()
	}
	if len(payload) < least {
		payload = append(payload, make([]byte, least-len(payload))...) // PADDING
	}
	header := shortHeader(c.ids.peer, s.number)
	if l != application {
		header = longHeader(l, c.ids.peer, c.ids.own, c.ids.token, s.number, len(payload)+keys.aead.Overhead())
	}
	datagram := keys.seal(header, s.number, payload)
	s.number++
	if _, err := c.conn.Write(datagram); err != nil && !c.progress.started { // later it is as if it had been lost
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
	if c.timing.probeAt.Before(now) {
		c.timing.probeAt = now.Add(c.timing.patience())
	}
	until := c.timing.probeAt
	over, bounded := ctx.Deadline()
	if bounded && over.Before(until) {
		until = over
	}
	if c.progress.ending != nil {
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
		case ctx.Err() != nil || c.progress.ending != nil || !c.waiting():
			return ctx.Err()
		}
		c.again()
		return c.flush()
	case errors.Is(err, syscall.ECONNREFUSED) && c.progress.started: // anybody can send what says so
		return nil
	case err != nil:
		return err
	}
	if err := c.datagram(c.buffer[:n]); err != nil {
		c.fail(err)
		return err
	}
	if c.progress.ending != nil {
		return nil
	}
	return c.flush()
}

// waiting reports whether something is to be sent again when the server says nothing.
func (c *Conn) waiting() bool {
	if !c.at[handshake].space.over { // not confirmed
		return true
	}
	return len(c.at[application].space.sent) > 0
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
		if c.at[l].seal == nil || c.at[l].space.over {
			continue
		}
		number := code
		if ofApplication {
			number = applicationError
		}
		f := append(AppendVarint([]byte{frameClose}, number), 0, 0) // no frame, no reason
		if ofApplication && l == application {
			f = append(AppendVarint([]byte{frameApplicationEnds}, noError), 0)
		}
		_ = c.transmit(l, f) // the peer may have gone
	}
}

// datagram takes what one holds. What cannot be opened is dropped: anybody can have sent it.
func (c *Conn) datagram(data []byte) error {
	for len(data) > 0 {
		p, rest, ok := next(data, c.ids.own)
		if !ok {
			return nil
		}
		data = rest
		switch {
		case p.versions != nil:
			answers := !c.progress.started && c.ids.retried == nil && bytes.Equal(p.source, c.ids.original)
			if answers && !slices.Contains(p.versions, version1) {
				c.progress.heard = true
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
	if c.progress.started || c.ids.retried != nil || bytes.Equal(p.source, c.ids.original) ||
		len(p.token) <= tag || len(p.token) > most || !retryFits(p.raw, c.ids.peer) {
		return nil
	}
	c.progress.heard = true
	c.ids.retried, c.ids.token = bytes.Clone(p.source), bytes.Clone(p.token[:len(p.token)-tag])
	c.ids.peer = c.ids.retried
	var err error
	if c.at[initial].seal, c.at[initial].open, err = initialKeys(c.ids.peer); err != nil {
		return err
	}
	s := &c.at[initial].space
	for _, old := range s.sent {
		s.queue = append(s.queue, old.frames...)
	}
	s.sent = nil
	return nil
}

func (c *Conn) packet(p *packet) error {
	s, keys := &c.at[p.level].space, c.at[p.level].open
	if keys == nil || s.over || c.progress.started && p.level != application && !bytes.Equal(p.source, c.ids.server) {
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
		unproved := p.level == initial && f.kind == frameClose && c.at[handshake].open != nil
		return p.level != application && !f.early() || unproved
	}
	switch {
	case p.level == initial && (err != nil || slices.ContainsFunc(all, forbidden)): // its keys are no secret
		return nil
	case err != nil:
		return err
	case slices.ContainsFunc(all, forbidden):
		return fmt.Errorf("%w: a frame came too early", errBroken)
	}
	c.progress.heard = true
	if p.level == initial && !c.progress.started {
		c.progress.started, c.ids.server = true, bytes.Clone(p.source)
		c.ids.peer = c.ids.server
	}
	if s.has(number) { // what is sent again has another number
		return nil
	}
	c.timing.backoff = 0
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
		c.at[initial].space.over = true
	}
	return nil
}

// maxReason bounds what is shown of a peer's reason, in bytes.
const maxReason = 200

// take does what a frame says.
func (c *Conn) take(l level, f *frame) error {
	switch f.kind {
	case frameAck, frameAckECN:
		if f.acked[0].most >= c.at[l].space.number {
			return fmt.Errorf("%w: it acknowledges what was not sent", errBroken)
		}
		if at := c.at[l].space.acked(f.acked); !at.IsZero() {
			c.timing.measure(time.Since(at))
		}
		c.timing.probeAt = time.Now().Add(c.timing.patience())
	case frameCrypto:
		return c.message(l, f)
	case frameStream:
		if f.stream != 0 {
			return nil // a control stream, of which this client needs nothing
		}
		if f.offset+uint64(len(f.data)) > maxStream {
			return fmt.Errorf("%w: it sends more than it may", errBroken)
		}
		ready, _ := c.reply.stream.add(f.offset, f.data, f.fin)
		const enough = 256
		if c.reply.told < enough && len(ready) > 0 {
			c.reply.told++
			c.records.write(wire.Server, wire.ApplicationData, ready)
		}
		c.heard()
		c.reply.ready = append(c.reply.ready, ready...)
	case frameResetStream:
		if f.stream == 0 {
			c.reply.reset = &CloseError{Code: f.code, Application: true, Reason: "the stream was reset"}
		}
	case framePathChallenge:
		const most = 4 // there is one path
		if c.progress.paths < most {
			c.progress.paths++
			c.at[l].space.queue = append(c.at[l].space.queue, append([]byte{framePathResponse}, f.data...))
		}
	case frameNewID:
		if f.code > c.ids.sequence && f.offset >= f.code { // the one in use is retired
			c.at[l].space.queue = append(c.at[l].space.queue, AppendVarint([]byte{frameRetireID}, c.ids.sequence))
			c.ids.peer, c.ids.sequence = bytes.Clone(f.data), f.offset
		}
	case frameHandshakeDone:
		c.at[initial].space.over, c.at[handshake].space.over = true, true
	case frameClose, frameApplicationEnds:
		reason := string(f.data[:min(len(f.data), maxReason)])
		closed := &CloseError{Code: f.code, Application: f.kind == frameApplicationEnds, Reason: reason}
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
	ready, ok := c.at[l].crypto.add(f.offset, f.data, false)
	if !ok {
		return fmt.Errorf("%w: it sends more than it may", errBroken)
	}
	if len(ready) == 0 {
		return nil
	}
	c.heard()
	c.records.write(wire.Server, wire.HandshakeRecord, ready)
	if c.progress.ending != nil {
		return nil
	}
	if err := c.tls.HandleData(tlsLevel(l), ready); err != nil {
		err = errors.Join(err, c.events()) // what it still has to say
		if c.progress.done {
			return err
		}
		c.progress.ending = err
		return nil
	}
	return c.events()
}
