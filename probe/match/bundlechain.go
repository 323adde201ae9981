package match

import (
	"bytes"
	"slices"

	"mtlsprobe/certstore/chain"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// Checks of the chain as it is stored, and of its names.
var (
	ChainIncomplete = &Check{
		ID: "chain.incomplete", Title: "Chain is incomplete", Good: "Chain is complete", Since: v1, ChainOnly: true,
		HowTo: bundleHowTo,
		Doc: "A certificate between the leaf and the named CA is not in the bundle. Servers do not search for it, and " +
			"clients that compare the list with the stored chain send nothing.",
		Citation: "RFC 8446, Section 4.4.2", Objections: objections(trustAlerts), Doubt: incompleteDoubt,
		judge: chainIncomplete,
	}
	ChainTwins = &Check{
		ID: "chain.twins", Title: "Cross-signed duplicates in the wrong order",
		Good: "Cross-signed duplicates are in a good order", Since: v1, ChainOnly: true, HowTo: bundleHowTo,
		Doc: "The bundle contains an intermediate twice, with the same subject and key, signed by different CAs. Some " +
			"servers, those on OpenSSL, GnuTLS and BoringSSL among them, follow the first valid one that was sent and do " +
			"not turn back when it leads to " +
			"a root they do not know.",
		Citation:   "RFC 8446, Section 4.4.2",
		Objections: append(objections(trustAlerts), Objection{wire.AlertUnknownCA, OpenSSL}), judge: chainTwins,
	}
	ChainKeyIdentifier = &Check{
		ID: "chain.key-identifier", Title: "Key identifier points to another certificate", Good: "Key identifiers agree",
		Since: v1, ChainOnly: true,
		Doc: "The authority key identifier of a certificate contradicts its issuer's subject key identifier or serial " +
			"number. It is meant as a hint, but OpenSSL rejects an issuer that it contradicts: typical when a CA was signed " +
			"again and the hint names the former certificate.",
		Citation: "RFC 5280, Section 4.2.1.1", Objections: objections(trustAlerts), judge: chainKeyIdentifier,
	}
	IssuerNotNamed = &Check{
		ID: "issuer.not-named", Title: "Clients that match issuer names will not send it",
		Good: "An issuer in the bundle is on the server's list", Since: v1, ChainOnly: true, HowTo: bundleHowTo,
		Doc: "Many clients send a certificate only if an issuer in the chain as stored is on the server's list, byte for " +
			"byte.",
		Citation: "RFC 8446, Section 4.2.4; RFC 5246, Section 7.4.4", judge: issuerNotNamed,
	}
	IssuerEncoding = &Check{
		ID: "issuer.encoding", Title: "Name is encoded differently", Good: "Names are encoded alike", Since: v1,
		ChainOnly: true,
		Doc: "The issuer's name and the one on the list are the same under RFC 5280 and differ in bytes: another string " +
			"type, case or spacing. Clients that compare bytes, such as Go's, send nothing.",
		Citation: "RFC 5280, Section 7.1", judge: issuerEncoding,
		HowTo: []HowTo{{"openssl",
			"openssl asn1parse -in CA.pem shows UTF8STRING or PRINTABLESTRING; string_mask in openssl.cnf decides what is " +
				"issued"}},
	}
	ChainOrder = &Check{
		ID: "chain.order", Title: "Chain is out of order", Good: "Chain is in order", Since: v1, ChainOnly: true,
		LocalOnly: true, HowTo: bundleHowTo,
		Doc: "Each certificate should be followed by its issuer. Up to TLS 1.2 the order is mandatory, and some servers " +
			"insist. In a PEM file the first certificate must be the key's: clients load that one and say that the key does " +
			"not match.",
		Citation: "RFC 5246, Section 7.4.2; RFC 8446, Section 4.4.2", Objections: []Objection{}, judge: chainOrder,
	}
	ChainSurplus = &Check{
		ID: "chain.surplus", Title: "Certificates that do not belong", Good: "Every certificate belongs to the chain",
		Since: v1, ChainOnly: true, HowTo: bundleHowTo,
		Doc: "The bundle contains certificates that are on no path from the leaf. They serve no purpose and may confuse " +
			"the " +
			"server.",
		Citation: "RFC 8446, Section 4.4.2", Objections: []Objection{}, judge: chainSurplus,
	}
)

func chainIncomplete(j *judgement) Finding {
	if j.identity.Leaf == nil {
		return unknown(nil)
	}
	if best := j.bestNamed(); best != nil {
		if best.Via == Local && best.Result != NearMiss {
			missing := "1 certificate is"
			if len(best.Missing) > 1 {
				missing = count(len(best.Missing), "certificate") + " are"
			}
			return fail(say.Text(missing, " missing between the leaf and ", j.dn(best)), best.Remedy)
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
	leaf := j.identity.Leaf
	switch {
	case issuer != nil:
		return warn(say.Text("the issuer of the leaf is not in the bundle and is not a root"),
			say.Text("append ", describe(issuer)))
	case string(leaf.RawIssuer) == string(leaf.RawSubject):
		return notApplicable // self-signed or self-issued: there is no chain to complete
	case !j.atHand(leaf.RawIssuer):
		return Finding{Result: Unknown, Detail: say.Text("the issuer of the leaf, ", Name(leaf.RawIssuer),
			", is neither in the bundle nor at hand: the chain may be incomplete"),
			Remedy: say.Text("add the CA certificates with --authorities to check")}
	}
	return pass
}

// incompleteDoubt keeps a missing certificate from being ruled out: a CA that the
// server names need not be one that it trusts by itself, so only a bundle that is
// complete up to a self-signed root at hand rules it out.
func incompleteDoubt(v *Verdict) Doubt {
	complete := slices.ContainsFunc(v.Search.Paths, func(p chain.Path) bool {
		last := len(p.Certificates) - 1
		return p.Root && len(p.Breaks) == 0 && !slices.ContainsFunc(p.Certificates[1:max(1, last)],
			func(c *chain.Certificate) bool {
				return !slices.ContainsFunc(v.Identity.Chain, c.Certificate.Equal)
			})
	})
	if complete && v.result(PathNotReached) == Pass {
		return Doubt{}
	}
	return Doubt{Why: say.Text("which CA certificates the server has is not visible from here")}
}

// atHand reports whether a certificate of that name is in the bundle or among the
// authorities.
func (j *judgement) atHand(name []byte) bool {
	return len(j.Graph.Named(name)) > 0 || slices.ContainsFunc(j.identity.Chain,
		func(c *certificate) bool { return string(c.RawSubject) == string(name) })
}

// chainTwins follows the stored chain as OpenSSL's servers do, and asks whether
// that path leads to a named CA, too.
func chainTwins(j *judgement) Finding {
	best := j.bestNamed()
	if best == nil || !best.leads() || best.Via != Presented || len(j.identity.Chain) < 2 {
		return notApplicable
	}
	followed := j.followed()
	for i := range j.named {
		n := &j.named[i]
		for _, p := range append([]*chain.Path{n.Path}, n.Others...) {
			if n.leads() && n.along(p, followed) {
				return pass
			}
		}
	}
	for _, at := range followed {
		for _, c := range best.Path.Certificates {
			if j.Graph.Kinship(at, c.Certificate) == chain.CrossSigned {
				return firstTwin(LibraryOf(j.Request), say.Text(Name(at.RawSubject), " signed by ", Name(at.RawIssuer),
					" comes first and does not lead to a named CA: "), say.Text("put ", describe(c), " before it"))
			}
		}
	}
	return pass
}

// firstTwin is what a server does that is given a certificate first which leads nowhere, and the
// right one after it. OpenSSL 3, GnuTLS 3.7 and BoringSSL go by the first; Go, Java, wolfSSL and
// Erlang were seen to find the other.
func firstTwin(library TLSLibrary, first, remedy say.Phrase) Finding {
	switch library {
	case OpenSSL, GnuTLS, BoringSSL:
		return fail(say.Text(first, "by its request this server is probably on ", library,
			", which follows it and refuses"), remedy)
	case OtherLibrary:
		return warn(say.Text(first, "servers on OpenSSL, such as nginx, follow it and refuse"), remedy)
	}
	return pass
}

// followed is the path that OpenSSL builds from the stored certificates: of each
// issuer's name the first one that is valid now and whose key identifier agrees,
// else the one that ends last (find_issuer in crypto/x509/x509_vfy.c).
func (j *judgement) followed() []*certificate {
	path := []*certificate{j.identity.Leaf}
	for range j.identity.Chain {
		next := j.followedIssuer(path[len(path)-1], path)
		if next == nil {
			break
		}
		path = append(path, next)
	}
	return path
}

func (j *judgement) followedIssuer(of *certificate, path []*certificate) (issuer *certificate) {
	for _, c := range j.identity.Chain {
		hinted := len(of.AuthorityKeyId) == 0 || len(c.SubjectKeyId) == 0 ||
			string(of.AuthorityKeyId) == string(c.SubjectKeyId)
		switch {
		case !hinted, j.Graph.Key(c.RawSubject) != j.Graph.Key(of.RawIssuer), slices.ContainsFunc(path, c.Equal):
		case validAt(c, j.Now):
			return c
		case issuer == nil || c.NotAfter.After(issuer.NotAfter):
			issuer = c
		}
	}
	return issuer
}

// along reports whether the certificates are the path's beginning, or the path
// theirs: what is sent beyond a named CA does not matter.
func (n *NamedCA) along(p *chain.Path, certs []*certificate) bool {
	last := len(p.Certificates)
	if n.Result == Reached {
		last-- // the named CA itself, whose certificate the server takes from its own store
	}
	for i := range min(len(certs), len(p.Certificates)) {
		if i < last && !certs[i].Equal(p.Certificates[i].Certificate) {
			return false
		}
	}
	return true
}

func chainKeyIdentifier(j *judgement) Finding {
	if j.identity.Leaf == nil {
		return unknown(nil)
	}
	path := j.used()
	if path == nil || len(path.Joins) == 0 {
		return notApplicable
	}
	for i, join := range path.Joins {
		if join.KeyIdentifier != "" {
			at := subject(path.Certificates[i])
			return warn(say.Text(at, ", issued by ", subject(path.Certificates[i+1]), ": ", foreignText(join.KeyIdentifier)),
				say.Text("have ", at,
					" issued with the key identifier of the issuer's present certificate, or without a serial number in it"))
		}
	}
	return pass
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
	result, remedy := fail,
		say.Text("use a certificate issued under a named CA: no change to the bundle puts this one on the list")
	if missing := j.missingIssuer(); bytes.Equal(missing, j.identity.Leaf.RawIssuer) {
		remedy = say.Text("complete the bundle up to a named CA: the next certificate is that of ", Name(missing))
	}
	if best := j.bestNamed(); best != nil {
		remedy = say.Text("complete the bundle up to a named CA")
		if best.Result == Reached {
			result = warn
		}
	}
	return result(say.Text("no issuer in the bundle is on the server's CA list"), remedy)
}

func issuerEncoding(j *judgement) Finding {
	if !j.hasList() {
		return notApplicable
	}
	var differs say.Phrase
	for _, name := range j.storedIssuers() {
		if j.list.byRaw[string(name)] {
			return pass
		}
		if at := j.list.byKey[j.Graph.Key(name)]; at != nil && differs == nil {
			differs = say.Text("the chain has ", Name(name), " as ", say.Digest(prefix(name)), "…, the server's list as ",
				say.Digest(prefix(j.list.raw[at[0]])), "…")
		}
	}
	if differs == nil {
		return notApplicable
	}
	return warn(say.Text(differs, ": Go and other clients that compare bytes send nothing"),
		say.Text("have the server's CA certificate and the issuer use one encoding of the name"))
}

func prefix(b []byte) []byte { return b[:min(len(b), 24)] }

func chainOrder(j *judgement) Finding {
	rewrite := say.Text("write the file again: the leaf first, then its issuer, that one's issuer, and so on")
	if first := j.identity.Preceding; first != nil {
		return fail(say.Text("the file begins with ", Name(first.RawSubject),
			", which clients that read PEM use as the certificate of the key"), rewrite)
	}
	stored := j.stored()
	if len(stored) < 3 {
		return notApplicable
	}
	for i := 1; i < len(stored); i++ {
		child := stored[i-1]
		issued := func(c *certificate) bool { return j.Graph.Key(c.RawSubject) == j.Graph.Key(child.RawIssuer) }
		if !issued(stored[i]) && slices.ContainsFunc(stored[i:], issued) {
			return warn(say.Text("after ", Name(child.RawSubject), " comes ", Name(stored[i].RawSubject),
				" instead of its issuer"), rewrite)
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
	return j.eachStored(say.Text("remove them from the bundle"), func(c *certificate) (say.Phrase, Result) {
		if c == j.identity.Leaf || j.search.Cut || onPath(c) {
			return nil, Pass
		}
		return say.Text("is on no path from the leaf"), Warn
	})
}
