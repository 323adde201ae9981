package verifier_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/md5" //nolint:gosec // to see who still takes it
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"strings"
	"testing"
	"time"

	"mtlsprobe/certstore/certtest"
)

// A chainCase is one chain that a client sends, and what the server trusts. All names begin
// with the case's, so that one trust file serves all cases.
type chainCase struct {
	name string
	// edges are "Subject<Issuer", in the order of issue; a trailing "'" makes a second
	// certificate of the same pair. The last one is the leaf.
	edges string
	// sent and trusts are edges, or subjects for the first edge with that subject.
	sent, trusts string
	change       map[string]func(*x509.Certificate) // by edge or subject
	keys         map[string]func() crypto.Signer    // by subject
	forged, md5  string                             // edges whose signature is wrong, or made with MD5
	// unidentified are edges without an authority key identifier.
	unidentified string
}

// A made chain.
type made struct {
	*chainCase
	cert          tls.Certificate // the leaf and what is sent
	leaf          *x509.Certificate
	sent, trusted []*x509.Certificate
	pki           *certtest.PKI
}

func (c *chainCase) make(now time.Time) *made {
	tokens := strings.Fields(c.edges)
	var edges []certtest.Edge
	for _, token := range tokens {
		subject, issuer, _ := strings.Cut(strings.TrimRight(token, "'"), "<")
		e := certtest.Edge{Subject: c.name + " " + subject, Issuer: c.name + " " + issuer, Name: token, Mutate: c.change[token],
			Unidentified: slices.Contains(strings.Fields(c.unidentified), subject)}
		if e.Mutate == nil {
			e.Mutate = c.change[subject]
		}
		if key := c.keys[subject]; key != nil && !slices.ContainsFunc(edges, func(o certtest.Edge) bool { return o.Subject == e.Subject }) {
			e.Key = key()
		}
		edges = append(edges, e)
	}
	pki := certtest.NewAt("verifier", now, edges...)
	find := func(names string) (certs []*x509.Certificate) {
		for _, name := range strings.Fields(names) {
			k := slices.IndexFunc(tokens, func(token string) bool { return token == name || strings.HasPrefix(token, name+"<") })
			_, issuer, _ := strings.Cut(strings.TrimRight(tokens[k], "'"), "<")
			cert := pki.Cert(tokens[k])
			if slices.Contains(strings.Fields(c.md5), name) {
				cert = withMD5(cert, pki.Signer(c.name+" "+issuer).(*rsa.PrivateKey))
			}
			if slices.Contains(strings.Fields(c.forged), name) {
				cert = withBadSignature(cert)
			}
			certs = append(certs, cert)
		}
		return certs
	}
	leaf := find(tokens[len(tokens)-1])[0]
	m := &made{pki: pki, chainCase: c, leaf: leaf, sent: find(c.sent), trusted: find(c.trusts)}
	subject, _, _ := strings.Cut(tokens[len(tokens)-1], "<")
	m.cert = tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: pki.Signer(c.name + " " + subject)}
	for _, s := range m.sent {
		m.cert.Certificate = append(m.cert.Certificate, s.Raw)
	}
	return m
}

func mustParse(der []byte) *x509.Certificate {
	made, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return made
}

func withBadSignature(cert *x509.Certificate) *x509.Certificate {
	der := bytes.Clone(cert.Raw)
	der[len(der)-1] ^= 1
	return mustParse(der)
}

// withMD5 signs again a certificate that was signed with SHA256WithRSA: the two
// algorithms' identifiers have one length.
func withMD5(cert *x509.Certificate, key *rsa.PrivateKey) *x509.Certificate {
	sha256WithRSA, md5WithRSA := mustDER(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}), mustDER(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 4})
	digest := md5.Sum(bytes.Replace(cert.RawTBSCertificate, sha256WithRSA, md5WithRSA, 1))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.MD5, digest[:])
	if err != nil {
		panic(err)
	}
	der := bytes.ReplaceAll(cert.Raw, sha256WithRSA, md5WithRSA)
	return mustParse(append(der[:len(der)-len(signature)], signature...))
}

