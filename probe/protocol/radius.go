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
