package reading

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"slices"

	"mtlsprobe/probe/protocol"
	"mtlsprobe/report/say"
)

// Evidence is every trial of one run against one server, in the order in which they
// were made.
type Evidence struct {
	// None presented nothing, SelfSigned a generated certificate; empty if not tried.
	None, SelfSigned []*Trial
	// Identities are the trials of each identity; empty for one that was not tried.
	Identities [][]*Trial
}

// A Mode is what a server does about client certificates.
type Mode string

// The modes of client authentication.
const (
	Required    Mode = "required"
	Optional    Mode = "optional" // it may be missing
	IgnoredMode Mode = "ignored"  // it may be missing, and everything that was tried passed
	UnknownMode Mode = "unknown"
)

// ParseMode reads what a report calls a mode.
func ParseMode(s string) (Mode, bool) {
	m := Mode(s)
	return m, slices.Contains([]Mode{Required, Optional, IgnoredMode, UnknownMode}, m)
}

// Verified says whether the server verifies the certificates that it gets.
type Verified string

// What a server verifies.
const (
	VerifiedYes     Verified = "yes"
	VerifiedPartly  Verified = "partly" // it accepted the self-signed control, and refused others
	VerifiedNo      Verified = "no"
	VerifiedUnknown Verified = "unknown"
)

// A Conclusion is what the evidence means as a whole.
type Conclusion struct {
	Mode     Mode
	Verified Verified
	// None and SelfSigned are the controls, and Trials those of the identities, each as
	// compared with the others; nil where nothing was tried. The trials of the evidence
	// are not changed.
	None, SelfSigned *Trial
	Trials           []*Trial
	// Differs says how answers differed from connection to connection; nil if they
	// did not.
	Differs say.Phrase
	// Connections is how many were made; Lists how many different lists of CA names came,
	// and Certificates the server's own, each once, in the order of their arrival.
	Connections, Lists int
	Certificates       []*x509.Certificate
}

// Conclude compares the trials with their controls. An acceptance counts only if it
// was proved after the handshake and depended on the certificate; answers that
// contradict one another are unknown. It is a pure function of the evidence.
func Conclude(e *Evidence) *Conclusion {
	c := newControls(e)
	for _, r := range contrasts() {
		c.apply(r)
	}
	out := &Conclusion{Differs: c.differences()}
	out.None, out.SelfSigned = merge(c.none), merge(c.selfSigned)
	for _, trials := range c.identities {
		out.Trials = append(out.Trials, merge(trials))
	}
	out.Connections, out.Lists, out.Certificates = c.servers()
	out.Mode, out.Verified = c.mode(), c.verified()
	for _, t := range append(slices.Clone(out.Trials), out.SelfSigned) {
		if t != nil {
			depend(t, out)
		}
	}
	return out
}

// merge is one trial for all of one certificate: the first that says something.
// Where they contradict one another nothing is known.
func merge(trials []*Trial) *Trial {
	if len(trials) == 0 {
		return nil
	}
	first := trials[0]
	for _, t := range trials {
		if t.Outcome == Accepted || t.Refused() {
			first = t
			break
		}
	}
	out := *first
	out.Presented = slices.ContainsFunc(trials, func(t *Trial) bool { return t.Presented })
	if passed, refused := tally(trials); passed > 0 && refused > 0 {
		out.Outcome = UnknownOutcome
		out.Detail = say.Text("answers differ from connection to connection: accepted on ", passed, " of ", passed+refused)
	}
	return &out
}

func tally(trials []*Trial) (passed, refused int) {
	for _, t := range trials {
		switch {
		case t.Outcome == Accepted:
			passed++
		case t.Refused(), t.ended:
			refused++
		}
	}
	return passed, refused
}

// differences says how the same was answered differently; nil if it was not.
func (c *controls) differences() say.Phrase {
	var said []say.Phrase
	tell := func(what string, trials []*Trial) {
		if passed, refused := tally(trials); passed > 0 && refused > 0 {
			said = append(said, say.Text(what, " was accepted on ", passed, " of ", passed+refused, " connections"))
		}
	}
	tell("no certificate", c.none)
	tell("the self-signed control", c.selfSigned)
	differ := 0
	for _, trials := range c.identities {
		if passed, refused := tally(trials); passed > 0 && refused > 0 {
			differ++
		}
	}
	if differ > 0 {
		said = append(said, say.Text(differ, " of ", len(c.identities),
			" certificates were accepted on one connection and refused on another"))
	}
	asked, not := 0, 0
	for _, t := range c.all() {
		switch {
		case t.Asked:
			asked++
		case t.established():
			not++
		}
	}
	if asked > 0 && not > 0 {
		said = append(said, say.Text("a certificate was requested on ", asked, " of ", asked+not, " connections"))
	}
	return say.Join("; ", said...)
}

