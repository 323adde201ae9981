package match

import (
	"crypto/x509/pkix"
	"fmt"
	"slices"
	"strings"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/chain"
)

// revocation joins what lists and responders say of every certificate that the
// identity holds and of the issuers on its best path.
func revocation(j *judgement) Finding {
	if len(j.CRLs) == 0 && len(j.Statements) == 0 || j.identity.Leaf == nil {
		return notApplicable
	}
	var revoked, doubts, good []string
	for _, c := range j.concerned() {
		if string(c.RawIssuer) == string(c.RawSubject) {
			continue // a root is not revoked but removed
		}
		for _, said := range append(j.lists(c), j.answers(c)...) {
			switch said.Status {
			case certstore.Revoked:
				revoked = append(revoked, said.text)
			case certstore.Good:
				good = append(good, said.text)
			default:
				doubts = append(doubts, said.text)
			}
		}
	}
	switch {
	case len(revoked) > 0:
		return fail(strings.Join(revoked, "; "), "have a new certificate issued, and replace the revoked one")
	case len(doubts) > 0:
		return warn(strings.Join(doubts, "; "), "get a current list or answer")
	case len(good) > 0:
		return Finding{Result: Pass, Detail: strings.Join(good, "; ")}
	}
	return Finding{Result: Unknown, Detail: "no list or answer is about a certificate of this chain"}
}

// concerned returns what is stored, and the rest of the best path.
func (j *judgement) concerned() []*certificate {
	certs := j.stored()
	if best := j.bestNamed(); best != nil && best.Path != nil {
		for _, c := range best.Path.Certificates {
			if !slices.ContainsFunc(certs, c.Certificate.Equal) {
				certs = append(certs, c.Certificate)
			}
		}
	}
	return certs
}

// A statement is one answer about one certificate, worded.
type statement struct {
	certstore.Status
	text string
}

// lists asks the revocation lists of the certificate's issuer. A list counts
// only if a key at hand made its signature.
func (j *judgement) lists(c *certificate) []statement {
	var said []statement
	name := certstore.NameString(c.RawSubject)
	for _, list := range j.CRLs {
		if j.Graph.Key(list.RawIssuer) != j.Graph.Key(c.RawIssuer) {
			continue
		}
		signed := false
		for _, issuer := range j.Graph.Named(c.RawIssuer) {
			signed = signed || !chain.TooLarge(issuer.Certificate) && list.CheckSignatureFrom(issuer.Certificate) == nil
		}
		const removeFromCRL = 8
		entry, on := list.Revoked[string(c.SerialNumber.Bytes())]
		on = on && entry.ReasonCode != removeFromCRL
		partial := slices.ContainsFunc(list.Extensions, func(e pkix.Extension) bool { return e.Critical })
		switch {
		case !signed:
			said = append(said, statement{certstore.StatusUnknown, fmt.Sprintf("%s: no key at hand made the signature on the list in %q", name, list.Source)})
		case partial: // issuingDistributionPoint, deltaCRLIndicator, or one that is not known
			said = append(said, statement{certstore.StatusUnknown, fmt.Sprintf("%s: the list in %q is for a part of the certificates only, or in a form that this program does not know", name, list.Source)})
		case on:
			said = append(said, statement{certstore.Revoked, fmt.Sprintf("%s was revoked %s (%s), says %q", name, stamp(entry.RevocationTime), certstore.RevocationReason(entry.ReasonCode), list.Source)})
		case !list.NextUpdate.IsZero() && j.Now.After(list.NextUpdate):
			said = append(said, statement{certstore.StatusUnknown, fmt.Sprintf("%s is not on the list in %q, which was to be replaced by %s", name, list.Source, stamp(list.NextUpdate))})
		default:
			said = append(said, statement{certstore.Good, fmt.Sprintf("%s is not on the list of %s in %q", name, stamp(list.ThisUpdate), list.Source)})
		}
	}
	return said
}

// skewAllowed is how far ahead a responder's clock may be.
const skewAllowed = 5 * time.Minute

// answers are those of OCSP responders.
func (j *judgement) answers(c *certificate) []statement {
	var said []statement
	for _, s := range j.Statements {
		if !s.Certificate.Equal(c) {
			continue
		}
		text := fmt.Sprintf("%s is %s, says %q", certstore.NameString(c.RawSubject), s.Status, s.Source)
		switch {
		case s.Err != nil:
			text = s.Err.Error()
		case !s.Until.IsZero() && j.Now.After(s.Until), s.AsOf.After(j.Now.Add(skewAllowed)):
			s = &certstore.Statement{Status: certstore.StatusUnknown}
			text += ", in an answer that is not for this time"
		case s.Status == certstore.Revoked:
			text = fmt.Sprintf("%s was revoked %s, says %q", certstore.NameString(c.RawSubject), stamp(s.RevokedAt), s.Source)
		}
		said = append(said, statement{s.Status, text})
	}
	return said
}
