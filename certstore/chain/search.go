package chain

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Bounds on one search. A real hierarchy stays far below; a hostile mesh of
// cross-certificates is cut, and the result says so. What is found before is
// what breaks least, and of that the shortest.
const (
	maxDepth      = 128
	maxPaths      = 256
	maxSteps      = 20_000 // certificates looked at
	maxSignatures = 1_000  // that are of use: 0.1 s with ECDSA P-256
)

// A Search is the outcome of [Graph.Paths].
type Search struct {
	// Paths are in order of the number of their breaks, then of length.
	Paths []Path
	// Cut says that there was more than the bounds on work allow.
	Cut bool
}

// Paths returns the ways from the leaf to the authorities at hand, judged as of
// now. A way on through another key of the issuer's name, or through another
// name of its key, is returned, broken, only where no key of that name made the
// signature. The leaf's own dates and usages are not judged here.
func (g *Graph) Paths(leaf *x509.Certificate, now time.Time) Search {
	w := newWalk(g, now)
	w.push(w.start(leaf))
	for {
		s := w.pop()
		if s == nil {
			return w.found
		}
		w.extend(s)
	}
}

// An Examiner judges given paths. The bounds on work that one search has are those of all its paths
// together. It is for one goroutine.
type Examiner struct{ w *walk }

// NewExaminer judges as of now.
func (g *Graph) NewExaminer(now time.Time) *Examiner { return &Examiner{newWalk(g, now)} }

// Cut reports whether there was more to look at than the bounds allow: what was said since may be
// wrong.
func (e *Examiner) Cut() bool { return e.w.found.Cut }

// Examine returns the path that the certificates make: each one issued, or not, by the next one.
// Those after the leaf have to be in the graph.
func (e *Examiner) Examine(certs []*x509.Certificate) Path {
	w := e.w
	s := w.start(certs[0])
	for _, cert := range certs[1:] {
		c := w.graph.byRaw[string(cert.Raw)]
		i := issuer{node: c.node}
		switch i.err = w.verify(s.cert, c.node); {
		case errors.Is(i.err, errCut):
			w.found.Cut = true
			i.reason = Unverified
		case errors.Is(i.err, errUnsupported):
			i.reason = Unverified
		case i.err != nil:
			i.reason = Signature
		}
		s = w.onto(s, c, i)
	}
	c := s.cert
	p := s.path(c.node != nil && c.issuer == c.node.subject && w.verify(c, c.node) == nil)
	p.Breaks = append(p.Breaks, policy(&p)...)
	return p
}

// A step is a way from the leaf up to one certificate.
type step struct {
	cert   *Certificate
	below  *step // nil for the leaf
	index  int
	join   Join // of below to cert
	breaks []Break
	// between counts the certificates from the leaf, exclusive, to this one,
	// inclusive, that are not self-issued.
	between int
}

func (s *step) has(n *node) bool {
	for ; s != nil; s = s.below {
		if s.cert.node == n {
			return true
		}
	}
	return false
}

func (s *step) path(root bool) Path {
	p := Path{Certificates: make([]*Certificate, s.index+1), Joins: make([]Join, s.index), Root: root}
	p.Breaks = s.breaks[:len(s.breaks):len(s.breaks)]
	for ; s != nil; s = s.below {
		p.Certificates[s.index] = s.cert
		if s.below != nil {
			p.Joins[s.index-1] = s.join
		}
	}
	return p
}

// A walk is the work of one search: best first, by breaks and then by length.
type walk struct {
	graph       *Graph
	now         time.Time
	open        [][]*step // by number of breaks, each first in, first out
	steps       int
	signatures  map[signature]bool // that were of use
	comparisons int                // of names with constraints
	violations  map[[2]*Certificate]violation
	found       Search
}

func newWalk(g *Graph, now time.Time) *walk {
	return &walk{graph: g, now: now, signatures: make(map[signature]bool),
		violations: make(map[[2]*Certificate]violation)}
}

// start is the step that is the leaf alone.
func (w *walk) start(leaf *x509.Certificate) *step {
	c := w.graph.byRaw[string(leaf.Raw)]
	if c == nil {
		c = &Certificate{Certificate: leaf, issuer: w.graph.Key(leaf.RawIssuer), limits: nameLimits(leaf)}
	}
	return &step{cert: c, breaks: critical(c, 0, nil)}
}

