package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"mtlsprobe/report/say"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

// sample is a report with everything that is hard to show: names with control
// and wide characters, long words, many findings.
func sample(namedCAs int) *Report {
	when := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
	skew := int64(-11520)
	r := &Report{
		Schema: Schema, GeneratedAt: when, JudgedAt: when,
		Target: &Target{Address: "api.example.com:8443", ServerName: "api.example.com", Protocol: "https"},
		Server: &Server{Version: "TLS 1.3", Verified: "no", VerifyError: "x509: certificate signed by unknown authority"},
		Request: &Request{Asked: "yes", When: "handshake", Insistence: "required", Version: "TLS 1.3",
			SignatureSchemes: []string{"ecdsa_secp256r1_sha256", "rsa_pss_rsae_sha256"}},
		Clock: &Clock{Local: when, Server: &when, SkewSeconds: &skew, Source: "HTTP Date"},
		Controls: []Control{{Kind: "none", Trial: Trial{Outcome: "refused",
			Alert: &Alert{116, "certificate_required", "server", "after-handshake"}}},
			{Kind: "self-signed", Trial: Trial{Outcome: "refused-by-application",
				Application: &Application{Protocol: "http", Status: 400, Detail: "The SSL certificate error"}}}},
	}
	finding := Finding{Check: "validity.expired", Title: "Expired", Result: "fail",
		Detail: say.Text("expired 2026-06-01T00:00:00Z, 14 days ago"), Remedy: say.Text("have the certificate renewed, " +
			"and replace it in the bundle")}
	r.Identities = []Identity{
		{Label: "good.p12", Source: "good.p12", Subject: "CN=good", NotAfter: &when,
			Key: Key{Algorithm: "ECDSA P-256", State: "usable"}, Verdict: Fits,
			Trial: &Trial{Outcome: "accepted", Application: &Application{Protocol: "http", Status: 200, Detail: "OK"}}},
		{Label: "a-very-long-file-name-without-any-space-in-it-2026.pem", Source: "x", Subject: "CN=日本語の証明書",
			NotAfter: &when, Key: Key{Algorithm: "RSA 2048", State: "mismatched"}, Verdict: DoesNotFit,
			Findings: []Finding{finding}, Trial: &Trial{Outcome: "not-tried", Detail: say.Text("its key is mismatched")}},
		{Label: "evil\x1b[31m\u202e.pem", Source: "evil", Key: Key{State: "locked"}, Verdict: Unknown,
			Trial: &Trial{Outcome: "refused", Alert: &Alert{48, "unknown_ca", "server", "handshake"}}},
		{Label: "lucky.pem", Source: "lucky.pem", Subject: "CN=lucky", NotAfter: &when,
			Key: Key{Algorithm: "Ed25519", State: "usable"}, Verdict: Fits, Findings: []Finding{finding},
			Trial: &Trial{Outcome: "accepted"}},
		{Label: "puzzle.pem", Source: "puzzle.pem", Subject: "CN=puzzle", NotAfter: &when,
			Key: Key{Algorithm: "Ed25519", State: "usable"}, Verdict: DoesNotFit,
			Trial: &Trial{Outcome: "closed", Presented: true,
				Detail: say.Text("the server closed the connection during the handshake, without an alert")}},
	}
	for k := range namedCAs {
		name := Name{DN: fmt.Sprintf("CN=Root %d,O=Example", k), DER: []byte{0x30, 0}}
		r.Request.NamedCAs = append(r.Request.NamedCAs, name)
		for i := range r.Identities {
			r.Identities[i].NamedCAs = append(r.Identities[i].NamedCAs,
				NamedCA{DN: name.DN, Result: []string{"reached", "not-reached", "near-miss"}[(i+k)%3], Via: "cross-signed"})
		}
	}
	return r
}

