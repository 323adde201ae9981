package protocol

import (
	"strings"
)

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
			case strings.HasPrefix(line, "+"):
				a.Verdict = Welcome
			case strings.HasPrefix(line, "-NOAUTH"), strings.HasPrefix(line, "-NOPERM"):
				a.Verdict, a.Before = Welcome, login
			case strings.HasPrefix(line, "-"):
				a.Verdict = refused(line)
			default:
				return unknown(line)
			}
			return a
		}}
}
