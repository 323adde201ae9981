package report

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"mtlsprobe/report/say"
)

// A command is offered where all that is missing is in a file, and nowhere else.
func TestFixCommand(t *testing.T) {
	identity := func(change func(*Identity)) *Identity {
		i := &Identity{Label: "a.pem", Source: "dir/a b.pem", Verdict: DoesNotFit, Key: Key{State: "usable"},
			Findings: []Finding{{Check: "chain.incomplete", Result: "fail"}},
			NamedCAs: []NamedCA{{DN: "CN=Root", Result: "reached", Via: "local",
				Remedy: say.Text("append ", say.DN("CN=CA"), ", found in ", say.File("pki/ca.pem"))}}}
		if change != nil {
			change(i)
		}
		return i
	}
	for _, tt := range []struct {
		name   string
		change func(*Identity)
		want   string
	}{
		{"a file", nil, "mtlsprobe fix --cert 'dir/a b.pem' --authorities pki/ca.pem --out 'dir/a b-full.pem'"},
		{"the root is not at hand", func(i *Identity) { i.NamedCAs[0].Result = "name-only" },
			"mtlsprobe fix --cert 'dir/a b.pem' --authorities pki/ca.pem --out 'dir/a b-full.pem'"},
		{"a key of its own", func(i *Identity) { i.Key.Source = "a.key" },
			"mtlsprobe fix --cert 'dir/a b.pem' --key a.key --authorities pki/ca.pem --out 'dir/a b-full.pem'"},
		{"PKCS#12", func(i *Identity) { i.Source = "a.p12" },
			"mtlsprobe fix --cert a.p12 --authorities pki/ca.pem --out a-full.p12"},
		{"a key store", func(i *Identity) { i.Source = "a.jks" },
			"mtlsprobe fix --cert a.jks --authorities pki/ca.pem --out a-full.jks"},
		{"a token", func(i *Identity) { i.Source = "pkcs11:token=x" }, ""},
		{"a locked key", func(i *Identity) { i.Key.State = "locked" }, ""},
		{"a certificate of the system", func(i *Identity) { i.NamedCAs[0].Remedy = say.Text("append ", say.DN("CN=CA")) },
			""},
		{"another reason", func(i *Identity) { i.Findings[0].Check = "validity.expired" }, ""},
		{"accepted", func(i *Identity) { i.Verdict = Fits }, ""},
	} {
		if got := identity(tt.change).fixCommand().String(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// A command that is broken into lines is still one for a shell.
func TestCommandLines(t *testing.T) {
	c := command{"mtlsprobe fix", "--cert a.pem", "--authorities ca.pem", "--out a-full.pem"}
	for width, want := range map[int][]string{
		80: {"mtlsprobe fix --cert a.pem --authorities ca.pem --out a-full.pem"},
		40: {`mtlsprobe fix --cert a.pem \`, `  --authorities ca.pem --out a-full.pem`},
		28: {`mtlsprobe fix --cert a.pem \`, `  --authorities ca.pem \`, `  --out a-full.pem`},
		5:  {`mtlsprobe fix \`, `  --cert a.pem \`, `  --authorities ca.pem \`, `  --out a-full.pem`},
	} {
		if diff := cmp.Diff(want, c.lines(width)); diff != "" {
			t.Errorf("%d: %s", width, diff)
		}
	}
}
