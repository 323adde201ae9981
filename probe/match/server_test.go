package match

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"strings"
	"testing"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/chain"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

func TestServerChecks(t *testing.T) {
	p := pki()
	root, other := p.Cert("Root").RawSubject, p.Cert("good").RawSubject
	request := func(names ...[]byte) *wire.CertificateRequest {
		return &wire.CertificateRequest{Version: tls.VersionTLS13, NamedCAs: names}
	}
	large := func(n int) *wire.CertificateRequest {
		r := request()
		for range n / (2 + len(root)) {
			r.NamedCAs = append(r.NamedCAs, root)
		}
		r.Raw = bytes.Repeat([]byte{0}, n)
		return r
	}
	printable := bytes.Replace(bytes.Clone(root), []byte{0x13}, []byte{0x0c}, 1) // the string type of the common name
	if bytes.Equal(printable, root) {
		printable = bytes.Replace(bytes.Clone(root), []byte{0x0c}, []byte{0x13}, 1)
	}
	limits := []Limit{{"mbedtls", 16384}, {"java", 32768}, {"go", 65536}}
	versions := func(change func([]Version)) *Server {
		v := []Version{{Number: tls.VersionTLS13, Supported: say.Yes, Asked: say.Yes, Request: request(root),
			Mode: "required"},
			{Number: tls.VersionTLS12, Supported: say.Yes, Asked: say.Yes, Request: request(root), Mode: "required"},
			{Number: tls.VersionTLS11, Supported: say.No}, {Number: tls.VersionTLS10,
				Supported: say.No}, {Number: wire.VersionSSL30, Supported: say.No}}
		change(v)
		return &Server{Request: v[0].Request, Versions: v}
	}
	same := func([]Version) {}
	tests := []struct {
		check  string
		server *Server
		want   Result
		detail string
	}{
		{"server.version", versions(same), Pass, ""},
		{"server.version", &Server{Request: &wire.CertificateRequest{Version: tls.VersionTLS10}}, Warn, "asked in TLS 1.0"},
		{"server.version", versions(func(v []Version) { v[2].Supported, v[3].Supported = say.Yes, say.Yes }), Warn,
			"TLS 1.1 and TLS 1.0"},
		{"server.version", &Server{}, NotApplicable, ""},
		{"server.version", &Server{Request: &wire.CertificateRequest{}}, NotApplicable, ""},
		{"server.ssl3", versions(same), Pass, ""},
		{"server.ssl3", versions(func(v []Version) { v[4].Supported, v[4].Asked = say.Yes, say.Yes }), Warn,
			"alert 41 no_certificate"},
		{"server.ssl3", versions(func(v []Version) { v[4].Supported = say.Unknown }), Unknown, ""},
		{"server.ssl3", &Server{}, NotApplicable, ""},
		{"server.ca-list", &Server{Request: request(root)}, Pass, ""},
		{"server.ca-list", &Server{Request: request()}, Warn, "names no CA"},
		{"server.ca-list", &Server{Request: request(root, root)}, Warn, "repeats 1 name"},
		{"server.ca-list", &Server{Request: request(root, printable)}, Warn, "two encodings"},
		{"server.ca-list", &Server{Request: request(root, []byte("NT AUTHORITY"))}, Warn, "1 of 2 entries"},
		{"server.ca-list", &Server{Request: request(root, other), Identities: []*certstore.Identity{{Leaf: p.Cert("good")}}},
			Warn, "end entity"},
		{"server.ca-list", &Server{}, NotApplicable, ""},
		{"server.ca-list-size", &Server{Request: request(root), Limits: limits}, Pass, ""},
		{"server.ca-list-size", &Server{Request: large(16000)}, Warn, "36885"},
		{"server.ca-list-size", &Server{Request: large(40000), Limits: limits}, Warn, "mbedtls, java:"},
		{"server.ca-list-size",
			&Server{Request: func() *wire.CertificateRequest { r := large(80000); r.Overlong = true; return r }(),
				Limits: limits}, Fail, "malformed for every client"},
		{"server.ca-list-size", &Server{}, NotApplicable, ""},
		{"server.late-request", &Server{When: wire.InHandshake}, Pass, ""},
		{"server.late-request", &Server{When: wire.PostHandshake, EarlierRefusal: say.Text("it answered 403")}, Warn,
			"it answered 403; the server asks after"},
		{"server.late-request", &Server{When: wire.InRenegotiation}, Warn, "renegotiation"},
		{"server.late-request", &Server{}, NotApplicable, ""},
		{"server.versions-differ", versions(same), Pass, ""},
		{"server.versions-differ", versions(func(v []Version) { v[1].Asked = say.No }), Warn, "TLS 1.2 does not ask"},
		{"server.versions-differ", versions(func(v []Version) { v[1].Request = request() }), Warn,
			"another list: without CN=Root"},
		{"server.versions-differ", versions(func(v []Version) { v[1].Mode = "optional" }), Warn,
			"is optional, not required"},
		{"server.versions-differ", versions(func(v []Version) { v[1].Mode = "unknown" }), Pass, ""},
		{"server.versions-differ", versions(func(v []Version) { v[1].Asked, v[1].Request = say.Unknown, nil }), Pass, ""},
		{"server.versions-differ", &Server{}, NotApplicable, ""},
		{"server.variants-differ", &Server{Request: request(root), Asked: say.Yes,
			Variants: []Variant{{Label: "::1", Version: Version{Asked: say.Yes, Request: request(root)}}}}, Pass,
			"1 answer alike"},
		{"server.variants-differ", &Server{Request: request(root), Asked: say.Yes,
			Variants: []Variant{{Label: "::1", Version: Version{Asked: say.No}},
				{Label: "b.example", Failed: say.Text("does not answer")}}}, Warn, "::1 does not ask; b.example does not answer"},
		{"server.variants-differ", &Server{}, NotApplicable, ""},
		{"server.injection", &Server{StartTLS: true, Injected: []byte("250 hi\r\n")}, Fail, `"250 hi\r\n"`},
		{"server.injection", &Server{StartTLS: true}, Pass, ""},
		{"server.injection", &Server{}, NotApplicable, ""},
		{"server.any-passes", &Server{Request: request(root), AnyPasses: say.No}, Pass, ""},
		{"server.any-passes", &Server{Request: request(root)}, Unknown, "not known what became"},
		{"server.any-passes", &Server{Request: request(root), AnyPasses: say.Yes}, Warn,
			"accepted a self-signed test certificate"},
		{"server.any-passes", &Server{}, NotApplicable, ""},
		{"server.public-cas", &Server{Request: request(root)}, Pass, ""},
		{"server.public-cas", &Server{}, NotApplicable, ""},
		{"server.public-cas", &Server{Request: request(organizations(t, 60, "Private ")...)}, Pass, ""},
		{"server.public-cas", &Server{Request: request(organizations(t, 60, publicCAs...)...)}, Warn,
			"60 CA names, among them those of \"AffirmTrust\""},
		{"server.public-cas", &Server{Request: request(organizations(t, 40, publicCAs...)...)}, Pass, ""},
		{"server.front", &Server{Asked: say.No}, Pass, ""},
		{"server.front", &Server{Asked: say.No, Missed: say.Text("HTTP 400")}, Warn,
			"the application says HTTP 400, although TLS did not ask"},
		{"server.front", &Server{Asked: say.Yes}, NotApplicable, ""},
		{"server.front", &Server{Asked: say.No, Gateway: say.Text("HTTP 502")}, Warn,
			"HTTP 502: what ends TLS is a gateway"},
		{"server.answers-differ", &Server{Answers: Answers{Connections: 4, Lists: 1}}, Pass, "4 connections"},
		{"server.answers-differ", &Server{Answers: Answers{Connections: 4, Lists: 2}}, Warn,
			"2 different lists of CA names came on 4 connections"},
		{"server.answers-differ", &Server{Answers: Answers{Connections: 4, Lists: 1,
			Differ: say.Text("accepted on 1 of 2")}}, Warn, "accepted on 1 of 2"},
		{"server.answers-differ", &Server{Answers: Answers{Connections: 1, Lists: 1}}, NotApplicable, ""},
		{"server.certificates-differ", &Server{Answers: Answers{Connections: 4,
			Certificates: []*x509.Certificate{p.Cert("good")}}}, Pass, ""},
		{"server.certificates-differ", &Server{Answers: Answers{Connections: 4,
			Certificates: []*x509.Certificate{p.Cert("good"), p.Cert("Root")}}}, Warn, "2 certificates on 4 connections: CN="},
		{"server.certificates-differ", &Server{Answers: Answers{Connections: 1}}, NotApplicable, ""},
		{"server.rate-limit", &Server{Answers: Answers{Connections: 4}}, Pass, ""},
		{"server.rate-limit", &Server{Answers: Answers{Connections: 4, TurnedAway: 2}}, Warn, "turned 2 connections away"},
		{"server.rate-limit", &Server{}, NotApplicable, ""},
	}
	covered := make(map[string]map[Result]bool)
	for _, tt := range tests {
		found := false
		for _, f := range EvaluateServer(tt.server) {
			if f.Check.ID != tt.check {
				continue
			}
			found = true
			if f.Result != tt.want || !strings.Contains(f.Detail.String(), tt.detail) {
				t.Errorf("%s: %s %q, want %s with %q", tt.check, f.Result, f.Detail, tt.want, tt.detail)
			}
		}
		if !found {
			t.Errorf("%s: no finding", tt.check)
		}
		if covered[tt.check] == nil {
			covered[tt.check] = make(map[Result]bool)
		}
		covered[tt.check][tt.want] = true
	}
	for _, c := range Checks() {
		if seen := covered[c.ID]; c.server != nil && (!seen[Pass] || !seen[NotApplicable] || !seen[Fail] && !seen[Warn]) {
			t.Errorf("%s lacks a passing, a failing or a not applicable case", c.ID)
		}
	}
}

