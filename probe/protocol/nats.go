package protocol

import (
	"encoding/json"
	"strings"
)

// natsProtocol is NATS: the server greets in clear with what it offers, and TLS begins then; where
// it is told to begin with TLS, it greets in TLS. CONNECT is the login, here without any
// credentials. See the NATS documentation, "Client Protocol".
func natsProtocol() *Protocol {
	return &Protocol{Name: "nats", Schemes: []Scheme{{Name: "nats", Port: "4222", StartTLS: true},
		{Name: "nats-tls-first", Port: "4222"}}, Greets: true, StartTLS: startNATS, Ask: askNATS}
}

func startNATS(c *Conversation, _ *Question) error {
	line, err := c.line()
	if err != nil {
		return err
	}
	var offer struct {
		Required  bool `json:"tls_required"`
		Available bool `json:"tls_available"`
	}
	text, found := strings.CutPrefix(line, "INFO ")
	switch {
	case !found || json.Unmarshal([]byte(text), &offer) != nil:
		return &Refusal{Protocol: "NATS", Said: shorten(line)}
	case !offer.Required && !offer.Available:
		return &Refusal{Protocol: "NATS", Said: "the greeting does not offer TLS"}
	}
	return nil
}

func askNATS(c *Conversation, _ *Question) *Answer {
	c.send("CONNECT {\"verbose\":true,\"pedantic\":false,\"tls_required\":true,\"name\":\"mtlsprobe\",\"lang\":\"go\"," +
		"\"version\":\"1\",\"protocol\":1}\r\nPING\r\n")
	line, err := c.until(func(line string) bool { return !strings.HasPrefix(line, "INFO ") })
	if err != nil {
		return nil
	}
	a := &Answer{Protocol: "nats", Detail: shorten(line), Complete: true}
	switch {
	case line == "+OK" || line == "PONG":
		a.Verdict = Welcome
	case strings.HasPrefix(line, "-ERR 'Authorization Violation'"): // no credentials, or no user of the certificate
		a.UserOrCertificate = true
	case strings.HasPrefix(line, "-ERR"):
		a.Verdict = refused(line)
	default:
		return unknown(line)
	}
	return a
}
