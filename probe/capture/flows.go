package capture

import (
	"bytes"

	"mtlsprobe/probe/wire"
)

// maxBefore is within how many bytes TLS has to begin.
const maxBefore = 16 << 10

// Flows find TLS in what two peers say to each other, from the first byte or after a preamble.
// They are not safe for concurrent use.
type Flows struct {
	keys    *wire.KeyLog
	streams *wire.Streams        // nil before TLS begins
	early   map[wire.Peer][]byte // what was said until then
	foreign bool                 // it is not TLS
}

// NewFlows returns flows with secrets that may still grow; nil for none.
func NewFlows(keys *wire.KeyLog) *Flows {
	return &Flows{keys: keys, early: make(map[wire.Peer][]byte)}
}

// Transcript is what was said in TLS; nil if nothing was.
func (f *Flows) Transcript() *wire.Transcript {
	if f.streams == nil {
		return nil
	}
	return f.streams.Transcript()
}

// Begun reports whether TLS has begun.
func (f *Flows) Begun() bool { return f.streams != nil }

// ciphered reports whether both peers have begun to encrypt.
func (f *Flows) ciphered() bool {
	if f.streams == nil {
		return false
	}
	var done [2]bool
	for _, e := range f.streams.Seen().Entries {
		if e.ContentType == wire.ChangeCipherSpec || e.ContentType == wire.ApplicationData {
			done[e.From-wire.Client] = true
		}
	}
	return done[0] && done[1]
}

// Feed reads what one peer said next. Where TLS begins with a hello of the other peer, it is
// taken for that one's, and Feed reports that the peers were confused.
func (f *Flows) Feed(from wire.Peer, data []byte) (swapped bool) {
	switch {
	case f.foreign:
		return false
	case f.streams != nil:
		f.streams.Feed(wire.Flow{From: from, Data: data})
		return false
	}
	f.early[from] = append(f.early[from], data...) // a record may come in pieces
	said := f.early[from]
	at, hello := begins(said)
	if at < 0 {
		if len(f.early[wire.Client])+len(f.early[wire.Server]) > maxBefore {
			f.foreign, f.early = true, nil
		}
		return false
	}
	if hello != 0 {
		swapped, from = hello != from, hello
	}
	f.streams, f.early = wire.NewStreams(f.keys), nil
	f.streams.Feed(wire.Flow{From: from, Data: said[at:]})
	return swapped
}

// Skip says that the next n bytes of a peer are missing, or, where n is 0, some bytes.
func (f *Flows) Skip(from wire.Peer, n int) {
	switch {
	case f.streams != nil:
		f.streams.Skip(from, n)
	case !f.foreign:
		delete(f.early, from)
	}
}

// begins finds where TLS begins in what a peer sent, and whose hello that is; zero where it is
// none. It is -1 where TLS does not begin.
func begins(data []byte) (at int, hello wire.Peer) {
	for at := 0; ; at++ {
		next := bytes.IndexByte(data[at:], byte(wire.HandshakeRecord))
		if next < 0 || len(data) < at+next+6 {
			break
		}
		at += next
		if data[at+1] != 3 || data[at+2] > 4 {
			continue
		}
		switch wire.HandshakeType(data[at+5]) {
		case wire.ClientHello:
			return at, wire.Client
		case wire.ServerHello:
			return at, wire.Server
		}
	}
	// in the middle of a connection: a record at the beginning of a packet
	if len(data) >= 5 && data[0] >= byte(wire.ChangeCipherSpec) && data[0] <= byte(wire.ApplicationData) &&
		data[1] == 3 &&
		data[2] <= 4 {
		return 0, 0
	}
	return -1, 0
}
