package reading

import (
	"slices"

	"mtlsprobe/report/say"
)

// controls are copies of all trials, so that rules can settle them.
type controls struct {
	none, selfSigned []*Trial
	identities       [][]*Trial
}

func newControls(e *Evidence) *controls {
	copies := func(trials []*Trial) []*Trial {
		var out []*Trial
		for _, t := range trials {
			if t != nil {
				one := *t
				one.ended = t.Outcome == Closed
				out = append(out, &one)
			}
		}
		return out
	}
	c := &controls{none: copies(e.None), selfSigned: copies(e.SelfSigned)}
	for _, trials := range e.Identities {
		c.identities = append(c.identities, copies(trials))
	}
	return c
}

// all returns every trial, the controls first.
func (c *controls) all() []*Trial { return slices.Concat(c.none, c.selfSigned, c.tried()) }

// tried returns the trials of the identities.
func (c *controls) tried() []*Trial { return slices.Concat(c.identities...) }

func every(trials []*Trial, is func(*Trial) bool) bool {
	return len(trials) > 0 && !slices.ContainsFunc(trials, func(t *Trial) bool { return !is(t) })
}

// A contrast settles what a trial alone leaves open, by comparing it with the
// controls: it applies if the controls are so, and the trial is so.
type contrast struct {
	name     string
	controls func(*controls) bool
	trial    func(*controls, *Trial) bool
	// Control says that the self-signed control is settled, too, and None that the one
	// without a certificate is.
	selfSigned, none bool
	outcome          Outcome
	detail           string
	pastTLS          bool
}

func (c *controls) apply(r contrast) {
	if !r.controls(c) {
		return
	}
	trials := c.tried()
	if r.selfSigned {
		trials = append(trials, c.selfSigned...)
	}
	if r.none {
		trials = append(trials, c.none...)
	}
	var settled []*Trial
	for _, t := range trials {
		if r.trial(c, t) {
			settled = append(settled, t)
		}
	}
	for _, t := range settled {
		t.Outcome, t.Detail, t.PastTLS = r.outcome, say.Text(r.detail), r.pastTLS
	}
}

