package report

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/probe/mirror"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// A Sighting is what one real client did when it was asked.
type Sighting struct {
	At         time.Time `json:"at"`
	Remote     string    `json:"remote" redact:"Host"`
	Version    string    `json:"version,omitempty" redact:"keep"`
	ServerName string    `json:"server_name,omitempty" redact:"Host"`
	Asked      bool      `json:"asked"`
	// sent, empty-certificate, alert, closed, silent, not-tls, unsuited, distrusted, failed, cut
	Action    string        `json:"action" redact:"keep"`
	Chain     []Certificate `json:"chain,omitempty"`
	Scheme    string        `json:"scheme,omitempty" redact:"keep"`
	Signature string        `json:"signature,omitempty" redact:"keep"` // verified, or why not
	Alert     *Alert        `json:"alert,omitempty"`
	Finished  bool          `json:"finished"`
	Detail    string        `json:"detail,omitempty" redact:"drop"`
	// Verdict is that of what was sent, held against the request: fits, does-not-fit, unknown; absent
	// where nothing that can be judged was sent. Findings are what is wrong with it.
	Verdict  string    `json:"verdict,omitempty" redact:"keep"`
	Findings []Finding `json:"findings,omitempty"`
	// Compared says how it agrees with what the identities hold and with the
	// prediction, sentence by sentence.
	Compared []say.Phrase `json:"compared,omitempty"`
}

// NewSighting turns what the mirror saw into plain data.
func NewSighting(s *mirror.Sighting, at time.Time) Sighting {
	out := Sighting{At: at.UTC(), Remote: s.Remote, ServerName: s.ServerName, Asked: s.Asked, Action: string(s.Action),
		Finished: s.Finished, Detail: s.Detail}
	if s.Version != 0 {
		out.Version = wire.VersionName(s.Version)
	}
	for _, der := range s.Chain {
		if c, err := x509.ParseCertificate(der); err == nil {
			out.Chain = append(out.Chain, newCertificate(c))
			continue
		}
		sum := sha256.Sum256(der)
		out.Chain = append(out.Chain, Certificate{Subject: "(a certificate that this program cannot read)",
			SHA256: hex.EncodeToString(sum[:])})
	}
	if s.Scheme != 0 {
		out.Scheme, out.Signature = wire.SchemeName(s.Scheme), "verified"
	}
	if s.SignatureErr != nil {
		out.Signature = s.SignatureErr.Error()
	}
	if s.Alert != nil {
		out.Alert = &Alert{Number: s.Alert.Description, Name: s.Alert.Name(), From: "client", When: "handshake"}
		if s.Finished {
			out.Alert.When = "after-handshake"
		}
	}
	return out
}

// Judge notes what a report says of the chain that was sent.
func (s *Sighting) Judge(r *Report) {
	i := &r.Identities[0]
	s.Verdict = i.Verdict
	e := explained(i)
	if e.Main != nil {
		s.Findings = append(s.Findings, *e.Main)
	}
	s.Findings = append(s.Findings, e.Also...)
}

// Compare adds a sentence on how what was sent agrees with the identity.
func (s *Sighting) Compare(i *certstore.Identity) {
	if i.Leaf == nil || len(s.Chain) == 0 || s.Chain[0].SHA256 != fingerprint(i.Leaf) {
		return
	}
	held := append([]*x509.Certificate{i.Leaf}, i.Chain...)
	same := len(held) == len(s.Chain)
	for n := range min(len(held), len(s.Chain)) {
		same = same && fingerprint(held[n]) == s.Chain[n].SHA256
	}
	it := say.Text("it is ", say.File(i.Label))
	switch {
	case same:
		it = say.Text(it, ", with the chain as stored")
	case len(s.Chain) < len(held):
		it = say.Text(it, "; ", len(s.Chain), " certificates were sent, the file contains ", len(held))
	default:
		it = say.Text(it, ", with another chain than the file contains: the client built its own")
	}
	s.Compared = append(s.Compared, it)
}

// WriteSighting writes the n-th sighting, counted from one, for people.
func WriteSighting(w io.Writer, f Format, n int, s *Sighting) error {
	t := newText(f)
	t.sighting(n, s)
	_, err := w.Write(t.Bytes())
	return err
}

func (t *text) sighting(n int, s *Sighting) {
	what := map[string]string{
		"sent": "a certificate was sent", "empty-certificate": "no certificate was sent: an empty Certificate message",
		"alert": "no certificate was sent, but an alert", "closed": "the client closed the connection without a word",
		"silent": "the client said nothing more within the time limit", "not-tls": "the client does not speak TLS",
		"unsuited": "the client could not be asked",
		"distrusted": "the client ended the handshake over the mirror's own certificate, by all appearances: let it " +
			"trust that one (--save-ca)",
		"failed": "the mirror could not go on", "cut": "the connection was ended by the mirror",
	}[s.Action]
	line := fmt.Sprintf("%d: %s", n, what)
	if s.Version != "" {
		line += ", " + s.Version
	}
	fmt.Fprintln(t, t.emphasis(plain(line)))
	for k, c := range s.Chain {
		text := fmt.Sprintf("%s, issued by %s", c.Subject, c.Issuer)
		if c.NotAfter != nil {
			text += ", until " + c.NotAfter.Format(time.DateOnly)
		}
		t.item(map[bool]string{true: "leaf", false: "chain"}[k == 0], text)
	}
	if s.Signature != "" {
		t.item("signed", strings.TrimPrefix(s.Scheme+", "+s.Signature, ", "))
	}
	if s.Alert != nil {
		t.item("alert", fmt.Sprintf("%d %s, from the client (%s)", s.Alert.Number, s.Alert.Name,
			map[string]string{"handshake": "in the handshake", "after-handshake": "after the handshake"}[s.Alert.When]))
	}
	if s.Detail != "" {
		t.item("-", s.Detail)
	}
	for _, c := range s.Compared {
		t.item(t.glyphs.arrow, c.String())
	}
	if s.Verdict == Fits {
		t.item("~", "it matches what is asked for")
	}
	for _, f := range s.Findings {
		t.finding(&f)
	}
}
