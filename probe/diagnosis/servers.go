package diagnosis

import (
	"crypto/x509"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

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

// judge asks every server model about each identity, whose whole bundle is sent; the answers are nil where
// nothing is trusted, or there are too many identities. The one that is asked for may be another
// version, in place of the one that is known.
func (s *servers) judge(asked string) [][]verifier.Judgement {
	judgements := make([][]verifier.Judgement, len(s.question.Identities))
	if len(s.anchors) == 0 || len(judgements) > maxPredicted {
		return judgements
	}
	group, profiles := new(errgroup.Group), verifier.Profiles()
	if version := verifier.Lookup(asked); version != nil && version.Like != "" {
		profiles[slices.IndexFunc(profiles, func(p *verifier.Profile) bool { return p.ID == version.Like })] = version
	}
	group.SetLimit(runtime.GOMAXPROCS(0))
	for n, i := range s.question.Identities {
		if i.Leaf == nil {
			continue
		}
		group.Go(func() error {
			judgements[n] = s.each(profiles, i)
			return nil
		})
	}
	_ = group.Wait()
	return judgements
}

func (s *servers) each(profiles []*verifier.Profile, i *certstore.Identity) []verifier.Judgement {
	judge := verifier.NewJudge(&verifier.Case{Leaf: i.Leaf, Sent: i.Chain, Anchors: s.anchors, Now: s.question.Now})
	var judgements []verifier.Judgement
	for _, p := range profiles {
		j := judge.Judge(p)
		if j.Accepts == say.No && !s.complete && !(j.OfLeaf && j.AboutCertificate()) {
			j = verifier.Judgement{Profile: p, Reason: verifier.NotAtHand} // of which it may take another path
		}
		judgements = append(judgements, j)
	}
	return judgements
}
