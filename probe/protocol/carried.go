package protocol

import "mtlsprobe/probe/carrier"

// Established is the answer of a server that verifies in the handshake, up to TLS 1.2.
func (p *Protocol) Established() *Answer {
	return &Answer{Protocol: p.Name, Verdict: Welcome, Before: login, Complete: true,
		Detail: "completes the handshake, in which it checks the certificate"}
}

// Carried is what the protocol that carried TLS said of the client at last.
func (p *Protocol) Carried(o *carrier.Outcome) *Answer {
	a := &Answer{Protocol: p.Name, Detail: shorten(o.String()), Complete: true, Carrier: true, User: o.User}
	switch {
	case o.Unrelated:
	case o.Accepted:
		a.Verdict = Welcome
	default:
		a.Verdict = refused(o.Text)
	}
	return a
}