// organizations are names of as many CAs of the organizations, in turn.
func organizations(t *testing.T, count int, names ...string) [][]byte {
	t.Helper()
	var all [][]byte
	for n := range count {
		name := pkix.Name{Organization: []string{names[n%len(names)]}, CommonName: fmt.Sprint("Root ", n)}
		der, err := asn1.Marshal(name.ToRDNSequence())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, der)
	}
	return all
}

// A guess at the library needs a list that somebody did not cut short.
func TestLibraryOfShortLists(t *testing.T) {
	p256 := []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256, tls.PSSWithSHA256, tls.PKCS1WithSHA256,
		tls.ECDSAWithP384AndSHA384,
		tls.PSSWithSHA384, tls.PKCS1WithSHA384, tls.PSSWithSHA512, tls.PKCS1WithSHA512}
	for count, want := range map[int]TLSLibrary{3: OtherLibrary, 4: OtherLibrary, 8: BoringSSL} {
		if got := LibraryOf(&wire.CertificateRequest{Version: tls.VersionTLS13,
			SignatureSchemes: p256[:count]}); got != want {
			t.Errorf("%d schemes: %q, want %q", count, got, want)
		}
	}
}

// A path that is noted, or is the best one, is not told again.
func TestAlternatives(t *testing.T) {
	p := pki()
	path := func(names ...string) *chain.Path {
		out := &chain.Path{}
		for _, c := range p.Certs(names...) {
			out.Certificates = append(out.Certificates, &chain.Certificate{Certificate: c})
		}
		return out
	}
	best, other := path("good", "Issuing", "Root"), path("good", "Issuing<Old", "Old")
	for _, tt := range []struct {
		name  string
		named NamedCA
		noted []*chain.Path
		want  bool
	}{
		{"another one", NamedCA{Result: Reached, Path: other}, nil, true},
		{"the best one", NamedCA{Result: Reached, Path: best}, nil, false},
		{"noted already", NamedCA{Result: Reached, Path: path("good", "Issuing<Old", "Old")}, []*chain.Path{other}, false},
		{"one that does not hold", NamedCA{Result: NearMiss, Path: other}, nil, false},
	} {
		if got := tt.named.isAlternative(best, tt.noted); got != tt.want {
			t.Errorf("%s: %t", tt.name, got)
		}
	}
}
