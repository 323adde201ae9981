package protocol

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// amqpProtocol is AMQP 0-9-1: the server opens with its mechanisms.
func amqpProtocol() *Protocol {
	return &Protocol{Name: "amqp", Schemes: []Scheme{{Name: "amqps", Port: "5671"}, {Name: "amqp", Port: "5671"}},
		Ask: func(c *Conversation, _ *Question) *Answer {
			c.sendBytes([]byte{'A', 'M', 'Q', 'P', 0, 0, 9, 1})
			head, err := c.bytes(8)
			if err != nil {
				return nil
			}
			if string(head[:4]) == "AMQP" {
				return &Answer{Protocol: "amqp", Complete: true,
					Detail: fmt.Sprintf("the server speaks AMQP %d-%d-%d", head[5], head[6], head[7])}
			}
			if head[0] != 1 {
				return unknown(string(head))
			}
			a := &Answer{Protocol: "amqp", Complete: true, Verdict: Welcome, Before: login,
				Detail: "the server begins to negotiate"}
			// One byte of the frame's payload has been read with its head.
			if rest, err := c.bytes(int(binary.BigEndian.Uint32(head[3:])) - 1); err == nil &&
				bytes.Contains(rest, []byte("EXTERNAL")) {
				a.Detail += ", and SASL EXTERNAL is offered"
			}
			return a
		}}
}
