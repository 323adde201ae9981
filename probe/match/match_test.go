package match

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/account"
	"mtlsprobe/certstore/certtest"
	"mtlsprobe/certstore/chain"
	"mtlsprobe/certstore/process"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

func pki() *certtest.PKI {
	at := func(from, to int) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = certtest.Now.AddDate(0, 0, from), certtest.Now.AddDate(0, 0, to)
		}
	}
	server := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }
	return certtest.New(
		certtest.Edge{Subject: "Root", Issuer: "Root"},
		certtest.Edge{Subject: "Old", Issuer: "Old"},
		certtest.Edge{Subject: "Issuing", Issuer: "Root"},
		certtest.Edge{Subject: "Issuing", Issuer: "Old", Name: "Issuing<Old"},
		certtest.Edge{Subject: "Restricted", Issuer: "Root", Mutate: server},
		certtest.Edge{Subject: "Root#2", Issuer: "Root#2", Name: "rekeyed root"},
		certtest.Edge{Subject: "Root", Issuer: "Root", Name: "renamed root",
			Mutate: func(c *x509.Certificate) { c.Subject.CommonName = "Renamed" }},
		certtest.Edge{Subject: "good", Issuer: "Issuing"},
		certtest.Edge{Subject: "hint", Issuer: "Issuing", Mutate: serialHint},
		certtest.Edge{Subject: "expired", Issuer: "Issuing", Mutate: at(-100, -1)},
		certtest.Edge{Subject: "future", Issuer: "Issuing", Mutate: at(1, 100)},
		certtest.Edge{Subject: "ending", Issuer: "Issuing", Mutate: at(-100, 10)},
		certtest.Edge{Subject: "server", Issuer: "Issuing", Mutate: server},
		certtest.Edge{Subject: "restricted", Issuer: "Restricted"},
		certtest.Edge{Subject: "agreement", Issuer: "Issuing",
			Mutate: func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }},
		certtest.Edge{Subject: "no usage", Issuer: "Issuing", Mutate: func(c *x509.Certificate) { c.KeyUsage = 0 }},
		certtest.Edge{Subject: "ca", Issuer: "Issuing", Mutate: func(c *x509.Certificate) { c.IsCA = true }},
		certtest.Edge{Subject: "direct", Issuer: "Root"},
		certtest.Edge{Subject: "rekeyed", Issuer: "Root#2"},
		certtest.Edge{Subject: "Stranger", Issuer: "Stranger"},
		certtest.Edge{Subject: "stranger", Issuer: "Stranger"},
		certtest.Edge{Subject: "Latin", Issuer: "Latin", Name: "utf8", Mutate: certtest.UTF8Subject},
		certtest.Edge{Subject: "Latin", Issuer: "Latin", Name: "printable"},
		certtest.Edge{Subject: "latin", Issuer: "Latin"},
		certtest.Edge{Subject: "Root#3", Issuer: "Root", Name: "namesake"},
		certtest.Edge{Subject: "netscape server", Issuer: "Issuing", Mutate: netscape(0x40)},
		certtest.Edge{Subject: "netscape client", Issuer: "Issuing", Mutate: netscape(0x80)},
		certtest.Edge{Subject: "Issuing", Issuer: "Root", Name: "Issuing expired", Mutate: at(-100, -1)},
		certtest.Edge{Subject: "Weak", Issuer: "Root",
			Mutate: func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 }},
		certtest.Edge{Subject: "below weak", Issuer: "Weak"},
	)
}

// A setup is a question about one identity; the zero setup is one that fits.
type setup struct {
	leaf        string   // default "good"
	chain       []string // default "Issuing"; use none for an empty one
	authorities []string // default "Root"
	named       []string // default "Root"
	noRequest   bool
	request     func(*wire.CertificateRequest)
	key         certstore.KeyState
	identity    func(*certstore.Identity)
	skew        time.Duration
	ntp         time.Duration
	question    func(*Question, *certtest.PKI)
}

func loggedIn(user string, taken say.Answer) func(*Question, *certtest.PKI) {
	return func(q *Question, _ *certtest.PKI) {
		q.User, q.Users = user, map[*certstore.Identity]say.Answer{q.Identities[0]: taken}
	}
}

func contained(c certstore.Container) func(*certstore.Identity) {
	return func(i *certstore.Identity) { i.Container = &c }
}

func running(state process.State, err error) func(*certstore.Identity) {
	return func(i *certstore.Identity) {
		i.Running = &certstore.Running{PID: 7, Name: "nginx", Started: certtest.Now, State: state, File: "client.pem",
			Changed: certtest.Now, Err: err}
	}
}

func access(result say.Answer) func(*certstore.Identity) {
	return func(i *certstore.Identity) {
		i.Access = &certstore.Access{Account: "app", Access: account.Access{Result: result, Detail: "directory"}}
	}
}

func exposure(readers ...string) func(*certstore.Identity) {
	return func(i *certstore.Identity) {
		i.Key.Exposure = &account.Exposure{}
		for _, text := range readers {
			i.Key.Exposure.Readers = append(i.Key.Exposure.Readers, account.Reader{Text: text})
		}
		if len(readers) > 0 {
			i.Key.Exposure.Refusals = []account.Refusal{{Client: "libpq", Why: "libpq refuses it"}}
		}
	}
}

