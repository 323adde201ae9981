package stack

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"slices"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/probe/match"
	"mtlsprobe/report/say"
)

// maxClimb bounds the paths that a client is thought to build.
const maxClimb = 20

// names compares the server's list as the stack does.
func (p *Predictor) names(profile *Profile, i *certstore.Identity) *Prediction {
	if _, free := i.Leaf.PublicKey.(ed25519.PublicKey); profile.Names == foldedStoredTo12 &&
		p.question.Request.Version >= tls.VersionTLS13 && !free {
		return &Prediction{Sends: say.No, Action: Declines,
			Reason: say.Text("in TLS 1.3 the strict check also wants a certificate type, which no request has there"),
			Remedy: say.Text("turn the strict flag off")}
	}
	if len(p.named) == 0 || profile.Names == Ignored {
		return nil
	}
	withheld := &Prediction{Sends: say.No, Action: Declines}
	sent := i.Chain
	if profile.Chain == sorted {
		sent = sortedChain(i)
	}
	switch profile.Names {
	case rawStored:
		if p.stored(i.Leaf, sent, p.raw, rawKey) {
			return nil
		}
		withheld.Reason, withheld.Remedy = say.Text("no issuer in the stored chain is on the list, byte for byte"),
			p.storedRemedy(i)
	case foldedStored, foldedStoredTo12:
		if p.stored(i.Leaf, sent, p.folded, p.question.Graph.Key) {
			return nil
		}
		withheld.Reason, withheld.Remedy = say.Text("no issuer in the stored chain is on the list"), p.storedRemedy(i)
	case textBuilt, rawBuilt:
		return p.built(profile, i)
	case rawAll:
		if p.anyPath(i.Leaf, i, rawKey, p.raw, profile.Gate.PathDates) {
			return nil
		}
		withheld.Reason, withheld.Remedy = say.Text("no path that can be built has a name that is on the list, byte for "+
			"byte"), say.Text("import the intermediates up to a named CA into the client's store")
	case foldedAll:
		if p.anyPath(i.Leaf, i, p.question.Graph.Key, p.folded, false) {
			return nil
		}
		withheld.Reason, withheld.Remedy = say.Text("no path that can be built has a name on the list"),
			say.Text("import the intermediates up to a named CA into the client's store")
	case rawAbove13:
		if p.question.Request.Version < tls.VersionTLS13 || len(sent) == 0 || p.stored(sent[0], sent[1:], p.raw, rawKey) {
			return nil
		}
		withheld.Reason = say.Text("no issuer of the CA certificates in the file is on the list, byte for byte; the leaf's " +
			"own issuer does not count")
		withheld.Remedy = say.Text("put the CA certificates up to the one below a named CA into the file")
	case engineBest:
		return p.engine(i)
	}
	return withheld
}

// built compares the list with the one path that a client builds, by the newest issuers.
func (p *Predictor) built(profile *Profile, i *certstore.Identity) *Prediction {
	withheld := &Prediction{Sends: say.No, Action: Declines}
	accepted, key := p.raw, rawKey
	if profile.Names == textBuilt {
		accepted, key = p.text, certstore.NameString
	}
	walked := p.walk(i, accepted, key)
	switch {
	case walked.tied && p.anyPath(i.Leaf, i, key, accepted, false):
		return &Prediction{Sends: say.Unknown, Action: NotKnown,
			Reason: say.Text("several issuers of one name are equally new, and not all ways need lead to a CA on the list: " +
				"which one this client prefers is not known here"),
			Remedy: say.Text("leave only the path to the named CA in the client's store")}
	case walked.found:
		return nil
	}
	withheld.Reason = say.Text("no issuer on the path that this client builds is on the list")
	withheld.Remedy = say.Text("import the intermediates up to a named CA into the client's store")
	if walked.twin != nil && !contains(i.Chain, walked.twin) { // it may not have what is at hand here
		return &Prediction{Sends: say.Unknown, Action: NotKnown,
			Reason: say.Text("if the client's store has the newer ", match.Name(walked.twin.RawSubject), ", signed by ",
				match.Name(walked.twin.RawIssuer), ", it follows that, which leads to no CA on the list"),
			Remedy: say.Text("keep that certificate out of the client's store, or have the other one issued again with a " +
				"later notBefore")}
	}
	if walked.twin != nil {
		withheld.Reason = say.Text("it builds its path through the newest ", match.Name(walked.twin.RawSubject),
			", signed by ", match.Name(walked.twin.RawIssuer), ", and that path leads to no CA on the list")
		withheld.Remedy = say.Text("remove that certificate from the client's store, or have the other one issued again " +
			"with a later notBefore")
	}
	return withheld
}

