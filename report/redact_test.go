package report

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"mtlsprobe/report/say"
)

// TestRedactTags holds that every field of a report that can hold text says what it
// holds: a new field without a tag would be told as it is.
func TestRedactTags(t *testing.T) {
	known := []string{"keep", "drop", "Host", "URL", "CA", "Client", "Name", "File", "Phase", "Account", "Friendly",
		"Fingerprint"}
	seen := make(map[reflect.Type]bool)
	var walk func(reflect.Type, string)
	walk = func(typ reflect.Type, field string) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice:
			if typ != reflect.TypeFor[say.Phrase]() {
				walk(typ.Elem(), field)
			}
		case reflect.Struct:
			if seen[typ] || typ == reflect.TypeFor[time.Time]() {
				return
			}
			seen[typ] = true
			for n := range typ.NumField() {
				f := typ.Field(n)
				inner := f.Type
				for inner.Kind() == reflect.Slice && inner != reflect.TypeFor[say.Phrase]() {
					inner = inner.Elem()
				}
				if tag := f.Tag.Get("redact"); (inner.Kind() == reflect.String || inner.Kind() == reflect.Uint8 &&
					f.Type.Kind() == reflect.Slice) && !slices.Contains(known, tag) {
					t.Errorf("%s.%s: redact tag %q", typ.Name(), f.Name, tag)
				}
				walk(f.Type, f.Name)
			}
		case reflect.Map, reflect.Interface:
			t.Errorf("%s is a %s, which a redaction does not reach", field, typ.Kind())
		}
	}
	walk(reflect.TypeFor[Report](), "Report")
	if len(seen) < 20 {
		t.Errorf("only %d types were looked at", len(seen))
	}
}

// secretive is a report with a planted word in every kind of field and sentence.
func secretive() *Report {
	when := time.Date(2026, 6, 15, 0, 0, 0, 0, time.UTC)
	dn := "CN=Hugo; Secret,O=Secret (Werk 7): Nord"
	r := &Report{
		Schema: Schema, GeneratedAt: when, JudgedAt: when,
		Target: &Target{Address: "secret.example:8443", ServerName: "secret.example", Proxy: "http://secret-proxy:3128"},
		Identities: []Identity{{Label: "label-secret", Source: "/home/secretuser/a.pem", NamedBy: "/home/secretuser/.curlrc",
			BeginsWith: dn, SHA256: "abcdef",
			Container: &Container{Format: "PKCS#12", Parts: []string{`certificate "secretname"`}},
			Key:       Key{State: "usable", Source: "/home/secretuser/a.key", Detail: "secret"},
			Findings: []Finding{{Check: "chain.order", Title: "Chain is out of order", Result: "fail",
				Detail: say.Text("the file begins with ", say.DN(dn), " found in ", say.File("/home/secretuser/b.pem"),
					"; account ", say.Account("secretuser"), "; ends ", say.Time(when)),
				Remedy: say.Text("ask ", say.Host("secret.example:8443"), ", which says ", say.Quote("Secret page"), " of ",
					say.Digest([]byte{0xab}))}}}},
		Containers: []Contained{{"/home/secretuser/other.p12",
			Container{Format: "PKCS#12", Parts: []string{`private key "secretname"`}}}},
		Problems: []string{"secret"},
	}
	r.Values = values(r)
	return r
}

func TestRedactValues(t *testing.T) {
	redacted, names := Redact(secretive())
	data, err := json.Marshal(redacted)
	if err != nil {
		t.Fatal(err)
	}
	for _, leak := range []string{"secret", "Secret", "Hugo", "Werk", "Nord", "2026", "abcdef"} {
		if strings.Contains(string(data), leak) {
			t.Errorf("%q is left in %s", leak, data)
		}
	}
	f := redacted.Identities[0].Findings[0]
	if want := `the file begins with CA-1 found in "File-6"; account "Account-1"; ends 2000-01-01T00:00:00Z`; f.Detail.String() != want {
		t.Errorf("%s\nwant %s", f.Detail, want)
	}
	if want := `ask Host-1:8443, which says (removed) of Fingerprint-2`; f.Remedy.String() != want {
		t.Errorf("%s\nwant %s", f.Remedy, want)
	}
	if redacted.Target.Address != "Host-1:8443" || redacted.Target.ServerName != "Host-1" ||
		names["Host-1"] != "secret.example" {
		t.Errorf("one host, two pseudonyms: %+v", redacted.Target)
	}
	if len(redacted.Containers) != 1 || redacted.Containers[0].Format != "PKCS#12" ||
		!strings.HasPrefix(redacted.Identities[0].NamedBy, "File-") {
		t.Errorf("what identifies nobody is gone: %s", data)
	}
}

