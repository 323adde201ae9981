package report

import (
	"testing"

	"mtlsprobe/report/say"
)

// What is not known is skipped, not failed, and a failure says why.
func TestMigrationJUnit(t *testing.T) {
	row := &MigrationRow{Label: "a.p12", Remedy: say.Text("renew it"), Cells: []MigrationCell{
		{Phase: "fits", Verdict: Fits},
		{Phase: "does not", Verdict: DoesNotFit, Reasons: []say.Phrase{say.Text("it is expired")}},
		{Phase: "nobody knows", Verdict: Unknown},
	}}
	cases := row.suite(&Report{}).Cases
	if len(cases) != 3 {
		t.Fatalf("%d cases, want 3", len(cases))
	}
	if c := cases[0]; c.Failure != nil || c.Skipped != nil {
		t.Errorf("what fits: %+v", c)
	}
	if c := cases[1]; c.Failure == nil || c.Failure.Text != "it is expired → renew it" {
		t.Errorf("what does not fit: %+v", c)
	}
	if c := cases[2]; c.Failure != nil || c.Skipped == nil {
		t.Errorf("what is unknown: %+v", c)
	}
	row.Remedy = nil
	if got := row.suite(&Report{}).Cases[1].Failure.Text; got != "it is expired" {
		t.Errorf("without a remedy: %q", got)
	}
}
