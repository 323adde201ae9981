package capture

import (
	"encoding/binary"
	"net/netip"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// ends tells apart the connections that use the same addresses and ports one after the other:
// the library knows connections by these alone, and takes the second for the first where that
// was not seen to be closed by both.
type ends struct {
	latest map[pair]*use
	over   []*use // the oldest first: the last packets of a connection come when it is over
	uses   uint64
}

// maxOver bounds how many connections that are over are remembered.
const maxOver = 4096

// A pair is the two ends of connections, the lesser first.
type pair [2]netip.AddrPort

// A use is one connection of a pair.
type use struct {
	pair   pair
	number uint64
	begun  [2]bool   // a packet of this end was seen
	first  [2]uint32 // the sequence number of its first byte; that of its SYN is one less
	closed bool      // by one end
	over   bool      // nothing more is read of it
}

// of finds the connection that a segment belongs to. A SYN begins another one where the first
// was closed, and unless it is the SYN with which that began, sent again or late (RFC 9293,
// Section 3.4).
func (e *ends) of(from, to netip.AddrPort, tcp *layers.TCP) *use {
	p, side := pair{from, to}, 0
	if to.Compare(from) < 0 {
		p, side = pair{to, from}, 1
	}
	u, first := e.latest[p], tcp.Seq
	if tcp.SYN {
		first++
	}
	again := u != nil && tcp.SYN && (u.closed && !tcp.ACK || u.begun[side] && u.first[side] != first)
	if u == nil || again {
		e.uses++
		u = &use{pair: p, number: e.uses}
		if e.latest == nil {
			e.latest = make(map[pair]*use)
		}
		e.latest[p] = u
	}
	if !u.begun[side] {
		u.begun[side], u.first[side] = true, first
	}
	if tcp.SYN && tcp.ACK && !u.begun[1-side] { // which answers a SYN
		u.begun[1-side], u.first[1-side] = true, tcp.Ack
	}
	u.closed = u.closed || tcp.FIN || tcp.RST
	return u
}

// flow is what the library knows the connection by, in the direction of a segment.
func (u *use) flow(from netip.AddrPort) gopacket.Flow {
	var raw [2][16]byte // the longest that it takes
	for side := range raw {
		binary.BigEndian.PutUint64(raw[side][:], u.number)
		raw[side][15] = byte(side)
	}
	if from != u.pair[0] {
		raw[0], raw[1] = raw[1], raw[0]
	}
	return gopacket.NewFlow(layers.EndpointIPv6, raw[0][:], raw[1][:])
}

// end says that nothing more is read of a connection; one that was only silent may go on as
// another one.
func (e *ends) end(u *use) {
	if !u.closed {
		e.drop(u)
		return
	}
	u.over = true
	e.over = append(e.over, u)
	if len(e.over) > maxOver {
		e.drop(e.over[0])
		e.over = e.over[1:]
	}
}

func (e *ends) drop(u *use) {
	if e.latest[u.pair] == u {
		delete(e.latest, u.pair)
	}
}