func render(t *testing.T, r *Report, width int) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, Format{Name: "table", Width: width}, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGoldenTable(t *testing.T) {
	for _, width := range []int{80, 140} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			path := filepath.Join("testdata", fmt.Sprintf("table%d.golden", width))
			got := render(t, sample(2), width)
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// Whatever the width, no line exceeds it, and nothing that a terminal would act
// upon gets through.
func TestTableWidth(t *testing.T) {
	for _, names := range []int{0, 1, 4, 5, 300} {
		for width := 60; width <= 160; width += 7 {
			out := render(t, sample(names), width)
			for line := range strings.Lines(out) {
				if w := displayWidth(strings.TrimRight(line, "\n")); w > width {
					t.Errorf("%d names, width %d: a line of %d: %q", names, width, w, line)
				}
			}
			if strings.ContainsFunc(out, func(r rune) bool { return r != '\n' && !unicode.IsGraphic(r) }) {
				t.Errorf("%d names, width %d: control characters in the output", names, width)
			}
		}
	}
}

func TestHiddenColumns(t *testing.T) {
	out := render(t, sample(4), 60)
	if !strings.Contains(out, "Hidden to fit 60 columns: ") || strings.Contains(out, "│ Until ") {
		t.Errorf("hidden columns are not said:\n%s", out)
	}
	if out = render(t, sample(1), 140); strings.Contains(out, "Hidden") {
		t.Errorf("columns are hidden without need:\n%s", out)
	}
}

type brokenWriter struct{}

var errBroken = errors.New("broken pipe")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestWriteErrors(t *testing.T) {
	for _, name := range []string{"table", "json"} {
		if err := Write(brokenWriter{}, Format{Name: name}, sample(1)); !errors.Is(err, errBroken) {
			t.Errorf("%s: error = %v, want the writer's", name, err)
		}
	}
	if err := Write(&bytes.Buffer{}, Format{Name: "yaml"}, sample(1)); err == nil {
		t.Error("an unknown format was written")
	}
}

func TestJSONRoundTrip(t *testing.T) {
	want := sample(3)
	want.Values = values(want)
	var b bytes.Buffer
	if err := Write(&b, Format{Name: "json"}, want); err != nil {
		t.Fatal(err)
	}
	got, err := Parse(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	clean(want) // of what a terminal would act upon
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestWrap(t *testing.T) {
	tests := []struct {
		text  string
		width int
		want  []string
	}{
		{"", 10, []string{""}},
		{"one two", 10, []string{"one two"}},
		{"one two three", 7, []string{"one two", "three"}},
		{"certificate_expired", 14, []string{"certificate_", "expired"}},
		{"abcdefghij", 4, []string{"abcd", "efgh", "ij"}},
		{"日本語", 4, []string{"日本", "語"}},
		{"日本", 1, []string{"日", "本"}},
	}
	for _, tt := range tests {
		if got := wrap(tt.text, tt.width); !cmp.Equal(got, tt.want) {
			t.Errorf("wrap(%q, %d) = %q, want %q", tt.text, tt.width, got, tt.want)
		}
	}
}

func TestShorten(t *testing.T) {
	for _, tt := range []struct {
		text  string
		width int
		want  string
	}{
		{"", 3, ""},
		{"abc", 3, "abc"},
		{"abcd", 3, "ab…"},
		{"日本語", 6, "日本語"},
		{"日本語", 5, "日本…"},
		{"日本語", 4, "日…"},
		{"ab", 1, "…"},
	} {
		if got := shorten(tt.text, tt.width); got != tt.want {
			t.Errorf("shorten(%q, %d) = %q, want %q", tt.text, tt.width, got, tt.want)
		}
	}
}

// Names that want to be markup stay text in every format.
func TestHostileNames(t *testing.T) {
	const name = `CN=<script>alert(1)</script>|*x* [y](javascript:z) "q" ` + "`c` \x1b[31m\u202egnp.exe"
	until := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	r := &Report{
		Schema: Schema, Target: &Target{Address: name, ServerName: name}, Server: &Server{Verified: "no", VerifyError: name},
		Request:  &Request{Asked: "yes", Insistence: "required", Version: "TLS 1.3", NamedCAs: []Name{{DN: name}}},
		Problems: []string{name},
		Identities: []Identity{{Label: name, Source: name, Subject: name, Verdict: DoesNotFit,
			Findings: []Finding{{Check: "validity.expired", Title: "Expired", Result: "fail", Detail: say.Text(name),
				Remedy: say.Text(name)}},
			NamedCAs: []NamedCA{{DN: name, Result: "near-miss", Detail: say.Text(name)}},
			Tree: &Branch{Subject: name, Breaks: []say.Phrase{say.Text(name)},
				Issuers: []*Branch{{Subject: name, Source: name, NotAfter: &until}}},
			Predictions: []Prediction{{Name: "curl", Sends: "no", Reason: say.Text(name), Remedy: say.Text(name)}}}},
		Transcript: []TranscriptRow{{Direction: "server", Detail: name}},
		Sightings: []Sighting{{Remote: name, Action: "sent", Chain: []Certificate{{Subject: name, Issuer: name}},
			Compared: []say.Phrase{say.Text(name)}}},
		Migration: nil,
	}
	for _, migration := range []*Migration{nil, {Phases: []Phase{{Label: name, NamedCAs: []string{name}}},
		Rows: []MigrationRow{{Label: name, BreaksIn: name, Remedy: say.Text(name),
			Cells: []MigrationCell{{Phase: name, NamedCA: name, Reasons: []say.Phrase{say.Text(name)}}}}}}} {
		r.Migration = migration
		for _, format := range Formats() {
			var b bytes.Buffer
			if err := Write(&b, Format{Name: format, Width: 100, Paths: true, Clients: true}, r); err != nil {
				t.Fatalf("%s: %v", format, err)
			}
			text := b.String()
			if strings.ContainsAny(text, "\x1b\u202e") && format != "json" {
				t.Errorf("%s: control characters are left", format)
			}
			switch format {
			case "html", "svg", "markdown", "junit":
				if strings.Contains(text, "<script>alert") {
					t.Errorf("%s: markup is left:\n%s", format, text)
				}
			case "mermaid":
				if strings.Contains(text, `"q"`) || strings.Contains(text, "<script") {
					t.Errorf("mermaid: quotes or markup are left:\n%s", text)
				}
			case "dot":
				if strings.Contains(text, ` "q" `) {
					t.Errorf("dot: quotes are left:\n%s", text)
				}
			}
			if format == "markdown" && (strings.Contains(text, "](javascript") && !strings.Contains(text, `\](javascript`) ||
				strings.Contains(text, "> |*x*")) {
				t.Errorf("markdown: markup is left:\n%s", text)
			}
		}
	}
}

func TestEscapeJSON(t *testing.T) {
	in := "{\"a\": \"\u009b \u007f \u202e é 日\", \"b\": \"\U000e0001\"}\n"
	got := string(EscapeJSON([]byte(in)))
	if want := "{\"a\": \"\\u009b \\u007f \\u202e é 日\", \"b\": \"\\udb40\\udc01\"}\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	var before, after any
	if json.Unmarshal([]byte(in), &before) != nil || json.Unmarshal([]byte(got), &after) != nil ||
		!cmp.Equal(before, after) {
		t.Errorf("%v became %v", before, after)
	}
}

// Where nothing was judged, every format for people says what was found in files,
// and nothing that a file holds becomes markup.
func TestInspection(t *testing.T) {
	r := &Report{
		Identities: []Identity{
			{Label: "a.p12", Source: "a.p12", Container: &Container{Format: "PKCS#12", Integrity: "none",
				Parts: []string{`certificate "<b>mine" of CN=a: PBES2`}, Readers: []string{"OpenSSL 3 reads it"}},
				Key:    Key{State: "locked", Detail: "no password"},
				Access: &Access{Account: "app", Result: "no", Detail: "it is root's", Remedy: "chgrp app"}},
			{Label: "b.pem", Source: "b.pem", Key: Key{State: "usable", Source: "b.key",
				ExposedTo: []string{"it may be read by everybody"}}},
			{Label: "c.pem", Source: "c.pem", Key: Key{State: "usable", Source: "c.pem", Protection: "PBES2, too"}},
			{Label: "d.pem", Source: "d.pem", Key: Key{State: "usable", Source: "d.pem"}},
		},
		Containers:  []Contained{{"/x/other.p12", Container{Format: "PKCS#12", Integrity: "a MAC"}}},
		Authorities: []Certificate{{Subject: "CN=Root", Source: "ca.pem"}},
	}
	for _, format := range []string{"table", "markdown", "html"} {
		var b bytes.Buffer
		if err := Write(&b, Format{Name: format, Width: 100}, r); err != nil {
			t.Fatal(err)
		}
		text := strings.NewReplacer(`\#`, "#", "&#34;", `"`, "&#39;", "'").Replace(b.String())
		for _, want := range []string{"PKCS#12, not protected against change", "of CN=a: PBES2", "OpenSSL 3 reads it",
			"the key is locked", "no password", `the account "app" cannot read it: it is root's`, "chgrp app",
			"the key is in another file", `"b.key"`, "it may be read by everybody", "the key is encrypted", "PBES2, too", "other.p12: PKCS#12, integrity by a MAC", "CN=Root, in ca.pem"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %q is not said", format, want)
			}
		}
		if format != "table" && strings.Contains(text, "<b>mine") {
			t.Errorf("%s: a name became markup", format)
		}
	}
	var b bytes.Buffer
	if err := Write(&b, Format{Name: "brief"}, r); err != nil || !strings.HasPrefix(b.String(), "LOCKED   a.p12") {
		t.Errorf("brief: %v, %s", err, b.String())
	}
}

// What fails is told before what is only not good, whatever the catalogue's order.
func TestReasonsFailFirst(t *testing.T) {
	i := &Identity{Label: "a.pem", Verdict: DoesNotFit,
		Findings: []Finding{{Check: "key.exposed", Result: "warn"}, {Check: "x", Result: "pass"},
			{Check: "validity.expired", Result: "fail"}, {Check: "chain.order", Result: "fail"}}}
	lines, _ := reasons(i)
	var got []string
	for _, f := range lines {
		got = append(got, f.Check)
	}
	if want := []string{"validity.expired", "chain.order", "key.exposed"}; !cmp.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	var b bytes.Buffer
	if err := Write(&b, Format{Name: "brief"}, &Report{Identities: []Identity{*i}}); err != nil ||
		b.String() != "FAILS    a.pem validity.expired\n" {
		t.Errorf("brief: %v, %q", err, b.String())
	}
}

// Who is refused with 403, where a self-signed certificate is refused otherwise, is
// known to the server.
func TestPastTLS(t *testing.T) {
	i := &Identity{Verdict: DoesNotFit, Trial: &Trial{Outcome: "refused-by-application", PastTLS: true,
		Application: &Application{Protocol: "http", Status: 403}}}
	if _, refusal := reasons(i); !strings.Contains(refusal, "HTTP 403 is most likely an authorization decision") {
		t.Errorf("%q", refusal)
	}
}

// Where any certificate is accepted, a brief report does not make it look like more.
// What is accepted today, and has expired by the time to judge by.
func TestBriefAt(t *testing.T) {
	r := party(2, 1)
	r.Identities = r.Identities[:1]
	r.JudgedAt = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	var b bytes.Buffer
	if err := Write(&b, Format{Name: "brief"}, r); err != nil || b.String() != "ACCEPTED billing-00.pem today, not on 2030-01-01\n" {
		t.Errorf("%v, %q", err, b.String())
	}
}

func TestBriefOfAny(t *testing.T) {
	for verified, want := range map[string]string{"yes": "ACCEPTED billing-00.pem until 2027-06-15\n",
		"no": "ACCEPTED billing-00.pem as any would be, until 2027-06-15\n"} {
		r := party(2, 1)
		r.Identities = r.Identities[:1]
		r.Request.Insistence, r.Request.Verified = "required", verified
		var b bytes.Buffer
		if err := Write(&b, Format{Name: "brief"}, r); err != nil || b.String() != want {
			t.Errorf("verified %s: %v, %q, want %q", verified, err, b.String(), want)
		}
	}
}
