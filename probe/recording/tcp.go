package recording

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"mtlsprobe/probe/wire"
)

// A packet is an IP packet, and when it was seen.
type packet struct {
	at      time.Time
	comment string
	data    []byte
}

// Flags of TCP. See RFC 9293, Section 3.1.
const (
	fin = 1 << iota
	syn
	rst
	psh
	ack
)

const (
	tcpProtocol = 6
	tcpHeader   = 20
	ipv4Header  = 20
	timeToLive  = 64
	// maxSegment keeps a packet below the 65,535 bytes of IP, as captures show
	// them on hosts that leave cutting to the network card.
	maxSegment = 32 << 10
)

// packets returns those of all connections in the order of time.
func packets(connections []*Connection) []packet {
	var all []packet
	for n, c := range connections {
		d := newDialogue(n, c)
		all = append(all, d.packets()...)
	}
	slices.SortStableFunc(all, func(a, b packet) int { return a.at.Compare(b.at) })
	return all
}

// A dialogue makes a connection's packets. Sequence numbers count what each side
// has sent (RFC 9293, Section 3.4).
type dialogue struct {
	connection     *Connection
	client, server side
	made           []packet
}

// A side is one end with what it has sent.
type side struct {
	address netip.AddrPort
	next    uint32 // sequence number
}

func newDialogue(n int, c *Connection) *dialogue {
	client, server := plainAddress(c.Client), plainAddress(c.Server)
	if !client.IsValid() || !server.IsValid() || client.Addr().Is4() != server.Addr().Is4() {
		const firstDynamic, dynamic = 49152, 16384 // ports, RFC 6335
		client = netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, 1}), uint16(firstDynamic+n%dynamic))
		server = netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, 2}), 443)
	}
	begin := uint32(n) << 16 // by which readers tell apart connections that share a port
	return &dialogue{connection: c, client: side{client, begin}, server: side{server, begin}}
}

// plainAddress is the address as it stands in a packet: no IPv4 in IPv6, no zone.
func plainAddress(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

func (d *dialogue) packets() []packet {
	c := d.connection
	d.send(c.Opened, wire.Client, syn, nil)
	d.made[0].comment = c.Comment
	d.send(c.Opened, wire.Server, syn|ack, nil)
	d.send(c.Opened, wire.Client, ack, nil)
	serverOpen := c.ServerEnd != StillOpen
	for _, s := range c.Segments {
		if serverOpen && s.At.After(c.ServerClosed) {
			d.serverEnds()
			serverOpen = false
		}
		for data := s.Data; len(data) > 0; {
			part := data[:min(len(data), maxSegment)]
			data = data[len(part):]
			d.send(s.At, s.From, psh|ack, part)
		}
	}
	if serverOpen {
		d.serverEnds()
	}
	if c.ServerEnd != Reset && !c.Closed.IsZero() {
		d.send(c.Closed, wire.Client, fin|ack, nil)
	}
	return d.made
}

func (d *dialogue) serverEnds() {
	flags := byte(fin | ack)
	if d.connection.ServerEnd == Reset {
		flags = rst | ack
	}
	d.send(d.connection.ServerClosed, wire.Server, flags, nil)
}

// send makes a packet, which acknowledges all that the other side has sent.
func (d *dialogue) send(at time.Time, from wire.Peer, flags byte, data []byte) {
	sender, receiver := &d.client, &d.server
	if from == wire.Server {
		sender, receiver = receiver, sender
	}
	h := make([]byte, tcpHeader, tcpHeader+len(data))
	binary.BigEndian.PutUint16(h[0:], sender.address.Port())
	binary.BigEndian.PutUint16(h[2:], receiver.address.Port())
	binary.BigEndian.PutUint32(h[4:], sender.next)
	if flags&ack != 0 {
		binary.BigEndian.PutUint32(h[8:], receiver.next)
	}
	h[12], h[13] = tcpHeader/4<<4, flags
	binary.BigEndian.PutUint16(h[14:], 0xffff) // the window
	h = append(h, data...)
	binary.BigEndian.PutUint16(h[16:], checksum(pseudoHeader(sender.address.Addr(), receiver.address.Addr(), len(h)), h))
	sender.next += uint32(len(data))
	if flags&(syn|fin) != 0 { // they count as a byte
		sender.next++
	}
	d.made = append(d.made, packet{at: at, data: inIP(sender.address.Addr(), receiver.address.Addr(), h)})
}

// pseudoHeader is what TCP's checksum covers of IP (RFC 9293, Section 3.1; RFC
// 8200, Section 8.1).
func pseudoHeader(from, to netip.Addr, length int) []byte {
	h := append(from.AsSlice(), to.AsSlice()...)
	if from.Is4() {
		return append(h, 0, tcpProtocol, byte(length>>8), byte(length))
	}
	h = binary.BigEndian.AppendUint32(h, uint32(length))
	return append(h, 0, 0, 0, tcpProtocol)
}

// inIP puts the header of IPv4 (RFC 791) or IPv6 (RFC 8200) before a segment.
func inIP(from, to netip.Addr, segment []byte) []byte {
	if from.Is4() {
		h := make([]byte, ipv4Header-8, ipv4Header+len(segment))
		h[0] = 4<<4 | ipv4Header/4
		binary.BigEndian.PutUint16(h[2:], uint16(ipv4Header+len(segment)))
		h[6] = 0x40 // do not fragment
		h[8], h[9] = timeToLive, tcpProtocol
		h = append(append(h, from.AsSlice()...), to.AsSlice()...)
		binary.BigEndian.PutUint16(h[10:], checksum(h))
		return append(h, segment...)
	}
	h := []byte{6 << 4, 0, 0, 0}
	h = binary.BigEndian.AppendUint16(h, uint16(len(segment)))
	h = append(h, tcpProtocol, timeToLive)
	h = append(append(h, from.AsSlice()...), to.AsSlice()...)
	return append(h, segment...)
}

// checksum is the internet checksum of the parts, each but the last of an even
// length (RFC 1071).
func checksum(parts ...[]byte) uint16 {
	var sum uint32
	for _, p := range parts {
		for i := 0; i+1 < len(p); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(p[i:]))
		}
		if len(p)%2 == 1 {
			sum += uint32(p[len(p)-1]) << 8
		}
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}
