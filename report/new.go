package report

import (
	"cmp"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net/url"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/chain"
	"mtlsprobe/probe"
	"mtlsprobe/probe/diagnosis"
	"mtlsprobe/probe/match"
	"mtlsprobe/probe/reading"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// New turns a diagnosis into a report; transcripts adds those of the trials. It
// decides nothing. Every part of the diagnosis but the times may be missing.
func New(d *diagnosis.Diagnosis, transcripts bool) *Report {
	n := newer{d: d, transcripts: transcripts, names: make(map[string]string)}
	p := &Report{
		Schema: Schema, GeneratedAt: d.GeneratedAt.UTC(), JudgedAt: d.JudgedAt.UTC(), Interrupted: d.Interrupted,
		Request: n.request(), Clock: n.clock(),
	}
	if d.Server != nil {
		n.server(p)
	}
	p.Identities = make([]Identity, len(d.Identities))
	group := new(errgroup.Group)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for k := range d.Identities {
		group.Go(func() error {
			p.Identities[k] = n.identity(&d.Identities[k])
			return nil
		})
	}
	_ = group.Wait()
	if d.Holding != nil {
		for _, a := range d.Holding.Authorities {
			c := newCertificate(a.Certificate)
			c.Source = a.Source
			p.Authorities = append(p.Authorities, c)
		}
		for _, c := range d.Holding.Others {
			p.Containers = append(p.Containers, Contained{c.Source, *newContainer(c.Container)})
		}
	}
	for _, problem := range d.Problems {
		p.Problems = append(p.Problems, problem.Error())
	}
	if d.Migration != nil {
		p.Migration = n.migration(p.Identities)
	}
	p.Values = values(p)
	return p
}

// Several joins the reports of several targets.
func Several(parts []*Report) *Report {
	all := &Report{Schema: Schema, Identities: []Identity{}, Reports: parts}
	for n, part := range parts {
		if n == 0 || part.GeneratedAt.Before(all.GeneratedAt) {
			all.GeneratedAt, all.JudgedAt = part.GeneratedAt, part.JudgedAt
		}
		all.Interrupted = all.Interrupted || part.Interrupted
	}
	all.Values = values(all)
	return all
}

// Failed is the report of a target that could not be asked, and why.
func Failed(t probe.Target, now time.Time, why error) *Report {
	return &Report{Schema: Schema, GeneratedAt: now.UTC(), JudgedAt: now.UTC(), Identities: []Identity{},
		Target: newTarget(t), Error: why.Error(), Values: []Value{}}
}

// Empty is a report to which connections are to be added; call Complete afterwards.
func Empty(now time.Time) *Report {
	return &Report{Schema: Schema, GeneratedAt: now.UTC(), JudgedAt: now.UTC(), Identities: []Identity{},
		Values: []Value{}}
}

// Complete lists the values that the sentences of a report use.
func (r *Report) Complete() { r.Values = values(r) }

func newTarget(t probe.Target) *Target {
	out := &Target{Address: t.Address(), ServerName: t.ServerName, Protocol: t.Protocol, User: t.User}
	if t.Protocol == "http" {
		out.Protocol = "https"
	}
	if t.StartTLS {
		out.StartTLS = t.Protocol
	}
	return out
}

// newer is the work on one report.
type newer struct {
	d           *diagnosis.Diagnosis
	transcripts bool

	mu    sync.Mutex
	names map[string]string // as text, by DER
}

// name is a name as text, which is made once: many identities have the same issuers.
func (n *newer) name(der []byte) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	text, known := n.names[string(der)]
	if !known {
		text = certstore.NameString(der)
		n.names[string(der)] = text
	}
	return text
}

// observation is what was seen of the server; an empty one where nothing was.
func (n *newer) observation() *reading.Observation {
	if o := n.d.Server.Observation; o != nil && o.Observation != nil {
		return o.Observation
	}
	return &reading.Observation{}
}

// request is what the identities were judged against; nil where nothing was asked.
func (n *newer) request() *Request {
	d := n.d
	if d.Server == nil && d.Request == nil {
		return nil
	}
	q := &Request{Asked: say.Unknown.String(), Insistence: string(cmp.Or(d.Mode, reading.UnknownMode)),
		Verified: string(reading.VerifiedUnknown), NamedCAs: []Name{}}
	if d.Server == nil && d.Request.Version != 0 { // it was seen on the wire, once
		q.Asked = say.Yes.String()
	}
	if d.Server != nil {
		o := n.observation()
		q.Asked, q.When = o.Asked.String(), string(o.When)
		if o.RequestErr != nil {
			q.Error = o.RequestErr.Error()
		}
		if c := d.Server.Conclusion; c != nil {
			q.Verified = string(c.Verified)
		}
	}
	if d.Request != nil {
		q.fill(d.Request)
		q.Library = string(match.LibraryOf(d.Request))
	}
	return q
}

