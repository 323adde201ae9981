package protocol

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"golang.org/x/net/http2/hpack"
)

// ldapProtocol is LDAP (RFC 4511, RFC 4513). The question is for the root DSE,
// which servers show to anybody.
func ldapProtocol() *Protocol {
	return &Protocol{Name: "ldap", Schemes: []Scheme{{Name: "ldap", Port: "389", StartTLS: true}, {Name: "ldaps", Port: "636"}},
		StartTLS: func(c *Conversation, _ *Question) error {
			const oid = "1.3.6.1.4.1.1466.20037"
			name := append([]byte{0x80, byte(len(oid))}, oid...)
			c.sendBytes(ldapMessage(1, 0x77, name))
			tag, body, err := readLDAP(c)
			if err != nil {
				return err
			}
			if code, text := ldapResult(body); tag != 0x78 || code != 0 {
				return &Refusal{Protocol: "StartTLS", Said: shorten(fmt.Sprintf("result %d %s", code, text))}
			}
			return nil
		}, Ask: askLDAP}
}

func askLDAP(c *Conversation, _ *Question) *Answer {
	search := []byte{
		0x04, 0, 0x0a, 1, 0, 0x0a, 1, 0, 0x02, 1, 1, 0x02, 1, 5, 0x01, 1, 0, // base "", scope base, one entry, 5 s
		0x87, 11, 'o', 'b', 'j', 'e', 'c', 't', 'C', 'l', 'a', 's', 's', 0x30, 5, 0x04, 3, '1', '.', '1',
	}
	c.sendBytes(ldapMessage(2, 0x63, search))
	tag, body, err := readLDAP(c)
	if err != nil {
		return nil
	}
	a := &Answer{Protocol: "ldap", Complete: true, Detail: "the root DSE is shown"}
	if tag == 0x64 || tag == 0x73 {
		return a
	}
	code, text := ldapResult(body)
	a.Status, a.Detail = code, shorten(fmt.Sprintf("result %d %s", code, text))
	switch code {
	case 0, 32, 50, 53, 1, 2: // any of these was decided above TLS
		if tag == 0x78 {
			a.Verdict = refused(text) // notice of disconnection
		}
	default:
		a.Verdict = refused(text)
	}
	return a
}

func ldapMessage(id, tag byte, body []byte) []byte {
	inner := append([]byte{0x02, 1, id, tag, byte(len(body))}, body...)
	return append([]byte{0x30, byte(len(inner))}, inner...)
}

// readLDAP returns the operation of the next message. LDAP is BER: lengths may
// have more bytes than they need.
func readLDAP(c *Conversation) (tag byte, body []byte, err error) {
	head, err := c.bytes(2)
	if err != nil {
		return 0, nil, err
	}
	length := int(head[1])
	if length >= 0x80 {
		more, err := c.bytes(length & 0x7f)
		if err != nil {
			return 0, nil, err
		}
		length = 0
		for _, b := range more[max(0, len(more)-4):] {
			length = length<<8 | int(b)
		}
	}
	if head[0] != 0x30 {
		return 0, nil, fmt.Errorf("not LDAP: %q", head)
	}
	message, err := c.bytes(length)
	if err != nil {
		return 0, nil, err
	}
	_, _, operation := berElement(message) // after the message's number
	tag, body, _ = berElement(operation)
	return tag, body, nil
}

// berElement splits off the first element; what does not fit is empty.
func berElement(data []byte) (tag byte, body, rest []byte) {
	if len(data) < 2 {
		return 0, nil, nil
	}
	tag, length, at := data[0], int(data[1]), 2
	if length >= 0x80 {
		n := length & 0x7f
		length = 0
		if n > 4 || len(data) < 2+n {
			return tag, nil, nil
		}
		for _, b := range data[2 : 2+n] {
			length = length<<8 | int(b)
		}
		at += n
	}
	if length > len(data)-at {
		return tag, nil, nil
	}
	return tag, data[at : at+length], data[at+length:]
}

// ldapResult reads an LDAPResult; -1 if it is none.
func ldapResult(body []byte) (code int, text string) {
	tag, number, rest := berElement(body)
	if tag != 0x0a || len(number) != 1 {
		return -1, ""
	}
	_, _, rest = berElement(rest) // matchedDN
	_, said, _ := berElement(rest)
	return int(number[0]), string(said)
}

// mqttProtocol is MQTT 3.1.1: a CONNECT with an empty client identifier and a
// clean session, which leaves nothing behind.
func mqttProtocol() *Protocol {
	return &Protocol{Name: "mqtt", Schemes: []Scheme{{Name: "mqtts", Port: "8883"}, {Name: "mqtt", Port: "8883"}},
		Ask: func(c *Conversation, _ *Question) *Answer {
			c.sendBytes([]byte{0x10, 12, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 30, 0, 0})
			said, err := c.bytes(4)
			if err != nil {
				return nil
			}
			if said[0] != 0x20 || said[1] != 2 {
				return unknown(string(said))
			}
			words := []string{"connection accepted", "unacceptable protocol version", "identifier rejected", "server unavailable", "bad user name or password", "not authorized"}
			a := &Answer{Protocol: "mqtt", Status: int(said[3]), Complete: true, Detail: "unknown return code"}
			if int(said[3]) < len(words) {
				a.Detail = words[said[3]]
			}
			if said[3] >= 4 {
				a.Verdict = AccessRefused
			}
			c.sendBytes([]byte{0xe0, 0}) // DISCONNECT
			return a
		}}
}

