package match

import (
	"crypto/x509/pkix"
	"slices"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/chain"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// Revoked joins what revocation lists and OCSP responders say.
var Revoked = &Check{
	ID: "revocation.revoked", Title: "Revoked", Good: "Not revoked", Since: v1, HowTo: requestHowTo,
	Doc: "The issuer has revoked a certificate of the chain. Servers that look at revocation lists or OCSP refuse it. " +
		"Checked only with --crl or --ocsp.",
	Citation:   "RFC 5280, Section 5; RFC 6960",
	Objections: objections([]uint8{wire.AlertCertificateRevoked}, unspecific),
	judge:      revocation,
}

// revocation asks about every certificate that is stored and about the issuers on
// the path in use. It passes only if each of them was answered for.
func revocation(j *judgement) Finding {
	if len(j.CRLs) == 0 && len(j.Statements) == 0 || j.identity.Leaf == nil {
		return notApplicable
	}
	var revoked, doubts, good []say.Phrase
	uncovered := false
	for _, c := range j.concerned() {
		if string(c.RawIssuer) == string(c.RawSubject) {
			continue // a root is not revoked but removed
		}
		covered := false
		for _, said := range append(j.lists(c), j.answers(c)...) {
			switch said.Status {
			case certstore.Revoked:
				revoked = append(revoked, said.text)
			case certstore.Good:
				covered = true
				good = append(good, said.text)
			default:
				doubts = append(doubts, said.text)
			}
		}
		if !covered {
			uncovered = true
			doubts = append(doubts, say.Text("no current list or response covers ", Name(c.RawSubject)))
		}
	}
	switch {
	case len(revoked) > 0:
		return fail(say.Join("; ", revoked...),
			say.Text("have a new certificate with a new key issued, and replace the revoked one"))
	case uncovered:
		return Finding{Result: Unknown, Detail: say.Join("; ", append(doubts, good...)...),
			Remedy: say.Text("get the current list of each issuer (--crl), or ask the responders (--ocsp)")}
	case len(doubts) > 0:
		return warn(say.Join("; ", doubts...), say.Text("get a current list or response"))
	}
	return Finding{Result: Pass, Detail: say.Join("; ", good...)}
}

// A statement is one answer about one certificate, in words.
type statement struct {
	certstore.Status
	text say.Phrase
}

// skewAllowed is how far ahead an issuer's or responder's clock may be.
const skewAllowed = 5 * time.Minute

// lists asks the revocation lists of the certificate's issuer. A list counts
// only if a key at hand made its signature.
func (j *judgement) lists(c *certificate) []statement {
	var said []statement
	for _, list := range j.CRLs {
		if j.Graph.Key(list.RawIssuer) != j.Graph.Key(c.RawIssuer) {
			continue
		}
		signed := slices.ContainsFunc(j.Graph.Named(c.RawIssuer), func(issuer *chain.Certificate) bool {
			return !chain.TooLarge(issuer.Certificate) && list.CheckSignatureFrom(issuer.Certificate) == nil
		})
		const removeFromCRL = 8
		entry, on := list.Revoked[string(c.SerialNumber.Bytes())]
		on = on && entry.ReasonCode != removeFromCRL
		partial := slices.ContainsFunc(list.Extensions, func(e pkix.Extension) bool { return e.Critical })
		name, file := Name(c.RawSubject), say.File(list.Source)
		s := statement{Status: certstore.StatusUnknown}
		switch {
		case !signed:
			s.text = say.Text(name, ": no key at hand made the signature on the list in ", file)
		case partial: // issuingDistributionPoint, deltaCRLIndicator, or one that is not known
			s.text = say.Text(name, ": the list in ", file,
				" covers only some of the certificates, or has a form that this program does not know")
		case list.ThisUpdate.After(j.Now.Add(skewAllowed)):
			s.text = say.Text(name, ": the list in ", file, " is dated in the future, ", say.Time(list.ThisUpdate))
		case on:
			s = statement{certstore.Revoked, say.Text(name, " was revoked ", say.Time(entry.RevocationTime),
				" (", certstore.RevocationReason(entry.ReasonCode), "), according to ", file)}
		case !list.NextUpdate.IsZero() && j.Now.After(list.NextUpdate):
			s.text = say.Text(name, " is not on the list in ", file, ", which was due to be replaced by ",
				say.Time(list.NextUpdate))
		default:
			s = statement{certstore.Good, say.Text(name, " is not on the list of ", say.Time(list.ThisUpdate), " in ", file)}
		}
		said = append(said, s)
	}
	return said
}

// maxAge is how old a response may be that does not say until when it holds: such a
// responder always has a newer one (RFC 6960, Section 4.2.2.1).
const maxAge = 24 * time.Hour

// answers are those of OCSP responders.
func (j *judgement) answers(c *certificate) []statement {
	var said []statement
	for _, s := range j.Statements {
		if !s.Certificate.Equal(c) {
			continue
		}
		name, source := Name(c.RawSubject), say.Host(s.Source)
		one := statement{s.Status, say.Text(name, " is ", s.Status, ", according to ", source)}
		switch {
		case s.Err != nil:
			one.text = say.Phrase{{Kind: say.UnknownKind, Value: s.Err.Error()}}
		case s.Status == certstore.Revoked && !s.AsOf.After(j.Now.Add(skewAllowed)): // for good
			one.text = say.Text(name, " was revoked ", say.Time(s.RevokedAt), ", according to ", source)
		case !s.Until.IsZero() && j.Now.After(s.Until), s.AsOf.After(j.Now.Add(skewAllowed)),
			s.Until.IsZero() && j.Now.Sub(s.AsOf) > maxAge:
			one = statement{certstore.StatusUnknown, say.Text(one.text, ", in a response that is not for this time")}
		case s.Delegate != nil && !validAt(s.Delegate, j.Now):
			one = statement{certstore.StatusUnknown, say.Text(one.text, ", in a response signed by a certificate that is "+
				"not valid now: ", Name(s.Delegate.RawSubject))}
		}
		said = append(said, one)
	}
	return said
}
