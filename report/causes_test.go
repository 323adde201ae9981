package report

import (
	"testing"

	"mtlsprobe/report/say"
)

// What keeps a certificate out at one server, and is only one defect more at another, is said
// once.
func TestJoined(t *testing.T) {
	expired := func(result string) []Finding {
		return []Finding{{Check: "validity.expired", Title: "Expired", Result: result, Detail: say.Text("yesterday")}}
	}
	at := func(where, verdict, result string) located {
		return located{&Report{Identities: []Identity{{Label: "a.pem", Verdict: verdict, Basis: "tried",
			Findings: expired(result), Trial: &Trial{Outcome: "refused", Presented: true}}}}, where}
	}
	all := causesIn([]located{at("one", DoesNotFit, "fail"), at("two", DoesNotFit, "warn")}, []string{"a.pem"}, 2)
	said := 0
	for _, c := range all {
		if c.finding != nil && c.finding.Check == "validity.expired" {
			said++
			if !c.main || c.where != nil {
				t.Errorf("main %t, where %v", c.main, c.where)
			}
		}
	}
	if said != 1 {
		t.Errorf("said %d times: %+v", said, all)
	}
}
