//go:build slow && linux

package cmd

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"

	"mtlsprobe/report"
)

// A setup is one server with one configuration. In its texts, $pki is the folder
// with the PKI, $dir the server's own, $bin the program's, and $user who runs the
// tests; $port, $port2 and so on are its ports, $udp is one of UDP, $backend is the port of an HTTP
// server without TLS, and $silent of one that says nothing.
type setup struct {
	name         string
	program, pkg string            // pkg is the Debian package, which is installed in CI
	modules      [][2]string       // files that it needs besides, and their packages
	version      []string          // arguments that make the program tell its version; nil: the package's version
	root         bool              // the server has to be started by root
	user         string            // by whom it is to be run, if this is root
	files        map[string]string // its configuration, by name
	copies       []string          // files of the PKI that it wants to own
	prepare      [][]string        // commands that make its data
	beside       []string          // another server, on $port2, that has to be there first
	env          []string
	args         []string
	ready        []string // a command that succeeds when the server is more than listening
	targets      []target
}

// A target is one way to talk to a server, and what is to come of it.
type target struct {
	url          string
	args         []string // more of the command line
	tls12, tls13 expect   // the zero expect: not in this version
}

// expect is what is to come of each case: the outcome with the server's alert or
// the application's number, and after ": " a part of what the application says.
type expect struct{ insistence, none, good, leaf, otherCA, expired, noEKU, selfSigned string }

// cases are the columns of the table, and the labels under which the tool
// reports them.
var cases = [7][2]string{{"none", "none"}, {"good", "good.p12"}, {"leaf only", "leaf.pem"},
	{"other CA", "other-ca.p12"},
	{"expired", "expired.pem"}, {"no clientAuth", "no-eku.pem"}, {"self-signed", "self-signed"}}

func (e *expect) outcomes() [7]string {
	return [...]string{e.none, e.good, e.leaf, e.otherCA, e.expired, e.noEKU, e.selfSigned}
}

// Alerts and other ends that many servers share.
const (
	unknownCA      = "refused unknown_ca"
	certExpired    = "refused certificate_expired"
	wrongUse       = "refused unsupported_certificate"
	noCertificate  = "refused certificate_required" // TLS 1.3
	noAgreement    = "refused handshake_failure"    // the same up to TLS 1.2
	badCertificate = "refused bad_certificate"
)

// byOpenSSL is what a server on OpenSSL does that lets it check certificates: the
// alert says why. See facts/servers.md, decisive facts 3, 4 and 5.
func byOpenSSL(insistence, none string) expect {
	return expect{insistence, none, "accepted", unknownCA, unknownCA, certExpired, wrongUse, unknownCA}
}

// byErlang is Erlang, which names the reasons in its own way: fact 4.
func byErlang(none string) expect {
	return expect{"required", none, "accepted", unknownCA, unknownCA, certExpired, noAgreement, badCertificate}
}

// byOne is a server that turns away everybody in one way.
func byOne(none, bad string) expect {
	return expect{"required", none, "accepted", bad, bad, bad, bad, bad}
}

// ignored is a server that asks, and takes none and any.
var ignored = expect{"ignored", "accepted", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored"}

// unasked is a server that does not ask: nothing is tried.
var unasked = expect{"unknown", "accepted", "missing", "missing", "missing", "missing", "missing", "missing"}

// anyone is a server that wants a certificate and does not check it; none12 is
// how it says so up to TLS 1.2.
func anyone(url, none12 string, args ...string) target {
	e := expect{"required", none12, "accepted", "accepted", "accepted", "accepted", "accepted", "accepted"}
	e13 := e
	e13.none = noCertificate
	return target{url, args, e, e13}
}

// withGood changes what is to come of a good certificate.
func (e expect) withGood(outcome string) expect {
	e.good = outcome
	return e
}

// required are both versions on a server that leaves everything to OpenSSL.
func required(url string, args ...string) target {
	return target{url, args, byOpenSSL("required", noAgreement), byOpenSSL("required", noCertificate)}
}

// optional likewise: none passes, and what is presented is checked.
func optional(url string, args ...string) target {
	return target{url, args, byOpenSSL("optional", "accepted"), byOpenSSL("optional", "accepted")}
}

// same is a server that does the same in both versions.
func same(url string, e expect) target { return target{url, nil, e, e} }

// TestServers holds what the tool says of real servers against what is known of
// them; "make servers" prints the table.
func TestServers(t *testing.T) {
	pki := t.TempDir()
	writeServerFiles(t, pki)
	results := &results{rows: make(map[string][]string)}
	t.Run("all", func(t *testing.T) {
		for _, s := range slices.Concat(webServers(), lighttpdServers(), proxyServers(), mailServers(), databaseServers(),
			messageServers(), programServers(),
			carrierServers()) {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				r := &running{T: t, setup: &s, values: map[string]string{"pki": pki}}
				r.begin()
				name := s.name + " " + r.tellVersion()
				for _, target := range s.targets {
					r.compare(results, name, "1.2", &target, &target.tls12)
					r.compare(results, name, "1.3", &target, &target.tls13)
				}
			})
		}
	})
	t.Log(results)
}

