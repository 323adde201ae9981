package tlspeer

import (
	"crypto/ecdh"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"mtlsprobe/probe/wire"
)

// A Config says how to connect and what to present.
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
	layer    Layer
	config   *Config
	random   []byte
	keys     map[uint16]*ecdh.PrivateKey // of the shares that were sent, by group
	schedule *Schedule
	request  *wire.CertificateRequest // of the handshake; nil without one
	peer     []*x509.Certificate
	alpn     string
	after    application
	writing  sync.Mutex
}

// application is the state after the handshake.
type application struct {
	clientSecret, serverSecret []byte // of application traffic
	base                       []byte // messages up to the client's Finished
	data                       []byte // application data not yet taken
	requests, updates          int    // that came after the handshake
}

// Client returns a connection on which the handshake is yet to be made. Waits
// are bounded by conn's deadlines.
func Client(conn net.Conn, config *Config) *Conn {
	return &Conn{layer: Layer{Conn: conn}, config: config, keys: make(map[uint16]*ecdh.PrivateKey)}
}

// State says what was agreed on, as crypto/tls does.
func (c *Conn) State() tls.ConnectionState {
	return tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: c.after.base != nil,
		NegotiatedProtocol: c.alpn, PeerCertificates: c.peer}
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
	c.layer.Version = tls.VersionTLS13
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
	if c.after.clientSecret, c.after.serverSecret, err = c.schedule.ApplicationSecrets(c.layer.Transcript); err != nil {
		return err
	}
	c.log("CLIENT_TRAFFIC_SECRET_0", c.after.clientSecret)
	c.log("SERVER_TRAFFIC_SECRET_0", c.after.serverSecret)
	if err := c.layer.Write(wire.ChangeCipherSpec, []byte{1}); err != nil { // RFC 8446, Appendix D.4
		return err
	}
	if c.layer.Out, err = c.schedule.Protection(client); err != nil {
		return err
	}
	flight, err := c.answer(&c.layer.Transcript, c.request, client)
	if err != nil {
		c.layer.Alert(wire.AlertInternalError)
		return err
	}
	if err := c.layer.Write(wire.HandshakeRecord, flight); err != nil {
		return err
	}
	c.after.base = c.layer.Transcript
	if c.layer.Out, err = c.schedule.Protection(c.after.clientSecret); err != nil {
		return err
	}
	c.layer.In, err = c.schedule.Protection(c.after.serverSecret)
	return err
}

// Bounds on what may come after the handshake: no server means more.
const (
	maxRequests = 4
	maxUpdates  = 64
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
	for len(c.after.data) == 0 {
		kind, payload, err := c.layer.Read()
		var alert *AlertError
		switch {
		case errors.As(err, &alert) && alert.Description == wire.CloseNotify:
			return 0, io.EOF
		case errors.As(err, &alert) && !alert.Refuses(tls.VersionTLS13):
			continue // such as user_canceled, which JDK sends before it closes
		case err != nil:
			return 0, err
		case kind == wire.ApplicationData:
			c.after.data = payload
		case kind == wire.HandshakeRecord:
			c.layer.Push(payload)
			if err := c.messages(); err != nil {
				return 0, err
			}
		}
	}
	n := copy(b, c.after.data)
	c.after.data = c.after.data[n:]
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
			c.after.requests++
			err = c.answerLate(message)
		case wire.KeyUpdate:
			c.after.updates++
			err = c.update(message[4:])
		}
		if c.after.requests > maxRequests || c.after.updates > maxUpdates {
			err = fmt.Errorf("the server asked %d times and changed its keys %d times, which is more than makes sense",
				c.after.requests, c.after.updates)
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
		c.alert(wire.AlertDecodeError)
		return err
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	covered := append(c.after.base[:len(c.after.base):len(c.after.base)], message...)
	flight, err := c.answer(&covered, request, c.after.clientSecret)
	if err != nil {
		c.layer.Alert(wire.AlertInternalError)
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
	if c.after.serverSecret, err = c.schedule.Update(c.after.serverSecret); err != nil {
		return err
	}
	if c.layer.In, err = c.schedule.Protection(c.after.serverSecret); err != nil || len(body) != 1 || body[0] != 1 {
		return err
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.layer.Write(wire.HandshakeRecord, []byte{byte(wire.KeyUpdate), 0, 0, 1, 0}); err != nil {
		return err
	}
	if c.after.clientSecret, err = c.schedule.Update(c.after.clientSecret); err != nil {
		return err
	}
	c.layer.Out, err = c.schedule.Protection(c.after.clientSecret)
	return err
}
