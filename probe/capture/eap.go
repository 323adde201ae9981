package capture

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"time"

	"github.com/gopacket/gopacket/layers"

	"mtlsprobe/probe/carrier"
	"mtlsprobe/probe/wire"
)

// A Carrier is what carries TLS in place of TCP.
type Carrier string

// The carriers.
const (
	EAPOverRADIUS Carrier = "EAP over RADIUS" // RFC 3579
	EAPOverLAN    Carrier = "EAP over LAN"    // IEEE 802.1X
)

// The ends of conversations of EAP (RFC 3748, Section 4.2).
const (
	EAPSuccess Close = "EAP-Success"
	EAPFailure Close = "EAP-Failure"
)

// Codes and types of EAP packets (RFC 3748, Sections 4 and 5).
const (
	eapRequest  = 1
	eapResponse = 2
	eapSuccess  = 3
	eapFailure  = 4
	eapIdentity = 1
	eapHeader   = 5
)

// Flags of the methods that carry TLS (RFC 5216, Section 3.1).
const (
	eapLength = 0x80
	eapMore   = 0x40
	eapStart  = 0x20
)

// An eapTalk is one conversation of EAP.
type eapTalk struct {
	connection Connection
	flows      *Flows
	last       [2][]byte         // packets of the peer and of the authenticator: they may be sent again
	came, left map[wire.Peer]int // bytes of the message in fragments: those that came, and all
}

const (
	maxTalks    = 4096
	maxRequests = 4096
	identityEnd = 120 // bytes that are shown
)

// talks are conversations of EAP, by what tells them apart.
type talks struct {
	streams  *factory
	open     map[string]*eapTalk
	requests map[string]radiusRequest // by their ends and their identifier
	order    []string                 // of requests, the oldest first
	latest   map[string]string        // the key of the last conversation between two ends
	station  string                   // the station that spoke last in a LAN
	unnamed  int
	begun    int // conversations in all
}

// A radiusRequest is one that may have an answer.
type radiusRequest struct {
	key           string // of its conversation
	authenticator [16]byte
}

// radius takes a packet of RADIUS in, and reports whether it was one that carries EAP. Packets
// belong together by the State that the server gives and gets back (RFC 3579, Section 2.6.1).
func (t *talks) radius(from, to netip.AddrPort, payload []byte, at time.Time) bool {
	m, ok := carrier.ParseEAPMessage(payload)
	switch {
	case !ok:
		return false
	case m.Request:
		t.asked(from, to, string([]byte{m.ID}), m.Authenticator, string(m.State), m.EAP, at)
	default:
		t.answered(from, to, string([]byte{m.ID}), string(m.State), m.EAP, at)
	}
	return true
}

// asked takes a request in. The same one is sent again with the same authenticator; another one goes
// on with the server's State. Where the packet that brought the State is missing, a conversation of
// the same ends is gone on with, if the EAP identifier says so.
func (t *talks) asked(from, to netip.AddrPort, id string, authenticator [16]byte, state string, eap []byte,
	at time.Time) {
	ends := from.String() + to.String()
	r, known := t.requests[ends+id]
	if !known || r.authenticator != authenticator {
		r = radiusRequest{to.String() + state, authenticator}
		switch {
		case state != "" && t.open[r.key] != nil:
		case state != "" && t.follows(t.latest[ends], eap):
			r.key = t.latest[ends]
		default:
			t.unnamed++
			r.key = ends + string(binary.BigEndian.AppendUint64(nil, uint64(t.unnamed)))
		}
		t.waiting(ends+id, r)
	}
	t.packet(r.key, Connection{Carried: Carried{Carrier: EAPOverRADIUS}, Client: from, Server: to}, wire.Client, eap, at)
	t.latest[ends] = r.key
}

