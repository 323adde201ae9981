package match

import (
	"fmt"
	"slices"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/chain"
)

// hasList says that there is a list of names to compare with.
func (j *judgement) hasList() bool { return j.identity.Leaf != nil && len(j.list.raw) > 0 }

func (j *judgement) bestNamed() (best *NamedCA) {
	for i := range j.named {
		if best == nil || j.named[i].rank() < best.rank() {
			best = &j.named[i]
		}
	}
	return best
}

func (j *judgement) dn(n *NamedCA) string { return j.list.dn(n.Index) }

func pathNotReached(j *judgement) Finding {
	if !j.hasList() {
		return notApplicable
	}
	best := j.bestNamed()
	switch {
	case best == nil && j.search.Cut:
		return Finding{Result: Unknown, Detail: "the search was cut: too many cross-certificates"}
	case best == nil && j.missingIssuer() != nil:
		missing := certstore.NameString(j.missingIssuer())
		return fail(fmt.Sprintf("the way up ends at %s, which is not on the server's list, and whose certificate is neither in the bundle nor at hand", missing),
			"append the certificate of "+missing+" to the bundle: if a named CA issued that, nothing else is missing; give it with --authorities to see")
	case best == nil:
		return fail(fmt.Sprintf("issued by %s, and the CAs on the server's list (%d) are others", certstore.NameString(j.identity.Leaf.RawIssuer), len(j.list.raw)),
			"use a certificate issued below a named CA, or have the server name and trust this issuer; if a cross-certificate exists, give it with --authorities")
	case best.Result == UnknownCA:
		return Finding{Result: Unknown, Detail: j.dn(best) + ": " + best.Detail, Remedy: best.Remedy}
	case best.Result == NameOnly:
		return warn(j.dn(best)+": "+best.Detail, best.Remedy)
	case best.Result == NearMiss:
		return fail(j.dn(best)+": "+best.Detail, best.Remedy)
	}
	return Finding{Result: Pass, Detail: fmt.Sprintf("%s is reached (%s)", j.dn(best), best.Via)}
}

// elsewhere reports whether another path makes a broken one no matter: a named
// CA is reached or, without a list, any path holds.
func (j *judgement) elsewhere() bool {
	if j.hasList() {
		best := j.bestNamed()
		return best != nil && best.Result == Reached
	}
	return slices.ContainsFunc(j.search.Paths, func(p chain.Path) bool { return p.HoldsUpTo(len(p.Certificates) - 1) })
}

// broken returns the first path that breaks for the reason, unless another path
// makes it no matter; nil if there is none.
func (j *judgement) broken(reason chain.Reason) (*chain.Path, chain.Break) {
	if j.elsewhere() {
		return nil, chain.Break{}
	}
	for i := range j.search.Paths {
		p := &j.search.Paths[i]
		for _, b := range p.Breaks {
			if b.Reason == reason {
				return p, b
			}
		}
	}
	return nil, chain.Break{}
}

// missingIssuer is the first issuer on the way up from the leaf that is neither in
// the bundle nor at hand; nil if the way ends at a root.
func (j *judgement) missingIssuer() []byte {
	const most = 32 // mutual cross-certificates have no end
	at := j.identity.Leaf
	for range most {
		if string(at.RawSubject) == string(at.RawIssuer) {
			return nil
		}
		name := at.RawIssuer
		if stored := slices.IndexFunc(j.identity.Chain, func(c *certificate) bool { return j.Graph.Key(c.RawSubject) == j.Graph.Key(name) }); stored >= 0 {
			at = j.identity.Chain[stored]
		} else if known := j.Graph.Named(name); len(known) > 0 {
			at = known[0].Certificate
		} else {
			return name
		}
	}
	return nil
}

func pathRekeyed(j *judgement) Finding {
	if j.identity.Leaf == nil {
		return Finding{Result: Unknown}
	}
	p, b := j.broken(chain.Signature)
	if p == nil {
		return pass
	}
	return fail(fmt.Sprintf("%s names %s as its issuer, and %s", subject(p.Certificates[b.Index]), subject(p.Certificates[b.Index+1]), b.Detail),
		"have the certificate issued again by the CA's present key, or give the CA certificate with the former key")
}

