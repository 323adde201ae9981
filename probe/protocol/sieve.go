package protocol

import (
	"strings"
)

// sieveProtocol is ManageSieve (RFC 5804): the server repeats its capabilities
// after the handshake.
func sieveProtocol() *Protocol {
	return &Protocol{Name: "sieve", Greets: true, Schemes: []Scheme{{Name: "sieve", Port: "4190", StartTLS: true}},
		StartTLS: func(c *Conversation, _ *Question) error {
			for _, command := range []string{"", "STARTTLS\r\n"} {
				c.send("%s", command)
				line, err := c.until(sieveEnd)
				if err != nil {
					return err
				}
				if !strings.HasPrefix(line, "OK") {
					return &Refusal{Protocol: "STARTTLS", Said: shorten(line)}
				}
			}
			return nil
		},
		Ask: askSieve}
}

// askSieve begins to log in and takes it back, as in IMAP: Dovecot refuses there.
func askSieve(c *Conversation, _ *Question) *Answer {
	line, err := c.until(sieveEnd)
	if err != nil {
		return nil
	}
	a := &Answer{Protocol: "sieve", Detail: shorten(line), Complete: true}
	if !strings.HasPrefix(line, "OK") {
		a.Verdict = refused(line)
		return a
	}
	c.send("AUTHENTICATE \"PLAIN\"\r\n")
	line, err = c.until(func(line string) bool {
		return sieveEnd(line) || strings.HasPrefix(line, "\"") || strings.HasPrefix(line, "{")
	})
	if err != nil {
		return nil
	}
	a.Detail = shorten(line)
	switch {
	case !sieveEnd(line):
		c.send("\"*\"\r\n")
		a.Verdict, a.Detail, a.Before = Welcome, "ready to log in", login
	case certificateWord(line):
		a.Verdict = CertificateRefused
	case strings.HasPrefix(line, "BYE"):
		a.Verdict = AccessRefused
	}
	c.send("LOGOUT\r\n")
	return a
}

func sieveEnd(line string) bool {
	return strings.HasPrefix(line, "OK") || strings.HasPrefix(line, "NO") || strings.HasPrefix(line, "BYE")
}
