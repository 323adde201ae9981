package match

import (
	"cmp"
	"slices"

	"mtlsprobe/probe/wire"
)

// A Refusal is how a server turned an identity away.
type Refusal struct {
	// Alert is the number of the server's alert; it counts if Alerted is set.
	Alert   uint8
	Alerted bool
	Family  Family
}

// A Cause is one explanation of a refusal.
type Cause struct {
	Check *Check
	// Standing says what was found here: Fail, that the identity has this defect;
	// Unknown, that it may have; Pass, that it has not, which rules the cause out
	// as far as can be seen from here.
	Standing Result
	Detail   string // of the finding
}

// Causes ranks what can have made a server refuse: first the identity's own
// defects that this kind of server words so, then its other defects, for servers
// stop at the first one they meet; then what is not known; and what is ruled out.
// An alert's number is no cause by itself: see the facts about servers in the
// README. What only the server can know, its clock and its own copies of the CA
// certificates, rules nothing out.
func Causes(r *Refusal, findings []Finding) []Cause {
	worded := wordedAs(r)
	var causes []Cause
	weight := func(c Cause) int {
		told := slices.Contains(worded, c.Check.ID)
		switch {
		case c.Standing == Fail && told:
			return 0
		case c.Standing == Fail:
			return 1
		case c.Standing == Unknown:
			return 2
		}
		return 3
	}
	for _, f := range findings {
		if !serverSees(f.Check.ID) {
			continue
		}
		told := slices.Contains(worded, f.Check.ID)
		c := Cause{Check: f.Check, Standing: f.Result, Detail: f.Detail}
		switch f.Result {
		case Fail:
		case Warn:
			if !told {
				continue
			}
			c.Standing = Unknown
		case Unknown, Pass:
			if !told {
				continue
			}
			if f.Result == Pass {
				standing, why := ruledOut(f.Check.ID, findings)
				if standing == NotApplicable {
					continue
				}
				c.Standing, c.Detail = standing, cmp.Or(why, c.Detail)
			}
		default:
			continue
		}
		causes = append(causes, c)
	}
	slices.SortStableFunc(causes, func(a, b Cause) int { return cmp.Compare(weight(a), weight(b)) })
	return causes
}

// ruledOut says what a check that passed here means for the server: Pass, that it
// is no cause; Unknown, that it may be one, for the reason why; NotApplicable, that
// nothing is said of it.
func ruledOut(check string, findings []Finding) (standing Result, why string) {
	result := func(id string) Result {
		for _, f := range findings {
			if f.Check.ID == id {
				return f.Result
			}
		}
		return NotApplicable
	}
	switch check {
	case "validity.expired", "validity.not-yet-valid":
		if result("clock.skew") == NotApplicable {
			return Unknown, "it is valid by this host's clock; the server's is not known"
		}
	case "path.not-reached", "path.rekeyed", "path.renamed": // it was held against the copies at hand
		return NotApplicable, ""
	case "chain.incomplete":
		if result("path.not-reached") != Pass {
			return Unknown, "which CAs the server trusts is not known"
		}
	}
	return Pass, ""
}

// serverSees tells what a server can object to from what only this host or its
// clients see.
func serverSees(check string) bool {
	switch check {
	case "key.account", "key.exposed", "key.elsewhere", "key.unreadable", "key.locked", "key.missing", "issuer.not-named", "issuer.encoding":
		return false
	}
	return true
}

// Mute reports whether servers of the family refuse everything alike, so that
// their alert says nothing about the reason.
func (r *Refusal) Mute() bool {
	switch {
	case !r.Alerted:
		return false // the application has words of its own, or there are none
	case r.Family == JSSE && r.Alert == alertCertificateUnknown, r.Family == GnuTLS && r.Alert == alertAccessDenied:
		return true
	}
	return r.Alert == alertHandshakeFailure || r.Alert == alertInternalError
}

// Alert numbers (RFC 8446, Section 6; RFC 6101 for the older ones).
const (
	alertHandshakeFailure       = 40
	alertBadCertificate         = 42
	alertUnsupportedCertificate = 43
	alertCertificateRevoked     = 44
	alertCertificateExpired     = 45
	alertCertificateUnknown     = 46
	alertIllegalParameter       = 47
	alertUnknownCA              = 48
	alertAccessDenied           = 49
	alertDecryptError           = 51
	alertInternalError          = 80
)

// wordedAs returns the checks whose failing servers word as this refusal, as
// observed with the servers in the tests and, for others, documented.
func wordedAs(r *Refusal) []string {
	validity := []string{"validity.expired", "validity.not-yet-valid", "clock.skew"}
	usage := []string{"usage.extended-key-usage", "usage.key-usage", "usage.ca"}
	trust := []string{"chain.incomplete", "path.rekeyed", "path.renamed", "path.cross-signed", "path.not-reached", "chain.twins", "chain.key-identifier"}
	key := []string{"request.signature-scheme", "key.cannot-sign", "key.mismatched", "request.certificate-type"}
	strength := []string{"strength.key", "strength.signature", "request.chain-signature"}
	everything := slices.Concat(validity, usage, trust, []string{"revocation.revoked"}, strength)
	if !r.Alerted {
		return everything
	}
	switch r.Alert {
	case alertBadCertificate: // Go: the wrong purpose; Go before 1.21 and GnuTLS in Exim: anything
		return slices.Concat(usage, []string{"validity.not-yet-valid"}, strength, trust)
	case alertUnsupportedCertificate:
		return slices.Concat(usage, []string{"request.certificate-type"}, strength)
	case alertCertificateRevoked:
		return []string{"revocation.revoked"}
	case alertCertificateExpired:
		return validity
	case alertUnknownCA:
		return trust
	case alertHandshakeFailure: // Erlang: the wrong purpose
		if r.Family == Erlang {
			return usage
		}
		return key
	case alertIllegalParameter:
		return key
	case alertDecryptError: // BoringSSL tells a re-keyed CA so
		return []string{"key.mismatched", "path.rekeyed", "key.cannot-sign"}
	case alertCertificateUnknown, alertAccessDenied:
		return everything
	case wire.CloseNotify:
		return everything
	}
	return nil
}
