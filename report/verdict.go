package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"mtlsprobe/probe/match"
)

// A standing is how a certificate stands with the server, and on what evidence.
type standing string

// The standings, the worst first.
const (
	refusedStanding   standing = "refused"      // tried, and the server refused it
	mismatchStanding  standing = "does not fit" // judged from names and dates; not presented, or not to tell
	notTriedStanding  standing = "not tried"    // it was to be tried, and was not
	unknownStanding   standing = "unknown"
	predictedStanding standing = "fits" // judged from names and dates; not presented
	acceptedStanding  standing = "accepted"
	unjudgedStanding  standing = ""
)

func (i *Identity) standing() standing {
	tried := i.Basis == "tried" || i.Basis == "" && i.Trial.shown() // which older reports do not say
	switch {
	case i.Verdict == "":
		return unjudgedStanding
	case i.Verdict == Fits && tried:
		return acceptedStanding
	case i.Verdict == Fits:
		return predictedStanding
	case i.Verdict == DoesNotFit && tried:
		return refusedStanding
	case i.Verdict == DoesNotFit:
		return mismatchStanding
	case i.Trial != nil && i.Trial.Outcome == "not-tried":
		return notTriedStanding
	}
	return unknownStanding
}

// rank orders standings: what needs somebody's attention comes first.
func (s standing) rank() int {
	return slices.Index([]standing{refusedStanding, mismatchStanding, notTriedStanding, unknownStanding,
		predictedStanding,
		acceptedStanding, unjudgedStanding}, s)
}

// worstFirst is the report with those identities first that need somebody's attention.
func worstFirst(r *Report) *Report {
	sorted := *r
	sorted.Identities = slices.Clone(r.Identities)
	slices.SortStableFunc(sorted.Identities, func(a, b Identity) int {
		return cmp.Compare(a.standing().rank(), b.standing().rank())
	})
	return &sorted
}

// headline is the answer of a report in one sentence; empty if nothing was judged.
func headline(r *Report) string { return plain(answerOf(r)) }

func answerOf(r *Report) string {
	host := "the server"
	if r.Target != nil {
		host = r.Target.Address
	}
	switch {
	case !r.judged():
		return ""
	case r.Request != nil && r.Request.Asked == "no":
		return host + " did not ask for a client certificate, so nothing can be said about " + those(r) + "."
	case len(r.Identities) == 1:
		return headlineOf(r, &r.Identities[0], host)
	}
	return headlineOfMany(r, host)
}

// those names the identities of a report in a sentence.
func those(r *Report) string {
	if len(r.Identities) == 1 {
		return r.Identities[0].Label
	}
	return fmt.Sprintf("the %d certificates", len(r.Identities))
}

func headlineOf(r *Report, i *Identity, host string) string {
	detail := shortAnswer(i.Trial)
	switch i.standing() {
	case acceptedStanding:
		if without := r.control("none"); without != nil && detail != "" {
			detail += "; without a certificate: " + cmp.Or(shortAnswer(without), without.Outcome)
		}
		if i.Trial != nil && i.Trial.Detail != nil && detail != "" {
			detail += "; " + i.Trial.Detail.String()
		}
		return fmt.Sprintf("%s is accepted by %s%s.", i.Label, host, bracketed(detail))
	case refusedStanding:
		return fmt.Sprintf("%s is refused by %s%s.", i.Label, host, bracketed(detail))
	case mismatchStanding:
		if i.Trial != nil && i.Trial.Outcome == "accepted" {
			return fmt.Sprintf("%s accepts %s, and its client cannot use the file as it is.", host, i.Label)
		}
		return fmt.Sprintf("%s does not match what %s%s.", i.Label, asks(r, host), because(i))
	case predictedStanding:
		return fmt.Sprintf("%s matches what %s%s; only a trial is proof.", i.Label, asks(r, host),
			because(i))
	}
	if i.Trial != nil && i.Trial.Outcome == "ignored" {
		return fmt.Sprintf("%s asks for a client certificate and ignores it: %s makes no difference%s.", host, i.Label,
			bracketed(i.Trial.Detail.String()))
	}
	why := ""
	if i.Trial != nil {
		why = i.Trial.Detail.String()
	}
	return fmt.Sprintf("It is not known whether %s accepts %s%s.", host, i.Label, bracketed(why))
}

// because says that an identity was not presented, and why where that is not plain.
func because(i *Identity) string {
	if i.Trial == nil || i.Trial.Outcome != "not-tried" || i.Trial.Detail == nil {
		return ", and was not presented"
	}
	return ", and was not tried: " + i.Trial.Detail.String()
}

