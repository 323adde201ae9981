package protocol

import (
	"strings"
)

// imapProtocol is IMAP (RFC 9051). Dovecot refuses a client without a certificate
// only when it begins to log in: so authentication is begun and taken back before
// any credentials.
func imapProtocol() *Protocol {
	return &Protocol{Name: "imap", Greets: true,
		Schemes: []Scheme{{Name: "imap", Port: "143", StartTLS: true}, {Name: "imaps", Port: "993"}},
		StartTLS: func(c *Conversation, _ *Question) error {
			greeting, err := c.line()
			if err != nil {
				return err
			}
			if !strings.HasPrefix(greeting, "* OK") {
				return &Refusal{Protocol: "STARTTLS", Said: shorten(greeting)}
			}
			c.send("a STARTTLS\r\n")
			line, err := tagged(c, "a ")
			if err == nil && !strings.HasPrefix(line, "a OK") {
				err = &Refusal{Protocol: "STARTTLS", Said: shorten(line)}
			}
			return err
		}, Ask: askIMAP}
}

func tagged(c *Conversation, tag string) (string, error) {
	return c.until(func(line string) bool {
		return strings.HasPrefix(line, tag) || strings.HasPrefix(line, "* BYE") || strings.HasPrefix(line, "+")
	})
}

func askIMAP(c *Conversation, q *Question) *Answer {
	if !q.Plain {
		greeting, err := c.line()
		switch {
		case err != nil:
			return nil
		case strings.HasPrefix(greeting, "* BYE"):
			return &Answer{Protocol: "imap", Verdict: refused(greeting), Detail: shorten(greeting), Complete: true}
		case !strings.HasPrefix(greeting, "* "):
			return unknown(greeting)
		}
	}
	c.send("b AUTHENTICATE PLAIN\r\n")
	line, err := tagged(c, "b ")
	if err != nil {
		return nil
	}
	a := &Answer{Protocol: "imap", Detail: shorten(line), Complete: true}
	switch {
	case strings.HasPrefix(line, "+"):
		c.send("*\r\n")
		a.Verdict, a.Detail, a.Before = Welcome, "ready to log in", login
	case certificateWord(line):
		a.Verdict = CertificateRefused
	case strings.HasPrefix(line, "* BYE"):
		a.Verdict = AccessRefused
	}
	c.send("c LOGOUT\r\n")
	return a
}
