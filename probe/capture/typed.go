package capture

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/tls"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"mtlsprobe/probe/wire"
)

// A typed is a list of messages while it is read.
type typed struct {
	transcript wire.Transcript
	skipped    []Skipped
	number     int       // of the line
	client     string    // the address of the client, where lines have addresses
	from       wire.Peer // who speaks on this line; zero while that is not told
	level      uint8     // of the alert that a line is about; zero if it is not told
	java       wire.Peer // who sent the alert that Java's log goes on about; zero for none
}

// A Skipped is a line, or a part of one, that was not read.
type Skipped struct {
	Line int // from 1
	Text string
	// Another says that it begins another connection; else it was not understood.
	Another bool
}

// maxLines bounds a list.
const maxLines = 4096

// ParseMessages reads a list of the messages of one connection that somebody typed or pasted, one
// or more on a line: "client: Hello", "server: Hello, Certificate, Certificate request, Server
// hello done", the words of openssl -msg or Java's debug log, or lines of Wireshark's packet
// list. Spelling, case and punctuation do not matter. What the messages contain is not known,
// except where it is told: a version, an alert, an empty certificate. Who speaks is told by a
// name, an arrow or an address, or else by the message and those before it. It returns what it
// did not read; the error says that it understood nothing.
func ParseMessages(text []byte) (tr *wire.Transcript, skipped []Skipped, err error) {
	t := &typed{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(make([]byte, 0, 4096), 1<<20)
	msg := regexp.MustCompile(`(?m)^(<<<|>>>) `).Match(text) // beside what else a program wrote
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if t.number++; t.number > maxLines {
			return nil, t.skipped, fmt.Errorf("more than %d lines", maxLines)
		}
		switch {
		case line == "", strings.HasPrefix(line, "#"),
			msg && (!strings.HasPrefix(line, "<<<") && !strings.HasPrefix(line, ">>>") ||
				strings.Contains(line, "RecordHeader")):
			continue
		case t.java != 0 && t.javaAlert(line):
			continue
		}
		before := len(t.skipped)
		if found := t.line(line); !found && len(t.skipped) == before {
			t.skipped = append(t.skipped, Skipped{Line: t.number, Text: line})
		}
		if n := len(t.skipped); n > 0 && t.skipped[n-1].Another {
			break
		}
	}
	if err := lines.Err(); err != nil {
		return nil, t.skipped, err
	}
	if len(t.transcript.Entries) == 0 {
		return nil, t.skipped, fmt.Errorf("no TLS message is named; for example: client: Hello")
	}
	t.guessVersion()
	return &t.transcript, t.skipped, nil
}

// guessVersion tells the version by the messages where nobody told it: only TLS 1.3 has some of
// them, and only there the server encrypts at once.
func (t *typed) guessVersion() {
	tr := &t.transcript
	if tr.Version != 0 || !tr.Sent(wire.Server, wire.ServerHello) {
		return
	}
	tr.Version = tls.VersionTLS12 // in whose words the list is
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
}

// line reads a line, and reports whether it says anything.
func (t *typed) line(line string) (found bool) {
	rest, named := t.direction(line)
	if v := regexp.MustCompile(`(?i)(ssl|tls)\s*v?\s*([123])(?:[._]([0-3]))?`).FindStringSubmatch(rest); v != nil {
		t.version(strings.ToLower(v[1]), v[2], v[3])
		found = v[0] == strings.TrimSpace(rest)
		rest = strings.Replace(rest, v[0], "", 1)
	}
	if strings.Contains(line, "alert message (") { // the log of Java says more on the next lines
		t.java = cmp.Or(t.from, wire.Server)
		return true
	}
	t.level = levelOf(rest)
	parts := partsOf(rest)
	for n := 0; n < len(parts) && t.from == 0; n++ { // one message that only one peer sends tells for the others
		if m, ok := handshakeOf(letters(parts[n])); ok {
			t.from = m.from
		}
	}
	for n := 0; n < len(parts); n++ {
		part := parts[n]
		if n+1 < len(parts) && (strings.Contains(strings.ToLower(part), "alert") && tellsAlert(parts[n+1]) ||
			strings.EqualFold(strings.TrimSpace(parts[n+1]), "empty")) {
			n++
			part += " " + parts[n]
		}
		switch {
		case t.another(part):
			t.skipped = append(t.skipped, Skipped{Line: t.number, Text: line, Another: true})
			return true
		case t.message(part):
			found = true
		case named && letters(part) != "" && !tellsAlert(part) && t.level == 0:
			t.skipped = append(t.skipped, Skipped{Line: t.number, Text: strings.TrimSpace(part)})
		}
	}
	return found
}

