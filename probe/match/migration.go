package match

import (
	"slices"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/chain"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// A Phase is what a server demands at one stage of a migration.
type Phase struct {
	Label   string
	Request *wire.CertificateRequest
}

// A Migration is the same identities judged in each phase.
type Migration struct {
	Phases []Phase
	Rows   []Row // by identity
}

// A Row is one identity through all phases.
type Row struct {
	Cells []Cell // by phase
	// Breaks is the index of the first phase in which the identity does not work
	// although it did in the one before; -1 if there is none.
	Breaks int
	// Remedy is the smallest change that makes it work in every phase; empty if it
	// does, or if nothing at hand would.
	Remedy say.Phrase
}

// Works reports whether the identity works in every phase.
func (r *Row) Works() bool {
	return !slices.ContainsFunc(r.Cells, func(c Cell) bool { return c.Works() != Pass })
}

// A Cell is one identity in one phase.
type Cell struct {
	Verdict Verdict
	// Named is the named CA that is reached best; nil if none is.
	Named *NamedCA
	DN    string // of Named
	// Until is when the path ends, and Ends the certificate that ends it; zero and
	// nil without a path that holds.
	Until time.Time
	Ends  *chain.Certificate
}

// Works is the verdict's sum.
func (c *Cell) Works() Result { return c.Verdict.Fits() }

// Migrate judges the question's identities in each phase. The question's own
// request does not count.
func Migrate(q *Question, phases []Phase) *Migration {
	m := &Migration{Phases: phases, Rows: make([]Row, len(q.Identities))}
	for _, p := range phases {
		asked := *q
		asked.Request = p.Request
		for i, v := range Evaluate(&asked) {
			m.Rows[i].Cells = append(m.Rows[i].Cells, newCell(&asked, v))
		}
	}
	for i := range m.Rows {
		row := &m.Rows[i]
		row.Breaks = -1
		for k := 1; k < len(row.Cells) && row.Breaks < 0; k++ {
			if row.Cells[k-1].Works() == Pass && row.Cells[k].Works() != Pass {
				row.Breaks = k
			}
		}
		row.Remedy = m.remedy(row)
	}
	return m
}

func newCell(q *Question, v Verdict) Cell {
	c := Cell{Verdict: v}
	for i := range v.NamedCAs {
		if n := &v.NamedCAs[i]; c.Named == nil || n.rank() < c.Named.rank() {
			c.Named = n
		}
	}
	if c.Named != nil {
		c.DN = certstore.NameString(q.Request.NamedCAs[c.Named.Index])
		if c.Named.Result == Reached || c.Named.Result == NameOnly {
			c.Until, c.Ends = c.Named.Until()
		}
	}
	return c
}

// remedy collects what the phases that do not work need, each thing once. A certificate
// to add may help in several; a root that is out of reach must stay named by the server.
func (m *Migration) remedy(row *Row) say.Phrase {
	if row.Works() {
		return nil
	}
	var need []say.Phrase
	told := make(map[string]bool)
	add := func(p say.Phrase) {
		if text := p.String(); text != "" && !told[text] {
			told[text] = true
			need = append(need, p)
		}
	}
	one, other := m.opposed(row)
	for k := range row.Cells {
		c := &row.Cells[k]
		if c.Works() == Pass || one != nil && c.Verdict.twinsOnly() {
			continue
		}
		if !failsByChain(&c.Verdict) {
			add(firstFailure(&c.Verdict))
		}
		switch {
		case c.Named != nil && c.Named.Result == Reached:
			add(c.Named.Remedy)
		case chainFails(&c.Verdict):
			add(m.keepNaming(row, k))
		}
	}
	if one != nil {
		text := say.Text("servers on OpenSSL, GnuTLS or BoringSSL follow the certificate that comes first, so no one bundle "+
			"serves both those that know only ", say.DN(one.DN), " and those that know only ", say.DN(other.DN),
			": use a bundle for each, or change it while the servers trust both")
		if need == nil {
			return text
		}
		return say.Text(say.Join("; and ", need...), "; but ", text)
	}
	text := say.Join("; and ", need...)
	crossed := func(c Cell) bool { return c.Named != nil && c.Named.Via == CrossSigned && c.Works() != Pass }
	if before := row.workedThrough(); before != "" && slices.ContainsFunc(row.Cells, crossed) {
		text = say.Text(text, "; do so while the server trusts both roots: a server that knows only ", say.DN(before),
			" may follow the new certificate and refuse it")
	}
	return text
}

// opposed returns two phases that need different certificates of one intermediate, neither of
// which leads to what the other phase names; nil if there are none.
func (m *Migration) opposed(r *Row) (one, other *Cell) {
	for k := range r.Cells {
		for n := range r.Cells[:k] {
			a, b := &r.Cells[n], &r.Cells[k]
			if m.Phases[n].followsFirst() && m.Phases[k].followsFirst() && a.twin(b) && b.twin(a) {
				return a, b
			}
		}
	}
	return nil, nil
}

// followsFirst reports whether the server, as far as its library is known, goes by the first of
// several certificates of one name.
func (p *Phase) followsFirst() bool {
	return firstTwin(LibraryOf(p.Request), nil, nil).Result != Pass
}

// twin reports whether the best path of one phase has a certificate that the other phase can
// use only in its other form.
func (c *Cell) twin(other *Cell) bool {
	if c.Named == nil || c.Named.Result != Reached || other.Named == nil || other.Named.Result != Reached {
		return false
	}
	graph := c.Verdict.Graph
	for _, mine := range c.Named.Path.Certificates {
		crossed := slices.ContainsFunc(other.Named.Path.Certificates, func(theirs *chain.Certificate) bool {
			return graph.Kinship(mine.Certificate, theirs.Certificate) == chain.CrossSigned
		})
		if crossed && !other.Verdict.reachesBy(mine) {
			return true
		}
	}
	return false
}

// reachesBy reports whether a path to a named CA goes through a certificate.
func (v *Verdict) reachesBy(c *chain.Certificate) bool {
	for n := range v.NamedCAs {
		named := &v.NamedCAs[n]
		if named.Result != Reached {
			continue
		}
		for _, path := range append([]*chain.Path{named.Path}, named.Others...) {
			if slices.ContainsFunc(path.Certificates, func(o *chain.Certificate) bool { return o.Equal(c.Certificate) }) {
				return true
			}
		}
	}
	return false
}

// twinsOnly reports whether nothing but the order of cross-signed certificates is in the way.
func (v *Verdict) twinsOnly() bool {
	twins := v.result(ChainTwins)
	return (twins == Fail || twins == Warn) && !slices.ContainsFunc(v.Findings, func(f Finding) bool {
		return f.Result == Fail && f.Check != ChainTwins
	})
}

// chainFails reports whether something failed that is a matter of names and paths.
func chainFails(v *Verdict) bool {
	return slices.ContainsFunc(v.Findings, func(f Finding) bool { return f.Result == Fail && f.Check.ChainOnly })
}

// failsByChain reports whether everything that failed is a matter of names and
// paths.
func failsByChain(v *Verdict) bool {
	return !slices.ContainsFunc(v.Findings, func(f Finding) bool { return f.Result == Fail && !f.Check.ChainOnly })
}

// keepNaming is what remains when a phase's CAs are out of reach.
func (m *Migration) keepNaming(row *Row, phase int) say.Phrase {
	for k := range row.Cells {
		c := &row.Cells[k]
		if c.Works() != Pass || c.Named == nil {
			continue
		}
		text := say.Text("let the server name and trust ", say.DN(c.DN), " also in ", say.File(m.Phases[phase].Label),
			", until this identity is replaced")
		if c.Ends != nil {
			text = say.Text(text, "; its path ends ", say.Date(c.Until))
		}
		return text
	}
	return firstFailure(&row.Cells[phase].Verdict)
}

// workedThrough names the CA by which the identity works in a phase as it is;
// empty if there is none.
func (r *Row) workedThrough() string {
	for k := range r.Cells {
		if c := &r.Cells[k]; c.Works() == Pass && c.Named != nil {
			return c.DN
		}
	}
	return ""
}

func firstFailure(v *Verdict) say.Phrase {
	for _, f := range v.Findings {
		if f.Result == Fail && f.Remedy != nil {
			return f.Remedy
		}
	}
	return nil
}
