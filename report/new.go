package report

import (
	"cmp"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/chain"
	"mtlsprobe/probe"
	"mtlsprobe/probe/match"
	"mtlsprobe/probe/stack"
	"mtlsprobe/probe/wire"
)

// A Run is what there is to report. Every part but the times may be missing.
type Run struct {
	GeneratedAt, JudgedAt time.Time
	Observation           *probe.Observation
	Proxy                 string                   // that was gone through, without user and password
	Request               *wire.CertificateRequest // judged against; from the observation or a file
	Versions              []probe.Served           // nil unless they were tried one by one
	Variants              []probe.Variant          // nil unless other addresses or names were asked
	ServerFindings        []match.Finding          // nil when the server was not judged
	Insistence            probe.Insistence         // seen, or from a file; empty is unknown
	Holding               *certstore.Holding
	Verdicts              []match.Verdict        // by identity; nil when nothing was judged
	Predictions           [][]stack.Prediction   // by identity; nil when nothing was predicted
	Migration             *match.Migration       // nil unless several phases were judged
	PhasePredictions      [][][]stack.Prediction // by phase and identity; nil when nothing was predicted
	Trials                []*probe.Trial         // by identity; nil when nothing was tried
	SelfSigned            *probe.Trial
	NTP                   *probe.NTPClock // nil unless a time server was asked and answered
	Transcripts           bool            // report those of the trials, too
}

// New turns a run into a report.
func New(r *Run) *Report {
	p := &Report{Schema: Schema, GeneratedAt: r.GeneratedAt.UTC(), JudgedAt: r.JudgedAt.UTC(), Identities: []Identity{}}
	if r.Observation != nil {
		p.observation(r)
	}
	if p.Request == nil && r.Request != nil {
		p.Request = &Request{Asked: string(probe.Unknown), Insistence: string(cmp.Or(r.Insistence, probe.UnknownInsistence)), NamedCAs: []Name{}}
		if r.Request.Version != 0 { // it was seen on the wire, once
			p.Request.Asked = string(probe.Yes)
		}
	}
	if r.Request != nil {
		p.Request.fill(r.Request)
		p.Request.Library = string(match.FamilyOf(r.Request))
	}
	p.Versions, p.Variants = newVersions(r.Versions), newVariants(r.Variants)
	for _, f := range r.ServerFindings {
		p.ServerFindings = append(p.ServerFindings, newFinding(&f))
	}
	if r.Holding != nil {
		for n, i := range r.Holding.Identities {
			p.Identities = append(p.Identities, newIdentity(r, n, i))
		}
		for _, a := range r.Holding.Authorities {
			c := newCertificate(a.Certificate)
			c.Source = a.Source
			p.Authorities = append(p.Authorities, c)
		}
		for _, c := range r.Holding.Others {
			p.Containers = append(p.Containers, Contained{c.Source, *newContainer(c.Container)})
		}
		for _, problem := range r.Holding.Problems {
			p.Problems = append(p.Problems, problem.Error())
		}
	}
	if r.NTP != nil {
		if p.Clock == nil {
			p.Clock = &Clock{Local: r.GeneratedAt.UTC()}
		}
		p.Clock.NTP = &NTP{Host: r.NTP.Host, SkewSeconds: r.NTP.Skew.Seconds(), UncertaintySeconds: r.NTP.Uncertainty.Seconds()}
	}
	if r.Migration != nil {
		p.Migration = newMigration(r, p.Identities)
	}
	if r.SelfSigned != nil {
		p.Controls = append(p.Controls, Control{Kind: "self-signed", Trial: *r.trial(r.SelfSigned)})
	}
	return p
}

