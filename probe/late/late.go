// Package late is a small TLS 1.3 client that offers post-handshake
// authentication (RFC 8446, Section 4.6.2), which crypto/tls does not: some
// servers ask for a certificate only after they have read what is asked for.
//
// Call [Client], then Handshake, then Read and Write: a request that comes later
// is answered by Read. The client has what the job needs and no more: X25519 and
// P-256, AES-GCM, no resumption, no HelloRetryRequest. The server's signature and
// Finished are verified; whether its certificate is trusted is the caller's word.
package late

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"mtlsprobe/probe/handshake"
	"mtlsprobe/probe/wire"
)

// Config says how to connect and what to present.
type Config struct {
	ServerName string   // for SNI, unless it is an address
	ALPN       []string // nil for none
	// Certificate answers every request; nil stands for an empty answer.
	Certificate *tls.Certificate
	// VerifyPeer gets the server's chain, leaf first. Its error ends the handshake.
	VerifyPeer func([]*x509.Certificate) error
	// Presented is called when Certificate is about to be sent; may be nil.
	Presented func()
	// KeyLog gets the secrets in the SSLKEYLOGFILE format (RFC 9850); may be nil.
	KeyLog io.Writer
}

// A Conn is one connection.
type Conn struct {
	layer    handshake.Layer
	config   *Config
	random   []byte
	keys     map[uint16]*ecdh.PrivateKey // of the shares that were sent, by group
	schedule *handshake.Schedule
	request  *wire.CertificateRequest // of the handshake; nil without one
	peer     []*x509.Certificate
	alpn     string

	clientSecret, serverSecret []byte // of application traffic
	base                       []byte // messages up to the client's Finished
	data                       []byte // application data not yet taken
	requests, updates          int    // that came after the handshake
	writing                    sync.Mutex
}

// Client returns a connection on which the handshake is yet to be made. Waits
// are bounded by conn's deadlines.
func Client(conn net.Conn, config *Config) *Conn {
	return &Conn{layer: handshake.Layer{Conn: conn}, config: config, keys: make(map[uint16]*ecdh.PrivateKey)}
}

// State says what was agreed on, as crypto/tls does.
func (c *Conn) State() tls.ConnectionState {
	return tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: c.base != nil, NegotiatedProtocol: c.alpn, PeerCertificates: c.peer}
}

// ErrUnsuited says that the server wants what this client does not have.
var ErrUnsuited = errors.New("nothing in common")

// Handshake runs the client's side of RFC 8446, Section 2.
func (c *Conn) Handshake() error {
	hello, err := c.clientHello()
	if err != nil {
		return err
	}
	if err := c.layer.Write(wire.HandshakeRecord, c.layer.Add(wire.ClientHello, hello)); err != nil {
		return err
	}
	shared, err := c.serverHello()
	if err != nil {
		return err
	}
	client, server, err := c.schedule.HandshakeSecrets(shared, c.layer.Transcript)
	if err != nil {
		return err
	}
	c.log("CLIENT_HANDSHAKE_TRAFFIC_SECRET", client)
	c.log("SERVER_HANDSHAKE_TRAFFIC_SECRET", server)
	if c.layer.In, err = c.schedule.Protection(server); err != nil {
		return err
	}
	if err := c.serverFlight(server); err != nil {
		return err
	}
	return c.finish(client)
}

func (c *Conn) log(label string, secret []byte) {
	if c.config.KeyLog != nil {
		fmt.Fprintf(c.config.KeyLog, "%s %x %x\n", label, c.random, secret)
	}
}

