package quic

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
)

const version1 = 1

// A level is that of the keys of a packet, and a space of packet numbers of its own.
type level int

const (
	initial level = iota
	handshake
	application
	levels
)

// Types of packets with a long header (RFC 9000, Section 17.2).
const (
	initialPacket   = 0
	handshakePacket = 2
	retryPacket     = 3
)

// maxIDSize is the size of the greatest connection ID.
const maxIDSize = 20

// A packet is one as it lies in a datagram, still protected.
type packet struct {
	level    level
	retry    bool
	versions []uint32 // of Version Negotiation; nil for others
	source   []byte   // connection ID of the peer
	token    []byte   // of Retry, with its tag behind it
	at       int      // where the number begins
	raw      []byte
}

// next takes the first packet out of a datagram; ok is false where there is none, or one that is
// not for us.
func next(datagram, own []byte) (p packet, rest []byte, ok bool) {
	if len(datagram) == 0 || datagram[0]&0x80 == 0 { // a short header, and the rest of the datagram
		at := 1 + len(own)
		if len(datagram) < at || datagram[0]&0x40 == 0 || !bytes.Equal(datagram[1:at], own) {
			return packet{}, nil, false
		}
		return packet{level: application, at: at, raw: datagram}, nil, true
	}
	b := &buffer{data: datagram[1:]}
	version := b.bytes(4)
	id := b.id()
	p.source = b.id()
	if b.bad || !bytes.Equal(id, own) {
		return packet{}, nil, false
	}
	if number := binary.BigEndian.Uint32(version); number == 0 {
		p.versions = []uint32{}
		for len(b.data) >= 4 {
			p.versions = append(p.versions, binary.BigEndian.Uint32(b.bytes(4)))
		}
		return p, nil, true
	} else if number != version1 {
		return packet{}, nil, false
	}
	switch datagram[0] >> 4 & 3 {
	case initialPacket:
		b.bytes(b.varint()) // a token, which servers leave empty
	case handshakePacket:
		p.level = handshake
	case retryPacket:
		p.retry, p.token, p.raw = true, b.data, datagram
		return p, nil, true
	default: // 0-RTT, which servers do not send
		return packet{}, nil, false
	}
	size := b.varint()
	p.at = len(datagram) - len(b.data)
	if b.bytes(size); b.bad {
		return packet{}, nil, false
	}
	end := p.at + int(size)
	p.raw = datagram[:end:end]
	return p, datagram[end:], true
}

// id reads a connection ID after its length.
func (b *buffer) id() []byte {
	size := b.bytes(1)
	if size == nil || size[0] > maxIDSize {
		b.data, b.bad = nil, true
		return nil
	}
	return b.bytes(uint64(size[0]))
}

// longHeader begins a packet: its number, in four bytes, and what is sealed follow.
func longHeader(l level, destination, source, token []byte, number uint64, sealed int) []byte {
	kind := byte(initialPacket)
	if l == handshake {
		kind = handshakePacket
	}
	h := []byte{0xc0 | kind<<4 | 3}
	h = binary.BigEndian.AppendUint32(h, version1)
	h = append(append(h, byte(len(destination))), destination...)
	h = append(append(h, byte(len(source))), source...)
	if l == initial {
		h = append(AppendVarint(h, uint64(len(token))), token...)
	}
	h = binary.BigEndian.AppendUint16(h, 1<<14|uint16(4+sealed)) // an integer of two bytes
	return binary.BigEndian.AppendUint32(h, uint32(number))
}

// shortHeader likewise begins a packet of the application's level.
func shortHeader(destination []byte, number uint64) []byte {
	return binary.BigEndian.AppendUint32(append([]byte{0x43}, destination...), uint32(number))
}

// retryFits checks the integrity of a Retry packet (RFC 9001, Section 5.8), whose keys everybody knows.
func retryFits(raw, original []byte) bool {
	block, err := aes.NewCipher([]byte{0xbe, 0x0c, 0x69, 0x0b, 0x9f, 0x66, 0x57, 0x5a, 0x1d, 0x76, 0x6b, 0x54, 0xe3, 0x68,
		0xc8, 0x4e})
	if err != nil {
		return false
	}
	aead, err := cipher.NewGCM(block)
	if err != nil || len(raw) < aead.Overhead() {
		return false
	}
	split := len(raw) - aead.Overhead()
	pseudo := append(append([]byte{byte(len(original))}, original...), raw[:split]...)
	nonce := []byte{0x46, 0x15, 0x99, 0xd3, 0x5d, 0x63, 0x2b, 0xf2, 0x23, 0x98, 0x25, 0xbb}
	_, err = aead.Open(nil, nonce, raw[split:], pseudo)
	return err == nil
}
