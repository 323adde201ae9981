package wire

import "crypto/tls"

// A Transcript is what went over one connection, in order.
type Transcript struct {
	// Version and CipherSuite are those of the last ServerHello; zero without one.
	Version     uint16
	CipherSuite uint16
	Entries     []Entry
	// Faults are the places where a stream could not be read further or a
	// message not be decoded. They do not end the transcript.
	Faults []Fault
}

// An Entry is one handshake message, alert, change_cipher_spec, run of
// application data, or run of bytes that is no TLS.
type Entry struct {
	From        Peer
	ContentType ContentType
	Protected   bool          // it came under encryption
	Opaque      bool          // it could not be decrypted: type and body are unknown
	Handshake   HandshakeType // for HandshakeRecord that is not Opaque
	Alert       Alert         // for AlertRecord that is not Opaque
	// Body is the handshake message without its header, the application data,
	// or the bytes that are no TLS, cut at 4,096 bytes. Nil when Opaque.
	Body []byte
	// Length is the size of Body before it was cut, or of the opaque record.
	Length int
}

// A Fault says what in a stream could not be decoded.
type Fault struct {
	From   Peer
	Offset int // bytes of that peer's stream before the record concerned
	Err    error
}

// A Moment says when in a connection something happened.
type Moment string

// The moments at which a server can ask for a certificate.
const (
	InHandshake     Moment = "handshake"
	InRenegotiation Moment = "renegotiation"
	PostHandshake   Moment = "post-handshake"
)

// A Demand is a CertificateRequest with the moment at which it came.
type Demand struct {
	When Moment
	// Request is nil when the message could not be decoded.
	Request *CertificateRequest
	Err     error // a [*DecodeError]
}

// Demands returns every CertificateRequest of the connection in order.
func (t *Transcript) Demands() []Demand {
	var demands []Demand
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
			d := Demand{When: when}
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

// Alerts returns every alert that could be read, in order.
func (t *Transcript) Alerts() []AlertSeen {
	var alerts []AlertSeen
	finished := finishCounter{}
	for i := range t.Entries {
		e := &t.Entries[i]
		finished.note(e)
		if e.ContentType == AlertRecord && !e.Opaque {
			alerts = append(alerts, AlertSeen{Alert: e.Alert, From: e.From, AfterHandshake: finished.both()})
		}
	}
	return alerts
}

// Refusal returns the first alert of the given peer that ends the connection
// for a reason, or nil.
func (t *Transcript) Refusal(from Peer) *AlertSeen {
	for _, a := range t.Alerts() {
		if a.From == from && a.Refuses(t.Version) {
			return &a
		}
	}
	return nil
}

// HandshakeDone reports whether both peers sent their Finished.
func (t *Transcript) HandshakeDone() bool {
	finished := finishCounter{}
	for i := range t.Entries {
		finished.note(&t.Entries[i])
	}
	return finished.both()
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

// A finishCounter knows which peers have sent Finished. A handshake record under
// keys that the log lacks counts, for up to TLS 1.2 nothing else is sent there
// in a first handshake.
type finishCounter struct{ client, server bool }

func (f *finishCounter) note(e *Entry) {
	if e.isHandshake(Finished) || e.ContentType == HandshakeRecord && e.Opaque {
		f.client = f.client || e.From == Client
		f.server = f.server || e.From == Server
	}
}

func (f *finishCounter) both() bool { return f.client && f.server }
