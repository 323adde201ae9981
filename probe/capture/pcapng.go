package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gopacket/gopacket/layers"
)

// A pcapng reads blocks (draft-ietf-opsawg-pcapng): packets of several interfaces, and secrets,
// which the library that reads the older format does not hand on.
type pcapng struct {
	r          io.Reader
	secrets    func([]byte)
	order      binary.ByteOrder
	interfaces []iface
	buf        []byte
}

// An iface is the description of an interface.
type iface struct {
	link       layers.LinkType
	resolution int64 // units in a second
	offset     int64 // seconds to add
}

// The types of blocks.
const (
	sectionBlock   = 0x0a0d0d0a
	interfaceBlock = 1
	simpleBlock    = 3
	enhancedBlock  = 6
	secretsBlock   = 10
	tlsKeyLog      = 0x544c534b
	maxBlock       = 16 << 20
	maxInterfaces  = 4096
)

var errBlock = errors.New("a block of the file is malformed")

func (p *pcapng) next() (frame, error) {
	for {
		kind, body, err := p.block()
		if err != nil {
			return frame{}, err
		}
		switch kind {
		case sectionBlock:
			p.interfaces = p.interfaces[:0]
		case interfaceBlock:
			if err := p.describe(body); err != nil {
				return frame{}, err
			}
		case secretsBlock:
			if len(body) >= 8 && p.order.Uint32(body) == tlsKeyLog {
				length := p.order.Uint32(body[4:])
				p.secrets(body[8:min(uint64(len(body)), 8+uint64(length))])
			}
		case enhancedBlock:
			if f, ok := p.enhanced(body); ok {
				return f, nil
			}
			return frame{}, fmt.Errorf("%w: a packet of an interface that is not described", errBlock)
		case simpleBlock:
			if len(body) < 4 || len(p.interfaces) == 0 {
				return frame{}, errBlock
			}
			length := min(int(p.order.Uint32(body)), len(body)-4)
			return frame{link: p.interfaces[0].link, data: body[4 : 4+max(0, length)]}, nil
		}
	}
}

// block reads one block, and returns its body.
func (p *pcapng) block() (kind uint32, body []byte, err error) {
	var header [12]byte
	if _, err := io.ReadFull(p.r, header[:8]); err != nil {
		return 0, nil, ended(err)
	}
	first := 8
	if binary.LittleEndian.Uint32(header[:]) == sectionBlock {
		if _, err := io.ReadFull(p.r, header[8:]); err != nil {
			return 0, nil, ended(err)
		}
		first = 12
		p.order = binary.LittleEndian
		if binary.BigEndian.Uint32(header[8:]) == 0x1a2b3c4d {
			p.order = binary.BigEndian
		}
	}
	if p.order == nil {
		return 0, nil, fmt.Errorf("%w: it does not begin with a section", errBlock)
	}
	length := p.order.Uint32(header[4:])
	if length < uint32(first)+4 || length > maxBlock || length%4 != 0 {
		return 0, nil, fmt.Errorf("%w: it claims %d bytes", errBlock, length)
	}
	rest := int(length) - first
	if cap(p.buf) < rest {
		p.buf = make([]byte, rest)
	}
	p.buf = p.buf[:rest]
	if _, err := io.ReadFull(p.r, p.buf); err != nil {
		return 0, nil, errCut
	}
	return p.order.Uint32(header[:]), p.buf[:rest-4], nil
}

// describe reads the description of an interface.
func (p *pcapng) describe(body []byte) error {
	if len(body) < 8 || len(p.interfaces) >= maxInterfaces {
		return errBlock
	}
	i := iface{link: layers.LinkType(p.order.Uint16(body)), resolution: 1_000_000}
	for options := body[8:]; len(options) >= 4; {
		code, length := p.order.Uint16(options), int(p.order.Uint16(options[2:]))
		padded := (length + 3) &^ 3
		if code == 0 || len(options) < 4+padded {
			break
		}
		value := options[4 : 4+length]
		switch {
		case code == 9 && length == 1: // if_tsresol
			i.resolution = resolution(value[0])
		case code == 14 && length == 8: // if_tsoffset
			i.offset = int64(p.order.Uint64(value)) //nolint:gosec // signed by definition
		}
		options = options[4+padded:]
	}
	p.interfaces = append(p.interfaces, i)
	return nil
}

// resolution is how many units a second has.
func resolution(value byte) int64 {
	base, exponent, units := int64(10), int(value&0x7f), int64(1)
	if value&0x80 != 0 {
		base = 2
	}
	for range exponent {
		if units > 1<<62/base {
			return 1_000_000_000
		}
		units *= base
	}
	return units
}

func (p *pcapng) enhanced(body []byte) (frame, bool) {
	if len(body) < 20 {
		return frame{}, false
	}
	number := p.order.Uint32(body)
	if uint64(number) >= uint64(len(p.interfaces)) {
		return frame{}, false
	}
	i := &p.interfaces[number]
	units := int64(uint64(p.order.Uint32(body[4:]))<<32 | uint64(p.order.Uint32(body[8:]))) //nolint:gosec // its bits
	captured, length := p.order.Uint32(body[12:]), p.order.Uint32(body[16:])
	if uint64(captured) > uint64(len(body)-20) {
		return frame{}, false
	}
	seconds, rest := units/i.resolution, units%i.resolution
	nanoseconds := int64(float64(rest) / float64(i.resolution) * 1e9)
	return frame{at: time.Unix(seconds+i.offset, nanoseconds).UTC(), link: i.link, data: body[20 : 20+captured],
		cut: captured < length}, true
}
