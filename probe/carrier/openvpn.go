package carrier

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"time"
)

// OpenVPNOptions says how to reach the control channel of an OpenVPN server. The zero
// OpenVPNOptions are of a server that takes packets from anybody.
type OpenVPNOptions struct {
	// Key protects every packet; nil where the server demands none.
	Key *StaticKey
}

// An opcode is the type of a packet. See the OpenVPN protocol, "The OpenVPN wire protocol", Section
// "Opcodes".
type opcode byte

const (
	controlV1     opcode = 4
	ackV1         opcode = 5
	resetServerV2 opcode = 8
	resetClientV2 opcode = 7
	resetClientV3 opcode = 10 // of tls-crypt-v2
)

const (
	sessionID  = 8
	packetHead = 1 + sessionID // opcode and key, session
	maxPayload = 1100          // bytes of TLS in a packet, for any MTU
	window     = 4             // packets that wait for their acknowledgement
	maxAhead   = 64            // packets that are kept for those before them
	// mostVPNPackets is how often a packet is sent: as often as OpenVPN does within the minute that
	// it takes for a handshake (hand-window), and twice where single packets come back.
	mostVPNPackets = 8
	maxAcks        = 8       // acknowledgements in a packet
	maxOpenVPN     = 1 << 16 // bytes of a packet
	maxAnswerVPN   = 1 << 20 // bytes of TLS that a server may send
)

// An OpenVPN is the client's end of an OpenVPN control channel, in which TLS is spoken.
type OpenVPN struct {
	*datagrams
	wrap          wrapping
	first         opcode
	tail          []byte // of the first packet
	wait          time.Duration
	ready         bool   // there is a session
	local, remote []byte // sessions; remote is nil before the server has answered
	nextID        uint32 // of this end's next packet
	expected      uint32 // the server's next packet
	ahead         map[uint32][]byte
	sent          []*vpnPacket // packets without an acknowledgement
	acks          []uint32     // to be sent
	in, out       []byte
	came          int
	heard         int    // packets of the server
	acked         uint32 // the highest packet that was acknowledged
	outcome       *Outcome
}

// A vpnPacket is one that waits for its acknowledgement.
type vpnPacket struct {
	opcode  opcode
	id      uint32
	payload []byte
	again   time.Time // when it is sent next; zero: now
	wait    time.Duration
	times   int
	heard   int // packets of the server, when it was sent last
	alone   int // how often it was sent since one came
}

var _ Carrier = (*OpenVPN)(nil)

// NewOpenVPN returns a control channel over a connection of UDP, or, if stream is set, of TCP. It
// sends nothing yet.
func NewOpenVPN(conn net.Conn, stream bool, o *OpenVPNOptions) *OpenVPN {
	if stream {
		conn = &frames{Conn: conn}
	}
	v := &OpenVPN{datagrams: &datagrams{Conn: conn}, wrap: plainly{}, first: resetClientV2, wait: firstWait / 4,
		local: make([]byte, sessionID), ahead: make(map[uint32][]byte)}
	_, _ = rand.Read(v.local)
	if o.Key != nil {
		v.wrap = o.Key.wrapping()
		if v.tail = o.Key.wrapped; v.tail != nil {
			v.first = resetClientV3
		}
	}
	return v
}

// Start makes a session.
func (v *OpenVPN) Start() error {
	v.queue(v.first, nil)
	for v.remote == nil || len(v.sent) > 0 {
		if err := v.turn(); err != nil {
			return err
		}
	}
	v.ready = true
	return nil
}

// Outcome says that the server has dropped the session, as it does without a word where TLS fails;
// nil where it did not.
func (v *OpenVPN) Outcome() *Outcome { return v.outcome }

// Write keeps what is to be sent.
func (v *OpenVPN) Write(b []byte) (int, error) {
	if len(v.out)+len(b) > maxFlight {
		return 0, errors.New("more than a flight of TLS has")
	}
	v.out = append(v.out, b...)
	return len(b), nil
}

