package protocol

import (
	"strings"
)

// xmppProtocol is XMPP (RFC 6120). That SASL EXTERNAL is offered shows that the
// certificate was accepted as an identity (XEP-0178).
func xmppProtocol() *Protocol {
	return &Protocol{Name: "xmpp", Schemes: []Scheme{{Name: "xmpp", Port: "5222", StartTLS: true},
		{Name: "xmpp-server", Port: "5269", StartTLS: true}, {Name: "xmpps", Port: "5223"}},
		StartTLS: func(c *Conversation, q *Question) error {
			said, err := openStream(c, q)
			if err != nil {
				return err
			}
			if !strings.Contains(said, "urn:ietf:params:xml:ns:xmpp-tls") {
				return &Refusal{Protocol: "starttls", Said: shorten(said)}
			}
			c.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
			said, err = c.xml("/>", "</failure>")
			if err == nil && !strings.Contains(said, "<proceed") {
				err = &Refusal{Protocol: "starttls", Said: shorten(said)}
			}
			return err
		},
		Ask: func(c *Conversation, q *Question) *Answer {
			said, err := openStream(c, q)
			if err != nil {
				return nil
			}
			a := &Answer{Protocol: "xmpp", Complete: true, Verdict: Welcome, Before: login,
				Detail: "the stream is open; the certificate is not taken as an identity (no SASL EXTERNAL)"}
			switch {
			case !strings.Contains(said, "<stream:features") && !strings.Contains(said, "<stream:error"):
				return unknown(said)
			case strings.Contains(said, "<stream:error"):
				a.Verdict, a.Detail = refused(said), shorten(said[strings.Index(said, "<stream:error"):])
			case strings.Contains(said, "EXTERNAL"):
				a.Detail = "the stream is open, and SASL EXTERNAL is offered"
			}
			c.send("</stream:stream>")
			return a
		}}
}

func openStream(c *Conversation, q *Question) (string, error) {
	c.send("<?xml version='1.0'?><stream:stream to='%s' xmlns='jabber:client' "+
		"xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>", q.Name)
	return c.xml("</stream:features>", "<stream:features/>", "</stream:error>", "</stream:stream>")
}

// xml reads up to the first of the ends, within the bound of an answer.
func (c *Conversation) xml(ends ...string) (string, error) {
	var said strings.Builder
	for said.Len() < MaxAnswer {
		b, err := c.r.ReadByte()
		if err != nil {
			return "", err
		}
		said.WriteByte(b)
		if b == '>' {
			for _, end := range ends {
				if strings.HasSuffix(said.String(), end) {
					return said.String(), nil
				}
			}
		}
	}
	return said.String(), nil
}