func mustDER(v any) []byte {
	der, err := asn1.Marshal(v)
	if err != nil {
		panic(err)
	}
	return der
}

func rsaKey(bits int) func() crypto.Signer {
	return func() crypto.Signer {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			panic(err)
		}
		return key
	}
}

func ecKey(curve elliptic.Curve) func() crypto.Signer {
	return func() crypto.Signer {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			panic(err)
		}
		return key
	}
}

func edKey() crypto.Signer {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

// The changes.
type change = func(*x509.Certificate)

func expired(c *x509.Certificate) { c.NotAfter = c.NotBefore.AddDate(0, 6, 0) }
func early(c *x509.Certificate)   { c.NotBefore = c.NotAfter.AddDate(0, -6, 0) }
func newer(c *x509.Certificate)   { c.NotBefore = c.NotBefore.AddDate(0, 3, 0) }
func noEKU(c *x509.Certificate)   { c.ExtKeyUsage = nil }

func eku(usages ...x509.ExtKeyUsage) change {
	return func(c *x509.Certificate) { c.ExtKeyUsage = usages }
}

func usage(u x509.KeyUsage) change { return func(c *x509.Certificate) { c.KeyUsage = u } }

func extension(critical bool, value []byte, oid ...int) change {
	return func(c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: oid, Critical: critical, Value: value})
	}
}

func both(changes ...change) change {
	return func(c *x509.Certificate) {
		for _, change := range changes {
			change(c)
		}
	}
}

// keyIdentifier sets the authority key identifier's content: 80 is a key
// identifier, a1 the issuer's name, 82 its serial number.
func keyIdentifier(content ...byte) change {
	return extension(false, append([]byte{0x30, byte(len(content))}, content...), 2, 5, 29, 35)
}

func netscapeType(bits byte) change {
	return extension(false, []byte{3, 2, 0, bits}, 2, 16, 840, 1, 113730, 1, 1)
}

func pathLength(n int) change {
	return func(c *x509.Certificate) {
		if c.IsCA {
			c.MaxPathLen, c.MaxPathLenZero = n, n == 0
		}
	}
}

func permitDirectory(organization string) change {
	name := mustDER(pkix.Name{Organization: []string{organization}}.ToRDNSequence())
	wrap := func(tag byte, content []byte) []byte { return append([]byte{tag, byte(len(content))}, content...) }
	return extension(true, wrap(0x30, wrap(0xa0, wrap(0x30, wrap(0xa4, name)))), 2, 5, 29, 30)
}

func permitDNS(domain string) change {
	return func(c *x509.Certificate) {
		c.PermittedDNSDomains, c.PermittedDNSDomainsCritical = []string{domain}, true
	}
}

func algorithm(a x509.SignatureAlgorithm) change {
	return func(c *x509.Certificate) { c.SignatureAlgorithm = a }
}

func commonName(edit func(string) string) change {
	return func(c *x509.Certificate) { c.Subject.CommonName = edit(c.Subject.CommonName) }
}

func noConstraints(c *x509.Certificate) { c.BasicConstraintsValid, c.IsCA = false, false }

// ladder is a chain with n intermediates.
func ladder(n int) (edges, sent string) {
	edges, issuer := "Root<Root", "Root"
	for k := range n {
		name := "Int" + string(rune('a'+k))
		edges += " " + name + "<" + issuer
		sent = name + " " + sent
		issuer = name
	}
	return edges + " leaf<" + issuer, sent
}