func pathRenamed(j *judgement) Finding {
	if j.identity.Leaf == nil {
		return Finding{Result: Unknown}
	}
	p, b := j.broken(chain.OtherName)
	if p == nil {
		return pass
	}
	at, above := p.Certificates[b.Index], p.Certificates[b.Index+1]
	return fail(fmt.Sprintf("%s names %s as its issuer; that key belongs to %s", subject(at), certstore.NameString(at.RawIssuer), subject(above)), remedy(p, b))
}

// chainTwins follows the stored chain as OpenSSL's servers do, and asks whether
// that way leads to a named CA, too.
func chainTwins(j *judgement) Finding {
	best := j.bestNamed()
	if best == nil || best.Result != Reached || best.Via != Presented || len(j.identity.Chain) < 2 {
		return notApplicable
	}
	way := j.firstSent()
	for i := range j.named {
		n := &j.named[i]
		for _, p := range append([]*chain.Path{n.Path}, n.Others...) {
			if n.Result == Reached && along(p, way) {
				return pass
			}
		}
	}
	for _, at := range way {
		for _, c := range best.Path.Certificates {
			if j.Graph.Kinship(at, c.Certificate) == chain.CrossSigned {
				return warn(fmt.Sprintf("%s comes first as signed by %s, which does not lead to a named CA: servers on OpenSSL, such as nginx, follow the first and refuse", certstore.NameString(at.RawSubject), certstore.NameString(at.RawIssuer)),
					"put "+describe(c)+" before it")
			}
		}
	}
	return pass
}

// firstSent goes from the leaf to the first stored certificate with the issuer's
// name, and so on.
func (j *judgement) firstSent() []*certificate {
	way := []*certificate{j.identity.Leaf}
	for range j.identity.Chain {
		at := way[len(way)-1]
		next := slices.IndexFunc(j.identity.Chain, func(c *certificate) bool { return j.Graph.Key(c.RawSubject) == j.Graph.Key(at.RawIssuer) })
		if next < 0 || j.identity.Chain[next].Equal(at) {
			break
		}
		way = append(way, j.identity.Chain[next])
	}
	return way
}

// along reports whether the way is the path's beginning, or the path the way's:
// what is sent beyond a named CA does not matter.
func along(p *chain.Path, way []*certificate) bool {
	for i := range min(len(way), len(p.Certificates)) {
		if i < len(p.Certificates)-1 && !way[i].Equal(p.Certificates[i].Certificate) {
			return false
		}
	}
	return true
}

func chainKeyIdentifier(j *judgement) Finding {
	if j.identity.Leaf == nil {
		return Finding{Result: Unknown}
	}
	var path *chain.Path
	if best := j.bestNamed(); best != nil {
		path = best.Path
	} else if len(j.search.Paths) > 0 {
		path = &j.search.Paths[0]
	}
	if path == nil || len(path.Joins) == 0 {
		return notApplicable
	}
	for i, join := range path.Joins {
		if join.KeyIdentifier != "" {
			return warn(fmt.Sprintf("%s, issued by %s: %s", subject(path.Certificates[i]), subject(path.Certificates[i+1]), join.KeyIdentifier),
				"have "+subject(path.Certificates[i])+" issued with the key identifier of the issuer's present certificate, or without serial number in it")
		}
	}
	return pass
}

func pathCrossSigned(j *judgement) Finding {
	if !j.hasList() {
		return notApplicable
	}
	if best := j.bestNamed(); best != nil && best.Via == CrossSigned && best.Result != NearMiss {
		return fail(fmt.Sprintf("%s is reached only through a cross-certificate that the bundle lacks", j.dn(best)), best.Remedy)
	}
	return pass
}

func chainIncomplete(j *judgement) Finding {
	if j.identity.Leaf == nil {
		return Finding{Result: Unknown}
	}
	if best := j.bestNamed(); best != nil {
		if best.Via == Local && best.Result != NearMiss {
			return fail(fmt.Sprintf("the chain up to %s lacks %d certificate(s)", j.dn(best), len(best.Missing)), best.Remedy)
		}
		return pass
	}
	var issuer *chain.Certificate // at hand, and not in the bundle
	for _, p := range j.search.Paths {
		if len(p.Certificates) < 2 || !p.HoldsUpTo(1) {
			continue
		}
		above := p.Certificates[1]
		if slices.ContainsFunc(j.identity.Chain, above.Equal) || string(above.RawSubject) == string(above.RawIssuer) {
			return pass // of cross-signed issuers one is enough
		}
		if issuer == nil {
			issuer = above
		}
	}
	if issuer != nil {
		return warn("the issuer of the leaf is not in the bundle and is no root", "append "+describe(issuer))
	}
	if leaf := j.identity.Leaf; string(leaf.RawIssuer) != string(leaf.RawSubject) && !j.atHand(leaf.RawIssuer) {
		return Finding{Result: Unknown, Detail: fmt.Sprintf("the issuer of the leaf, %s, is neither in the bundle nor at hand: the chain may be incomplete", certstore.NameString(leaf.RawIssuer)),
			Remedy: "give the CA certificates with --authorities, and see what is missing"}
	}
	return pass
}

