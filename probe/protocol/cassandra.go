package protocol

import "fmt"

// cassandraProtocol is CQL's: OPTIONS is answered before any login. See "CQL Binary Protocol v4",
// Section 4.1.3.
func cassandraProtocol() *Protocol {
	return &Protocol{Name: "cassandra", Schemes: []Scheme{{Name: "cassandra", Port: "9142"}},
		Ask: func(c *Conversation, _ *Question) *Answer {
			const header, options, failed, supported = 9, 5, 0, 6
			c.sendBytes([]byte{4, 0, 0, 0, options, 0, 0, 0, 0})
			head, err := c.bytes(header)
			if err != nil {
				return nil
			}
			switch head[4] {
			case supported, failed: // it may not know the version
				return &Answer{Protocol: "cassandra", Complete: true, Verdict: Welcome, Before: login,
					Detail: fmt.Sprintf("OPTIONS is answered, with message %d", head[4])}
			}
			return unknown(string(head))
		}}
}
