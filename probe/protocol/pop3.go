package protocol

import (
	"strings"
)

// pop3Protocol is POP3 (RFC 2595); it asks like IMAP.
func pop3Protocol() *Protocol {
	return &Protocol{Name: "pop3", Greets: true,
		Schemes: []Scheme{{Name: "pop3", Port: "110", StartTLS: true}, {Name: "pop3s", Port: "995"}},
		StartTLS: func(c *Conversation, _ *Question) error {
			for _, command := range []string{"", "STLS\r\n"} {
				c.send("%s", command)
				line, err := c.line()
				if err != nil {
					return err
				}
				if !strings.HasPrefix(line, "+OK") {
					return &Refusal{Protocol: "STLS", Said: shorten(line)}
				}
			}
			return nil
		}, Ask: askPOP3}
}

func askPOP3(c *Conversation, q *Question) *Answer {
	if !q.Plain {
		greeting, err := c.line()
		switch {
		case err != nil:
			return nil
		case strings.HasPrefix(greeting, "-ERR"):
			return &Answer{Protocol: "pop3", Verdict: refused(greeting), Detail: shorten(greeting), Complete: true}
		case !strings.HasPrefix(greeting, "+OK"):
			return unknown(greeting)
		}
	}
	c.send("AUTH PLAIN\r\n")
	line, err := c.line()
	if err != nil {
		return nil
	}
	a := &Answer{Protocol: "pop3", Detail: shorten(line), Complete: true}
	switch {
	case strings.HasPrefix(line, "+"):
		c.send("*\r\n")
		a.Verdict, a.Detail, a.Before = Welcome, "ready to log in", login
	case !strings.HasPrefix(line, "-ERR"):
		return unknown(line)
	case certificateWord(line):
		a.Verdict = CertificateRefused
	}
	c.send("QUIT\r\n")
	return a
}
