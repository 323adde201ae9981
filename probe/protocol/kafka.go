package protocol

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// kafkaProtocol is Kafka's: ApiVersions is answered before any login.
func kafkaProtocol() *Protocol {
	return &Protocol{Name: "kafka", Schemes: []Scheme{{Name: "kafka", Port: "9093"}},
		Ask: func(c *Conversation, _ *Question) *Answer {
			const id = "mtlsprobe"
			message := []byte{0, 18, 0, 0, 0, 0, 0, 1, 0, byte(len(id))}
			message = append(message, id...)
			c.sendBytes(append(binary.BigEndian.AppendUint32(nil, uint32(len(message))), message...))
			said, err := c.frame32(binary.BigEndian, 0)
			if err != nil || len(said) < 6 || !bytes.Equal(said[:4], []byte{0, 0, 0, 1}) {
				return nil
			}
			a := &Answer{Protocol: "kafka", Complete: true, Verdict: Welcome, Before: login,
				Status: int(binary.BigEndian.Uint16(said[4:])),
				Detail: "ApiVersions is answered"}
			if a.Status != 0 {
				a.Detail = fmt.Sprintf("ApiVersions is answered with error %d", a.Status)
			}
			return a
		}}
}