// finish answers a request of the handshake, sends Finished and changes keys.
func (c *Conn) finish(client []byte) error {
	var err error
	if c.clientSecret, c.serverSecret, err = c.schedule.ApplicationSecrets(c.layer.Transcript); err != nil {
		return err
	}
	c.log("CLIENT_TRAFFIC_SECRET_0", c.clientSecret)
	c.log("SERVER_TRAFFIC_SECRET_0", c.serverSecret)
	if err := c.layer.Write(wire.ChangeCipherSpec, []byte{1}); err != nil { // RFC 8446, Appendix D.4
		return err
	}
	if c.layer.Out, err = c.schedule.Protection(client); err != nil {
		return err
	}
	flight, err := c.answer(&c.layer.Transcript, c.request, client)
	if err != nil {
		c.layer.Alert(alertInternal)
		return err
	}
	if err := c.layer.Write(wire.HandshakeRecord, flight); err != nil {
		return err
	}
	c.base = c.layer.Transcript
	if c.layer.Out, err = c.schedule.Protection(c.clientSecret); err != nil {
		return err
	}
	c.layer.In, err = c.schedule.Protection(c.serverSecret)
	return err
}

// Bounds on what may come after the handshake: no server means more.
const (
	maxRequests = 4
	maxUpdates  = 64
)

// Alert numbers that this client sends.
const (
	alertBadCertificate = 42
	alertDecode         = 50
	alertDecrypt        = 51
	alertInternal       = 80
)

// Write sends application data.
func (c *Conn) Write(b []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.layer.Write(wire.ApplicationData, b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Read returns application data, and answers on the way what the server says
// besides. At the server's close_notify it returns io.EOF.
func (c *Conn) Read(b []byte) (int, error) {
	for len(c.data) == 0 {
		kind, payload, err := c.layer.Read()
		var alert *handshake.AlertError
		switch {
		case errors.As(err, &alert) && alert.Description == wire.CloseNotify:
			return 0, io.EOF
		case errors.As(err, &alert) && !alert.Refuses(tls.VersionTLS13):
			continue // such as user_canceled, which JDK sends before it closes
		case err != nil:
			return 0, err
		case kind == wire.ApplicationData:
			c.data = payload
		case kind == wire.HandshakeRecord:
			c.layer.Push(payload)
			if err := c.messages(); err != nil {
				return 0, err
			}
		}
	}
	n := copy(b, c.data)
	c.data = c.data[n:]
	return n, nil
}

// messages handles what may come after the handshake.
func (c *Conn) messages() error {
	for {
		message, err := c.layer.Take()
		if message == nil || err != nil {
			return err
		}
		switch wire.HandshakeType(message[0]) {
		case wire.CertRequest:
			c.requests++
			err = c.answerLate(message)
		case wire.KeyUpdate:
			c.updates++
			err = c.update(message[4:])
		}
		if c.requests > maxRequests || c.updates > maxUpdates {
			err = fmt.Errorf("the server asked %d times and changed its keys %d times, which is more than makes sense", c.requests, c.updates)
		}
		if err != nil {
			return err
		}
	}
}

// answerLate answers a CertificateRequest after the handshake.
func (c *Conn) answerLate(message []byte) error {
	request, err := wire.ParseCertificateRequest(tls.VersionTLS13, message[4:])
	if err != nil {
		c.alert(alertDecode)
		return err
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	covered := append(c.base[:len(c.base):len(c.base)], message...)
	flight, err := c.answer(&covered, request, c.clientSecret)
	if err != nil {
		c.layer.Alert(alertInternal)
		return err
	}
	return c.layer.Write(wire.HandshakeRecord, flight)
}

func (c *Conn) alert(description byte) {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.layer.Alert(description)
}

// update takes the server's new keys, and makes own ones where it wants that
// (RFC 8446, Section 4.6.3).
func (c *Conn) update(body []byte) error {
	var err error
	if c.serverSecret, err = c.schedule.Update(c.serverSecret); err != nil {
		return err
	}
	if c.layer.In, err = c.schedule.Protection(c.serverSecret); err != nil || len(body) != 1 || body[0] != 1 {
		return err
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.layer.Write(wire.HandshakeRecord, []byte{byte(wire.KeyUpdate), 0, 0, 1, 0}); err != nil {
		return err
	}
	if c.clientSecret, err = c.schedule.Update(c.clientSecret); err != nil {
		return err
	}
	c.layer.Out, err = c.schedule.Protection(c.clientSecret)
	return err
}

// newRandom returns n random bytes.
func newRandom(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return b
}
