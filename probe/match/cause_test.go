package match

import (
	"testing"

	"mtlsprobe/probe/wire"
)

// What this host's copies and clock say rules nothing out that the server alone can
// know.
func TestCausesRuledOut(t *testing.T) {
	refusal := &Refusal{Alert: wire.AlertCertificateUnknown, Alerted: true}
	status := func(v Verdict, check string) Result {
		for _, c := range Causes(refusal, &v) {
			if c.Check.ID == check {
				return c.Status
			}
		}
		return NotApplicable
	}
	for _, tt := range []struct {
		name  string
		setup setup
		check string
		want  Result
	}{
		{"valid by a clock that is not the server's", setup{}, "validity.expired", Unknown},
		{"valid by the server's clock", setup{skew: 1}, "validity.expired", Pass},
		{"expired", setup{leaf: "expired"}, "validity.expired", Fail},
		{"reached", setup{}, "chain.incomplete", Pass},
		{"no CA names", setup{named: none}, "chain.incomplete", Unknown},
		{"by the copies at hand", setup{}, "path.not-reached", NotApplicable},
		{"by the copies at hand", setup{}, "path.rekeyed", NotApplicable},
		{"out of reach", setup{leaf: "stranger", chain: none, authorities: []string{"Stranger"}}, "path.not-reached", Fail},
		{"another kind", setup{}, "usage.extended-key-usage", Pass},
	} {
		if got := status(judgeSetup(tt.setup), tt.check); got != tt.want {
			t.Errorf("%s: %s is %s, want %s", tt.name, tt.check, got, tt.want)
		}
	}
}

// That an issuer's second certificate leads servers astray is a possible cause for most of
// them, and the cause for those that are known not to turn back.
func TestCausesTwins(t *testing.T) {
	twins := judgeSetup(setup{chain: []string{"Issuing<Old", "Issuing"}, authorities: []string{"Root", "Old"}})
	for _, tt := range []struct {
		library TLSLibrary
		alert   uint8
		want    Result
	}{
		{OpenSSL, wire.AlertUnknownCA, Fail},
		{OtherLibrary, wire.AlertUnknownCA, Unknown},
		{Go, wire.AlertBadCertificate, Unknown},
		{OpenSSL, wire.AlertCertificateExpired, NotApplicable},
	} {
		got := NotApplicable
		for _, c := range Causes(&Refusal{Alerted: true, Alert: tt.alert, Library: tt.library}, &twins) {
			if c.Check == ChainTwins {
				got = c.Status
			}
		}
		if got != tt.want {
			t.Errorf("%s, alert %d: %s, want %s", tt.library, tt.alert, got, tt.want)
		}
	}
}
