package report

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mtlsprobe/report/say"
)

// A party is a report of several certificates against a list of CAs with long names.
func party(identities, cas int) *Report {
	when := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
	until := when.AddDate(1, 0, 0)
	r := &Report{Schema: Schema, GeneratedAt: when, JudgedAt: when,
		Target:  &Target{Address: "api.example.com:8443", ServerName: "api.example.com", Protocol: "https"},
		Server:  &Server{Version: "TLS 1.3", Verified: "yes"},
		Request: &Request{Asked: "yes", Insistence: "required", Verified: "yes", Version: "TLS 1.3"},
		Controls: []Control{{Kind: "none", Trial: Trial{Outcome: "refused",
			Alert: &Alert{Number: 116, Name: "certificate_required", From: "server"}}}}}
	dn := func(k int) string {
		return fmt.Sprintf("CN=Acme Corporate Root CA G%d,OU=Public Key Infrastructure Department,O=Acme Corporation "+
			"GmbH and Company,L=Hamburg,C=DE", k+1)
	}
	for k := range cas {
		r.Request.NamedCAs = append(r.Request.NamedCAs, Name{DN: dn(k)})
	}
	for n := range identities {
		i := Identity{Label: fmt.Sprintf("billing-%02d.pem", n), Source: "x", Subject: fmt.Sprintf("CN=billing-%02d", n),
			NotAfter: &until,
			Key:      Key{State: "usable", Algorithm: "ECDSA P-256"}, Verdict: Fits, Basis: "tried",
			Trial: &Trial{Outcome: "accepted", Presented: true, Application: &Application{Protocol: "http", Status: 200}}}
		for k := range cas {
			named := NamedCA{DN: dn(k), Result: "not-reached"}
			if k == n%cas {
				named = NamedCA{DN: dn(k), Result: "reached", Via: "presented", Anchor: "given"}
			}
			i.NamedCAs = append(i.NamedCAs, named)
		}
		if identities == 1 || n%5 == 4 {
			i.Label, i.Verdict = fmt.Sprintf("crm-%02d.pem", n), DoesNotFit
			i.Trial = &Trial{Outcome: "refused", Presented: true, Alert: &Alert{Number: 48, Name: "unknown_ca", From: "server"}}
			i.Source = i.Label
			i.NamedCAs[n%cas].Via = "local"
			i.NamedCAs[n%cas].Remedy = say.Text("append ", say.DN("CN=Acme Issuing CA 6"), ", found in ",
				say.File("pki/issuing-6.pem"))
			i.Findings = []Finding{
				{Check: "chain.incomplete", Title: "Chain is incomplete", Result: "fail",
					Detail: say.Text("1 certificate is missing between the leaf and ", say.DN(dn(n%cas))),
					Remedy: say.Text("append ", say.DN("CN=Acme Issuing CA 6"), ", found in ", say.File("pki/issuing-6.pem"))},
				{Check: "path.not-reached", Title: "No proven path to a named CA", Result: "warn", Detail: say.Text("no proof")},
				{Check: "issuer.not-named", Title: "Clients that match issuer names will not send it", Result: "warn"},
				{Check: "key.exposed", Title: "Key can be read by others", Result: "warn",
					Detail: say.Text("readable by every user"), Remedy: say.Text("chmod 600 FILE")}}
		}
		r.Identities = append(r.Identities, i)
	}
	return r
}

// The answer at every width, of one, few and many certificates and CAs.
func TestGoldenAnswers(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {3, 8}, {40, 8}, {5, 144}} {
		r := party(size[0], size[1])
		for _, width := range []int{60, 80, 100, 140, 200} {
			name := fmt.Sprintf("answer-%dx%d-%d", size[0], size[1], width)
			t.Run(name, func(t *testing.T) {
				out := render(t, r, width)
				checkLines(t, out, width)
				for n := range r.Identities { // every CA that is reached is named
					k := n % size[1]
					if want := fmt.Sprintf("G%d", k+1); !strings.Contains(out, want) {
						t.Errorf("%s is not named", want)
					}
				}
				golden(t, out)
			})
		}
	}
}