// TestParse holds that a saved report has its values back, so that it can be redacted
// as well as a new one; and that a sentence without values is removed.
func TestParse(t *testing.T) {
	r := secretive()
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := again.Identities[0].Findings[0].Detail,
		r.Identities[0].Findings[0].Detail; !reflect.DeepEqual(got, want) {
		t.Errorf("%#v\nwant %#v", got, want)
	}
	one, _ := Redact(r)
	two, _ := Redact(again)
	if a, b := mustJSON(t, one), mustJSON(t, two); a != b {
		t.Errorf("a saved report is redacted otherwise:\n%s\n%s", a, b)
	}
	again.Values = nil
	old, err := Parse([]byte(mustJSON(t, again)))
	if err != nil {
		t.Fatal(err)
	}
	redacted, _ := Redact(old)
	if got := redacted.Identities[0].Findings[0].Detail.String(); got != removed {
		t.Errorf("a sentence whose values are not known: %q", got)
	}
	for name, bad := range map[string]string{"not JSON": "x", "another schema": `{"schema":"other"}`, "no schema": `{}`} {
		if _, err := Parse([]byte(bad)); err == nil {
			t.Errorf("%s is a report", name)
		}
	}
}

// A short value is found where it is a word of its own, and not within words.
func TestSplit(t *testing.T) {
	s := newSplitter([]Value{{"host", "e"}, {"name", "CN=a"}, {"name", "CN=ab"}, {"file", `"kc"`},
		{"time", "2026-06-15T00:00:00Z"}, {"bogus", "word"}, {"time", "yesterday"}})
	for give, want := range map[string]string{
		"the key of e is here":          "the key of [e] is here",
		"CN=ab signed CN=a":             "[CN=ab] signed [CN=a]",
		`a file ("kc")`:                 `a file (["kc"])`,
		"ends 2026-06-15T00:00:00Z":     "ends [2026-06-15T00:00:00Z]",
		"nothing":                       "nothing",
		"a word and yesterday":          "a [word] and [yesterday]",
		"CN=abc is neither of both, e.": "CN=abc is neither of both, [e].",
	} {
		var got strings.Builder
		for _, p := range s.split(give) {
			if p.Kind == say.Literal {
				got.WriteString(p.Value)
			} else {
				got.WriteString("[" + p.String() + "]")
			}
		}
		if got.String() != want {
			t.Errorf("%q: %s, want %s", give, got.String(), want)
		}
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestHostileResolver holds that what a resolver or responder is quoted with does not
// outlive a redaction.
func TestHostileResolver(t *testing.T) {
	const secret = "ocsp.secret.example"
	r := sample(1)
	r.Problems = []string{"asking \"http://" + secret + "/\": lookup " + secret + ": no such host"}
	r.Identities[0].Findings = append(r.Identities[0].Findings,
		Finding{Check: "revocation.revoked", Title: "Revoked", Result: "unknown",
			Detail: say.Phrase{{Kind: say.UnknownKind, Value: "lookup " + secret + ": no such host"}}})
	redacted, _ := Redact(r)
	for _, name := range Formats() {
		var b bytes.Buffer
		if err := Write(&b, Format{Name: name, Width: 100}, redacted); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.String(), secret) {
			t.Errorf("%s: %s", name, b.String())
		}
		t.Logf("row: whoever reads --ocsp --redact as %s | to learn the responder's host | %d bytes without it | nothing",
			name, b.Len())
	}
}
