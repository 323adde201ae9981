package chain

import (
	"bufio"
	"cmp"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mtlsprobe/certstore"
)

// The suites of others, each case mapped onto the question "does this leaf reach
// this root at this time". They lie outside the project and are not copied into
// it; "make conformance" prints the figures.
const suites = "../../../shared/data"

// A tally counts, for one group of a suite, how our answer compares.
type tally struct{ agree, disagree, notApplicable int }

type tallies map[string]*tally

func (t tallies) group(name string) *tally {
	if t[name] == nil {
		t[name] = &tally{}
	}
	return t[name]
}

func (t tallies) log(tb testing.TB, suite string) (agree, disagree int) {
	tb.Helper()
	for _, name := range slices.Sorted(maps.Keys(t)) {
		g := t[name]
		tb.Logf("%-14s %-32s agree %4d  disagree %3d  not applicable %3d", suite, name, g.agree, g.disagree, g.notApplicable)
		agree, disagree = agree+g.agree, disagree+g.disagree
	}
	return agree, disagree
}

// suite opens a file of a suite, or skips with a clear line.
func suite(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(suites, path))
	if err != nil {
		t.Skipf("the suite's data is not at hand: %v", err)
	}
	return data
}

// reaches reports whether a path without a break leads from the leaf to one of
// the anchors, for the purpose, which may be any. The reasons in ignore do not
// count. For another purpose than client authentication the certificates'
// extKeyUsage is looked at here.
func reaches(leaf *x509.Certificate, others, anchors []*x509.Certificate, now time.Time, purpose x509.ExtKeyUsage, ignore ...Reason) (bool, Search) {
	g := NewGraph()
	for _, c := range slices.Concat(anchors, others) {
		g.Add(certstore.Authority{Certificate: c})
	}
	s := g.Paths(leaf, now)
	if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		return false, s
	}
	for _, p := range s.Paths {
		for i, c := range p.Certificates {
			if i == 0 && string(leaf.RawSubject) != string(leaf.RawIssuer) || !slices.ContainsFunc(anchors, c.Certificate.Equal) {
				continue
			}
			part := p.UpTo(i)
			if purpose == x509.ExtKeyUsageServerAuth && slices.ContainsFunc(p.Certificates[:i], func(c *Certificate) bool { return !forPurpose(c, purpose) }) {
				continue
			}
			if !slices.ContainsFunc(part.Breaks, func(b Break) bool { return !slices.Contains(ignore, b.Reason) }) {
				return true, s
			}
		}
	}
	return false, s
}

func forPurpose(c *Certificate, purpose x509.ExtKeyUsage) bool {
	return len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) == 0 || slices.Contains(c.ExtKeyUsage, purpose) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
}

// limboDifferences are the cases of x509-limbo in which we answer otherwise than
// the suite, each with the reason.
var limboDifferences = map[string]string{}

// whyNotGo names the rule by which we differ from crypto/x509.
func whyNotGo(s Search, got bool) string {
	if got {
		return "crypto/x509 does not take this path: a name in another encoding, a name constraint that it reads otherwise, or a certificate that it does not parse"
	}
	for _, p := range s.Paths {
		for _, b := range p.Breaks {
			if b.Reason != ClientAuth {
				return "here it breaks by " + string(b.Reason) + ", " + b.Detail
			}
		}
	}
	return "the purpose of the case is server authentication, which the other's answer leaves open"
}