// fleet is a report of several servers that know different CAs, one of which cannot be
// asked.
func fleet(identities, cas, servers int) *Report {
	var parts []*Report
	for k := range servers {
		part := party(identities, cas)
		part.Target.Address = fmt.Sprintf("%s.example.com:8443", []string{"api", "pay", "hr", "shop", "edge-1", "edge-2"}[k])
		for n := range part.Identities {
			if i := &part.Identities[n]; k > 3 && n%cas > 3 { // of the edge
				i.NamedCAs[n%cas] = NamedCA{DN: i.NamedCAs[n%cas].DN, Result: "not-reached"}
				i.Verdict, i.Trial = DoesNotFit, &Trial{Outcome: "refused", Presented: true,
					Alert: &Alert{Number: 48, Name: "unknown_ca", From: "server"}}
				i.Findings = []Finding{{Check: "path.not-reached", Title: "No proven path to a named CA", Result: "fail",
					Remedy: say.Text("use a certificate issued under a named CA")}}
			}
		}
		if k == servers-1 {
			part = &Report{Schema: Schema, GeneratedAt: part.GeneratedAt, JudgedAt: part.JudgedAt, Target: part.Target,
				Identities: []Identity{}, Error: part.Target.Address + ": nothing listens there: connection refused"}
		}
		parts = append(parts, part)
	}
	return Several(parts)
}

// The table of certificates and servers, at every width.
func TestGoldenMatrix(t *testing.T) {
	for _, size := range [][3]int{{1, 1, 2}, {3, 8, 3}, {40, 8, 6}} {
		r := fleet(size[0], size[1], size[2])
		for _, width := range []int{60, 80, 100, 140, 200} {
			t.Run(fmt.Sprintf("matrix-%dx%dx%d-%d", size[0], size[1], size[2], width), func(t *testing.T) {
				out := render(t, r, width)
				checkLines(t, out, width)
				for n := range size[0] { // every CA that is reached is named
					if want := fmt.Sprintf("G%d", n%size[1]+1); !strings.Contains(out, want) {
						t.Errorf("%s is not named", want)
					}
				}
				golden(t, out)
			})
		}
	}
}

// checkLines reports lines that are too wide, and more of them than two screens have.
func checkLines(t *testing.T, out string, width int) {
	t.Helper()
	const screens = 100 // two of 50 lines
	lines := strings.Split(strings.TrimRight(out, "\n"), "\n")
	for _, line := range lines {
		if displayWidth(line) > width {
			t.Errorf("a line of %d: %q", displayWidth(line), line)
		}
	}
	if len(lines) > screens {
		t.Errorf("%d lines", len(lines))
	}
}

