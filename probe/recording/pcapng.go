package recording

import (
	"encoding/binary"
	"io"
	"math"
)

// The blocks of the format. See draft-ietf-opsawg-pcapng, Section 4.
const (
	sectionHeaderBlock     = 0x0a0d0d0a // Section 4.1
	interfaceDescription   = 1          // Section 4.2
	enhancedPacketBlock    = 6          // Section 4.3
	decryptionSecretsBlock = 10         // Section 4.7
)

const (
	byteOrderMagic  = 0x1a2b3c4d
	tlsKeyLogSecret = 0x544c534b // "TLSK"
	linkTypeRaw     = 101        // IPv4 and IPv6 without a link layer (draft-ietf-opsawg-pcaplinktype)
	optionEnd       = 0
	optionComment   = 1
	optionUserAppl  = 4 // of the section header
	optionTSResol   = 9 // of the interface
	nanoseconds     = 9 // as a power of ten
)

// WritePCAPNG writes a capture of the connections, their packets in the order of
// time, with the TLS secrets before them, so that readers decrypt at once. The
// application's name is kept in the header. See draft-ietf-opsawg-pcapng.
func WritePCAPNG(w io.Writer, application string, connections []*Connection) error {
	b := &blocks{}
	b.block(sectionHeaderBlock, func(b *blocks) {
		b.uint32(byteOrderMagic)
		b.uint32(1) // version 1.0: major and minor in 16 bits each
		b.uint64(math.MaxUint64)
		b.option(optionUserAppl, []byte(application))
		b.option(optionEnd, nil)
	})
	b.block(interfaceDescription, func(b *blocks) {
		b.uint32(linkTypeRaw) // and 16 reserved bits
		b.uint32(0)           // no limit to the size of packets
		b.option(optionTSResol, []byte{nanoseconds})
		b.option(optionEnd, nil)
	})
	if secrets := keyLog(connections); len(secrets) > 0 {
		b.block(decryptionSecretsBlock, func(b *blocks) {
			b.uint32(tlsKeyLogSecret)
			b.uint32(uint32(len(secrets)))
			b.padded(secrets)
		})
	}
	if _, err := w.Write(b.data); err != nil {
		return err
	}
	for _, p := range packets(connections) {
		b.data = b.data[:0]
		b.packet(&p)
		if _, err := w.Write(b.data); err != nil {
			return err
		}
	}
	return nil
}

// A blocks is a growing run of blocks, in little-endian order.
type blocks struct{ data []byte }

func (b *blocks) packet(p *packet) {
	b.block(enhancedPacketBlock, func(b *blocks) {
		b.uint32(0) // the interface
		at := uint64(p.at.UnixNano())
		b.uint32(uint32(at >> 32))
		b.uint32(uint32(at))
		b.uint32(uint32(len(p.data))) // captured
		b.uint32(uint32(len(p.data))) // and in truth
		b.padded(p.data)
		if p.comment != "" {
			b.option(optionComment, []byte(p.comment))
			b.option(optionEnd, nil)
		}
	})
}

// block writes a block, whose length stands at both ends (Section 3.1).
func (b *blocks) block(kind uint32, body func(*blocks)) {
	start := len(b.data)
	b.uint32(kind)
	b.uint32(0)
	body(b)
	length := uint32(len(b.data) - start + 4)
	binary.LittleEndian.PutUint32(b.data[start+4:], length)
	b.uint32(length)
}

func (b *blocks) option(code uint16, value []byte) {
	value = value[:min(len(value), math.MaxUint16)]
	b.data = binary.LittleEndian.AppendUint16(b.data, code)
	b.data = binary.LittleEndian.AppendUint16(b.data, uint16(len(value)))
	b.padded(value)
}

// padded fills up to a multiple of 32 bits; every block begins at one.
func (b *blocks) padded(data []byte) {
	b.data = append(b.data, data...)
	for range -len(data) & 3 {
		b.data = append(b.data, 0)
	}
}

func (b *blocks) uint32(n uint32) { b.data = binary.LittleEndian.AppendUint32(b.data, n) }
func (b *blocks) uint64(n uint64) { b.data = binary.LittleEndian.AppendUint64(b.data, n) }