// chainCases returns every case.
func chainCases() []chainCase {
	const one = "Root<Root Int<Root leaf<Int"
	type changes = map[string]func(*x509.Certificate)
	type keys = map[string]func() crypto.Signer
	leaf := func(name string, c change) chainCase {
		return chainCase{name: name, edges: one, sent: "Int", trusts: "Root", change: changes{"leaf": c}}
	}
	intermediate := func(name string, c change) chainCase {
		return chainCase{name: name, edges: one, sent: "Int", trusts: "Root", change: changes{"Int": c}}
	}
	root := func(name string, c change) chainCase {
		return chainCase{name: name, edges: one, sent: "Int", trusts: "Root", change: changes{"Root": c}}
	}
	keyed := func(name string, k keys, c changes) chainCase {
		return chainCase{name: name, edges: one, sent: "Int", trusts: "Root", keys: k, change: c}
	}
	cases := []chainCase{
		// How much is sent, and what is trusted.
		{name: "no intermediate", edges: "Root<Root leaf<Root", trusts: "Root"},
		{name: "one intermediate", edges: one, sent: "Int", trusts: "Root"},
		{name: "root sent too", edges: one, sent: "Int Root", trusts: "Root"},
		{name: "intermediate missing", edges: one, trusts: "Root"},
		{name: "intermediate in the trust file too", edges: one, trusts: "Root Int"},
		{name: "intermediate trusted alone", edges: one, trusts: "Int"},
		{name: "intermediate trusted alone and sent", edges: one, sent: "Int Root", trusts: "Int"},
		{name: "upper intermediate trusted alone", edges: "Root<Root Up<Root Int<Up leaf<Int", sent: "Int", trusts: "Up"},
		{name: "unknown root", edges: "Other<Other " + one, sent: "Int", trusts: "Other"},
		{name: "wrong order", edges: "Root<Root Up<Root Int<Up leaf<Int", sent: "Up Int", trusts: "Root"},
		{name: "root before intermediate", edges: one, sent: "Root Int", trusts: "Root"},
		{name: "intermediate sent twice", edges: one, sent: "Int Int", trusts: "Root"},
		{name: "leaf sent twice", edges: one, sent: "leaf Int", trusts: "Root"},
		{name: "surplus certificate", edges: "Other<Other Stray<Other " + one, sent: "Int Stray", trusts: "Root"},
		{name: "surplus certificate first", edges: "Other<Other Stray<Other " + one, sent: "Stray Int", trusts: "Root"},
		{name: "surplus expired", edges: "Other<Other Stray<Other " + one, sent: "Int Stray", trusts: "Root", change: changes{"Stray": expired}},
		{name: "surplus of trusted root", edges: "Root<Root Stray<Root Int<Root leaf<Int", sent: "Int Stray", trusts: "Root"},
		{name: "surplus of trusted root expired", edges: "Root<Root Stray<Root Int<Root leaf<Int", sent: "Int Stray", trusts: "Root", change: changes{"Stray": expired}},
		// Dates.
		leaf("leaf expired", expired), leaf("leaf not yet valid", early),
		intermediate("intermediate expired", expired), intermediate("intermediate not yet valid", early),
		root("root expired", expired), root("root not yet valid", early),
		// Cross-signed, twins, meshes.
		{name: "twin of trusted root first", edges: "A<A B<B Int<A Int<B leaf<Int", sent: "Int<A Int<B", trusts: "A"},
		{name: "twin of unknown root first", edges: "A<A B<B Int<A Int<B leaf<Int", sent: "Int<B Int<A", trusts: "A"},
		{name: "twin of unknown root sent with it first", edges: "A<A B<B Int<A Int<B leaf<Int", sent: "Int<B B Int<A", trusts: "A"},
		{name: "twin of unknown root sent, the other trusted", edges: "A<A B<B Int<A Int<B leaf<Int", sent: "Int<B B", trusts: "A Int<A"},
		{name: "expired twin first", edges: "A<A Int<A Int<A' leaf<Int", sent: "Int<A Int<A'", trusts: "A", change: changes{"Int<A": expired}},
		{name: "expired twin last", edges: "A<A Int<A Int<A' leaf<Int", sent: "Int<A Int<A'", trusts: "A", change: changes{"Int<A'": expired}},
		{name: "expired twin of another trusted root first", edges: "A<A B<B Int<A Int<B leaf<Int", sent: "Int<B Int<A", trusts: "A B", change: changes{"Int<B": expired}},
		{name: "expired twin trusted, good one sent", edges: "A<A Int<A Int<A' leaf<Int", sent: "Int<A'", trusts: "A Int<A", change: changes{"Int<A": expired}},
		{name: "twin for servers first", edges: "A<A Int<A Int<A' leaf<Int", sent: "Int<A Int<A'", trusts: "A", change: changes{"Int<A": eku(x509.ExtKeyUsageServerAuth)}},
		{name: "twin without keyCertSign first", edges: "A<A Int<A Int<A' leaf<Int", sent: "Int<A Int<A'", trusts: "A", change: changes{"Int<A": usage(x509.KeyUsageCRLSign)}},
		{name: "twin that is no CA first", edges: "A<A Int<A Int<A' leaf<Int", sent: "Int<A Int<A'", trusts: "A", change: changes{"Int<A": func(c *x509.Certificate) { c.IsCA = false }}},
		{name: "twin with a short path first", edges: "A<A Up<A Up<A' Int<Up leaf<Int", sent: "Int Up<A Up<A'", trusts: "A", change: changes{"Up<A": pathLength(0)}},
		{name: "twin with a wrong signature first", edges: "A<A Int<A Int<A' leaf<Int", sent: "Int<A Int<A'", trusts: "A", forged: "Int<A"},
		{name: "AddTrust: expired old root trusted, cross sent", edges: "Old<Old New<Old New<New Int<New leaf<Int", sent: "Int New<Old", trusts: "New<New Old", change: changes{"Old": expired}},
		{name: "AddTrust: expired old root and cross sent", edges: "Old<Old New<Old New<New Int<New leaf<Int", sent: "Int New<Old Old", trusts: "New<New", change: changes{"Old": expired, "New<Old": expired}},
		{name: "AddTrust: expired cross sent", edges: "Old<Old New<Old New<New Int<New leaf<Int", sent: "Int New<Old", trusts: "New<New Old", change: changes{"New<Old": expired}},
		{name: "only the old root trusted, cross sent", edges: "Old<Old New<New New<Old Int<New leaf<Int", sent: "Int New<Old", trusts: "Old"},
		{name: "only the old root trusted, new root sent first", edges: "Old<Old New<New New<Old Int<New leaf<Int", sent: "Int New<New New<Old", trusts: "Old"},
		{name: "only the cross-certificate trusted", edges: "Old<Old New<New New<Old Int<New leaf<Int", sent: "Int", trusts: "New<Old"},
		{name: "twin with another key first", edges: "A<A Int<A Int#2<A y<Int#2 leaf<Int", sent: "Int#2 Int", trusts: "A"},
		{name: "twin with another key first, no identifiers", edges: "A<A Int<A Int#2<A y<Int#2 leaf<Int", sent: "Int#2 Int", trusts: "A", unidentified: "leaf"},
		{name: "re-keyed root trusted beside it", edges: "Root#2<Root#2 " + one, sent: "Int", trusts: "Root#2 Root"},
		{name: "re-keyed root trusted beside it, no identifiers", edges: "Root#2<Root#2 " + one, sent: "Int", trusts: "Root#2 Root", unidentified: "Int"},
		{name: "re-keyed root trusted only", edges: "Root#2<Root#2 " + one, sent: "Int", trusts: "Root#2"},
		{name: "re-keyed root trusted only, no identifiers", edges: "Root#2<Root#2 " + one, sent: "Int", trusts: "Root#2", unidentified: "Int"},
		{name: "twin for servers last", edges: "A<A Int<A Int<A' leaf<Int", sent: "Int<A' Int<A", trusts: "A", change: changes{"Int<A": eku(x509.ExtKeyUsageServerAuth)}},
		{name: "twin without keyCertSign last", edges: "A<A Int<A Int<A' leaf<Int", sent: "Int<A' Int<A", trusts: "A", change: changes{"Int<A": usage(x509.KeyUsageCRLSign)}},
		{name: "twin that is no CA last", edges: "A<A Int<A Int<A' leaf<Int", sent: "Int<A' Int<A", trusts: "A", change: changes{"Int<A": func(c *x509.Certificate) { c.IsCA = false }}},
		{name: "twin with a short path last", edges: "A<A Up<A Up<A' Int<Up leaf<Int", sent: "Int Up<A' Up<A", trusts: "A", change: changes{"Up<A": pathLength(0)}},
		{name: "twin with a wrong signature last", edges: "A<A Int<A Int<A' leaf<Int", sent: "Int<A' Int<A", trusts: "A", forged: "Int<A"},
		{name: "twin with another key last, no identifiers", edges: "A<A Int<A Int#2<A y<Int#2 leaf<Int", sent: "Int Int#2", trusts: "A", unidentified: "leaf"},
		{name: "only the old root trusted, new root sent last", edges: "Old<Old New<New New<Old Int<New leaf<Int", sent: "Int New<Old New<New", trusts: "Old"},
		{name: "newer twin of unknown root first", edges: "A<A B<B Int<A Int<B leaf<Int", sent: "Int<B Int<A", trusts: "A", change: changes{"Int<B": newer}},
		{name: "newer twin of unknown root last", edges: "A<A B<B Int<A Int<B leaf<Int", sent: "Int<A Int<B", trusts: "A", change: changes{"Int<B": newer}},
		{name: "older twin of unknown root last", edges: "A<A B<B Int<A Int<B leaf<Int", sent: "Int<A Int<B", trusts: "A", change: changes{"Int<A": newer}},
		{name: "surplus CA of unknown root", edges: "Other<Other Stray<Other x<Stray " + one, sent: "Int Stray", trusts: "Root"},
		{name: "surplus unknown root", edges: "Other<Other x<Other " + one, sent: "Int Other", trusts: "Root"},
		{name: "surplus expired CA of trusted root", edges: "Root<Root Stray<Root x<Stray Int<Root leaf<Int", sent: "Int Stray", trusts: "Root", change: changes{"Stray": expired}},
		{name: "re-keyed root trusted after it, no identifiers", edges: "Root#2<Root#2 " + one, sent: "Int", trusts: "Root Root#2", unidentified: "Int"},
		// Extended key usage.
		leaf("no EKU", noEKU),
		leaf("EKU serverAuth", eku(x509.ExtKeyUsageServerAuth)),
		leaf("EKU any", eku(x509.ExtKeyUsageAny)),
		leaf("EKU any and serverAuth", eku(x509.ExtKeyUsageAny, x509.ExtKeyUsageServerAuth)),
		leaf("EKU clientAuth and serverAuth", eku(x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth)),
		leaf("EKU codeSigning", eku(x509.ExtKeyUsageCodeSigning)),
		leaf("EKU clientAuth critical", both(noEKU, extension(true, mustDER([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 2}}), 2, 5, 29, 37))),
		intermediate("EKU serverAuth on intermediate", eku(x509.ExtKeyUsageServerAuth)),
		intermediate("EKU clientAuth on intermediate", eku(x509.ExtKeyUsageClientAuth)),
		intermediate("EKU any on intermediate", eku(x509.ExtKeyUsageAny)),
		root("EKU serverAuth on root", eku(x509.ExtKeyUsageServerAuth)),
		root("EKU any on root", eku(x509.ExtKeyUsageAny)),
		intermediate("nsCertType SSL CA on intermediate", netscapeType(0x04)),
		intermediate("nsCertType SSL client on intermediate", netscapeType(0x80)),
		// Key usage.
		leaf("keyUsage keyEncipherment", usage(x509.KeyUsageKeyEncipherment)),
		leaf("keyUsage keyAgreement", usage(x509.KeyUsageKeyAgreement)),
		leaf("keyUsage nonRepudiation", usage(x509.KeyUsageContentCommitment)),
		leaf("no keyUsage", usage(0)),
		intermediate("intermediate without keyCertSign", usage(x509.KeyUsageCRLSign)),
		intermediate("intermediate without keyUsage", usage(0)),
		root("root without keyCertSign", usage(x509.KeyUsageCRLSign)),
		// Basic constraints.
		intermediate("intermediate is no CA", func(c *x509.Certificate) { c.IsCA = false }),
		intermediate("intermediate without basicConstraints", noConstraints),
		intermediate("intermediate with keyCertSign, without basicConstraints", both(noConstraints, usage(x509.KeyUsageCertSign))),
		root("root without basicConstraints", noConstraints),
		leaf("leaf is a CA", func(c *x509.Certificate) {
			c.IsCA, c.KeyUsage = true, x509.KeyUsageDigitalSignature|x509.KeyUsageCertSign
		}),
		intermediate("path length 0, kept", pathLength(0)),
		{name: "path length 0, exceeded", edges: "Root<Root Up<Root Int<Up leaf<Int", sent: "Int Up", trusts: "Root", change: changes{"Up": pathLength(0)}},
		root("path length 0 on root", pathLength(0)),
		// Netscape certificate type: 0x80 SSL client, 0x40 SSL server.
		leaf("nsCertType server", netscapeType(0x40)), leaf("nsCertType client", netscapeType(0x80)),
		leaf("nsCertType server, no EKU", both(noEKU, netscapeType(0x40))),
		// Name constraints.
		intermediate("directory name permitted", permitDirectory("Example")),
		intermediate("directory name not permitted", permitDirectory("Other")),
		{name: "DNS name permitted", edges: one, sent: "Int", trusts: "Root", change: changes{"Int": permitDNS("example.org"), "leaf": func(c *x509.Certificate) { c.DNSNames = []string{"a.example.org"} }}},
		{name: "DNS name not permitted", edges: one, sent: "Int", trusts: "Root", change: changes{"Int": permitDNS("example.org"), "leaf": func(c *x509.Certificate) { c.DNSNames = []string{"a.example.com"} }}},
		{name: "DNS name in CN not permitted", edges: one, sent: "Int", trusts: "Root", change: changes{"Int": permitDNS("example.org"), "leaf": commonName(func(string) string { return "cn-not-permitted.example.com" })}},
		{name: "DNS constraint, no DNS name", edges: one, sent: "Int", trusts: "Root", change: changes{"Int": permitDNS("example.org")}},
		{name: "DNS name not permitted by root", edges: one, sent: "Int", trusts: "Root", change: changes{"Root": both(permitDNS("example.org"), func(c *x509.Certificate) { c.PermittedDNSDomainsCritical = false }), "leaf": func(c *x509.Certificate) { c.DNSNames = []string{"a.example.com"} }}},
		{name: "email not permitted", edges: one, sent: "Int", trusts: "Root", change: changes{
			"Int": func(c *x509.Certificate) {
				c.PermittedEmailAddresses, c.PermittedDNSDomainsCritical = []string{"example.org"}, true
			},
			"leaf": func(c *x509.Certificate) { c.EmailAddresses = []string{"a@example.com"} }}},
		{name: "DNS name not permitted, not critical", edges: one, sent: "Int", trusts: "Root", change: changes{"Int": both(permitDNS("example.org"), func(c *x509.Certificate) { c.PermittedDNSDomainsCritical = false }), "leaf": func(c *x509.Certificate) { c.DNSNames = []string{"a.example.com"} }}},
		{name: "DNS name excluded", edges: one, sent: "Int", trusts: "Root", change: changes{
			"Int": func(c *x509.Certificate) {
				c.ExcludedDNSDomains, c.PermittedDNSDomainsCritical = []string{"example.com"}, true
			},
			"leaf": func(c *x509.Certificate) { c.DNSNames = []string{"a.example.com"} }}},
		// Extensions and policies.
		leaf("unknown critical extension on leaf", extension(true, []byte{5, 0}, 1, 3, 6, 1, 4, 1, 55555, 1)),
		intermediate("unknown critical extension on intermediate", extension(true, []byte{5, 0}, 1, 3, 6, 1, 4, 1, 55555, 1)),
		leaf("unknown extension on leaf", extension(false, []byte{5, 0}, 1, 3, 6, 1, 4, 1, 55555, 1)),
		intermediate("policy required, none there", extension(true, []byte{0x30, 3, 0x80, 1, 0}, 2, 5, 29, 36)),
		// Keys and signatures.
		keyed("RSA 2048 leaf", keys{"leaf": rsaKey(2048)}, nil),
		keyed("RSA 1024 leaf", keys{"leaf": rsaKey(1024)}, nil),
		keyed("RSA 1024 intermediate", keys{"Int": rsaKey(1024)}, nil),
		keyed("RSA 1024 root", keys{"Root": rsaKey(1024)}, nil),
		keyed("RSA 4096 intermediate", keys{"Int": rsaKey(4096)}, nil),
		keyed("Ed25519 leaf", keys{"leaf": edKey}, nil),
		keyed("Ed25519 intermediate", keys{"Int": edKey}, nil),
		keyed("P-384 leaf", keys{"leaf": ecKey(elliptic.P384())}, nil),
		keyed("P-521 leaf", keys{"leaf": ecKey(elliptic.P521())}, nil),
		keyed("P-521 intermediate", keys{"Int": ecKey(elliptic.P521())}, nil),
		keyed("P-224 intermediate", keys{"Int": ecKey(elliptic.P224())}, nil),
		keyed("leaf signed with RSA-PSS", keys{"Int": rsaKey(2048)}, changes{"leaf": algorithm(x509.SHA256WithRSAPSS)}),
		keyed("leaf signed with SHA-1", keys{"Int": rsaKey(2048)}, changes{"leaf": algorithm(x509.SHA1WithRSA)}),
		keyed("intermediate signed with SHA-1", keys{"Root": rsaKey(2048)}, changes{"Int": algorithm(x509.SHA1WithRSA)}),
		keyed("root signed with SHA-1", keys{"Root": rsaKey(2048)}, changes{"Root": algorithm(x509.SHA1WithRSA)}),
		{name: "intermediate signed with MD5", edges: one, sent: "Int", trusts: "Root", keys: keys{"Root": rsaKey(2048)}, md5: "Int"},
		{name: "leaf signed with MD5", edges: one, sent: "Int", trusts: "Root", keys: keys{"Int": rsaKey(2048)}, md5: "leaf leaf<Int"},
		{name: "root signed with MD5", edges: one, sent: "Int", trusts: "Root", keys: keys{"Root": rsaKey(2048)}, md5: "Root"},
		{name: "leaf with a wrong signature", edges: one, sent: "Int", trusts: "Root", forged: "leaf<Int"},
		{name: "intermediate with a wrong signature", edges: one, sent: "Int", trusts: "Root", forged: "Int"},
		{name: "root with a wrong signature", edges: one, sent: "Int", trusts: "Root", forged: "Root"},
		// Authority key identifiers.
		leaf("other key identifier", keyIdentifier(0x80, 4, 1, 2, 3, 4)),
		leaf("other issuer and serial number", keyIdentifier(slices.Concat([]byte{0xa1, 16, 0xa4, 14}, mustDER(pkix.Name{Organization: []string{"X"}}.ToRDNSequence()), []byte{0x82, 1, 5})...)),
		leaf("other key identifier, no other", keyIdentifier(0x80, 1, 9)),
		intermediate("other key identifier on intermediate", keyIdentifier(0x80, 4, 1, 2, 3, 4)),
		{name: "no key identifier", edges: one, sent: "Int", trusts: "Root", unidentified: "leaf"},
		// Names.
		{name: "root's name in UTF8String", edges: "Root<Root Root<Root' Int<Root leaf<Int", sent: "Int", trusts: "Root<Root'", change: changes{"Root<Root'": certtest.UTF8Subject}},
		{name: "intermediate's name in UTF8String", edges: "Root<Root Int<Root Int<Root' leaf<Int", sent: "Int<Root'", trusts: "Root", change: changes{"Int<Root'": certtest.UTF8Subject}},
		{name: "root's name in other case", edges: "Root<Root Root<Root' Int<Root leaf<Int", sent: "Int", trusts: "Root<Root'", change: changes{"Root<Root'": commonName(strings.ToUpper)}},
		{name: "intermediate's name in other case", edges: "Root<Root Int<Root Int<Root' leaf<Int", sent: "Int<Root'", trusts: "Root", change: changes{"Int<Root'": commonName(strings.ToUpper)}},
		{name: "root's name with more spaces", edges: "Root<Root Root<Root' Int<Root leaf<Int", sent: "Int", trusts: "Root<Root'", change: changes{"Root<Root'": commonName(func(s string) string { return strings.ReplaceAll(s, " ", "  ") })}},
		{name: "intermediate's name with more spaces", edges: "Root<Root Int<Root Int<Root' leaf<Int", sent: "Int<Root'", trusts: "Root", change: changes{"Int<Root'": commonName(func(s string) string { return strings.ReplaceAll(s, " ", "  ") })}},
		leaf("empty subject", func(c *x509.Certificate) { c.Subject, c.DNSNames = pkix.Name{}, []string{"a.example.org"} }),
		// Pinned and self-signed.
		{name: "self-signed leaf trusted", edges: "leaf<leaf", trusts: "leaf", change: changes{"leaf": func(c *x509.Certificate) {
			c.IsCA, c.KeyUsage, c.ExtKeyUsage = false, x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		}}},
		{name: "self-signed CA leaf trusted", edges: "leaf<leaf", trusts: "leaf", change: changes{"leaf": usage(x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature)}},
		{name: "self-signed leaf unknown", edges: "Root<Root leaf<leaf", trusts: "Root", change: changes{"leaf": func(c *x509.Certificate) { c.IsCA, c.KeyUsage = false, x509.KeyUsageDigitalSignature }}},
		{name: "leaf trusted, its issuer not", edges: one, sent: "Int", trusts: "leaf"},
		{name: "leaf trusted, nothing sent", edges: one, trusts: "leaf"},
		{name: "leaf trusted beside its root", edges: one, sent: "Int", trusts: "Root leaf"},
		{name: "leaf trusted and expired", edges: one, sent: "Int", trusts: "leaf", change: changes{"leaf": expired}},
		{name: "leaf named like its issuer", edges: "Root<Root Int<Root Int#2<Int", sent: "Int", trusts: "Root"},
		{name: "leaf named like its issuer, with a key identifier", edges: "Root<Root Int<Root Int#2<Int", sent: "Int", trusts: "Root", change: changes{"Int#2": func(c *x509.Certificate) { c.SubjectKeyId = []byte{1, 2, 3} }}},
		{name: "leaf named like its root", edges: "Root<Root Root#2<Root", trusts: "Root"},
		// Loops of cross-signed CAs, with a way out.
		{name: "loop with a way out last", edges: "Root<Root Y<Y X<Y Y<X X<Root leaf<X", sent: "X<Y Y<X X<Root", trusts: "Root"},
	}
	for _, n := range []int{2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13} {
		edges, sent := ladder(n)
		cases = append(cases, chainCase{name: "intermediates: " + string(rune('0'+n/10)) + string(rune('0'+n%10)), edges: edges, sent: sent, trusts: "Root"})
	}
	cases = append(cases, meshes(120)...)
	slices.SortStableFunc(cases, func(a, b chainCase) int { return boolOrder(isLoop(a.name)) - boolOrder(isLoop(b.name)) })
	return cases
}

// isLoop says that a case is one that keeps a server busy for good: it comes last.
func isLoop(name string) bool { return strings.HasPrefix(name, "loop") }

func boolOrder(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestChainCases(t *testing.T) {
	seen := make(map[string]bool)
	for _, c := range chainCases() {
		if seen[c.name] {
			t.Errorf("two cases are named %q", c.name)
		}
		seen[c.name] = true
		m := c.make(certtest.Now)
		if len(m.trusted) == 0 || m.leaf == nil {
			t.Errorf("%s: nothing is trusted, or no leaf", c.name)
		}
		for _, cert := range m.trusted {
			if cert.Subject.String() != "" && !strings.Contains(strings.ToLower(cert.Subject.CommonName), strings.ToLower(c.name[:3])) {
				t.Errorf("%s: trusts %s", c.name, cert.Subject)
			}
		}
	}
	t.Logf("%d cases", len(seen))
}
