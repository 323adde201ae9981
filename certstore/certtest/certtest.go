// Package certtest makes certificates for tests and for the built-in
// demonstration. A PKI is declared as edges, each one certificate: who is
// certified and by whom. Nodes are named, and a node keeps its key, so a
// cross-signed intermediate is simply two edges with one subject.
//
// The same seed gives the same keys and, byte for byte, the same certificates.
// They protect nothing.
package certtest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"strings"
	"time"
)

// Now is the fixed clock of the tests: certificates made without a Mutate are
// valid from a year before to a year after it.
var Now = time.Date(2026, time.June, 15, 12, 0, 0, 0, time.UTC)

// An Edge declares one certificate.
type Edge struct {
	// Subject and Issuer name nodes; equal means self-signed. "Root#2" is a node
	// with the distinguished name of "Root" and a key of its own.
	Subject, Issuer string
	// Name is how [PKI.Cert] finds the certificate. Empty means "Subject", or
	// "Subject<Issuer" where an earlier edge has taken that name.
	Name string
	// Key is the subject's; nil for a P-256 key derived from the seed and the name.
	Key crypto.Signer
	// Unidentified leaves out the authority key identifier.
	Unidentified bool
	// Mutate, if set, changes the template before it is signed.
	Mutate func(*x509.Certificate)
}

// A PKI is a set of made certificates.
type PKI struct {
	seed  string
	keys  map[string]crypto.Signer
	certs map[string]*x509.Certificate
}

// New makes the certificates at the fixed clock. It panics if the edges are
// wrong, for they are written by a programmer: an issuer without a certificate
// before it, or one name twice.
func New(edges ...Edge) *PKI { return NewAt("certtest", Now, edges...) }

// NewAt is [New] with a seed and a clock.
//
// A node that issues any certificate is a CA; the others are end entities for
// client authentication.
func NewAt(seed string, now time.Time, edges ...Edge) *PKI {
	p := &PKI{seed: seed, keys: make(map[string]crypto.Signer), certs: make(map[string]*x509.Certificate)}
	authorities := make(map[string]bool)
	for _, e := range edges {
		authorities[e.Issuer] = true
		if e.Key != nil {
			p.keys[e.Subject] = e.Key
		}
	}
	subjects := make(map[string]*x509.Certificate) // the latest certificate of each node
	for i, e := range edges {
		template := template(e.Subject, authorities[e.Subject], now)
		template.SerialNumber = big.NewInt(int64(1000 + i))
		if e.Mutate != nil {
			e.Mutate(template)
		}
		parent := template
		if e.Issuer != e.Subject {
			if parent = subjects[e.Issuer]; parent == nil {
				panic(fmt.Sprintf("certtest: %s is issued by %s, which has no certificate yet", e.Subject, e.Issuer))
			}
		}
		if e.Unidentified {
			unnamed := *parent
			unnamed.SubjectKeyId = nil
			parent = &unnamed
		}
		cert := sign(template, parent, p.Signer(e.Subject).Public(), p.Signer(e.Issuer))
		if subjects[e.Subject] == nil {
			subjects[e.Subject] = cert
		}
		p.add(e, cert)
	}
	return p
}

func (p *PKI) add(e Edge, cert *x509.Certificate) {
	name := e.Name
	if name == "" {
		name = e.Subject
		if p.certs[name] != nil {
			name += "<" + e.Issuer
		}
	}
	if p.certs[name] != nil {
		panic(fmt.Sprintf("certtest: two certificates are named %s", name))
	}
	p.certs[name] = cert
}

