package match

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/chain"
	"mtlsprobe/report/say"
)

// A NamedCA says how an identity stands to one name on the request's list.
type NamedCA struct {
	Index  int // on the list
	Result Reach
	Via    Via
	// Anchor says where the certificate of that name comes from that the path ends
	// at; empty unless Reached.
	Anchor Anchor
	// Leaf says that the list names the identity's own certificate.
	Leaf bool
	// Rekeyed says that certificates of that name were given, with another key than
	// the bundle's own that the path ends at.
	Rekeyed bool
	// Path leads from the leaf to the named CA, or as far as it goes. Nil for
	// Unreachable.
	Path *chain.Path
	// Others are further paths that hold, up to maxOthers.
	Others []*chain.Path
	// Missing are the certificates of the path that the identity does not hold
	// and a server that knows only the named CA needs.
	Missing []*chain.Certificate
	Detail  say.Phrase
	Remedy  say.Phrase
}

// leads reports whether a path leads to the named CA, proved to its end or not.
func (n *NamedCA) leads() bool { return n.Result == Reached || n.Result == NameOnly }

// An Anchor says where the certificate of a named CA comes from.
type Anchor = certstore.Origin

// AnchorBundle is the identity's own copy, which proves nothing.
const AnchorBundle = certstore.FromBundle

// A Reach is the result for one named CA.
type Reach string

// How far a named CA is reached.
const (
	Reached     Reach = "reached"     // a path with every signature verified
	NameOnly    Reach = "name-only"   // it is named as issuer, and no certificate of it is at hand
	NearMiss    Reach = "near-miss"   // a path that breaks
	Unreachable Reach = "not-reached" // no path
	UnknownCA   Reach = "unknown"
)

// A Via says where the certificates of a path come from.
type Via string

// Where a path leads through.
const (
	Presented   Via = "presented"    // what the identity holds
	Local       Via = "local"        // certificates at hand that the identity lacks
	CrossSigned Via = "cross-signed" // a twin of a certificate that the identity holds
)

// A nameList is the request's list, prepared once for all identities.
type nameList struct {
	raw   [][]byte
	byKey map[string][]int
	byRaw map[string]bool
	mu    sync.Mutex
	dns   map[int]string // those that were needed
}

// dn returns the name at the index as text, written once for all identities.
func (l *nameList) dn(index int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text, ok := l.dns[index]
	if !ok {
		text = certstore.NameString(l.raw[index])
		l.dns[index] = text
	}
	return text
}

func newNameList(q *Question) *nameList {
	l := &nameList{byKey: make(map[string][]int), byRaw: make(map[string]bool), dns: make(map[int]string)}
	if q.Request == nil {
		return l
	}
	l.raw = q.Request.NamedCAs
	for i, name := range l.raw {
		key := q.Graph.Key(name)
		l.byKey[key] = append(l.byKey[key], i)
		l.byRaw[string(name)] = true
	}
	return l
}

// maxOthers is how many more paths than the best one a named CA keeps.
const maxOthers = 7

// reach finds the best result for each named CA that any path touches.
func (l *nameList) reach(j *judgement) []NamedCA {
	best := make(map[int]NamedCA)
	offer := func(key string, n NamedCA) {
		for _, index := range l.byKey[key] {
			n.Index = index
			have, ok := best[index]
			better, worse := n, have
			if ok && n.rank() >= have.rank() {
				better, worse = have, n
			}
			if ok {
				better.Others = slices.Clone(have.Others)
				if worse.isAlternative(better.Path, have.Others) && len(have.Others) < maxOthers {
					better.Others = append(better.Others, worse.Path)
				}
			}
			best[index] = better
		}
	}
	for p := range j.search.Paths {
		path := &j.search.Paths[p]
		last := len(path.Certificates) - 1
		for i, c := range path.Certificates {
			if i > 0 || path.Root && last == 0 {
				offer(j.Graph.Key(c.RawSubject), j.at(path, i))
			}
		}
		top := path.Certificates[last]
		if key := j.Graph.Key(top.RawIssuer); !path.Root && (last == 0 || key != j.Graph.Key(top.RawSubject)) {
			offer(key, j.nameOnly(path, last))
		}
	}
	if leaf := j.identity.Leaf; j.Graph.Key(leaf.RawSubject) != j.Graph.Key(leaf.RawIssuer) {
		offer(j.Graph.Key(leaf.RawSubject), NamedCA{Result: NameOnly, Leaf: true,
			Path:   &chain.Path{Certificates: []*chain.Certificate{{Certificate: leaf}}},
			Detail: say.Text("the list names the certificate itself: only a server that pins client certificates accepts that"),
			Remedy: say.Text("try it, or have the server name and trust the issuing CA")})
	}
	named := make([]NamedCA, 0, len(best))
	for _, n := range best {
		named = append(named, n)
	}
	slices.SortFunc(named, func(a, b NamedCA) int { return a.Index - b.Index })
	return named
}