func (n *newer) clock() *Clock {
	d := n.d
	if d.Server == nil && d.NTP == nil {
		return nil
	}
	c := &Clock{Local: d.GeneratedAt.UTC()}
	if d.Server != nil {
		clock := &n.observation().Clock
		if skew, known := clock.Skew(); known {
			server, seconds := clock.Server.UTC(), int64(skew.Round(time.Second).Seconds())
			c = &Clock{Local: clock.Local.UTC(), Server: &server, SkewSeconds: &seconds, Source: clock.Source}
		}
	}
	if d.NTP != nil {
		c.NTP = &NTP{Host: d.NTP.Host, SkewSeconds: d.NTP.Skew.Seconds(), UncertaintySeconds: d.NTP.Uncertainty.Seconds()}
	}
	return c
}

// server adds what was seen of the server.
func (n *newer) server(p *Report) {
	s, o := n.d.Server, n.observation()
	p.Target = newTarget(s.Target)
	p.Target.Proxy = proxyName(s.Proxy)
	p.Server = &Server{Version: wire.VersionName(o.Version), CipherSuite: tls.CipherSuiteName(o.CipherSuite),
		Verified: o.Verification.Result.String()}
	if o.Verification.Err != nil {
		p.Server.VerifyError = o.Verification.Err.Error()
	}
	for _, c := range o.Certificates {
		p.Server.Certificates = append(p.Server.Certificates, newCertificate(c))
	}
	p.Versions, p.Variants = newVersions(s.Versions), newVariants(s.Variants)
	for k := range s.Findings {
		p.ServerFindings = append(p.ServerFindings, newFinding(&s.Findings[k]))
	}
	if c := s.Conclusion; c != nil {
		if c.None != nil {
			p.Controls = append(p.Controls, Control{Kind: "none", Trial: *n.trial(c.None)})
		}
		if c.SelfSigned != nil {
			p.Controls = append(p.Controls, Control{Kind: "self-signed", Trial: *n.trial(c.SelfSigned)})
		}
		p.Differs = c.Differs
	}
	p.Transcript = rows(o.Transcript)
	if o.Earlier != nil && n.transcripts {
		p.EarlierTranscript = rows(o.Earlier.Transcript)
	}
}

func (q *Request) fill(r *wire.CertificateRequest) {
	if r.Version != 0 {
		q.Version, q.Raw = wire.VersionName(r.Version), r.Raw
	}
	for _, t := range r.CertificateTypes {
		q.CertificateTypes = append(q.CertificateTypes, t.String())
	}
	q.SignatureSchemes, q.SignatureSchemesCert = schemeNames(r.SignatureSchemes), schemeNames(r.SignatureSchemesCert)
	for _, der := range r.NamedCAs {
		q.NamedCAs = append(q.NamedCAs, Name{DN: certstore.NameString(der), DER: der})
	}
}

func schemeNames(schemes []tls.SignatureScheme) []string {
	var names []string
	for _, s := range schemes {
		names = append(names, wire.SchemeName(s))
	}
	return names
}

func newFinding(f *match.Finding) Finding {
	return Finding{Check: f.Check.ID, Title: f.Check.Headline(f.Result), Result: string(f.Result), Detail: f.Detail,
		Remedy: f.Remedy}
}

func newCertificate(c *x509.Certificate) Certificate {
	notAfter := c.NotAfter.UTC()
	return Certificate{Subject: certstore.NameString(c.RawSubject), Issuer: certstore.NameString(c.RawIssuer),
		NotAfter: &notAfter, SHA256: fingerprint(c)}
}

func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

func newContainer(c *certstore.Container) *Container {
	return &Container{Format: c.Format, Integrity: c.Integrity, Parts: c.Parts, Readers: c.Readers}
}

