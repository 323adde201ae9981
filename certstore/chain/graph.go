// Package chain finds the ways from an end-entity certificate to the
// authorities: every path, and for a path that almost exists, why it does not.
//
// Call [NewGraph] with every certificate at hand, then [Graph.Paths] for each
// leaf. The graph's nodes are CA identities, a subject name with a public key;
// its edges are certificates. An intermediate that two roots have signed is one
// node with two edges; a CA that changed its key is two nodes of one name.
//
// The package calls no clock and no network. Names join under RFC 5280,
// Section 7.1, so that it sees paths that a client comparing bytes does not.
package chain

import (
	"crypto/x509"

	"mtlsprobe/certstore"
)

// A Graph holds authorities. It remembers which signatures hold, so that each
// is verified once however many leaves ask. It is not safe for concurrent use.
type Graph struct {
	bySubject map[string][]*node
	byRaw     map[string]*Certificate
	names     map[string]string // NameKey by raw DER
	verified  map[signature]error
}

// A node is a CA identity.
type node struct {
	subject string // as NameKey
	spki    string
	certs   []*Certificate // its edges: every certificate made for it
}

type signature struct {
	child  *Certificate
	parent *node
}

// A Certificate is a certificate of the graph, or a leaf.
type Certificate struct {
	*x509.Certificate
	// Source is the file or place it came from; empty for a leaf.
	Source string
	node   *node
	issuer string // as NameKey
}

// NewGraph makes a graph of the authorities. The same certificate from several
// sources counts once, with its first source.
func NewGraph(authorities ...certstore.Authority) *Graph {
	g := &Graph{
		bySubject: make(map[string][]*node),
		byRaw:     make(map[string]*Certificate),
		names:     make(map[string]string),
		verified:  make(map[signature]error),
	}
	for _, a := range authorities {
		g.Add(a)
	}
	return g
}

// Add puts one more certificate into the graph.
func (g *Graph) Add(a certstore.Authority) {
	if g.byRaw[string(a.Certificate.Raw)] != nil {
		return
	}
	c := &Certificate{
		Certificate: a.Certificate, Source: a.Source,
		node:   g.node(g.Key(a.Certificate.RawSubject), string(a.Certificate.RawSubjectPublicKeyInfo)),
		issuer: g.Key(a.Certificate.RawIssuer),
	}
	c.node.certs = append(c.node.certs, c)
	g.byRaw[string(a.Certificate.Raw)] = c
}

func (g *Graph) node(subject, spki string) *node {
	for _, n := range g.bySubject[subject] {
		if n.spki == spki {
			return n
		}
	}
	n := &node{subject: subject, spki: spki}
	g.bySubject[subject] = append(g.bySubject[subject], n)
	return n
}

// Key is [certstore.NameKey], remembered.
func (g *Graph) Key(name []byte) string {
	key, ok := g.names[string(name)]
	if !ok {
		key = certstore.NameKey(name)
		g.names[string(name)] = key
	}
	return key
}

// Twins reports whether two certificates are for the same subject and key.
func (g *Graph) Twins(a, b *x509.Certificate) bool {
	return !a.Equal(b) && string(a.RawSubjectPublicKeyInfo) == string(b.RawSubjectPublicKeyInfo) &&
		g.Key(a.RawSubject) == g.Key(b.RawSubject)
}

// verify returns nil if the node's key made the certificate's signature.
func (g *Graph) verify(child *Certificate, parent *node) error {
	if child.node == nil { // a leaf: asked once, not remembered
		return verifySignature(child.Certificate, parent.certs[0].Certificate)
	}
	key := signature{child, parent}
	err, known := g.verified[key]
	if !known {
		err = verifySignature(child.Certificate, parent.certs[0].Certificate)
		g.verified[key] = err
	}
	return err
}
