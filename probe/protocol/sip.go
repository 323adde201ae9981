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
	a := &Answer{Protocol: "sip", Status: code, Detail: shorten(text), Complete: true}
	switch { // RFC 3261, Section 21
	case code == 401, code == 407:
		a.Verdict, a.Before = Welcome, login
	case code == 403, code == 603, code >= 300 && certificateWord(text):
		a.Verdict = refused(text)
	case code/100 == 2, code/100 == 3, code == 404, code == 405, code == 480, code == 483: // it looked for whom was asked
		a.Verdict = Welcome
	}
	return a
}