func rawKey(name []byte) string { return string(name) }

// sortedChain returns of the stored chain each one's issuer after it, the first of
// each name.
func sortedChain(i *certstore.Identity) []*x509.Certificate {
	var chain []*x509.Certificate
	for at := i.Leaf; ; {
		next := slices.IndexFunc(i.Chain,
			func(c *x509.Certificate) bool { return string(c.RawSubject) == string(at.RawIssuer) })
		if next < 0 || contains(chain, i.Chain[next]) {
			return chain
		}
		at = i.Chain[next]
		chain = append(chain, at)
	}
}

// stored asks of every issuer in the chain as stored.
func (p *Predictor) stored(leaf *x509.Certificate, chain []*x509.Certificate, accepted map[string]bool,
	key func([]byte) string) bool {
	for _, c := range append([]*x509.Certificate{leaf}, chain...) {
		if accepted[key(c.RawIssuer)] {
			return true
		}
	}
	return false
}

// storedRemedy is what helps a client that compares the stored chain.
func (p *Predictor) storedRemedy(i *certstore.Identity) say.Phrase {
	if p.stored(i.Leaf, i.Chain, p.folded, p.question.Graph.Key) {
		return say.Text("have the server's CA certificate and the issuer use one encoding of the name")
	}
	if p.anyPath(i.Leaf, i, p.question.Graph.Key, p.folded, false) {
		return say.Text("add the intermediates up to a named CA to the bundle: \"mtlsprobe fix\" writes it")
	}
	return say.Text("use a certificate issued under a named CA, or have the server name this issuer")
}

// A walked is the path that a client builds one issuer at a time.
type walked struct {
	found bool
	chain []*x509.Certificate // above the leaf, up to the one whose issuer is named
	twin  *x509.Certificate   // the first choice among several of one name
	tied  bool                // a choice was between equally new ones
}

// walk goes up by the newest issuer of each name, byte for byte, until an issuer
// is accepted.
func (p *Predictor) walk(i *certstore.Identity, accepted map[string]bool, key func([]byte) string) walked {
	var w walked
	at := i.Leaf
	for range maxClimb {
		if accepted[key(at.RawIssuer)] {
			w.found = true
			return w
		}
		choice := p.issuers(at, i)
		next, tied := newest(choice, p.question.Now)
		w.tied = w.tied || tied
		if next == nil || selfIssued(at) || contains(w.chain, next) {
			return w
		}
		if len(choice) > 1 && w.twin == nil && !selfIssued(next) {
			w.twin = next
		}
		w.chain = append(w.chain, next)
		at = next
	}
	return w
}

// anyPath asks along every path, of issuers and of the CAs' own subjects. Each
// certificate is looked at once, nearest first, up to maxDepth steps away.
func (p *Predictor) anyPath(leaf *x509.Certificate, i *certstore.Identity, key func([]byte) string,
	accepted map[string]bool, dates bool) bool {
	level := []*x509.Certificate{leaf}
	seen := make(map[string]bool)
	for range maxDepth {
		var above []*x509.Certificate
		for _, c := range level {
			if seen[string(c.Raw)] || dates && !validAt(c, p.question.Now) {
				continue
			}
			seen[string(c.Raw)] = true
			if accepted[key(c.RawIssuer)] || accepted[key(c.RawSubject)] {
				return true
			}
			if !selfIssued(c) {
				above = append(above, p.issuers(c, i)...)
			}
		}
		level = above
	}
	return false
}