func (n *newer) identity(i *diagnosis.Identity) Identity {
	out := Identity{Label: i.Label, Source: i.Source, NamedBy: i.NamedBy, NamedAs: i.NamedAs, FriendlyName: i.FriendlyName,
		Key: Key{State: string(i.Key.State), Detail: i.Key.Detail, Source: i.Key.Source, Protection: i.Key.Protection}}
	if i.Container.Describes() {
		out.Container = newContainer(i.Container)
	}
	if i.Preceding != nil {
		out.BeginsWith = certstore.NameString(i.Preceding.RawSubject)
	}
	if a := i.Access; a != nil {
		out.Access = &Access{Account: a.Account, Result: a.Result.String(), Detail: a.Detail, Remedy: a.Remedy}
	}
	if p := i.Running; p != nil {
		out.Running = &Running{PID: p.PID, Name: p.Name, Started: p.Started.UTC(), State: string(p.State), File: p.File,
			Changed: p.Changed.UTC()}
	}
	if e := i.Key.Exposure; e != nil {
		for _, reader := range e.Readers {
			out.Key.ExposedTo = append(out.Key.ExposedTo, "readable by "+reader.Text)
		}
		for _, refusal := range e.Refusals {
			out.Key.ExposedTo = append(out.Key.ExposedTo, refusal.Why)
		}
	}
	if c := i.Leaf; c != nil {
		notBefore, notAfter := c.NotBefore.UTC(), c.NotAfter.UTC()
		out.Subject, out.Issuer = n.name(c.RawSubject), n.name(c.RawIssuer)
		out.Serial, out.SHA256 = fmt.Sprintf("%x", c.SerialNumber), fingerprint(c)
		out.NotBefore, out.NotAfter = &notBefore, &notAfter
		out.Key.Algorithm = certstore.KeyAlgorithm(c)
	}
	for _, c := range i.Chain {
		out.Chain = append(out.Chain, newCertificate(c))
	}
	if i.Trial != nil {
		out.Trial = n.trial(i.Trial)
	}
	if i.Judgement == nil {
		return out
	}
	out.Verdict, out.Basis = string(i.Verdict), string(i.Basis)
	if r := i.Refusal; r != nil && out.Trial != nil {
		out.Trial.PastTLS, out.Trial.Mute, out.Trial.Causes = r.Authorization, r.Uninformative, newCauses(r.Causes)
	}
	for k := range i.Judgement.Findings {
		out.Findings = append(out.Findings, newFinding(&i.Judgement.Findings[k]))
	}
	if n.d.Request != nil {
		out.NamedCAs, out.NamedCAsRest = n.namedCAs(n.d.Request, i.Judgement)
	}
	for k := range i.Predictions {
		out.Predictions = append(out.Predictions, newPrediction(&i.Predictions[k]))
	}
	for k := range i.Servers {
		out.ServerModels = append(out.ServerModels, newServerModel(&i.Servers[k]))
	}
	if r := i.Refusal; r != nil && out.Trial != nil && !r.Authorization {
		out.Trial.Model, out.Trial.ModelRemedy = refusalModel(r, i.Trial, match.LibraryOf(n.d.Request), i.Servers)
	}
	out.Tree, out.TreeCut = n.tree(i.Judgement)
	return out
}

// maxNamedResults is how long a list of names may be for each identity to have a
// result for each of them; beyond that, what is out of reach is counted.
const maxNamedResults = 100

// namedCAs are the results for the names on the list, in its order, and of a long list
// how many are out of reach.
func (n *newer) namedCAs(request *wire.CertificateRequest, v *match.Verdict) (named []NamedCA, rest *NamedCARest) {
	next := 0
	for index, der := range request.NamedCAs {
		switch {
		case next < len(v.NamedCAs) && v.NamedCAs[next].Index == index:
			named = append(named, n.namedCA(der, &v.NamedCAs[next]))
			next++
		case len(request.NamedCAs) <= maxNamedResults:
			named = append(named, NamedCA{DN: n.name(der), Result: string(v.Rest)})
		case rest == nil:
			rest = &NamedCARest{Result: string(v.Rest), Count: 1}
		default:
			rest.Count++
		}
	}
	return named, rest
}

func (n *newer) namedCA(der []byte, ca *match.NamedCA) NamedCA {
	out := NamedCA{DN: n.name(der), Result: string(ca.Result), Via: string(ca.Via),
		Anchor: string(ca.Anchor), Detail: ca.Detail, Remedy: ca.Remedy}
	if ca.Path != nil {
		out.Paths = [][]string{n.subjects(ca.Path)}
		for _, other := range ca.Others {
			out.Paths = append(out.Paths, n.subjects(other))
		}
	}
	return out
}

func (n *newer) subjects(p *chain.Path) []string {
	names := make([]string, len(p.Certificates))
	for i, c := range p.Certificates {
		names[i] = n.name(c.RawSubject)
	}
	return names
}

func newTrial(t *reading.Trial) *Trial {
	out := &Trial{Outcome: string(t.Outcome), Detail: t.Detail, Presented: t.Presented}
	if a := t.Alert; a != nil {
		when := "handshake"
		if a.AfterHandshake {
			when = "after-handshake"
		}
		out.Alert = &Alert{Number: a.Description, Name: a.Name(), From: a.From.String(), When: when}
	}
	if a := t.Application; a != nil {
		out.Application = &Application{Protocol: a.Protocol, Status: a.Status, Detail: a.Detail, PassedOn: a.PassedOn}
	}
	return out
}

// proxyName is what a report may say of a proxy: no user, no password. It is
// empty without one.
func proxyName(u *url.URL) string {
	if u == nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
