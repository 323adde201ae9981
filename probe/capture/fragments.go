package capture

import (
	"bytes"
	"time"

	"github.com/gopacket/gopacket/layers"
)

// fragments puts datagrams of IPv6 together (RFC 8200, Section 4.5); the library does so for
// IPv4 alone. The zero fragments has none.
type fragments struct {
	datagrams map[fragmentKey]*datagram
	bytes     int // of all datagrams
}

// A fragmentKey is what the fragments of one datagram have in common.
type fragmentKey struct {
	source, target [16]byte
	id             uint32
}

// A datagram is one of which parts are missing.
type datagram struct {
	parts map[int][]byte // by their place
	size  int            // of the whole; zero until the last part came
	next  layers.IPProtocol
	begun time.Time
}

const (
	maxDatagram  = 1 << 16
	maxFragments = 4 << 20 // bytes that are kept
	maxDatagrams = 256
	partCost     = 64 // of a part, beside its bytes
	fragmentLife = time.Minute
	fragmentUnit = 8 // in which places are counted
)

// add takes a part in, and returns the datagram that it completes. One whose parts overlap is
// dropped (RFC 5722).
func (f *fragments) add(ip *layers.IPv6, part *layers.IPv6Fragment, at time.Time) (payload []byte,
	next layers.IPProtocol, whole bool) {
	key := fragmentKey{[16]byte(ip.SrcIP.To16()), [16]byte(ip.DstIP.To16()), part.Identification}
	if f.datagrams == nil {
		f.datagrams = make(map[fragmentKey]*datagram)
	}
	d := f.datagrams[key]
	if d == nil {
		f.forget(at)
		d = &datagram{parts: make(map[int][]byte), begun: at}
		f.datagrams[key] = d
	}
	place, data := int(part.FragmentOffset)*fragmentUnit, bytes.Clone(part.LayerPayload())
	end := place + len(data)
	if end > maxDatagram || f.bytes+len(data)+partCost > maxFragments || len(data) == 0 {
		f.drop(key)
		return nil, 0, false
	}
	for at, other := range d.parts {
		if at == place && bytes.Equal(other, data) {
			return nil, 0, false // sent twice
		}
		if place < at+len(other) && at < end {
			f.drop(key)
			return nil, 0, false
		}
	}
	d.parts[place] = data
	f.bytes += len(data) + partCost
	if place == 0 {
		d.next = part.NextHeader
	}
	if !part.MoreFragments {
		d.size = end
	}
	for len(payload) < d.size {
		data, there := d.parts[len(payload)]
		if !there || len(data) == 0 {
			return nil, 0, false
		}
		payload = append(payload, data...)
	}
	if d.size == 0 {
		return nil, 0, false
	}
	f.drop(key)
	return payload, d.next, true
}

// forget makes room: it drops what is too old to be completed, and where that is not enough,
// anything.
func (f *fragments) forget(now time.Time) {
	if len(f.datagrams) < maxDatagrams && f.bytes < maxFragments/2 {
		return
	}
	for key, d := range f.datagrams {
		if now.Sub(d.begun) > fragmentLife || f.bytes > maxFragments/4 || len(f.datagrams) > maxDatagrams/2 {
			f.drop(key)
		}
	}
}

func (f *fragments) drop(key fragmentKey) {
	if d := f.datagrams[key]; d != nil {
		for _, data := range d.parts {
			f.bytes -= len(data) + partCost
		}
		delete(f.datagrams, key)
	}
}