// netscape is a Mutate that adds nsCertType with these bits.
func netscape(bits byte) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions,
			pkix.Extension{Id: asn1.ObjectIdentifier{2, 16, 840, 1, 113730, 1, 1}, Value: []byte{3, 2, 0, bits}})
	}
}

// serialHint is a Mutate that adds an authority key identifier with the serial
// number of another certificate of the issuer.
func serialHint(c *x509.Certificate) {
	c.ExtraExtensions = append(c.ExtraExtensions,
		pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 35}, Value: []byte{0x30, 4, 0x82, 2, 0x12, 0x34}})
}

// answered adds a response about the certificate, which says that it is good.
func answered(name string, response certstore.Statement) setup {
	return setup{leaf: name, chain: none, question: func(q *Question, p *certtest.PKI) {
		response.Certificate, response.Source, response.Status = p.Cert(name), "http://ocsp", certstore.Good
		q.Statements = []*certstore.Statement{&response}
	}}
}

// revoking adds a list of the CA's on which the certificates stand.
func revoking(ca string, names ...string) func(*Question, *certtest.PKI) {
	return func(q *Question, p *certtest.PKI) {
		template := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: certtest.Now.AddDate(0, 0, -1),
			NextUpdate: certtest.Now.AddDate(0, 0, 1)}
		if ca == "Old" {
			template.NextUpdate = certtest.Now.Add(-time.Hour)
		}
		revoked := make(map[string]x509.RevocationListEntry)
		for _, c := range p.Certs(names...) {
			entry := x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: certtest.Now.Add(-time.Hour),
				ReasonCode: 1}
			template.RevokedCertificateEntries = append(template.RevokedCertificateEntries, entry)
			revoked[string(c.SerialNumber.Bytes())] = entry
		}
		der, err := x509.CreateRevocationList(rand.Reader, template, p.Cert(ca), p.Key(ca))
		if err != nil {
			panic(err)
		}
		list, err := x509.ParseRevocationList(der)
		if err != nil {
			panic(err)
		}
		q.CRLs = append(q.CRLs, &certstore.CRL{RevocationList: list, Source: "list.crl", Revoked: revoked})
	}
}

var none = []string{}

func judgeSetup(s setup) Verdict {
	p := pki()
	if s.leaf == "" {
		s.leaf = "good"
	}
	if s.chain == nil {
		s.chain = []string{"Issuing"}
	}
	if s.authorities == nil {
		s.authorities = []string{"Root"}
	}
	if s.named == nil {
		s.named = []string{"Root"}
	}
	i := &certstore.Identity{Label: s.leaf, Leaf: p.Cert(s.leaf), Chain: p.Certs(s.chain...),
		Key: certstore.Key{State: certstore.Usable}}
	if s.key != "" {
		i.Key = certstore.Key{State: s.key, Detail: "why"}
	}
	if s.identity != nil {
		s.identity(i)
	}
	r := &wire.CertificateRequest{
		Version: tls.VersionTLS12, CertificateTypes: []wire.CertificateType{wire.RSASign, wire.ECDSASign},
		SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256},
	}
	for _, c := range p.Certs(s.named...) {
		r.NamedCAs = append(r.NamedCAs, c.RawSubject)
	}
	if s.request != nil {
		s.request(r)
	}
	if s.noRequest {
		r = nil
	}
	g := chain.NewGraph()
	for _, c := range p.Certs(s.authorities...) {
		g.Add(certstore.Authority{Certificate: c, Source: "authorities.pem"})
	}
	for _, c := range i.Chain {
		g.Add(certstore.Authority{Certificate: c, Source: "bundle.pem", Origin: certstore.FromBundle})
	}
	q := &Question{Request: r, Identities: []*certstore.Identity{i}, Graph: g, Now: certtest.Now}
	if s.ntp != 0 {
		q.Clocks = []Clock{{Name: "the clock of ntp", Skew: s.ntp}}
	}
	if s.skew != 0 {
		q.Clocks = []Clock{{Name: "the server's clock", Skew: s.skew, Server: true}}
	}
	if s.question != nil {
		s.question(q, p)
	}
	return Evaluate(q)[0]
}

func keyIn(source string) func(*certstore.Identity) {
	return func(i *certstore.Identity) {
		i.Source, i.Container, i.Key.Source = "a.p12", &certstore.Container{Format: "PKCS#12", Keys: true}, source
	}
}

func noLeaf(i *certstore.Identity) { i.Leaf, i.Chain = nil, nil }

