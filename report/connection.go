package report

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/probe/capture"
	"mtlsprobe/probe/diagnosis"
	"mtlsprobe/probe/reading"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// A Connection is one that somebody else made: of a capture, or of a list of messages.
type Connection struct {
	Number     int    `json:"number"` // in the capture, from 1
	Client     string `json:"client,omitempty" redact:"Host"`
	Server     string `json:"server,omitempty" redact:"Host"`
	ServerName string `json:"server_name,omitempty" redact:"Host"`
	// Carrier is what carries TLS in place of TCP, such as "EAP-TLS over RADIUS"; Identity is the
	// user's name in its clear part.
	Carrier           string            `json:"carrier,omitempty" redact:"keep"`
	Identity          string            `json:"identity,omitempty" redact:"Account"`
	Version           string            `json:"version,omitempty" redact:"keep"`
	Started           *time.Time        `json:"started,omitempty"`
	Request           ConnectionRequest `json:"request"`
	ClientCertificate ClientCertificate `json:"client_certificate"`
	Alerts            []ConnectionAlert `json:"alerts,omitempty"`
	Ended             string            `json:"ended" redact:"keep"`
	Failed            bool              `json:"failed"`
	// Lost counts bytes that the capture does not have.
	Lost int `json:"lost,omitempty"`
	// MissingPackets counts packets of EAP that the capture does not have, at least.
	MissingPackets int             `json:"missing_packets,omitempty"`
	Reading        []say.Phrase    `json:"reading"`
	Transcript     []TranscriptRow `json:"transcript,omitempty"`
}

// A ConnectionRequest is what the server asked for.
type ConnectionRequest struct {
	Asked string `json:"asked" redact:"keep"` // yes, no, unknown
	When  string `json:"when,omitempty" redact:"keep"`
	// NamedCAs are the acceptable CAs: empty for any, absent where they are not known.
	NamedCAs []string `json:"named_cas,omitzero" redact:"CA"`
}

// A ClientCertificate is what the client answered.
type ClientCertificate struct {
	Sent    string        `json:"sent" redact:"keep"` // yes, empty, no, hidden, not-asked
	Subject string        `json:"subject,omitempty" redact:"Client"`
	Chain   []Certificate `json:"chain,omitempty"`
	// Likely is what the sizes of protected records speak for, as Sent; Why says how. It is
	// never a fact.
	Likely string     `json:"likely,omitempty" redact:"keep"`
	Why    say.Phrase `json:"why,omitempty"`
}

// A ConnectionAlert is an alert of a connection.
type ConnectionAlert struct {
	From      string `json:"from" redact:"keep"`
	Level     string `json:"level,omitempty" redact:"keep"` // empty where it cannot be read
	Number    *uint8 `json:"number,omitempty"`
	Name      string `json:"name,omitempty" redact:"keep"`
	Protected string `json:"protected" redact:"keep"` // yes, no, unknown
	When      string `json:"when" redact:"keep"`      // handshake, after-handshake
}

// NewConnection turns a connection of a capture and what it shows into plain data; transcript
// adds its messages.
func NewConnection(c *capture.Connection, x *reading.Exchange, transcript bool) Connection {
	out := newConnection(c.Transcript, x, transcript)
	started := c.Started.UTC()
	out.Number, out.Client, out.Server, out.Started, out.Lost = c.Number, c.Client.String(), c.Server.String(), &started,
		c.Lost
	out.Ended = ending(c.Close, c.Closer)
	if c.Carrier != "" {
		out.Carrier = strings.Replace(string(c.Carrier), "EAP", cmp.Or(c.Method, "EAP"), 1)
		out.Identity, out.MissingPackets = c.Identity, c.Gaps
	}
	if c.ClientName != "" {
		out.Client, out.Server = c.ClientName, c.ServerName
	}
	return out
}