// partsOf splits a line where no bracket is open.
func partsOf(line string) []string {
	open := 0
	return strings.FieldsFunc(line, func(r rune) bool {
		switch r {
		case '(':
			open++
		case ')':
			open--
		}
		return open <= 0 && strings.ContainsRune(",;+|", r)
	})
}

// levelOf is that of the alert that a text is about; zero if it is not told.
func levelOf(text string) uint8 {
	switch lower := strings.ToLower(text); {
	case strings.Contains(lower, "fatal"):
		return 2
	case strings.Contains(lower, "warning"):
		return 1
	}
	return 0
}

// javaAlert reads a line of what Java's log says of an alert.
func (t *typed) javaAlert(line string) bool {
	field := regexp.MustCompile(`^"?(level|description)"?\s*:\s*"?([a-z_]+)"?,?$`).FindStringSubmatch(line)
	switch {
	case field == nil && (line == "}" || strings.HasSuffix(line, "{")):
	case field == nil:
		t.java = 0
		return line == ")"
	case field[1] == "level":
		t.level = levelOf(field[2])
	default:
		t.from = t.java
		return t.alert(field[2], letters(field[2]))
	}
	return true
}

// another reports whether a message begins another connection: a ClientHello after an alert
// that ended this one.
func (t *typed) another(part string) bool {
	m, ok := handshakeOf(letters(part))
	hello := ok && (m.kind == wire.ClientHello && (m.from == wire.Client || t.from == wire.Client))
	return hello && slices.ContainsFunc(t.transcript.Entries, func(e wire.Entry) bool {
		return e.ContentType == wire.AlertRecord && !e.Opaque &&
			(e.Alert.Level == 2 || e.Alert.Description == wire.CloseNotify)
	})
}

// tellsAlert reports whether what follows an alert says which one it is.
func tellsAlert(part string) bool {
	return regexp.MustCompile(`(?i)^\s*(description|level|fatal|warning|content)`).MatchString(part)
}

// direction finds out who speaks, and returns the rest of the line. It reports whether the
// line is of messages alone: what is no message there is misspelt.
func (t *typed) direction(line string) (rest string, named bool) {
	t.from = 0 // the message says it
	pair := regexp.MustCompile(`(\S+)\s*(?:→|->|⇒|=>)\s*(\S+)`).FindStringSubmatchIndex(line)
	arrow := regexp.MustCompile(`^(?:-+>|→|>|(<-+|←|<))\s*(?:[^<>]|$)`).FindStringSubmatchIndex(line)
	who := regexp.MustCompile(`(?i)^[\s\d.:)\-*]*(client|server|c|s)\b\s*` +
		`(?:(?:→|->|>)\s*(?:client|server|c|s)\b)?\s*[:>)\-]*`)
	switch at := who.FindStringSubmatchIndex(line); {
	case at != nil && !speaksOf(line[at[2]:]):
		t.from = wire.Client
		if strings.HasPrefix(strings.ToLower(line[at[2]:at[3]]), "s") {
			t.from = wire.Server
		}
		return line[at[1]:], true
	case strings.HasPrefix(line, ">>>"), strings.Contains(line, "Produced"):
		t.from = wire.Client
	case strings.HasPrefix(line, "<<<"), strings.Contains(line, "Consum"), strings.Contains(line, "Received"):
		t.from = wire.Server
	case arrow != nil: // as somebody at the client's side draws it
		t.from = wire.Client
		if arrow[2] >= 0 {
			t.from = wire.Server
		}
		return strings.TrimLeft(line, "-<>→← "), true
	case pair != nil:
		source := line[pair[2]:pair[3]]
		if t.client == "" {
			t.client = source
		}
		switch {
		case source == line[pair[4]:pair[5]]: // both on one host
		case source == t.client:
			t.from = wire.Client
		default:
			t.from = wire.Server
		}
		return line[pair[1]:], false
	}
	return line, false
}

// speaksOf reports whether a line begins with the name of a message, not with that of a peer.
func speaksOf(line string) bool {
	return regexp.MustCompile(`(?i)^(client|server)\s*(hello|key)`).MatchString(line)
}

