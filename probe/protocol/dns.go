package protocol

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/net/dns/dnsmessage"
)

// dnsProtocol is DNS over TLS (RFC 7858): the root's name servers are asked for.
func dnsProtocol() *Protocol {
	return &Protocol{Name: "dns", Schemes: []Scheme{{Name: "dot", Port: "853"}, {Name: "dns", Port: "853"}},
		ALPN: []string{"dot"}, Ask: askDNS}
}

func askDNS(c *Conversation, _ *Question) *Answer {
	const id = 1
	query := dnsmessage.Message{Header: dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName("."), Type: dnsmessage.TypeNS,
			Class: dnsmessage.ClassINET}}}
	packed, err := query.Pack()
	if err != nil {
		return nil
	}
	c.sendBytes(append(binary.BigEndian.AppendUint16(nil, uint16(len(packed))), packed...))
	head, err := c.bytes(2)
	if err != nil {
		return nil
	}
	said, err := c.bytes(int(binary.BigEndian.Uint16(head)))
	if err != nil {
		return unknown(string(head))
	}
	var parser dnsmessage.Parser
	header, err := parser.Start(said)
	if err != nil || header.ID != id || !header.Response {
		return unknown(string(said))
	}
	a := &Answer{Protocol: "dns", Status: int(header.RCode), Complete: true, Verdict: Welcome,
		Detail: fmt.Sprintf("the query is answered, with %v", header.RCode)}
	switch header.RCode {
	case dnsmessage.RCodeSuccess, dnsmessage.RCodeNameError:
	case dnsmessage.RCodeRefused:
		a.Verdict = AccessRefused
	default:
		a.Verdict = Undecided
	}
	return a
}