func (w *walk) push(s *step) {
	if w.steps++; w.steps > maxSteps || s.index >= maxDepth {
		w.found.Cut = true
		return
	}
	for len(w.open) <= len(s.breaks) {
		w.open = append(w.open, nil)
	}
	w.open[len(s.breaks)] = append(w.open[len(s.breaks)], s)
}

func (w *walk) pop() *step {
	for n := range w.open {
		if len(w.open[n]) > 0 {
			s := w.open[n][0]
			w.open[n] = w.open[n][1:]
			return s
		}
	}
	return nil
}

// extend goes on from s to every certificate that may have issued its own.
func (w *walk) extend(s *step) {
	if len(w.found.Paths) >= maxPaths {
		w.found.Cut = true
		return
	}
	issuers, root := w.issuers(s)
	if len(issuers) == 0 {
		p := s.path(root)
		p.Breaks = append(p.Breaks, policy(&p)...)
		w.found.Paths = append(w.found.Paths, p)
		return
	}
	for _, i := range issuers {
		for _, c := range i.node.certs {
			w.push(w.onto(s, c, i))
		}
	}
}

// onto is the way from s to one more certificate, of the issuer, judged.
func (w *walk) onto(s *step, c *Certificate, i issuer) *step {
	next := &step{cert: c, below: s, index: s.index + 1, join: join(s.cert, c), breaks: s.breaks, between: s.between}
	if c.issuer != c.node.subject {
		next.between++
	}
	if i.reason != "" {
		next.add(Break{Index: s.index, Reason: i.reason, Detail: i.detail(c)})
	}
	if IsWeak(s.cert.SignatureAlgorithm) {
		next.add(Break{Index: s.index, Reason: Weak,
			Detail: fmt.Sprintf("signed with %v, which current TLS libraries refuse", s.cert.SignatureAlgorithm)})
	}
	w.judge(next)
	return next
}

func (s *step) add(b Break) { s.breaks = append(slices.Clip(s.breaks), b) }

// An issuer is a CA identity that may have issued a certificate.
type issuer struct {
	node   *node
	reason Reason // empty: its key made the signature, and the names agree
	err    error
}

func (i issuer) detail(c *Certificate) string {
	switch i.reason {
	case OtherName:
		return "this key made the signature under another name"
	case Unverified:
		return i.err.Error()
	}
	if c.Source == "" {
		return "the key of the certificate at hand did not make the signature"
	}
	return fmt.Sprintf("the key of the certificate in %q did not make the signature", c.Source)
}

// issuers returns who may have issued the step's certificate: those whose key
// signed it; if there are none, those of the same name, and those of another
// name whose key signed it. root says that the certificate is self-signed.
func (w *walk) issuers(s *step) (found []issuer, root bool) {
	c := s.cert
	if c.node != nil && c.issuer == c.node.subject && w.verify(c, c.node) == nil {
		return nil, true
	}
	var broken []issuer
	for _, n := range w.byHint(c, w.graph.bySubject[c.issuer]) {
		if s.has(n) {
			continue
		}
		switch err := w.verify(c, n); {
		case err == nil:
			found = append(found, issuer{node: n})
		case errors.Is(err, errCut):
			w.found.Cut = true
		case errors.Is(err, errUnsupported):
			broken = append(broken, issuer{n, Unverified, err})
		default:
			broken = append(broken, issuer{n, Signature, err})
		}
	}
	if len(found) > 0 {
		return found, false
	}
	for _, n := range w.graph.byKeyID[string(c.AuthorityKeyId)] {
		if n.subject != c.issuer && !s.has(n) && w.verify(c, n) == nil {
			return append(broken, issuer{node: n, reason: OtherName}), false
		}
	}
	return broken, false
}

// byHint puts the nodes that the authority key identifier points to first, so
// that the bound on signatures is spent well.
func (w *walk) byHint(c *Certificate, nodes []*node) []*node {
	if len(nodes) < 2 || len(c.AuthorityKeyId) == 0 {
		return nodes
	}
	fits := func(n *node) int {
		if slices.Contains(w.graph.byKeyID[string(c.AuthorityKeyId)], n) {
			return 0
		}
		return 1
	}
	nodes = slices.Clone(nodes)
	slices.SortStableFunc(nodes, func(a, b *node) int { return fits(a) - fits(b) })
	return nodes
}

var errCut = errors.New("too many signatures to verify")

func (w *walk) verify(child *Certificate, parent *node) error {
	w.signatures[signature{child, parent}] = true // also one that another search verified: what is cut depends on the leaf
	if len(w.signatures) > maxSignatures {
		return errCut
	}
	return w.graph.verify(child, parent)
}