// amqpProtocol is AMQP 0-9-1: the server opens with its mechanisms.
func amqpProtocol() *Protocol {
	return &Protocol{Name: "amqp", Schemes: []Scheme{{Name: "amqps", Port: "5671"}, {Name: "amqp", Port: "5671"}},
		Ask: func(c *Conversation, _ *Question) *Answer {
			c.sendBytes([]byte{'A', 'M', 'Q', 'P', 0, 0, 9, 1})
			head, err := c.bytes(8)
			if err != nil {
				return nil
			}
			if string(head[:4]) == "AMQP" {
				return &Answer{Protocol: "amqp", Complete: true, Detail: fmt.Sprintf("the server speaks AMQP %d-%d-%d", head[5], head[6], head[7])}
			}
			if head[0] != 1 {
				return unknown(string(head))
			}
			a := &Answer{Protocol: "amqp", Complete: true, Detail: "the server begins to negotiate"}
			// One byte of the frame's payload has been read with its head.
			if rest, err := c.bytes(int(binary.BigEndian.Uint32(head[3:])) - 1); err == nil && bytes.Contains(rest, []byte("EXTERNAL")) {
				a.Detail += ", and SASL EXTERNAL is offered"
			}
			return a
		}}
}

// http2Protocol is HTTP/2 (RFC 9113), as gRPC and etcd use it.
func http2Protocol() *Protocol {
	return &Protocol{Name: "h2", Schemes: []Scheme{{Name: "h2", Port: "443"}, {Name: "grpcs", Port: "443"}, {Name: "etcd", Port: "2379"}}, ALPN: []string{"h2"}, Ask: askHTTP2}
}

// Frames of HTTP/2 (RFC 9113, Section 6).
const (
	frameData     = 0
	frameHeaders  = 1
	frameSettings = 4
	frameGoAway   = 7
	endStream     = 1 // a flag
)

func askHTTP2(c *Conversation, q *Question) *Answer {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", q.Host}, {":path", q.Path}, {"user-agent", "mtlsprobe"}} {
		_ = encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}) // into memory
	}
	message := []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	message = append(message, http2Frame(frameSettings, 0, 0, nil)...)
	message = append(message, http2Frame(frameHeaders, 0x5, 1, block.Bytes())...) // END_STREAM, END_HEADERS
	c.sendBytes(message)
	var a *Answer // from its headers, while the page that explains it is awaited
	for range maxLines {
		head, err := c.bytes(9)
		if err != nil {
			return a
		}
		if head[0] == 'H' { // HTTP/1.1 in answer
			return unknown(string(head) + string(c.Rest()))
		}
		body, err := c.bytes(int(head[0])<<16 | int(head[1])<<8 | int(head[2]))
		if err != nil {
			return a
		}
		switch head[3] {
		case frameSettings:
			if head[4]&1 == 0 {
				c.sendBytes(http2Frame(frameSettings, 1, 0, nil)) // acknowledged
			}
		case frameGoAway:
			if a != nil {
				return a
			}
			return &Answer{Protocol: "h2", Complete: true, Verdict: AccessRefused, Detail: shorten("GOAWAY " + string(body[min(8, len(body)):]))}
		case frameHeaders:
			if a == nil {
				a = http2Headers(head[4], body)
			}
			if a.Status < 400 || head[4]&endStream != 0 {
				return a
			}
		case frameData:
			if a == nil {
				continue
			}
			if text := explanation(body); text != "" {
				a.Detail = text
			}
			a.Verdict = httpVerdict(a.Status, a.Detail)
			return a
		}
	}
	return a
}

func http2Frame(kind, flags byte, stream uint32, payload []byte) []byte {
	n := len(payload)
	frame := []byte{byte(n >> 16), byte(n >> 8), byte(n), kind, flags}
	return append(binary.BigEndian.AppendUint32(frame, stream), payload...)
}

// http2Headers reads the status and the date of a response.
func http2Headers(flags byte, block []byte) *Answer {
	if flags&0x8 != 0 && len(block) > int(block[0]) { // PADDED
		block = block[1 : len(block)-int(block[0])]
	}
	if flags&0x20 != 0 && len(block) >= 5 { // PRIORITY
		block = block[5:]
	}
	a := &Answer{Protocol: "h2", Complete: true}
	decoder := hpack.NewDecoder(4096, nil)
	decoder.SetMaxStringLength(maxLine)
	fields, err := decoder.DecodeFull(block)
	if err != nil {
		a.Detail = "headers that cannot be decoded"
		return a
	}
	for _, f := range fields {
		switch f.Name {
		case ":status":
			_, _ = fmt.Sscanf(f.Value, "%3d", &a.Status)
		case "date":
			a.Date, a.DateFrom = parseHTTPDate(f.Value)
		case "grpc-status":
			a.Detail = shorten("grpc-status " + f.Value)
		}
	}
	a.Verdict = httpVerdict(a.Status, a.Detail)
	return a
}