// NewTyped is that of a list of messages that somebody typed.
func NewTyped(list *capture.Typed, x *reading.Exchange) Connection {
	out := newConnection(list.Transcript, x, true)
	out.Number, out.Ended = 1, ending(list.Close, list.Closer)
	if list.Closer == 0 {
		out.Ended = notTold
	}
	for n := range out.Transcript { // nobody saw what is in the messages
		if row := &out.Transcript[n]; row.Bytes == 0 && row.Record == wire.HandshakeRecord.String() {
			row.Meaning, row.Detail = nil, ""
		}
	}
	return out
}

// notTold is the end of a connection of which a typed list does not tell it.
const notTold = "not told"

// ending is how TCP ended.
func ending(how capture.Close, by wire.Peer) string {
	if by == 0 || how == capture.Unanswered {
		return string(how)
	}
	return string(how) + " by the " + by.String()
}

func newConnection(tr *wire.Transcript, x *reading.Exchange, transcript bool) Connection {
	out := Connection{Failed: x.Failed, Reading: x.Reading, Request: ConnectionRequest{Asked: "no"},
		ClientCertificate: ClientCertificate{Sent: string(x.Sent), Likely: string(x.Likely), Why: x.Why}}
	if out.Reading == nil {
		out.Reading = []say.Phrase{}
	}
	if tr.Version != 0 {
		out.Version = wire.VersionName(tr.Version)
	}
	if x.Hello != nil {
		out.ServerName = x.Hello.ServerName
	}
	switch {
	case x.Request != nil:
		out.Request.Asked, out.Request.When = "yes", string(x.Request.When)
		if q := x.Request.Request; q != nil {
			out.Request.NamedCAs = []string{}
			for _, der := range q.NamedCAs {
				out.Request.NamedCAs = append(out.Request.NamedCAs, certstore.NameString(der))
			}
		}
	case x.Sent == reading.Hidden:
		out.Request.Asked = Unknown
	}
	for n, c := range x.Chain {
		if n == 0 {
			out.ClientCertificate.Subject = certstore.NameString(c.RawSubject)
		}
		out.ClientCertificate.Chain = append(out.ClientCertificate.Chain, newCertificate(c))
	}
	for _, a := range x.Alerts {
		alert := ConnectionAlert{From: a.From.String(), Protected: a.Protected.String(), When: "handshake"}
		if a.When == "" {
			alert.When = "after-handshake"
		}
		if a.Protected == say.No {
			number := a.Alert.Description
			alert.Level, alert.Number = map[uint8]string{1: "warning", 2: "fatal"}[a.Alert.Level], &number
			alert.Name = a.Alert.Name()
		}
		out.Alerts = append(out.Alerts, alert)
	}
	if transcript {
		out.Transcript = rows(tr)
	}
	return out
}

// answered is what the client answered, in a few words.
func (c *Connection) answered() string {
	cc := &c.ClientCertificate
	switch cc.Sent {
	case "yes":
		if len(cc.Chain) > 1 {
			return fmt.Sprintf("%s and %d more", cc.Subject, len(cc.Chain)-1)
		}
		if cc.Subject != "" {
			return cc.Subject
		}
		return "a certificate"
	case "empty":
		return "no certificate (empty message)"
	case "no":
		return "nothing"
	case "hidden":
		likely := map[string]string{"yes": ", likely a certificate", "empty": ", likely none",
			"not-asked": ", likely not asked"}
		return "hidden" + likely[cc.Likely]
	}
	return "not asked"
}

// decisive is the alert that ended it; nil for none that can be read.
func (c *Connection) decisive() *ConnectionAlert {
	for n := range c.Alerts {
		if a := &c.Alerts[n]; a.Level != "warning" && a.Number != nil && *a.Number != wire.CloseNotify {
			return a
		}
	}
	return nil
}