func (t *typed) version(family, major, minor string) {
	numbers := map[string]uint16{"ssl3": wire.VersionSSL30, "ssl30": wire.VersionSSL30, "tls1": tls.VersionTLS10,
		"tls10": tls.VersionTLS10, "tls11": tls.VersionTLS11, "tls12": tls.VersionTLS12, "tls13": tls.VersionTLS13}
	if v, ok := numbers[family+major+minor]; ok {
		t.transcript.Version = v
	}
}

// message reads one message, and reports whether it is one.
func (t *typed) message(text string) bool {
	word := letters(text)
	switch {
	case strings.HasPrefix(word, "contenttype"), word == "":
		return false
	case strings.Contains(word, "alert"), strings.Contains(word, "closenotify"):
		return t.alert(text, word)
	case strings.Contains(word, "changecipherspec"):
		t.add(wire.Entry{ContentType: wire.ChangeCipherSpec})
		return true
	case strings.Contains(word, "applicationdata"):
		t.add(wire.Entry{ContentType: wire.ApplicationData, Protected: true, Opaque: true})
		return true
	}
	s, ok := handshakeOf(word)
	if !ok {
		return false
	}
	e := wire.Entry{From: s.from, ContentType: wire.HandshakeRecord, Handshake: s.kind}
	if s.word == "hello" && t.from == wire.Server {
		e.From, e.Handshake = wire.Server, wire.ServerHello
	}
	if s.kind == wire.Certificate && (strings.Contains(word, "empty") || strings.Contains(word, "nocertificate") ||
		regexp.MustCompile(`(?i)(length|len|certificates?)\W*0\b|\b0 (certificates?|bytes)\b|\bwithout\b`).
			MatchString(text)) {
		e.Body = []byte{0, 0, 0}
	}
	t.add(e)
	return true
}

// alert reads an alert: by its number or name, where one is told.
func (t *typed) alert(text, word string) bool {
	e := wire.Entry{ContentType: wire.AlertRecord, Opaque: true}
	for n := 255; n >= 0 && e.Opaque; n-- {
		a := wire.Alert{Level: t.level, Description: uint8(n)} //nolint:gosec // within 0 and 255
		name := strings.ReplaceAll(a.Name(), "_", "")
		if len(name) > 3 && strings.Contains(word, name) {
			e.Alert, e.Opaque = a, false
		}
	}
	// neither the content type nor a length
	text = regexp.MustCompile(`(?i)\(21\)|\[?length\s*\d+\]?`).ReplaceAllString(text, "")
	number := regexp.MustCompile(`\b(\d{1,3})\b`).FindString(text)
	if n, err := strconv.ParseUint(number, 10, 8); err == nil && e.Opaque {
		e.Alert, e.Opaque = wire.Alert{Level: t.level, Description: uint8(n)}, false
	}
	if !e.Opaque && e.Alert.Level == 0 {
		e.Alert.Level = 2
		if e.Alert.Description == 0 || e.Alert.Description == wire.AlertNoCertificate {
			e.Alert.Level = 1
		}
	}
	t.add(e)
	return true
}

// add takes a message in.
func (t *typed) add(e wire.Entry) {
	if e.From == 0 {
		e.From = cmp.Or(t.from, t.guess(&e))
	}
	t.from = cmp.Or(t.from, e.From)
	t.transcript.Entries = append(t.transcript.Entries, e)
}

// guess tells by the messages before who sends one that both peers may send, where the line
// does not say so: a certificate after ServerHelloDone is the client's, an alert is the answer
// to what came last, and else the one who spoke last goes on.
func (t *typed) guess(e *wire.Entry) wire.Peer {
	entries := t.transcript.Entries
	if len(entries) == 0 {
		return wire.Client
	}
	last := entries[len(entries)-1].From
	other := wire.Client + wire.Server - last
	done := t.transcript.Sent(wire.Server, wire.ServerHelloDone)
	switch {
	case e.ContentType == wire.AlertRecord:
		return other
	case done && e.ContentType == wire.HandshakeRecord &&
		(e.Handshake == wire.Certificate || e.Handshake == wire.CertificateVerify):
		return wire.Client
	case done && last == wire.Server && !t.transcript.Sent(wire.Client, wire.Finished):
		return wire.Client
	case e.Handshake == wire.Finished && t.transcript.Sent(wire.Client, wire.Finished):
		return wire.Server
	}
	return last
}