// compare runs the tool once and holds every cell against what is expected.
func (r *running) compare(results *results, name, version string, t *target, want *expect) {
	r.Helper()
	if *want == (expect{}) {
		return
	}
	args := []string{"probe", r.expand(t.url), "-k", "--tls-min", version, "--tls-max", version}
	args = append(args, r.expandAll(t.args)...)
	for _, c := range cases {
		if label := c[1]; strings.Contains(label, ".") {
			args = append(args, "--cert", filepath.Join(r.values["pki"], label))
		}
	}
	code := 3 // nothing fits, or nothing depends on the certificate
	if want.good == "accepted" {
		code = 0
	}
	rep := runJSON(r.T, code, args...)
	row := []string{name, t.label(), version, rep.Request.Insistence}
	if rep.Request.Insistence != want.insistence {
		r.Errorf("%s, TLS %s: insistence %q, want %q", t.url, version, rep.Request.Insistence, want.insistence)
	}
	wants := want.outcomes()
	for n, got := range cells(rep) {
		outcome, detail, _ := strings.Cut(got, ": ")
		row = append(row, brief(outcome, detail))
		matches := slices.ContainsFunc(strings.Split(wants[n], " or "), func(want string) bool {
			wantOutcome, wantDetail, _ := strings.Cut(want, ": ")
			return outcome == wantOutcome && strings.Contains(detail, wantDetail)
		})
		if !matches {
			r.Errorf("%s, TLS %s, %s: %q, want %q", t.url, version, cases[n][0], got, wants[n])
		}
	}
	results.add(row)
}

// label is how the table names a target: by scheme, and by user if there is one.
func (t *target) label() string {
	scheme, _, _ := strings.Cut(t.url, "127.0.0.1")
	return strings.TrimSuffix(scheme, "://")
}

// cells are the outcomes of a report, in the order of the cases.
func cells(r *report.Report) []string {
	seen := make(map[string]*report.Trial)
	for n := range r.Controls {
		seen[r.Controls[n].Kind] = &r.Controls[n].Trial
	}
	for n := range r.Identities {
		seen[r.Identities[n].Label] = r.Identities[n].Trial
	}
	var out []string
	for _, c := range cases {
		t := seen[c[1]]
		if t == nil {
			out = append(out, "missing")
			continue
		}
		text := t.Outcome
		if t.Alert != nil && t.Alert.From == "client" {
			text += " client"
		}
		if t.Alert != nil {
			text += " " + t.Alert.Name
		}
		if a := t.Application; a != nil && t.Outcome != "accepted" && t.Outcome != "ignored" {
			if a.Status != 0 {
				text += fmt.Sprintf(" %d", a.Status)
			}
			text += ": " + a.Detail
		} else if t.Outcome == "unknown" || t.Outcome == "not-tried" {
			text += ": " + t.Detail.String()
		}
		out = append(out, text)
	}
	return out
}

// brief is a cell as the table has room for it: the words of an application that
// has no numbers are cut.
func brief(outcome, detail string) string {
	const room = 28
	outcome = strings.Replace(outcome, "refused-by-application", "application", 1)
	if outcome != "application" {
		return outcome
	}
	return outcome + ": " + detail[:min(room, len(detail))]
}

// results gathers the rows of the table.
type results struct {
	mu   sync.Mutex
	rows map[string][]string
}

func (r *results) add(row []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows[strings.Join(row[:3], "\x00")] = row
}

func (r *results) String() string {
	var b bytes.Buffer
	b.WriteByte('\n')
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "server\tscheme\tTLS\tinsistence")
	for _, c := range cases {
		fmt.Fprint(w, "\t", c[0])
	}
	fmt.Fprintln(w)
	keys := make([]string, 0, len(r.rows))
	for key := range r.rows {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		fmt.Fprintln(w, strings.Join(r.rows[key], "\t"))
	}
	w.Flush()
	return b.String()
}