// servers tells what may show that several servers answer behind one address.
func (c *controls) servers() (connections, lists int, certificates []*x509.Certificate) {
	seen := make(map[[sha256.Size]byte]bool)
	for _, t := range c.all() {
		if t.Transcript == nil {
			continue
		}
		connections++
		if requests := t.Transcript.Requests(); len(requests) > 0 && requests[0].Request != nil {
			sum := sha256.Sum256(bytes.Join(requests[0].Request.NamedCAs, nil))
			if !seen[sum] {
				seen[sum] = true
				lists++
			}
		}
		if peer := t.Verification.Peer; len(peer) > 0 && !slices.ContainsFunc(certificates, peer[0].Equal) {
			certificates = append(certificates, peer[0])
		}
	}
	return connections, lists, certificates
}

// mode is what the server does with clients that present nothing.
func (c *controls) mode() Mode {
	certs := append(c.tried(), c.selfSigned...)
	anyPassed := slices.ContainsFunc(certs, func(t *Trial) bool { return t.Outcome == Accepted })
	anyRefused := slices.ContainsFunc(certs, (*Trial).Refused)
	refusedForIt := func(t *Trial) bool {
		return t.Outcome == RefusedByTLS || t.Outcome == RefusedByApplication &&
			t.Application.Verdict == protocol.CertificateRefused
	}
	switch {
	case len(c.none) == 0 || c.differences() != nil || !every(c.none, func(t *Trial) bool { return t.Asked }):
		return UnknownMode
	case every(c.none, refusedForIt), every(c.none, (*Trial).Refused) && (anyPassed || c.staysOpen()):
		return Required
	case every(c.none, accepted) && every(c.selfSigned, accepted) && !anyRefused && every(certs, accepted):
		return IgnoredMode
	case every(c.none, accepted) && (anyRefused || len(c.selfSigned) == 0),
		every(c.none, func(t *Trial) bool { return t.Outcome == StayedSilent && t.Processed }) && anyRefused:
		return Optional // without the control it is not known whether it is checked
	}
	return UnknownMode
}

// staysOpen reports whether a connection with a certificate stayed open, where the
// self-signed control was ended.
func (c *controls) staysOpen() bool {
	return every(c.selfSigned, (*Trial).Refused) && slices.ContainsFunc(c.tried(),
		func(t *Trial) bool { return t.Outcome == StayedSilent && t.Asked && t.Presented && t.established() })
}

// verified is whether the server looks at what it gets.
func (c *controls) verified() Verified {
	passed, refused := tally(c.tried())
	switch {
	case c.differences() != nil, len(c.selfSigned) == 0:
	case every(c.selfSigned, (*Trial).Refused) && (passed > 0 || every(c.none, accepted)):
		return VerifiedYes
	case every(c.selfSigned, accepted) && refused > 0:
		return VerifiedPartly
	case every(c.selfSigned, accepted):
		return VerifiedNo
	case every(c.selfSigned, byAlert) && !slices.ContainsFunc(c.none,
		func(t *Trial) bool { return sameAlert(t, c.selfSigned[0]) }):
		return VerifiedYes // it tells a certificate that it does not trust from none
	}
	return VerifiedUnknown
}

// sameAlert reports whether two connections were refused in the same way.
func sameAlert(a, b *Trial) bool {
	if a.Alert == nil || b.Alert == nil {
		return a.Outcome == b.Outcome
	}
	return a.Alert.Description == b.Alert.Description
}

// depend says of an acceptance whether it depended on the certificate.
func depend(t *Trial, c *Conclusion) {
	if t.Outcome != Accepted {
		return
	}
	switch {
	case !t.Asked:
		t.Outcome, t.Detail = Ignored, say.Text("the server did not ask for a certificate")
	case c.Differs != nil:
		t.Outcome, t.Detail = UnknownOutcome, say.Text("answers differ from connection to connection: ", c.Differs)
	case c.Mode == IgnoredMode:
		t.Outcome, t.Detail = Ignored, say.Text("no certificate and any certificate are accepted as well", upTo(t))
	case c.Mode == UnknownMode:
		t.Outcome, t.Detail = UnknownOutcome,
			say.Text("it was accepted, and it is not known whether that depended on the certificate")
	case t != c.SelfSigned && c.Verified == VerifiedNo:
		t.Detail = say.Text("any certificate is accepted here, a self-signed one too", upTo(t))
	case t != c.SelfSigned && c.Verified == VerifiedPartly:
		t.Detail = say.Text("a self-signed certificate is accepted here, too; others were refused")
	case t.Detail == nil && upTo(t) != nil:
		t.Detail = say.Text("accepted", upTo(t))
	}
}

// upTo says where the trial stopped, if the server may look at the certificate later.
func upTo(t *Trial) say.Phrase {
	if t.Application == nil || t.Application.Before == "" {
		return nil
	}
	return say.Text(", up to ", t.Application.Before, ", which was not tried")
}