// contrasts returns the rules in the order in which they apply. Each changes an
// outcome only away from unknown, silent or closed.
func contrasts() []contrast {
	return []contrast{
		{
			name:     "silence is acceptance where no certificate is refused",
			controls: func(c *controls) bool { return every(c.none, (*Trial).Refused) },
			trial: func(_ *controls, t *Trial) bool {
				return t.Outcome == StayedSilent && t.Processed && t.Asked && t.Presented
			},
			selfSigned: true, outcome: Accepted, detail: "accepted by TLS; the application said nothing",
		},
		{
			// Somebody on the way may hold the refusal back, or the server be slow.
			name: "staying open where both controls are ended is a sign, and no proof",
			controls: func(c *controls) bool {
				return every(c.none, (*Trial).Refused) && every(c.selfSigned, (*Trial).Refused)
			},
			trial: func(_ *controls, t *Trial) bool {
				return t.Outcome == StayedSilent && t.Asked && t.Presented && t.established()
			},
			outcome: StayedSilent, detail: "it stays open, unlike both controls, which is a sign and no proof",
		},
		{
			// It may speak another protocol.
			name:     "a silent end is not a refusal where refusals come by alerts",
			controls: func(c *controls) bool { return every(c.none, byAlert) && every(c.selfSigned, byAlert) },
			trial: func(_ *controls, t *Trial) bool {
				return t.Outcome == Closed && t.Processed && t.Asked && t.Guessed
			},
			outcome: UnknownOutcome,
			detail: "the server closed the connection after the handshake without an answer, although it refuses others " +
				"with alerts: perhaps it speaks another protocol",
		},
		{
			name:     "what TLS has accepted is not refused for its certificate",
			controls: func(c *controls) bool { return every(c.none, byAlert) && every(c.selfSigned, byAlert) },
			trial:    func(_ *controls, t *Trial) bool { return t.Outcome == Closed && t.Processed && t.Asked },
			outcome:  UnknownOutcome,
			detail:   "TLS accepted it; then closed without an answer", pastTLS: true,
		},
		{
			name:     "nothing can be told where everything is closed in the same way",
			controls: (*controls).closesEverything,
			trial:    func(_ *controls, t *Trial) bool { return t.Outcome == Closed && t.Asked },
			outcome:  UnknownOutcome,
			detail: "the server closes every connection without an answer, whatever is presented: perhaps it speaks " +
				"another protocol; name it in the target, as in ldaps://",
		},
		{
			name:     "a silent end after every certificate is not a refusal where presenting none is answered with an alert",
			controls: (*controls).closesEveryCertificate,
			trial:    func(_ *controls, t *Trial) bool { return t.Outcome == Closed && t.Asked },
			// The end is the same for all, so the control tells nothing about the others.
			selfSigned: true, outcome: UnknownOutcome,
			detail: "the server closes after any certificate, a self-signed one, too, without an alert or an answer: " +
				"perhaps its application accepts none, or speaks another protocol than the one that was asked",
		},
		{
			name:     "a certificate that TLS accepted is accepted, whatever the application is up to",
			controls: func(c *controls) bool { return every(c.none, byAlert) && every(c.selfSigned, byAlert) },
			trial: func(_ *controls, t *Trial) bool {
				return t.Outcome == UnknownOutcome && t.Asked && t.Presented && t.Application != nil &&
					t.Application.Protocol != "" // it has read the question, after our Finished
			},
			outcome: Accepted, detail: "accepted by TLS, which refused both controls; the application's answer does not " +
				"show whether it accepts the certificate",
		},
		{
			name:     "the same user got in with another certificate",
			controls: func(c *controls) bool { return slices.ContainsFunc(c.all(), accepted) },
			trial: func(_ *controls, t *Trial) bool {
				return t.Outcome == UnknownOutcome && t.Application != nil && t.Application.UserOrCertificate
			},
			selfSigned: true, none: true, outcome: RefusedByApplication,
			detail: "the application accepts the same user with another certificate",
		},
		{
			name:     "an application that answers otherwise than to both controls has accepted",
			controls: func(c *controls) bool { return every(c.none, byApplication) && every(c.selfSigned, byApplication) },
			trial:    answersOtherwise,
			outcome:  Accepted, detail: "the application answers differently than without a certificate and with a " +
				"self-signed one",
		},
	}
}

// established reports whether the handshake ended before the trial was classified:
// silence after it, and not within it.
func (t *Trial) established() bool { return t.Transcript != nil && t.Transcript.HandshakeDone() }

func accepted(t *Trial) bool { return t.Outcome == Accepted && t.Asked }

func byAlert(t *Trial) bool { return t.Outcome == RefusedByTLS }

func byApplication(t *Trial) bool { return t.Outcome == RefusedByApplication && t.Application != nil }

// closesEverything reports whether every connection ended in the same silent way,
// in a protocol that nobody named.
func (c *controls) closesEverything() bool {
	same := func(t *Trial) bool { return t.Guessed && t.Outcome == Closed && t.Processed }
	return every(c.none, same) && every(c.selfSigned, closedOrNotTried) &&
		!slices.ContainsFunc(c.tried(), func(t *Trial) bool { return !closedOrNotTried(t) })
}

// closesEveryCertificate reports whether each certificate was processed, and the connection then
// ended silently, while the server refuses with an alert where there is none.
func (c *controls) closesEveryCertificate() bool {
	closed := func(t *Trial) bool { return t.Outcome == Closed && t.Processed }
	return every(c.none, byAlert) && every(c.selfSigned, closed) &&
		!slices.ContainsFunc(c.tried(), func(t *Trial) bool { return !closed(t) && t.Outcome != NotTried })
}

func closedOrNotTried(t *Trial) bool { return t.Outcome == Closed || t.Outcome == NotTried }

func answersOtherwise(c *controls, t *Trial) bool {
	a := t.Application
	if t.Outcome != UnknownOutcome || !t.Asked || !t.Presented || a == nil || a.Status == 0 || a.Busy() {
		return false
	}
	return !slices.ContainsFunc(slices.Concat(c.none, c.selfSigned),
		func(o *Trial) bool { return o.Application.Status == a.Status })
}