func TestConformanceLimbo(t *testing.T) {
	var cases struct {
		Testcases []struct {
			ID             string   `json:"id"`
			Kind           string   `json:"validation_kind"`
			Trusted        []string `json:"trusted_certs"`
			Untrusted      []string `json:"untrusted_intermediates"`
			Peer           string   `json:"peer_certificate"`
			ValidationTime string   `json:"validation_time"`
			Expected       string   `json:"expected_result"`
		} `json:"testcases"`
	}
	if err := json.Unmarshal(suite(t, "x509-limbo/limbo-core.json"), &cases); err != nil {
		t.Fatal(err)
	}
	use, golang := make(map[string]string), make(map[string]bool)
	lines := bufio.NewScanner(strings.NewReader(string(suite(t, "x509-limbo/mapping-core.tsv"))))
	for lines.Scan() {
		fields := strings.Split(lines.Text(), "\t")
		use[fields[0]] = fields[len(fields)-1]
		golang[fields[0]] = strings.HasPrefix(fields[6], "S:")
	}
	groups := make(tallies)
	for _, c := range cases.Testcases {
		name, _, _ := strings.Cut(c.ID, "::")
		g := groups.group(name)
		now, err := time.Parse(time.RFC3339, cmp.Or(c.ValidationTime, "2026-06-15T12:00:00Z"))
		leaf := parsePEM(c.Peer)
		if strings.HasPrefix(use[c.ID], "skip") || err != nil || leaf == nil {
			g.notApplicable++
			continue
		}
		purpose, ignore := x509.ExtKeyUsageServerAuth, []Reason{ClientAuth}
		if c.Kind == "CLIENT" {
			purpose, ignore = x509.ExtKeyUsageClientAuth, nil
		}
		got, s := reaches(leaf[0], parsePEM(c.Untrusted...), parsePEM(c.Trusted...), now, purpose, ignore...)
		want := c.Expected == "SUCCESS"
		if got != golang[c.ID] {
			t.Logf("%s: we say %t, crypto/x509 %t: %s", c.ID, got, golang[c.ID], whyNotGo(s, got))
		}
		switch reason := limboDifferences[c.ID]; {
		case got == want && reason != "":
			t.Errorf("%s: agrees, and is listed as a difference", c.ID)
		case got == want:
			g.agree++
		default:
			g.disagree++
			if reason == "" {
				t.Errorf("%s: got %t, want %t (%s); paths %q", c.ID, got, want, use[c.ID], describePaths(s))
			} else {
				t.Logf("%s: got %t: %s", c.ID, got, reason)
			}
		}
	}
	if agree, _ := groups.log(t, "x509-limbo"); agree < 180 {
		t.Errorf("only %d cases agree", agree)
	}
}

// parsePEM returns the certificates, or nil if one of them is beyond crypto/x509.
func parsePEM(texts ...string) []*x509.Certificate {
	var certs []*x509.Certificate
	for _, text := range texts {
		block, _ := pem.Decode([]byte(text))
		if block == nil {
			return nil
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			continue
		}
		certs = append(certs, c)
	}
	return certs
}

var pkitsDifferences = map[string]string{
	"4.1.4 Valid DSA Signatures Test4": "crypto/x509 has no DSA, so the signature is neither verified nor refuted",
}

// needsCRL reports whether a run is decided by a revocation list.
func needsCRL(section, name string) bool {
	switch section {
	case "4.4", "4.14", "4.15":
		return true
	case "4.5", "4.7":
		for _, test := range []string{"4.5.2 ", "4.5.5 ", "4.5.7 ", "4.7.4 ", "4.7.5 "} {
			if strings.HasPrefix(name, test) {
				return true
			}
		}
	}
	return false
}

// The PKITS runs that start with other policies than "any", or that turn on a
// CRL, ask what no TLS server asks by default.
func TestConformancePKITS(t *testing.T) {
	var runs []struct {
		Name           string
		CertPath       []string
		ShouldValidate bool

		InitialPolicySet                                                            []string
		InitialPolicyMappingInhibit, InitialExplicitPolicy, InitialAnyPolicyInhibit bool
	}
	if err := json.Unmarshal(suite(t, "nist-pkits/go/vectors.json"), &runs); err != nil {
		t.Fatal(err)
	}
	groups := make(tallies)
	now := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, r := range runs {
		section := strings.Join(strings.SplitN(r.Name, ".", 3)[:2], ".")
		g := groups.group(section)
		if needsCRL(section, r.Name) || r.InitialExplicitPolicy || r.InitialPolicyMappingInhibit || r.InitialAnyPolicyInhibit || !slices.Equal(r.InitialPolicySet, []string{"anyPolicy"}) {
			g.notApplicable++
			continue
		}
		var certs []*x509.Certificate
		for _, name := range r.CertPath {
			c, err := x509.ParseCertificate(suite(t, "nist-pkits/go/certs/"+name))
			if err != nil {
				break
			}
			certs = append(certs, c)
		}
		if len(certs) != len(r.CertPath) {
			g.notApplicable++ // beyond crypto/x509
			continue
		}
		last := len(certs) - 1
		got, s := reaches(certs[last], certs[1:last], certs[:1], now, x509.ExtKeyUsageAny, ClientAuth, Weak)
		switch reason := pkitsDifferences[r.Name]; {
		case got == r.ShouldValidate && reason != "":
			t.Errorf("%s: agrees, and is listed as a difference", r.Name)
		case got == r.ShouldValidate:
			g.agree++
		default:
			g.disagree++
			if reason == "" {
				t.Errorf("%s: got %t, want %t; paths %q", r.Name, got, r.ShouldValidate, describePaths(s))
			} else {
				t.Logf("%s: got %t: %s", r.Name, got, reason)
			}
		}
	}
	if agree, _ := groups.log(t, "NIST PKITS"); agree < 120 {
		t.Errorf("only %d runs agree", agree)
	}
}

