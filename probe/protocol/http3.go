package protocol

import (
	"bytes"
	"errors"
	"io"

	"mtlsprobe/probe/quic"

	"github.com/quic-go/qpack"
)

// http3Protocol is HTTP/3 (RFC 9114). The bytes are those of the request's stream.
func http3Protocol() *Protocol {
	return &Protocol{Name: "h3", Schemes: []Scheme{{Name: "h3", Port: "443"}}, Network: "udp", QUIC: true,
		ALPN: []string{"h3"}, Ask: askHTTP3}
}

// ControlStream3 begins the control stream of HTTP/3: its type, and empty SETTINGS (RFC 9114, Sections
// 6.2.1 and 7.2.4), by which the server may use no dynamic table for its fields.
func ControlStream3() []byte { return []byte{0, 4, 0} }

// Frames of HTTP/3 (Section 7.2).
const (
	data3    = 0
	headers3 = 1
)

func askHTTP3(c *Conversation, q *Question) *Answer {
	var block bytes.Buffer
	encoder := qpack.NewEncoder(&block)
	for _, field := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", q.Host}, {":path", q.Path},
		{"user-agent", "mtlsprobe"}} {
		_ = encoder.WriteField(qpack.HeaderField{Name: field[0], Value: field[1]}) // into memory
	}
	head := quic.AppendVarint(quic.AppendVarint(nil, headers3), uint64(block.Len()))
	c.sendBytes(append(head, block.Bytes()...))
	var answer *Answer
	for range maxLines {
		kind, err1 := c.varint()
		size, err2 := c.varint()
		if errors.Join(err1, err2) != nil || size > MaxAnswer {
			return answer
		}
		body, err := c.bytes(size)
		if err != nil {
			return answer
		}
		switch {
		case kind == headers3 && answer == nil:
			if answer = answer3(body); answer.Status >= 100 && answer.Status < 200 {
				answer = nil // another one follows
			} else if answer.Status < 400 {
				return answer
			}
		case kind == data3 && answer != nil:
			if text := explanation(body); text != "" {
				answer.Detail = text
			}
			answer.Verdict = httpVerdict(answer.Status, answer.Detail)
			return answer
		}
	}
	return answer
}

// answer3 reads the fields of a response.
func answer3(block []byte) *Answer {
	a := &Answer{Protocol: "h3", Complete: true}
	next := qpack.NewDecoder().Decode(block)
	var fields []field
	for {
		f, err := next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			a.Detail = "headers that cannot be decoded"
			return a
		}
		fields = append(fields, field{f.Name, f.Value})
	}
	a.fields(fields)
	return a
}

// varint reads an integer of variable length (RFC 9000, Section 16).
func (c *Conversation) varint() (int, error) {
	first, err := c.bytes(1)
	if err != nil {
		return 0, err
	}
	n := int(first[0] & 0x3f)
	rest, err := c.bytes(1<<(first[0]>>6) - 1)
	for _, next := range rest {
		n = n<<8 | int(next)
	}
	return n, err
}