// What was tried and what was only predicted are not counted together.
func TestMatrixHeadline(t *testing.T) {
	accepted := func(i *Identity) {}
	refused := func(i *Identity) { i.Verdict, i.Trial.Outcome = DoesNotFit, "refused" }
	withheld := func(i *Identity) { i.Basis, i.Trial = "predicted", &Trial{Outcome: "not-tried"} }
	for _, tt := range []struct {
		name    string
		servers []func(*Identity)
		want    string
	}{
		{"accepted by both", []func(*Identity){accepted, accepted}, "billing-00.pem is accepted by 2 of 2 servers."},
		{"not tried at one", []func(*Identity){accepted, withheld},
			"billing-00.pem is accepted by 1 of 2 servers. What is marked ~ was not tried, and does not count."},
		{"refused by both", []func(*Identity){refused, refused}, "billing-00.pem is accepted by 0 of 2 servers."},
		{"presented to none", []func(*Identity){withheld, withheld},
			"billing-00.pem matches what is requested by 2 of 2 servers. Nothing was presented: only a trial is proof."},
	} {
		var parts []*Report
		for _, change := range tt.servers {
			part := party(2, 1)
			part.Identities = part.Identities[:1]
			change(&part.Identities[0])
			parts = append(parts, part)
		}
		if got := newMatrix(Several(parts)).headline(); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// golden compares the output with the test's file.
func golden(t *testing.T, out string) {
	t.Helper()
	_, name, _ := strings.Cut(t.Name(), "/")
	file := "testdata/" + name + ".golden"
	if *update {
		if err := os.WriteFile(file, []byte(out), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out); diff != "" {
		t.Error(diff)
	}
}

// A single answer is short, and begins with verdict, reason and remedy.
func TestSingleAnswer(t *testing.T) {
	refused := render(t, party(1, 1), 100)
	first := strings.Join(strings.SplitN(refused, "\n", 13)[:12], "\n")
	for _, want := range []string{"crm-00.pem is refused by api.example.com:8443 (alert 48 unknown_ca).",
		"Why          Chain is incomplete", "Fix          append CN=Acme Issuing CA 6"} {
		if !strings.Contains(first, want) {
			t.Errorf("%q is not in the first twelve lines:\n%s", want, refused)
		}
	}
	for _, unwanted := range []string{"path.not-reached", "issuer.not-named"} {
		if strings.Contains(refused, unwanted) {
			t.Errorf("%s says the same again:\n%s", unwanted, refused)
		}
	}
	r := party(2, 1)
	r.Identities = r.Identities[:1]
	accepted := render(t, r, 100)
	if lines := strings.Count(accepted, "\n"); lines > 12 {
		t.Errorf("%d lines:\n%s", lines, accepted)
	}
	if want := "✓ billing-00.pem is accepted by api.example.com:8443 (HTTP 200; without a certificate: alert 116"; !strings.HasPrefix(accepted, want) {
		t.Errorf("it begins otherwise:\n%s", accepted)
	}
}

// CAs of one name are told apart, and names that are too long stand for a place on the
// list.
func TestCANames(t *testing.T) {
	r := &Report{Request: &Request{NamedCAs: []Name{{DN: "CN=Root,O=A"}, {DN: "CN=Root,O=B"}, {DN: "CN=Other,O=A"},
		{DN: "O=Without,C=DE"},
		{DN: "CN=" + strings.Repeat("x", 100)}, {DN: `CN=with\, comma,O=A`}}}}
	names := newCANames(r)
	for dn, want := range map[string]string{"CN=Root,O=A": "CA 1", "CN=Root,O=B": "CA 2", "CN=Other,O=A": "Other",
		"O=Without,C=DE":                 "CA 4",
		"CN=" + strings.Repeat("x", 100): "CA 5", `CN=with\, comma,O=A`: "with, comma"} {
		if got := names.short[dn]; got != want {
			t.Errorf("%s: %q, want %q", dn, got, want)
		}
	}
}

// A brief report of several servers has a line for each answer of each certificate, and one for
// each server that was not reached.
func TestGoldenBriefOfSeveral(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, Format{Name: "brief"}, fleet(40, 8, 6)); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if len(strings.TrimSuffix(line, "\n")) > briefWidth || strings.ContainsFunc(line, func(c rune) bool { return c > '~' }) {
			t.Errorf("%q", line)
		}
	}
	t.Run("brief-40x8x6", func(t *testing.T) { golden(t, b.String()) })
}

// Fields by which a proxy passes a certificate on are named where an answer showed them.
func TestPassedOn(t *testing.T) {
	for _, tt := range []struct {
		trial *Trial
		want  string
	}{
		{nil, ""},
		{&Trial{Application: &Application{Protocol: "http", Status: 200}}, ""},
		{&Trial{Application: &Application{Protocol: "http", Status: 200, PassedOn: []string{"Client-Cert", "X-A"}}},
			"by a proxy, in Client-Cert, X-A, as the application's answer shows"},
	} {
		if got := passedOnLine(&Identity{Trial: tt.trial}); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

// A server that was verified without a name is not called more than that.
func TestVerifiedByCA(t *testing.T) {
	for name, want := range map[string]string{"aaa.example": "is verified", "": "is verified by its CA, not by a name"} {
		r := &Report{Target: &Target{ServerName: name}, Server: &Server{Verified: "yes"}, Request: &Request{Asked: "yes"}}
		if got := serverLine(r); !strings.HasSuffix(got, want) {
			t.Errorf("%q: %q", name, got)
		}
	}
}
