package capture

import (
	"bytes"
	"encoding/binary"
	"maps"
	"net/netip"
	"slices"
	"time"

	"mtlsprobe/probe/wire"
)

// OpenVPN is the carrier of OpenVPN's control channel over UDP.
const OpenVPN Carrier = "OpenVPN"

// TunnelUp is the end of the control channel's first handshake: data goes through the tunnel.
const TunnelUp Close = "the tunnel is set up"

// Unanswered is the end of a conversation in which the client said the same again and again, and the
// server nothing.
const Unanswered Close = "the server answers no more"

// Opcodes of OpenVPN's packets, and the sizes of their parts.
const (
	vpnControl     = 4
	vpnAck         = 5
	vpnResetClient = 7
	vpnResetServer = 8
	vpnData1       = 6
	vpnData2       = 9
	vpnSession     = 8
	vpnHead        = 1 + vpnSession
	vpnID          = 4
	vpnReplay      = 8 // of tls-auth: a number and a time
	maxVPNTalks    = 1024
	maxVPNAhead    = 64
	maxVPNAcks     = 8
)

// A vpnTalk is one session. What protects its packets is known by the size of the first one: nothing,
// or tls-auth with a digest of so many bytes. Those of tls-crypt cannot be read.
type vpnTalk struct {
	connection Connection
	flows      *Flows
	digest     int // bytes; -1 for no tls-auth
	next       map[wire.Peer]uint32
	ahead      map[wire.Peer]map[uint32][]byte
	sessions   [2][]byte // the client's and the server's; nil before they are known
	repeated   int       // packets that the client sent again since the server said anything
}

// vpnTalks are sessions by their ends.
type vpnTalks struct {
	streams *factory
	open    map[pair]*vpnTalk
	begun   int
	sealed  int // sessions that cannot be read
}

// packet takes a datagram in, and reports whether it is of OpenVPN.
func (t *vpnTalks) packet(from, to netip.AddrPort, data []byte, at time.Time) bool {
	if len(data) < 1 {
		return false
	}
	p := pair{from, to}
	if to.Compare(from) < 0 {
		p = pair{to, from}
	}
	op, talk := data[0]>>3, t.open[p]
	if op == vpnResetClient && data[0]&7 == 0 {
		return t.reset(p, talk, from, to, data, at)
	}
	if talk == nil {
		return false
	}
	who := wire.Client
	if from == talk.connection.Server {
		who = wire.Server
	}
	if op != vpnData1 && op != vpnData2 && !talk.belongs(who, data) {
		return true
	}
	talk.connection.Ended = at
	if who == wire.Server {
		talk.repeated = 0
	}
	switch op {
	case vpnData1, vpnData2:
		if who == wire.Server && talk.flows.ciphered() { // before, it is an earlier session's
			talk.connection.Close = TunnelUp
			t.end(p, talk)
		}
	case vpnControl, vpnResetServer:
		talk.control(who, op, data)
	}
	return true
}

// reset begins a session with a client's first packet, or finds that it was sent again.
func (t *vpnTalks) reset(p pair, talk *vpnTalk, from, to netip.AddrPort, data []byte, at time.Time) bool {
	const end = 1 + vpnID // neither acknowledgements nor another number than zero
	plain := make([]byte, end)
	digest := len(data) - vpnHead - vpnReplay - end
	switch {
	case len(data) == vpnHead+end && bytes.HasSuffix(data, plain):
		digest = -1
	case slices.Contains([]int{16, 20, 28, 32, 48, 64}, digest) && bytes.HasSuffix(data, plain):
	case digest == 32: // tls-crypt, whose tag has as many bytes
		t.sealed++
		return true
	default:
		return false
	}
	if talk != nil {
		if talk.belongs(wire.Client, data) {
			return true
		}
		t.end(p, talk)
	}
	if len(t.open) >= maxVPNTalks {
		t.oldest()
	}
	t.streams.count++
	t.begun++
	talk = &vpnTalk{flows: NewFlows(t.streams.keys), digest: digest, next: map[wire.Peer]uint32{wire.Client: 1},
		ahead: map[wire.Peer]map[uint32][]byte{wire.Client: {}, wire.Server: {}},
		connection: Connection{Number: t.streams.count, Client: from, Server: to, Carried: Carried{Carrier: OpenVPN},
			Started: at, Ended: at, Close: NotClosed}}
	talk.belongs(wire.Client, data)
	if t.open == nil {
		t.open = make(map[pair]*vpnTalk)
	}
	t.open[p] = talk
	return true
}

// belongs reports whether a packet is of the session, which the first one of each end names.
func (t *vpnTalk) belongs(who wire.Peer, data []byte) bool {
	if len(data) < vpnHead {
		return false
	}
	session := &t.sessions[who-wire.Client]
	if *session == nil {
		*session = bytes.Clone(data[1:vpnHead])
	}
	return bytes.Equal(*session, data[1:vpnHead])
}

// control takes a packet in that carries TLS, in its place.
func (t *vpnTalk) control(who wire.Peer, op byte, data []byte) {
	skip := vpnHead
	if t.digest >= 0 {
		skip += t.digest + vpnReplay
	}
	if len(data) <= skip {
		return
	}
	rest := data[skip:]
	acks := int(rest[0])
	if rest = rest[1:]; acks > 0 {
		acks = acks*vpnID + vpnSession
	}
	if acks > maxVPNAcks*vpnID+vpnSession || len(rest) < acks+vpnID {
		return
	}
	id, payload := binary.BigEndian.Uint32(rest[acks:]), rest[acks+vpnID:]
	if op == vpnResetServer {
		payload = nil
	}
	ahead := t.ahead[who]
	if id < t.next[who] || id-t.next[who] > maxVPNAhead {
		if who == wire.Client {
			t.repeated++
		}
		return // sent again, or too much is missing
	}
	ahead[id] = bytes.Clone(payload)
	for {
		next, there := ahead[t.next[who]]
		if !there {
			return
		}
		delete(ahead, t.next[who])
		t.next[who]++
		if len(next) > 0 {
			t.flows.Feed(who, next)
		}
	}
}

// end hands a session on that carried TLS. What came after a gap is read as far as it goes.
func (t *vpnTalks) end(p pair, talk *vpnTalk) {
	delete(t.open, p)
	for who, ahead := range talk.ahead {
		for _, id := range slices.Sorted(maps.Keys(ahead)) {
			if id != talk.next[who] {
				talk.connection.Gaps++
				talk.flows.Skip(who, 0)
			}
			talk.flows.Feed(who, ahead[id])
			talk.next[who] = id + 1
		}
	}
	const enough = 2
	if talk.repeated >= enough {
		talk.connection.Close, talk.connection.Closer = Unanswered, wire.Server
	}
	if talk.connection.Transcript = talk.flows.Transcript(); talk.connection.Transcript != nil {
		t.streams.done(&talk.connection)
	}
}

// oldest ends the one that has been silent for longest.
func (t *vpnTalks) oldest() {
	var oldest pair
	var found *vpnTalk
	for p, talk := range t.open {
		if found == nil || talk.connection.Ended.Before(found.connection.Ended) {
			oldest, found = p, talk
		}
	}
	t.end(oldest, found)
}

// flush ends those that have said nothing since.
func (t *vpnTalks) flush(since time.Time) {
	for p, talk := range t.open {
		if talk.connection.Ended.Before(since) {
			t.end(p, talk)
		}
	}
}