// answered takes an answer in; where the request is missing, it is that of the last conversation of
// the same ends, if the EAP identifier says so.
func (t *talks) answered(from, to netip.AddrPort, id, state string, eap []byte, at time.Time) {
	ends := to.String() + from.String()
	r, known := t.requests[ends+id]
	if !known || t.open[r.key] == nil {
		if !t.follows(t.latest[ends], eap) {
			return // nobody knows whose answer it is
		}
		r.key = t.latest[ends]
	}
	t.packet(r.key, Connection{Carried: Carried{Carrier: EAPOverRADIUS}, Client: to, Server: from}, wire.Server, eap, at)
	talk := t.open[r.key]
	if talk == nil || state == "" {
		return
	}
	next := from.String() + state // by which it goes on
	if next == r.key {
		return
	}
	delete(t.open, r.key)
	t.open[next] = talk
	if t.latest[ends] == r.key {
		t.latest[ends] = next
	}
	r.key = next
	t.waiting(ends+id, r)
}

// follows reports whether a packet can be one of the next of an open conversation.
func (t *talks) follows(key string, eap []byte) bool {
	const most = 4
	talk := t.open[key]
	if talk == nil || len(eap) < 4 || beginsEAP(eap) {
		return false
	}
	before := talk.last[1]
	if before == nil {
		before = talk.last[0]
	}
	return eap[1]-before[1] <= most
}

func (t *talks) waiting(id string, r radiusRequest) {
	if _, there := t.requests[id]; !there {
		if len(t.order) >= maxRequests {
			delete(t.requests, t.order[0])
			t.order = t.order[1:]
		}
		t.order = append(t.order, id)
	}
	t.requests[id] = r
}

// groupAddress is where stations of IEEE 802.1X may send to: the PAE group address.
const groupAddress = "01:80:c2:00:00:03"

// lan takes a packet of EAP over LAN in, between two stations.
func (t *talks) lan(from, to string, eap []byte, at time.Time) {
	if len(eap) == 0 {
		return
	}
	peer, authenticator, who := from, to, wire.Client
	if eap[0] != eapResponse {
		peer, authenticator, who = to, from, wire.Server
	}
	switch {
	case who == wire.Client:
		if group := t.open[groupAddress]; group != nil && t.open[peer] == nil { // who it is shows only now
			group.connection.ClientName = peer
			t.open[peer] = group
			delete(t.open, groupAddress)
		}
		t.station = peer
	case peer == groupAddress && t.open[t.station] != nil && (!beginsEAP(eap) || !t.open[t.station].flows.Begun()):
		peer = t.station
	}
	t.packet(peer, Connection{Carried: Carried{Carrier: EAPOverLAN, ClientName: peer,
		ServerName: authenticator}}, who, eap, at)
}

// packet takes a packet of EAP in: of the conversation with the key, or of a new one like begun.
func (t *talks) packet(key string, begun Connection, who wire.Peer, eap []byte, at time.Time) {
	if len(eap) < 4 || int(binary.BigEndian.Uint16(eap[2:])) > len(eap) || binary.BigEndian.Uint16(eap[2:]) < 4 {
		return
	}
	eap = eap[:binary.BigEndian.Uint16(eap[2:])]
	talk, side := t.open[key], who-wire.Client
	if talk != nil && beginsEAP(eap) && talk.flows.Begun() && string(talk.last[side]) != string(eap) {
		t.end(key, talk) // the station begins again
		talk = nil
	}
	if talk == nil {
		const acknowledgement = eapHeader + 1
		if len(eap) <= acknowledgement { // of one that is over
			return
		}
		if len(t.open) >= maxTalks {
			t.oldest()
		}
		t.streams.count++
		t.begun++
		talk = &eapTalk{flows: NewFlows(t.streams.keys), came: make(map[wire.Peer]int), left: make(map[wire.Peer]int),
			connection: begun}
		c := &talk.connection
		c.Number, c.Started, c.Close = t.streams.count, at, NotClosed
		t.open[key] = talk
	}
	talk.connection.Ended = at
	if who == wire.Server { // the client may speak to a group
		talk.connection.ServerName = begun.ServerName
	}
	if string(talk.last[side]) == string(eap) { // sent again
		return
	}
	talk.turn(who, eap[0], eap[1])
	talk.last[side] = append([]byte(nil), eap...)
	switch code := eap[0]; {
	case code == eapSuccess || code == eapFailure:
		talk.connection.Close, talk.connection.Closer = EAPSuccess, wire.Server
		if code == eapFailure {
			talk.connection.Close = EAPFailure
		}
		t.end(key, talk)
	case len(eap) < eapHeader:
	case code == eapResponse && eap[4] == eapIdentity:
		talk.connection.Identity = strings.ToValidUTF8(string(eap[eapHeader:min(len(eap), eapHeader+identityEnd)]), "?")
	case len(eap) > eapHeader && carrier.Method(eap[4]).CarriesTLS():
		talk.connection.Method = carrier.Method(eap[4]).String()
		talk.fragment(who, eap[eapHeader], eap[eapHeader+1:])
	}
}

