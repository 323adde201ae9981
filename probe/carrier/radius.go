package carrier

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // RADIUS has nothing else
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"os"
	"time"
)

// A radiusCode is the first byte of a RADIUS packet (RFC 2865, Section 4).
type radiusCode byte

const (
	accessRequest   radiusCode = 1
	accessAccept    radiusCode = 2
	accessReject    radiusCode = 3
	accessChallenge radiusCode = 11
	statusServer    radiusCode = 12 // RFC 5997
)

func (c radiusCode) String() string {
	switch c {
	case accessRequest:
		return "Access-Request"
	case accessAccept:
		return "Access-Accept"
	case accessReject:
		return "Access-Reject"
	case accessChallenge:
		return "Access-Challenge"
	case statusServer:
		return "Status-Server"
	}
	return fmt.Sprintf("RADIUS code %d", byte(c))
}

// Attributes of RADIUS packets (RFC 2865, Section 5; RFC 3579, Section 3).
const (
	userName             byte = 1
	replyMessage         byte = 18
	state                byte = 24
	eapMessage           byte = 79
	messageAuthenticator byte = 80
)

const (
	radiusHeader  = 20
	maxRADIUS     = 4096 // RFC 2865, Section 3
	maxAttribute  = 253
	authenticator = 16
)

// An Attribute is one of a RADIUS packet.
type Attribute struct {
	Type  byte
	Value []byte // at most 253 bytes
}

// A radiusPacket is one that was sent or received.
type radiusPacket struct {
	code       radiusCode
	attributes []Attribute
}

// all joins the values of the attributes of a type, in order.
func (p *radiusPacket) all(kind byte) []byte {
	var joined []byte
	for _, a := range p.attributes {
		if a.Type == kind {
			joined = append(joined, a.Value...)
		}
	}
	return joined
}

