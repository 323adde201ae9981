// Package match judges: given what a server demands, which of these identities
// fit, and if not, exactly why and what to change.
//
// Call [Evaluate]. It is pure: no network, no file, no clock of its own, so the
// same question always gets the same answer. A verdict from names and dates is a
// prediction; only a trial is evidence.
package match

import (
	"crypto/x509"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/chain"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// A Question is everything that judging needs.
type Question struct {
	// Request is what the server demands; nil if it did not ask or that is not
	// known. Checks that need it are then not applicable. A request of version
	// zero was not seen: somebody supposes its list of names.
	Request *wire.CertificateRequest
	// When is the moment at which the server asked; empty where that is not known.
	When       wire.Stage
	Identities []*certstore.Identity
	// Graph holds the authorities at hand, those in the identities among them.
	Graph *chain.Graph
	// Proofs are the signatures that the keys were asked to make; see
	// [certstore.Identity.Prove]. A nil map means that none was asked.
	Proofs map[*certstore.Identity][]certstore.Proof
	// Store holds the CA certificates that clients on this host can look up: those
	// in the bundles and those given. It matters to predictions only.
	Store []*x509.Certificate
	// CRLs and Statements are what is known of revocations; both may be nil.
	CRLs       []*certstore.CRL
	Statements []*certstore.Statement
	// Now is the time to judge by.
	Now time.Time
	// Protocol is what is spoken on top of TLS, as in probe/protocol; empty if not
	// known.
	Protocol string
	// User is whom the server was told to log in; empty for none. Users says which
	// identities it took for this user; Unknown for those of which it did not say.
	User  string
	Users map[*certstore.Identity]say.Answer
	// Clocks are what else is known of the time: the server's clock first.
	Clocks []Clock
	// Ending is how long before its end a certificate is worth a warning.
	// Zero means 30 days.
	Ending time.Duration
}

// A Clock is another clock than the one that Now is of.
type Clock struct {
	Name string        // for people, as in "the server's clock"
	Skew time.Duration // that clock minus the local one
	// Server says that it is the server's, by which that judges the certificates.
	Server bool
}

type certificate = x509.Certificate

// A Result is what a check says.
type Result string

// The results of a check.
const (
	Pass          Result = "pass"
	Warn          Result = "warn"
	Fail          Result = "fail"
	NotApplicable Result = "not-applicable"
	Unknown       Result = "unknown"
)

// A Finding is what one check says of one identity.
type Finding struct {
	Check  *Check
	Result Result
	Detail say.Phrase // the evidence: what was compared with what
	Remedy say.Phrase // what a person can do; nil if nothing needs doing
}

// What most checks say most of the time.
var (
	pass          = Finding{Result: Pass}
	notApplicable = Finding{Result: NotApplicable}
)

func fail(detail, remedy say.Phrase) Finding {
	return Finding{Result: Fail, Detail: detail, Remedy: remedy}
}
func warn(detail, remedy say.Phrase) Finding {
	return Finding{Result: Warn, Detail: detail, Remedy: remedy}
}
func unknown(detail say.Phrase) Finding { return Finding{Result: Unknown, Detail: detail} }

// A Verdict is everything that was found about one identity.
type Verdict struct {
	Identity *certstore.Identity
	// Search has the paths from the leaf, in Graph.
	Search chain.Search
	Graph  *chain.Graph
	// Findings are in order of weight, the catalogue's order.
	Findings []Finding
	// NamedCAs has an entry for each name on the request's list that is not
	// plainly out of reach, in the list's order.
	NamedCAs []NamedCA
	// Rest is the result for every name without an entry: Unreachable, or
	// UnknownCA when the search for paths was cut or there is no certificate.
	Rest Reach
}

// Fits sums the findings up: Fail if any failed; Unknown without a certificate,
// with a key of which nothing is known, where it is not known whether a named CA is reached, or
// where that depends on the server's program; and else Pass.
func (v *Verdict) Fits() Result {
	result := Pass
	if v.Identity.Leaf == nil || v.Identity.Key.State == certstore.Unknown {
		result = Unknown
	}
	for _, f := range v.Findings {
		switch {
		case f.Result == Fail:
			return Fail
		case f.Result == Unknown && f.Check == PathNotReached, f.Result == Warn && f.Check == ChainTwins:
			result = Unknown
		}
	}
	return result
}

// result is what a check says; NotApplicable for one that was not asked.
func (v *Verdict) result(c *Check) Result {
	for _, f := range v.Findings {
		if f.Check == c {
			return f.Result
		}
	}
	return NotApplicable
}

// Prove drops warnings that are no more than a missing proof: a trial has proved it.
func (v *Verdict) Prove() {
	for n := range v.Findings {
		if f := &v.Findings[n]; f.Check.ProofOnly && f.Result == Warn {
			*f = Finding{Check: f.Check, Result: NotApplicable, Detail: f.Detail}
		}
	}
}

// Unusable reports whether the client cannot use the identity as it is stored,
// even if this program could present it: the account cannot read it, or the file
// has the certificates in an order that clients do not load.
func (v *Verdict) Unusable() bool {
	return slices.ContainsFunc(v.Findings, func(f Finding) bool { return f.Result == Fail && f.Check.LocalOnly })
}

// Evaluate judges every identity. The verdicts have the order of the identities.
func Evaluate(q *Question) []Verdict {
	checks := slices.DeleteFunc(Checks(), func(c *Check) bool { return c.judge == nil })
	names := newNameList(q)
	verdicts := make([]Verdict, len(q.Identities))
	group := new(errgroup.Group)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for n, i := range q.Identities {
		group.Go(func() error {
			j := &judgement{Question: q, identity: i, list: names}
			verdicts[n] = j.verdict(checks)
			return nil
		})
	}
	_ = group.Wait()
	return verdicts
}

// verdict judges the identity by the checks.
func (j *judgement) verdict(checks []*Check) Verdict {
	if j.identity.Leaf != nil {
		j.search = j.Graph.Paths(j.identity.Leaf, j.Now)
		j.named = j.list.reach(j)
	}
	rest := Unreachable
	if j.identity.Leaf == nil || j.search.Cut {
		rest = UnknownCA
	}
	findings := make([]Finding, len(checks))
	for k, c := range checks {
		findings[k] = c.judge(j)
		findings[k].Check = c
	}
	return Verdict{Identity: j.identity, Search: j.search, Graph: j.Graph, Findings: findings, NamedCAs: j.named,
		Rest: rest}
}

// A judgement is the work on one identity.
type judgement struct {
	*Question
	identity *certstore.Identity
	list     *nameList
	search   chain.Search
	named    []NamedCA
}
