package wire

import (
	"crypto/tls"

	"mtlsprobe/report/say"

	"golang.org/x/crypto/cryptobyte"
)

// A Transcript is what went over one connection, in order.
type Transcript struct {
	// Version and CipherSuite are those of the last ServerHello; zero without one.
	Version     uint16
	CipherSuite uint16
	Entries     []Entry
	// Cut says that there was more than this program reads: what is not in the
	// transcript may still have been sent.
	Cut bool
	// Faults are the places where a stream could not be read further or a
	// message not be decoded. They do not end the transcript.
	Faults []Fault
	// requests are those of a whole transcript, to which nothing is added any more.
	requests []RequestSeen
	whole    bool
}

// An Entry is one handshake message, alert, change_cipher_spec, run of
// application data, run of bytes that is no TLS, or gap in what was recorded.
type Entry struct {
	From        Peer
	ContentType ContentType
	Protected   bool // it came under encryption
	// Injected says that it came in clear after its sender had to encrypt (RFC 8446,
	// Section 5): a third party can have sent it, so it proves nothing.
	Injected  bool
	Opaque    bool          // it could not be decrypted: type and body are unknown
	Lost      bool          // it is not known whole: see [Streams.Skip]
	Handshake HandshakeType // for HandshakeRecord that is not Opaque
	Alert     Alert         // for AlertRecord that is not Opaque
	// Body is the handshake message without its header, the application data,
	// or the bytes that are no TLS, cut at 4,096 bytes. Nil when Opaque or
	// Lost.
	Body []byte
	// Length is the size of Body before it was cut, or of the opaque record.
	Length int
}

// A Fault says what in a stream could not be decoded.
type Fault struct {
	From   Peer
	Offset int // bytes of that peer's stream before the record concerned
	Err    error
	// Incomplete says that it is no more than the end of what was said.
	Incomplete bool
}

// A Stage says when in a connection something happened.
type Stage string

// The moments at which a server can ask for a certificate.
const (
	InHandshake     Stage = "handshake"
	InRenegotiation Stage = "renegotiation"
	PostHandshake   Stage = "post-handshake"
)

// A RequestSeen is a CertificateRequest with the moment at which it came.
type RequestSeen struct {
	When Stage
	// Request is nil when the message could not be decoded.
	Request *CertificateRequest
	Err     error // a [*DecodeError]
}

// Requests returns every CertificateRequest of the connection in order.
func (t *Transcript) Requests() []RequestSeen {
	if t.whole {
		return t.requests
	}
	var demands []RequestSeen
	when := InHandshake
	finished := finishCounter{}
	for i := range t.Entries {
		e := &t.Entries[i]
		finished.note(e)
		if finished.both() {
			when = InRenegotiation
			if t.Version >= tls.VersionTLS13 {
				when = PostHandshake
			}
		}
		if e.isHandshake(CertRequest) && e.From == Server {
			d := RequestSeen{When: when}
			d.Request, d.Err = ParseCertificateRequest(t.Version, e.Body)
			demands = append(demands, d)
		}
	}
	return demands
}

// AskedInHandshake says whether the server asked in the first handshake: yes
// with a CertificateRequest; no when the handshake passed the place where it
// would stand; and known is false when the connection ended before.
func (t *Transcript) AskedInHandshake() (asked, known bool) {
	for i := range t.Entries {
		e := &t.Entries[i]
		if e.From != Server {
			continue
		}
		switch {
		case e.isHandshake(CertRequest):
			return true, true
		case e.isHandshake(ServerHelloDone), e.isHandshake(Finished):
			return false, true
		case e.isHandshake(Certificate) && t.Version >= tls.VersionTLS13:
			return false, true
		}
	}
	return false, false
}

// An AlertSeen is an alert with its place in the connection.
type AlertSeen struct {
	Alert
	From           Peer
	AfterHandshake bool // both Finished messages had been sent
}

// Alerts returns every alert that could be read and was not injected, in order.
func (t *Transcript) Alerts() []AlertSeen {
	var alerts []AlertSeen
	finished := finishCounter{}
	for i := range t.Entries {
		e := &t.Entries[i]
		finished.note(e)
		if e.ContentType == AlertRecord && !e.Opaque && !e.Injected {
			alerts = append(alerts, AlertSeen{Alert: e.Alert, From: e.From, AfterHandshake: finished.both()})
		}
	}
	return alerts
}

// Refusal returns the alert by which the given peer ended the connection for a
// reason. It is nil without one, and where the other peer had ended it before: what
// follows is an answer to that.
func (t *Transcript) Refusal(from Peer) *AlertSeen {
	for _, a := range t.Alerts() {
		if a.Refuses(t.Version) {
			if a.From != from {
				return nil
			}
			return &a
		}
	}
	return nil
}

// HandshakeDone reports whether Finished messages of both peers could be read.
// Nothing is verified here: whether a handshake was completed is for the TLS end to
// say that made it.
func (t *Transcript) HandshakeDone() bool {
	finished := finishCounter{}
	for i := range t.Entries {
		finished.note(&t.Entries[i])
	}
	return finished.both()
}

// ClientCertificate says whether the client sent a certificate: Yes for a
// Certificate message with one, No for an empty one or none, and Unknown where part
// of what the client sent could not be read.
func (t *Transcript) ClientCertificate() say.Answer {
	sent := say.No
	for i := range t.Entries {
		e := &t.Entries[i]
		switch {
		case e.From != Client:
		case e.isHandshake(Certificate) && !emptyCertificate(t.Version, e.Body):
			return say.Yes
		case e.Opaque && (e.ContentType == HandshakeRecord || t.Version >= tls.VersionTLS13):
			sent = say.Unknown
		}
	}
	return sent
}

// emptyCertificate reports whether a Certificate message has no certificate.
func emptyCertificate(version uint16, body []byte) bool {
	s := cryptobyte.String(body)
	var context, list cryptobyte.String
	if version >= tls.VersionTLS13 && !s.ReadUint8LengthPrefixed(&context) {
		return false
	}
	return s.ReadUint24LengthPrefixed(&list) && list.Empty()
}

// Before reports whether the peer's first message of the given type came before the
// other peer's first message of another type; false if either is missing.
func (t *Transcript) Before(peer Peer, message HandshakeType, other Peer, later HandshakeType) bool {
	for i := range t.Entries {
		switch e := &t.Entries[i]; {
		case e.From == peer && e.isHandshake(message):
			return t.Sent(other, later)
		case e.From == other && e.isHandshake(later):
			return false
		}
	}
	return false
}

// Sent reports whether the peer sent a message of the given type.
func (t *Transcript) Sent(from Peer, message HandshakeType) bool {
	for i := range t.Entries {
		if t.Entries[i].From == from && t.Entries[i].isHandshake(message) {
			return true
		}
	}
	return false
}

func (e *Entry) isHandshake(message HandshakeType) bool {
	return e.ContentType == HandshakeRecord && !e.Opaque && e.Handshake == message
}

// A finishCounter knows whose Finished could be read.
type finishCounter struct{ client, server bool }

func (f *finishCounter) note(e *Entry) {
	if e.isHandshake(Finished) {
		f.client = f.client || e.From == Client
		f.server = f.server || e.From == Server
	}
}

func (f *finishCounter) both() bool { return f.client && f.server }
