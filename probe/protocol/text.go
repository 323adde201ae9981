package protocol

import (
	"strconv"
	"strings"
	"time"
)

func itoa(n int) string { return strconv.Itoa(n) }

// ftpProtocol is FTP (RFC 4217). PBSZ belongs to TLS itself and is answered
// before any login.
func ftpProtocol() *Protocol {
	return &Protocol{Name: "ftp", Greets: true, Schemes: []Scheme{{Name: "ftp", Port: "21", StartTLS: true}, {Name: "ftps", Port: "990"}},
		StartTLS: func(c *Conversation, _ *Question) error { return startCoded(c, "AUTH TLS", 220, 234) },
		Ask:      func(c *Conversation, q *Question) *Answer { return askCoded(c, q, "ftp", "PBSZ 0") },
	}
}

// nntpProtocol is NNTP (RFC 4642). DATE (RFC 3977, Section 7.1) tells the
// server's clock as well.
func nntpProtocol() *Protocol {
	return &Protocol{Name: "nntp", Greets: true, Schemes: []Scheme{{Name: "nntp", Port: "119", StartTLS: true}, {Name: "nntps", Port: "563"}},
		StartTLS: func(c *Conversation, _ *Question) error { return startCoded(c, "STARTTLS", 200, 382) },
		Ask: func(c *Conversation, q *Question) *Answer {
			a := askCoded(c, q, "nntp", "DATE")
			if a != nil && a.Status == 111 {
				if date, err := time.Parse("20060102150405", strings.TrimSpace(a.Detail)); err == nil {
					a.Date, a.DateFrom = date, "NNTP DATE"
				}
			}
			return a
		}}
}

// startCoded reads the greeting, of which every 2xx is good, and asks for TLS.
func startCoded(c *Conversation, command string, greeting, goAhead int) error {
	code, text, err := c.reply()
	if err == nil && code/100 == greeting/100 {
		c.send("%s\r\n", command)
		greeting = goAhead
		code, text, err = c.reply()
		if err == nil && code == goAhead {
			return nil
		}
	}
	if err != nil {
		return err
	}
	return &Refusal{Protocol: command, Said: saidCode(code, text)}
}

func askCoded(c *Conversation, q *Question, name, command string) *Answer {
	if !q.Plain {
		code, text, err := c.reply()
		if err != nil {
			return nil
		}
		if code/100 != 2 {
			return codeAnswer(name, code, text)
		}
	}
	c.send("%s\r\n", command)
	code, text, err := c.reply()
	if err != nil {
		return nil
	}
	c.send("QUIT\r\n")
	return codeAnswer(name, code, text)
}

// ircProtocol is IRC. CAP LS is answered before any registration (IRCv3
// capability negotiation); STARTTLS is IRCv3's, too.
func ircProtocol() *Protocol {
	return &Protocol{Name: "irc", Schemes: []Scheme{{Name: "irc", Port: "6667", StartTLS: true}, {Name: "ircs", Port: "6697"}},
		StartTLS: func(c *Conversation, _ *Question) error {
			c.send("STARTTLS\r\n")
			line, err := c.until(func(line string) bool {
				return ircCommand(line) == "670" || ircCommand(line) == "691" || ircCommand(line) == "421" || ircCommand(line) == "ERROR"
			})
			if err == nil && ircCommand(line) != "670" {
				err = &Refusal{Protocol: "STARTTLS", Said: shorten(line)}
			}
			return err
		},
		Ask: func(c *Conversation, _ *Question) *Answer {
			c.send("CAP LS 302\r\n")
			line, err := c.until(func(line string) bool { return ircCommand(line) != "NOTICE" })
			if err != nil {
				return nil
			}
			a := &Answer{Protocol: "irc", Detail: shorten(line), Complete: true}
			if ircCommand(line) == "ERROR" {
				a.Verdict = refused(line)
			}
			c.send("QUIT\r\n")
			return a
		}}
}

// ircCommand is the command or number of a message, after its source.
func ircCommand(line string) string {
	fields := strings.Fields(line)
	if len(fields) > 1 && strings.HasPrefix(line, ":") {
		return fields[1]
	}
	if len(fields) > 0 {
		return fields[0]
	}
	return ""
}

// redisProtocol is Redis: PING is answered, or NOAUTH comes, which is the
// password's matter and not the certificate's.
func redisProtocol() *Protocol {
	return &Protocol{Name: "redis", Schemes: []Scheme{{Name: "rediss", Port: "6379"}, {Name: "redis", Port: "6379"}},
		Ask: func(c *Conversation, _ *Question) *Answer {
			c.send("PING\r\n")
			line, err := c.line()
			if err != nil {
				return nil
			}
			a := &Answer{Protocol: "redis", Detail: shorten(line), Complete: true}
			switch {
			case strings.HasPrefix(line, "+"), strings.HasPrefix(line, "-NOAUTH"), strings.HasPrefix(line, "-NOPERM"):
			case strings.HasPrefix(line, "-"):
				a.Verdict = refused(line)
			default:
				return unknown(line)
			}
			return a
		}}
}

// xmppProtocol is XMPP (RFC 6120). That SASL EXTERNAL is offered shows that the
// certificate was accepted as an identity (XEP-0178).
func xmppProtocol() *Protocol {
	return &Protocol{Name: "xmpp", Schemes: []Scheme{{Name: "xmpp", Port: "5222", StartTLS: true}, {Name: "xmpp-server", Port: "5269", StartTLS: true}, {Name: "xmpps", Port: "5223"}},
		StartTLS: func(c *Conversation, q *Question) error {
			said, err := openStream(c, q)
			if err != nil {
				return err
			}
			if !strings.Contains(said, "urn:ietf:params:xml:ns:xmpp-tls") {
				return &Refusal{Protocol: "starttls", Said: shorten(said)}
			}
			c.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
			said, err = c.xml("/>", "</failure>")
			if err == nil && !strings.Contains(said, "<proceed") {
				err = &Refusal{Protocol: "starttls", Said: shorten(said)}
			}
			return err
		},
		Ask: func(c *Conversation, q *Question) *Answer {
			said, err := openStream(c, q)
			if err != nil {
				return nil
			}
			a := &Answer{Protocol: "xmpp", Complete: true, Detail: "the stream is open; the certificate is not taken as an identity (no SASL EXTERNAL)"}
			switch {
			case strings.Contains(said, "<stream:error"):
				a.Verdict, a.Detail = refused(said), shorten(said[strings.Index(said, "<stream:error"):])
			case strings.Contains(said, "EXTERNAL"):
				a.Detail = "the stream is open, and SASL EXTERNAL is offered"
			}
			c.send("</stream:stream>")
			return a
		}}
}

func openStream(c *Conversation, q *Question) (string, error) {
	c.send("<?xml version='1.0'?><stream:stream to='%s' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>", q.Name)
	return c.xml("</stream:features>", "<stream:features/>", "</stream:error>", "</stream:stream>")
}

// xml reads up to the first of the ends, within the bound of an answer.
func (c *Conversation) xml(ends ...string) (string, error) {
	var said strings.Builder
	for said.Len() < MaxAnswer {
		b, err := c.r.ReadByte()
		if err != nil {
			return "", err
		}
		said.WriteByte(b)
		if b == '>' {
			for _, end := range ends {
				if strings.HasSuffix(said.String(), end) {
					return said.String(), nil
				}
			}
		}
	}
	return said.String(), nil
}
