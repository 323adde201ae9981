package capture

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"time"

	"github.com/gopacket/gopacket/layers"

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

// methodName is the name of an EAP method that carries TLS; empty of any other.
func methodName(kind byte) string {
	switch kind {
	case 13:
		return "EAP-TLS"
	case 21:
		return "EAP-TTLS"
	case 25:
		return "PEAP"
	case 43:
		return "EAP-FAST"
	case 55:
		return "TEAP"
	}
	return ""
}

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
	requests map[string]string // the key of a conversation by a RADIUS request that waits for its answer
	unnamed  int
	begun    int // conversations in all
}

// radius takes a packet of RADIUS in, and reports whether it was one that carries EAP. Packets
// belong together by the State that the server gives and gets back (RFC 3579, Section 2.6.1).
func (t *talks) radius(from, to netip.AddrPort, payload []byte, at time.Time) bool {
	const header, request, accept, reject, challenge = 20, 1, 2, 3, 11
	if len(payload) < header || int(binary.BigEndian.Uint16(payload[2:])) > len(payload) ||
		int(binary.BigEndian.Uint16(payload[2:])) < header {
		return false
	}
	code, id := payload[0], payload[1:2]
	if code != request && code != accept && code != reject && code != challenge {
		return false
	}
	var eap, state []byte
	for rest := payload[header:binary.BigEndian.Uint16(payload[2:])]; len(rest) > 0; rest = rest[rest[1]:] {
		const eapMessage, stateType = 79, 24
		if len(rest) < 2 || rest[1] < 2 || int(rest[1]) > len(rest) {
			return false
		}
		switch value := rest[2:rest[1]]; rest[0] {
		case eapMessage:
			eap = append(eap, value...)
		case stateType:
			state = append(state, value...)
		}
	}
	if len(eap) == 0 {
		return false
	}
	if code == request {
		waits := from.String() + to.String() + string(id)
		key, known := t.requests[waits]
		if again := known && t.open[key] != nil && string(t.open[key].last[0]) == string(eap); !again {
			if key = to.String() + string(state); len(state) == 0 || t.open[key] == nil {
				t.unnamed++
				key = from.String() + to.String() + string(binary.BigEndian.AppendUint64(nil, uint64(t.unnamed)))
			}
			t.waiting(waits, key)
		}
		t.packet(key, Connection{Carried: Carried{Carrier: EAPOverRADIUS}, Client: from, Server: to}, wire.Client, eap, at)
		return true
	}
	waits := to.String() + from.String() + string(id)
	key, known := t.requests[waits]
	if !known {
		return true // nobody knows whose answer it is
	}
	t.packet(key, Connection{Carried: Carried{Carrier: EAPOverRADIUS}, Client: to, Server: from}, wire.Server, eap, at)
	if talk := t.open[key]; talk != nil && len(state) > 0 { // by which it goes on
		delete(t.open, key)
		key = from.String() + string(state)
		t.open[key] = talk
		t.waiting(waits, key)
	}
	return true
}

func (t *talks) waiting(request, key string) {
	if len(t.requests) >= maxRequests {
		clear(t.requests)
	}
	t.requests[request] = key
}

// lan takes a packet of EAP over LAN in, between two stations.
func (t *talks) lan(from, to string, eap []byte, at time.Time) {
	if len(eap) == 0 {
		return
	}
	peer, authenticator, who := from, to, wire.Client
	if eap[0] != eapResponse {
		peer, authenticator, who = to, from, wire.Server
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
	talk.turn(who, eap[1])
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
	case len(eap) > eapHeader && methodName(eap[4]) != "":
		talk.connection.Method = methodName(eap[4])
		talk.fragment(who, eap[eapHeader], eap[eapHeader+1:])
	}
}

// beginsEAP reports whether a conversation begins with a packet.
func beginsEAP(eap []byte) bool {
	return len(eap) >= eapHeader && eap[4] == eapIdentity && eap[0] <= eapResponse ||
		len(eap) > eapHeader && eap[0] == eapRequest && eap[eapHeader]&eapStart != 0 && methodName(eap[4]) != ""
}

// turn notices packets that are missing: each request has a response with its identifier, and comes
// after the response to the one before (RFC 3748, Section 4.1).
func (t *eapTalk) turn(who wire.Peer, id byte) {
	missing := wire.Peer(0)
	switch last := t.last; {
	case who == wire.Client && last[1] != nil && last[1][1] != id:
		missing = wire.Server
	case who == wire.Server && last[1] != nil && last[1][1] != id && (last[0] == nil || last[0][1] != last[1][1]):
		missing = wire.Client
	}
	if missing != 0 && t.flows.Begun() {
		t.connection.Gaps++
		t.flows.Skip(missing, 0)
		t.came[missing], t.left[missing] = 0, 0
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