func TestChecks(t *testing.T) {
	proofs := func(errs ...error) func(*Question, *certtest.PKI) {
		return func(q *Question, _ *certtest.PKI) {
			q.Proofs = make(map[*certstore.Identity][]certstore.Proof)
			for _, err := range errs {
				q.Proofs[q.Identities[0]] = append(q.Proofs[q.Identities[0]], certstore.Proof{Scheme: tls.PSSWithSHA512, Err: err})
			}
		}
	}
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	change := func(f func(*x509.Certificate)) func(*certstore.Identity) {
		return func(i *certstore.Identity) {
			c := *i.Leaf
			f(&c)
			i.Leaf = &c
		}
	}
	tests := []struct {
		check  string
		setup  setup
		want   Result
		detail string // part of the detail or remedy
	}{
		{"key.missing", setup{}, Pass, ""},
		{"key.missing", setup{key: certstore.Missing}, Fail, "why"},
		{"key.missing", setup{key: certstore.Unknown}, Unknown, ""},
		{"key.unreadable", setup{}, Pass, ""},
		{"key.unreadable", setup{key: certstore.Unreadable}, Fail, "why"},
		{"key.locked", setup{}, Pass, ""},
		{"key.locked", setup{key: certstore.Locked}, Fail, "why"},
		{"key.mismatched", setup{}, Pass, ""},
		{"key.mismatched", setup{key: certstore.Mismatched}, Fail, "why"},
		{"file.running", setup{}, NotApplicable, ""},
		{"file.running", setup{identity: running(process.Earlier, nil)}, Pass, ""},
		{"file.running", setup{identity: running(process.Later, nil)}, Warn, "after the process 7 (nginx), which started at"},
		{"file.running", setup{identity: running(process.Deleted, nil)}, Warn, "has an earlier \"client.pem\" open, which was deleted"},
		{"file.running", setup{identity: running(process.Elsewhere, nil)}, Unknown, "has another root"},
		{"file.running", setup{identity: running(process.Touched, nil)}, Unknown, "permissions were changed"},
		{"file.running", setup{identity: running("", errors.New("permission denied"))}, Unknown, "permission denied"},
		{"key.account", setup{}, NotApplicable, ""},
		{"key.account", setup{identity: access(say.Yes)}, Pass, ""},
		{"key.account", setup{identity: access(say.No)}, Fail, `the account "app" cannot read it: directory`},
		{"key.account", setup{identity: access(say.Unknown)}, Unknown, "not known"},
		{"key.exposed", setup{}, NotApplicable, ""},
		{"key.exposed", setup{identity: exposure()}, Pass, ""},
		{"key.exposed", setup{identity: exposure("every user of this host")}, Warn, "every user of this host"},
		{"key.elsewhere", setup{}, NotApplicable, ""},
		{"key.elsewhere", setup{identity: keyIn("a.p12")}, Pass, ""},
		{"key.elsewhere", setup{identity: keyIn("b.key")}, Warn, `the one in "b.key" was used here`},
		{"key.cannot-sign", setup{}, NotApplicable, ""},
		{"key.cannot-sign", setup{question: proofs(nil)}, Pass, "1 schemes"},
		{"key.cannot-sign", setup{question: proofs(nil, errors.New("too short"))}, Warn,
			"rsa_pss_rsae_sha512: \"too short\""},
		{"key.cannot-sign", setup{question: proofs(errors.New("too short"))}, Fail, "rsa_pss_rsae_sha512: \"too short\""},
		{"validity.expired", setup{}, Pass, ""},
		{"validity.expired", setup{leaf: "expired"}, Fail, "expired 2026-06-14T12:00:00Z, 24h0m0s ago"},
		{"validity.expired", setup{chain: []string{"expired"}}, Fail, "CN=expired,O=Example expired"},
		{"validity.expired", setup{identity: noLeaf}, Unknown, ""},
		{"validity.not-yet-valid", setup{}, Pass, ""},
		{"validity.not-yet-valid", setup{leaf: "future"}, Fail, "2026-06-16T12:00:00Z"},
		{"validity.not-yet-valid", setup{identity: noLeaf}, Unknown, ""},
		{"validity.ending", setup{}, Pass, ""},
		{"validity.ending", setup{leaf: "ending"}, Warn, "in 10 days"},
		{"validity.ending", setup{leaf: "expired"}, Pass, ""},
		{"clock.skew", setup{}, NotApplicable, ""},
		{"clock.skew", setup{skew: time.Second}, Pass, "agrees with"},
		{"validity.expired", setup{leaf: "expired", skew: -25 * time.Hour}, Warn,
			"by this host's clock only: not by the server's clock"},
		{"validity.not-yet-valid", setup{leaf: "future", skew: 25 * time.Hour}, Warn, "by this host's clock only"},
		{"clock.skew", setup{skew: 2 * time.Hour}, Pass, "the server's clock is 2 h ahead of this host's"},
		{"clock.skew", setup{leaf: "expired", skew: -25 * time.Hour}, Fail,
			"the certificate is outside its validity only because this host's clock is 1 d 1 h ahead of the server's clock"},
		{"clock.skew", setup{leaf: "expired", ntp: -25 * time.Hour}, Warn,
			"the certificate is outside its validity only because this host's clock is 1 d 1 h ahead of the clock of ntp"},
		{"clock.skew", setup{leaf: "good", ntp: 400 * 24 * time.Hour}, Fail,
			"the certificate is valid only because this host's clock is 400 d behind the clock of ntp"},
		{"clock.skew", setup{leaf: "good", skew: 400 * 24 * time.Hour}, Fail,
			"the certificate is valid only because this host's clock is 400 d behind the server's clock"},
		{"revocation.revoked", setup{}, NotApplicable, ""},
		{"revocation.revoked", setup{question: revoking("Issuing")}, Unknown,
			"no current list or response covers CN=Issuing,O=Example"},
		{"revocation.revoked", setup{question: func(q *Question, p *certtest.PKI) {
			revoking("Issuing")(q,
				p)
			revoking("Root")(q, p)
		}}, Pass, "CN=good,O=Example is not on the list"},
		{"revocation.revoked", setup{leaf: "direct", chain: none, question: func(q *Question, p *certtest.PKI) {
			revoking("Root")(q, p)
			q.CRLs[0].ThisUpdate = certtest.Now.Add(time.Hour)
		}}, Unknown, "dated in the future"},
		{"revocation.revoked", setup{question: revoking("Issuing", "good")}, Fail,
			"CN=good,O=Example was revoked 2026-06-15T11:00:00Z (keyCompromise), according to \"list.crl\""},
		{"revocation.revoked", setup{question: revoking("Root", "Issuing")}, Fail, "CN=Issuing,O=Example was revoked"},
		{"revocation.revoked", setup{question: revoking("Stranger")}, Unknown, "no current list or response covers CN=good"},
		{"revocation.revoked", setup{question: revoking("Old"), chain: []string{"Issuing<Old"},
			authorities: []string{"Old"}}, Unknown, "was due to be replaced by 2026-06-15T11:00:00Z"},
		{"revocation.revoked", setup{question: revoking("Old"), chain: []string{"Issuing<Old"}}, Unknown,
			"no key at hand made the signature"},
		{"revocation.revoked", setup{question: func(q *Question, p *certtest.PKI) {
			q.Statements = []*certstore.Statement{{Certificate: p.Cert("good"), Source: "http://ocsp",
				Status: certstore.Revoked, RevokedAt: certtest.Now}}
		}}, Fail, "was revoked 2026-06-15T12:00:00Z, according to http://ocsp"},
		{"revocation.revoked", answered("direct", certstore.Statement{AsOf: certtest.Now.Add(-time.Hour)}), Pass,
			"CN=direct,O=Example is good"},
		{"revocation.revoked", answered("direct", certstore.Statement{AsOf: certtest.Now.Add(-48 * time.Hour)}), Unknown,
			"in a response that is not for this time"},
		{"revocation.revoked", answered("direct", certstore.Statement{AsOf: certtest.Now.Add(time.Hour)}), Unknown,
			"in a response that is not for this time"},
		{"revocation.revoked", answered("direct", certstore.Statement{AsOf: certtest.Now.Add(-48 * time.Hour),
			Until: certtest.Now.Add(-time.Hour)}), Unknown, "in a response that is not for this time"},
		{"revocation.revoked", answered("direct", certstore.Statement{AsOf: certtest.Now,
			Delegate: &x509.Certificate{NotBefore: certtest.Now.AddDate(-2, 0, 0), NotAfter: certtest.Now.AddDate(-1, 0, 0)}}),
			Unknown, "signed by a certificate that is not valid now"},
		{"revocation.revoked", setup{question: func(q *Question, p *certtest.PKI) {
			q.Statements = []*certstore.Statement{{Certificate: p.Cert("good"), Status: certstore.StatusUnknown,
				Err: errors.New("no answer")}}
		}}, Unknown, "no answer"},
		{"path.renamed", setup{}, Pass, ""},
		{"path.renamed", setup{leaf: "direct", chain: none, authorities: []string{"renamed root"},
			named: []string{"renamed root"}}, Fail, "that key belongs to CN=Renamed,O=Example"},
		{"path.renamed", setup{identity: noLeaf}, Unknown, ""},
		{"chain.twins", setup{}, NotApplicable, ""},
		{"chain.twins", setup{chain: []string{"Issuing<Old", "Issuing"}}, Warn, "comes first"}, // the roots are not at hand
		{"chain.twins", setup{chain: []string{"Issuing", "Issuing<Old"}, authorities: []string{"Root", "Old"}}, Pass, ""},
		{"chain.twins", setup{chain: []string{"Issuing<Old", "Issuing"}, authorities: []string{"Root", "Old"}}, Warn,
			"signed by CN=Old,O=Example comes first"},
		{"chain.key-identifier", setup{}, Pass, ""},
		{"chain.key-identifier", setup{leaf: "hint"}, Warn, "points to serial 1234"},
		{"chain.key-identifier", setup{identity: noLeaf}, Unknown, ""},
		{"strength.signature", setup{identity: change(func(c *x509.Certificate) { c.SignatureAlgorithm = x509.MD5WithRSA })},
			Fail, "MD5-RSA"},
		{"usage.extended-key-usage", setup{}, Pass, ""},
		{"usage.extended-key-usage", setup{leaf: "server"}, Fail, "without clientAuth"},
		{"usage.extended-key-usage", setup{leaf: "restricted", chain: []string{"Restricted"}}, Fail,
			"CN=Restricted,O=Example has an extendedKeyUsage without clientAuth"},
		{"usage.extended-key-usage", setup{identity: noLeaf}, Unknown, ""},
		{"usage.key-usage", setup{}, Pass, ""},
		{"usage.key-usage", setup{leaf: "agreement"}, Fail, "digitalSignature"},
		{"usage.key-usage", setup{leaf: "no usage"}, NotApplicable, ""},
		{"usage.ca", setup{}, Pass, ""},
		{"usage.ca", setup{leaf: "ca"}, Warn, "CA"},
		{"usage.ca", setup{identity: noLeaf}, Unknown, ""},
		{"path.not-reached", setup{}, Pass, "CN=Root,O=Example is reached (presented)"},
		{"path.not-reached", setup{authorities: none}, Warn, "add the CA's certificate with --authorities"},
		{"path.not-reached", setup{leaf: "stranger", chain: none}, Fail, "append the certificate of CN=Stranger"},
		{"path.not-reached", setup{leaf: "stranger", chain: none, authorities: []string{"Stranger"}}, Fail,
			"the chain leads to CN=Stranger"},
		{"path.not-reached", setup{leaf: "rekeyed", chain: none}, Fail, "signature"},
		{"path.not-reached", setup{named: none}, NotApplicable, ""},
		{"path.not-reached", setup{noRequest: true}, NotApplicable, ""},
		{"path.rekeyed", setup{}, Pass, ""},
		{"path.rekeyed", setup{leaf: "rekeyed", chain: none}, Fail, "did not make the signature"},
		{"path.rekeyed", setup{identity: noLeaf}, Unknown, ""},
		{"path.cross-signed", setup{}, Pass, ""},
		{"path.cross-signed", setup{chain: []string{"Issuing<Old"}, authorities: []string{"Root", "Issuing"}}, Fail,
			`found in "authorities.pem"`},
		{"path.cross-signed", setup{chain: []string{"Issuing<Old", "Issuing"}}, Pass, ""},
		{"path.cross-signed", setup{named: none}, NotApplicable, ""},
		{"chain.incomplete", setup{}, Pass, ""},
		{"chain.incomplete", setup{leaf: "direct", chain: none}, Pass, ""},
		{"chain.incomplete", setup{chain: none, authorities: []string{"Root", "Issuing"}}, Fail,
			"append CN=Issuing,O=Example (sha256 "},
		{"chain.incomplete", setup{chain: none, authorities: []string{"Root", "Issuing"}, named: none}, Warn,
			"append CN=Issuing"},
		{"chain.incomplete", setup{identity: noLeaf}, Unknown, ""},
		{"chain.incomplete", setup{authorities: []string{"Root", "Issuing<Old", "Old"}, named: none}, Pass, ""},
		{"chain.incomplete", setup{chain: none, authorities: []string{"Issuing"}, named: none}, Warn, "append CN=Issuing"},
		{"issuer.not-named", setup{}, Pass, ""},
		{"issuer.not-named", setup{leaf: "stranger", chain: none}, Fail, "the next certificate is that of CN=Stranger"},
		{"issuer.not-named", setup{leaf: "stranger", chain: none, authorities: []string{"Stranger"}}, Fail,
			"no change to the bundle"},
		{"issuer.not-named", setup{chain: none, authorities: []string{"Root", "Issuing"}}, Warn, "no issuer in the bundle"},
		{"issuer.not-named", setup{named: none}, NotApplicable, ""},
		{"issuer.encoding", setup{}, Pass, ""},
		{"issuer.encoding", setup{leaf: "latin", chain: none, named: []string{"printable"},
			authorities: []string{"printable"}}, Warn, "CN=Latin,O=Example as 30"},
		{"issuer.encoding", setup{leaf: "stranger", chain: none}, NotApplicable, ""},
		{"chain.order", setup{}, NotApplicable, ""},
		{"chain.order", setup{identity: func(i *certstore.Identity) { i.Preceding = pki().Cert("Issuing") }}, Fail,
			"begins with CN=Issuing,O=Example"},
		{"chain.order", setup{chain: []string{"Issuing", "Root"}}, Pass, ""},
		{"chain.order", setup{chain: []string{"Root", "Issuing"}}, Warn, "after CN=good,O=Example comes CN=Root,O=Example"},
		{"chain.surplus", setup{}, Pass, ""},
		{"chain.surplus", setup{chain: []string{"Issuing", "Stranger"}}, Warn, "CN=Stranger,O=Example is on no path"},
		{"chain.surplus", setup{chain: none}, NotApplicable, ""},
		{"request.certificate-type", setup{}, Pass, ""},
		{"request.certificate-type",
			setup{request: func(r *wire.CertificateRequest) { r.CertificateTypes = r.CertificateTypes[:1] }}, Fail,
			"ecdsa_sign"},
		{"request.certificate-type", setup{request: func(r *wire.CertificateRequest) { r.CertificateTypes = nil }},
			NotApplicable, ""},
		{"request.signature-scheme", setup{}, Pass, ""},
		{"request.signature-scheme",
			setup{request: func(r *wire.CertificateRequest) { r.SignatureSchemes[0] = tls.PSSWithSHA256 }}, Fail,
			"ECDSA P-256 fits none of rsa_pss_rsae_sha256"},
		{"request.signature-scheme", setup{request: func(r *wire.CertificateRequest) {
			r.SignatureSchemes[0], r.Version = tls.ECDSAWithP384AndSHA384, tls.VersionTLS13
		}}, Fail, "TLS 1.3"},
		{"request.signature-scheme", setup{request: func(r *wire.CertificateRequest) { r.SignatureSchemes = nil }},
			NotApplicable, ""},
		{"request.chain-signature", setup{}, Pass, ""},
		{"request.chain-signature",
			setup{request: func(r *wire.CertificateRequest) { r.SignatureSchemesCert = []tls.SignatureScheme{tls.Ed25519} }},
			Warn, "ecdsa_secp256r1_sha256, which is not"},
		{"request.chain-signature", setup{noRequest: true}, NotApplicable, ""},
		{"strength.key", setup{}, Pass, ""},
		{"strength.key", setup{identity: change(func(c *x509.Certificate) { c.PublicKey = &short.PublicKey })}, Warn,
			"1024 bits"},
		{"strength.key", setup{identity: noLeaf}, Unknown, ""},
		{"strength.signature", setup{}, Pass, ""},
		{"strength.signature",
			setup{identity: change(func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 })}, Fail,
			"ECDSA-SHA1"},
		{"strength.signature", setup{identity: noLeaf}, Unknown, ""},
		{"path.not-reached", setup{leaf: "direct", chain: []string{"Root"}, authorities: none}, Warn, "which is not proof"},
		{"path.not-reached", setup{leaf: "direct", chain: []string{"Root"}, authorities: []string{"rekeyed root"}}, Fail,
			"has another key than CN=Root,O=Example"},
		{"path.rekeyed", setup{leaf: "direct", chain: []string{"Root"}, authorities: []string{"rekeyed root"}}, Fail,
			"has another key than CN=Root,O=Example"},
		{"path.rekeyed", setup{leaf: "direct", chain: []string{"Root"}, authorities: []string{"rekeyed root", "Root"}}, Pass,
			""},
		{"path.rekeyed", setup{leaf: "namesake", chain: none, authorities: []string{"rekeyed root"}}, Fail,
			"did not make the signature"},
		{"path.not-reached", setup{leaf: "namesake", chain: none, authorities: none}, Warn, "not at hand"},
		{"container.altered", setup{}, NotApplicable, ""},
		{"container.altered", setup{identity: contained(certstore.Container{Format: "PKCS#12", Integrity: "HMAC-SHA-256"})},
			Pass, ""},
		{"container.altered", setup{identity: contained(certstore.Container{Format: "PKCS#12", Integrity: "none"})},
			NotApplicable, ""},
		{"container.altered", setup{identity: contained(certstore.Container{Format: "PKCS#12", Integrity: "HMAC-SHA-256",
			Altered: true})}, Fail, "HMAC-SHA-256) fails"},
		{"user.name", setup{}, NotApplicable, ""},
		{"user.name", setup{question: loggedIn("another", say.Unknown)}, NotApplicable, ""},
		{"user.name", setup{question: loggedIn("good", say.Yes)}, Pass, ""},
		{"user.name", setup{question: loggedIn("another", say.No)}, Fail, `names "good", and the user is "another"`},
		{"user.name", setup{question: loggedIn("good", say.No)}, Fail, "pg_ident.conf"},
		{"user.name", setup{question: loggedIn("good", say.No), identity: noLeaf}, NotApplicable, ""},
		{"path.not-reached", setup{authorities: none, named: []string{"Stranger"}}, Fail,
			"→ use a certificate issued under a named CA, or have the server name and trust CN=Root"},
		{"path.not-reached", setup{chain: none, authorities: none, named: []string{"Stranger"}}, Fail,
			"append the certificate of CN=Issuing,O=Example to the bundle (add it with --authorities to check); if not, use " +
				"a certificate"},
		{"path.leaf-named", setup{}, Pass, ""},
		{"path.leaf-named", setup{named: none}, NotApplicable, ""},
		{"path.leaf-named", setup{named: []string{"good"}}, Warn, "a server that pins"},
		{"path.not-reached", setup{named: []string{"good"}}, Unknown, "names the certificate itself"},
		{"chain.self-issued", setup{}, Pass, ""},
		{"chain.self-issued", setup{leaf: "namesake", chain: none}, Warn, "consider it self-signed"},
		{"chain.self-issued", setup{leaf: "Stranger", chain: none}, NotApplicable, ""},
		{"chain.self-issued", setup{identity: noLeaf}, Unknown, ""},
		{"usage.netscape-cert-type", setup{}, NotApplicable, ""},
		{"usage.netscape-cert-type", setup{leaf: "netscape server"}, Fail, "lacks the bit for SSL clients"},
		{"usage.netscape-cert-type", setup{leaf: "netscape client"}, Pass, ""},
		{"usage.netscape-cert-type", setup{identity: noLeaf}, Unknown, ""},
		{"validity.expired", setup{chain: []string{"Issuing", "Issuing expired"}}, Warn, "not on the path in use"},
		{"validity.expired", setup{chain: []string{"Issuing expired"}}, Fail, "CN=Issuing,O=Example expired"},
		{"path.not-reached", setup{leaf: "below weak", chain: []string{"Weak"}}, Fail, "weak signature"},
		{"strength.signature", setup{leaf: "below weak", chain: none, authorities: []string{"Root", "Weak"}}, Fail,
			"CN=Weak,O=Example is signed with ECDSA-SHA1"},
	}
	covered := make(map[string]map[Result]bool)
	for n, tt := range tests {
		t.Run(fmt.Sprintf("%d %s %s", n, tt.check, tt.want), func(t *testing.T) {
			var got *Finding
			v := judgeSetup(tt.setup)
			for i := range v.Findings {
				if v.Findings[i].Check.ID == tt.check {
					got = &v.Findings[i]
				}
			}
			if got == nil {
				t.Fatal("no such check")
			}
			if got.Result != tt.want || !strings.Contains(got.Detail.String()+" → "+got.Remedy.String(), tt.detail) {
				t.Errorf("got %s: %q → %q\nwant %s with %q", got.Result, got.Detail, got.Remedy, tt.want, tt.detail)
			}
			if got.Result == Fail && (got.Detail == nil || got.Remedy == nil) {
				t.Errorf("a failed finding lacks evidence or remedy: %+v", got)
			}
		})
		if covered[tt.check] == nil {
			covered[tt.check] = make(map[Result]bool)
		}
		covered[tt.check][tt.want] = true
	}
	for _, c := range Checks() {
		if seen := covered[c.ID]; c.judge != nil && (!seen[Pass] || !seen[Fail] && !seen[Warn]) {
			t.Errorf("%s lacks a passing or a failing case", c.ID)
		}
	}
}

