package capture

import (
	"net/netip"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/reassembly"

	"mtlsprobe/probe/wire"
)

// A Connection is one TCP connection that carries TLS, or a conversation of something else that
// does.
type Connection struct {
	// Number counts the capture's connections and conversations from 1, in the order of their
	// first packets.
	Number         int
	Client, Server netip.AddrPort
	Carried
	Started, Ended time.Time // of the first and the last packet
	Transcript     *wire.Transcript
	// Lost counts bytes that the capture does not have.
	Lost int
	// Middle says that the capture began after the connection.
	Middle bool
	Close  Close
	// Closer is who closed first; zero where nobody did.
	Closer wire.Peer
}

// Carried is what is known of a conversation that is no TCP connection; zero for one.
type Carried struct {
	Carrier Carrier
	// ClientName and ServerName stand for addresses, where those are not of IP.
	ClientName, ServerName string
	Method                 string // of EAP, such as "EAP-TLS"
	Identity               string // the user's name in clear
	Gaps                   int    // packets that the capture does not have, or more
}

// A Close is how a connection ended.
type Close string

// The ends of connections.
const (
	NotClosed Close = "the capture ends before the connection does"
	FIN       Close = "FIN"
	RST       Close = "RST"
)

// Bounds of what is kept.
const (
	pagesPerFlow = 16 // of 1,900 bytes each, kept for what is missing before them
	pagesInAll   = 8192
)

// A stream is one TCP connection while it is read.
type stream struct {
	connection Connection
	flows      *Flows
	done       func(*Connection)
	over       func()
	swapped    bool // the first packet came from the server
	halves     map[reassembly.TCPFlowDirection]*half
}

// A half is how far one direction of a stream goes.
type half struct {
	first uint32 // the sequence number of its first byte
	read  int    // bytes that were read, or are known to be missing
	top   int    // bytes that there are, as far as numbers show
	fin   bool   // top is final
}

// A factory makes streams.
type factory struct {
	count int
	ends  ends
	keys  *wire.KeyLog
	done  func(*Connection)
}

// A moment is when a packet was seen, and whose it is.
type moment struct {
	info     gopacket.CaptureInfo
	from, to netip.AddrPort
	use      *use
}

func (m *moment) GetCaptureInfo() gopacket.CaptureInfo { return m.info }

// New begins a connection with its first packet.
func (f *factory) New(_, _ gopacket.Flow, tcp *layers.TCP, ac reassembly.AssemblerContext) reassembly.Stream {
	f.count++
	m := ac.(*moment)
	s := &stream{flows: NewFlows(f.keys), done: f.done, over: func() { f.ends.end(m.use) }}
	c := &s.connection
	c.Number, c.Started, c.Close, c.Middle = f.count, m.info.Timestamp, NotClosed, !tcp.SYN
	c.Client, c.Server = m.from, m.to
	// Without its beginning the lower port is the server's; a SYN with ACK is its answer.
	if tcp.SYN && tcp.ACK || !tcp.SYN && tcp.SrcPort < tcp.DstPort {
		s.swap()
	}
	return s
}

func (s *stream) swap() {
	c := &s.connection
	s.swapped = !s.swapped
	c.Client, c.Server = c.Server, c.Client
}

func address(e gopacket.Endpoint, port uint16) netip.AddrPort {
	ip, _ := netip.AddrFromSlice(e.Raw())
	return netip.AddrPortFrom(ip, port)
}

func (s *stream) from(dir reassembly.TCPFlowDirection) wire.Peer {
	if (dir == reassembly.TCPDirClientToServer) != s.swapped {
		return wire.Client
	}
	return wire.Server
}

// Accept notes how the connection ends. Every packet is taken: captures begin in the middle,
// and lose packets.
func (s *stream) Accept(tcp *layers.TCP, ci gopacket.CaptureInfo, dir reassembly.TCPFlowDirection,
	_ reassembly.Sequence,
	start *bool, _ reassembly.AssemblerContext) bool {
	c := &s.connection
	c.Ended = ci.Timestamp
	*start = true
	s.count(tcp, dir)
	if c.Close == NotClosed && (tcp.FIN || tcp.RST) {
		c.Closer, c.Close = s.from(dir), FIN
		if tcp.RST {
			c.Close = RST
		}
	}
	return true
}

// count notes how many bytes each direction has: by what is sent, and by what the other end says
// that it got.
func (s *stream) count(tcp *layers.TCP, dir reassembly.TCPFlowDirection) {
	if s.halves == nil {
		s.halves = make(map[reassembly.TCPFlowDirection]*half, 2)
	}
	begin := tcp.Seq
	if tcp.SYN {
		begin++
	}
	if s.halves[dir] == nil {
		s.halves[dir] = &half{first: begin}
	}
	h, end := s.halves[dir], begin+uint32(len(tcp.Payload))
	if tcp.FIN && !h.fin {
		h.fin, h.top = true, max(h.top, int(int32(end-h.first)))
	} else if !h.fin && !tcp.RST {
		h.top = max(h.top, int(int32(end-h.first)))
	}
	if other := s.halves[!dir]; other != nil && tcp.ACK && !tcp.RST && !other.fin {
		other.top = max(other.top, int(int32(tcp.Ack-other.first)))
	}
}

// ReassembledSG reads what one peer sent next.
func (s *stream) ReassembledSG(sg reassembly.ScatterGather, _ reassembly.AssemblerContext) {
	dir, _, _, skip := sg.Info()
	length, _ := sg.Lengths()
	if h := s.halves[dir]; h != nil {
		h.read += length + max(skip, 0)
	}
	if skip > 0 {
		s.connection.Lost += skip
		s.flows.Skip(s.from(dir), skip)
	}
	if length == 0 {
		return
	}
	if s.flows.Feed(s.from(dir), sg.Fetch(length)) { // the direction was guessed, and wrongly
		s.swap()
	}
}

// ReassemblyComplete hands a connection on.
func (s *stream) ReassemblyComplete(reassembly.AssemblerContext) bool {
	s.over()
	for dir, h := range s.halves { // what comes last is missed by nothing after it
		if missing := h.top - h.read; h.fin && missing > 0 || missing > 1 { // the FIN itself counts as one
			s.connection.Lost += missing
			s.flows.Skip(s.from(dir), missing)
		}
	}
	if s.connection.Transcript = s.flows.Transcript(); s.connection.Transcript != nil {
		s.done(&s.connection)
	}
	return true
}
