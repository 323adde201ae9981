package protocol

import (
	"encoding/binary"

	"mtlsprobe/probe/carrier"
)

// radsecProtocol is RADIUS over TLS (RFC 6614), in which a server that knows the client answers
// Status-Server (RFC 5997).
func radsecProtocol() *Protocol {
	return &Protocol{Name: "radsec", Schemes: []Scheme{{Name: "radsec", Port: "2083"}}, Ask: askRadSec}
}

func askRadSec(c *Conversation, _ *Question) *Answer {
	const header, longest = 4, 4096
	secret := []byte("radsec") // RFC 6614, Section 2.3
	request := carrier.StatusServer(secret)
	c.sendBytes(request)
	head, err := c.bytes(header)
	if err != nil {
		return nil
	}
	length := int(binary.BigEndian.Uint16(head[2:]))
	if length < header || length > longest {
		return unknown(string(head))
	}
	rest, err := c.bytes(length - header)
	if err != nil {
		return unknown(string(head))
	}
	status, err := carrier.ParseStatus(append(head, rest...), request, secret)
	if err != nil {
		return unknown(string(head))
	}
	a := &Answer{Protocol: "radsec", Complete: true, Detail: status.Said + " in answer to Status-Server"}
	if status.Alive {
		a.Verdict = Welcome
	}
	if !status.Ours {
		a.Detail += ", with an authenticator that does not match"
	}
	return a
}
