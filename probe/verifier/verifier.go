// Package verifier predicts what a server would accept: given the certificates that a client
// sends and those that the server trusts, would OpenSSL, Go, Java, nginx take the client's
// certificate, and if not, why not, and by which alert.
//
// Programs differ in how they look for a path, and in the rules that they judge it by. A
// [Profile] is data over both, with its source; [Judge.Judge] is one function for all. How a
// server is set up is no part of the program: see [Settings].
//
// A judgement is a claim about a program, no observation: what a server really accepts is seen
// with a trial. The package is pure.
package verifier

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"slices"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/chain"
	"mtlsprobe/report/say"
)

// A Case is what a server is shown, and what it trusts.
type Case struct {
	Leaf *x509.Certificate
	Sent []*x509.Certificate // without the leaf, in the order in which they are sent
	// Anchors is the server's trust file, in its order.
	Anchors []*x509.Certificate
	Now     time.Time // by the server's clock
	// Settings are those of the server; what is nil in them is the program's default.
	Settings Settings
}

// A Judge answers for one case. It remembers which signatures hold, and is for one goroutine.
type Judge struct {
	c        *Case
	graph    *chain.Graph
	examiner *chain.Examiner
	search   *chain.Search // from the leaf; nil before it is asked for
	looks    int           // at paths
	cut      bool          // there is more to look at than the bounds on work allow
}

// Bounds on work. A real bundle has less than ten certificates.
const (
	mostSent  = 100
	mostLooks = 10_000
)

// NewJudge prepares a case, which is not to be changed after that.
func NewJudge(c *Case) *Judge {
	graph := chain.NewGraph()
	for _, cert := range slices.Concat(c.Anchors, c.Sent, []*x509.Certificate{c.Leaf}) {
		graph.Add(certstore.Authority{Certificate: cert})
	}
	return &Judge{c: c, graph: graph, examiner: graph.NewExaminer(c.Now), cut: len(c.Sent) > mostSent}
}

// paths are every path from the leaf, as far as the bounds on a search allow.
func (j *Judge) paths() *chain.Search {
	if j.search == nil {
		found := j.graph.Paths(j.c.Leaf, j.c.Now)
		j.search = &found
	}
	return j.search
}

// examine judges a path, within the bounds.
func (j *Judge) examine(path []*x509.Certificate) chain.Path {
	if j.looks++; j.looks > mostLooks {
		j.cut = true
		return chain.Path{}
	}
	return j.examiner.Examine(path)
}

// Judge says what a program would do with the case.
func (j *Judge) Judge(p *Profile) Judgement {
	settings := j.c.Settings.or(p.Settable.Defaults)
	said := j.judge(p, settings)
	if said.Accepts != say.No {
		return said
	}
	if j.elsewhere(&said, settings) {
		return said
	}
	for _, other := range p.otherwise(settings) {
		if with := j.judge(p, other.settings); with.Accepts == say.Yes {
			said.Setting, said.Needs = other.setting, other.needs
			if other.setting == Depth {
				said.Needs = p.Settable.Counts.of(with.Path)
			}
			break
		}
	}
	return said
}

// elsewhere looks for a path that the program would accept if nothing else were sent, and notes it.
func (j *Judge) elsewhere(said *Judgement, settings Settings) bool {
	p := said.Profile
	if p.Path == everyPath {
		return false
	}
	search, deep := *p, settings
	search.Path, search.Choice, deep.Depth = everyPath, choice{}, nil
	found := j.judge(&search, deep)
	if found.Accepts != say.Yes || slices.EqualFunc(found.Path[1:], j.c.Sent, (*x509.Certificate).Equal) {
		return false
	}
	alone := NewJudge(&Case{Leaf: j.c.Leaf, Sent: found.Path[1:], Anchors: j.c.Anchors, Now: j.c.Now})
	if alone.judge(p, settings).Accepts != say.Yes {
		if _, can := p.Settable.Directives[Depth]; !can || alone.judge(p, deep).Accepts != say.Yes {
			return false
		}
		said.Setting, said.Needs = Depth, p.Settable.Counts.of(found.Path)
	}
	// The path that is sent already is not another one.
	if said.Reason == TooLong && slices.EqualFunc(found.Path, said.Path, (*x509.Certificate).Equal) {
		said.Setting, said.Needs = NoSetting, 0
		return false
	}
	said.Elsewhere = found.Path
	return true
}

