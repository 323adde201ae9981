// Package protocol knows application protocols: how each asks for TLS on a plain
// connection (STARTTLS), and a harmless question after the handshake whose answer
// shows whether the application accepts the client.
//
// Call [Find] or [ByScheme], then the protocol's StartTLS and Ask with a
// [Conversation]. The package dials nothing, sends no credentials, and asks
// nothing that changes the server. Every line and message is bounded; waiting is
// bounded by the connection that is given.
package protocol

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"mtlsprobe/probe/carrier"
)

// A Protocol is one application protocol.
type Protocol struct {
	Name    string // as --starttls and reports write it
	Schemes []Scheme
	// Greets says that the server speaks first when TLS starts at once.
	Greets bool
	// ALPN is what a client of this protocol has to offer; nil for none.
	ALPN []string
	// Network is "udp", or empty for "tcp".
	Network string
	// QUIC says that TLS goes over QUIC, and that what is asked is on its first stream.
	QUIC bool
	// Carry brings TLS to the server over a connection, in place of StartTLS; nil where TLS goes
	// over the connection itself.
	Carry func(net.Conn, *carrier.Options) carrier.Carrier
	// Verifies says that the server checks the certificate in the handshake, and has nothing to
	// say after it: up to TLS 1.2 its end is the answer.
	Verifies bool
	// Nameless says that servers' certificates do not have the host's name: clients verify them
	// by the CA alone, or by a name that they are told.
	Nameless bool
	// StartTLS asks for TLS on a plain connection and returns when the server has
	// given the go-ahead; nil where TLS always starts at once. An error is a
	// [*Refusal], or the connection's.
	StartTLS func(*Conversation, *Question) error
	// Ask puts the question. Nil, and a nil Answer, mean that the application
	// said nothing that tells.
	Ask func(*Conversation, *Question) *Answer
}

// A Scheme is a URL scheme that chooses a protocol.
type Scheme struct {
	Name, Port string
	StartTLS   bool // TLS starts after the preamble, not at once
}

// A Question is what asking needs to know.
type Question struct {
	Host string // for HTTP's Host and its like
	Name string // the server's name without a port
	Path string // HTTP's; starts with "/"
	// Fields are more names of fields by which a proxy may pass the certificate on.
	Fields []string
	// Login goes on to a login where that is a step of its own, and has effects.
	Login bool
	User  string // that databases are told; empty: "mtlsprobe", whom hardly any knows
	// Plain says that TLS began after a preamble: servers then do not greet again.
	Plain bool
}

// user is what databases are told who asks.
func (q *Question) user() string {
	if q.User == "" {
		return "mtlsprobe"
	}
	return q.User
}

// A Verdict says what an answer means for the client.
type Verdict string

// The verdicts of an application.
const (
	Undecided          Verdict = ""                    // the answer does not tell, or would only after credentials
	Welcome            Verdict = "welcome"             // it goes on with this client
	CertificateRefused Verdict = "certificate-refused" // it wants another certificate, or one at all
	AccessRefused      Verdict = "access-refused"      // which may have to do with the certificate or not
	// UserRefused: it takes the certificate, whose name is not the user's.
	UserRefused Verdict = "user-refused"
)

// An Answer is what the application said.
type Answer struct {
	Protocol string // the name of the protocol, or "" when the bytes are in no known one
	Status   int    // the protocol's number, such as HTTP's 403 or SMTP's 421; zero where it has none
	Verdict  Verdict
	// Detail is a short text for people, without control characters.
	Detail string
	// At is when the answer came, by the local clock.
	At time.Time
	// Date is the server's clock as it told it, and DateFrom where; zero if it
	// did not.
	Date     time.Time
	DateFrom string
	// Complete says that nothing more is expected.
	Complete bool
	// UserOrCertificate says that the answer is about the user, or another thing that
	// was asked for, or about the certificate: if the same is welcome with another
	// certificate, it was this one.
	UserOrCertificate bool
	// Carrier says that it is the protocol's that carries TLS, and so ends the handshake, too.
	Carrier bool
	// User is the name that was given outside TLS, to the protocol that carries it; empty without.
	User string
	// PassedOn are the fields in which the application got the client's certificate from a proxy,
	// where its answer shows them.
	PassedOn []string
	// Before is the step that was not taken, and at which the server may still look at
	// the certificate, such as "login"; empty where the answer is the last word.
	Before string
}

