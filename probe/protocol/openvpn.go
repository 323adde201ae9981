package protocol

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"net"
	"strings"

	"mtlsprobe/probe/carrier"
)

// openVPNProtocol is OpenVPN's control channel over UDP. Before a login the server has nothing to
// say: whether it accepts a certificate shows in the handshake.
func openVPNProtocol() *Protocol { return openVPN("openvpn", "udp") }

// openVPNStreamProtocol is the same over TCP.
func openVPNStreamProtocol() *Protocol { return openVPN("openvpn-tcp", "") }

func openVPN(name, network string) *Protocol {
	return &Protocol{Name: name, Schemes: []Scheme{{Name: name, Port: "1194"}}, Network: network, Nameless: true,
		Verifies: true,
		Carry: func(conn net.Conn, o *carrier.Options) carrier.Carrier {
			return carrier.NewOpenVPN(conn, network == "", &o.OpenVPN)
		},
		Ask: func(c *Conversation, q *Question) *Answer {
			if !q.Login {
				return nil
			}
			return loginOpenVPN(c, name)
		}}
}

// loginOpenVPN exchanges keys by "key method 2", without name and password, and asks for what the
// server pushes. See OpenVPN's src/openvpn/ssl.c, key_method_2_write.
func loginOpenVPN(c *Conversation, name string) *Answer {
	const (
		method, secrets = 2, 48 + 32 + 32
		options         = "V4,dev-type tun,link-mtu 1549,tun-mtu 1500,proto UDPv4,cipher AES-256-GCM,auth [null-digest]," +
			"keysize 256,key-method 2,tls-client"
		peer = "IV_VER=2.6.0\nIV_PLAT=linux\nIV_PROTO=2\nIV_NCP=2\nIV_CIPHERS=AES-256-GCM:AES-128-GCM\n"
	)
	text := func(b []byte, s string) []byte {
		return append(append(binary.BigEndian.AppendUint16(b, uint16(len(s)+1)), s...), 0)
	}
	keys := make([]byte, secrets)
	_, _ = rand.Read(keys)
	message := append([]byte{0, 0, 0, 0, method}, keys...)
	message = text(message, options)
	message = append(message, 0, 0, 0, 0) // neither name nor password
	c.sendBytes(text(message, peer))
	if _, err := c.r.Peek(1); err != nil {
		return nil
	}
	c.send("PUSH_REQUEST\x00")
	var said []byte
	for len(said) < MaxAnswer {
		if _, err := c.r.Peek(1); err != nil {
			return nil
		}
		rest := c.Rest()
		said = append(said, rest...)
		_, _ = c.r.Discard(len(rest))
		if at := bytes.Index(said, []byte("AUTH_FAILED")); at >= 0 {
			words, _, _ := strings.Cut(string(said[at:]), "\x00")
			return &Answer{Protocol: name, Complete: true, Verdict: AccessRefused, UserOrCertificate: true,
				Detail: shorten(words)}
		}
		if bytes.Contains(said, []byte("PUSH_REPLY")) {
			return &Answer{Protocol: name, Complete: true, Verdict: Welcome, Detail: "PUSH_REPLY: the tunnel is set up"}
		}
	}
	return nil
}
