package protocol

// mqttProtocol is MQTT 3.1.1: a CONNECT with an empty client identifier and a
// clean session, which leaves nothing behind.
func mqttProtocol() *Protocol {
	return &Protocol{Name: "mqtt", Schemes: []Scheme{{Name: "mqtts", Port: "8883"}, {Name: "mqtt", Port: "8883"}},
		Ask: func(c *Conversation, _ *Question) *Answer {
			c.sendBytes([]byte{0x10, 12, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 30, 0, 0})
			said, err := c.bytes(4)
			if err != nil {
				return nil
			}
			if said[0] != 0x20 || said[1] != 2 {
				return unknown(string(said))
			}
			words := []string{"connection accepted", "unacceptable protocol version", "identifier rejected",
				"server unavailable", "bad user name or password", "not authorized"}
			a := &Answer{Protocol: "mqtt", Status: int(said[3]), Complete: true, Detail: "unknown return code"}
			if int(said[3]) < len(words) {
				a.Detail = words[said[3]]
			}
			switch said[3] {
			case 0:
				a.Verdict, a.Before = Welcome, "subscribing and publishing"
			case 4, 5:
				a.Verdict = AccessRefused
			}
			c.sendBytes([]byte{0xe0, 0}) // DISCONNECT
			return a
		}}
}