func TestVerdict(t *testing.T) {
	good := judgeSetup(setup{})
	if got := good.Fits(); got != Pass {
		t.Errorf("a fitting identity: %s, findings %+v", got, good.Findings)
	}
	expired := judgeSetup(setup{leaf: "expired"})
	if got := expired.Fits(); got != Fail {
		t.Errorf("an expired identity: %s", got)
	}
	sealed := judgeSetup(setup{identity: noLeaf})
	if got := sealed.Fits(); got != Unknown {
		t.Errorf("without a certificate: %s", got)
	}
}

func TestNamedCAs(t *testing.T) {
	tests := []struct {
		name   string
		setup  setup
		result Reach
		via    Via
	}{
		{"presented", setup{}, Reached, Presented},
		{"the root is not needed in the bundle", setup{leaf: "direct", chain: none}, Reached, Presented},
		{"an intermediate is named", setup{named: []string{"Issuing"}}, Reached, Presented},
		{"local", setup{chain: none, authorities: []string{"Root", "Issuing"}}, Reached, Local},
		{"cross-signed", setup{chain: []string{"Issuing<Old"}, authorities: []string{"Root", "Issuing"}}, Reached,
			CrossSigned},
		{"both twins in the bundle", setup{chain: []string{"Issuing<Old", "Issuing"}}, Reached, Presented},
		{"name only", setup{authorities: none}, NameOnly, Presented},
		{"re-keyed", setup{leaf: "rekeyed", chain: none}, NearMiss, Presented},
		{"renamed", setup{leaf: "direct", chain: none, authorities: []string{"renamed root"},
			named: []string{"renamed root"}}, NearMiss, Presented},
		{"another encoding", setup{leaf: "latin", chain: none, named: []string{"utf8"}, authorities: []string{"printable"}},
			Reached, Presented},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			named := judgeSetup(tt.setup).NamedCAs
			if len(named) != 1 || named[0].Result != tt.result || named[0].Via != tt.via {
				t.Errorf("got %+v, want %s via %s", named, tt.result, tt.via)
			}
		})
	}
	if named := judgeSetup(setup{leaf: "stranger", chain: none}).NamedCAs; len(named) != 0 {
		t.Errorf("out of reach: %+v, want nothing", named)
	}
}

