package protocol

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/net/http2/hpack"
)

// http2Protocol is HTTP/2 (RFC 9113), as gRPC and etcd use it.
func http2Protocol() *Protocol {
	return &Protocol{Name: "h2", Schemes: []Scheme{{Name: "h2", Port: "443"}, {Name: "grpcs", Port: "443"},
		{Name: "etcd", Port: "2379"}}, ALPN: []string{"h2"}, Ask: askHTTP2}
}

// Frames of HTTP/2 and their flags (RFC 9113, Section 6).
const (
	frameData         = 0
	frameHeaders      = 1
	frameReset        = 3
	frameSettings     = 4
	frameGoAway       = 7
	frameContinuation = 9

	endStream  = 0x1
	endHeaders = 0x4

	http11Required = 0xd // an error code
)

func askHTTP2(c *Conversation, q *Question) *Answer {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", q.Host}, {":path", q.Path},
		{"user-agent", "mtlsprobe"}} {
		_ = encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}) // into memory
	}
	message := []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	message = append(message, http2Frame(frameSettings, 0, 0, nil)...)
	message = append(message, http2Frame(frameHeaders, endStream|endHeaders, 1, block.Bytes())...)
	c.sendBytes(message)
	r := http2Reader{c: c, decoder: hpack.NewDecoder(4096, nil)}
	r.decoder.SetMaxStringLength(maxLine)
	for range maxLines {
		head, err := c.bytes(9)
		if err != nil {
			return r.answer
		}
		if head[0] == 'H' { // HTTP/1.1 in answer
			return unknown(string(head) + string(c.Rest()))
		}
		body, err := c.bytes(int(head[0])<<16 | int(head[1])<<8 | int(head[2]))
		if err != nil || r.frame(head[3], head[4], binary.BigEndian.Uint32(head[5:])&^(1<<31), body) {
			return r.answer
		}
	}
	return r.answer
}

// An http2Reader follows the answer on stream 1.
type http2Reader struct {
	c       *Conversation
	decoder *hpack.Decoder
	headers []byte // a block that is not yet whole
	answer  *Answer
}

// frame takes one frame and reports whether the answer is whole.
func (r *http2Reader) frame(kind, flags byte, stream uint32, body []byte) (done bool) {
	switch {
	case kind == frameSettings && flags&1 == 0:
		r.c.sendBytes(http2Frame(frameSettings, 1, 0, nil)) // acknowledged
	case kind == frameGoAway:
		if r.answer == nil {
			r.answer = &Answer{Protocol: "h2", Complete: true, Verdict: AccessRefused,
				Detail: shorten("GOAWAY " + string(body[min(8, len(body)):]))}
		}
		return true
	case stream != 1:
	case kind == frameReset:
		if r.answer == nil {
			r.answer = &Answer{Protocol: "h2", Complete: true, Detail: "the server resets the request"}
			if len(body) == 4 && binary.BigEndian.Uint32(body) == http11Required {
				r.answer.Detail += ": it wants HTTP/1.1, as servers do that ask for a certificate late"
			}
		}
		return true
	case kind == frameHeaders:
		return r.block(flags, unpadded(flags, body))
	case kind == frameContinuation && r.headers != nil:
		return r.block(flags, append(r.headers, body...))
	case kind == frameData && r.answer != nil:
		if text := explanation(body); text != "" {
			r.answer.Detail = text
		}
		r.answer.Verdict = httpVerdict(r.answer.Status, r.answer.Detail)
		return true
	}
	return false
}

// block takes a header block as far as it has come.
func (r *http2Reader) block(flags byte, block []byte) (done bool) {
	if flags&endHeaders == 0 && len(block) < MaxAnswer {
		r.headers = append(make([]byte, 0, len(block)), block...)
		return false
	}
	r.headers = nil
	decoded, err := r.decoder.DecodeFull(block)
	var fields []field
	for _, f := range decoded {
		fields = append(fields, field{f.Name, f.Value})
	}
	if err != nil {
		r.answer = &Answer{Protocol: "h2", Complete: true, Detail: "headers that cannot be decoded"}
		return true
	}
	if r.answer == nil {
		r.answer = &Answer{Protocol: "h2", Complete: true}
	}
	r.answer.fields(fields)
	if r.answer.Status >= 100 && r.answer.Status < 200 && flags&endStream == 0 {
		r.answer = nil // another one follows
		return false
	}
	return r.answer.Status < 400 || flags&endStream != 0
}

// A field is one of HTTP/2 or HTTP/3.
type field struct{ name, value string }

// fields reads the status, the date, and what gRPC says of a response; 16 and 7
// are its UNAUTHENTICATED and PERMISSION_DENIED.
func (a *Answer) fields(fields []field) {
	grpc := ""
	for _, f := range fields {
		switch f.name {
		case ":status":
			a.Status, _ = replyCode(f.value + "   ")
		case "date":
			a.Date, a.DateFrom = parseHTTPDate(f.value)
		case "grpc-status":
			grpc = f.value
			a.Detail = shorten("grpc-status " + f.value)
		}
	}
	a.Verdict = httpVerdict(a.Status, a.Detail)
	if grpc == "16" || grpc == "7" {
		a.Verdict = AccessRefused
	}
}

// unpadded is the block of a HEADERS frame, without padding and priority.
func unpadded(flags byte, block []byte) []byte {
	if flags&0x8 != 0 && len(block) > 0 && len(block) > int(block[0]) { // PADDED
		block = block[1 : len(block)-int(block[0])]
	}
	if flags&0x20 != 0 && len(block) >= 5 { // PRIORITY
		block = block[5:]
	}
	return block
}

func http2Frame(kind, flags byte, stream uint32, payload []byte) []byte {
	n := len(payload)
	frame := []byte{byte(n >> 16), byte(n >> 8), byte(n), kind, flags}
	return append(binary.BigEndian.AppendUint32(frame, stream), payload...)
}
