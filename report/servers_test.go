package report

import (
	"testing"

	"mtlsprobe/certstore/certtest"
	"mtlsprobe/probe/diagnosis"
	"mtlsprobe/probe/match"
	"mtlsprobe/probe/reading"
	"mtlsprobe/probe/verifier"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// TestRefusalModelByAlert has a model explain a refusal by its own alert, and not by another one.
func TestRefusalModelByAlert(t *testing.T) {
	p := certtest.New(certtest.Edge{Subject: "Root", Issuer: "Root"}, certtest.Edge{Subject: "leaf", Issuer: "Root"})
	var openssl *verifier.Profile
	for _, profile := range verifier.Profiles() {
		if profile.ID == "openssl" {
			openssl = profile
		}
	}
	j := verifier.Judgement{Profile: openssl, Accepts: say.No, Reason: verifier.Usage, Certificate: p.Cert("leaf"),
		Alert: wire.AlertUnsupportedCertificate}
	for alert, explains := range map[uint8]bool{wire.AlertUnsupportedCertificate: true, wire.AlertUnknownCA: false} {
		trial := &reading.Trial{Alert: &wire.AlertSeen{Alert: wire.Alert{Description: alert}, From: wire.Server}}
		said, _ := refusalModel(&diagnosis.Refusal{}, trial, match.OpenSSL, []verifier.Judgement{j})
		if (said != nil) != explains {
			t.Errorf("alert %d: %q", alert, said)
		}
	}
}
