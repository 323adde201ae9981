package probe

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"mtlsprobe/probe/protocol"
	"mtlsprobe/probe/wire"
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
	Detail  string
	// Alert is the alert that ended the connection; nil without one.
	Alert *wire.AlertSeen
	// Application is nil when the application said nothing.
	Application *protocol.Answer
	// Asked says that the server asked for a certificate on this connection.
	Asked bool
	// Presented says that the certificate was handed to the server.
	Presented bool
	guessed   bool      // nobody named the protocol
	answered  time.Time // when the application did, by the local clock
	// Processed says that the server showed, after our Finished, that it had
	// read it: its own Finished up to TLS 1.2, a session ticket in TLS 1.3.
	Processed  bool
	Transcript *wire.Transcript
}

// Refused reports whether the server turned the connection down in any way.
func (t *Trial) Refused() bool {
	return t.Outcome == RefusedByTLS || t.Outcome == RefusedByApplication || t.Outcome == Closed
}

// trial classifies an exchange by itself; [Conclude] compares it with the
// controls.
func (x *exchange) trial(presents bool) *Trial {
	tr := x.transcript
	t := &Trial{Outcome: UnknownOutcome, Application: x.application, Asked: len(tr.Demands()) > 0, Presented: x.shown, guessed: x.target.Guessed, answered: x.answered, Transcript: tr}
	done := tr.HandshakeDone()
	t.Processed = done && (tr.Version < tls.VersionTLS13 || tr.Sent(wire.Server, wire.NewSessionTicket))
	alert, ours := tr.Refusal(wire.Server), tr.Refusal(wire.Client)
	switch {
	case errors.Is(x.err, errUnverified):
		t.Outcome = NotTried
		t.Detail = errUnverified.Error() // why is the observation's to say, once
	case presents && !done && !t.Asked:
		t.Outcome, t.Alert = NotTried, cmp.Or(alert, ours)
		t.Detail = "the handshake ended before the server asked, so that nothing was presented"
	case presents && t.Asked && !x.shown, presents && !done && ours != nil && alert == nil:
		t.Outcome, t.Alert = NotTried, ours
		t.Detail = "this program could not present it: " + errorText(x.err)
	case alert != nil:
		t.Outcome, t.Alert = RefusedByTLS, alert
	case len(plainWords(tr)) > 0 && x.application == nil:
		// A program behind the TLS of the server has spoken past it, as vsftpd does
		// when it fails: words to be read, and no fault of TLS.
		t.Outcome, t.Detail = Closed, fmt.Sprintf("the server went on in clear, in the middle of TLS: %q", plainWords(tr))
	case !done && isTimeout(x.err):
		t.Outcome, t.Detail = StayedSilent, "the handshake did not end within the time limit"
	case !done && ours != nil:
		t.Alert, t.Detail = ours, "this program gave up the handshake: "+errorText(x.err)
	case !done:
		t.Outcome, t.Detail = Closed, "closed during the handshake, without an alert"
	case x.application != nil:
		t.byApplication()
	case x.ended:
		t.Outcome, t.Detail = Closed, "closed after the handshake, without an alert or an answer"
	default:
		t.Outcome, t.Detail = StayedSilent, "no answer and no refusal"
	}
	if presents && !t.Asked && t.Outcome != NotTried {
		t.Detail = strings.TrimPrefix(t.Detail+"; the server did not ask, so nothing was presented", "; ")
	}
	return t
}

// plainWords is what the server said in clear after its hello; nil for nothing.
func plainWords(tr *wire.Transcript) []byte {
	const enough = 80
	for n := range tr.Entries {
		if e := &tr.Entries[n]; e.ContentType == wire.NotTLS && e.From == wire.Server && tr.Version != 0 {
			return e.Body[:min(len(e.Body), enough)]
		}
	}
	return nil
}

func errorText(err error) string {
	if err == nil {
		return "no reason is known"
	}
	return strings.TrimPrefix(strings.TrimPrefix(err.Error(), "local error: "), "tls: ")
}

func (t *Trial) byApplication() {
	a := t.Application
	switch {
	case a.Protocol == "":
		t.Outcome, t.Detail = UnknownOutcome, "the server answered in an unknown protocol: "+a.Detail
	case a.Verdict == protocol.Undecided:
		t.Outcome, t.Detail = UnknownOutcome, "the application's answer does not tell whether it takes the certificate"
	case a.Verdict != protocol.Welcome:
		t.Outcome = RefusedByApplication
	default:
		t.Outcome = Accepted
	}
}

// Insistence says how much a server wants a certificate.
type Insistence string

// The degrees of insistence.
const (
	Required          Insistence = "required"
	Optional          Insistence = "optional" // it may be missing; if present, it is checked
	IgnoredInsistence Insistence = "ignored"  // it may be missing, and any passes
	UnknownInsistence Insistence = "unknown"
)

// ParseInsistence reads what a report calls a degree of insistence.
func ParseInsistence(s string) (Insistence, bool) {
	i := Insistence(s)
	return i, slices.Contains([]Insistence{Required, Optional, IgnoredInsistence, UnknownInsistence}, i)
}

