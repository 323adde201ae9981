package match

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/chain"
)

// A NamedCA says how an identity stands to one name on the request's list.
type NamedCA struct {
	Index  int // on the list
	Result Reach
	Via    Via
	// Path leads from the leaf to the named CA, or as far as it goes. Nil for
	// Unreachable.
	Path *chain.Path
	// Others are further paths that hold, up to maxOthers.
	Others []*chain.Path
	// Missing are the certificates of the path that the identity does not hold
	// and a server that knows only the named CA needs.
	Missing []*chain.Certificate
	Detail  string
	Remedy  string
}

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
	dns   map[int]string
}

// dn returns the name at the index as text, written once for all identities.
func (l *nameList) dn(index int) string {
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
				better.Others = append(have.Others[:len(have.Others):len(have.Others)], worse.alternative(better.Path)...)
				better.Others = better.Others[:min(len(better.Others), maxOthers)]
			}
			best[index] = better
		}
	}
	for p := range j.search.Paths {
		path := &j.search.Paths[p]
		for i, c := range path.Certificates {
			if i > 0 || string(c.RawSubject) == string(c.RawIssuer) {
				offer(j.Graph.Key(c.RawSubject), j.at(path, i))
			}
		}
		last := len(path.Certificates) - 1
		top := path.Certificates[last]
		if key := j.Graph.Key(top.RawIssuer); key != j.Graph.Key(top.RawSubject) {
			offer(key, j.nameOnly(path, last))
		}
	}
	named := make([]NamedCA, 0, len(best))
	for _, n := range best {
		named = append(named, n)
	}
	slices.SortFunc(named, func(a, b NamedCA) int { return a.Index - b.Index })
	return named
}

// alternative returns the path if it holds and is another one than the best.
func (n *NamedCA) alternative(best *chain.Path) []*chain.Path {
	same := func(a, b *chain.Certificate) bool { return a.Certificate.Equal(b.Certificate) }
	if n.Result != Reached || slices.EqualFunc(n.Path.Certificates, best.Certificates, same) {
		return nil
	}
	return []*chain.Path{n.Path}
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
	case n.Result == Reached && len(n.Path.Breaks) > 0: // a weak signature
		return 50 + len(n.Missing)
	case n.Result == Reached:
		return len(n.Missing)
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

// at judges the path up to the certificate of the named CA at the index. A weak
// signature is a matter of its own: whether a server takes it is its choice.
func (j *judgement) at(path *chain.Path, index int) NamedCA {
	part := path.UpTo(index)
	n := NamedCA{Result: Reached, Path: &part}
	j.sources(&n, index)
	for _, b := range part.Breaks {
		switch b.Reason {
		case chain.Weak:
			if n.Detail == "" {
				n.Detail = fmt.Sprintf("%s is %s", subject(part.Certificates[b.Index]), b.Detail)
			}
			continue
		case chain.Unverified:
			n.Result = UnknownCA
		default:
			n.Result = NearMiss
		}
		n.Detail = fmt.Sprintf("the path breaks at %s: %s, %s", subject(part.Certificates[b.Index]), b.Reason, b.Detail)
		n.Remedy = remedy(&part, b)
		break
	}
	return n
}

// remedy says what mends a break.
func remedy(p *chain.Path, b chain.Break) string {
	at := p.Certificates[b.Index]
	switch b.Reason {
	case chain.Signature:
		return fmt.Sprintf("get %s issued by the present key of %s, or let the server trust the former one", subject(at), subject(p.Certificates[b.Index+1]))
	case chain.OtherName:
		return fmt.Sprintf("get %s issued under the name %s, or let the server name and trust %s", subject(at), subject(p.Certificates[b.Index+1]), certstore.NameString(at.RawIssuer))
	case chain.Unverified:
		return "verify it with a program that knows the algorithm"
	case chain.Names:
		return fmt.Sprintf("use names that %s allows, or have another CA issue the certificate", subject(at))
	case chain.Length:
		return "have the certificate issued nearer to " + subject(at) + ", or that one issued with a larger pathLenConstraint"
	case chain.NotYetValid:
		return "wait, or set the clock right"
	}
	return "have " + describe(at) + " issued again without this defect"
}

// nameOnly is the result for the issuer of a path's top, which is not at hand.
func (j *judgement) nameOnly(path *chain.Path, last int) NamedCA {
	n := NamedCA{Result: NameOnly, Path: path, Detail: "the issuer has this name, and its certificate is not at hand to verify the signature",
		Remedy: "give the CA's certificate with --authorities to prove it"}
	j.sources(&n, last+1)
	for _, b := range path.Breaks {
		if b.Reason != chain.Weak {
			n.Result = NearMiss
			n.Detail = fmt.Sprintf("the path breaks at %s: %s, %s", subject(path.Certificates[b.Index]), b.Reason, b.Detail)
			n.Remedy = remedy(path, b)
			break
		}
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
		n.Remedy = "put " + describe(n.Missing[0]) + ", into the bundle, before or in place of the certificate with the same subject and key"
	case replaced != nil:
		n.Remedy = fmt.Sprintf("replace the one that ends %s by %s", replaced.NotAfter.UTC().Format(time.DateOnly), describe(n.Missing[0]))
	default:
		n.Remedy = "append " + describe(n.Missing[0])
	}
	for _, c := range n.Missing[1:] {
		n.Remedy += ", then " + describe(c)
	}
}

func subject(c *chain.Certificate) string { return certstore.NameString(c.RawSubject) }

// describe names a certificate so that a person finds it: subject, fingerprint,
// and file.
func describe(c *chain.Certificate) string {
	text := fmt.Sprintf("%s (sha256 %x)", subject(c), sha256.Sum256(c.Raw))
	if c.Source != "" {
		text += fmt.Sprintf(", found in %q", c.Source)
	}
	return text
}