// Read returns what the server says in TLS. Before that it sends what was written since.
func (v *OpenVPN) Read(b []byte) (int, error) {
	for len(v.in) == 0 {
		if v.outcome != nil {
			return 0, io.EOF
		}
		for part := range slices.Chunk(v.out, maxPayload) {
			v.queue(controlV1, part)
		}
		v.out = nil
		if err := v.turn(); err != nil {
			return 0, err
		}
	}
	n := copy(b, v.in)
	v.in = v.in[n:]
	return n, nil
}

func (v *OpenVPN) queue(op opcode, payload []byte) {
	v.sent = append(v.sent, &vpnPacket{opcode: op, id: v.nextID, payload: bytes.Clone(payload), wait: v.wait})
	v.nextID++
}

// turn sends what is due, and takes one packet in, or the time that the next one is due.
func (v *OpenVPN) turn() error {
	next, err := v.sendDue()
	if err != nil || v.outcome != nil {
		return err
	}
	buffer := make([]byte, maxOpenVPN)
	n, late, err := v.receive(buffer, next)
	switch {
	case late:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded) && (v.remote == nil || len(v.sent) > 0 && v.sent[0].id < v.acked):
		return v.silent()
	case err != nil:
		return err
	}
	return v.take(buffer[:n])
}

// dropped reports whether the server hears no more of the session: packets that were sent again and
// again are not acknowledged, and nothing else comes. Servers acknowledge what they could read, and
// drop a session of which TLS has failed.
func (v *OpenVPN) dropped() bool {
	const enough = 3
	return v.ready && len(v.sent) > 0 && !slices.ContainsFunc(v.sent[:min(len(v.sent), window)],
		func(p *vpnPacket) bool {
			return p.times <= enough || p.alone < enough || p.heard != v.heard || p.id < v.acked // it holds the session
		})
}

func (v *OpenVPN) silent() error {
	packets := 0
	if len(v.sent) > 0 {
		packets = v.sent[0].times
	}
	e := &SilentError{Packets: packets, Program: "openvpn"}
	switch {
	case len(v.sent) > 0 && v.sent[0].id < v.acked:
		e.Why = fmt.Sprintf("the server acknowledges packets, and not those with %d bytes of TLS: the way to it may drop "+
			"them", len(v.sent[0].payload))
	case v.remote == nil:
		e.Why = "the server may listen elsewhere, or take only packets that are made with its tls-auth or tls-crypt key: " +
			"give its client's configuration"
	}
	return e
}

// sendDue sends the packets of the window that are due, or else acknowledgements alone, and returns
// when to look again.
func (v *OpenVPN) sendDue() (next time.Time, err error) {
	now := time.Now()
	next = now.Add(longestWait)
	for _, p := range v.sent[:min(len(v.sent), window)] {
		if !p.again.After(now) {
			switch {
			case v.dropped():
				v.outcome = &Outcome{Said: "drops the session without a word"}
				return now, nil
			case p.times == mostVPNPackets:
				return now, v.silent()
			}
			if err := v.send(p.opcode, &p.id, p.payload); err != nil {
				return now, err
			}
			if p.heard != v.heard {
				p.heard, p.alone = v.heard, 0
			}
			p.times++
			p.alone++
			p.again, p.wait = now.Add(p.wait), min(2*p.wait, longestWait)
			if v.dropped() {
				p.again = now.Add(2 * v.wait) // for what is on its way
			}
		}
		if p.again.Before(next) {
			next = p.again
		}
	}
	for len(v.acks) > 0 {
		if err := v.send(ackV1, nil, nil); err != nil {
			return now, err
		}
	}
	return next, nil
}

