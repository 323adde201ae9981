package chain

import (
	"crypto/x509"
	"fmt"
	"slices"
	"time"
)

// A Path leads from a leaf upwards, each certificate issued, by name, by the
// next one.
type Path struct {
	// Certificates start with the leaf. The last one is self-issued, or its
	// issuer is not at hand, or the way went on in a circle.
	Certificates []*Certificate
	// Breaks are the reasons why the path does not hold; none for a valid path.
	Breaks []Break
}

// A Break is one reason at one certificate of a path.
type Break struct {
	// Index of the certificate concerned: for Signature the one whose signature
	// its successor's key did not make.
	Index  int
	Reason Reason
	Detail string
}

// A Reason says what breaks a path.
type Reason string

// The reasons why a path breaks, with the rule that it breaks.
const (
	Signature   Reason = "signature"           // RFC 5280, Section 6.1.3 (a)(1)
	Expired     Reason = "expired"             // RFC 5280, Section 6.1.3 (a)(2)
	NotYetValid Reason = "not yet valid"       // RFC 5280, Section 6.1.3 (a)(2)
	NotCA       Reason = "not a CA"            // RFC 5280, Section 6.1.4 (k)
	MaySign     Reason = "may not sign"        // RFC 5280, Section 6.1.4 (n)
	Length      Reason = "path too long"       // RFC 5280, Section 6.1.4 (m)
	ClientAuth  Reason = "not for client auth" // no RFC rule: what all TLS stacks do with extKeyUsage of a CA
)

// HoldsUpTo reports whether nothing breaks the path up to and including the
// certificate with the index.
func (p *Path) HoldsUpTo(index int) bool {
	for _, b := range p.Breaks {
		if b.Index < index || b.Index == index && b.Reason != Signature {
			return false
		}
	}
	return true
}

// Bounds on one search. A real hierarchy stays far below; a hostile mesh of
// cross-certificates is cut, and the result says so.
const (
	maxDepth = 12
	maxPaths = 256
	maxSteps = 20_000
)

// A Search is the outcome of [Graph.Paths].
type Search struct {
	Paths []Path
	// Cut says that there was more than the bounds on work allow.
	Cut bool
}

// Paths returns the ways from the leaf to the authorities at hand, judged as of
// now. Paths through certificates of the same name and another key are returned,
// broken, only where no key of that name made the signature.
func (g *Graph) Paths(leaf *x509.Certificate, now time.Time) Search {
	start := g.byRaw[string(leaf.Raw)]
	if start == nil {
		start = &Certificate{Certificate: leaf, issuer: g.Key(leaf.RawIssuer)}
	}
	w := walk{graph: g, now: now}
	w.climb(append(make([]*Certificate, 0, 4), start), nil)
	return w.found
}

type walk struct {
	graph *Graph
	now   time.Time
	steps int
	found Search
}

// climb extends the path by every certificate that may have issued its last one.
func (w *walk) climb(path []*Certificate, breaks []Break) {
	last := path[len(path)-1]
	if w.steps++; w.steps > maxSteps || len(w.found.Paths) >= maxPaths || len(path) > maxDepth {
		w.found.Cut = true
		return
	}
	parents, signatureErr := w.parents(path, last)
	if len(parents) == 0 {
		w.found.Paths = append(w.found.Paths, Path{Certificates: slices.Clone(path), Breaks: slices.Clone(breaks)})
		return
	}
	for _, parent := range parents {
		next := breaks
		if signatureErr != nil {
			next = append(slices.Clip(next), Break{len(path) - 1, Signature,
				fmt.Sprintf("the key of the %s at hand did not make the signature", describe(parent))})
		}
		next = w.judge(parent, len(path), path, next)
		w.climb(append(path, parent), next)
	}
}

func describe(c *Certificate) string {
	if c.Source == "" {
		return "certificate"
	}
	return fmt.Sprintf("certificate in %q", c.Source)
}

// parents returns the certificates of the nodes whose key signed c; if none did,
// those of the same name with the error.
func (w *walk) parents(path []*Certificate, c *Certificate) (parents []*Certificate, signatureErr error) {
	if c.node != nil && c.issuer == c.node.subject && w.graph.verify(c, c.node) == nil {
		return nil, nil // self-signed: the top
	}
	var broken []*Certificate
	for _, n := range w.graph.bySubject[c.issuer] {
		if slices.ContainsFunc(path, func(p *Certificate) bool { return p.node == n }) {
			continue
		}
		if err := w.graph.verify(c, n); err != nil {
			broken, signatureErr = append(broken, n.certs...), err
			continue
		}
		parents = append(parents, n.certs...)
	}
	if len(parents) > 0 || signatureErr == nil {
		return parents, nil
	}
	return broken, signatureErr
}

// judge appends what is wrong with c as the issuer at the index.
func (w *walk) judge(c *Certificate, index int, path []*Certificate, breaks []Break) []Break {
	add := func(reason Reason, detail string) {
		breaks = append(slices.Clip(breaks), Break{index, reason, detail})
	}
	switch {
	case w.now.After(c.NotAfter):
		add(Expired, "since "+c.NotAfter.UTC().Format(time.DateOnly))
	case w.now.Before(c.NotBefore):
		add(NotYetValid, "before "+c.NotBefore.UTC().Format(time.DateOnly))
	}
	if c.Version >= 3 && !(c.BasicConstraintsValid && c.IsCA) {
		add(NotCA, "basicConstraints does not say CA")
	}
	if c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0 {
		add(MaySign, "keyUsage lacks keyCertSign")
	}
	if limit, has := pathLength(c.Certificate); has && intermediates(path) > limit {
		add(Length, fmt.Sprintf("pathLenConstraint is %d, %d intermediates stand below", limit, intermediates(path)))
	}
	if !ForClientAuth(c.Certificate) {
		add(ClientAuth, "extKeyUsage lacks clientAuth")
	}
	return breaks
}

func pathLength(c *x509.Certificate) (limit int, has bool) {
	return c.MaxPathLen, c.BasicConstraintsValid && (c.MaxPathLen > 0 || c.MaxPathLen == 0 && c.MaxPathLenZero)
}

// intermediates counts those between the leaf and the next certificate that are
// not self-issued.
func intermediates(path []*Certificate) int {
	n := 0
	for _, c := range path[1:] {
		if c.node == nil || c.issuer != c.node.subject {
			n++
		}
	}
	return n
}

// ForClientAuth reports whether the certificate's extKeyUsage allows TLS client
// authentication; without the extension it does (RFC 5280, Section 4.2.1.12).
func ForClientAuth(c *x509.Certificate) bool {
	if len(c.ExtKeyUsage) == 0 && len(c.UnknownExtKeyUsage) == 0 {
		return true
	}
	return slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
}
