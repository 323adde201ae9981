package cmd

import (
	"bytes"
	"testing"

	"github.com/joshdk/go-junit"

	"mtlsprobe/report"
)

// JUnit is red exactly where the exit code is not 0.
func TestJUnitAgreesWithExitCode(t *testing.T) {
	accepted := report.Identity{Label: "accepted.pem", Verdict: report.Fits, Basis: "tried",
		Trial: &report.Trial{Outcome: "accepted"},
		Findings: []report.Finding{{Check: "path.not-reached",
			Result: "warn"}}, Predictions: []report.Prediction{{Stack: "go", Sends: "no"}, {Stack: "curl", Sends: "yes", Action: "sends"}}}
	predicted := report.Identity{Label: "predicted.pem", Verdict: report.Fits, Basis: "predicted",
		NamedCAs: []report.NamedCA{{DN: "CN=other", Result: "not-reached"}}}
	refused := report.Identity{Label: "refused.pem", Verdict: report.DoesNotFit, Basis: "tried",
		Trial: &report.Trial{Outcome: "refused"}}
	unknown := report.Identity{Label: "unknown.pem", Verdict: report.Unknown, Basis: "none"}
	var b bytes.Buffer
	differs := report.Format{Name: "junit", Differences: []report.Change{{What: "accepted.pem", Before: "does-not-fit",
		After: "fits"}}}
	if err := report.Write(&b, differs, &report.Report{Identities: []report.Identity{accepted}}); err != nil {
		t.Fatal(err)
	}
	if suites, err := junit.Ingest(b.Bytes()); err != nil || len(suites) != 2 || suites[1].Totals.Failed != 1 {
		t.Errorf("--expect: %v\n%s", err, b.String())
	}
	for _, tt := range []struct {
		name            string
		identities      []report.Identity
		require, client string
		interrupted     bool
		red             bool
	}{
		{"accepted without the root at hand", []report.Identity{accepted}, "any", "", false, false},
		{"predicted, with CAs that nobody needs", []report.Identity{predicted}, "any", "", false, false},
		{"refused", []report.Identity{refused}, "any", "", false, true},
		{"unknown", []report.Identity{unknown}, "any", "", false, true},
		{"one of two", []report.Identity{accepted, refused}, "any", "", false, false},
		{"one of two, all required", []report.Identity{accepted, refused}, "all", "", false, true},
		{"the other one required", []report.Identity{accepted, refused}, "refused.pem", "", false, true},
		{"this one required", []report.Identity{accepted, refused}, "accepted.pem", "", false, false},
		{"all required and fit", []report.Identity{accepted, predicted}, "all", "", false, false},
		{"for a client that sends it", []report.Identity{accepted}, "any", "curl", false, false},
		{"for a client that does not", []report.Identity{accepted}, "any", "go", false, true},
		{"interrupted", []report.Identity{accepted}, "any", "", true, true},
	} {
		r := &report.Report{Identities: tt.identities, Interrupted: tt.interrupted}
		f := &outputFlags{require: requires(tt.require), client: tt.client}
		err := f.conclude(r)
		if err == nil && r.Interrupted {
			err = errInterrupted
		}
		var b bytes.Buffer
		if err := report.Write(&b, report.Format{Name: "junit", By: report.By{Client: tt.client}, Require: requires(tt.require)},
			r); err != nil {
			t.Fatal(err)
		}
		suites, ingest := junit.Ingest(b.Bytes())
		if ingest != nil {
			t.Fatal(ingest)
		}
		failed := 0
		for _, s := range suites {
			failed += s.Totals.Failed
		}
		if (failed > 0) != tt.red || (exitCode(err) != 0) != tt.red {
			t.Errorf("%s: %d red cases, exit code %d, want red %t\n%s", tt.name, failed, exitCode(err), tt.red, b.String())
		}
	}
}

// requires is what a flag that is given once, or not at all, requires.
func requires(which string) []string {
	if which == "any" {
		return nil
	}
	return []string{which}
}
