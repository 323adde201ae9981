package match

import (
	"crypto/x509"
	"testing"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/certtest"
	"mtlsprobe/certstore/chain"
)

// TestHostileResponses holds that a response counts only for its time, and only by a
// responder that may speak now.
func TestHostileResponses(t *testing.T) {
	p := pki()
	expired := &x509.Certificate{RawSubject: p.Cert("Root").RawSubject, NotBefore: certtest.Now.AddDate(-2, 0, 0),
		NotAfter: certtest.Now.AddDate(-1, 0, 0)}
	for name, tt := range map[string]struct {
		response certstore.Statement
		want     Result
	}{
		"of an hour ago, without an end":  {certstore.Statement{AsOf: certtest.Now.Add(-time.Hour)}, Pass},
		"of two days ago, without an end": {certstore.Statement{AsOf: certtest.Now.Add(-48 * time.Hour)}, Unknown},
		"of the future":                   {certstore.Statement{AsOf: certtest.Now.Add(time.Hour)}, Unknown},
		"whose time is over": {certstore.Statement{AsOf: certtest.Now.Add(-48 * time.Hour),
			Until: certtest.Now.Add(-time.Hour)}, Unknown},
		"signed by a responder that is out": {certstore.Statement{AsOf: certtest.Now, Delegate: expired}, Unknown},
	} {
		leaf := p.Cert("direct")
		tt.response.Certificate, tt.response.Source, tt.response.Status = leaf, "http://ocsp", certstore.Good
		j := &judgement{Question: &Question{Graph: chain.NewGraph(), Now: certtest.Now,
			Statements: []*certstore.Statement{&tt.response}},
			identity: &certstore.Identity{Leaf: leaf}, list: &nameList{}}
		f := revocation(j)
		if f.Result != tt.want {
			t.Errorf("%s: %s (%s), want %s", name, f.Result, f.Detail, tt.want)
		}
		t.Logf("row: an OCSP response %s | to vouch for a certificate | %s: %s | nothing", name, f.Result, f.Detail)
	}
}