// ending is how it ended: the alert that decided, or TCP's end.
func (c *Connection) ending() string {
	if a := c.decisive(); a != nil {
		return fmt.Sprintf("%s's alert %d %s", a.From, *a.Number, a.Name)
	}
	if c.Failed {
		for _, a := range c.Alerts {
			switch {
			case a.From == "server" && a.Protected == "yes":
				return "server's encrypted alert"
			case a.From == "server" && a.Protected == "unknown" && c.Version == wire.VersionName(tls.VersionTLS13):
				return "likely by the server's alert"
			case a.From == "server" && a.Protected == "unknown":
				return "server's alert, of which the number is not told"
			}
		}
	}
	return c.Ended
}

// matters reports whether a connection is about client certificates, or failed.
func (c *Connection) matters() bool {
	return c.Failed || c.Request.Asked == "yes" || c.Ended == notTold || c.ClientCertificate.Likely == "empty" ||
		c.ClientCertificate.Likely == "yes"
}

// asking is what the server asked for.
func (c *Connection) asking() string {
	switch {
	case c.Request.Asked == "yes" && c.Request.NamedCAs == nil:
		return "not known"
	case c.Request.Asked == "yes" && len(c.Request.NamedCAs) == 0:
		return "any"
	case c.Request.Asked == "yes":
		return strings.Join(firstFew(c.Request.NamedCAs), "; ")
	case c.Request.Asked == Unknown:
		return "not visible"
	}
	return "not asked"
}

func firstFew(names []string) []string {
	const most = 3
	if len(names) <= most {
		return names
	}
	return append(append([]string{}, names[:most]...), fmt.Sprintf("and %d more", len(names)-most))
}

// Judge adds what a judgement of this exchange says.
func (c *Connection) Judge(j *diagnosis.Exchanged) {
	var files []Identity
	if j.Files != nil {
		files = New(j.Files, false).Identities
	}
	if j.Sent != nil {
		i := New(j.Sent, false).Identities[0]
		if e := explained(&i); e.Main != nil {
			text := say.Text("The certificate that was sent")
			same := func(i Identity) bool { return c.sent(&i) && sameMain(explained(&i).Main, e.Main) }
			if n := slices.IndexFunc(files, same); n >= 0 {
				text = say.Text(text, ", ", say.File(files[n].Label))
				files = slices.Delete(files, n, n+1)
			}
			c.Reading = append(c.Reading, say.Text(text, ", as of this connection: ", e.Main.advice()))
		}
	}
	for n := range files {
		c.Reading = append(c.Reading, c.judged(&files[n]))
	}
}

// sent reports whether an identity's certificate was sent.
func (c *Connection) sent(i *Identity) bool {
	chain := c.ClientCertificate.Chain
	return len(chain) > 0 && chain[0].SHA256 == i.SHA256
}

func sameMain(a, b *Finding) bool { return a != nil && a.Check == b.Check }

// judged says whether one of the client's files fits this connection, and why not.
func (c *Connection) judged(i *Identity) say.Phrase {
	e, sent := explained(i), c.sent(i)
	text := say.Text(say.File(i.Label), ": ")
	if sent {
		text = say.Text(text, "this certificate was sent; ")
	}
	if part, whole := len(c.ClientCertificate.Chain), len(i.Chain)+1; sent && part < whole {
		text = say.Text(text, "only ", part, " of the ", whole, " certificates in the file were sent, so a server that "+
			"does not have the others cannot verify it; ")
	}
	switch {
	case e.Main != nil:
		text = say.Text(text, e.Main.advice())
	case i.Verdict == Fits:
		text = say.Text(text, "it matches what the server asked for, by names and dates")
	default:
		text = say.Text(text, "it is not known whether it matches what the server asked for")
	}
	if _, no, _ := sentBy(i.Predictions); len(no) > 0 && !sent {
		text = say.Text(text, "; for this request it is not sent by ", some(no))
	}
	return text
}

// advice is a finding with its remedy, for the middle of a sentence.
func (f *Finding) advice() say.Phrase {
	text := say.Text(f.Title)
	if f.Detail != nil {
		text = say.Text(text, ": ", f.Detail)
	}
	if f.Remedy != nil {
		text = say.Text(text, "; ", f.Remedy)
	}
	return text
}
