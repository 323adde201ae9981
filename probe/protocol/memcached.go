package protocol

import "strings"

// memcachedProtocol is memcached's text protocol. See its doc/protocol.txt, "General-purpose
// commands".
func memcachedProtocol() *Protocol {
	return &Protocol{Name: "memcached", Schemes: []Scheme{{Name: "memcached", Port: "11211"}},
		Ask: func(c *Conversation, _ *Question) *Answer {
			c.send("version\r\n")
			line, err := c.line()
			if err != nil {
				return nil
			}
			a := &Answer{Protocol: "memcached", Detail: shorten(line), Complete: true, Verdict: Welcome}
			switch {
			case strings.HasPrefix(line, "VERSION "):
			case strings.HasPrefix(line, "CLIENT_ERROR"), line == "ERROR": // a login first, or the binary protocol
				a.Before = login
			case strings.HasPrefix(line, "SERVER_ERROR"):
				a.Verdict = refused(line)
			default:
				return unknown(line)
			}
			return a
		}}
}
