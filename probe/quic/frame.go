package quic

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// Frame types (RFC 9000, Section 19).
const (
	framePadding         = 0x00
	framePing            = 0x01
	frameAck             = 0x02
	frameAckECN          = 0x03
	frameResetStream     = 0x04
	frameStopSending     = 0x05
	frameCrypto          = 0x06
	frameNewToken        = 0x07
	frameStream          = 0x08 // to 0x0f
	frameMaxData         = 0x10
	frameMaxStreamData   = 0x11
	frameMaxStreamsBidi  = 0x12
	frameMaxStreamsUni   = 0x13
	frameDataBlocked     = 0x14
	frameStreamBlocked   = 0x15
	frameStreamsBidi     = 0x16
	frameStreamsUni      = 0x17
	frameNewID           = 0x18
	frameRetireID        = 0x19
	framePathChallenge   = 0x1a
	framePathResponse    = 0x1b
	frameClose           = 0x1c
	frameApplicationEnds = 0x1d
	frameHandshakeDone   = 0x1e
)

var errFrame = errors.New("a frame cannot be decoded")

// A buffer is read from its start. After an error it is empty, and bad.
type buffer struct {
	data []byte
	bad  bool
}

// varint reads an integer of variable length (Section 16).
func (b *buffer) varint() uint64 {
	if len(b.data) == 0 {
		b.bad = true
		return 0
	}
	size := 1 << (b.data[0] >> 6)
	raw := b.bytes(uint64(size))
	if raw == nil {
		return 0
	}
	n := uint64(raw[0] & 0x3f)
	for _, next := range raw[1:] {
		n = n<<8 | uint64(next)
	}
	return n
}

// bytes reads n bytes; nil if there are fewer.
func (b *buffer) bytes(n uint64) []byte {
	if n > uint64(len(b.data)) {
		b.data, b.bad = nil, true
		return nil
	}
	out := b.data[:n:n]
	b.data = b.data[n:]
	return out
}

// AppendVarint adds an integer below 2^62 in as few bytes as it needs (RFC 9000, Section 16).
func AppendVarint(b []byte, n uint64) []byte {
	switch size := bits.Len64(n); {
	case size <= 6:
		return append(b, byte(n))
	case size <= 14:
		return binary.BigEndian.AppendUint16(b, 1<<14|uint16(n))
	case size <= 30:
		return binary.BigEndian.AppendUint32(b, 2<<30|uint32(n))
	}
	return binary.BigEndian.AppendUint64(b, 3<<62|n)
}

// A frame is one that this client does something about. Others are read over.
type frame struct {
	kind   uint64
	stream uint64 // its ID
	offset uint64
	fin    bool
	data   []byte
	acked  []span // of packet numbers, the greatest first
	// code is that of an error; of NEW_CONNECTION_ID what is retired, and offset its number.
	code uint64
}

// early reports whether a frame may come before the handshake is complete (Section 12.4, Table 3):
// what anybody can send who sees the first packet has to say no more than that.
func (f *frame) early() bool {
	return f.kind == framePing || f.kind == frameAck || f.kind == frameAckECN || f.kind == frameCrypto ||
		f.kind == frameClose
}

// A span is of packet numbers, both ends included.
type span struct{ least, most uint64 }

// maxSpans bounds what one acknowledgement may list.
const maxSpans = 256

// frames reads a payload.
func frames(payload []byte) ([]frame, error) {
	b := &buffer{data: payload}
	var all []frame
	for len(b.data) > 0 && !b.bad {
		f := frame{kind: b.varint()}
		switch k := f.kind; {
		case k == framePadding:
			continue
		case k == framePing || k == frameHandshakeDone:
		case k == frameAck || k == frameAckECN:
			f.acked = b.ack()
			if k == frameAckECN {
				b.skip(3)
			}
		case k == frameResetStream:
			f.stream, f.code = b.varint(), b.varint()
			b.skip(1)
		case k == frameStopSending:
			f.stream, f.code = b.varint(), b.varint()
		case k == frameCrypto:
			f.offset = b.varint()
			f.data = b.bytes(b.varint())
		case k == frameNewToken:
			b.bytes(b.varint())
		case k >= frameStream && k < frameMaxData:
			f.stream, f.fin = b.varint(), k&1 != 0
			if k&4 != 0 {
				f.offset = b.varint()
			}
			size := uint64(len(b.data))
			if k&2 != 0 {
				size = b.varint()
			}
			f.data, f.kind = b.bytes(size), frameStream
		case k == frameMaxStreamData || k == frameStreamBlocked:
			b.skip(2)
		case k == frameMaxData || k >= frameMaxStreamsBidi && k <= frameStreamsUni || k == frameRetireID:
			b.skip(1)
		case k == frameNewID:
			f.offset, f.code = b.varint(), b.varint()
			f.data = b.id()
			b.bytes(16)
		case k == framePathChallenge || k == framePathResponse:
			f.data = b.bytes(8)
		case k == frameClose || k == frameApplicationEnds:
			f.code = b.varint()
			if k == frameClose {
				b.skip(1)
			}
			f.data = b.bytes(b.varint())
		default:
			return nil, errFrame
		}
		all = append(all, f)
	}
	if b.bad {
		return nil, errFrame
	}
	return all, nil
}

func (b *buffer) skip(varints int) {
	for range varints {
		b.varint()
	}
}

// ack reads an acknowledgement after its type.
func (b *buffer) ack() []span {
	most := b.varint()
	b.varint() // the delay
	count := b.varint()
	first := b.varint()
	if first > most || count > maxSpans {
		b.bad = true
		return nil
	}
	spans := []span{{most - first, most}}
	least := most - first
	for range count {
		gap, length := b.varint(), b.varint()
		if gap+2 > least || length > least-gap-2 {
			b.bad = true
			return nil
		}
		most = least - gap - 2
		least = most - length
		spans = append(spans, span{least, most})
	}
	return spans
}
