package match

import (
	"cmp"
	"slices"

	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// A Refusal is how a server turned an identity away.
type Refusal struct {
	// Alert is the number of the server's alert; it counts if Alerted is set.
	Alert   uint8
	Alerted bool
	Library TLSLibrary
	// ByApplication says that the program behind TLS refused, in its own words.
	ByApplication bool
	// Carrier is what carries TLS to the server; empty for TCP. A refusal without an alert is its.
	Carrier Carrier
	// User is the name that was given outside TLS; empty where there is none.
	User string
	// Others says that the same server refused the self-signed control otherwise or
	// accepted another identity, so that this refusal is about this identity.
	Others bool
}

// A Cause is one explanation of a refusal.
type Cause struct {
	Check *Check
	// Status says what was found here: Fail, that the identity has this defect;
	// Unknown, that it may have; Pass, that every way in which servers object to it
	// was looked at and it does not apply, which rules the cause out.
	Status Result
	Detail say.Phrase
}

// A Doubt says why a passing check does not rule a cause out.
type Doubt struct {
	// Silent says that nothing is to be said of the cause at all.
	Silent bool
	// Why it may still be the cause; nil where it is ruled out.
	Why say.Phrase
}

// Causes ranks what can have made a server refuse: first the identity's own
// defects that servers word so, then its other defects, for servers stop at the
// first one they meet; then what is not known, what only the server can know; and
// last what is ruled out. An alert's number is not a cause by itself.
func Causes(r *Refusal, v *Verdict) []Cause {
	var causes []Cause
	for n := range v.Findings {
		if c, ok := cause(r, v, &v.Findings[n]); ok {
			causes = append(causes, c)
		}
	}
	found := slices.ContainsFunc(causes, func(c Cause) bool { return c.Status == Fail && c.Check.saidAs(r) })
	if !found {
		causes = append(causes, hiddenCauses(r, v)...)
	}
	weight := func(c Cause) int {
		switch {
		case c.Status == Fail && c.Check.saidAs(r):
			return 0
		case c.Status == Fail:
			return 1
		case c.Status == Unknown:
			return 2
		}
		return 3
	}
	slices.SortStableFunc(causes, func(a, b Cause) int { return cmp.Compare(weight(a), weight(b)) })
	return causes
}

// cause turns one finding into a cause, if it can be one.
func cause(r *Refusal, v *Verdict, f *Finding) (Cause, bool) {
	c := Cause{Check: f.Check, Status: f.Result, Detail: f.Detail}
	told := f.Check.saidAs(r)
	switch {
	case !f.Check.visible(), f.Result == NotApplicable, f.Result != Fail && !told:
		return c, false
	case f.Result == Warn && f.Check.ownWords(r):
		c.Status = Fail // others may take it, and this kind of server does not
	case f.Result == Warn:
		c.Status = Unknown
	case f.Result == Pass && f.Check.Doubt != nil:
		doubt := f.Check.Doubt(v)
		if doubt.Silent {
			return c, false
		}
		if doubt.Why != nil {
			c.Status, c.Detail = Unknown, doubt.Why
		}
	}
	return c, true
}

// Uninformative reports whether servers with this library refuse everything
// alike, so that their alert says nothing about the reason. Where the same server
// answered another certificate otherwise, the alert does say something.
func (r *Refusal) Uninformative() bool {
	switch {
	case !r.Alerted, r.Others:
		return false // the application has words of its own, or there are none
	case r.Library == JSSE && r.Alert == wire.AlertCertificateUnknown,
		r.Library == GnuTLS && r.Alert == wire.AlertAccessDenied:
		return true
	}
	return r.Alert == wire.AlertHandshakeFailure || r.Alert == wire.AlertInternalError
}

// Alerts by which servers refuse: what each library was observed to say, and for
// others what is documented.
var (
	// unspecific alerts are said of anything about the certificate.
	unspecific = []uint8{wire.AlertCertificateUnknown, wire.AlertAccessDenied, wire.CloseNotify}
	// trustAlerts: bad_certificate is what Go before 1.21 and GnuTLS in Exim say of
	// anything.
	trustAlerts    = slices.Concat([]uint8{wire.AlertUnknownCA, wire.AlertBadCertificate}, unspecific)
	usageAlerts    = slices.Concat([]uint8{wire.AlertUnsupportedCertificate, wire.AlertBadCertificate}, unspecific)
	strengthAlerts = usageAlerts
	validityAlerts = slices.Concat([]uint8{wire.AlertCertificateExpired}, unspecific)
	signingAlerts  = []uint8{wire.AlertHandshakeFailure, wire.AlertIllegalParameter}
)

// usageObjections are those of usage checks: Erlang says handshake_failure.
var usageObjections = append(objections(usageAlerts), Objection{wire.AlertHandshakeFailure, Erlang})
