package match

import (
	"bytes"
	"slices"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/chain"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// Checks of the paths to the named CAs.
var (
	PathNotReached = &Check{
		ID: "path.not-reached", Title: "No proven path to a named CA", Good: "A named CA is reached", Since: v1,
		ChainOnly: true, ProofOnly: true, HowTo: bundleHowTo,
		Doc: "The server named the CAs whose certificates it accepts, and no path leads from this certificate to any of " +
			"them. It may be only the issuing CA's own certificate that is missing: from the bundle, or from what this " +
			"program was given.",
		Citation: "RFC 8446, Section 4.2.4; RFC 5246, Section 7.4.4", Objections: objections(trustAlerts), Doubt: silent,
		judge: pathNotReached,
	}
	PathRekeyed = &Check{
		ID: "path.rekeyed", Title: "Issued by another key of the CA", Good: "Issued by the CA's key", Since: v1,
		ChainOnly: true,
		Doc: "A CA certificate of that name is at hand, and its key did not sign: the CA has changed its key and kept " +
			"its name, or another CA uses the same name. Names match, so clients send the certificate; the server refuses it.",
		// BoringSSL says decrypt_error of a re-keyed CA.
		Citation: "RFC 5280, Section 6.1.3", Objections: objections(trustAlerts, []uint8{51}), Doubt: silent,
		judge: pathRekeyed,
	}
	PathRenamed = &Check{
		ID: "path.renamed", Title: "Issued under another name of the CA", Good: "Issued under the CA's name", Since: v1,
		ChainOnly: true,
		Doc: "The key of a named CA signed, under another name: the CA was renamed and kept its key. Names decide, so " +
			"the path does not exist for clients and servers.",
		Citation: "RFC 5280, Section 6.1.3", Objections: objections(trustAlerts), Doubt: silent, judge: pathRenamed,
	}
	PathCrossSigned = &Check{
		ID: "path.cross-signed", Title: "Reached only through a cross-certificate",
		Good: "Reached without a further cross-certificate", Since: v1, ChainOnly: true,
		Doc: "The identity contains an intermediate under another root than the named one. The same intermediate, with " +
			"the " +
			"same key, was also signed towards the named root; with that certificate in the bundle both sides see the path.",
		Citation: "RFC 5280, Section 3.2; RFC 8446, Section 4.4.2", Objections: objections(trustAlerts), HowTo: bundleHowTo,
		judge: pathCrossSigned,
	}
	SelfNamed = &Check{
		ID: "path.leaf-named", Title: "The list names this certificate itself",
		Good: "The list does not name this certificate itself", Since: v3, ChainOnly: true,
		Doc: "The subject of the client's own certificate is on the server's list of CA names. A server that pins client " +
			"certificates, as Go's does when the certificate is in its pool, accepts it; servers that look for a CA of that " +
			"name do not.",
		Citation: "RFC 8446, Section 4.2.4", Objections: objections(trustAlerts), judge: selfNamed,
	}
	SelfIssued = &Check{
		ID: "chain.self-issued", Title: "Subject and issuer have the same name",
		Good: "Subject and issuer have different names", Since: v3, ChainOnly: true,
		Doc: "The certificate was issued by a CA that has the same name as its subject. OpenSSL takes such a certificate " +
			"for self-signed and does not look for its issuer.",
		Citation:   "OpenSSL, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT",
		Objections: append(objections(trustAlerts), Objection{wire.AlertUnknownCA, OpenSSL}),
		HowTo:      requestHowTo, judge: selfIssued,
	}
)

// silent is the doubt of checks that compare with the certificates at hand: the
// server has its own, so nothing is said.
func silent(*Verdict) Doubt { return Doubt{Silent: true} }

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

func (j *judgement) dn(n *NamedCA) say.Part { return say.DN(j.list.dn(n.Index)) }

func pathNotReached(j *judgement) Finding {
	if !j.hasList() {
		return notApplicable
	}
	best := j.bestNamed()
	switch {
	case best == nil && j.search.Cut:
		return unknown(say.Text("the search was stopped: too many cross-certificates"))
	case best == nil && j.missingIssuer() != nil:
		missing := Name(j.missingIssuer())
		if !bytes.Equal(j.missingIssuer(), j.identity.Leaf.RawIssuer) { // the bundle leads further up, to another CA
			return fail(say.Text("the chain leads to ", missing,
				", which is not on the server's list; its certificate is neither in the bundle nor at hand"),
				say.Text("use a certificate issued under a named CA, or have the server name and trust ", missing,
					"; if a named CA issued the certificate of ", missing, ", add that with --authorities"))
		}
		return fail(say.Text("the chain stops at ", missing,
			", which is not on the server's list and whose certificate is neither in the bundle nor at hand"),
			say.Text("if ", missing, " is an intermediate below a named CA, append the certificate of ", missing,
				" to the bundle (add it with --authorities to check); if not, use a certificate issued under a named CA"))
	case best == nil && len(j.roots()) > 0:
		roots := say.List(say.DN, j.roots()...)
		return fail(say.Text("the chain leads to ", roots, ", which is not ", onList(len(j.list.raw))),
			say.Text("use a certificate issued under a named CA, or have the server name and trust ", roots, "; if a "+
				"cross-certificate exists, add it with --authorities"))
	case best == nil:
		return fail(say.Text("issued by ", Name(j.identity.Leaf.RawIssuer), ", which is not ", onList(len(j.list.raw))),
			say.Text("use a certificate issued under a named CA, or have the server name and trust this issuer; if a "+
				"cross-certificate exists, add it with --authorities"))
	}
	detail := say.Text(j.dn(best), ": ", best.Detail)
	switch best.Result {
	case UnknownCA:
		return Finding{Result: Unknown, Detail: detail, Remedy: best.Remedy}
	case NameOnly:
		if best.Leaf {
			return Finding{Result: Unknown, Detail: detail, Remedy: best.Remedy}
		}
		return warn(detail, best.Remedy)
	case NearMiss:
		return fail(detail, best.Remedy)
	}
	if best.Anchor == AnchorBundle {
		return warn(say.Text(j.dn(best),
			" is reached only by the bundle's own certificate of that name, which is not proof"),
			say.Text("add the server's CA certificate with --named-ca or --authorities to compare the keys"))
	}
	return Finding{Result: Pass, Detail: say.Text(j.dn(best), " is reached (", best.Via, ")")}
}

// roots are names of self-signed certificates that the paths lead to, a few at most.
func (j *judgement) roots() (names []string) {
	const most = 3
	for _, p := range j.search.Paths {
		top := p.Certificates[len(p.Certificates)-1]
		if name := certstore.NameString(top.RawSubject); bytes.Equal(top.RawSubject, top.RawIssuer) &&
			len(p.Certificates) > 1 && len(names) < most && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// onList ends "which is not …".
func onList(count int) say.Phrase {
	if count == 1 {
		return say.Text("the CA on the server's list")
	}
	return say.Text("one of the ", count, " CAs on the server's list")
}

// anotherPath reports whether another path makes a broken one irrelevant: a named
// CA is reached or, without a list, any path holds.
func (j *judgement) anotherPath() bool {
	if j.hasList() {
		best := j.bestNamed()
		return best != nil && best.Result == Reached
	}
	return slices.ContainsFunc(j.search.Paths, func(p chain.Path) bool { return p.HoldsUpTo(len(p.Certificates) - 1) })
}

// broken returns the first path that breaks for the reason, unless another path
// makes it irrelevant; nil if there is none.
func (j *judgement) broken(reason chain.Reason) (*chain.Path, chain.Break) {
	if j.anotherPath() {
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

// missingIssuer is the first issuer above the leaf that is neither in the bundle
// nor at hand; nil if the chain ends at a root.
func (j *judgement) missingIssuer() []byte {
	const most = 32 // mutual cross-certificates have no end
	at := j.identity.Leaf
	for range most {
		if string(at.RawSubject) == string(at.RawIssuer) {
			return nil
		}
		name := at.RawIssuer
		if stored := slices.IndexFunc(j.identity.Chain,
			func(c *certificate) bool { return j.Graph.Key(c.RawSubject) == j.Graph.Key(name) }); stored >= 0 {
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
	remedy := say.Text("have the certificate issued again by the CA's present key, or let the server trust the other " +
		"one as well")
	if j.identity.Leaf == nil {
		return unknown(nil)
	}
	if best := j.bestNamed(); best != nil && best.Rekeyed {
		return fail(say.Text(j.dn(best), ": ", best.Detail), remedy)
	}
	p, b := j.broken(chain.Signature)
	if p == nil {
		return pass
	}
	return fail(say.Text(subject(p.Certificates[b.Index]), " names ", subject(p.Certificates[b.Index+1]),
		" as its issuer, and ", b.Detail), remedy)
}

func pathRenamed(j *judgement) Finding {
	if j.identity.Leaf == nil {
		return unknown(nil)
	}
	p, b := j.broken(chain.OtherName)
	if p == nil {
		return pass
	}
	at, above := p.Certificates[b.Index], p.Certificates[b.Index+1]
	return fail(say.Text(subject(at), " names ", Name(at.RawIssuer), " as its issuer; that key belongs to ",
		subject(above)), remedy(p, b))
}

func pathCrossSigned(j *judgement) Finding {
	if !j.hasList() {
		return notApplicable
	}
	if best := j.bestNamed(); best != nil && best.Via == CrossSigned && best.Result != NearMiss {
		return fail(say.Text(j.dn(best), " is reachable only through a cross-certificate that is missing from the bundle"),
			best.Remedy)
	}
	return pass
}

func selfNamed(j *judgement) Finding {
	if !j.hasList() {
		return notApplicable
	}
	if !slices.ContainsFunc(j.named, func(n NamedCA) bool { return n.Leaf }) {
		return pass
	}
	return warn(say.Text("the list names ", Name(j.identity.Leaf.RawSubject),
		", the certificate's own subject: a server that pins client certificates accepts it, others look for a CA of "+
			"that name"),
		say.Text("have the server name and trust the issuing CA; a Go server with this certificate in its pool needs no "+
			"change"))
}

func selfIssued(j *judgement) Finding {
	leaf := j.identity.Leaf
	switch {
	case leaf == nil:
		return unknown(nil)
	case j.Graph.Key(leaf.RawSubject) != j.Graph.Key(leaf.RawIssuer):
		return pass
	case !chain.TooLarge(leaf) && leaf.CheckSignature(leaf.SignatureAlgorithm, leaf.RawTBSCertificate,
		leaf.Signature) == nil:
		return notApplicable // it is self-signed
	}
	return warn(say.Text("subject and issuer are both ", Name(leaf.RawSubject),
		", and another key made the signature: servers that use OpenSSL consider it self-signed and refuse it"),
		say.Text("have the certificate issued under a subject that is not the CA's name"))
}