// isAlternative reports whether the path holds, and is another one than the best and
// those that are noted.
func (n *NamedCA) isAlternative(best *chain.Path, noted []*chain.Path) bool {
	same := func(p *chain.Path) bool {
		return slices.EqualFunc(n.Path.Certificates, p.Certificates,
			func(a, b *chain.Certificate) bool { return a.Certificate.Equal(b.Certificate) })
	}
	return n.Result == Reached && !same(best) && !slices.ContainsFunc(noted, same)
}

// Until returns when the path to the named CA ends first, and the certificate
// that ends it. The certificate is nil without a path.
func (n *NamedCA) Until() (time.Time, *chain.Certificate) {
	var first *chain.Certificate
	if n.Path != nil {
		for _, c := range n.Path.Certificates {
			if first == nil || c.NotAfter.Before(first.NotAfter) {
				first = c
			}
		}
	}
	if first == nil {
		return time.Time{}, nil
	}
	return first.NotAfter, first
}

// rank orders results: what needs least comes first.
func (n *NamedCA) rank() int {
	switch {
	case n.Result == Reached && n.Anchor == AnchorBundle:
		return 50 + len(n.Missing)
	case n.Result == Reached:
		return len(n.Missing)
	case n.Leaf:
		return 150
	case n.Result == NameOnly && len(n.Missing) == 0:
		return 100
	case n.Result == NameOnly:
		return 100 + len(n.Missing)
	case n.Result == UnknownCA:
		return 200
	default:
		return 300 + len(n.Path.Breaks)
	}
}

// at judges the path up to the certificate of the named CA at the index.
func (j *judgement) at(path *chain.Path, index int) NamedCA {
	part := path.UpTo(index)
	n := NamedCA{Result: Reached, Path: &part}
	j.sources(&n, index)
	j.breaks(&n)
	if n.Result != Reached {
		return n
	}
	var other *chain.Certificate
	if n.Anchor, other = j.anchor(part.Certificates[index].Certificate); n.Anchor == AnchorBundle && other != nil {
		n.Result, n.Anchor, n.Rekeyed = NearMiss, "", true
		n.Detail = say.Text("the bundle's own certificate of this name has another key than ", describe(other))
		n.Remedy = say.Text("have the certificate issued again by the CA's present key, or let the server trust the " +
			"other one as well")
	}
	return n
}

// anchor says from where a certificate of the CA's name and key is at hand, and
// returns one from elsewhere than a bundle with another key, if there is one.
func (j *judgement) anchor(ca *certificate) (best Anchor, other *chain.Certificate) {
	best = AnchorBundle
	for _, c := range j.Graph.Named(ca.RawSubject) {
		switch {
		case string(c.RawSubjectPublicKeyInfo) != string(ca.RawSubjectPublicKeyInfo):
			if c.Origin.Rank() > AnchorBundle.Rank() {
				other = c
			}
		case c.Origin.Rank() > best.Rank():
			best = c.Origin
		}
	}
	return best, other
}

// breaks takes over what breaks the path: every reason, and every remedy once.
func (j *judgement) breaks(n *NamedCA) {
	if len(n.Path.Breaks) == 0 {
		return
	}
	n.Result = NearMiss
	if !slices.ContainsFunc(n.Path.Breaks, func(b chain.Break) bool { return b.Reason != chain.Unverified }) {
		n.Result = UnknownCA
	}
	var details, remedies []say.Phrase
	for _, b := range n.Path.Breaks {
		details = append(details, say.Text("the path breaks at ", subject(n.Path.Certificates[b.Index]), ": ", b.Reason,
			", ", foreignText(b.Detail)))
		remedies = append(remedies, remedy(n.Path, b))
	}
	n.Detail, n.Remedy = say.Join("; ", details...), say.Join("; ", remedies...)
}

