package report

import (
	"cmp"
	"fmt"
	"math"
	"strings"
	"time"

	"mtlsprobe/probe/match"
)

// A fact is a labelled sentence about the server and its request.
type fact struct{ Label, Text string }

// facts are what is to be said of the server and its request.
func facts(r *Report) []fact { return factsWith(r, acceptableCAs(r)) }

// acceptableCAs are a fact each.
func acceptableCAs(r *Report) []fact {
	var out []fact
	if r.Request != nil && r.Request.Error == "" {
		for i, n := range r.Request.NamedCAs {
			out = append(out, fact{fmt.Sprintf("CA %d", i+1), plain(n.DN)})
		}
	}
	return out
}

// factsWith are the facts, with these lines where the acceptable CAs belong.
func factsWith(r *Report, named []fact) []fact {
	var out []fact
	add := func(label, text string) { out = append(out, fact{label, plain(text)}) }
	if r.Error != "" {
		add("Error", r.Error)
	}
	if r.Target != nil && r.Server != nil {
		verified := map[string]string{"yes": "verified" + r.byCA(), "no": "NOT VERIFIED: " + r.Server.VerifyError,
			"unknown": "not verified"}
		add("Server", fmt.Sprintf("%s, %s, certificate %s", r.Target.Address, r.Server.Version, verified[r.Server.Verified]))
		if r.Target.User != "" {
			add("User", r.Target.User)
		}
	}
	out = append(out, cautions(r)...)
	if r.Request == nil {
		return out
	}
	add("Request", requestLine(r))
	if r.Request.Error == "" {
		if len(r.Request.CertificateTypes) > 0 {
			add("Types", strings.Join(r.Request.CertificateTypes, ", "))
		}
		if len(r.Request.SignatureSchemes) > 0 {
			add("Schemes", strings.Join(r.Request.SignatureSchemes, ", "))
		}
		if r.Request.Library != "" {
			add("Library", "probably "+r.Request.Library+", by the order of what the request lists")
		}
		if line := versionsLine(r); line != "" {
			add("Versions", line)
		}
		for _, line := range variantLines(r) {
			add("Also at", line)
		}
		out = append(out, named...)
	}
	for _, c := range r.Controls {
		kind := map[string]string{"none": "no certificate", "self-signed": "self-signed certificate"}[c.Kind]
		add("Control", fmt.Sprintf("%s: %s", cmp.Or(kind, c.Kind), answer(&c.Trial, true)))
	}
	if r.Clock != nil && r.Clock.SkewSeconds != nil {
		add("Clock", clockLine(*r.Clock.SkewSeconds, r.Clock.Source))
	}
	if r.Clock != nil && r.Clock.NTP != nil {
		add("Clock", fmt.Sprintf("that of %s %s (NTP, to within %.3f s)", r.Clock.NTP.Host,
			offset(r.Clock.NTP.SkewSeconds, r.Clock.NTP.UncertaintySeconds), r.Clock.NTP.UncertaintySeconds))
	}
	return out
}

// cautions are facts about the run that every reader has to know: that it was judged for
// another time, that it was cut short, and that answers differed.
func cautions(r *Report) []fact {
	var out []fact
	add := func(label, text string) { out = append(out, fact{label, plain(text)}) }
	if shift := r.JudgedAt.Sub(r.GeneratedAt); shift.Abs() > time.Minute {
		text := fmt.Sprintf("as of %s, and not of now", r.JudgedAt.UTC().Format(time.RFC3339))
		if r.Server != nil {
			text += "; what a server answers, it answers now"
		}
		add("Judged", text)
	}
	if r.Interrupted {
		add("Interrupted", fmt.Sprintf("%d of %d identities had been tried when the run was ended; nothing is known of the "+
			"others' trials", r.tried(), len(r.Identities)))
	}
	if r.Differs != nil {
		add("Caution", "the server does not answer alike on every connection: "+r.Differs.String())
	}
	return out
}

// clockLine compares the server's clock with this host's.
func clockLine(skew int64, source string) string {
	const tolerance = 2 // seconds, of a date that is cut to whole ones
	return fmt.Sprintf("the server's %s (%s)", offset(float64(skew), tolerance), source)
}

// offset says by how many seconds another clock is ahead of this host's, or behind.
func offset(skew, tolerance float64) string {
	far := match.Spell(time.Duration(math.Abs(skew) * float64(time.Second)))
	if math.Abs(skew) < 10 && tolerance < 1 { // where milliseconds say more
		far = fmt.Sprintf("%.3f s", math.Abs(skew))
	}
	switch {
	case skew > tolerance:
		return "is " + far + " ahead of this host's"
	case skew < -tolerance:
		return "is " + far + " behind this host's"
	}
	return "agrees with this host's"
}

func requestLine(r *Report) string {
	q := r.Request
	names := fmt.Sprintf("%d CA names", len(q.NamedCAs))
	switch len(q.NamedCAs) {
	case 0:
		names = "no CA names (any certificate may be sent)"
	case 1:
		names = "1 CA name"
	}
	switch {
	case q.Asked == "no":
		return "the server did not ask for a client certificate; some ask for certain paths, names or versions only"
	case q.Asked != "yes" && len(q.NamedCAs) > 0:
		return "no server was asked; judged against " + names
	case q.Asked != "yes":
		return "it is not known whether the server asks: the handshake ended before"
	case q.Error != "":
		return "the server asked, and its request cannot be decoded: " + q.Error
	}
	demand := "a client certificate is asked for; whether it is required is not known"
	switch {
	case r.applicationInsists():
		demand = "a client certificate is required by the application, not by TLS"
	case q.Insistence == "required":
		demand = "a client certificate is required"
	case q.Insistence == "optional":
		demand = "a client certificate is optional"
	case q.Insistence == "ignored":
		demand = "a client certificate is asked for and ignored"
	}
	if q.When != "" && q.When != "handshake" {
		demand += " (" + q.When + ")"
	}
	return strings.Join([]string{demand, q.Version, names}, ", ")
}