// beginsEAP reports whether a conversation begins with a packet.
func beginsEAP(eap []byte) bool {
	return len(eap) >= eapHeader && eap[4] == eapIdentity && eap[0] <= eapResponse ||
		len(eap) > eapHeader && eap[0] == eapRequest && eap[eapHeader]&eapStart != 0 &&
			carrier.Method(eap[4]).CarriesTLS()
}

// turn notices packets that are missing: each request has a response with its identifier, and comes
// after the response to the one before (RFC 3748, Section 4.1).
func (t *eapTalk) turn(who wire.Peer, code, id byte) {
	missing := wire.Peer(0)
	switch last := t.last; {
	case last[1] != nil && (code == eapSuccess || code == eapFailure): // with the identifier of the last response
		if last[1][1] != id {
			t.lose(wire.Server)
		}
		if last[1][1] != id || last[0] == nil || last[0][1] != id {
			missing = wire.Client
		}
	case who == wire.Client && last[1] != nil && last[1][1] != id:
		missing = wire.Server
	case who == wire.Server && last[1] != nil && last[1][1] != id && (last[0] == nil || last[0][1] != last[1][1]):
		missing = wire.Client
	}
	if missing != 0 {
		t.lose(missing)
	}
}

// lose notes that a packet is missing.
func (t *eapTalk) lose(who wire.Peer) {
	if t.flows.Begun() {
		t.connection.Gaps++
		t.flows.Skip(who, 0)
		t.came[who], t.left[who] = 0, 0
	}
}

// fragment takes a fragment of TLS in. What is missing of a message is skipped at its end, for
// nobody knows where it was.
func (t *eapTalk) fragment(who wire.Peer, flags byte, data []byte) {
	if flags&eapStart != 0 {
		return
	}
	if flags&eapLength != 0 {
		if len(data) < 4 {
			return
		}
		const longest = 1 << 24
		if t.came[who] == 0 {
			t.left[who] = int(min(binary.BigEndian.Uint32(data), longest))
		}
		data = data[4:]
	}
	t.came[who] += len(data)
	if len(data) > 0 {
		t.flows.Feed(who, data)
	}
	if flags&eapMore != 0 {
		return
	}
	if missing := t.left[who] - t.came[who]; missing > 0 {
		t.connection.Gaps++
		t.flows.Skip(who, 0)
	}
	t.came[who], t.left[who] = 0, 0
}

// end hands a conversation on that carried TLS.
func (t *talks) end(key string, talk *eapTalk) {
	delete(t.open, key)
	if ends := talk.connection.Client.String() + talk.connection.Server.String(); t.latest[ends] == key {
		delete(t.latest, ends)
	}
	if talk.connection.Transcript = talk.flows.Transcript(); talk.connection.Transcript != nil {
		t.streams.done(&talk.connection)
	}
}

// flush ends those that have said nothing since.
func (t *talks) flush(since time.Time) {
	for key, talk := range t.open {
		if talk.connection.Ended.Before(since) {
			t.end(key, talk)
		}
	}
}

// oldest ends the one that has been silent for longest.
func (t *talks) oldest() {
	var key string
	for k, talk := range t.open {
		if key == "" || talk.connection.Ended.Before(t.open[key].connection.Ended) {
			key = k
		}
	}
	t.end(key, t.open[key])
}

// station is the name of an end in a LAN.
func station(mac []byte) string { return layers.NewMACEndpoint(mac).String() }
