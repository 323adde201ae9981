package protocol

import (
	"strconv"
	"strings"
)

// sipProtocol is SIP over TLS: OPTIONS asks what the server can do (RFC 3261, Section 11).
func sipProtocol() *Protocol {
	return &Protocol{Name: "sip", Schemes: []Scheme{{Name: "sips", Port: "5061"}, {Name: "sip", Port: "5061"}},
		Ask: askSIP}
}

func askSIP(c *Conversation, q *Question) *Answer {
	c.send("OPTIONS sips:%[1]s SIP/2.0\r\nVia: SIP/2.0/TLS mtlsprobe.invalid;branch=z9hG4bKmtlsprobe;rport\r\n"+
		"Max-Forwards: 0\r\nTo: <sips:%[1]s>\r\nFrom: <sips:mtlsprobe@mtlsprobe.invalid>;tag=mtlsprobe\r\n"+
		"Call-ID: mtlsprobe\r\nCSeq: 1 OPTIONS\r\nContact: <sips:mtlsprobe@mtlsprobe.invalid>\r\nContent-Length: 0\r\n\r\n",
		q.Name)
	line, err := c.line()
	if err != nil {
		return nil
	}
	version, rest, _ := strings.Cut(line, " ")
	status, text, _ := strings.Cut(rest, " ")
	code, err := strconv.Atoi(status)
	if version != "SIP/2.0" || err != nil {
		return unknown(line)
	}
	a := &Answer{Protocol: "sip", Status: code, Detail: shorten(text), Verdict: Welcome, Complete: true}
	switch code {
	case 401, 407: // RFC 3261, Sections 21.4.2 and 21.4.8
		a.Before = login
	case 403, 603:
		a.Verdict = refused(text)
	case 503:
		a.Verdict = Undecided
	}
	return a
}
