package protocol

import (
	"regexp"
	"strings"
	"time"
)

// smtpProtocol is mail submission and relay (RFC 3207, RFC 8314). The question is
// EHLO: Postfix and nginx refuse there, or in place of their greeting.
func smtpProtocol() *Protocol {
	return &Protocol{Name: "smtp", Greets: true,
		Schemes:  []Scheme{{Name: "smtp", Port: "25", StartTLS: true}, {Name: "submission", Port: "587", StartTLS: true}, {Name: "smtps", Port: "465"}, {Name: "submissions", Port: "465"}},
		StartTLS: func(c *Conversation, _ *Question) error { return startSMTP(c, "EHLO") },
		Ask:      func(c *Conversation, q *Question) *Answer { return askSMTP(c, q, "smtp", "EHLO") },
	}
}

// lmtpProtocol is local delivery (RFC 2033), SMTP but for the greeting.
func lmtpProtocol() *Protocol {
	return &Protocol{Name: "lmtp", Greets: true, Schemes: []Scheme{{Name: "lmtp", Port: "24", StartTLS: true}},
		StartTLS: func(c *Conversation, _ *Question) error { return startSMTP(c, "LHLO") },
		Ask:      func(c *Conversation, q *Question) *Answer { return askSMTP(c, q, "lmtp", "LHLO") },
	}
}

func startSMTP(c *Conversation, hello string) error {
	for _, command := range []string{"", hello + " mtlsprobe.invalid\r\n", "STARTTLS\r\n"} {
		c.send("%s", command)
		code, text, err := c.reply()
		if err != nil {
			return err
		}
		if code/100 != 2 {
			return &Refusal{Protocol: "STARTTLS", Said: saidCode(code, text)}
		}
	}
	return nil
}

func askSMTP(c *Conversation, q *Question, name, hello string) *Answer {
	a := &Answer{Protocol: name}
	if !q.Plain {
		code, text, err := c.reply()
		if err != nil {
			return nil
		}
		if code/100 != 2 {
			return codeAnswer(name, code, text)
		}
		a.Date, a.DateFrom = dateIn(text)
	}
	c.send("%s mtlsprobe.invalid\r\n", hello)
	code, text, err := c.reply()
	if err != nil {
		return nil
	}
	said := codeAnswer(name, code, text)
	said.Date, said.DateFrom = a.Date, a.DateFrom
	c.send("QUIT\r\n")
	return said
}

// dateIn finds the date that Exim and others write into their greeting.
func dateIn(text string) (time.Time, string) {
	found := greetingDate().FindString(text)
	if date, err := time.Parse("Mon, _2 Jan 2006 15:04:05 -0700", found); err == nil {
		return date, "the SMTP greeting"
	}
	return time.Time{}, ""
}

func greetingDate() *regexp.Regexp {
	return regexp.MustCompile(`(Mon|Tue|Wed|Thu|Fri|Sat|Sun), [ 0-9]?\d \w{3} \d{4} \d\d:\d\d:\d\d [-+]\d{4}`)
}

// codeAnswer is what a reply with a number means: 4xx and 5xx refuse.
func codeAnswer(name string, code int, text string) *Answer {
	if code == 0 {
		return unknown(text)
	}
	a := &Answer{Protocol: name, Status: code, Detail: shorten(text), Complete: true}
	if code >= 400 {
		a.Verdict = refused(text)
	}
	return a
}

func saidCode(code int, text string) string {
	if code == 0 {
		return shorten(text)
	}
	return shorten(itoa(code) + " " + text)
}

// imapProtocol is IMAP (RFC 9051). Dovecot refuses a client without a certificate
// only when it begins to log in: so authentication is begun and taken back before
// any credentials.
func imapProtocol() *Protocol {
	return &Protocol{Name: "imap", Greets: true, Schemes: []Scheme{{Name: "imap", Port: "143", StartTLS: true}, {Name: "imaps", Port: "993"}},
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
		a.Detail = "ready to log in"
	case certificateWord(line):
		a.Verdict = CertificateRefused
	case strings.HasPrefix(line, "* BYE"):
		a.Verdict = AccessRefused
	}
	c.send("c LOGOUT\r\n")
	return a
}

// pop3Protocol is POP3 (RFC 2595); it asks like IMAP.
func pop3Protocol() *Protocol {
	return &Protocol{Name: "pop3", Greets: true, Schemes: []Scheme{{Name: "pop3", Port: "110", StartTLS: true}, {Name: "pop3s", Port: "995"}},
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
		a.Detail = "ready to log in"
	case certificateWord(line):
		a.Verdict = CertificateRefused
	}
	c.send("QUIT\r\n")
	return a
}

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
		a.Detail = "ready to log in"
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
