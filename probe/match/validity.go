package match

import (
	"fmt"
	"strings"
	"time"

	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// Checks of dates and clocks.
var (
	Expired = &Check{
		ID: "validity.expired", Title: "Expired", Good: "Not expired", Since: v1, HowTo: requestHowTo,
		Doc:      "The end of a certificate's validity has passed. Servers refuse it, and some clients do not even send it.",
		Citation: "RFC 5280, Section 4.1.2.5", Objections: objections(validityAlerts), Doubt: clockDoubt,
		judge: validityExpired,
	}
	NotYetValid = &Check{
		ID: "validity.not-yet-valid", Title: "Not yet valid", Good: "Validity has begun", Since: v1, HowTo: clockHowTo,
		Doc:        "A certificate's validity has not begun, or the clock is behind.",
		Citation:   "RFC 5280, Section 4.1.2.5",
		Objections: objections(validityAlerts, []uint8{wire.AlertBadCertificate}), Doubt: clockDoubt, judge: validityNotYet,
	}
	ClockSkew = &Check{
		ID: "clock.skew", Title: "Clocks disagree", Good: "Clocks agree", Since: v1, HowTo: clockHowTo,
		Doc:      "The local clock and the server's give different answers to whether a certificate is valid.",
		Citation: "RFC 5280, Section 4.1.2.5; RFC 9110, Section 6.6.1", Objections: objections(validityAlerts),
		judge: clockSkew,
	}
	Ending = &Check{
		ID: "validity.ending", Title: "Ends soon", Good: "Does not end soon", Since: v1, HowTo: requestHowTo,
		Doc:      "A certificate is near the end of its validity.",
		Citation: "RFC 5280, Section 4.1.2.5", Objections: []Objection{}, judge: validityEnding,
	}
)

// clockDoubt keeps dates from being ruled out where the server's clock is not known.
func clockDoubt(v *Verdict) Doubt {
	if v.result(ClockSkew) == NotApplicable {
		return Doubt{Why: say.Text("valid by this host's clock; the server's clock is not known")}
	}
	return Doubt{}
}

func validityExpired(j *judgement) Finding {
	return j.outside(say.Text("have the certificate renewed, and replace it in the bundle"),
		func(c *certificate, t time.Time) bool { return t.After(c.NotAfter) },
		func(c *certificate) say.Phrase {
			return say.Text("expired ", say.Time(c.NotAfter), ", ", days(j.Now.Sub(c.NotAfter)), " ago")
		})
}

func validityNotYet(j *judgement) Finding {
	return j.outside(say.Text("wait until then, or correct the clock"),
		func(c *certificate, t time.Time) bool { return t.Before(c.NotBefore) },
		func(c *certificate) say.Phrase {
			return say.Text("is valid from ", say.Time(c.NotBefore), " on, in ", days(c.NotBefore.Sub(j.Now)))
		})
}

// outside judges one end of the validity. What only this host's clock says does
// not fail the certificate: clock.skew reports it.
func (j *judgement) outside(remedy say.Phrase, out func(*certificate, time.Time) bool,
	tell func(*certificate) say.Phrase) Finding {
	f := j.eachStored(remedy, func(c *certificate) (say.Phrase, Result) {
		if !out(c, j.Now) {
			return nil, Pass
		}
		for _, clock := range j.Clocks {
			if clock.Skew.Abs() > skewTolerance && !out(c, j.Now.Add(clock.Skew)) {
				return say.Text(tell(c), ", by this host's clock only: not by ", clock.Name), Warn
			}
		}
		return tell(c), Fail
	})
	if f.Result == Pass {
		f.Detail = j.margin()
	}
	return f
}

// margin says how far the stored certificates are from both ends of the time in
// which all of them are valid.
func (j *judgement) margin() say.Phrase {
	var begins, ends *certificate
	for _, c := range j.stored() {
		if begins == nil || c.NotBefore.After(begins.NotBefore) {
			begins = c
		}
		if ends == nil || c.NotAfter.Before(ends.NotAfter) {
			ends = c
		}
	}
	return say.Text("valid since ", say.Time(begins.NotBefore), " (for ", days(j.Now.Sub(begins.NotBefore)), ", ",
		Name(begins.RawSubject), "), until ",
		say.Time(ends.NotAfter), " (", Name(ends.RawSubject), ", in ", days(ends.NotAfter.Sub(j.Now)), ")")
}

func validityEnding(j *judgement) Finding {
	ending := j.Ending
	if ending == 0 {
		ending = 30 * 24 * time.Hour
	}
	return j.eachStored(say.Text("renew it before that date"), func(c *certificate) (say.Phrase, Result) {
		left := c.NotAfter.Sub(j.Now)
		if left < 0 || left > ending {
			return nil, Pass
		}
		return say.Text("ends ", say.Time(c.NotAfter), ", in ", days(left)), Warn
	})
}

func days(d time.Duration) string {
	if d < 48*time.Hour {
		return d.Round(time.Second).String()
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// skewTolerance is what an HTTP Date, with its one second and the way, allows.
const skewTolerance = 5 * time.Second

func clockSkew(j *judgement) Finding {
	if len(j.Clocks) == 0 || j.identity.Leaf == nil {
		return notApplicable
	}
	var told, wrong []say.Phrase
	result := Warn
	for _, clock := range j.Clocks {
		told = append(told, say.Text(clock.Name, " ", apart(clock.Skew)))
		if clock.Skew.Abs() <= skewTolerance {
			continue
		}
		for _, c := range j.stored() {
			here, there := validAt(c, j.Now), validAt(c, j.Now.Add(clock.Skew))
			if here == there {
				continue
			}
			who := say.Text("the certificate")
			if c != j.identity.Leaf {
				who = say.Text(Name(c.RawSubject))
			}
			what := " is outside its validity"
			if here {
				what = " is valid"
			}
			if here || clock.Server { // another clock says nothing about the server's
				result = Fail
			}
			wrong = append(wrong, say.Text(who, what, " only because this host's clock is ", distance(clock.Skew), " ",
				clock.Name))
		}
	}
	if len(wrong) == 0 {
		return Finding{Result: Pass, Detail: say.Join("; ", told...)}
	}
	return Finding{Result: result, Detail: say.Join("; ", wrong...),
		Remedy: say.Text("synchronise both clocks with NTP; if this host's is right, the other one's owner has to " +
			"correct it")}
}

func validAt(c *certificate, t time.Time) bool { return !t.Before(c.NotBefore) && !t.After(c.NotAfter) }

// distance says where the local clock is compared with another one, as in
// "3 h 12 min behind".
func distance(skew time.Duration) string {
	if skew > 0 {
		return Spell(skew) + " behind"
	}
	return Spell(-skew) + " ahead of"
}

func apart(skew time.Duration) string {
	if skew.Abs() <= skewTolerance {
		return "agrees with this host's"
	}
	if skew > 0 {
		return "is " + Spell(skew) + " ahead of this host's"
	}
	return "is " + Spell(-skew) + " behind this host's"
}

// Spell writes the two largest units of a duration, as in "3 h 12 min"; it is empty
// for what is shorter than a second, or negative.
func Spell(d time.Duration) string {
	d = d.Round(time.Second)
	days, rest := d/(24*time.Hour), d%(24*time.Hour)
	var parts []string
	for _, unit := range []struct {
		n    time.Duration
		name string
	}{{days, "d"}, {rest / time.Hour, "h"}, {rest % time.Hour / time.Minute, "min"}, {rest % time.Minute / time.Second,
		"s"}} {
		if unit.n > 0 && len(parts) < 2 {
			parts = append(parts, fmt.Sprintf("%d %s", unit.n, unit.name))
		}
	}
	return strings.Join(parts, " ")
}