func (p *Report) observation(r *Run) {
	o := r.Observation
	p.Target = &Target{Address: o.Target.Address(), ServerName: o.Target.ServerName, Protocol: o.Target.Protocol, Proxy: r.Proxy}
	if o.Target.Protocol == "http" {
		p.Target.Protocol = "https"
	}
	if o.Target.StartTLS {
		p.Target.StartTLS = o.Target.Protocol
	}
	p.Server = &Server{Version: wire.VersionName(o.Version), CipherSuite: tls.CipherSuiteName(o.CipherSuite), Verified: string(o.Verification.Result)}
	if o.Verification.Err != nil {
		p.Server.VerifyError = o.Verification.Err.Error()
	}
	for _, c := range o.Certificates {
		p.Server.Certificates = append(p.Server.Certificates, newCertificate(c))
	}
	p.Request = &Request{Asked: string(o.Asked), When: string(o.When), Insistence: string(r.Insistence), NamedCAs: []Name{}}
	if o.RequestErr != nil {
		p.Request.Error = o.RequestErr.Error()
	}
	p.Clock = &Clock{Local: r.GeneratedAt.UTC()}
	if !o.ServerTime.IsZero() {
		server, skew := o.ServerTime.UTC(), int64(o.ServerTime.Sub(o.LocalTime).Round(time.Second).Seconds())
		p.Clock = &Clock{Local: o.LocalTime.UTC(), Server: &server, SkewSeconds: &skew, Source: o.TimeSource}
	}
	p.Controls = append(p.Controls, Control{Kind: "none", Trial: *r.trial(o.None)})
	p.Transcript = rows(o.Transcript)
	if o.Earlier != nil && r.Transcripts {
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
	return Finding{Check: f.Check.ID, Title: f.Check.Title, Result: string(f.Result), Detail: f.Detail, Remedy: f.Remedy}
}

func newCertificate(c *x509.Certificate) Certificate {
	notAfter := c.NotAfter.UTC()
	return Certificate{Subject: certstore.NameString(c.RawSubject), Issuer: certstore.NameString(c.RawIssuer), NotAfter: &notAfter, SHA256: fingerprint(c)}
}

func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

func newContainer(c *certstore.Container) *Container {
	return &Container{Format: c.Format, Integrity: c.Integrity, Parts: c.Parts, Readers: c.Readers}
}

func newIdentity(r *Run, n int, i *certstore.Identity) Identity {
	out := Identity{Label: i.Label, Source: i.Source, NamedBy: i.NamedBy, FriendlyName: i.FriendlyName,
		Key: Key{State: string(i.Key.State), Detail: i.Key.Detail, Source: i.Key.Source, Protection: i.Key.Protection}}
	if i.Container != nil {
		out.Container = newContainer(i.Container)
	}
	if i.Ahead != nil {
		out.BeginsWith = certstore.NameString(i.Ahead.RawSubject)
	}
	if a := i.Access; a != nil {
		out.Access = &Access{Account: a.Account, Result: string(a.Result), Detail: a.Detail, Remedy: a.Remedy}
	}
	if e := i.Key.Exposure; e != nil {
		for _, reader := range e.Readers {
			out.Key.ExposedTo = append(out.Key.ExposedTo, "it may be read by "+reader)
		}
		out.Key.ExposedTo = append(out.Key.ExposedTo, e.Refusals...)
	}
	if c := i.Leaf; c != nil {
		notBefore, notAfter := c.NotBefore.UTC(), c.NotAfter.UTC()
		out.Subject, out.Issuer = certstore.NameString(c.RawSubject), certstore.NameString(c.RawIssuer)
		out.Serial, out.SHA256 = fmt.Sprintf("%x", c.SerialNumber), fingerprint(c)
		out.NotBefore, out.NotAfter = &notBefore, &notAfter
		out.Key.Algorithm = certstore.KeyAlgorithm(c)
	}
	for _, c := range i.Chain {
		out.Chain = append(out.Chain, newCertificate(c))
	}
	var trial *probe.Trial
	if r.Trials != nil {
		trial = r.Trials[n]
	}
	if trial != nil {
		out.Trial = r.trial(trial)
	}
	if r.Verdicts == nil {
		return out
	}
	v := &r.Verdicts[n]
	out.Verdict = verdict(v, trial, r.Observation)
	if out.Trial != nil {
		if out.Trial.PastTLS = pastTLS(trial, r.SelfSigned); !out.Trial.PastTLS {
			out.Trial.Causes, out.Trial.Mute = newCauses(r, trial, v)
		}
	}
	for _, f := range v.Findings {
		out.Findings = append(out.Findings, newFinding(&f))
	}
	if r.Request != nil {
		out.NamedCAs = namedCAs(r.Request, v)
	}
	if r.Predictions != nil {
		for p := range r.Predictions[n] {
			out.Predictions = append(out.Predictions, newPrediction(&r.Predictions[n][p]))
		}
	}
	out.Tree, out.TreeCut = newTree(r, v)
	return out
}

// verdict puts the server's word above the local findings: a trial is the
// evidence, findings predict. A server that ignores the certificate has said
// nothing about it.
func verdict(v *match.Verdict, trial *probe.Trial, observation *probe.Observation) string {
	if observation != nil && observation.Asked == probe.No {
		return Unknown // nobody looked at it
	}
	if trial != nil {
		switch {
		case trial.Outcome == probe.Accepted && !outOfReach(v):
			return Fits
		case trial.Refused():
			return DoesNotFit
		}
	}
	switch v.Fits() {
	case match.Fail:
		return DoesNotFit
	case match.Pass:
		return Fits
	}
	return Unknown
}

// outOfReach says that clients cannot use the identity as it lies there, however well
// the trial went with the rights of the one who probed, and in an order of this
// program's making.
func outOfReach(v *match.Verdict) bool {
	return slices.ContainsFunc(v.Findings, func(f match.Finding) bool {
		return f.Result == match.Fail && (f.Check.ID == "key.account" || f.Check.ID == "chain.order")
	})
}

// namedCAs has an entry for each name on the list, the unreachable among them.
func namedCAs(request *wire.CertificateRequest, v *match.Verdict) []NamedCA {
	out := make([]NamedCA, len(request.NamedCAs))
	for i, der := range request.NamedCAs {
		out[i] = NamedCA{DN: certstore.NameString(der), Result: string(v.Rest)}
	}
	for _, n := range v.NamedCAs {
		out[n.Index].Result, out[n.Index].Via = string(n.Result), string(n.Via)
		out[n.Index].Detail, out[n.Index].Remedy = n.Detail, n.Remedy
		if n.Path != nil {
			out[n.Index].Paths = [][]string{subjects(n.Path)}
			for _, other := range n.Others {
				out[n.Index].Paths = append(out[n.Index].Paths, subjects(other))
			}
		}
	}
	return out
}

func subjects(p *chain.Path) []string {
	names := make([]string, len(p.Certificates))
	for i, c := range p.Certificates {
		names[i] = certstore.NameString(c.RawSubject)
	}
	return names
}

func newTrial(t *probe.Trial) *Trial {
	out := &Trial{Outcome: string(t.Outcome), Detail: t.Detail, Presented: t.Presented}
	if a := t.Alert; a != nil {
		when := "handshake"
		if a.AfterHandshake {
			when = "after-handshake"
		}
		out.Alert = &Alert{Number: a.Description, Name: a.Name(), From: a.From.String(), When: when}
	}
	if a := t.Application; a != nil {
		out.Application = &Application{Protocol: a.Protocol, Status: a.Status, Detail: a.Detail}
	}
	return out
}

// ProxyName is what a report may say of a proxy: no user, no password. It is
// empty without one.
func ProxyName(u *url.URL) string {
	if u == nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
