package reading

import (
	"crypto/tls"
	"slices"

	"mtlsprobe/probe/protocol"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// A story is all that is known of a connection when it is explained.
type story struct {
	tr  *wire.Transcript
	end Ending
	*Exchange
}

// notes are what may be worth saying, in the order in which it is said. Each looks for one
// thing, and says nothing where it is not there.
func notes() []func(*story) []say.Phrase {
	return []func(*story) []say.Phrase{
		(*story).noCertificateAlert, (*story).unreadAlert, (*story).earlyAlert, (*story).emptyCertificate,
		(*story).skippedCertificate, (*story).causes, (*story).unanswered, (*story).unasked, (*story).taken,
		(*story).application,
		(*story).hidden,
		(*story).foreignAlert, (*story).refusal,
		(*story).protectedRefusal, (*story).oldVersion,
		(*story).resumed, (*story).late, (*story).retried, (*story).admitted,
		(*story).ended,
	}
}

// noCertificateAlert is SSL 3.0's way to say that there is no certificate.
func (s *story) noCertificateAlert() []say.Phrase {
	for _, a := range s.Alerts {
		if a.From == wire.Client && a.Protected == say.No && a.Alert.Description == wire.AlertNoCertificate {
			return []say.Phrase{say.Text("The client sent alert 41 no_certificate in place of a Certificate message: in SSL " +
				"3.0 " +
				"this says that it has no certificate that fits the request (RFC 6101, Section 5.6.6). TLS 1.0 and later send " +
				"an " +
				"empty Certificate message instead.")}
		}
	}
	return nil
}

func (s *story) emptyCertificate() []say.Phrase {
	if s.Sent != SentEmpty {
		return nil
	}
	text := say.Text("The client answered the request with an empty Certificate message: it has no certificate that " +
		"fits, or " +
		"none that it can use.")
	if s.Request != nil && s.Request.Request != nil && len(s.Request.Request.NamedCAs) > 0 {
		text = say.Text(text, " Clients that choose by the server's list of CA names do so where no name on it matches an "+
			"issuer of theirs.")
	}
	return []say.Phrase{text}
}

// skippedCertificate is a client that goes on without the message that was asked for.
func (s *story) skippedCertificate() []say.Phrase {
	if s.Sent != SentNothing || s.tr.Version == wire.VersionSSL30 || !s.tr.Sent(wire.Client, wire.ClientKeyExchange) {
		return nil
	}
	return []say.Phrase{say.Text("The client went on to its ClientKeyExchange without a Certificate message, which it " +
		"has to send " +
		"when it is asked, empty if need be (RFC 5246, Section 7.4.6). Either the message is missing from the record of " +
		"this connection, or the client does not keep to TLS.")}
}

func (s *story) hidden() []say.Phrase {
	switch {
	case s.Sent != Hidden:
		return nil
	case s.end.Unread && s.tr.Sent(wire.Client, wire.ClientHello):
		return []say.Phrase{say.Text("Part of the list was not understood, so what does not stand in it may have been sent.")}
	case s.Request == nil && s.tr.Sent(wire.Client, wire.ClientHello) && !opaque(s.tr):
		return []say.Phrase{say.Text("What there is of the connection ends before the server had said all that comes " +
			"before " +
			"the client's answer, so whether it asked is not in it.")}
	case s.tr.Version < tls.VersionTLS13 && s.Request == nil && lostBefore(s.tr, wire.ServerHelloDone):
		return []say.Phrase{say.Text("Part of what the server said before the client's answer is not in the record, so " +
			"whether it asked is not known.")}
	case s.tr.Version < tls.VersionTLS13 && s.Request == nil:
		return []say.Phrase{say.Text("The record begins after the connection did, so what was asked and answered is not " +
			"in it.")}
	case s.tr.Version < tls.VersionTLS13:
		return []say.Phrase{say.Text("The client's answer to the request is not in the record, or not all of it.")}
	}
	text := say.Text("TLS 1.3 encrypts request and certificate.")
	switch s.Likely {
	case SentEmpty:
		text = say.Text(text, " Most likely the client sent no certificate: ", s.Why, ".")
	case SentCertificate:
		text = say.Text(text, " Most likely the client sent a certificate: ", s.Why, ".")
	case NotAsked:
		text = say.Text(text, " Most likely the server did not ask: ", s.Why, ".")
	default:
		if s.Why != nil {
			text = say.Text(text, " Most likely: ", s.Why, ".")
		}
	}
	return []say.Phrase{text, say.Text("To see more, have one side write its secrets and give them with --keylog: " +
		"SSLKEYLOGFILE for curl, Firefox, Chromium, Python and Node.js (--tls-keylog); openssl s_client -keylogfile; " +
		"a key-log agent for Java; ssl_key_log of nginx 1.29.")}
}

// unreadAlert is an alert that somebody calls encrypted before anything can be.
func (s *story) unreadAlert() []say.Phrase {
	for n := range s.tr.Entries {
		e := &s.tr.Entries[n]
		if e.ContentType == wire.ChangeCipherSpec || e.Protected || s.tr.Version >= tls.VersionTLS13 {
			return nil
		}
		if e.From != wire.Client || e.ContentType != wire.AlertRecord || !e.Opaque {
			continue
		}
		plain := say.Text("The client's alert comes before its ChangeCipherSpec. Nothing can be encrypted before the key " +
			"exchange " +
			"is done (RFC 5246, Section 7.1), so there are two explanations. 1: it is in clear, whatever the tool calls it, " +
			"and its two bytes are the level and the description; look at them. In SSL 3.0 description 41 no_certificate " +
			"stands in place of a Certificate message.")
		return []say.Phrase{plain,
			say.Text("2: it belongs to another connection between the same hosts, such as the close_notify " +
				"of an earlier one: compare ports and sequence numbers. In this connection the client then sent something else " +
				"in answer to the request: TLS 1.0 and later send an empty Certificate message where there is no certificate.")}
	}
	return nil
}

// causes are the reasons for which a client that is asked sends no certificate, the likeliest
// first.
func (s *story) causes() []say.Phrase {
	likely := s.Sent == Hidden && s.Likely == SentEmpty && s.Failed
	if s.Sent != SentEmpty && s.Sent != SentNothing && !likely || s.distrusts() {
		return nil
	}
	if s.Application != nil && s.Application.Verdict != protocol.CertificateRefused {
		return nil // it says what it thinks of that
	}
	if !s.Failed && applicationData(s.tr, wire.Server) {
		return []say.Phrase{say.Text("The server went on without a certificate: it does not require one in TLS. Whether " +
			"the application does cannot be seen here.")}
	}
	named := "the server's list of CA names is wrong or lacks the client's CA"
	if s.Request != nil && s.Request.Request != nil && len(s.Request.Request.NamedCAs) == 0 {
		named = "the client chooses by another rule than the server's list, which is empty"
	}
	return []say.Phrase{say.Text("Why a client that is asked sends no certificate, most likely first: it has none "+
		"configured; its "+
		"certificate has expired, or the client's clock says so; the private key is missing, or the client's account may "+
		"not "+
		"read it; ", named, "; or the client knows its certificate under one root only, while an intermediate that kept "+
		"its "+
		"name and key has been signed by a new one. Give the client's files with --cert to check each.")}
}

// distrusts reports whether the client ended the handshake over the server's certificate before
// it answered the request.
func (s *story) distrusts() bool {
	return s.Sent == SentNothing && !s.tr.Sent(wire.Client, wire.ClientKeyExchange) &&
		slices.ContainsFunc(s.Alerts, func(a AlertShown) bool {
			about := []uint8{wire.AlertBadCertificate, wire.AlertUnsupportedCertificate, wire.AlertCertificateRevoked,
				wire.AlertCertificateExpired, wire.AlertCertificateUnknown, wire.AlertUnknownCA}
			return a.From == wire.Client && a.Protected == say.No && a.Alert.Level != 1 &&
				slices.Contains(about, a.Alert.Description)
		})
}

// unanswered is a request that the client did not come to.
func (s *story) unanswered() []say.Phrase {
	if !s.distrusts() {
		return nil
	}
	return []say.Phrase{say.Text("The client refused the server's certificate before it came to the request: what it " +
		"would have sent is not known. Let the client trust the CA of the server's certificate first.")}
}

// unasked is a server that did not come to asking.
func (s *story) unasked() []say.Phrase {
	if !s.Failed || s.Sent != NotAsked || s.Resumed || s.tr.Sent(wire.Server, wire.ServerHello) ||
		!s.tr.Sent(wire.Client, wire.ClientHello) {
		return nil
	}
	return []say.Phrase{say.Text("The connection ended before the server answered the ClientHello: whether it asks " +
		"for a " +
		"client certificate is not known.")}
}

// taken is a certificate to which the server had no objection in TLS.
func (s *story) taken() []say.Phrase {
	if s.Sent != SentCertificate || s.Failed || s.Application != nil || !s.replied() {
		return nil
	}
	return []say.Phrase{say.Text("The server went on after the certificate: it had no objection in TLS. The " +
		"application " +
		"behind it may still have one, and says so in its answer (nginx: HTTP 400).")}
}

// application is what the program behind TLS answered.
func (s *story) application() []say.Phrase {
	a := s.Application
	if a == nil || s.Sent == NotAsked {
		return nil
	}
	tls := "TLS had no objection"
	if s.Sent != SentCertificate {
		tls = "TLS does not require a certificate"
	}
	text := say.Text(tls, "; the application answered HTTP ", a.Status)
	if a.Status >= 400 && a.Detail != "" {
		text = say.Text(text, ", ", say.Quote(a.Detail))
	}
	if a.Verdict == protocol.CertificateRefused {
		text = say.Text(text, ": it refuses the connection because of its certificate, or because there is none")
	}
	return []say.Phrase{say.Text(text, ".")}
}

// replied reports whether the server answered the client's application data. What it says
// before that proves nothing: in TLS 1.3 it may speak before it has seen the certificate.
func (s *story) replied() bool {
	asked := false
	for n := range s.tr.Entries {
		e := &s.tr.Entries[n]
		if e.ContentType != wire.ApplicationData || e.Opaque && s.tr.Version >= tls.VersionTLS13 {
			continue
		}
		if e.From == wire.Server && asked {
			return true
		}
		asked = asked || e.From == wire.Client
	}
	return false
}

// earlyAlert is one that somebody may call encrypted, although it comes before anything can be.
func (s *story) earlyAlert() []say.Phrase {
	if !s.tr.Sent(wire.Client, wire.ClientHello) {
		return nil // nobody knows what came before it
	}
	for n := range s.tr.Entries {
		e := &s.tr.Entries[n]
		if e.ContentType == wire.ChangeCipherSpec || e.Protected {
			return nil
		}
		if e.From != wire.Client || e.ContentType != wire.AlertRecord || e.Opaque {
			continue
		}
		text := say.Text("The client's alert comes before its ChangeCipherSpec, so it is in clear, whatever a tool calls " +
			"it: ")
		if level := map[uint8]string{1: "warning", 2: "fatal"}[e.Alert.Level]; level != "" {
			text = say.Text(text, "its two bytes are level ", e.Alert.Level, " (", level, ") and ")
		}
		return []say.Phrase{say.Text(text, "description ", e.Alert.Description, " (", e.Alert.Name(), ").")}
	}
	return nil
}

// foreignAlert is a close_notify in the middle of a handshake.
func (s *story) foreignAlert() []say.Phrase {
	for n := range s.tr.Entries {
		e := &s.tr.Entries[n]
		if e.ContentType == wire.AlertRecord && !e.Opaque && e.Alert.Description == 0 && !e.Protected &&
			s.tr.Version < tls.VersionTLS13 && s.goesOn(n) {
			return []say.Phrase{say.Text("A close_notify of the ", e.From,
				" stands in the middle of the handshake, which goes on "+
					"after it. It most likely belongs to another connection between the same hosts: compare ports and sequence "+
					"numbers.")}
		}
	}
	return nil
}

// goesOn reports whether the sender of an entry sends more handshake messages after it.
func (s *story) goesOn(at int) bool {
	for n := at + 1; n < len(s.tr.Entries); n++ {
		if s.tr.Entries[n].From == s.tr.Entries[at].From && s.tr.Entries[n].ContentType == wire.HandshakeRecord {
			return true
		}
	}
	return false
}

func (s *story) refusal() []say.Phrase {
	for _, a := range s.Alerts {
		if a.Protected != say.No || !a.Alert.Refuses(s.tr.Version) {
			continue
		}
		return []say.Phrase{say.Text("The ", a.From, " ended the connection with alert ", a.Alert.Description, " ",
			a.Alert.Name(), ": ", a.Alert.MeaningFrom(a.From), ".")}
	}
	return nil
}

// protectedRefusal is an alert that cannot be read where one is to be expected.
func (s *story) protectedRefusal() []say.Phrase {
	if !s.Failed {
		return nil
	}
	for _, a := range s.Alerts {
		if a.From == wire.Server && a.Protected != say.No {
			doubt := "sent an encrypted alert"
			switch {
			case a.Protected == say.Unknown && s.tr.Version < tls.VersionTLS13:
				return []say.Phrase{say.Text("The server's alert comes before its ChangeCipherSpec, so it is in clear, whatever " +
					"a tool calls it: look at its two bytes, level and description, or into the server's log.")}
			case a.Protected == say.Unknown:
				doubt = "most likely sent an alert (a record of that size)"
			}
			return []say.Phrase{say.Text("The server ", doubt, " and ended the connection: its number can be read in the "+
				"server's log, in the client's error message, or here with the secrets.")}
		}
	}
	return nil
}

func (s *story) oldVersion() []say.Phrase {
	if s.tr.Version == wire.VersionSSL30 {
		return []say.Phrase{say.Text("The connection uses SSL 3.0, which RFC 7568 forbids (POODLE): whoever is on the " +
			"way can read " +
			"parts of it.")}
	}
	return nil
}

func (s *story) resumed() []say.Phrase {
	if !s.Resumed {
		return nil
	}
	return []say.Phrase{say.Text("The connection resumes an earlier session: no certificates are sent then, and the " +
		"server uses " +
		"what it saw in the first one. Look at that connection.")}
}

func (s *story) late() []say.Phrase {
	if s.Request == nil || s.Request.When == wire.InHandshake {
		return nil
	}
	how := "by renegotiation"
	if s.Request.When == wire.PostHandshake {
		how = "after the handshake (post-handshake authentication)"
	}
	return []say.Phrase{say.Text("The server asked ", how, ": clients that do not support this send nothing, or end the "+
		"connection.")}
}

func (s *story) retried() []say.Phrase {
	hellos := 0
	for n := range s.tr.Entries {
		if message(&s.tr.Entries[n], wire.Client, wire.ClientHello) {
			hellos++
		}
	}
	if hellos < 2 || s.tr.Version < tls.VersionTLS13 {
		return nil
	}
	return []say.Phrase{say.Text("The server asked for another ClientHello (HelloRetryRequest), which is not an error.")}
}

// ended says who ended a connection that came to nothing without a word.
func (s *story) ended() []say.Phrase {
	if !s.Failed || len(s.Alerts) > 0 || s.end.Admitted != say.Unknown {
		return nil
	}
	if s.end.By == 0 {
		return nil
	}
	if s.end.Silent {
		return []say.Phrase{say.Text("The ", s.end.By, " answers no more. OpenVPN drops a session without a word where TLS "+
			"fails; its log says why.")}
	}
	how := "closed"
	if s.end.Reset {
		how = "reset"
	}
	return []say.Phrase{say.Text("The ", s.end.By, " ", how, " the connection without an alert.")}
}

// admitted is the last word of what carries TLS.
func (s *story) admitted() []say.Phrase {
	switch {
	case s.end.Admitted == say.Yes:
		return []say.Phrase{say.Text("The server let the client in.")}
	case s.end.Admitted == say.No && s.Refusal == nil:
		return []say.Phrase{say.Text("The server did not let the client in, and sent no alert that could be read: EAP " +
			"servers often send none. Their log says why.")}
	}
	return nil
}
