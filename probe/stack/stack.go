// Package stack predicts what a client would do: given what a server demands and
// an identity, would curl, Go, Java, a browser send it, with which chain, and if
// not, why not.
//
// Selection differs between TLS stacks in few parameters. A [Profile] is data
// over them, with its source; [Predictor.Predict] is one function for all. Call
// [New] once for a question, then Predict for each profile and identity.
//
// A prediction is a claim about a program, no observation: what a client really
// sends is seen with "mtlsprobe mirror". The package is pure.
package stack

import (
	"crypto/tls"
	"crypto/x509"
	"slices"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/chain"
	"mtlsprobe/probe/match"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// An Action is what the client does on the wire.
type Action string

// The actions.
const (
	Sends       Action = "sends"              // Certificate and CertificateVerify
	Declines    Action = "empty certificate"  // a Certificate message without certificates
	Alerts      Action = "alert"              // a fatal alert in place of a Certificate
	SendsAlerts Action = "sends, then alerts" // a Certificate, and an alert in place of the signature
	SendsOther  Action = "sends another"      // the certificate of another identity in the same store
	BadSigns    Action = "signs wrongly"      // with a scheme the server did not offer, or a key too short
	Fails       Action = "local error"        // the client does not come as far
	NotKnown    Action = "unknown"
)

// A Prediction is what one client stack would do with one identity.
type Prediction struct {
	Profile *Profile
	// Sends says whether the server gets to see the certificate.
	Sends  say.Answer
	Action Action
	// Alert is the number of the fatal alert that the client sends; 0 without one.
	Alert uint8
	// Chain is what is sent, the leaf first; nil if nothing is, or it is not known.
	Chain  []*x509.Certificate
	Reason say.Phrase
	Remedy say.Phrase // what to change; nil where nothing needs to be
	// Rewrite says that the remedy is a file in the form that the profile takes.
	Rewrite bool
	// LeafAlone says that the client leaves out the intermediates that the file has.
	LeafAlone bool
	// Rechained says that it sends another chain than the file has in another way, as where it
	// builds its own.
	Rechained bool
	// Counts says that it counts what the server thinks of the client's own chain, and Taken is
	// that, as far as it was tried.
	Counts bool
	Taken  say.Answer
	// Fault says that something is wrong with the identity for this client: the
	// prediction is not only about the list.
	Fault bool
}

// ServerLog says what the server's log would show.
func (p *Prediction) ServerLog() string {
	switch p.Action {
	case Declines:
		return "no client certificate was sent"
	case Alerts:
		return "the client ended the handshake with an alert, and no certificate was seen"
	case SendsAlerts:
		return "a certificate came, and then an alert of the client's in place of its signature"
	case SendsOther:
		return "another certificate out of the same store"
	case BadSigns:
		return "a certificate came, and its signature does not verify"
	case Fails:
		return "the client did not connect, or closed the connection without a word"
	case Sends:
		return "the certificate, and what the server thinks of it"
	}
	return ""
}

// A Predictor answers for one question.
type Predictor struct {
	question *match.Question
	named    [][]byte
	raw      map[string]bool // the list by bytes
	folded   map[string]bool // by RFC 5280, Section 7.1
	text     map[string]bool // by text: string types folded, case kept
	store    *store
}

// New prepares the question's request and store.
func New(q *match.Question) *Predictor {
	p := &Predictor{question: q, raw: make(map[string]bool), folded: make(map[string]bool), text: make(map[string]bool),
		store: newStore(q.Store)}
	if q.Request != nil {
		p.named = q.Request.NamedCAs
	}
	for _, name := range p.named {
		p.raw[string(name)] = true
		p.folded[q.Graph.Key(name)] = true
		p.text[certstore.NameString(name)] = true
	}
	return p
}

// Predict says what the stack would do if the identity were the only one that it
// is given, with the question's store as its store of CA certificates.
func (p *Predictor) Predict(profile *Profile, i *certstore.Identity) Prediction {
	held := i.Chain
	i = profile.read(i)
	out := p.decide(profile, i)
	if r := p.question.Request; r != nil && r.Version == 0 && i.Leaf != nil {
		out = p.inAnyVersion(profile, i)
	}
	if when := p.question.When; out.Sends == say.Yes && (when == wire.InRenegotiation || when == wire.PostHandshake) {
		if late := answersLate(profile, when); late != nil {
			out = *late
		}
	}
	out.Profile = profile
	if out.Sends == say.Yes && out.Chain == nil {
		out.Chain = p.chain(profile, i)
		out.Rechained = out.Chain != nil && !out.LeafAlone &&
			!slices.EqualFunc(out.Chain[1:], held, (*x509.Certificate).Equal)
	}
	if profile.Files.Imports && out.Action == Sends && out.Remedy == nil &&
		(i.Kind == certstore.PEMKind || i.Kind == certstore.DERKind) {
		out.Remedy, out.Rewrite = say.Text(`import it as a PKCS#12 file, which "mtlsprobe fix --for" writes`), true
	}
	return out
}

// answersLate says whether a stack that would send the identity does so when it is
// asked after the handshake or by renegotiation; nil where it does.
func answersLate(profile *Profile, when wire.Stage) *Prediction {
	answers := profile.Late.Renegotiation
	if when == wire.PostHandshake {
		answers = profile.Late.PostHandshake
	}
	out := &Prediction{Sends: say.No, Action: Declines, Remedy: say.Text("let the server ask in the handshake"),
		Reason: say.Text("the server asks late (", when, "), which this client does not answer by default")}
	switch answers {
	case say.Yes:
		return nil
	case say.Unknown:
		out.Sends, out.Action = say.Unknown, NotKnown
		out.Reason = say.Text("the server asks late (", when, "): it is not known whether this client answers that")
	}
	return out
}

// inAnyVersion answers for a request that nobody has seen: the same in TLS 1.2
// and 1.3, or not known.
func (p *Predictor) inAnyVersion(profile *Profile, i *certstore.Identity) Prediction {
	in := func(version uint16) Prediction {
		request, question, predictor := *p.question.Request, *p.question, *p
		request.Version, question.Request = version, &request
		predictor.question = &question
		return predictor.decide(profile, i)
	}
	old, now := in(tls.VersionTLS12), in(tls.VersionTLS13)
	if old.Sends == now.Sends {
		return now
	}
	return Prediction{Sends: say.Unknown, Action: NotKnown,
		Reason: say.Text("it depends on the version: in TLS 1.2 ", old.Sends, ", in TLS 1.3 ", now.Sends)}
}

// decide asks one gate after the other, in the order in which clients do.
func (p *Predictor) decide(profile *Profile, i *certstore.Identity) Prediction {
	if i.Leaf == nil {
		return Prediction{Sends: say.Unknown, Action: NotKnown, Reason: say.Text("nothing could be read of it")}
	}
	if p.question.Request == nil {
		return Prediction{Sends: say.No, Action: Declines, Reason: say.Text("the server did not ask in the handshake")}
	}
	for _, gate := range []func(*Profile, *certstore.Identity) *Prediction{p.key, p.load, p.size, p.usage, p.names,
		p.schemes} {
		if verdict := gate(profile, i); verdict != nil {
			return *verdict
		}
	}
	reason := say.Text("the list of CA names is not looked at")
	switch {
	case len(p.named) == 0:
		reason = say.Text("no CA names: any certificate will do")
	case profile.Names != Ignored:
		reason = say.Text("a name on the list matches")
	}
	out := Prediction{Sends: say.Yes, Action: Sends, Reason: reason}
	if profile.Chain == LeafAlone && Intermediates(i) {
		out.LeafAlone, out.Counts = true, true
		out.Reason = say.Text("it loads the leaf alone from the file: the intermediates come along only if the file by " +
			"which " +
			"it verifies the server contains them")
		out.Remedy = say.Text("let the server have the intermediates, or use a client that sends the chain")
	}
	return out
}

// Intermediates reports whether an identity holds CA certificates that are not
// self-signed: what a server may lack.
func Intermediates(i *certstore.Identity) bool {
	return slices.ContainsFunc(i.Chain, func(c *x509.Certificate) bool { return !selfIssued(c) })
}

// Try notes whether the server accepts what the client sends. It changes only predictions
// whose client sends another chain than the file has.
func (p *Prediction) Try(taken say.Answer) {
	if !p.LeafAlone && !p.Rechained {
		return
	}
	p.Taken, p.Counts = taken, true
	if p.Rechained {
		p.tried(taken)
		return
	}
	switch taken {
	case say.Yes:
		p.Remedy, p.Reason = nil, say.Text("it loads the leaf alone from the file, and the server accepts that (tried)")
	case say.No:
		p.Fault = true
		p.Reason = say.Text(p.Reason, "; the server refuses the leaf alone (tried)")
	}
}

// tried words what became of a chain of the client's own.
func (p *Prediction) tried(taken say.Answer) {
	remedy := say.Text("let the server have the intermediates, or leave the client only those that the file has")
	sent := say.Text("another chain than the file's, up to a certificate by ",
		match.Name(p.Chain[len(p.Chain)-1].RawIssuer))
	if p.Profile.Chain == reversedPKCS12 {
		sent = say.Text("the CA certificates of the file in reverse")
		remedy = say.Text("write the file as PEM, which this client sends as it stands: ", again(p.Profile))
	}
	switch taken {
	case say.Unknown:
		p.Reason = say.Text(p.Reason, "; it sends ", sent, ", and what the server makes of that was not found out")
	case say.Yes:
		p.Reason = say.Text(p.Reason, "; it sends ", sent, ", and the server accepts that (tried)")
	case say.No:
		p.Fault = true
		p.Reason = say.Text(p.Reason, "; it sends ", sent, ", and the server refuses that (tried)")
		p.Remedy = remedy
	}
}

// key asks whether there is a key to load.
func (p *Predictor) key(_ *Profile, i *certstore.Identity) *Prediction {
	switch i.Key.State {
	case certstore.Usable:
		return nil
	case certstore.Locked, certstore.Unknown:
		return &Prediction{Sends: say.Unknown, Action: NotKnown,
			Reason: say.Text("the key is locked: it depends on whether the client has the password"), Fault: true}
	case certstore.Missing:
		return &Prediction{Sends: say.No, Action: Declines, Reason: say.Text("there is no key"),
			Remedy: say.Text("give the client the key"), Fault: true}
	}
	return &Prediction{Sends: say.No, Action: Fails, Reason: say.Text("the key is ", i.Key.State),
		Remedy: say.Text("give the client the certificate's own key"), Fault: true}
}

// size holds the request's size against what the client takes.
func (p *Predictor) size(profile *Profile, _ *certstore.Identity) *Prediction {
	const header = 4 // of a handshake message
	size := len(p.question.Request.Raw) + header
	if profile.MaxRequest == 0 || size <= profile.MaxRequest {
		return nil
	}
	return &Prediction{Sends: say.No, Action: Alerts, Reason: tooLarge(size, profile.MaxRequest),
		Remedy: say.Text("let the server name fewer CAs")}
}

// A store is the CA certificates that a client can look up.
type store struct {
	bySubject map[string][]*x509.Certificate
}

func newStore(certs []*x509.Certificate) *store {
	s := &store{bySubject: make(map[string][]*x509.Certificate)}
	for _, c := range certs {
		if name := string(c.RawSubject); !contains(s.bySubject[name], c) {
			s.bySubject[name] = append(s.bySubject[name], c)
		}
	}
	return s
}

// issuers returns the certificates whose subject is the issuer's name, byte for
// byte, those of the stored chain among them.
func (p *Predictor) issuers(c *x509.Certificate, i *certstore.Identity) []*x509.Certificate {
	found := p.store.bySubject[string(c.RawIssuer)]
	for _, stored := range i.Chain {
		if string(stored.RawSubject) == string(c.RawIssuer) && !contains(found, stored) {
			found = append(found[:len(found):len(found)], stored)
		}
	}
	return found
}

func contains(certs []*x509.Certificate, c *x509.Certificate) bool {
	for _, have := range certs {
		if have.Equal(c) {
			return true
		}
	}
	return false
}

func selfIssued(c *x509.Certificate) bool { return string(c.RawSubject) == string(c.RawIssuer) }

// clientAuth is what stacks with a gate on usages ask of a certificate.
func clientAuth(c *x509.Certificate) bool { return chain.ForClientAuth(c) }
