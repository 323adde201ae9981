package protocol

import (
	"strings"
	"time"
)

// nntpProtocol is NNTP (RFC 4642). DATE (RFC 3977, Section 7.1) tells the
// server's clock as well.
func nntpProtocol() *Protocol {
	return &Protocol{Name: "nntp", Greets: true,
		Schemes:  []Scheme{{Name: "nntp", Port: "119", StartTLS: true}, {Name: "nntps", Port: "563"}},
		StartTLS: func(c *Conversation, _ *Question) error { return startCoded(c, "STARTTLS", 200, 382) },
		Ask: func(c *Conversation, q *Question) *Answer {
			a := askCoded(c, q, "nntp", "DATE")
			if a != nil && a.Status == 111 {
				a.Verdict, a.Before = Welcome, login
				if date, err := time.Parse("20060102150405", strings.TrimSpace(a.Detail)); err == nil {
					a.Date, a.DateFrom = date, "NNTP DATE"
				}
			}
			return a
		}}
}