// What was not looked at is unknown, not out of reach.
func TestRest(t *testing.T) {
	if got := judgeSetup(setup{leaf: "stranger", chain: none}).Rest; got != Unreachable {
		t.Errorf("after a whole search: %s", got)
	}
	if got := judgeSetup(setup{identity: noLeaf}).Rest; got != UnknownCA {
		t.Errorf("without a certificate: %s", got)
	}
}

func TestCatalogue(t *testing.T) {
	seen := make(map[string]bool)
	for _, c := range Checks() {
		if seen[c.ID] {
			t.Errorf("%s stands twice", c.ID)
		}
		seen[c.ID] = true
		theme, name, found := strings.Cut(c.ID, ".")
		if !found || theme == "" || name == "" || c.Title == "" || len(c.Doc) < 40 || c.Citation == "" || c.Since == "" ||
			(c.judge == nil) == (c.server == nil) && c.judge != nil {
			t.Errorf("%s is incomplete", c.ID)
		}
		for _, h := range c.HowTo {
			if h.Tool == "" || h.Text == "" {
				t.Errorf("%s: an empty how-to", c.ID)
			}
		}
		if strings.HasSuffix(c.Title, ".") || !strings.HasSuffix(c.Doc, ".") {
			t.Errorf("%s: a title has no period, a text has one", c.ID)
		}
	}
	for _, id := range strings.Fields("validity.expired validity.not-yet-valid validity.ending clock.skew key.missing " +
		"key.unreadable key.locked key.mismatched key.cannot-sign usage.extended-key-usage usage.key-usage usage.ca " +
		"request.certificate-type request.signature-scheme request.chain-signature issuer.not-named issuer.encoding " +
		"path.not-reached path.cross-signed path.rekeyed chain.incomplete chain.order chain.surplus strength.signature " +
		"strength.key server.version server.ca-list") {
		if !seen[id] {
			t.Errorf("%s is missing: others rely on it", id)
		}
	}
}

