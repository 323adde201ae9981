package protocol

import "encoding/binary"

// cassandraProtocol is CQL's: OPTIONS is answered before any login. See "CQL Binary Protocol v4",
// Section 4.1.3.
func cassandraProtocol() *Protocol {
	return &Protocol{Name: "cassandra", Schemes: []Scheme{{Name: "cassandra", Port: "9142"}},
		Ask: func(c *Conversation, _ *Question) *Answer {
			const header, options, failed, supported, protocolError, codeAndLength = 9, 5, 0, 6, 10, 6
			c.sendBytes([]byte{4, 0, 0, 0, options, 0, 0, 0, 0})
			head, err := c.bytes(header)
			if err != nil {
				return nil
			}
			a := &Answer{Protocol: "cassandra", Complete: true, Verdict: Welcome, Before: login,
				Detail: "OPTIONS is answered"}
			switch head[4] {
			case supported:
				return a
			case failed:
				said, err := c.bytes(int(binary.BigEndian.Uint32(head[5:])))
				if err != nil || len(said) < codeAndLength {
					return unknown(string(head))
				}
				text := string(said[codeAndLength:])
				a.Status, a.Detail = int(binary.BigEndian.Uint32(said)), shorten(text)
				if a.Status != protocolError { // it does not know the version
					a.Verdict, a.Before = refused(text), ""
				}
				return a
			}
			return unknown(string(head))
		}}
}
