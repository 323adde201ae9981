package verifier

import (
	"bytes"
	"fmt"

	"mtlsprobe/certstore"
	"mtlsprobe/report/say"
)

// AboutCertificate reports whether the reason is a rule on the certificate itself, so that no other
// path helps.
func (j *Judgement) AboutCertificate() bool {
	switch j.Reason {
	case Usage, LeafKeyUsage, NetscapeType, LeafIsCA, Key, Unsupported, Critical, Expired, NotYetValid:
		return true
	}
	return false
}

// TooDeep says, of a path that the program accepts, the depth that it takes and the setting for it, where
// the alert is one that the program sends for a path that is too long, and not where it trusts no issuer.
func (j *Judgement) TooDeep(alert uint8) (depth int, setting say.Phrase) {
	r, directive := &j.Profile.Refusal, j.Profile.Settable.Directives[Depth]
	depth = j.Profile.Settable.Counts.of(j.Path)
	if j.Accepts != say.Yes || directive == "" || depth == 0 || alert != r.alert(TooLong) || alert == r.alert(NoIssuer) {
		return 0, nil
	}
	return depth, say.Text(directive, " ", depth)
}

// Why says why the program refuses, or why it is not known whether it does; nil where it
// accepts.
func (j *Judgement) Why() say.Phrase {
	why := j.reason()
	if why != nil && j.Elsewhere != nil {
		why = say.Text(why, "; the valid path alone would be accepted")
	}
	return why
}

func (j *Judgement) reason() say.Phrase {
	c := j.Certificate
	var name say.Phrase
	if c != nil {
		name = say.Text(dn(c.RawSubject))
		if !j.OfLeaf && !bytes.Equal(c.RawIssuer, c.RawSubject) {
			name = say.Text(name, " (issued by ", dn(c.RawIssuer), ")")
		}
	}
	switch j.Reason {
	case NoIssuer:
		return j.noIssuer(name)
	case Untrusted:
		return say.Text("it follows the path to ", dn(c.RawSubject), ", self-signed, which it does not trust")
	case SelfSignedLeaf:
		return say.Text("the certificate is self-signed, and not trusted")
	case Ambiguous:
		return say.Text("it trusts several certificates that count as the issuer of ", name,
			", and which of them it takes cannot be told")
	case NotAtHand:
		return say.Text("the certificates of the CAs that the server names are not all at hand: --authorities takes them")
	case TooMuch:
		return say.Text("there are more certificates and paths than mtlsprobe looks at")
	case Signature:
		return say.Text("the key of the certificate that it takes for the issuer did not sign ", name)
	case Expired:
		return say.Text(name, " expired ", say.Date(c.NotAfter))
	case NotYetValid:
		return say.Text(name, " is valid from ", say.Date(c.NotBefore))
	case Weak, Algorithm:
		return say.Text(name, " is signed with ", fmt.Sprint(c.SignatureAlgorithm), ", which it does not accept")
	case Key:
		return say.Text("the key of ", name, ", ", certstore.KeyAlgorithm(c), ", is not accepted")
	case KeyKind:
		return say.Text("programs were not observed with such a key, ", certstore.KeyAlgorithm(c))
	case Unsupported:
		return say.Text("it does not support the kind of key of ", name, ", ", fmt.Sprint(c.PublicKeyAlgorithm))
	case TooLong:
		if j.Depth == 0 {
			return say.Text("the client sends too many certificates")
		}
		return say.Text("the path is too long for its depth of ", j.Depth)
	}
	return j.rule(name)
}

// noIssuer words that a path ends.
func (j *Judgement) noIssuer(name say.Phrase) say.Phrase {
	c := j.Certificate
	switch {
	case j.Trusted:
		return say.Text(dn(c.RawSubject), " is trusted, but not a root, and this program wants a path that ends with one")
	case j.Missing:
		return say.Text("the certificate of ", dn(c.RawIssuer), ", which issued ", dn(c.RawSubject),
			", is neither sent nor trusted")
	case j.Contradicts:
		return say.Text("the authority key identifier of ", name, " contradicts the certificate of its issuer")
	case bytes.Equal(c.RawIssuer, c.RawSubject):
		return say.Text("it follows the path to ", dn(c.RawSubject), ", self-signed, which it does not trust")
	case j.Profile.Path == asSent, j.Profile.Path == eachSent:
		return say.Text("it finds no path from ", dn(j.Path[0].RawSubject), " to a certificate that it trusts")
	}
	return say.Text("nothing that it is sent or trusts counts as the issuer of ", name)
}

// rule words the reasons that are rules on one certificate.
func (j *Judgement) rule(name say.Phrase) say.Phrase {
	rules := map[Reason]string{
		NotCA:              "has basicConstraints with CA:FALSE",
		NoBasicConstraints: "lacks basicConstraints, which a CA certificate needs",
		MaySign:            "may not sign certificates: its keyUsage lacks keyCertSign",
		NoKeyUsage:         "lacks keyUsage, which this program needs of a CA certificate",
		NoKeyIdentifier:    "lacks an authority key identifier",
		Length:             "allows fewer CA certificates below it than there are: pathLenConstraint",
		Constraint:         "limits the names below it, and one is outside: nameConstraints",
		Policy:             "wants a certificate policy that is not there",
		Critical:           "has an extension, marked critical, that the program does not know",
		Usage:              "is not for client authentication: its extendedKeyUsage lacks clientAuth",
		CAUsage:            "allows other uses and not client authentication: its extendedKeyUsage",
		LeafKeyUsage:       "may not sign a handshake: its keyUsage lacks digitalSignature",
		NetscapeType:       "is not for SSL clients: its nsCertType",
		LeafIsCA:           "is a CA's certificate, which it does not take from a client",
	}
	if rules[j.Reason] == "" {
		return nil
	}
	return say.Text(name, " ", rules[j.Reason])
}

// SettingNeeded is the setting with which the program would accept the certificate, as its
// configuration has it; nil where there is none.
func (j *Judgement) SettingNeeded() say.Phrase {
	directive := j.Profile.Settable.Directives[j.Setting] // of no setting there is none
	switch j.Setting {
	case Depth:
		return say.Text(directive, " ", j.Needs)
	case SecurityLevel:
		return say.Text(directive, "=", j.Needs)
	case Strict:
		return say.Text("no ", directive)
	}
	return say.Text(directive)
}

// Remedy is what would have the program accept the certificate; nil where that is not known.
func (j *Judgement) Remedy() say.Phrase {
	var on say.Phrase
	if set := j.SettingNeeded(); set != nil {
		on = say.Text("set ", set, " on the server")
	}
	var in say.Phrase
	switch {
	case len(j.Elsewhere) > 2:
		in = say.Text("send only the valid path, by ", dn(j.Elsewhere[1].RawSubject), " (issued by ",
			dn(j.Elsewhere[1].RawIssuer), "): mtlsprobe fix writes it")
	case j.Elsewhere != nil:
		in = say.Text("send only the valid path: mtlsprobe fix writes it")
	case j.Reason == Untrusted:
		in = say.Text("have the server trust ", dn(j.Certificate.RawSubject))
	case j.Trusted:
		in = say.Text("have the server trust the root above it")
	case j.Missing:
		in = say.Text("send the certificate of ", dn(j.Certificate.RawIssuer), " if it is an intermediate; a root the "+
			"server has to trust")
	}
	if j.Elsewhere != nil {
		return say.Join(", and ", in, on)
	}
	return say.Join(", or ", in, on)
}

func dn(raw []byte) say.Part { return say.DN(certstore.NameString(raw)) }