// maxDepth bounds how far up every path is looked at; Apple's search has this
// bound.
const maxDepth = 10

func validAt(c *x509.Certificate, now time.Time) bool {
	return !now.Before(c.NotBefore) && !now.After(c.NotAfter)
}

// engine answers for operating systems that build one best path by a rule that
// is not known: yes if every path would do, no if none would.
func (p *Predictor) engine(i *certstore.Identity) *Prediction {
	w := &ways{predictor: p, identity: i, known: make(map[string]outcome)}
	w.from(i.Leaf)
	all, any := w.known[string(i.Leaf.Raw)].all, w.known[string(i.Leaf.Raw)].any
	switch {
	case all:
		return nil
	case any:
		return &Prediction{Sends: say.Unknown, Action: NotKnown,
			Reason: say.Text("several paths can be built, and not all lead to a CA on the list: which one the system " +
				"prefers is not known here"),
			Remedy: say.Text("leave only the path to the named CA in the client's store")}
	}
	return &Prediction{Sends: say.No, Action: Declines,
		Reason: say.Text("no path that can be built has an issuer on the list"),
		Remedy: say.Text("import the intermediates up to a named CA into the client's store")}
}

// ways asks of every way up whether it leads to a CA on the list; each
// certificate is looked at once, and a way in a circle is none.
type ways struct {
	predictor *Predictor
	identity  *certstore.Identity
	known     map[string]outcome
}

type outcome struct{ all, any, circle bool }

func (w *ways) from(c *x509.Certificate) outcome {
	if o, known := w.known[string(c.Raw)]; known {
		return o
	}
	w.known[string(c.Raw)] = outcome{circle: true}
	o := outcome{all: true}
	switch issuers := w.predictor.issuers(c, w.identity); {
	case w.predictor.folded[w.predictor.question.Graph.Key(c.RawIssuer)]:
		o.any = true
	case selfIssued(c), len(issuers) == 0:
		o.all = false
	default:
		for _, issuer := range issuers {
			if next := w.from(issuer); !next.circle {
				o.all, o.any = o.all && next.all, o.any || next.any
			}
		}
		o.all = o.all && o.any
	}
	w.known[string(c.Raw)] = o
	return o
}

// chain returns what the stack sends, or nil if that is not known.
func (p *Predictor) chain(profile *Profile, i *certstore.Identity) []*x509.Certificate {
	leaf := []*x509.Certificate{i.Leaf}
	if len(p.named) == 0 && profile.Empty == emptyMeansLeaf {
		return leaf
	}
	stored, pkcs12 := i.Chain, i.Kind == certstore.PKCS12Kind
	if i.Written != nil {
		stored = i.Written
	}
	switch profile.Chain {
	case sorted:
		return append(leaf, sortedChain(i)...)
	case sortedPKCS12:
		if pkcs12 {
			return append(leaf, sortedChain(i)...)
		}
		fallthrough
	case asStored:
		return append(leaf, stored...)
	case reversedPKCS12:
		if stored = slices.Clone(stored); pkcs12 {
			slices.Reverse(stored)
		}
		fallthrough
	case trustStore:
		if len(stored) > 0 {
			return append(leaf, stored...)
		}
		return nil // completed from a file that is not known here
	case builtNewest:
		w := p.walk(i, nil, rawKey)
		if w.tied {
			return nil
		}
		for _, c := range w.chain {
			if !selfIssued(c) {
				leaf = append(leaf, c)
			}
		}
		return leaf
	case walkedToName:
		w := p.walk(i, p.raw, rawKey)
		if w.tied {
			return nil
		}
		return append(leaf, w.chain...)
	}
	return nil
}