func template(node string, authority bool, now time.Time) *x509.Certificate {
	commonName, _, _ := strings.Cut(node, "#")
	t := &x509.Certificate{
		Subject:               pkix.Name{CommonName: commonName, Organization: []string{"Example"}},
		NotBefore:             now.AddDate(-1, 0, 0),
		NotAfter:              now.AddDate(1, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	if authority {
		t.IsCA = true
		t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
		t.ExtKeyUsage = nil
	}
	return t
}

// sign makes the certificate. Without a source of randomness ECDSA signatures
// are deterministic (RFC 6979); RSASSA-PSS cannot do without.
func sign(template, parent *x509.Certificate, subject crypto.PublicKey, issuer crypto.Signer) *x509.Certificate {
	var random io.Reader
	if _, ok := issuer.(*ecdsa.PrivateKey); !ok {
		random = rand.Reader
	}
	der, err := x509.CreateCertificate(random, template, parent, subject, issuer)
	if err != nil {
		panic(fmt.Sprintf("certtest: signing %s: %v", template.Subject, err))
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(fmt.Sprintf("certtest: parsing %s: %v", template.Subject, err))
	}
	return cert
}

// Key returns the P-256 key of a node without one of its own, derived from the seed and the node's name. It
// panics for other nodes, which [PKI.Signer] is for.
func (p *PKI) Key(node string) *ecdsa.PrivateKey { return p.Signer(node).(*ecdsa.PrivateKey) }

// Signer returns the node's key.
func (p *PKI) Signer(node string) crypto.Signer {
	if key := p.keys[node]; key != nil {
		return key
	}
	scalar := sha256.Sum256([]byte(p.seed + "\x00" + node))
	scalar[0] &= 0x7f // below the order of P-256
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar[:])
	if err != nil {
		panic(fmt.Sprintf("certtest: key of %s: %v", node, err))
	}
	p.keys[node] = key
	return key
}

// Cert returns the certificate of that name and panics if there is none.
func (p *PKI) Cert(name string) *x509.Certificate {
	cert := p.certs[name]
	if cert == nil {
		panic(fmt.Sprintf("certtest: no certificate is named %s", name))
	}
	return cert
}

// Certs returns the certificates of those names.
func (p *PKI) Certs(names ...string) []*x509.Certificate {
	certs := make([]*x509.Certificate, len(names))
	for i, name := range names {
		certs[i] = p.Cert(name)
	}
	return certs
}

// CertPEM returns the certificates of those names as PEM, in that order.
func (p *PKI) CertPEM(names ...string) []byte {
	var b bytes.Buffer
	for _, cert := range p.Certs(names...) {
		b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
	}
	return b.Bytes()
}

// KeyPEM returns the node's key as PEM in PKCS#8.
func (p *PKI) KeyPEM(node string) []byte {
	der, err := x509.MarshalPKCS8PrivateKey(p.Signer(node))
	if err != nil {
		panic(fmt.Sprintf("certtest: key of %s: %v", node, err))
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// Reencode returns the distinguished name with every PrintableString and
// UTF8String value given the tag, which must be one of the two: the same name
// for RFC 5280, Section 7.1, and another one for programs that compare bytes.
func Reencode(name []byte, tag int) []byte {
	var outer []asn1.RawValue
	if _, err := asn1.Unmarshal(name, &outer); err != nil {
		panic(fmt.Sprintf("certtest: re-encoding a name: %v", err))
	}
	var b []byte
	for _, set := range outer {
		rest := set.Bytes
		var content []byte
		for len(rest) > 0 {
			var pair struct {
				Type  asn1.ObjectIdentifier
				Value asn1.RawValue
			}
			var err error
			if rest, err = asn1.Unmarshal(rest, &pair); err != nil {
				panic(fmt.Sprintf("certtest: re-encoding a name: %v", err))
			}
			if pair.Value.Tag == asn1.TagPrintableString || pair.Value.Tag == asn1.TagUTF8String {
				pair.Value = asn1.RawValue{Tag: tag, Bytes: pair.Value.Bytes}
			}
			content = append(content, marshal(pair)...)
		}
		b = append(b, marshal(asn1.RawValue{Tag: asn1.TagSet, IsCompound: true, Bytes: content})...)
	}
	return marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: b})
}

// UTF8Subject is a Mutate that encodes the subject's strings as UTF8String where
// crypto/x509 would choose PrintableString.
func UTF8Subject(c *x509.Certificate) {
	c.RawSubject = Reencode(marshal(c.Subject.ToRDNSequence()), asn1.TagUTF8String)
}

func marshal(v any) []byte {
	der, err := asn1.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("certtest: encoding: %v", err))
	}
	return der
}