// Conclude compares the trials with their controls: none, which presented
// nothing, and selfSigned, a throw-away certificate, nil if it was not tried.
// It returns how much the server insists, and changes outcomes in place: an
// acceptance that did not depend on the certificate is ignored or unknown,
// silence after the server had read everything is acceptance where the control
// was refused, an end without a word is unknown where both controls were refused
// by alerts, and an application that welcomes one certificate has refused those
// of which it would not say.
func Conclude(none, selfSigned *Trial, trials []*Trial) Insistence {
	all := append([]*Trial(nil), trials...)
	if selfSigned != nil {
		all = append(all, selfSigned)
	}
	if none.Refused() {
		for _, t := range all {
			if t.Outcome == StayedSilent && t.Processed && t.Asked {
				t.Outcome, t.Detail = Accepted, "accepted by TLS; the application said nothing"
			}
		}
	}
	// A server that refuses with alerts and then says goodbye to somebody without
	// one has not refused the certificate: it may speak another protocol.
	if selfSigned != nil && selfSigned.Outcome == RefusedByTLS && none.Outcome == RefusedByTLS {
		for _, t := range trials {
			if t.Outcome == Closed && t.Processed && t.Asked {
				t.Outcome = UnknownOutcome
				t.Detail = "the server closed the connection after the handshake without a word, though it refuses others with alerts: perhaps it speaks another protocol"
			}
		}
	}
	if closesAll(none, selfSigned, trials) {
		for _, t := range trials {
			if t.Outcome == Closed && t.Asked {
				t.Outcome, t.Detail = UnknownOutcome, "the server closes the connection without a word, whatever is presented: perhaps it speaks another protocol; name it in the target, as in ldaps://"
			}
		}
	}
	settle(append(all, none))
	if none.Outcome == RefusedByApplication && selfSigned != nil && selfSigned.Outcome == RefusedByApplication {
		for _, t := range trials {
			if a := t.Application; t.Outcome == UnknownOutcome && t.Asked && a != nil && a.Status != 0 && a.Status != none.Application.Status {
				t.Outcome, t.Detail = Accepted, "the application answers otherwise than it does without a certificate, and to a self-signed one"
			}
		}
	}
	insistence := insist(none, selfSigned, trials)
	for _, t := range all {
		switch {
		case t.Outcome != Accepted:
		case !t.Asked:
			t.Outcome, t.Detail = Ignored, "the server did not ask for a certificate"
		case insistence == IgnoredInsistence:
			t.Outcome, t.Detail = Ignored, "none and any certificate pass as well"
		case insistence == UnknownInsistence:
			t.Outcome, t.Detail = UnknownOutcome, "it passed, and it is not known whether that depended on the certificate"
		case t != selfSigned && selfSigned != nil && selfSigned.Outcome == Accepted:
			t.Detail = "any certificate passes here, a self-signed one too"
		}
	}
	return insistence
}

// closesAll reports whether everything ends in the same silent way, so that nothing
// can be told from it.
func closesAll(none, selfSigned *Trial, trials []*Trial) bool {
	closed := func(t *Trial) bool { return t.Outcome == Closed || t.Outcome == NotTried }
	return none.guessed && none.Outcome == Closed && selfSigned != nil && selfSigned.Outcome == Closed && none.Processed &&
		!slices.ContainsFunc(trials, func(t *Trial) bool { return !closed(t) })
}

// settle decides what an application leaves open between certificate, user and
// password, such as MySQL's error 1045: where it lets one in with the same user
// and no password, it was the certificate.
func settle(trials []*Trial) {
	undecided := func(t *Trial) bool {
		return t.Outcome == UnknownOutcome && t.Application != nil && t.Application.Protocol == "mysql" && t.Application.Verdict == protocol.Undecided
	}
	if !slices.ContainsFunc(trials, func(t *Trial) bool { return t.Outcome == Accepted && t.Asked }) {
		return
	}
	for _, t := range trials {
		if undecided(t) {
			t.Outcome, t.Detail = RefusedByApplication, "the application lets the same user in with another certificate"
		}
	}
}

func insist(none, selfSigned *Trial, trials []*Trial) Insistence {
	anyPassed := selfSigned != nil && selfSigned.Outcome == Accepted
	anyRefused := selfSigned != nil && selfSigned.Refused()
	for _, t := range trials {
		anyPassed = anyPassed || t.Outcome == Accepted
		anyRefused = anyRefused || t.Refused()
	}
	switch {
	case !none.Asked:
		return UnknownInsistence
	case none.Outcome == RefusedByTLS,
		none.Outcome == RefusedByApplication && none.Application.Verdict == protocol.CertificateRefused,
		none.Refused() && anyPassed:
		return Required
	case none.Outcome == Accepted && selfSigned != nil && selfSigned.Outcome == Accepted:
		return IgnoredInsistence
	case none.Outcome == Accepted && (anyRefused || selfSigned == nil):
		return Optional // whether it is checked is not known without the control
	case none.Outcome == StayedSilent && none.Processed && anyRefused:
		return Optional
	}
	return UnknownInsistence
}
