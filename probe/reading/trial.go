package reading

import (
	"cmp"

	"mtlsprobe/probe/protocol"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// An Outcome says what came of presenting a certificate, or none.
type Outcome string

// The outcomes of a trial.
const (
	Accepted             Outcome = "accepted"
	RefusedByTLS         Outcome = "refused"
	RefusedByApplication Outcome = "refused-by-application"
	Closed               Outcome = "closed" // no alert, no answer
	StayedSilent         Outcome = "silent" // no refusal, and no answer either
	Ignored              Outcome = "ignored"
	NotTried             Outcome = "not-tried"
	UnknownOutcome       Outcome = "unknown"
)

// A Trial is one live connection and what the server did with it.
type Trial struct {
	Outcome Outcome
	Detail  say.Phrase
	// Alert is the alert that ended the connection; nil without one.
	Alert *wire.AlertSeen
	// Application is nil when the application said nothing.
	Application *protocol.Answer
	// Asked says that the server asked for a certificate on this connection.
	Asked bool
	// Presented says that the certificate was sent to the server.
	Presented bool
	// Processed says that the server showed, after our Finished, that it had read it:
	// its own Finished up to TLS 1.2, a session ticket after ours in TLS 1.3.
	Processed bool
	// PastTLS says that TLS accepted the certificate, as the controls show, and that
	// what ended the connection came after it.
	PastTLS bool
	// Withheld is why the certificate was not presented; empty where that was not so.
	Withheld Withheld
	// Verification is that of the server on this connection.
	Verification Verification
	Guessed      bool // the application protocol was inferred from the port
	Transcript   *wire.Transcript
	ended        bool // it was closed, whatever that means beside the controls
}

// Refused reports whether the server turned the connection down in any way.
func (t *Trial) Refused() bool {
	return t.Outcome == RefusedByTLS || t.Outcome == RefusedByApplication || t.Outcome == Closed
}

// TurnedAway reports whether the server did not come to looking at a certificate: it
// takes no more connections for now, or it ended this one without a word before it
// asked.
func (t *Trial) TurnedAway() bool {
	return t.Application != nil && t.Application.RateLimit() ||
		t.Outcome == NotTried && t.Withheld == "" && !t.Asked && t.Alert == nil && t.Transcript != nil
}

// A verdict is what a rule says of a connection.
type verdict struct {
	outcome Outcome
	detail  say.Phrase
	alert   *wire.AlertSeen
}

// A rule reads one connection; ok is false where it does not apply.
type rule struct {
	name string
	read func(c *Connection) (v verdict, ok bool)
}

// rules returns what is asked of one connection by itself, the first that applies
// decides.
func rules() []rule {
	return []rule{
		{"withheld", withheld},
		{"ended before the request", endedBeforeRequest},
		{"could not present", couldNotPresent},
		{"refused by alert", refusedByAlert},
		{"refused by carrier", refusedByCarrier},
		{"plaintext", spokeInClear},
		{"stopped by this program", stopped},
		{"no handshake", noHandshake},
		{"application answered", answered},
		{"closed after the handshake", closedAfter},
		{"silent", silent},
	}
}

// Classify reads one connection by itself; [Conclude] compares it with the controls.
func Classify(c *Connection) *Trial {
	tr := c.Transcript
	t := &Trial{
		Application: c.Application, Asked: c.asked(), Presented: c.Presented, Verification: c.verified(),
		Withheld: c.Withheld, Guessed: c.Guessed, Transcript: tr,
	}
	t.Processed = c.Established && (tr.Version < versionTLS13 ||
		tr.Before(wire.Client, wire.Finished, wire.Server, wire.NewSessionTicket))
	for _, r := range rules() {
		if v, ok := r.read(c); ok {
			t.Outcome, t.Detail, t.Alert = v.outcome, v.detail, v.alert
			break
		}
	}
	if c.Presents && !t.Asked && t.Outcome != NotTried {
		t.Detail = say.Join("; ", t.Detail, say.Text("the server did not ask, so nothing was presented"))
	}
	return t
}

func withheld(c *Connection) (verdict, bool) {
	return verdict{outcome: NotTried, detail: say.Text("not presented because ", string(c.Withheld))}, c.Withheld != ""
}

func endedBeforeRequest(c *Connection) (verdict, bool) {
	v := verdict{outcome: NotTried,
		detail: say.Text("the handshake ended before the server asked, so nothing was presented"),
		alert:  cmp.Or(c.refusal(), c.Transcript.Refusal(wire.Client))}
	return v, c.Presents && !c.Presented && !c.Established && !c.asked()
}

func couldNotPresent(c *Connection) (verdict, bool) {
	v := verdict{outcome: NotTried, detail: say.Text("this program could not present it: ", reason(c.Err)),
		alert: c.Transcript.Refusal(wire.Client)}
	return v, c.Presents && c.asked() && !c.Presented && c.refusal() == nil
}

func refusedByAlert(c *Connection) (verdict, bool) {
	alert := c.refusal()
	return verdict{outcome: RefusedByTLS, alert: alert}, alert != nil
}

// refusedByCarrier: what carries TLS ended with it, and says so in place of an alert.
func refusedByCarrier(c *Connection) (verdict, bool) {
	a := c.Application
	return verdict{outcome: RefusedByTLS}, a != nil && a.Carrier &&
		(a.Verdict == protocol.AccessRefused || a.Verdict == protocol.CertificateRefused)
}

// spokeInClear: a program behind the TLS of the server has spoken past it, as vsftpd
// does when it fails. What it said is not evidence, its end of the connection is.
func spokeInClear(c *Connection) (verdict, bool) {
	said := c.plaintext()
	return verdict{outcome: Closed,
			detail: say.Text("plaintext came in the middle of TLS, from the server or a third party: ",
				say.Quote(string(said)))},
		said != nil && c.Application == nil && !c.Transcript.Cut
}

func stopped(c *Connection) (verdict, bool) {
	return verdict{outcome: UnknownOutcome, detail: say.Text("stopped by this program: ", reason(c.Err)),
			alert: c.Transcript.Refusal(wire.Client)},
		c.End == Stopped && c.Application == nil
}

func noHandshake(c *Connection) (verdict, bool) {
	v := verdict{outcome: Closed, detail: say.Text("closed during the handshake, without an alert")}
	if c.End == TimedOut {
		v = verdict{outcome: StayedSilent, detail: say.Text("the handshake did not end within the time limit")}
	}
	return v, !c.Established
}

func answered(c *Connection) (verdict, bool) {
	a := c.Application
	switch {
	case a == nil:
		return verdict{}, false
	case a.Protocol == "":
		return verdict{outcome: UnknownOutcome, detail: say.Text("the server answered in an unknown protocol: ",
			say.Quote(a.Detail))}, true
	case a.Verdict == protocol.Undecided:
		return verdict{outcome: UnknownOutcome,
			detail: say.Text("the application's answer does not show whether it accepts the certificate")}, true
	case a.Verdict == protocol.UserRefused:
		return verdict{outcome: RefusedByApplication,
			detail: say.Text("the server accepts the certificate, but not for this user")}, true
	case a.Verdict != protocol.Welcome:
		return verdict{outcome: RefusedByApplication}, true
	}
	return verdict{outcome: Accepted}, true
}

func closedAfter(c *Connection) (verdict, bool) {
	return verdict{outcome: Closed, detail: say.Text("closed after the handshake, without an alert or an answer")},
		c.End == ByServer
}

func silent(*Connection) (verdict, bool) {
	return verdict{outcome: StayedSilent, detail: say.Text("no answer and no refusal")}, true
}

// reason words an error of this program's own TLS end.
func reason(err error) say.Phrase {
	if err == nil {
		return say.Text("no reason is known")
	}
	return say.Text(say.Quote(err.Error()))
}
