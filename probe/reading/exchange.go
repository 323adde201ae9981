package reading

import (
	"crypto/tls"
	"crypto/x509"
	"slices"

	"mtlsprobe/probe/protocol"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// An Answer is what a client answered to a CertificateRequest.
type Answer string

// The answers.
const (
	SentCertificate Answer = "yes"
	SentEmpty       Answer = "empty"  // a Certificate message without a certificate
	SentNothing     Answer = "no"     // neither; or SSL 3.0's alert in its place
	Hidden          Answer = "hidden" // encrypted, or missing from what was recorded
	NotAsked        Answer = "not-asked"
)

// An Ending is who ended a connection, as far as TCP shows it.
type Ending struct {
	By    wire.Peer // zero: nobody, the record of the connection ends before it does
	Reset bool
	// Silent says that the peer did not end it, but answers no more: its protocol knows no other
	// end.
	Silent bool
	Lost   bool // part of what was sent is missing
	// Unread says that part of a list of messages could not be understood: what does not stand
	// there may have been sent.
	Unread bool
	// Admitted says whether what carries TLS let the client in at last; Unknown where it did not
	// come to that, and for TCP.
	Admitted say.Answer
}

// An AlertShown is an alert as somebody sees it who holds no secrets.
type AlertShown struct {
	From      wire.Peer
	Alert     wire.Alert // zero where Protected is not No
	Protected say.Answer
	When      wire.Stage // InHandshake, or empty for after it
}

// An Exchange is what the messages of one connection show of client authentication, without
// knowing more than a capture does.
type Exchange struct {
	Hello   *wire.Offer // nil if it was not seen
	Request *wire.RequestSeen
	Sent    Answer
	// Chain is what the client sent, leaf first; what cannot be parsed is left out.
	Chain []*x509.Certificate
	// Likely is the answer that the sizes of protected records speak for; empty where they
	// speak for none. It is never a fact: Why says what it rests on.
	Likely Answer
	Why    say.Phrase
	Alerts []AlertShown
	// Refusal is the alert by which the server refused; nil where there is none that can be read.
	Refusal *wire.AlertSeen
	// Application is what the server answered over HTTP to what the client sent; nil where that
	// cannot be read.
	Application *protocol.Answer
	// Server is the server's certificate; nil where it was not seen. Asked says whether it asked for
	// the client's in the handshake, where it gave its own.
	Server  *x509.Certificate
	Asked   say.Answer
	Resumed bool // an earlier session: no certificates are sent then
	// Failed says that the connection ended before both sides had finished or by a fatal alert,
	// or that the application wants another certificate.
	Failed  bool
	Reading []say.Phrase // what it means, the most important first
}

// Explain reads the transcript of a connection that somebody else made.
func Explain(tr *wire.Transcript, end Ending) *Exchange {
	x := &Exchange{Sent: NotAsked}
	x.gather(tr)
	x.alerts(tr)
	x.answer(tr, end)
	x.Application = overHTTP(tr)
	x.Failed = x.failed(tr, end) || x.Application != nil && x.Application.Verdict == protocol.CertificateRefused
	for _, note := range notes() {
		x.Reading = append(x.Reading, note(&story{tr, end, x})...)
	}
	return x
}

// gather collects what stands in the messages.
func (x *Exchange) gather(tr *wire.Transcript) {
	if requests := tr.Requests(); len(requests) > 0 {
		x.Request = &requests[len(requests)-1]
		for n := range requests { // the one in the handshake decides
			if requests[n].When == wire.InHandshake {
				x.Request = &requests[n]
			}
		}
	}
	for n := range tr.Entries {
		e := &tr.Entries[n]
		switch {
		case x.Hello == nil && message(e, wire.Client, wire.ClientHello):
			x.Hello, _ = wire.ParseClientHello(e.Body) // nil if it cannot be read
		case x.Request == nil && e.ContentType == wire.AlertRecord && !e.Opaque && e.From == wire.Server &&
			e.Alert.Description == wire.AlertCertificateRequired, // only who asked says so
			x.Request == nil && message(e, wire.Client, wire.Certificate): // and only who was asked sends one
			x.Request = &wire.RequestSeen{When: wire.InHandshake}
		case x.Server == nil && message(e, wire.Server, wire.Certificate):
			if chain := certificates(tr.Version, e.Body); len(chain) > 0 {
				x.Server = chain[0]
			}
		}
	}
	if asked, known := tr.AskedInHandshake(); known && tr.Sent(wire.Server, wire.Certificate) { // not resumed
		x.Asked = say.Known(asked)
	}
	x.Resumed = tr.Version != 0 && tr.Version < tls.VersionTLS13 && tr.Sent(wire.Server, wire.ServerHello) &&
		!tr.Sent(wire.Server, wire.Certificate) && !tr.Sent(wire.Server, wire.ServerHelloDone) &&
		changesCipher(tr, wire.Server)
}

func certificates(version uint16, body []byte) []*x509.Certificate {
	list, err := wire.ParseCertificate(version, body)
	if err != nil {
		return nil
	}
	var chain []*x509.Certificate
	for _, der := range list {
		if c, err := x509.ParseCertificate(der); err == nil {
			chain = append(chain, c)
		}
	}
	return chain
}

// answer finds out what the client answered.
func (x *Exchange) answer(tr *wire.Transcript, end Ending) {
	for n := range tr.Entries {
		e := &tr.Entries[n]
		if !message(e, wire.Client, wire.Certificate) {
			continue
		}
		list, err := wire.ParseCertificate(tr.Version, e.Body)
		const noCertificate = 4  // bytes at most of a message without one
		unknown := e.Length == 0 // a typed list has no bodies
		if unknown && x.missed() || e.Lost && e.Length <= noCertificate {
			x.Sent = SentEmpty
			continue
		}
		if err != nil || len(list) > 0 {
			x.Sent, x.Chain = SentCertificate, certificates(tr.Version, e.Body)
			return
		}
		x.Sent = SentEmpty
	}
	switch {
	case x.Sent == SentEmpty:
	case x.missed():
		x.Sent = SentNothing // or an empty message
	case tr.Version >= tls.VersionTLS13 && opaque(tr):
		x.Sent = Hidden
		if !end.Lost {
			x.Likely, x.Why = newSealed(tr).answer()
		}
	case x.Request == nil && !tr.Sent(wire.Client, wire.ClientHello), x.Request == nil && cutShort(tr, end),
		x.Request == nil && (end.Unread || lostBefore(tr, wire.ServerHelloDone)),
		x.Request != nil && (end.Lost || end.Unread || end.By == 0 && !answersRequest(tr)):
		x.Sent = Hidden
	case x.Request != nil:
		x.Sent = SentNothing
	}
}

// missed reports whether the server says that no certificate came.
func (x *Exchange) missed() bool {
	return x.Refusal != nil && x.Refusal.Description == wire.AlertCertificateRequired
}

// cutShort reports whether the record of a connection ends before the server had said all that
// comes before the client's answer, and the connection did not.
func cutShort(tr *wire.Transcript, end Ending) bool {
	last := wire.ServerHelloDone
	if tr.Version >= tls.VersionTLS13 {
		last = wire.Finished
	}
	refused := slices.ContainsFunc(tr.Alerts(), func(a wire.AlertSeen) bool { return a.Refuses(tr.Version) })
	return end.By == 0 && !refused && !tr.Sent(wire.Server, last) && !changesCipher(tr, wire.Server)
}

// lostBefore reports whether something is missing of what the server sent before a message.
func lostBefore(tr *wire.Transcript, last wire.HandshakeType) bool {
	for n := range tr.Entries {
		e := &tr.Entries[n]
		if e.From == wire.Server && e.Lost && (e.Opaque || e.Handshake == wire.CertRequest) {
			return true
		}
		if message(e, wire.Server, last) || e.From == wire.Server && e.ContentType == wire.ChangeCipherSpec {
			return false
		}
	}
	return false
}

// answersRequest reports whether the client sent anything after the server's request.
func answersRequest(tr *wire.Transcript) bool {
	asked := false
	for n := range tr.Entries {
		e := &tr.Entries[n]
		asked = asked || message(e, wire.Server, wire.CertRequest)
		if asked && e.From == wire.Client {
			return true
		}
	}
	return false
}

// alerts lists every alert, those that cannot be read as well.
func (x *Exchange) alerts(tr *wire.Transcript) {
	done, ciphered, sealed := map[wire.Peer]bool{}, map[wire.Peer]bool{}, newSealed(tr)
	for n := range tr.Entries {
		e := &tr.Entries[n]
		done[e.From] = done[e.From] || e.Handshake == wire.Finished && !e.Opaque && e.ContentType == wire.HandshakeRecord ||
			e.ContentType == wire.ApplicationData && (!e.Opaque || tr.Version < tls.VersionTLS13)
		ciphered[e.From] = ciphered[e.From] || e.ContentType == wire.ChangeCipherSpec
		a := AlertShown{From: e.From, Protected: say.No, When: wire.InHandshake}
		if done[wire.Client] && done[wire.Server] {
			a.When = ""
		}
		switch {
		case e.Lost:
			continue
		case e.ContentType == wire.AlertRecord && !e.Opaque:
			a.Alert = e.Alert
			if x.Refusal == nil && e.From == wire.Server && e.Alert.Refuses(tr.Version) {
				x.Refusal = &wire.AlertSeen{Alert: e.Alert, From: e.From, AfterHandshake: a.When == ""}
			}
		case e.ContentType == wire.AlertRecord && tr.Version < tls.VersionTLS13 && !ciphered[e.From]:
			a.Protected = say.Unknown // nobody read it to us
		case e.ContentType == wire.AlertRecord:
			a.Protected = say.Yes
		case e.Opaque && tr.Version >= tls.VersionTLS13 && sealed.alert(e.From, e.Length):
			a.Protected = say.Unknown
		default:
			continue
		}
		x.Alerts = append(x.Alerts, a)
	}
}

// failed reports whether the connection came to nothing.
func (x *Exchange) failed(tr *wire.Transcript, end Ending) bool {
	if end.Admitted != say.Unknown {
		return end.Admitted == say.No
	}
	for _, a := range x.Alerts {
		if a.Protected == say.No && a.Alert.Refuses(tr.Version) {
			return true
		}
	}
	switch {
	case x.Sent == Hidden && tr.Version >= tls.VersionTLS13:
		return !end.Lost && x.Likely != NotAsked && newSealed(tr).refused(end)
	case !tr.Sent(wire.Client, wire.ClientHello): // the record begins later
		return false
	case tr.Version >= tls.VersionTLS13, tr.Version == 0:
		return end.By != 0 && !end.Lost && !tr.HandshakeDone()
	}
	early := x.protectedAlert(wire.Server) && !changesCipher(tr, wire.Server) // which nobody could read to us
	finished := changesCipher(tr, wire.Client) && changesCipher(tr, wire.Server) || tr.HandshakeDone()
	talked := end.Lost && applicationData(tr, wire.Client) // so what is missing was not a refusal
	return end.By != 0 && !finished && !talked || early ||
		x.Request != nil && x.Sent != SentCertificate && x.protectedAlert(wire.Server) && !applicationData(tr, wire.Server)
}

// overHTTP is the server's first answer to the client's application data, if it is HTTP.
func overHTTP(tr *wire.Transcript) *protocol.Answer {
	asked := false
	for n := range tr.Entries {
		e := &tr.Entries[n]
		if e.ContentType != wire.ApplicationData || e.Opaque {
			continue
		}
		if e.From == wire.Server && asked {
			if a, ok := protocol.ParseHTTP(e.Body); ok && a.Protocol != "" {
				return &a
			}
			return nil
		}
		asked = asked || e.From == wire.Client
	}
	return nil
}

func (x *Exchange) protectedAlert(from wire.Peer) bool {
	for _, a := range x.Alerts {
		if a.From == from && a.Protected != say.No {
			return true
		}
	}
	return false
}

func message(e *wire.Entry, from wire.Peer, kind wire.HandshakeType) bool {
	return e.From == from && e.ContentType == wire.HandshakeRecord && !e.Opaque && e.Handshake == kind
}

func changesCipher(tr *wire.Transcript, from wire.Peer) bool {
	for n := range tr.Entries {
		if e := &tr.Entries[n]; e.From == from && e.ContentType == wire.ChangeCipherSpec {
			return true
		}
	}
	return false
}

func opaque(tr *wire.Transcript) bool {
	for n := range tr.Entries {
		if tr.Entries[n].Opaque {
			return true
		}
	}
	return false
}

func applicationData(tr *wire.Transcript, from wire.Peer) bool {
	for n := range tr.Entries {
		if e := &tr.Entries[n]; e.From == from && e.ContentType == wire.ApplicationData && e.Length > 0 && !e.Opaque {
			return true
		}
		if e := &tr.Entries[n]; e.From == from && e.ContentType == wire.ApplicationData && tr.Version < tls.VersionTLS13 {
			return true
		}
	}
	return false
}
