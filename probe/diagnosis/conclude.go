package diagnosis

import (
	"mtlsprobe/certstore"
	"mtlsprobe/probe/match"
	"mtlsprobe/probe/protocol"
	"mtlsprobe/probe/reading"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// conclude sums up the evidence for each identity.
func (d *Diagnosis) conclude() {
	for n := range d.Identities {
		i := &d.Identities[n]
		if i.Judgement == nil {
			continue
		}
		i.Verdict, i.Basis = d.verdict(i)
		if i.Verdict == Fits && i.Basis == Tried {
			i.Judgement.Prove()
		}
		i.Refusal = d.refusal(i)
	}
}

// verdict puts the server's behaviour above the local findings: a trial is evidence,
// findings predict. Where the server did not look at certificates nothing is said.
func (d *Diagnosis) verdict(i *Identity) (Verdict, Basis) {
	if d.Server != nil && d.Server.Observation.Asked != say.Yes {
		return Unknown, None
	}
	if t := i.Trial; t != nil && t.Withheld == "" {
		switch {
		case t.Outcome == reading.Accepted && !i.Judgement.Unusable():
			return Fits, Tried
		case t.Refused():
			return DoesNotFit, Tried
		case t.Outcome == reading.Ignored && !i.Judgement.Unusable(), t.Presented && i.Judgement.Fits() != match.Fail:
			return Unknown, Tried // it could not tell
		}
	}
	switch fits := i.Judgement.Fits(); {
	case fits == match.Fail:
		return DoesNotFit, Predicted
	// it was to be tried, and was not
	case d.Request == nil, i.Trial != nil && i.Trial.Withheld == "" && i.Certificate() != nil:
		return Unknown, None
	case fits == match.Pass:
		return Fits, Predicted
	}
	return Unknown, Predicted
}

// refusal explains a trial that was refused, or ended past TLS; nil for any other.
func (d *Diagnosis) refusal(i *Identity) *Refusal {
	t := i.Trial
	switch {
	case t == nil || d.Server == nil:
		return nil
	case t.PastTLS:
		return &Refusal{Authorization: true}
	case !t.Refused():
		return nil
	}
	var control *reading.Trial
	others := false
	if c := d.Server.Conclusion; c != nil {
		control = c.SelfSigned
		others = control != nil && differently(t, control)
		for _, other := range c.Trials {
			others = others || other != nil && other.Outcome == reading.Accepted
		}
	}
	// Where the control got so far as to the application, too, that may word a defect of
	// this certificate otherwise.
	defect := control != nil && control.Outcome == reading.RefusedByApplication && i.Judgement.Fits() == match.Fail &&
		t.Application != nil && t.Application.Verdict != protocol.UserRefused
	if authorization(t, control) && !defect {
		return &Refusal{Authorization: true}
	}
	r := &match.Refusal{Library: match.LibraryOf(d.Request), Others: others,
		ByApplication: t.Outcome == reading.RefusedByApplication}
	if a := t.Alert; a != nil && a.From == wire.Server {
		r.Alert, r.Alerted = a.Description, true
	}
	if a := t.Application; a != nil && a.Carrier {
		r.User = a.User
		r.Carrier = map[string]match.Carrier{"radius": match.EAP, "openvpn": match.OpenVPN,
			"openvpn-tcp": match.OpenVPN}[a.Protocol]
	}
	return &Refusal{Uninformative: r.Uninformative(), Causes: match.Causes(r, i.Judgement)}
}

// differently reports whether two trials were refused in different ways.
func differently(t, control *reading.Trial) bool {
	switch {
	case !control.Refused():
		return false
	case t.Alert != nil && control.Alert != nil:
		return t.Alert.Description != control.Alert.Description
	}
	return t.Outcome != control.Outcome
}

// authorization reports whether a refusal is one of a name, role or account: the
// application says so, or it denies access to this certificate and the self-signed
// control was refused in another way.
func authorization(t, control *reading.Trial) bool {
	if t.Outcome != reading.RefusedByApplication || t.Application == nil {
		return false
	}
	switch t.Application.Verdict {
	case protocol.UserRefused:
		return true
	case protocol.AccessRefused:
		return control != nil && control.Refused() && (control.Application == nil ||
			control.Outcome != reading.RefusedByApplication || control.Application.Status != t.Application.Status)
	}
	return false
}

// users says which identities the server took for the user that it was told.
func (d *Diagnosis) users() map[*certstore.Identity]say.Answer {
	users := make(map[*certstore.Identity]say.Answer)
	for _, i := range d.Identities {
		switch t := i.Trial; {
		case t == nil || t.Application == nil:
		case t.Application.Verdict == protocol.UserRefused:
			users[i.Identity] = say.No
		case t.Outcome == reading.Accepted && t.Application.Before == "":
			users[i.Identity] = say.Yes
		}
	}
	return users
}
