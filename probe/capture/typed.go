package capture

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"

	"mtlsprobe/probe/wire"
)

// A Typed is one connection as somebody wrote it down.
type Typed struct {
	Transcript *wire.Transcript
	// Closer ended the connection; zero where that is not told, and then Close is empty.
	Closer wire.Peer
	Close  Close
	// Doubts are what was not read, and what was taken for something that it does not say.
	Doubts []Doubt
}

// A Doubt is a line, or a part of one, about which somebody should know.
type Doubt struct {
	Line int // from 1
	Text string
	Kind DoubtKind
}

// A DoubtKind says what a doubt is about.
type DoubtKind uint8

// The kinds.
const (
	NotUnderstood  DoubtKind = iota
	Another                  // another connection begins, which is not read
	TakenForServer           // an alert without a sender: the words are a client's, so the server sent it
	WhoEnded                 // the connection ended, and it is not told by whom
)

// A list is a Typed while it is read.
type list struct {
	Typed
	*patterns
	number int       // of the line
	client string    // the address of the client, where lines have addresses
	from   wire.Peer // who speaks on this line; zero while that is not told
	level  uint8     // of the alert that a line is about; zero if it is not told
	// serverSide says that the log is a server's.
	serverSide bool
	closed     bool   // a log tells that the connection is over
	target     string // the other address of a line that has two
}

// maxMessages bounds a list.
const maxMessages = 4096

// ParseMessages reads the messages of one connection that somebody typed or pasted. It knows the
// words of openssl -msg (with the bytes, if they are there), of curl -v and of Java's debug log.
// Any other text is read as a list of messages, one or more on a line: "client: Hello", "server:
// Hello, Certificate, Certificate request, Server hello done", or lines of Wireshark's packet
// list. Spelling, case and punctuation do not matter there. What messages contain is not known,
// except where it is told. Who speaks is told by a name, an arrow or an address, or else by the
// message and those before it. The error says that it understood nothing.
func ParseMessages(text []byte) (*Typed, error) {
	l := &list{Typed: Typed{Transcript: &wire.Transcript{}}, patterns: newPatterns()}
	lines := strings.Split(strings.TrimPrefix(string(text), "\ufeff"), "\n")
	for n := range lines {
		lines[n] = strings.TrimSpace(lines[n])
	}
	read := l.plain
	switch s := string(text); {
	case l.curlLine.MatchString(s):
		read = l.curl
	case l.msgLine.MatchString(s):
		read = l.openssl
	case strings.Contains(s, "javax.net.ssl|"):
		read = l.java
	}
	for at := 0; at < len(lines); {
		l.number, l.from, l.level = at+1, 0, 0
		if len(l.Transcript.Entries) > maxMessages {
			return nil, fmt.Errorf("more than %d messages", maxMessages)
		}
		n := 1
		if k := len(l.Doubts); lines[at] != "" && !strings.HasPrefix(lines[at], "#") && !l.errorMessage(lines[at]) &&
			k == len(l.Doubts) {
			n = max(1, read(lines[at:]))
		}
		if k := len(l.Doubts); k > 0 && l.Doubts[k-1].Kind == Another {
			break
		}
		at += n
	}
	if len(l.Transcript.Entries) == 0 {
		return nil, errors.New("no TLS message is named; for example: client: Hello")
	}
	l.guessVersion()
	for n := range l.Transcript.Entries { // TLS 1.3's has a context before the list: RFC 8446, Section 4.4.2
		if e := &l.Transcript.Entries[n]; bytes.Equal(e.Body, emptyCertificate) && l.Transcript.Version >= tls.VersionTLS13 {
			e.Body = append([]byte{0}, emptyCertificate...)
		}
	}
	return &l.Typed, nil
}

// emptyCertificate is a Certificate message without a certificate: RFC 5246, Section 7.4.2.
var emptyCertificate = []byte{0, 0, 0}

func (l *list) doubt(kind DoubtKind, text string) {
	const most = 160 // characters that are repeated
	if shown := []rune(text); len(shown) > most {
		text = string(shown[:most]) + " …"
	}
	l.Doubts = append(l.Doubts, Doubt{Line: l.number, Text: strings.TrimSpace(text), Kind: kind})
}

// guessVersion tells the version by the messages where nobody told it: only TLS 1.3 has some of
// them, and only there the server encrypts at once.
func (l *list) guessVersion() {
	tr := l.Transcript
	if tr.Version >= tls.VersionTLS13 && (tr.Sent(wire.Server, wire.ServerHelloDone) ||
		tr.Sent(wire.Client, wire.ClientKeyExchange) || tr.Sent(wire.Server, wire.ServerKeyExchange)) {
		tr.Version = tls.VersionTLS12 // the other one was offered
	}
	if tr.Version != 0 {
		return
	}
	hello, finished := false, false
	for _, e := range tr.Entries {
		switch {
		case e.ContentType == wire.HandshakeRecord && e.Handshake == wire.EncryptedExtensions,
			e.ContentType == wire.AlertRecord && e.Alert.Description == wire.AlertCertificateRequired,
			e.ContentType == wire.ApplicationData && e.From == wire.Server && hello && !finished:
			tr.Version = tls.VersionTLS13
			return
		case e.ContentType == wire.HandshakeRecord && e.Handshake == wire.ServerHello:
			hello = true
		case e.ContentType == wire.ChangeCipherSpec && e.From == wire.Client,
			e.ContentType == wire.HandshakeRecord && e.Handshake != wire.ClientHello:
			finished = true // or about to be
		}
	}
	if hello {
		tr.Version = tls.VersionTLS12 // in whose words the list is
	}
}

