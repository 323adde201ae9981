package tlspeer

import (
	"crypto/tls"
	"crypto/x509"
	"testing"
	"time"

	"mtlsprobe/probe/wire"
)

// FuzzLate has any handshake messages come after the handshake, under the server's own
// keys: requests, key updates, tickets, and what does not belong there.
func FuzzLate(f *testing.F) {
	request := []byte{byte(wire.CertRequest), 0, 0, 11, 0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3}
	seeds := [][]byte{request, {byte(wire.KeyUpdate), 0, 0, 1, 1}, {byte(wire.NewSessionTicket), 0, 0, 0}, {byte(wire.CertRequest), 255, 255, 255}, {0}}
	for _, seed := range seeds {
		f.Add(seed)
	}
	p := pki()
	f.Fuzz(func(t *testing.T, messages []byte) {
		conn, _ := serve(t, serverConfig(p, tls.NoClientCert))
		shown := 0
		c := Client(conn, &Config{VerifyPeer: func([]*x509.Certificate) error { return nil }, Presented: func() { shown++ },
			Certificate: &tls.Certificate{Certificate: [][]byte{p.Cert("client").Raw}, PrivateKey: p.Key("client")}})
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(time.Second))
		c.layer.Push(messages[:min(len(messages), 1<<14)])
		if _ = c.messages(); shown > maxRequests {
			t.Errorf("%d certificates were presented", shown)
		}
	})
}
