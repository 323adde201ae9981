// Package diagnosis is the engine: it asks a server, judges the identities at hand
// against its request, tries them, and concludes.
//
// Make an [Engine] with [New] for what all targets share, then call [Engine.Request],
// [Engine.Probe] or [Engine.Check], each of which returns a [Diagnosis]. An engine may
// be used by many goroutines at once; a diagnosis is not changed once it is returned.
// The package prints nothing and knows no output format: see package report.
package diagnosis

import (
	"net/url"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/probe"
	"mtlsprobe/probe/match"
	"mtlsprobe/probe/reading"
	"mtlsprobe/probe/stack"
	"mtlsprobe/probe/verifier"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// A Diagnosis is everything that was found about one target, or about one list of
// acceptable CAs. Every part but the times may be missing.
type Diagnosis struct {
	GeneratedAt, JudgedAt time.Time
	// Server is nil if no server was asked.
	Server *Server
	// Request is what the identities were judged against: the server's, or one from a
	// file; nil if there is none.
	Request *wire.CertificateRequest
	// Mode is the server's, or from a file; empty means unknown.
	Mode reading.Mode
	// Identities have the order of the holding's; nil without a holding.
	Identities []Identity
	Holding    *certstore.Holding
	// Migration is nil unless several phases were judged; PhasePredictions are by phase
	// and identity.
	Migration        *match.Migration
	PhasePredictions [][][]stack.Prediction
	NTP              *probe.NTPClock // nil unless a time server was asked and answered
	// Problems are what could not be done on the way, and did not prevent the rest.
	Problems []error
	// Interrupted says that not everything was done that was planned.
	Interrupted bool
}

// A Server is what was seen of a server.
type Server struct {
	Target      probe.Target
	Proxy       *url.URL // nil for none
	Observation *probe.Observation
	Versions    []probe.VersionResult // nil unless they were tried one by one
	Variants    []probe.Variant       // nil unless other addresses or names were asked
	Findings    []match.Finding
	// Conclusion is what trials and controls mean together.
	Conclusion *reading.Conclusion
	// TurnedAway is how many connections the server ended before it asked, or answered
	// with a limit on their number.
	TurnedAway int
}

// An Identity is a candidate with everything that was found about it.
type Identity struct {
	*certstore.Identity
	// Judgement is nil when nothing was judged.
	Judgement   *match.Verdict
	Predictions []stack.Prediction // nil when nothing was predicted
	// Servers say what server programs would accept that trust the named CAs; nil where none of
	// their certificates is at hand.
	Servers []verifier.Judgement
	Trial   *reading.Trial // nil when nothing was tried
	// LeafAlone says whether the server accepts the leaf without its intermediates, as
	// far as that was tried.
	LeafAlone say.Answer
	// Rechained says that it accepts the file's chain, in place of which [Settings.Client] sends
	// another one, and AsClient whether it accepts that, as far as it was tried.
	Rechained bool
	AsClient  say.Answer
	Verdict   Verdict // empty when nothing was judged
	Basis     Basis
	// Refusal explains a trial in which the server refused it; nil otherwise.
	Refusal *Refusal
}

// A Verdict is the sum of the evidence for one identity and one server.
type Verdict string

// The verdicts.
const (
	Fits       Verdict = "fits"
	DoesNotFit Verdict = "does-not-fit"
	Unknown    Verdict = "unknown"
)

// A Basis is what a verdict rests on.
type Basis string

// The bases of a verdict.
const (
	Tried     Basis = "tried"     // the server's behaviour, with controls
	Predicted Basis = "predicted" // names, dates and models
	None      Basis = "none"
)

// A Refusal explains why a server refused an identity.
type Refusal struct {
	// Authorization says that the application refused the name or role: it answers
	// otherwise than to the self-signed control, which no server verifies.
	Authorization bool
	// Uninformative says that such servers refuse everything by the same alert.
	Uninformative bool
	// Causes are what can be the reason, the likeliest first; nil for Authorization.
	Causes []match.Cause
}