// remedy says what fixes a break.
func remedy(p *chain.Path, b chain.Break) say.Phrase {
	at := p.Certificates[b.Index]
	switch b.Reason {
	case chain.Signature:
		return say.Text("get ", subject(at), " issued by the present key of ", subject(p.Certificates[b.Index+1]),
			", or let the server trust the former one")
	case chain.OtherName:
		return say.Text("get ", subject(at), " issued under the name ", subject(p.Certificates[b.Index+1]),
			", or let the server name and trust ", Name(at.RawIssuer))
	case chain.Unverified:
		return say.Text("verify it with a program that knows the algorithm")
	case chain.Names:
		return say.Text("use names that ", subject(at), " allows, or have another CA issue the certificate")
	case chain.Length:
		return say.Text("have the certificate issued closer to ", subject(at),
			", or have that one issued with a larger pathLenConstraint")
	case chain.NotYetValid:
		return say.Text("wait until then, or correct the clock")
	case chain.Weak:
		return say.Text("have ", describe(at), " issued again with SHA-256")
	}
	return say.Text("have ", describe(at), " issued again without this defect")
}

// nameOnly is the result for the issuer of a path's top, which is not at hand.
func (j *judgement) nameOnly(path *chain.Path, last int) NamedCA {
	n := NamedCA{Result: NameOnly, Path: path,
		Detail: say.Text("the issuer has this name, and its certificate is not at hand to verify the signature"),
		Remedy: say.Text("add the CA's certificate with --authorities to prove it")}
	j.sources(&n, last+1)
	if len(path.Breaks) > 0 {
		j.breaks(&n)
	}
	return n
}

// sources finds out what of the path below the index the identity lacks, and
// whether a twin of something it holds takes part.
func (j *judgement) sources(n *NamedCA, index int) {
	n.Via = Presented
	var replaced *certificate // a certificate of the bundle that an issued-again one stands in for
	for _, c := range n.Path.Certificates[1:max(1, min(index, len(n.Path.Certificates)))] {
		if slices.ContainsFunc(j.identity.Chain, c.Certificate.Equal) {
			continue
		}
		n.Missing = append(n.Missing, c)
		if n.Via == Presented {
			n.Via = Local
		}
		for _, have := range j.identity.Chain {
			switch j.Graph.Kinship(have, c.Certificate) {
			case chain.CrossSigned:
				n.Via = CrossSigned
			case chain.Reissued:
				replaced = have
			}
		}
	}
	if len(n.Missing) == 0 {
		return
	}
	switch {
	case n.Via == CrossSigned:
		// OpenSSL's servers follow the first twin that was sent.
		n.Remedy = say.Text("put ", describe(n.Missing[0]),
			", into the bundle, before or in place of the certificate with the same subject and key")
	case replaced != nil:
		n.Remedy = say.Text("replace the one that ends ", say.Date(replaced.NotAfter), " by ", describe(n.Missing[0]))
	default:
		n.Remedy = say.Text("append ", describe(n.Missing[0]))
	}
	for _, c := range n.Missing[1:] {
		n.Remedy = say.Text(n.Remedy, ", then ", describe(c))
	}
}

func subject(c *chain.Certificate) say.Part { return Name(c.RawSubject) }

// name is the subject of the certificate that the path ends at.
func (n *NamedCA) name() string {
	return certstore.NameString(n.Path.Certificates[len(n.Path.Certificates)-1].RawSubject)
}

// describe names a certificate so that a person finds it: subject, fingerprint,
// and file.
func describe(c *chain.Certificate) say.Phrase {
	sum := sha256.Sum256(c.Raw)
	text := say.Text(subject(c), " (sha256 ", say.Digest(sum[:]), ")")
	if c.Source != "" {
		text = say.Text(text, ", found in ", say.File(c.Source))
	}
	return text
}

// count writes a number with its noun, as in "1 CA" and "2 CAs".
func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
