package match_test

import (
	"crypto/tls"
	"fmt"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/certtest"
	"mtlsprobe/certstore/chain"
	"mtlsprobe/probe/match"
	"mtlsprobe/probe/wire"
)

// A leaf without its intermediate, which lies in another file.
func ExampleEvaluate() {
	p := certtest.New(
		certtest.Edge{Subject: "Root", Issuer: "Root"},
		certtest.Edge{Subject: "Issuing CA", Issuer: "Root"},
		certtest.Edge{Subject: "client", Issuer: "Issuing CA"},
	)
	graph := chain.NewGraph(
		certstore.Authority{Certificate: p.Cert("Root"), Source: "roots.pem"},
		certstore.Authority{Certificate: p.Cert("Issuing CA"), Source: "issuing.pem"},
	)
	verdicts := match.Evaluate(&match.Question{
		Request:    &wire.CertificateRequest{Version: tls.VersionTLS13, NamedCAs: [][]byte{p.Cert("Root").RawSubject}},
		Identities: []*certstore.Identity{{Leaf: p.Cert("client"), Key: certstore.Key{State: certstore.Usable}}},
		Graph:      graph, Now: certtest.Now,
	})
	for _, f := range verdicts[0].Findings {
		if f.Result == match.Fail {
			fmt.Println(f.Check.ID, "-", f.Detail)
		}
	}
	// Output: chain.incomplete - 1 certificate is missing between the leaf and CN=Root,O=Example
}
