package verifier_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"mtlsprobe/certstore/certtest"
	"mtlsprobe/probe/verifier"
	"mtlsprobe/report/say"
)

// TestRecorded compares what is predicted with what real servers did, as "make verifiers"
// recorded it.
func TestRecorded(t *testing.T) {
	files, err := filepath.Glob("testdata/observed/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("nothing is recorded", err)
	}
	var cases []*made
	all := chainCases()
	for n := range all {
		cases = append(cases, all[n].make(certtest.Now))
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			profile, settings := setup(t, name)
			observed := record(t, file)
			agree := 0
			for _, m := range cases {
				want, ok := observed[m.name]
				if !ok {
					t.Errorf("%s: not recorded", m.name)
				} else if compare(t, name, m, predict(profile, settings, m, certtest.Now), want) {
					agree++
				}
			}
			t.Logf("%d of %d agree", agree, len(cases))
		})
	}
}

// compare holds a prediction against what a server did. That by which alert it refuses, or what
// it does at all, is not known is no mistake.
func compare(t *testing.T, server string, m *made, predicted, observed string) (agree bool) {
	t.Helper()
	switch {
	case predicted == observed, predicted == "refused" && observed != "accepted", otherAlert[server+": "+m.name] == observed:
		return true
	case predicted == "unknown":
		t.Logf("%s: not known; observed %q", m.name, observed)
	default:
		t.Errorf("%s: predicted %q, observed %q", m.name, predicted, observed)
	}
	return false
}

// otherAlert are cases that a program refuses, as predicted, and not in the usual way.
var otherAlert = map[string]string{
	// Its decoder fails on the leaf before the alert can be chosen.
	"wolfssl: unknown critical extension on leaf": "closed",
}

// setup is the profile and the settings of a record.
func setup(t *testing.T, name string) (*verifier.Profile, verifier.Settings) {
	t.Helper()
	var s verifier.Settings
	on := true
	if p := verifier.Lookup(name); p != nil {
		return p, s
	}
	id, rest, _ := strings.Cut(name, "-")
	switch {
	case rest == "partial-chain":
		s.PartialChain = &on
	case rest == "strict":
		s.Strict = &on
	case strings.HasPrefix(rest, "depth-"):
		depth, err := strconv.Atoi(strings.TrimPrefix(rest, "depth-"))
		if err != nil {
			t.Fatal(err)
		}
		s.Depth = &depth
	}
	p := verifier.Lookup(id)
	if p == nil {
		t.Fatalf("no profile is called %q", id)
	}
	return p, s
}

// predict words a judgement as observe words a trial.
func predict(p *verifier.Profile, settings verifier.Settings, m *made, now time.Time) string {
	j := verifier.NewJudge(&verifier.Case{Leaf: m.leaf, Sent: m.sent, Anchors: m.trusted, Now: now, Settings: settings}).Judge(p)
	switch {
	case j.Accepts == say.Yes:
		return "accepted"
	case j.Reason == verifier.Unsupported && j.Certificate == m.leaf:
		return "unknown 40" // the server offers no scheme for it: this program's own alert
	case j.Accepts == say.Unknown:
		return "unknown"
	case p.Refusal.Status != 0:
		return fmt.Sprintf("refused-by-application %d", p.Refusal.Status)
	case j.Alert != 0:
		return fmt.Sprintf("refused %d", j.Alert)
	}
	if j.Silent {
		return "closed"
	}
	return "refused" // by which alert is not known
}

// record reads what a server did: the case, a tab, the outcome.
func record(t *testing.T, file string) map[string]string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	observed := make(map[string]string)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, outcome, ok := strings.Cut(lines.Text(), "\t")
		if !ok {
			t.Fatalf("%s: %q", file, lines.Text())
		}
		observed[name] = outcome
	}
	return observed
}

// TestTooDeep tells a depth that is too small from an issuer that is not trusted, where the alerts do.
func TestTooDeep(t *testing.T) {
	c := chainCases()[0]
	for _, other := range chainCases() {
		if other.name == "intermediates: 02" {
			c = other
		}
	}
	m := c.make(certtest.Now)
	judge := verifier.NewJudge(&verifier.Case{Leaf: m.leaf, Sent: m.sent, Anchors: m.trusted, Now: certtest.Now})
	for _, tt := range []struct {
		server string
		alert  uint8
		want   string
	}{{"erlang", 40, "depth 2"}, {"erlang", 48, ""}, {"openssl", 48, ""}, {"go", 48, ""}} {
		profile, _ := setup(t, tt.server)
		j := judge.Judge(profile)
		if _, setting := j.TooDeep(tt.alert); setting.String() != tt.want {
			t.Errorf("%s, alert %d: %q, want %q", tt.server, tt.alert, setting, tt.want)
		}
	}
}

// IDs stand once, and versions are found by them.
func TestLookup(t *testing.T) {
	seen := make(map[string]bool)
	for _, p := range append(verifier.Profiles(), verifier.Versions()...) {
		if seen[p.ID] || verifier.Lookup(p.ID).Name != p.Name {
			t.Errorf("%s stands twice, or is not found", p.ID)
		}
		seen[p.ID] = true
	}
	if verifier.Lookup("netscape") != nil {
		t.Error("a profile that is not there was found")
	}
}
