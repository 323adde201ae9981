package diagnosis

import (
	"crypto/x509"
	"slices"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/chain"
	"mtlsprobe/probe/match"
	"mtlsprobe/probe/verifier"
	"mtlsprobe/report/say"
)

// servers are what server programs are supposed to trust: the CAs that the request names.
type servers struct {
	question *match.Question
	anchors  []*x509.Certificate
	// complete says that there is a certificate at hand of every CA that is named.
	complete bool
}

// serversOf finds the certificates of the CAs that the request names. Those given come before
// a bundle's own, which are used where there is nothing better.
func serversOf(q *match.Question) *servers {
	s := &servers{question: q, complete: q.Request != nil && len(q.Request.NamedCAs) > 0}
	if q.Request == nil {
		return s
	}
	for _, name := range q.Request.NamedCAs {
		certs := best(q.Graph.Named(name))
		s.complete = s.complete && len(certs) > 0
		for _, c := range certs {
			s.anchors = append(s.anchors, c.Certificate)
		}
	}
	return s
}

// best are the certificates that a trust file holds: those of the strongest origin, and of these
// the self-signed ones, if there are any.
func best(certs []*chain.Certificate) []*chain.Certificate {
	if len(certs) == 0 {
		return nil
	}
	strongest := slices.MaxFunc(certs, func(a, b *chain.Certificate) int { return a.Origin.Rank() - b.Origin.Rank() })
	given := slices.DeleteFunc(slices.Clone(certs),
		func(c *chain.Certificate) bool { return c.Origin.Rank() < strongest.Origin.Rank() })
	roots := slices.DeleteFunc(slices.Clone(given),
		func(c *chain.Certificate) bool { return string(c.RawIssuer) != string(c.RawSubject) })
	if len(roots) > 0 {
		return roots
	}
	return given
}

// judge asks every server model about an identity whose whole bundle is sent; nil where there are too
// many.
func (s *servers) judge(i *certstore.Identity) []verifier.Judgement {
	if i.Leaf == nil || len(s.anchors) == 0 || len(s.question.Identities) > maxPredicted {
		return nil
	}
	judge := verifier.NewJudge(&verifier.Case{Leaf: i.Leaf, Sent: i.Chain, Anchors: s.anchors, Now: s.question.Now})
	var judgements []verifier.Judgement
	for _, p := range verifier.Profiles() {
		j := judge.Judge(p)
		if j.Accepts == say.No && j.Untrusted() && !s.complete {
			j.Accepts = say.Unknown // it may lead to a CA whose certificate is not at hand
		}
		judgements = append(judgements, j)
	}
	return judgements
}
