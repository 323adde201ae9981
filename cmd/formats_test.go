package cmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"mtlsprobe/certstore/certtest/debian"
	"mtlsprobe/report"

	"github.com/joshdk/go-junit"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// realReports makes reports of every kind, with names that want to be markup.
func realReports(t *testing.T) map[string]string {
	t.Helper()
	openssl := tool(t, "openssl", "openssl")
	serverFiles(t)
	port := debian.FreePort(t)
	startServer(t, port, openssl, "s_server", "-accept", "127.0.0.1:"+port, "-cert", "server.pem", "-key", "server.key",
		"-quiet", "-Verify", "3", "-verify_return_error", "-CAfile", "ca.pem")
	other := debian.FreePort(t)
	startServer(t, other, openssl, "s_server", "-accept", "127.0.0.1:"+other, "-cert", "server.pem", "-key", "server.key",
		"-quiet", "-Verify", "3", "-CAfile", "ca.pem")
	reports := make(map[string]string)
	for name, args := range map[string][]string{
		"probe": {"probe", "127.0.0.1:" + port, "-k", "--authorities", "cross.pem", "--cert", "good.p12", "--cert",
			"old.p12", "--cert", "expired.pem", "--cert", "other-ca.p12", "--transcript"},
		"request": {"request", "127.0.0.1:" + port, "-k"},
		"several": {"probe", "127.0.0.1:" + port, "127.0.0.1:" + other, "-k", "--cert", "good.p12", "--cert", "expired.pem"},
		"asked":   {"request", "127.0.0.1:" + port, "127.0.0.1:" + other, "-k"},
		"migration": {"check", "--cert", "old.p12", "--cert", "new.p12", "--authorities", "cross.pem", "--named-ca",
			"cross.pem", "--named-ca", "ca.pem"},
		"inspect": {"inspect", "good.p12", "ca.pem"},
	} {
		code, stdout, stderr := run(t, append(args, "-o", "json")...)
		if code != 0 {
			t.Fatalf("%s: exit code %d\n%s", name, code, stderr)
		}
		reports[name] = stdout
		if err := os.WriteFile(name+".json", []byte(stdout), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return reports
}

func TestReportsAreValid(t *testing.T) {
	code, text, _ := run(t, "render", "--schema")
	if code != 0 {
		t.Fatal("no schema")
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("report.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("report.json")
	if err != nil {
		t.Fatal(err)
	}
	validate := func(name, text string) error {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return schema.Validate(value)
	}
	for name, text := range realReports(t) {
		if err := validate(name, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if code, redacted, stderr := run(t, "render", name+".json", "-o", "json", "--redact"); code != 0 ||
			validate(name, redacted) != nil {
			t.Errorf("%s redacted: exit code %d, %v\n%s", name, code, validate(name, redacted), stderr)
		}
		// Every field of the types is in the schema: nothing is forgotten there.
		for _, field := range regexp.MustCompile(`"([a-z_0-9]+)":`).FindAllStringSubmatch(text, -1) {
			if !strings.Contains(string(report.JSONSchema()), `"`+field[1]+`"`) {
				t.Errorf("%s: the schema lacks %q", name, field[1])
			}
		}
	}
	if validate("wrong", `{"schema":"mtlsprobe/1","generated_at":"2026-01-01T00:00:00Z","judged_at":"2026-01-01T00:00:00Z","identities":[{"label":"x"}]}`) == nil {
		t.Error("a report without its fields is valid")
	}
}

// Fields of later versions survive; every format can be made of a saved report.
func TestRender(t *testing.T) {
	reports := realReports(t)
	later := strings.Replace(reports["probe"], `"schema"`, `"of_a_later_version": {"x": [1]}, "schema"`, 1)
	if err := os.WriteFile("later.json", []byte(later), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, stdout, _ := run(t, "render", "later.json", "-o", "json"); code != 0 ||
		!strings.Contains(stdout, "of_a_later_version") {
		t.Errorf("exit code %d, the later field is lost", code)
	}
	for _, name := range []string{"probe", "request", "several", "asked", "migration", "inspect"} {
		for _, format := range report.Formats() {
			code, stdout, stderr := run(t, "render", name+".json", "-o", format)
			if code != 0 || stderr != "" || format != "brief" && stdout == "" {
				t.Errorf("%s as %s: exit code %d, %q", name, format, code, stderr)
			}
			if format == "junit" {
				suites, err := junit.Ingest([]byte(stdout))
				if err != nil || name == "probe" && (len(suites) != 4 || suites[0].Totals.Tests != 1 ||
					suites[1].Totals.Skipped+suites[1].Totals.Failed == 0) {
					t.Errorf("%s: %v\n%s", name, err, stdout)
				}
			}
			if format == "brief" {
				for _, line := range strings.Split(strings.TrimSpace(stdout), "\n") {
					if len(line) > 60 || !regexp.MustCompile(`^[ -~]*$`).MatchString(line) {
						t.Errorf("%s: %q is no brief line", name, line)
					}
				}
			}
			if format == "html" && (!strings.Contains(stdout, "default-src &#39;none&#39;") &&
				!strings.Contains(stdout, "default-src 'none'") ||
				regexp.MustCompile(`(src|href)="(https?:)?//`).MatchString(stdout)) {
				t.Errorf("%s: the page has no policy, or wants something from elsewhere", name)
			}
		}
	}
	for args, want := range map[string]string{"render none.json": "no such file",
		"render ca.pem": "is not a mtlsprobe report", "render": "give REPORT.json, or --schema"} {
		if code, _, stderr := run(t, strings.Fields(args)...); code == 0 || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, %s", args, code, stderr)
		}
	}
}

// No word of four letters or more from the secret names is left in any format.
func TestRedact(t *testing.T) {
	realReports(t)
	// Everything that names somebody here. Words of the program's own language
	// that happen to be names, such as "server", are left out.
	secrets := []string{"Migrating", "migrated", "stranger", "Example", "good.p12", "old.p12", "expired.pem", "other-ca",
		"cross.pem", "ca.pem", "127.0.0.1", "CN=Root", "CN=Other", "Issuing", "Old Root"}
	for _, name := range []string{"probe", "request", "several", "asked", "migration", "inspect"} {
		for _, format := range report.Formats() {
			args := []string{"render", name + ".json", "-o", format, "--redact", "--redact-map", "map.json"}
			if name == "probe" && format == "table" {
				args = append(args, "--clients", "--paths", "--transcript")
			}
			code, stdout, stderr := run(t, args...)
			if code != 0 {
				t.Fatalf("%s: exit code %d, %s", name, code, stderr)
			}
			for _, secret := range secrets {
				if i := strings.Index(stdout, secret); i >= 0 {
					t.Errorf("%s as %s: %q is left: …%s…", name, format, secret, stdout[max(0, i-60):min(len(stdout), i+60)])
				}
			}
			if hex := regexp.MustCompile(`[0-9a-f]{16,}`).FindString(stdout); hex != "" && format != "html" {
				t.Errorf("%s as %s: bytes are left: %s", name, format, hex)
			}
		}
		var names map[string]string
		data, err := os.ReadFile("map.json")
		if err != nil || json.Unmarshal(data, &names) != nil {
			t.Fatalf("%s: no map: %v", name, err)
		}
		if info, err := os.Stat("map.json"); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the map is for its owner alone: %v", info.Mode())
		}
	}
	// A redacted report still explains itself: the issuer links, the reasons, the
	// days are there.
	_, stdout, _ := run(t, "render", "probe.json", "--redact", "-o", "table", "--paths")
	for _, want := range []string{"Expired: expired ", "2 days ago", "validity.expired", "reached",
		"1 of 4 certificates is accepted by ", "└─ "} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is lost in\n%s", want, stdout)
		}
	}
	if code, stdout, _ := run(t, "render", "probe.json", "--redact", "-o", "json", "--output-file",
		"redacted.json"); code != 0 || stdout != "" {
		t.Fatal("not written")
	}
	if code, stdout, stderr := run(t, "compare", "redacted.json", "redacted.json"); code != 0 ||
		stdout != "nothing changed\n" {
		t.Errorf("exit code %d, %s%s", code, stdout, stderr)
	}
}

func TestCompare(t *testing.T) {
	serverFiles(t)
	for name, ca := range map[string]string{"before.json": "cross.pem", "after.json": "ca.pem"} {
		// cross.pem names the intermediate and the new root; the old root is after
		// the migration, so to say.
		run(t, "check", "--cert", "good.p12", "--cert", "expired.pem", "--named-ca", ca, "-o", "json", "--output-file", name)
	}
	code, stdout, _ := run(t, "compare", "before.json", "after.json")
	if code != 1 || !strings.Contains(stdout, "- request: names CN=Migrating,O=Example\n") {
		t.Errorf("exit code %d\n%s", code, stdout)
	}
	run(t, "check", "--cert", "good.p12", "--named-ca", "other-ca.p12", "-o", "json", "--output-file", "broken.json")
	if _, err := os.Stat("broken.json"); err != nil {
		// A bundle is no list of CA certificates: name the CA itself.
		if err := os.WriteFile("other.pem", bytes.Clone(mustRead(t, "server.pem")), 0o600); err != nil {
			t.Fatal(err)
		}
		run(t, "check", "--cert", "good.p12", "--named-ca", "other.pem", "-o", "json", "--output-file", "broken.json")
	}
	code, stdout, _ = run(t, "compare", "after.json", "broken.json")
	if code != 1 || !strings.HasPrefix(stdout, "- good.p12: verdict fits\n+ good.p12: verdict does-not-fit\n") ||
		!strings.Contains(stdout, "path.not-reached: fail") {
		t.Errorf("what broke comes first: exit code %d\n%s", code, stdout)
	}
	code, stdout, _ = run(t, "compare", "after.json", "broken.json", "-o", "json")
	var changes []report.Change
	if err := json.Unmarshal([]byte(stdout), &changes); code != 1 || err != nil || len(changes) < 2 ||
		changes[0].After != "verdict does-not-fit" {
		t.Errorf("exit code %d, %v\n%s", code, err, stdout)
	}
}

func mustRead(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestExpectAndRequire(t *testing.T) {
	serverFiles(t)
	expectation := func(text string) {
		if err := os.WriteFile("expect.json", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	check := []string{"check", "--cert", "good.p12", "--cert", "expired.pem", "--named-ca", "ca.pem"}
	for _, tt := range []struct {
		expect string
		args   []string
		code   int
		stderr string
	}{
		{`{"named_cas": ["CN=Root,O=Example"], "verdicts": {"good.p12": "fits", "expired.pem": "does-not-fit"}}`, nil, 0,
			""},
		{`{"named_cas": ["CN=New,O=Example"], "not_named_cas": ["CN=Root,O=Example"], "verdicts": {"expired.pem": "fits", "none": "fits"}}`, nil, 3,
			"- named CAs: CN=New,O=Example\n+ named CAs: not named\n- named CAs: without CN=Root,O=Example\n+ named CAs: " +
				"CN=Root,O=Example is named\n- expired.pem: fits\n+ expired.pem: does-not-fit\n- none: fits\n+ none: no such " +
				"identity\n"},
		{`{"asked": "yes"}`, nil, 3, "- asked: yes\n+ asked: unknown\n"},
		{`{"insistence": 7}`, nil, 1, "--expect"},
		{`{}`, nil, 1, "it expects nothing"},
		{`{"asked": "yes"} {"asked": "no"}`, nil, 1, "something follows it"},
		{`{"good.p12": "fits"}`, nil, 1, `unknown field "good.p12"`},
		{`{"verdicts": {"good.p12": "ok"}}`, nil, 1, `the verdict "ok" of "good.p12"`},
		{`{"insistence": "always"}`, nil, 1, `insistence "always"`},
		{`{"named_cas": ["CN=Root,O=Example"]}`, []string{"--require", "all"}, 3, ""},
		{`{"named_cas": ["CN=Root,O=Example"]}`, []string{"--require", "any"}, 0, ""},
		{`{"named_cas": ["CN=Root,O=Example"]}`, []string{"--require", "good.p12"}, 0, ""},
		{`{"named_cas": ["CN=Root,O=Example"]}`, []string{"--require", "expired.pem"}, 3, ""},
		{`{"named_cas": ["CN=Root,O=Example"]}`, []string{"--require", "no such"}, 2,
			"choose any, all, or one of the identities: "},
	} {
		t.Run(fmt.Sprint(tt.expect, tt.args), func(t *testing.T) {
			expectation(tt.expect)
			code, _, stderr := run(t, append(append(check, "--expect", "expect.json"), tt.args...)...)
			if code != tt.code || !strings.Contains(stderr, tt.stderr) {
				t.Errorf("exit code %d, want %d; stderr\n%s", code, tt.code, stderr)
			}
		})
	}
}
