package carrier

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
)

// EAPOptions says how to speak EAP with a RADIUS server.
type EAPOptions struct {
	Secret []byte // shared with the server
	// Identity is the user's name outside TLS; empty: "anonymous".
	Identity string
	// Method is the EAP method; zero: EAP-TLS.
	Method Method
	// Attributes are added to every request, in place of this program's own of the same type.
	Attributes []Attribute
}

// A Method is the number of an EAP method in which TLS is spoken.
type Method byte

// The methods (RFC 5216, RFC 5281, and draft-josefsson-pppext-eap-tls-eap).
const (
	EAPTLS  Method = 13
	EAPTTLS Method = 21
	PEAP    Method = 25
)

// ParseMethod reads tls, ttls or peap.
func ParseMethod(name string) (Method, bool) {
	for _, m := range []Method{EAPTLS, EAPTTLS, PEAP} {
		if strings.EqualFold(name, strings.TrimPrefix(strings.ToLower(m.String()), "eap-")) {
			return m, true
		}
	}
	return 0, false
}

// CarriesTLS reports whether TLS is spoken in a method, in the fragments of RFC 5216.
func (m Method) CarriesTLS() bool {
	const fast, teap Method = 43, 55 // RFC 4851, RFC 7170
	return m == EAPTLS || m == EAPTTLS || m == PEAP || m == fast || m == teap
}

func (m Method) String() string {
	switch m {
	case EAPTLS:
		return "EAP-TLS"
	case EAPTTLS:
		return "EAP-TTLS"
	case PEAP:
		return "PEAP"
	case 4:
		return "EAP-MD5"
	case 26:
		return "EAP-MSCHAPv2"
	case 43:
		return "EAP-FAST"
	case 52:
		return "EAP-PWD"
	case 55:
		return "TEAP"
	}
	return fmt.Sprintf("EAP method %d", byte(m))
}

// Codes and types of EAP packets (RFC 3748, Sections 4 and 5).
const (
	eapRequest      = 1
	eapResponse     = 2
	eapSuccess      = 3
	eapIdentity     = 1
	eapNotification = 2
	eapNak          = 3
	eapHeader       = 5 // with the type
)

// Flags of EAP-TLS (RFC 5216, Section 3.1), and the version that other methods have beside them.
const (
	flagLength  = 0x80
	flagMore    = 0x40
	flagStart   = 0x20
	maskVersion = 0x07
)

// MaxIdentity is how many bytes an identity may have: those of an attribute of RADIUS.
const MaxIdentity = maxAttribute

const (
	// fragment is how much TLS goes into one packet: with the rest of a request it fits the MTU
	// of any network (RFC 3748, Section 3.1, and RFC 3579, Section 2.4).
	fragment  = 1000
	maxFlight = 1 << 18 // bytes of one flight of the server
	maxTurns  = 300     // requests of one conversation
)

// An EAP is a conversation of EAP over RADIUS (RFC 3579), in which this program is the peer and its
// authenticator, that is, the user's device and the access point.
type EAP struct {
	*datagrams
	radius   *radiusClient
	identity string
	method   Method
	state    []byte // of the server, to be sent back
	id       byte   // of the server's last request
	version  byte   // of the method
	turns    int
	in, out  []byte
	outcome  *Outcome
}

var _ Carrier = (*EAP)(nil)