func headlineOfMany(r *Report, host string) string {
	counts := make(map[standing]int)
	for n := range r.Identities {
		counts[r.Identities[n].standing()]++
	}
	all := len(r.Identities)
	var parts []string
	add := func(s standing, words string) {
		if counts[s] > 0 {
			parts = append(parts, fmt.Sprintf(words, counts[s]))
		}
	}
	are := "are"
	if counts[acceptedStanding] == 1 {
		are = "is"
	}
	lead := fmt.Sprintf("%d of %d certificates %s accepted by %s", counts[acceptedStanding], all, are, host)
	ignored := !slices.ContainsFunc(r.Identities,
		func(i Identity) bool { return i.Trial == nil || i.Trial.Outcome != "ignored" })
	switch {
	case ignored:
		return fmt.Sprintf("%s asks for a client certificate and ignores it: %s make no difference%s.", host, those(r),
			bracketed(r.Identities[0].Trial.Detail.String()))
	case counts[acceptedStanding] == 0 && counts[predictedStanding] == 0 && r.Target == nil:
		lead = fmt.Sprintf("None of the %d certificates matches what %s", all, asks(r, host))
	case counts[acceptedStanding] == 0 && counts[predictedStanding] > 0:
		lead = fmt.Sprintf("%d of %d certificates match what %s; they were not presented, and only a trial is proof",
			counts[predictedStanding], all, asks(r, host))
	default:
		add(predictedStanding, "%d match and were not presented")
	}
	add(refusedStanding, "%d refused")
	add(mismatchStanding, "%d would not be accepted")
	add(notTriedStanding, "%d not tried")
	add(unknownStanding, "%d not known")
	if len(parts) == 0 {
		return lead + "."
	}
	return lead + "; " + strings.Join(parts, ", ") + "."
}

// asks ends "what …": who asked, or what stands for it.
func asks(r *Report, host string) string {
	if r.Target != nil {
		return host + " asks for"
	}
	if r.Request == nil {
		return "was given"
	}
	return "is asked for (" + acceptable(len(r.Request.NamedCAs)) + ")"
}

// acceptable counts acceptable CAs.
func acceptable(count int) string {
	switch count {
	case 0:
		return "no acceptable CA is named"
	case 1:
		return "1 acceptable CA"
	}
	return fmt.Sprintf("%d acceptable CAs", count)
}

func bracketed(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

// control returns the trial of a control; nil if it was not made.
func (r *Report) control(kind string) *Trial {
	for n := range r.Controls {
		if r.Controls[n].Kind == kind {
			return &r.Controls[n].Trial
		}
	}
	return nil
}

// shortAnswer is what the server said or, if nothing, what it did: "HTTP 200", "alert 48
// unknown_ca", "closed"; empty where nothing was tried.
func shortAnswer(t *Trial) string {
	if t == nil {
		return ""
	}
	return cmp.Or(saidBy(t, false), answer(t, false))
}

// An explanation is what is said of one identity: one reason, and what else counts.
type explanation struct {
	// Main explains why it is not accepted; nil where nothing does, or where it is.
	Main *Finding
	// Refusal says what can be the cause beyond the findings; empty if nothing is known. Beyond has it
	// in parts.
	Refusal string
	Beyond  refusal
	Also    []Finding
}

// explained picks the main reason, and leaves out what only follows from it.
func explained(i *Identity) explanation {
	lines, refusal := reasons(i)
	fine := i.standing() == acceptedStanding || i.standing() == predictedStanding
	lines = slices.DeleteFunc(slices.Clone(lines),
		func(f Finding) bool { return follows(&f, lines, i.standing() == acceptedStanding) })
	e := explanation{Refusal: refusal, Beyond: refused(i, lines), Also: lines}
	if fine || len(lines) == 0 {
		return e
	}
	if lines[0].Result == "fail" || i.explains(&lines[0]) {
		e.Main, e.Also = &lines[0], lines[1:]
	}
	return e
}

// follows reports whether a finding says the same as another one in other words: an
// intermediate that is missing also keeps the CA from being reached and its name from
// being on the list. That no proof is at hand does not matter to what was accepted.
func follows(f *Finding, lines []Finding, accepted bool) bool {
	has := func(c *match.Check) bool {
		return slices.ContainsFunc(lines, func(o Finding) bool { return o.Check == c.ID })
	}
	switch f.Check {
	case match.PathNotReached.ID:
		incomplete := slices.ContainsFunc(lines,
			func(o Finding) bool { return o.Check == match.ChainIncomplete.ID && o.Result == "fail" })
		return accepted || incomplete || has(match.PathRekeyed) || has(match.PathRenamed) ||
			has(match.PathCrossSigned)
	case match.IssuerNotNamed.ID:
		return has(match.PathNotReached) || has(match.ChainIncomplete) || has(match.PathCrossSigned)
	case match.ChainIncomplete.ID:
		return f.Result == "warn" && has(match.PathNotReached)
	}
	return false
}
