// Package chain finds the ways from an end-entity certificate to the
// authorities: every path, and for a path that almost exists, why it does not.
//
// Call [NewGraph] with every certificate at hand, then [Graph.Paths] for each
// leaf. The graph's nodes are CA identities, a subject name with a public key;
// its edges are certificates. An intermediate that two roots have signed is one
// node with two edges; a CA that changed its key is two nodes of one name.
//
// The package calls no clock and no network. Names join under RFC 5280,
// Section 7.1, so that it sees paths that a client comparing bytes does not;
// each [Join] says which of the two it is.
package chain

import (
	"crypto/x509"
	"sync"

	"mtlsprobe/certstore"
)

// A Graph holds authorities. It remembers which signatures hold, so that each
// is verified once however many leaves ask. Once all are added it is safe for concurrent use.
type Graph struct {
	bySubject map[string][]*node
	byKeyID   map[string][]*node // by subject key identifier
	byRaw     map[string]*Certificate

	mu       sync.Mutex        // of what follows
	names    map[string]string // NameKey by raw DER
	verified map[signature]error
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
	// Origin is the strongest of those who brought it.
	Origin certstore.Origin
	node   *node
	issuer string  // as NameKey
	limits *limits // of its name constraints
}

// NewGraph makes a graph of the authorities. The same certificate from several
// sources counts once, with its first source.
func NewGraph(authorities ...certstore.Authority) *Graph {
	g := &Graph{
		bySubject: make(map[string][]*node),
		byKeyID:   make(map[string][]*node),
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
	if known := g.byRaw[string(a.Certificate.Raw)]; known != nil {
		if a.Origin.Rank() > known.Origin.Rank() {
			known.Origin = a.Origin
		}
		return
	}
	c := &Certificate{
		Certificate: a.Certificate, Source: a.Source, Origin: a.Origin,
		node:   g.node(g.Key(a.Certificate.RawSubject), string(a.Certificate.RawSubjectPublicKeyInfo)),
		issuer: g.Key(a.Certificate.RawIssuer),
		limits: nameLimits(a.Certificate),
	}
	c.node.certs = append(c.node.certs, c)
	g.byRaw[string(a.Certificate.Raw)] = c
	if id := string(c.SubjectKeyId); id != "" {
		g.byKeyID[id] = append(g.byKeyID[id], c.node)
	}
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
	g.mu.Lock()
	defer g.mu.Unlock()
	key, ok := g.names[string(name)]
	if !ok {
		key = certstore.NameKey(name)
		g.names[string(name)] = key
	}
	return key
}

// Named returns the certificates at hand whose subject is the name, under
// RFC 5280, Section 7.1.
func (g *Graph) Named(name []byte) []*Certificate {
	var certs []*Certificate
	for _, n := range g.bySubject[g.Key(name)] {
		certs = append(certs, n.certs...)
	}
	return certs
}

// A Kinship says how two certificates that are easily taken for one another
// are related.
type Kinship string

// The kinships. Stranger is everything else, a certificate and itself included.
const (
	Stranger    Kinship = ""
	CrossSigned Kinship = "cross-signed" // same subject and key, another issuer
	Reissued    Kinship = "re-issued"    // same subject, key and issuer
	Rekeyed     Kinship = "re-keyed"     // same subject, another key
	Renamed     Kinship = "renamed"      // same key, another subject
)

// Kinship returns how b is related to a.
func (g *Graph) Kinship(a, b *x509.Certificate) Kinship {
	sameKey := string(a.RawSubjectPublicKeyInfo) == string(b.RawSubjectPublicKeyInfo)
	sameName := g.Key(a.RawSubject) == g.Key(b.RawSubject)
	switch {
	case a.Equal(b), !sameKey && !sameName:
		return Stranger
	case !sameKey:
		return Rekeyed
	case !sameName:
		return Renamed
	case g.Key(a.RawIssuer) == g.Key(b.RawIssuer):
		return Reissued
	}
	return CrossSigned
}

// verify returns nil if the node's key made the certificate's signature.
func (g *Graph) verify(child *Certificate, parent *node) error {
	if child.node == nil { // a leaf: asked once, not remembered
		return verifySignature(child.Certificate, parent.certs[0].Certificate)
	}
	key := signature{child, parent}
	g.mu.Lock()
	err, known := g.verified[key]
	g.mu.Unlock()
	if !known {
		err = verifySignature(child.Certificate, parent.certs[0].Certificate)
		g.mu.Lock()
		g.verified[key] = err
		g.mu.Unlock()
	}
	return err
}
