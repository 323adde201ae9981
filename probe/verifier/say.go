package verifier

import (
	"bytes"
	"fmt"

	"mtlsprobe/certstore"
	"mtlsprobe/report/say"
)

// Untrusted reports whether the reason is that no path leads to a trusted certificate: a longer trust
// file may change it.
func (j *Judgement) Untrusted() bool {
	return j.Reason == NoIssuer || j.Reason == Untrusted || j.Reason == SelfSignedLeaf
}

// Why says why the program refuses, or why it is not known whether it does; nil where it
// accepts.
func (j *Judgement) Why() say.Phrase {
	why := j.reason()
	if why != nil && j.Elsewhere != nil {
		why = say.Text(why, "; another path is valid, and this program does not turn back")
	}
	return why
}

func (j *Judgement) reason() say.Phrase {
	c := j.Certificate
	var name say.Phrase
	if c != nil {
		name = say.Text(dn(c.RawSubject))
		if len(j.Path) > 1 && !c.Equal(j.Path[0]) {
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
		return say.Text("the key of ", name, " is too short, or on a curve that it does not accept")
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
		return say.Text(dn(c.RawSubject), " is trusted and no root: this program wants a path that ends with a root")
	case j.Missing:
		return say.Text("the certificate of ", dn(c.RawIssuer), ", which issued ", dn(c.RawSubject),
			", is neither sent nor trusted")
	case bytes.Equal(c.RawIssuer, c.RawSubject):
		return say.Text("it follows the path to ", dn(c.RawSubject), ", self-signed, which it does not trust")
	case j.Profile.Path == AsSent, j.Profile.Path == EachSent:
		return say.Text("it finds no path from ", dn(j.Path[0].RawSubject), " to a certificate that it trusts")
	}
	return say.Text("nothing that it is sent or trusts counts as the issuer of ", name)
}

// rule words the reasons that are rules on one certificate.
func (j *Judgement) rule(name say.Phrase) say.Phrase {
	rules := map[Reason]string{
		NotCA:              "is not a CA's: its basicConstraints say so",
		NoBasicConstraints: "lacks basicConstraints, which a CA's needs",
		MaySign:            "may not sign certificates: its keyUsage lacks keyCertSign",
		NoKeyUsage:         "lacks keyUsage, which strict checks want",
		NoKeyIdentifier:    "lacks an authority key identifier, which strict checks want",
		Length:             "allows fewer CA certificates below it than there are: pathLenConstraint",
		Constraint:         "limits the names below it, and one is outside: nameConstraints",
		Policy:             "wants a certificate policy that is not there",
		Critical:           "has an extension, marked critical, that the program does not know",
		Usage:              "is not for client authentication: its extendedKeyUsage lacks clientAuth",
		CAUsage:            "is for other uses than client authentication: its extendedKeyUsage",
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
	directive := j.Profile.Settable.Directives[j.Setting]
	switch j.Setting {
	case Depth:
		return say.Text(directive, " ", j.Needs)
	case SecurityLevel:
		return say.Text(directive, " 0")
	case Strict:
		return say.Text("no ", directive)
	}
	return say.Text(directive)
}

// Remedy is what would have the program accept the certificate; nil where that is not known.
func (j *Judgement) Remedy() say.Phrase {
	var on say.Phrase
	if set := j.SettingNeeded(); set != nil {
		on = say.Text("on the server, set ", set)
	}
	var in say.Phrase
	switch {
	case len(j.Elsewhere) > 2:
		in = say.Text("send only the valid path, by ", dn(j.Elsewhere[1].RawSubject), " (issued by ",
			dn(j.Elsewhere[1].RawIssuer), "): mtlsprobe fix writes it")
	case j.Reason == Untrusted:
		in = say.Text("have the server trust ", dn(j.Certificate.RawSubject))
	case j.Trusted:
		in = say.Text("have the server trust ", dn(j.Certificate.RawIssuer))
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

// Named returns the profile with the ID; nil if there is none.
func Named(id string) *Profile {
	for _, p := range Profiles() {
		if p.ID == id {
			return p
		}
	}
	return nil
}
