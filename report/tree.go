package report

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"mtlsprobe/certstore/chain"
	"mtlsprobe/probe/match"
	"mtlsprobe/report/say"
)

// A Branch is one certificate on the ways up from an identity's leaf, with those
// that may have issued it. The same certificate stands on as many branches as
// ways lead through it.
type Branch struct {
	Subject   string     `json:"subject" redact:"CA"`
	SHA256    string     `json:"sha256" redact:"Fingerprint"`
	NotBefore *time.Time `json:"not_before,omitempty"`
	NotAfter  *time.Time `json:"not_after,omitempty"`
	Held      bool       `json:"held"` // the identity's own source has it
	Source    string     `json:"source,omitempty" redact:"File"`
	Root      bool       `json:"root,omitempty"`     // it is self-signed
	NamedCA   int        `json:"named_ca,omitempty"` // its number on the server's list, from 1
	// Kin says how it is related to one that is easily taken for it: cross-signed,
	// re-issued, re-keyed, renamed.
	Kin string `json:"kin,omitempty" redact:"keep"`
	// Breaks say why the way ends here, or should: what is wrong with this
	// certificate as the issuer of those below.
	Breaks  []say.Phrase `json:"breaks,omitempty"`
	Notes   []say.Phrase `json:"notes,omitempty"` // what some programs stumble on
	Issuers []*Branch    `json:"issuers,omitempty"`
}

// maxBranches bounds a tree; more than that nobody reads.
const maxBranches = 200

// tree merges the paths of a verdict into a tree. cut says that more was
// found, or that the search itself was cut.
func (n *newer) tree(v *match.Verdict) (root *Branch, cut bool) {
	t := &treeBuilder{newer: n, verdict: v, byPath: make(map[string]*Branch)}
	for p := range v.Search.Paths {
		t.add(&v.Search.Paths[p])
	}
	return t.root, t.cut || v.Search.Cut
}

type treeBuilder struct {
	*newer
	verdict *match.Verdict
	byPath  map[string]*Branch // by the fingerprints from the leaf on
	root    *Branch
	cut     bool
}

func (t *treeBuilder) add(p *chain.Path) {
	var below *Branch
	var place strings.Builder
	for i, c := range p.Certificates {
		sum := sha256.Sum256(c.Raw)
		place.Write(sum[:])
		b := t.byPath[place.String()]
		if b == nil {
			if len(t.byPath) >= maxBranches {
				t.cut = true
				return
			}
			b = t.branch(p, i, c, hex.EncodeToString(sum[:]))
			t.byPath[place.String()] = b
			if below == nil {
				t.root = b
			} else {
				below.Issuers = append(below.Issuers, b)
			}
		}
		for _, text := range breaksAt(p, i) {
			if !slices.ContainsFunc(b.Breaks, func(have say.Phrase) bool { return slices.Equal(have, text) }) {
				b.Breaks = append(b.Breaks, text)
			}
		}
		b.Root = b.Root || p.Root && i == len(p.Certificates)-1
		below = b
	}
}

func (t *treeBuilder) branch(p *chain.Path, i int, c *chain.Certificate, sum string) *Branch {
	notBefore, notAfter := c.NotBefore.UTC(), c.NotAfter.UTC()
	identity := t.verdict.Identity
	b := &Branch{Subject: t.name(c.RawSubject), SHA256: sum, NotBefore: &notBefore, NotAfter: &notAfter,
		Source: c.Source}
	b.Held = c.Certificate.Equal(identity.Leaf) || slices.ContainsFunc(identity.Chain, c.Certificate.Equal)
	if b.Held {
		b.Source = identity.Source
	}
	b.NamedCA = t.namedCA(c)
	if i == 0 {
		if t.d.JudgedAt.After(c.NotAfter) {
			b.Breaks = append(b.Breaks, say.Text("expired: since ", say.Date(notAfter)))
		}
		return b
	}
	for _, other := range t.verdict.Search.Paths {
		for _, o := range other.Certificates[1:] {
			if kin := t.verdict.Graph.Kinship(o.Certificate, c.Certificate); kin != chain.Stranger && b.Kin == "" {
				b.Kin = string(kin)
			}
		}
	}
	join := p.Joins[i-1]
	if !join.Exact {
		b.Notes = append(b.Notes, say.Text("its name is encoded differently in the certificate below"))
	}
	if join.KeyIdentifier != "" {
		b.Notes = append(b.Notes, unread(join.KeyIdentifier))
	}
	return b
}

func (t *treeBuilder) namedCA(c *chain.Certificate) int {
	if t.d.Request == nil {
		return 0
	}
	key := t.verdict.Graph.Key(c.RawSubject)
	return 1 + slices.IndexFunc(t.d.Request.NamedCAs,
		func(name []byte) bool { return t.verdict.Graph.Key(name) == key })
}

// breaksAt words what breaks the path at the certificate: its own defects, and
// that it did not issue the one below.
func breaksAt(p *chain.Path, index int) []say.Phrase {
	var texts []say.Phrase
	for _, b := range p.Breaks {
		if b.Reason.Between() && b.Index == index-1 || !b.Reason.Between() && b.Index == index {
			texts = append(texts, say.Text(b.Reason, ": ", unread(b.Detail)))
		}
	}
	return texts
}

// unread is a text whose parts are not known here.
func unread(text string) say.Phrase { return say.Phrase{{Kind: say.UnknownKind, Value: text}} }

// words are what there is to say of a certificate beside its name.
func (b *Branch) words(leaf bool) []string {
	var words []string
	if b.NotAfter != nil {
		words = append(words, "until "+b.NotAfter.Format(time.DateOnly))
	}
	if b.Root {
		words = append(words, "root")
	}
	if b.NamedCA > 0 {
		words = append(words, fmt.Sprintf("CA %d", b.NamedCA))
	}
	if b.Kin != "" {
		words = append(words, b.Kin)
	}
	switch {
	case leaf:
	case b.Held:
		words = append(words, "in the bundle")
	case b.Root && b.Source != "": // a root need not be in a bundle
		words = append(words, fmt.Sprintf("found in %q", b.Source))
	case b.Root:
	case b.Source != "":
		words = append(words, fmt.Sprintf("not in the bundle, found in %q", b.Source))
	default:
		words = append(words, "not in the bundle")
	}
	return words
}

// broken is what breaks the path at the certificate, in words.
func (b *Branch) broken() []string {
	var texts []string
	for _, phrase := range b.Breaks {
		texts = append(texts, phrase.String())
	}
	return texts
}