// login is the step before which many protocols let in anybody.
const login = "login"

// RateLimit reports whether the server turned the connection away for the number of
// connections.
func (a *Answer) RateLimit() bool { return a.isHTTP() && a.Status == http.StatusTooManyRequests }

// Busy reports whether the server limits connections or is not ready: that says
// nothing about a certificate.
func (a *Answer) Busy() bool {
	return a.RateLimit() || a.isHTTP() && a.Status == http.StatusServiceUnavailable
}

// BadGateway reports whether a gateway answered that the server behind it failed, or did
// not answer (RFC 9110, Sections 15.6.3 and 15.6.5).
func (a *Answer) BadGateway() bool {
	return a.isHTTP() && (a.Status == http.StatusBadGateway || a.Status == http.StatusGatewayTimeout)
}

func (a *Answer) isHTTP() bool {
	return a.Protocol == "http" || a.Protocol == "h2" || a.Protocol == "h3"
}

// A Refusal says that a server would not start TLS, in its own words.
type Refusal struct{ Protocol, Said string }

func (e *Refusal) Error() string {
	return fmt.Sprintf("the server does not start TLS by %s: %q", e.Protocol, e.Said)
}

// All returns every protocol. Nobody may change them.
func All() []*Protocol { return all() }

// all makes them once, when the first is needed.
var all = sync.OnceValue(func() []*Protocol {
	return []*Protocol{
		httpProtocol(), http2Protocol(), http3Protocol(), proxyProtocol(), smtpProtocol(), lmtpProtocol(),
		imapProtocol(), pop3Protocol(),
		ftpProtocol(), ldapProtocol(), postgresProtocol(), mysqlProtocol(), xmppProtocol(), nntpProtocol(), sieveProtocol(),
		ircProtocol(), redisProtocol(), mqttProtocol(), amqpProtocol(), mongoProtocol(), kafkaProtocol(), natsProtocol(),
		memcachedProtocol(), cassandraProtocol(), sipProtocol(), dnsProtocol(), radiusProtocol(), radsecProtocol(),
		openVPNProtocol(), openVPNStreamProtocol(), syslogProtocol(), zooKeeperProtocol(), plainProtocol(),
	}
})

// Find returns the protocol with the name, or one of whose schemes has it; nil
// if there is none.
func Find(name string) *Protocol {
	if p, _ := ByScheme(name); p != nil {
		return p
	}
	for _, p := range All() {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// ByScheme returns the protocol that a URL scheme chooses, or nil.
func ByScheme(name string) (*Protocol, Scheme) {
	for _, p := range All() {
		if n := slices.IndexFunc(p.Schemes, func(s Scheme) bool { return s.Name == name }); n >= 0 {
			return p, p.Schemes[n]
		}
	}
	return nil, Scheme{}
}

// ByPort returns the protocol whose well-known port it is; nil for ports of HTTP and
// of nobody.
func ByPort(port string) (*Protocol, Scheme) {
	for _, p := range All() {
		if p.Name == "http" || p.Name == "h2" || p.Name == "tls" || p.QUIC {
			continue
		}
		if n := slices.IndexFunc(p.Schemes, func(s Scheme) bool { return s.Port == port }); n >= 0 {
			return p, p.Schemes[n]
		}
	}
	return nil, Scheme{}
}

// syslogProtocol is syslog over TLS, in which servers never answer (RFC 5425).
func syslogProtocol() *Protocol {
	return &Protocol{Name: "syslog", Schemes: []Scheme{{Name: "syslog-tls", Port: "6514"},
		{Name: "syslog", Port: "6514"}}}
}

// zooKeeperProtocol is ZooKeeper's, in which a session is the first thing that can be asked for.
func zooKeeperProtocol() *Protocol {
	return &Protocol{Name: "zookeeper", Schemes: []Scheme{{Name: "zookeeper", Port: "2281"}}}
}

// plainProtocol asks nothing: what the server does by itself must do.
func plainProtocol() *Protocol {
	return &Protocol{Name: "tls", Schemes: []Scheme{{Name: "tls", Port: "443"}}}
}