// send makes a packet, with the acknowledgements that are due.
func (v *OpenVPN) send(op opcode, id *uint32, payload []byte) error {
	acks := v.acks[:min(len(v.acks), maxAcks)]
	v.acks = v.acks[len(acks):]
	rest := []byte{byte(len(acks))}
	for _, ack := range acks {
		rest = binary.BigEndian.AppendUint32(rest, ack)
	}
	if len(acks) > 0 {
		rest = append(rest, v.remote...)
	}
	if id != nil {
		rest = binary.BigEndian.AppendUint32(rest, *id)
	}
	packet := v.wrap.seal(append([]byte{byte(op) << 3}, v.local...), append(rest, payload...))
	if op == resetClientV3 {
		packet = append(packet, v.tail...)
	}
	_, err := v.Conn.Write(packet)
	return err
}

// take takes a packet in. What does not belong to the session, or was not made with the key, is
// dropped, as OpenVPN does.
func (v *OpenVPN) take(packet []byte) error {
	if len(packet) < packetHead {
		return nil
	}
	op := opcode(packet[0] >> 3)
	rest, ok := v.wrap.open(packet)
	if !ok || op != controlV1 && op != ackV1 && op != resetServerV2 {
		return nil
	}
	session := packet[1:packetHead]
	if v.remote != nil && !bytes.Equal(session, v.remote) {
		return nil
	}
	const idSize = 4
	if len(rest) == 0 || len(rest) < 1+int(rest[0])*idSize {
		return nil
	}
	v.heard++
	acks := rest[1 : 1+int(rest[0])*idSize]
	if rest = rest[1+len(acks):]; len(acks) > 0 {
		if len(rest) < sessionID || !bytes.Equal(rest[:sessionID], v.local) {
			return nil
		}
		rest = rest[sessionID:]
	}
	for ack := range slices.Chunk(acks, idSize) {
		id := binary.BigEndian.Uint32(ack)
		if id < v.nextID {
			v.acked = max(v.acked, id)
		}
		v.sent = slices.DeleteFunc(v.sent, func(p *vpnPacket) bool { return p.id == id && p.times > 0 })
	}
	if v.remote == nil {
		if op != resetServerV2 {
			return nil
		}
		v.remote = bytes.Clone(session)
	}
	if op == ackV1 || len(rest) < idSize {
		return nil
	}
	return v.message(op, binary.BigEndian.Uint32(rest), rest[idSize:])
}

// message takes a packet in that is to be acknowledged, and those after it that came before.
func (v *OpenVPN) message(op opcode, id uint32, payload []byte) error {
	if id-v.expected > maxAhead && v.expected-id > maxAhead {
		return nil // nobody knows what to make of it
	}
	if !slices.Contains(v.acks, id) {
		v.acks = append(v.acks, id)
	}
	if op == resetServerV2 {
		payload = nil
	}
	if int32(id-v.expected) >= 0 {
		v.ahead[id] = bytes.Clone(payload)
	}
	for {
		next, there := v.ahead[v.expected]
		if !there {
			return nil
		}
		delete(v.ahead, v.expected)
		v.expected++
		if v.came += len(next); v.came > maxAnswerVPN {
			return fmt.Errorf("%w: more than %d bytes", errBroken, maxAnswerVPN)
		}
		v.in = append(v.in, next...)
	}
}

// frames are packets over TCP: each with its length before it.
type frames struct {
	net.Conn
	came []byte // of frames that are not whole
}

// Read returns one packet. What has come of the next one is kept when the time is over.
func (f *frames) Read(b []byte) (int, error) {
	const head = 2
	for {
		if len(f.came) >= head {
			if size := int(binary.BigEndian.Uint16(f.came)); len(f.came) >= head+size {
				n := copy(b, f.came[head:head+size])
				f.came = f.came[head+size:]
				return n, nil
			}
		}
		buffer := make([]byte, 4096)
		n, err := f.Conn.Read(buffer)
		f.came = append(f.came, buffer[:n]...)
		if n == 0 && err == nil {
			err = io.ErrNoProgress
		}
		if n == 0 {
			return 0, err
		}
	}
}

func (f *frames) Write(b []byte) (int, error) {
	if _, err := f.Conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)); err != nil {
		return 0, err
	}
	return len(b), nil
}
