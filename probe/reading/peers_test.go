package reading_test

import (
	"strings"
	"testing"

	"mtlsprobe/probe/reading"
	"mtlsprobe/report/say"
)

// Connections to one address that were answered otherwise are told so; those to others, or of which nothing was
// seen, are not.
func TestCompare(t *testing.T) {
	a := reading.Answering{Server: "192.0.2.1:443", ServerName: "a.example", Subject: "CN=a", Key: [32]byte{1}, Asked: say.Yes}
	proxy := reading.Answering{Server: "192.0.2.1:443", ServerName: "a.example", Subject: "CN=proxy", Key: [32]byte{2}, Asked: say.No}
	elsewhere, hidden, silent, renewed := proxy, proxy, a, a
	renewed.Key = [32]byte{3}
	elsewhere.ServerName = "b.example"
	hidden.Subject, hidden.Key, hidden.Asked = "", [32]byte{}, say.Unknown
	silent.Asked = say.No
	for _, tt := range []struct {
		name string
		all  []reading.Answering
		want []string // part of what is said; empty for nothing
	}{
		{"the same", []reading.Answering{a, a}, []string{"", ""}},
		{"another certificate", []reading.Answering{a, proxy}, []string{
			`answered another connection of this capture with the certificate of CN=proxy in place of that of CN=a, and did not ask`,
			`of CN=a in place of that of CN=proxy, and asked for a client certificate`}},
		{"twice", []reading.Answering{a, proxy, proxy}, []string{"answered 2 other connections", "answered another connection",
			"answered another connection"}},
		{"another key", []reading.Answering{a, renewed}, []string{`another certificate and key of CN=a: several`,
			`another certificate and key of CN=a: several`}},
		{"another name", []reading.Answering{a, elsewhere}, []string{"", ""}},
		{"hidden", []reading.Answering{a, hidden}, []string{"", ""}},
		{"another answer alone", []reading.Answering{a, silent}, []string{"did not ask for a client certificate: several",
			"in another connection of this capture, asked for a client certificate"}},
		{"typed", []reading.Answering{{Subject: "CN=a", Key: [32]byte{1}}, {Subject: "CN=b", Key: [32]byte{2}}}, []string{"", ""}},
	} {
		for n, phrase := range reading.Compare(tt.all) {
			if got := phrase.String(); (got == "") != (tt.want[n] == "") || !strings.Contains(got, tt.want[n]) {
				t.Errorf("%s, %d: %q, want %q", tt.name, n, got, tt.want[n])
			}
		}
	}
}
