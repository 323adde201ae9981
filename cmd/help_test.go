package cmd

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// The help of every command keeps to the terminal's width, shows each flag in a
// group, and names its value in capitals.
func TestHelp(t *testing.T) {
	const width = 80
	s := &Streams{In: strings.NewReader(""), Width: width}
	root := Root(s)
	for _, c := range root.Commands() {
		t.Run(c.Name(), func(t *testing.T) {
			var out bytes.Buffer
			c.SetOut(&out)
			c.InitDefaultHelpFlag()
			if err := c.Usage(); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(out.String()) {
				if strings.HasPrefix(line, "      ") && len([]rune(strings.TrimSuffix(line, "\n"))) > width {
					t.Errorf("wider than %d: %q", width, line)
				}
			}
			c.LocalFlags().VisitAll(func(f *pflag.Flag) {
				if f.Name == "help" {
					return
				}
				if len(f.Annotations[groupKey]) == 0 {
					t.Errorf("--%s has no group", f.Name)
				}
				if value := ValueName(f); value != strings.ToUpper(value) {
					t.Errorf("--%s: its value is called %q", f.Name, value)
				}
				if !strings.Contains(out.String(), "--"+f.Name) {
					t.Errorf("--%s is not shown", f.Name)
				}
			})
		})
	}
	for _, c := range root.Commands() {
		if c.GroupID == "" {
			t.Errorf("%s stands in no group", c.Name())
		}
	}
}

func TestMeant(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string // of the hints
	}{
		{[]string{"prob"}, "did you mean mtlsprobe probe?"},
		{[]string{"xyzzy"}, ""},
		{[]string{"localhost:8443"}, "did you mean mtlsprobe probe TARGET, or request TARGET?"},
		{[]string{"check", "--named-cas", "x"}, "did you mean --named-ca?"},
		{[]string{"probe", "--crt", "x"}, "did you mean --cert or --crl?"},
		{[]string{"inspect", "--cert", "x"}, "--cert is a flag of check, fix, mirror, probe, relay, scan, trace; inspect is used as"},
		{[]string{"inspect", "--wholly-unknown"}, ""},
		{[]string{"probe", "x", "--cafile", "y"}, "did you mean --cacert FILE"},
		{[]string{"probe", "x", "--sni", "y"}, "did you mean --servername NAME?"},
		{[]string{"probe", "x", "--password", "y"}, "did you mean --pass env:VAR"},
		{[]string{"probe", "x", "-E", "y"}, "did you mean --cert SOURCE?"},
		{[]string{"fix", "-o", "y"}, "the bundle is written with --out FILE"},
		{[]string{"inspect", "-Z"}, ""},
		{[]string{"prob", "localhost:8443", "--cacert", "x"}, "did you mean mtlsprobe probe?"},
		{[]string{"probe", "x", "-cert", "y"}, "did you mean --cert?"},
		{[]string{"request", "x", "--starttls", "smpt"}, "did you mean --starttls smtp?"},
		{[]string{"request", "htps://x"}, "did you mean https:// or ftps://?"},
		{[]string{"request", "https:/x"}, ""},
		{[]string{"explain", "expired"}, "did you mean mtlsprobe explain validity.expired?"},
		{[]string{"compare", "one.json"}, ""},
	} {
		var out bytes.Buffer
		s := &Streams{In: strings.NewReader(""), Out: &out, Err: &out}
		if code := Main(t.Context(), tt.args, s); code != exitUsage {
			t.Errorf("%q: exit code %d", tt.args, code)
		}
		hints := strings.Count(out.String(), "hint: ")
		if tt.want == "" && hints != 1 || tt.want != "" &&
			(hints != 2 || !strings.Contains(out.String(), "hint: "+tt.want)) {
			t.Errorf("%q:\n%s\nwant %q", tt.args, out.String(), tt.want)
		}
	}
}

// What a build is made of is told: date, Go, and whether tokens can be read.
func TestVersion(t *testing.T) {
	code, stdout, stderr := run(t, "version")
	if code != exitAnswered || stderr != "" ||
		!regexp.MustCompile(`^mtlsprobe \S.*\n  date     \S+\n  Go       go1\.\S+, \w+/\w+\n  PKCS#11  (not )?built in.*\n$`).MatchString(stdout) {
		t.Errorf("exit code %d: %q, %q", code, stdout, stderr)
	}
	if code, short, _ := run(t, "--version"); code != exitAnswered || strings.Count(short, "\n") != 1 {
		t.Errorf("exit code %d: %q", code, short)
	}
}
