package match

import (
	"slices"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/chain"
	"mtlsprobe/report/say"
)

// Name is a distinguished name as text.
func Name(raw []byte) say.Part { return say.DN(certstore.NameString(raw)) }

// stored returns the leaf and the chain, or nothing without a leaf.
func (j *judgement) stored() []*certificate {
	if j.identity.Leaf == nil {
		return nil
	}
	return append([]*certificate{j.identity.Leaf}, j.identity.Chain...)
}

// concerned returns what is stored, and the rest of the path in use.
func (j *judgement) concerned() []*certificate {
	certs := j.stored()
	if path := j.used(); path != nil {
		for _, c := range path.Certificates {
			if !slices.ContainsFunc(certs, c.Certificate.Equal) {
				certs = append(certs, c.Certificate)
			}
		}
	}
	return certs
}

// used is the best path of the identity: to a named CA, or without a list the one
// with the fewest defects. Nil without any.
func (j *judgement) used() *chain.Path {
	if best := j.bestNamed(); best != nil && best.Path != nil {
		return best.Path
	}
	if len(j.search.Paths) > 0 {
		return &j.search.Paths[0]
	}
	return nil
}

// surplus reports whether a certificate is beside a path that holds, so that its
// defects do not decide.
func (j *judgement) surplus(c *certificate) bool {
	path := j.used()
	if path == nil || len(path.Breaks) > 0 || !path.Root && !j.anotherPath() {
		return false
	}
	return c != j.identity.Leaf &&
		!slices.ContainsFunc(path.Certificates, func(on *chain.Certificate) bool { return on.Certificate.Equal(c) })
}

// each asks about every certificate and joins the answers: the worst result
// counts, except that certificates beside the path in use can only warn.
func (j *judgement) each(certs []*certificate, remedy say.Phrase,
	ask func(c *certificate) (say.Phrase, Result)) Finding {
	if j.identity.Leaf == nil {
		return unknown(nil)
	}
	result := Pass
	var details []say.Phrase
	for _, c := range certs {
		text, worst := ask(c)
		if text == nil {
			continue
		}
		if c != j.identity.Leaf {
			text = say.Text(Name(c.RawSubject), " ", text)
		}
		if worst == Fail && j.surplus(c) {
			worst = Warn
			text = say.Text(text, " (it is not on the path in use; servers that use OpenSSL may follow it and refuse)")
		}
		if worst == Fail || result == Pass {
			result = worst
		}
		details = append(details, text)
	}
	if details == nil {
		return pass
	}
	return Finding{Result: result, Detail: say.Join("; ", details...), Remedy: remedy}
}

func (j *judgement) eachStored(remedy say.Phrase, ask func(c *certificate) (say.Phrase, Result)) Finding {
	return j.each(j.stored(), remedy, ask)
}
