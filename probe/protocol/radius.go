package protocol

import (
	"net"

	"mtlsprobe/probe/carrier"
)

// radiusProtocol is EAP-TLS over RADIUS, by which Wi-Fi and wired networks take client certificates
// (RFC 5216, RFC 9190, RFC 3579).
func radiusProtocol() *Protocol {
	return &Protocol{Name: "radius", Schemes: []Scheme{{Name: "radius", Port: "1812"}}, Network: "udp", Nameless: true,
		Carry: func(conn net.Conn, o *carrier.Options) carrier.Carrier { return carrier.NewEAP(conn, &o.EAP) }}
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