// atHand reports whether a certificate of that name is in the bundle or among the
// authorities.
func (j *judgement) atHand(name []byte) bool {
	return len(j.Graph.Named(name)) > 0 || slices.ContainsFunc(j.identity.Chain, func(c *certificate) bool { return string(c.RawSubject) == string(name) })
}

// storedIssuers returns the names of issuers in the chain as stored.
func (j *judgement) storedIssuers() [][]byte {
	names := make([][]byte, 0, 4)
	for _, c := range j.stored() {
		names = append(names, c.RawIssuer)
	}
	return names
}

func issuerNotNamed(j *judgement) Finding {
	if !j.hasList() {
		return notApplicable
	}
	for _, name := range j.storedIssuers() {
		if j.list.byKey[j.Graph.Key(name)] != nil {
			return pass
		}
	}
	result, remedy := fail, "use a certificate issued below a named CA: no bundle makes this one fit the list"
	if missing := j.missingIssuer(); missing != nil {
		remedy = "complete the bundle up to a named CA: the next certificate is that of " + certstore.NameString(missing)
	}
	if best := j.bestNamed(); best != nil {
		remedy = "complete the bundle up to a named CA"
		if best.Result == Reached {
			result = warn
		}
	}
	return result("no issuer in the stored chain is on the server's list; clients that compare the stored chain send nothing", remedy)
}

func issuerEncoding(j *judgement) Finding {
	if !j.hasList() {
		return notApplicable
	}
	var differs string
	for _, name := range j.storedIssuers() {
		if j.list.byRaw[string(name)] {
			return pass
		}
		if at := j.list.byKey[j.Graph.Key(name)]; at != nil && differs == "" {
			differs = fmt.Sprintf("the chain says %s as %x…, the server's list as %x…", certstore.NameString(name), prefix(name), prefix(j.list.raw[at[0]]))
		}
	}
	if differs == "" {
		return notApplicable
	}
	return warn(differs+": Go and other clients that compare bytes send nothing", "have the server's CA certificate and the issuer use one encoding of the name")
}

func prefix(b []byte) []byte { return b[:min(len(b), 24)] }

func chainOrder(j *judgement) Finding {
	if ahead := j.identity.Ahead; ahead != nil {
		return fail(fmt.Sprintf("the file begins with %s, which clients that read PEM take for the certificate of the key", certstore.NameString(ahead.RawSubject)),
			"write the file again: the leaf first, then its issuer, that one's issuer, and so on")
	}
	stored := j.stored()
	if len(stored) < 3 {
		return notApplicable
	}
	for i := 1; i < len(stored); i++ {
		child := stored[i-1]
		issued := func(c *certificate) bool { return j.Graph.Key(c.RawSubject) == j.Graph.Key(child.RawIssuer) }
		if !issued(stored[i]) && slices.ContainsFunc(stored[i:], issued) {
			return warn(fmt.Sprintf("after %s comes %s instead of its issuer", certstore.NameString(child.RawSubject), certstore.NameString(stored[i].RawSubject)),
				"write the bundle again: the leaf, its issuer, that one's issuer, and so on")
		}
	}
	return pass
}

func chainSurplus(j *judgement) Finding {
	if len(j.identity.Chain) == 0 {
		return notApplicable
	}
	onPath := func(c *certificate) bool {
		return slices.ContainsFunc(j.search.Paths, func(p chain.Path) bool {
			return slices.ContainsFunc(p.Certificates, func(have *chain.Certificate) bool { return have.Certificate.Equal(c) })
		})
	}
	return j.eachFinding(Warn, "remove them from the bundle", func(c *certificate) string {
		if c == j.identity.Leaf || j.search.Cut || onPath(c) {
			return ""
		}
		return "is on no path from the leaf"
	})
}
