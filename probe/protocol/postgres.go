package protocol

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// postgresProtocol is PostgreSQL's, with SSLRequest or, since version 17, TLS at
// once. A startup message is enough: a missing or bad certificate is refused before
// the role is looked up. See the PostgreSQL manual, "Message Flow".
func postgresProtocol() *Protocol {
	return &Protocol{Name: "postgres",
		Schemes: []Scheme{{Name: "postgres", Port: "5432", StartTLS: true},
			{Name: "postgresql", Port: "5432", StartTLS: true}, {Name: "postgres-direct", Port: "5432"}},
		ALPN: []string{"postgresql"},
		StartTLS: func(c *Conversation, _ *Question) error {
			c.sendBytes([]byte{0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f}) // SSLRequest
			said, err := c.bytes(1)
			if err == nil && said[0] != 'S' {
				err = &Refusal{Protocol: "SSLRequest", Said: string(said)}
			}
			return err
		}, Ask: askPostgres}
}

func askPostgres(c *Conversation, q *Question) *Answer {
	body := binary.BigEndian.AppendUint32(nil, 3<<16)
	body = append(body, "user\x00"+q.user()+"\x00database\x00postgres\x00application_name\x00mtlsprobe\x00\x00"...)
	c.sendBytes(append(binary.BigEndian.AppendUint32(nil, uint32(4+len(body))), body...))
	kind, err := c.bytes(1)
	if err != nil {
		return nil
	}
	message, err := c.frame32(binary.BigEndian, 4)
	if err != nil {
		return unknown(string(kind))
	}
	switch kind[0] {
	case 'R':
		a := &Answer{Protocol: "postgres", Complete: true, Verdict: Welcome, Before: login,
			Detail: "the server goes on to authenticate the user"}
		if len(message) >= 4 && binary.BigEndian.Uint32(message) == 0 {
			a.Detail, a.Before = "logged in", ""
			c.sendBytes([]byte{'X', 0, 0, 0, 4}) // Terminate
		}
		return a
	case 'E':
		return postgresError(message)
	}
	return unknown(string(kind) + string(message))
}

// postgresError reads an ErrorResponse. SQLSTATE 28000 stands for many reasons,
// so the message decides: facts seen with PostgreSQL 15. Where clientcert=verify-full
// or the method cert compares the certificate's name with the user's, the method is
// what the message names: see auth_failed in src/backend/libpq/auth.c.
func postgresError(message []byte) *Answer {
	var state, text string
	for field := range bytes.SplitSeq(message, []byte{0}) {
		switch {
		case len(field) > 1 && field[0] == 'C':
			state = string(field[1:])
		case len(field) > 1 && field[0] == 'M':
			text = string(field[1:])
		}
	}
	a := &Answer{Protocol: "postgres", Complete: true, Detail: shorten(state + " " + text), Verdict: AccessRefused}
	switch {
	case strings.HasPrefix(text, "certificate authentication failed for user"),
		strings.HasPrefix(text, "\"trust\" authentication failed for user"):
		a.Verdict = UserRefused
	case strings.Contains(text, "client certificate"):
		a.Verdict = CertificateRefused
	case strings.HasPrefix(text, "role ") || strings.HasPrefix(text, "database "):
		a.Verdict = Welcome // TLS and the certificate were good enough to look it up
	case state == tooManyConnections, state == cannotConnectNow:
		a.Verdict = Undecided
	}
	return a
}

// States in which the server takes nobody. See the PostgreSQL manual, "PostgreSQL
// Error Codes".
const (
	tooManyConnections = "53300"
	cannotConnectNow   = "57P03"
)