// boringDifferences are the tests of BoringSSL's chain verifier in which we
// answer otherwise, each with the reason.
var boringDifferences = map[string]string{
	"intermediate-signed-with-sha1/main.test":        "a break of its own, not counted in this suite: other tests of it build on SHA-1",
	"target-signed-with-sha1/main.test":              "likewise",
	"many-names/ok-all-types.test":                   "at the bound on comparisons: the subject counts here, too",
	"unknown-critical-policy-qualifier/main.test":    "Go and OpenSSL do not look at policy qualifiers either",
	"target-msapplicationpolicies-and-eku/main.test": "Microsoft's application policies, marked critical, are known to no other TLS stack",
	"target-has-512bit-rsa-key/main.test":            "the leaf's key is judged by strength.key, not by the path",
}

func TestConformanceBoringSSL(t *testing.T) {
	groups := make(tallies)
	lines := bufio.NewScanner(strings.NewReader(string(suite(t, "boringssl-pki/verify_certificate_chain_index.tsv"))))
	for lines.Scan() {
		f := strings.Split(lines.Text(), "\t")
		if len(f) < 6 || f[0] == "test" {
			continue
		}
		name, purpose, want := strings.TrimPrefix(f[0], "verify_certificate_chain_unittest/"), f[4], f[5] == "ok"
		g := groups.group(purpose)
		now := time.Date(2021, 10, 5, 12, 0, 0, 0, time.UTC)
		if f[3] != "DEFAULT" {
			var err error
			if now, err = time.Parse("060102150405Z", f[3]); err != nil {
				t.Fatal(err)
			}
		}
		certs := parsePEMs(suite(t, filepath.Join("boringssl-pki", filepath.Dir(f[0]), f[1])))
		last := len(certs) - 1
		usage, tls := map[string]x509.ExtKeyUsage{"ANY_EKU": x509.ExtKeyUsageAny, "CLIENT_AUTH": x509.ExtKeyUsageClientAuth, "SERVER_AUTH": x509.ExtKeyUsageServerAuth}[purpose]
		if len(certs) < 2 || f[2] != "TRUSTED_ANCHOR" && f[2] != "TRUSTED_ANCHOR_WITH_EXPIRATION" || !tls {
			g.notApplicable++ // a single certificate, beyond crypto/x509, another kind of trust, or a profile stricter than TLS stacks are
			continue
		}
		if f[2] == "TRUSTED_ANCHOR" {
			certs[last] = asKey(certs[last])
		}
		ignore := []Reason{Weak, ClientAuth}
		if purpose == "CLIENT_AUTH" {
			ignore = ignore[:1]
		}
		got, s := reaches(certs[0], certs[1:last], certs[last:], now, usage, ignore...)
		switch reason := boringDifferences[name]; {
		case got == want && reason != "":
			t.Errorf("%s: agrees, and is listed as a difference", name)
		case got == want:
			g.agree++
		default:
			g.disagree++
			if reason == "" {
				t.Errorf("%s: got %t, want %t (%s; %s); paths %q", name, got, want, f[2], strings.Join(f[6:], " "), describePaths(s))
			} else {
				t.Logf("%s: got %t: %s", name, got, reason)
			}
		}
	}
	if agree, _ := groups.log(t, "BoringSSL"); agree < 80 {
		t.Errorf("only %d tests agree", agree)
	}
}

// asKey returns the certificate as BoringSSL sees an anchor: a name and a key,
// without dates and extensions. We judge anchors as Go and OpenSSL do.
func asKey(c *x509.Certificate) *x509.Certificate {
	anchor := *c
	anchor.NotBefore, anchor.NotAfter = time.Time{}, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	anchor.Extensions, anchor.KeyUsage, anchor.ExtKeyUsage, anchor.UnknownExtKeyUsage = nil, 0, nil, nil
	anchor.BasicConstraintsValid, anchor.IsCA, anchor.MaxPathLen, anchor.MaxPathLenZero = true, true, -1, false
	return &anchor
}

// parsePEMs returns the certificates of one file, or nil if one is beyond
// crypto/x509.
func parsePEMs(data []byte) []*x509.Certificate {
	var certs []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil
		}
		certs = append(certs, c)
	}
	return certs
}