// 10,000 identities against many named CAs, beside the floor: parsing each
// certificate and verifying one signature.
func BenchmarkEvaluate(b *testing.B) {
	p := pki()
	const count = 10_000
	ders := make([][]byte, count)
	for i := range ders {
		ders[i] = p.Cert("good").Raw
	}
	issuing := p.Cert("Issuing")
	b.Run("floor", func(b *testing.B) {
		for b.Loop() {
			for _, der := range ders {
				c, err := x509.ParseCertificate(der)
				if err != nil || issuing.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) != nil {
					b.Fatal("the leaf does not verify")
				}
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/count, "ns/identity")
	})
	for _, names := range []int{20, 500} {
		b.Run(fmt.Sprintf("%d named CAs", names), func(b *testing.B) {
			r := namesRequest(b, names, p.Cert("Root").RawSubject)
			for b.Loop() {
				g := chain.NewGraph()
				for _, c := range p.Certs("Root", "Issuing", "Issuing<Old", "Old") {
					g.Add(certstore.Authority{Certificate: c})
				}
				q := &Question{Request: r, Graph: g, Now: certtest.Now}
				for _, der := range ders {
					c, err := x509.ParseCertificate(der)
					if err != nil {
						b.Fatal(err)
					}
					q.Identities = append(q.Identities, &certstore.Identity{Leaf: c, Chain: []*x509.Certificate{issuing},
						Key: certstore.Key{State: certstore.Usable}})
				}
				if v := Evaluate(q); v[count-1].Fits() != Pass {
					b.Fatalf("%+v", v[count-1].Findings)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/count, "ns/identity")
		})
	}
}

// hierarchy is 50 intermediates under 20 roots, each signed by four of them, and
// a leaf of each intermediate.
func hierarchy() (p *certtest.PKI, authorities, leaves []string) {
	const intermediates, roots, signers = 50, 20, 4
	var edges []certtest.Edge
	for r := range roots {
		name := fmt.Sprintf("Root %d", r)
		edges = append(edges, certtest.Edge{Subject: name, Issuer: name, Name: name})
		authorities = append(authorities, name)
	}
	for i := range intermediates {
		for s := range signers {
			name := fmt.Sprintf("CA %d by %d", i, s)
			edges = append(edges, certtest.Edge{Subject: fmt.Sprintf("CA %d", i), Issuer: fmt.Sprintf("Root %d", (i+5*s)%roots),
				Name: name})
			authorities = append(authorities, name)
		}
		name := fmt.Sprintf("leaf %d", i)
		edges = append(edges, certtest.Edge{Subject: name, Issuer: fmt.Sprintf("CA %d", i), Name: name})
		leaves = append(leaves, name)
	}
	return certtest.New(edges...), authorities, leaves
}

// The cost of one leaf must not depend on how many there are: everything above
// the leaf is shared. B/op by the number of leaves is the memory of an identity
// with its verdict.
func BenchmarkHierarchy(b *testing.B) {
	p, authorities, leaves := hierarchy()
	for _, names := range []int{20, 500} {
		for _, count := range []int{100, 1_000, 10_000, 100_000} {
			b.Run(fmt.Sprintf("%d leaves, %d named CAs", count, names), func(b *testing.B) {
				r := namesRequest(b, names, p.Cert("Root 0").RawSubject)
				b.ReportAllocs()
				for b.Loop() {
					g := chain.NewGraph()
					for _, c := range p.Certs(authorities...) {
						g.Add(certstore.Authority{Certificate: c})
					}
					q := &Question{Request: r, Graph: g, Now: certtest.Now}
					for n := range count {
						name := leaves[n%len(leaves)]
						c, err := x509.ParseCertificate(p.Cert(name).Raw)
						if err != nil {
							b.Fatal(err)
						}
						held := p.Cert(fmt.Sprintf("CA %d by 0", n%len(leaves)))
						q.Identities = append(q.Identities, &certstore.Identity{Leaf: c, Chain: []*x509.Certificate{held},
							Key: certstore.Key{State: certstore.Usable}})
					}
					if v := Evaluate(q); len(v[count-1].Search.Paths) != 4 {
						b.Fatalf("%d paths", len(v[count-1].Search.Paths))
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(count), "ns/identity")
			})
		}
	}
}

// namesRequest names so many CAs, the last one being the given.
func namesRequest(b *testing.B, names int, last []byte) *wire.CertificateRequest {
	b.Helper()
	r := &wire.CertificateRequest{Version: tls.VersionTLS13,
		SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256}}
	for i := range names - 1 {
		name := pkix.Name{CommonName: fmt.Sprintf("CA %d", i), Organization: []string{"Elsewhere"}}
		der, err := asn1.Marshal(name.ToRDNSequence())
		if err != nil {
			b.Fatal(err)
		}
		r.NamedCAs = append(r.NamedCAs, der)
	}
	r.NamedCAs = append(r.NamedCAs, last)
	return r
}
