package report

import (
	"slices"

	"mtlsprobe/probe/match"
)

// fixable reports whether what keeps an identity from being accepted is a certificate
// that is at hand and not in its bundle.
func (i *Identity) fixable() bool {
	e := explained(i)
	if e.Main == nil || !slices.ContainsFunc(i.NamedCAs,
		func(n NamedCA) bool {
			return (n.Result == "reached" || n.Result == "name-only") && (n.Via == "local" || n.Via == "cross-signed")
		}) {
		return false
	}
	return slices.Contains([]string{match.ChainIncomplete.ID, match.PathCrossSigned.ID, match.IssuerNotNamed.ID,
		match.PathNotReached.ID}, e.Main.Check)
}

// away reports whether an identity is not accepted because no acceptable CA has anything to
// do with it.
func (i *Identity) away() bool {
	e := explained(i)
	return e.Main != nil && (e.Main.Check == match.PathNotReached.ID || e.Main.Check == match.IssuerNotNamed.ID) &&
		!slices.ContainsFunc(i.NamedCAs, func(n NamedCA) bool { return n.Result != "not-reached" })
}

// A cellSign is how the matrix shows one identity at one server.
type cellSign int

// The signs, in the order of the legend.
const (
	acceptedSign cellSign = iota
	matchesSign
	fixableSign
	refusedSign
	notNamedSign
	unknownSign
)

func signOf(i *Identity) cellSign {
	if i == nil {
		return unknownSign
	}
	switch s := i.standing(); {
	case s == acceptedStanding:
		return acceptedSign
	case s == predictedStanding:
		return matchesSign
	case s != refusedStanding && s != mismatchStanding:
		return unknownSign
	case s == mismatchStanding && i.fixable():
		return fixableSign
	case s == mismatchStanding && i.away():
		return notNamedSign
	}
	return refusedSign
}

// class is the sign as a class of the page's style.
func (s cellSign) class() string {
	return [...]string{"fits", "unknown", "fixable", "does-not-fit", "away", "unknown"}[s]
}

// meaning is what the legend says of the sign.
func (s cellSign) meaning() string {
	return [...]string{"accepted", "matches, not tried", "not tried: lacks a certificate that is at hand",
		"refused, or would be refused", "not tried: its CA is not acceptable", "not known"}[s]
}

func (g glyphs) sign(s cellSign) (mark, color string) {
	plain, signs := [...]string{"*", "~", "+", "x", "-", "?"}, [...]string{"✓", "~", "+", "✗", "–", "?"}
	color = [...]string{green, yellow, yellow, red, "", yellow}[s]
	if g.ascii {
		return plain[s], color
	}
	return signs[s], color
}
