package diagnosis

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/chain"
	"mtlsprobe/probe/match"
	"mtlsprobe/probe/wire"
)

// question prepares what is judged, and looks up what it takes.
func (e *Engine) question(ctx context.Context, d *Diagnosis, phases ...match.Phase) (*match.Question, error) {
	requests := []*wire.CertificateRequest{d.Request}
	for _, p := range phases {
		requests = append(requests, p.Request)
	}
	q := &match.Question{Request: d.Request, Now: d.JudgedAt, CRLs: e.settings.CRLs}
	if d.Server != nil {
		q.When, q.Protocol = d.Server.Observation.When, d.Server.Target.Protocol
		q.User = d.Server.Target.User
	}
	var err error
	if q.Graph, err = e.authorities(ctx, d, requests); err != nil || d.Holding == nil {
		return q, err
	}
	q.Identities = d.Holding.Identities
	for _, i := range q.Identities {
		q.Store = append(q.Store, i.Chain...)
	}
	for _, a := range d.Holding.Authorities {
		q.Store = append(q.Store, a.Certificate)
	}
	if e.settings.Fetch.Revocation {
		q.Statements = e.statuses(ctx, d, q)
	}
	q.Proofs = e.prove(requests, q.Identities)
	return q, nil
}

// prove lets each key sign with every scheme that one of the requests allows. What a
// key has signed once for this engine it is not asked again.
func (e *Engine) prove(requests []*wire.CertificateRequest,
	identities []*certstore.Identity) map[*certstore.Identity][]certstore.Proof {
	made := make([][]certstore.Proof, len(identities))
	group := new(errgroup.Group)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for n, i := range identities {
		group.Go(func() error {
			for _, scheme := range usable(requests, i) {
				if p, ok := e.proof(i, scheme); ok {
					made[n] = append(made[n], p)
				}
			}
			return nil
		})
	}
	_ = group.Wait()
	proofs := make(map[*certstore.Identity][]certstore.Proof)
	for n, i := range identities {
		if made[n] != nil {
			proofs[i] = made[n]
		}
	}
	return proofs
}

// usable are the schemes that one of the requests allows for an identity.
func usable(requests []*wire.CertificateRequest, i *certstore.Identity) []tls.SignatureScheme {
	var schemes []tls.SignatureScheme
	for n, r := range requests {
		if r == nil && n < len(requests)-1 {
			continue
		}
		for _, scheme := range match.Usable(r, i) {
			if !slices.Contains(schemes, scheme) {
				schemes = append(schemes, scheme)
			}
		}
	}
	return schemes
}

// proof is one signature of an identity's key; false where there is nothing to sign
// with. Keys of tokens sign one at a time: tokens allow no more.
func (e *Engine) proof(i *certstore.Identity, scheme tls.SignatureScheme) (certstore.Proof, bool) {
	switch i.Key.Signer.(type) {
	case *rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey, nil:
	default:
		e.token.Lock()
		defer e.token.Unlock()
	}
	e.mu.Lock()
	p, known := e.proofs[i][scheme]
	e.mu.Unlock()
	if known {
		return p, true
	}
	made := i.Prove([]tls.SignatureScheme{scheme})
	if len(made) != 1 {
		return certstore.Proof{}, false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.proofs[i] == nil {
		e.proofs[i] = make(map[tls.SignatureScheme]certstore.Proof)
	}
	e.proofs[i][scheme] = made[0]
	return made[0], true
}

// authorities makes the graph of every CA certificate at hand: those given, those
// in the bundles, the server's own, fetched ones if told, and of the system's
// roots those that somebody names and nothing better has shown.
func (e *Engine) authorities(ctx context.Context, d *Diagnosis, requests []*wire.CertificateRequest) (*chain.Graph,
	error) {
	graph := chain.NewGraph()
	if d.Holding != nil {
		for _, a := range d.Holding.Authorities {
			graph.Add(a)
		}
		for _, i := range d.Holding.Identities {
			if i.Leaf != nil && i.Leaf.IsCA {
				graph.Add(certstore.Authority{Certificate: i.Leaf, Source: i.Source, Origin: certstore.FromBundle})
			}
			for _, c := range i.Chain {
				graph.Add(certstore.Authority{Certificate: c, Source: i.Source, Origin: certstore.FromBundle})
			}
		}
	}
	if d.Server != nil && len(d.Server.Observation.Certificates) > 1 {
		for _, c := range d.Server.Observation.Certificates[1:] {
			graph.Add(certstore.Authority{Certificate: c, Source: "the server's own chain", Origin: certstore.FromServer})
		}
	}
	if e.settings.Fetch.Issuers && d.Holding != nil {
		var certs []*x509.Certificate
		for _, i := range d.Holding.Identities {
			if i.Leaf != nil {
				certs = append(append(certs, i.Leaf), i.Chain...)
			}
		}
		found, problems := (&certstore.Fetcher{Private: e.settings.Fetch.Private}).Issuers(ctx, certs)
		for _, a := range found {
			graph.Add(a)
		}
		d.Problems = append(d.Problems, problems...)
	}
	missing := unanchored(graph, requests)
	if len(missing) == 0 || e.settings.System == nil {
		return graph, ctx.Err()
	}
	system, err := e.settings.System(ctx)
	for _, a := range system {
		if missing[graph.Key(a.Certificate.RawSubject)] {
			graph.Add(a)
		}
	}
	return graph, err
}

// unanchored returns the keys of the named CAs of which no certificate is at hand from
// elsewhere than a bundle.
func unanchored(graph *chain.Graph, requests []*wire.CertificateRequest) map[string]bool {
	missing := make(map[string]bool)
	for _, r := range requests {
		if r == nil {
			continue
		}
		for _, name := range r.NamedCAs {
			if !slices.ContainsFunc(graph.Named(name),
				func(c *chain.Certificate) bool { return c.Origin.Rank() > certstore.FromBundle.Rank() }) {
				missing[graph.Key(name)] = true
			}
		}
	}
	return missing
}

// maxStatuses bounds how many certificates OCSP responders are asked about.
const maxStatuses = 64

// statuses asks the responders about each leaf and stored intermediate.
func (e *Engine) statuses(ctx context.Context, d *Diagnosis, q *match.Question) []*certstore.Statement {
	asked := make(map[string]bool)
	fetcher := &certstore.Fetcher{Private: e.settings.Fetch.Private}
	var statements []*certstore.Statement
	for _, i := range q.Identities {
		if i.Leaf == nil {
			continue
		}
		for _, c := range append([]*x509.Certificate{i.Leaf}, i.Chain...) {
			if asked[string(c.Raw)] {
				continue
			}
			asked[string(c.Raw)] = true
			if len(asked) > maxStatuses {
				d.Problems = append(d.Problems, fmt.Errorf("--ocsp: more than %d certificates; the rest was not asked about",
					maxStatuses))
				return statements
			}
			for _, issuer := range q.Graph.Named(c.RawIssuer) {
				if chain.TooLarge(issuer.Certificate) || c.CheckSignatureFrom(issuer.Certificate) != nil || ctx.Err() != nil {
					continue
				}
				if said := fetcher.Status(ctx, c, issuer.Certificate); said != nil {
					statements = append(statements, said)
				}
				break
			}
		}
	}
	return statements
}