// NewEAP returns a conversation over a connection of UDP. It sends nothing yet.
func NewEAP(conn net.Conn, o *EAPOptions) *EAP {
	const (
		serviceType, framedMTU, callingStation, nasIdentifier, nasPortType = 6, 12, 31, 32, 61
		framed, wireless                                                   = 2, 19
	)
	number := func(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
	e := &EAP{datagrams: &datagrams{Conn: conn}, identity: o.Identity, method: o.Method}
	if e.identity == "" {
		e.identity = "anonymous"
	}
	if e.method == 0 {
		e.method = EAPTLS
	}
	own := append(localAddress(conn), Attribute{userName, []byte(e.identity)},
		Attribute{nasIdentifier, []byte("mtlsprobe")}, Attribute{nasPortType, number(wireless)},
		Attribute{serviceType, number(framed)}, Attribute{framedMTU, number(1400)},
		Attribute{callingStation, []byte("02-00-00-00-00-01")})
	own = slices.DeleteFunc(own, func(a Attribute) bool {
		return slices.ContainsFunc(o.Attributes, func(b Attribute) bool { return a.Type == b.Type })
	})
	e.radius = &radiusClient{conn: e.datagrams, secret: o.Secret, first: firstWait,
		attributes: append(own, o.Attributes...)}
	return e
}

// Start goes up to the server's invitation to begin TLS.
func (e *EAP) Start() error {
	identity := append([]byte{eapIdentity}, e.identity...)
	answer, offered := identity, Method(0)
	for {
		kind, data, err := e.respond(answer)
		switch {
		case err != nil:
			return err
		case e.outcome != nil && offered != 0:
			return fmt.Errorf("the server offers %v, and refuses %v", offered, e.method)
		case e.outcome != nil:
			return fmt.Errorf("the server answers the identity %q with %s", e.identity, e.outcome)
		case kind == eapIdentity:
			answer = identity
		case kind == eapNotification:
			answer = []byte{eapNotification}
		case Method(kind) == e.method:
			if len(data) == 0 || data[0]&flagStart == 0 {
				return fmt.Errorf("%w: %v does not begin with its start", errBroken, e.method)
			}
			e.version = data[0] & maskVersion
			return nil
		default:
			offered, answer = Method(kind), []byte{eapNak, byte(e.method)}
		}
	}
}

// respond answers the server's last request, and returns the type and the data of its next one;
// zero where it ended the conversation.
func (e *EAP) respond(typeData []byte) (kind byte, data []byte, err error) {
	if e.turns++; e.turns > maxTurns {
		return 0, nil, fmt.Errorf("%w: more than %d requests", errBroken, maxTurns)
	}
	packet := binary.BigEndian.AppendUint16([]byte{eapResponse, e.id}, uint16(4+len(typeData)))
	var attributes []Attribute
	for part := range slices.Chunk(append(packet, typeData...), maxAttribute) {
		attributes = append(attributes, Attribute{eapMessage, part})
	}
	for part := range slices.Chunk(e.state, maxAttribute) {
		attributes = append(attributes, Attribute{state, part})
	}
	answer, err := e.radius.exchange(accessRequest, attributes)
	if err != nil {
		return 0, nil, err
	}
	request := answer.all(eapMessage)
	switch answer.code {
	case accessAccept, accessReject:
		if answer.code == accessAccept && (len(request) == 0 || request[0] != eapSuccess) {
			return 0, nil, fmt.Errorf("%w: %v without EAP-Success", errBroken, answer.code)
		}
		e.outcome = &Outcome{Accepted: answer.code == accessAccept, Said: answer.code.String(),
			Text: string(answer.all(replyMessage)), User: e.identity, Unrelated: e.method != EAPTLS}
		return 0, nil, nil
	case accessChallenge:
	default:
		return 0, nil, fmt.Errorf("%w: %v in answer to %v", errBroken, answer.code, accessRequest)
	}
	e.state = answer.all(state)
	if len(request) < eapHeader || request[0] != eapRequest || int(binary.BigEndian.Uint16(request[2:])) != len(request) {
		return 0, nil, fmt.Errorf("%w: %v without an EAP request", errBroken, answer.code)
	}
	e.id = request[1]
	return request[4], request[eapHeader:], nil
}

// Read returns what the server says in TLS. Before that it sends what was written since.
func (e *EAP) Read(b []byte) (int, error) {
	for len(e.in) == 0 {
		if e.outcome != nil {
			return 0, io.EOF
		}
		if err := e.turn(); err != nil {
			return 0, err
		}
	}
	n := copy(b, e.in)
	e.in = e.in[n:]
	return n, nil
}

// Write keeps what is to be sent.
func (e *EAP) Write(b []byte) (int, error) {
	if len(e.out)+len(b) > maxFlight {
		return 0, errors.New("more than a flight of TLS has")
	}
	e.out = append(e.out, b...)
	return len(b), nil
}

// Outcome is what the server said at last.
func (e *EAP) Outcome() *Outcome { return e.outcome }

// turn sends what there is to be sent, or asks for more with an empty response, and takes a whole
// flight of the server.
func (e *EAP) turn() error {
	data, err := e.send()
	for err == nil && e.outcome == nil {
		more := data[0]&flagMore != 0
		part, problem := withoutLength(data)
		if problem != nil {
			return problem
		}
		if e.in = append(e.in, part...); len(e.in) > maxFlight {
			return fmt.Errorf("%w: a flight of more than %d bytes", errBroken, maxFlight)
		}
		if !more {
			return nil
		}
		data, err = e.exchange([]byte{e.version})
	}
	return err
}

// send sends a flight in fragments (RFC 5216, Section 2.1.5), and returns the server's answer to
// the last one.
func (e *EAP) send() (data []byte, err error) {
	flight := e.out
	e.out = nil
	for first := true; ; first = false {
		part := flight[:min(len(flight), fragment)]
		head := []byte{e.version}
		if len(part) < len(flight) {
			head[0] |= flagMore
			if first {
				head[0] |= flagLength
				head = binary.BigEndian.AppendUint32(head, uint32(len(flight)))
			}
		}
		data, err = e.exchange(append(head, part...))
		flight = flight[len(part):]
		switch {
		case err == nil && e.outcome != nil && e.outcome.Accepted && len(flight) > 0:
			e.outcome = nil
			return nil, fmt.Errorf("%w: it accepts before it has heard all", errBroken)
		case len(flight) == 0 || err != nil || e.outcome != nil:
			return data, err
		}
		if rest, err := withoutLength(data); err != nil || len(rest) > 0 {
			return nil, fmt.Errorf("%w: it talks before it has heard all", errBroken)
		}
	}
}

// exchange sends one response of the method, and returns the data of the next request: at least its
// flags, unless there is an outcome.
func (e *EAP) exchange(data []byte) ([]byte, error) {
	answer := append([]byte{byte(e.method)}, data...)
	for {
		kind, data, err := e.respond(answer)
		switch {
		case err != nil || e.outcome != nil:
			return nil, err
		case kind == eapNotification:
			answer = []byte{eapNotification}
		case Method(kind) != e.method || len(data) == 0:
			return nil, fmt.Errorf("%w: %v in the middle of %v", errBroken, Method(kind), e.method)
		default:
			return data, nil
		}
	}
}

// withoutLength is a fragment without the flags and the length before it.
func withoutLength(data []byte) ([]byte, error) {
	const length = 4
	switch {
	case data[0]&flagLength == 0:
		return data[1:], nil
	case len(data) < 1+length || binary.BigEndian.Uint32(data[1:]) > maxFlight:
		return nil, fmt.Errorf("%w: a fragment with a wrong length", errBroken)
	}
	return data[1+length:], nil
}