// encodeRequest makes a request with a Message-Authenticator before all else, so that nobody can
// put anything before it (RFC 3579, Section 3.2, and CVE-2024-3596).
func encodeRequest(code radiusCode, id byte, secret []byte, attributes []Attribute) ([]byte, error) {
	b := make([]byte, radiusHeader, maxRADIUS)
	b[0], b[1] = byte(code), id
	_, _ = rand.Read(b[4:radiusHeader])
	b = append(append(b, messageAuthenticator, 2+authenticator), make([]byte, authenticator)...)
	for _, a := range attributes {
		if len(a.Value) == 0 || len(a.Value) > maxAttribute {
			return nil, fmt.Errorf("attribute %d has %d bytes, and may have 1 to %d", a.Type, len(a.Value), maxAttribute)
		}
		b = append(append(b, a.Type, byte(2+len(a.Value))), a.Value...)
	}
	if len(b) > maxRADIUS {
		return nil, fmt.Errorf("the request has %d bytes, and may have %d", len(b), maxRADIUS)
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	mac := hmac.New(md5.New, secret)
	mac.Write(b)
	copy(b[radiusHeader+2:], mac.Sum(nil))
	return b, nil
}

// errForged is of an answer that was not made with the secret, or not to the request.
var errForged = errors.New("the answer's authenticator does not match")

// errUnsigned is of an answer that was made with the secret, and which could be forged.
var errUnsigned = errors.New("the answer has no Message-Authenticator")

// decodePacket reads a packet without padding, and where its Message-Authenticator lies; zero
// without one.
func decodePacket(data []byte) (p *radiusPacket, signed int, err error) {
	p = &radiusPacket{code: radiusCode(data[0])}
	for rest := data[radiusHeader:]; len(rest) > 0; {
		if len(rest) < 2 || rest[1] < 2 || int(rest[1]) > len(rest) {
			return nil, 0, fmt.Errorf("%w: a malformed attribute", errBroken)
		}
		a := Attribute{rest[0], rest[2:rest[1]]}
		if a.Type == messageAuthenticator && len(a.Value) == authenticator {
			signed = len(data) - len(rest) + 2
		}
		p.attributes, rest = append(p.attributes, a), rest[rest[1]:]
	}
	return p, signed, nil
}

// An EAPMessage is EAP in a packet of RADIUS (RFC 3579, Section 3.1).
type EAPMessage struct {
	Request       bool // of the access point, in place of the server's answer
	ID            byte // of the packet
	Authenticator [16]byte
	EAP, State    []byte
}

// ParseEAPMessage reads a packet without knowing the secret; ok is false where it is not of RADIUS or
// carries no EAP.
func ParseEAPMessage(data []byte) (m *EAPMessage, ok bool) {
	if len(data) < radiusHeader {
		return nil, false
	}
	length := int(binary.BigEndian.Uint16(data[2:]))
	if length < radiusHeader || length > len(data) {
		return nil, false
	}
	p, _, err := decodePacket(data[:length])
	if err != nil {
		return nil, false
	}
	switch p.code {
	case accessRequest, accessAccept, accessReject, accessChallenge:
		m = &EAPMessage{p.code == accessRequest, data[1], [authenticator]byte(data[4:radiusHeader]), p.all(eapMessage),
			p.all(state)}
		return m, len(m.EAP) > 0
	}
	return nil, false
}

// decodeAnswer reads the answer to a request, and checks that it comes from who knows the secret:
// by the Response Authenticator, and by the Message-Authenticator, without which the first can be
// forged where the packets are not protected otherwise; it is then demanded. See RFC 2865, Section
// 3, RFC 3579, Section 3.2, and CVE-2024-3596.
func decodeAnswer(data, request, secret []byte, protected bool) (*radiusPacket, error) {
	if len(data) < radiusHeader || len(data) > maxRADIUS {
		return nil, fmt.Errorf("%w: a packet of %d bytes", errBroken, len(data))
	}
	length := int(binary.BigEndian.Uint16(data[2:]))
	if length < radiusHeader || length > len(data) {
		return nil, fmt.Errorf("%w: a packet of %d bytes claims %d", errBroken, len(data), length)
	}
	data = bytes.Clone(data[:length]) // what follows is padding
	p, signed, err := decodePacket(data)
	if err != nil {
		return nil, err
	}
	given := [authenticator]byte(data[4:radiusHeader])
	copy(data[4:], request[4:radiusHeader])
	sum := md5.Sum(append(bytes.Clone(data), secret...)) //nolint:gosec // as above
	switch {
	case data[1] != request[1] || !hmac.Equal(sum[:], given[:]):
		return p, errForged
	case signed == 0 && !protected:
		return p, errUnsigned
	}
	if signed == 0 {
		return p, nil
	}
	mac := hmac.New(md5.New, secret)
	mac.Write(data[:signed])
	mac.Write(make([]byte, authenticator))
	mac.Write(data[signed+authenticator:])
	if !hmac.Equal(mac.Sum(nil), data[signed:signed+authenticator]) {
		return p, errForged
	}
	return p, nil
}

// A radiusClient sends requests over UDP.
type radiusClient struct {
	conn       *datagrams
	secret     []byte
	attributes []Attribute // of every request
	id         byte
	first      time.Duration // the wait for an answer to the first packet
}

// Retransmission, as RFC 5080, Section 2.2.1, has it.
const (
	firstWait   = 2 * time.Second
	longestWait = 16 * time.Second
	mostPackets = 6
)

// exchange sends a request until it is answered. Answers that do not match it are dropped.
func (r *radiusClient) exchange(code radiusCode, attributes []Attribute) (*radiusPacket, error) {
	r.id++
	request, err := encodeRequest(code, r.id, r.secret, append(attributes, r.attributes...))
	if err != nil {
		return nil, err
	}
	silent := &SilentError{Program: "eapol_test", Why: "the shared secret may be wrong, or this host not be one of the " +
		"server's clients: servers drop such requests without a word"}
	buffer := make([]byte, maxRADIUS+1)
	for wait := r.first; silent.Packets < mostPackets; wait = min(2*wait, longestWait) {
		if _, err := r.conn.Write(request); err != nil {
			return nil, err
		}
		silent.Packets++
		until := time.Now().Add(time.Duration(float64(wait) * (0.9 + 0.2*mathrand.Float64())))
		for late := false; !late; {
			var n int
			if n, late, err = r.conn.receive(buffer, until); late {
				break
			}
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return nil, silent
			}
			if err != nil {
				return nil, err
			}
			answer, err := decodeAnswer(buffer[:n], request, r.secret, false)
			if err == nil {
				return answer, nil
			}
			switch {
			case n < 2 || buffer[1] != request[1]: // of another request
			case errors.Is(err, errUnsigned):
				silent.Unsigned++
			case errors.Is(err, errForged):
				silent.Dropped++
			}
		}
	}
	return nil, silent
}

// localAddress is the NAS-IP-Address or NAS-IPv6-Address of this host (RFC 2865, Section 5.4; RFC
// 3162, Section 2.1); none where it has no IP address.
func localAddress(conn net.Conn) []Attribute {
	const nasIPAddress, nasIPv6Address = 4, 95
	udp, ok := conn.LocalAddr().(*net.UDPAddr)
	if !ok {
		return nil
	}
	switch addr := udp.AddrPort().Addr().Unmap(); {
	case addr.Is4():
		return []Attribute{{nasIPAddress, addr.AsSlice()}}
	case addr.Is6():
		return []Attribute{{nasIPv6Address, addr.AsSlice()}}
	}
	return nil
}

// StatusServer asks a RADIUS server whether it is there (RFC 5997).
func StatusServer(secret []byte) []byte {
	request, err := encodeRequest(statusServer, 0, secret, nil)
	if err != nil { // it has no attributes that could be too long
		panic(err)
	}
	return request
}

// A Status is what a server answers to [StatusServer].
type Status struct {
	Said string // the name of the message
	// Alive says that the server takes requests of this client (RFC 5997, Section 3); Ours, that
	// the answer was made with the secret.
	Alive, Ours bool
}

// ParseStatus reads an answer over TLS.
func ParseStatus(answer, request, secret []byte) (*Status, error) {
	const accountingResponse radiusCode = 5
	p, err := decodeAnswer(answer, request, secret, true)
	if err != nil && !errors.Is(err, errForged) {
		return nil, err
	}
	return &Status{p.code.String(), p.code == accessAccept || p.code == accountingResponse, err == nil}, nil
}