func (j *Judge) judge(p *Profile, settings Settings) Judgement {
	if j.cut {
		return Judgement{Profile: p, Reason: TooMuch}
	}
	w := &world{Profile: p, Case: j.c, Judge: j, settings: settings}
	o := w.receive()
	if o.reason == "" && !observed(j.c.Leaf) {
		o = outcome{reason: KeyKind, certificate: j.c.Leaf}
	}
	if o.reason == "" {
		o = w.look()
	}
	if j.cut = j.cut || j.examiner.Cut(); j.cut {
		return Judgement{Profile: p, Reason: TooMuch}
	}
	said := Judgement{Profile: p, Accepts: say.Known(o.reason == ""), Reason: o.reason, Certificate: o.certificate,
		Path: o.path}
	if o.reason == TooLong && settings.Depth != nil {
		said.Depth = *settings.Depth
	}
	said.OfLeaf = o.certificate != nil && o.certificate.Equal(j.c.Leaf)
	if o.reason == NoIssuer {
		said.Missing = len(j.graph.Named(o.certificate.RawIssuer)) == 0
		said.Trusted = w.trusts(o.certificate)
		said.Contradicts = slices.ContainsFunc(j.graph.Named(o.certificate.RawIssuer), func(c *chain.Certificate) bool {
			return !w.identified(o.certificate, c.Certificate) && chain.Signed(o.certificate, c.Certificate)
		})
	}
	switch {
	case o.reason == "":
		return said
	case o.reason == Ambiguous, o.reason == TooMuch, o.reason == KeyKind:
		said.Accepts = say.Unknown
		return said
	case !o.several:
		said.Alert = w.alert(o)
	}
	said.Silent = !o.several && said.Alert == 0 && p.Refusal.Status == 0
	return said
}

// An outcome is a path, and what is wrong with it; no reason means nothing.
type outcome struct {
	path        []*x509.Certificate
	reason      Reason
	certificate *x509.Certificate
	// several says that there are other ways, which fail with another alert.
	several bool
}

// A world is one case for one program.
type world struct {
	*Profile
	*Case
	*Judge
	settings Settings
}

func (w *world) trusts(c *x509.Certificate) bool { return contains(w.Anchors, c) }

func contains(certs []*x509.Certificate, c *x509.Certificate) bool {
	return slices.ContainsFunc(certs, c.Equal)
}

// observed reports whether programs were seen with keys of that kind.
func observed(leaf *x509.Certificate) bool {
	const shortest = 1024
	switch key := leaf.PublicKey.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() >= shortest
	case *ecdsa.PublicKey:
		return key.Curve != elliptic.P224()
	case ed25519.PublicKey:
		return true
	}
	return false
}

// receive judges what comes before any path.
func (w *world) receive() outcome {
	if w.Settable.MaxCertificates != 0 && len(w.Sent) >= w.Settable.MaxCertificates {
		return outcome{reason: TooLong}
	}
	if !w.Extensions.DecodesAll {
		return outcome{}
	}
	for _, c := range slices.Concat([]*x509.Certificate{w.Leaf}, w.Sent) {
		if w.refusesExtension(c) {
			return outcome{reason: Critical, certificate: c}
		}
		if w.unsupported(c) {
			return outcome{reason: Unsupported, certificate: c}
		}
	}
	return outcome{}
}

// look finds the path that the program takes, and judges it.
func (w *world) look() outcome {
	switch w.Path {
	case everyPath:
		return w.anyPath()
	case eachSent:
		return w.eachSent()
	case asSent:
		return w.asSent()
	default:
		return w.firstIssuers()
	}
}
