package protocol

import (
	"bytes"
	"encoding/binary"
)

// mongoProtocol is MongoDB's: "hello" is answered before any login. Without an
// acceptable certificate the server drops the connection after the handshake.
func mongoProtocol() *Protocol {
	return &Protocol{Name: "mongodb", Schemes: []Scheme{{Name: "mongodb", Port: "27017"}},
		Ask: func(c *Conversation, _ *Question) *Answer {
			document := []byte{0, 0, 0, 0}
			document = append(document, "\x10hello\x00\x01\x00\x00\x00\x02$db\x00\x06\x00\x00\x00admin\x00\x00"...)
			binary.LittleEndian.PutUint32(document, uint32(len(document)))
			message := append(make([]byte, 16+4+1), document...) // header, flags, kind 0: one document
			for i, n := range []int{len(message), 1, 0, 2013} {  // OP_MSG
				binary.LittleEndian.PutUint32(message[4*i:], uint32(n))
			}
			c.sendBytes(message)
			said, err := c.frame32(binary.LittleEndian, 4)
			if err != nil || len(said) < 12 {
				return nil
			}
			// After the length: the message's own number, that of ours, and OP_MSG.
			if binary.LittleEndian.Uint32(said[4:]) != 1 || binary.LittleEndian.Uint32(said[8:]) != 2013 {
				return unknown(string(said))
			}
			a := &Answer{Protocol: "mongodb", Complete: true, Verdict: Welcome, Before: login, Detail: "hello is answered"}
			if i := bytes.Index(said, []byte("errmsg\x00")); i >= 0 {
				a.Detail = shorten(string(said[i+7+min(4, len(said)-i-7):]))
				a.Verdict = refused(a.Detail)
			}
			return a
		}}
}
