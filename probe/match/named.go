package match

import (
	"crypto/sha256"
	"fmt"
	"slices"

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
	raw    [][]byte
	byKey  map[string][]int
	byRaw  map[string]bool
	broken int // entries that are no names
	dns    map[int]string
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
		if _, err := certstore.ParseName(name); err != nil {
			l.broken++
		}
		key := q.Graph.Key(name)
		l.byKey[key] = append(l.byKey[key], i)
		l.byRaw[string(name)] = true
	}
	return l
}

// reach finds the best result for each named CA that any path touches.
func (l *nameList) reach(j *judgement) []NamedCA {
	best := make(map[int]NamedCA)
	offer := func(key string, n NamedCA) {
		for _, index := range l.byKey[key] {
			n.Index = index
			if have, ok := best[index]; !ok || n.rank() < have.rank() {
				best[index] = n
			}
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

// rank orders results: what needs least comes first.
func (n *NamedCA) rank() int {
	switch {
	case n.Result == Reached && n.Via == Presented:
		return 0
	case n.Result == Reached:
		return len(n.Missing)
	case n.Result == NameOnly && len(n.Missing) == 0:
		return 100
	case n.Result == NameOnly:
		return 100 + len(n.Missing)
	default:
		return 200 + len(n.Path.Breaks)
	}
}

// at judges the path up to the certificate of the named CA at the index.
func (j *judgement) at(path *chain.Path, index int) NamedCA {
	part := &chain.Path{Certificates: path.Certificates[:index+1]}
	for _, b := range path.Breaks {
		if b.Index < index || b.Index == index && b.Reason != chain.Signature {
			part.Breaks = append(part.Breaks, b)
		}
	}
	n := NamedCA{Result: Reached, Path: part}
	j.sources(&n, index)
	if len(part.Breaks) > 0 {
		b := part.Breaks[0]
		n.Result = NearMiss
		n.Detail = fmt.Sprintf("the path breaks at %s: %s, %s", subject(path.Certificates[b.Index]), b.Reason, b.Detail)
		n.Remedy = "replace " + describe(path.Certificates[b.Index])
		if b.Reason == chain.Signature {
			n.Remedy = fmt.Sprintf("get %s issued by the present key of %s, or let the server trust the former one",
				subject(path.Certificates[b.Index]), subject(path.Certificates[b.Index+1]))
		}
	}
	return n
}

// nameOnly is the result for the issuer of a path's top, which is not at hand.
func (j *judgement) nameOnly(path *chain.Path, last int) NamedCA {
	n := NamedCA{Result: NameOnly, Path: path, Detail: "the issuer has this name, and its certificate is not at hand to verify the signature",
		Remedy: "give the CA's certificate with --authorities to prove it"}
	j.sources(&n, last+1)
	if len(path.Breaks) > 0 {
		n.Result = NearMiss
		n.Detail = fmt.Sprintf("the path breaks at %s: %s", subject(path.Certificates[path.Breaks[0].Index]), path.Breaks[0].Reason)
	}
	return n
}

// sources finds out what of the path below the index the identity lacks, and
// whether a twin of something it holds takes part.
func (j *judgement) sources(n *NamedCA, index int) {
	n.Via = Presented
	for _, c := range n.Path.Certificates[1:max(1, min(index, len(n.Path.Certificates)))] {
		if slices.ContainsFunc(j.identity.Chain, c.Certificate.Equal) {
			continue
		}
		n.Missing = append(n.Missing, c)
		if slices.ContainsFunc(j.identity.Chain, func(have *certificate) bool { return j.Graph.Twins(have, c.Certificate) }) {
			n.Via = CrossSigned
		} else if n.Via == Presented {
			n.Via = Local
		}
	}
	if len(n.Missing) > 0 {
		n.Remedy = "append " + describe(n.Missing[0])
		if n.Via == CrossSigned {
			// OpenSSL's servers follow the first twin that was sent.
			n.Remedy = "put " + describe(n.Missing[0]) + ", into the bundle, before or in place of the certificate with the same subject and key"
		}
		for _, c := range n.Missing[1:] {
			n.Remedy += ", then " + describe(c)
		}
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
