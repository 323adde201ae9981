package protocol

import (
	"strings"
)

// ircProtocol is IRC. CAP LS is answered before any registration (IRCv3
// capability negotiation); STARTTLS is IRCv3's, too.
func ircProtocol() *Protocol {
	return &Protocol{Name: "irc", Schemes: []Scheme{{Name: "irc", Port: "6667", StartTLS: true},
		{Name: "ircs", Port: "6697"}},
		StartTLS: func(c *Conversation, _ *Question) error {
			c.send("STARTTLS\r\n")
			line, err := c.until(func(line string) bool {
				return ircCommand(line) == "670" || ircCommand(line) == "691" || ircCommand(line) == "421" ||
					ircCommand(line) == "ERROR"
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
			switch command := ircCommand(line); {
			case command == "CAP":
				a.Verdict, a.Before = Welcome, "registration"
			case command == "ERROR", len(command) == 3 && command[0] >= '4' && command[0] <= '9':
				a.Verdict = refused(line)
			default:
				return unknown(line)
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