// version takes a version out of a text, and returns the rest.
func (l *list) version(text string) string {
	v := l.versionWord.FindStringSubmatchIndex(text)
	if v == nil {
		return text
	}
	minor := ""
	if v[6] >= 0 {
		minor = text[v[6]:v[7]]
	}
	numbers := map[string]uint16{"ssl3": wire.VersionSSL30, "ssl30": wire.VersionSSL30, "tls1": tls.VersionTLS10,
		"tls10": tls.VersionTLS10, "tls11": tls.VersionTLS11, "tls12": tls.VersionTLS12, "tls13": tls.VersionTLS13}
	if known, ok := numbers[strings.ToLower(text[v[2]:v[3]])+text[v[4]:v[5]]+minor]; ok {
		l.Transcript.Version = known
	}
	return text[:v[0]] + " " + text[v[1]:]
}

// add takes a message in.
func (l *list) add(e wire.Entry) {
	if len(l.Transcript.Entries) > maxMessages {
		return // ParseMessages says so
	}
	if e.ContentType == wire.HandshakeRecord && e.Handshake == wire.ClientHello && l.over() {
		l.doubt(Another, "ClientHello")
		return
	}
	if e.From == 0 {
		e.From = cmp.Or(l.from, l.guess(&e))
	}
	l.from = cmp.Or(l.from, e.From)
	l.Transcript.Entries = append(l.Transcript.Entries, e)
}

// guess tells by the messages before who sends one that both peers may send, where the line
// does not say so: a certificate after ServerHelloDone is the client's, an alert is the answer
// to what came last, and else the one who spoke last goes on.
func (l *list) guess(e *wire.Entry) wire.Peer {
	entries := l.Transcript.Entries
	if len(entries) == 0 {
		if e.ContentType == wire.AlertRecord {
			return wire.Server
		}
		return wire.Client
	}
	last := entries[len(entries)-1].From
	other := wire.Client + wire.Server - last
	done := l.Transcript.Sent(wire.Server, wire.ServerHelloDone)
	switch {
	case e.ContentType == wire.AlertRecord:
		return other
	case done && e.ContentType == wire.HandshakeRecord &&
		(e.Handshake == wire.Certificate || e.Handshake == wire.CertificateVerify):
		return wire.Client
	case done && last == wire.Server && !l.Transcript.Sent(wire.Client, wire.Finished):
		return wire.Client
	case e.Handshake == wire.Finished && l.Transcript.Sent(wire.Client, wire.Finished):
		return wire.Server
	}
	return last
}

// over reports whether the connection has ended, or is established and no renegotiation begins:
// a ClientHello is then that of another one.
func (l *list) over() bool {
	tr := l.Transcript
	if !tr.Sent(wire.Client, wire.ClientHello) {
		return false
	}
	ended := slices.ContainsFunc(tr.Entries, func(e wire.Entry) bool {
		return e.ContentType == wire.AlertRecord && !e.Opaque &&
			(e.Alert.Level != 1 || e.Alert.Description == wire.CloseNotify)
	})
	return ended || l.Closer != 0 || l.closed || tr.HandshakeDone() && !tr.Sent(wire.Server, wire.HelloRequest)
}

// alert takes an alert in: with its description, or with none where that is not told. Of one
// that stands there already, which programs repeat in an error message, there is no second.
func (l *list) alert(from wire.Peer, level uint8, description int) {
	e := wire.Entry{From: from, ContentType: wire.AlertRecord, Opaque: description < 0}
	if !e.Opaque {
		e.Alert = wire.Alert{Level: level, Description: uint8(description)} //nolint:gosec // within 0 and 255
		if level == 0 && (description == wire.CloseNotify || description == wire.AlertNoCertificate) {
			e.Alert.Level = 1
		}
		if slices.ContainsFunc(l.Transcript.Entries, func(o wire.Entry) bool {
			return o.ContentType == wire.AlertRecord && !o.Opaque && o.Alert.Description == e.Alert.Description &&
				(from == 0 || o.From == from)
		}) {
			return
		}
		if n := len(l.Transcript.Entries) - 1; n >= 0 {
			if last := &l.Transcript.Entries[n]; last.ContentType == wire.AlertRecord && last.Opaque && last.From == from {
				*last = e // now it is told which
				return
			}
		}
	}
	l.add(e)
}
