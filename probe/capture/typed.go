package capture

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/tls"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"mtlsprobe/probe/wire"
)

// A typed is a list of messages while it is read.
type typed struct {
	transcript wire.Transcript
	client     string    // the address of the client, where lines have addresses
	from       wire.Peer // who speaks on this line; zero while that is not told
	last       wire.Peer // who spoke before
	level      uint8     // of the alert that a line is about; zero if it is not told
}

// maxLines bounds a list.
const maxLines = 4096

// ParseMessages reads a list of the messages of one connection that somebody typed or pasted, one
// or more on a line: "client: Hello", "server: Hello, Certificate, Certificate request, Server
// hello done", the words of openssl -msg or Java's debug log, or lines of Wireshark's packet
// list. Spelling, case and punctuation do not matter. What the messages contain is not known,
// except where it is told: a version, an alert, an empty certificate. It returns the lines that it did
// not understand; the error says that it understood none.
func ParseMessages(text []byte) (tr *wire.Transcript, unknown []string, err error) {
	t := &typed{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(make([]byte, 0, 4096), 1<<20)
	for n := 0; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if n >= maxLines {
			return nil, unknown, fmt.Errorf("more than %d lines", maxLines)
		}
		if line != "" && !strings.HasPrefix(line, "#") && !t.line(line) {
			unknown = append(unknown, line)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, unknown, err
	}
	if len(t.transcript.Entries) == 0 {
		return nil, unknown, fmt.Errorf("no TLS message is named; for example: client: Hello")
	}
	if t.transcript.Version == 0 && t.transcript.Sent(wire.Server, wire.ServerHello) {
		t.transcript.Version = tls.VersionTLS12 // in whose words the list is
	}
	return &t.transcript, unknown, nil
}

func (t *typed) line(line string) bool {
	rest := t.direction(line)
	if v := regexp.MustCompile(`(?i)(ssl|tls)\s*v?\s*([123])(?:[._]([0-3]))?`).FindStringSubmatch(rest); v != nil {
		t.version(strings.ToLower(v[1]), v[2], v[3])
	}
	found := false
	t.level = 0
	lower := strings.ToLower(rest)
	switch {
	case strings.Contains(lower, "fatal"):
		t.level = 2
	case strings.Contains(lower, "warning"):
		t.level = 1
	}
	parts := strings.FieldsFunc(rest, func(r rune) bool { return r == ',' || r == ';' || r == '+' || r == '|' })
	for n := 0; n < len(parts); n++ {
		part := parts[n]
		if n+1 < len(parts) && (strings.Contains(strings.ToLower(part), "alert") && tellsAlert(parts[n+1]) ||
			strings.EqualFold(strings.TrimSpace(parts[n+1]), "empty")) {
			n++
			part += " " + parts[n]
		}
		if t.message(part) {
			found = true
		}
	}
	return found
}

// tellsAlert reports whether what follows an alert says which one it is.
func tellsAlert(part string) bool {
	return regexp.MustCompile(`(?i)^\s*(description|level|fatal|warning|content)`).MatchString(part)
}

// direction finds out who speaks, and returns the rest of the line.
func (t *typed) direction(line string) string {
	pair := regexp.MustCompile(`(\S+)\s*(?:→|->|⇒|=>)\s*(\S+)`).FindStringSubmatchIndex(line)
	who := regexp.MustCompile(`(?i)^[\s\d.:)\-*]*(client|server|c|s)\b\s*` +
		`(?:(?:→|->|>)\s*(?:client|server|c|s)\b)?\s*[:>)\-]*`)
	switch at := who.FindStringSubmatchIndex(line); {
	case at != nil && !speaksOf(line[at[2]:]):
		t.from = wire.Client
		if strings.HasPrefix(strings.ToLower(line[at[2]:at[3]]), "s") {
			t.from = wire.Server
		}
		return line[at[1]:]
	case strings.HasPrefix(line, ">>>"), strings.Contains(line, "Produced"):
		t.from = wire.Client
	case strings.HasPrefix(line, "<<<"), strings.Contains(line, "Consum"):
		t.from = wire.Server
	case pair != nil:
		source := line[pair[2]:pair[3]]
		if t.client == "" {
			t.client = source
		}
		t.from = wire.Server
		if source == t.client {
			t.from = wire.Client
		}
		return line[pair[1]:]
	default:
		t.from = 0 // the message says it
	}
	return line
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

// A spelling is a message as people write it: letters only.
type spelling struct {
	word string
	from wire.Peer // who alone sends it; zero for both
	kind wire.HandshakeType
}

// spellings are the handshake messages, those whose names contain others first.
func spellings() []spelling {
	return []spelling{
		{"serverhellodone", wire.Server, wire.ServerHelloDone}, {"hellodone", wire.Server, wire.ServerHelloDone},
		{"hellorequest", wire.Server, wire.HelloRequest}, {"helloretryrequest", wire.Server, wire.ServerHello},
		{"clienthello", wire.Client, wire.ClientHello}, {"serverhello", wire.Server, wire.ServerHello},
		{"encryptedextensions", wire.Server, wire.EncryptedExtensions},
		{"certificaterequest", wire.Server, wire.CertRequest}, {"certrequest", wire.Server, wire.CertRequest},
		{"certificateverify", 0, wire.CertificateVerify}, {"certverify", 0, wire.CertificateVerify},
		{"certificatestatus", wire.Server, wire.CertificateStatus},
		{"clientkeyexchange", wire.Client, wire.ClientKeyExchange},
		{"serverkeyexchange", wire.Server, wire.ServerKeyExchange},
		{"newsessionticket", wire.Server, wire.NewSessionTicket}, {"certificate", 0, wire.Certificate},
		{"finished", 0, wire.Finished}, {"encryptedhandshakemessage", 0, wire.Finished}, {"hello", 0, wire.ClientHello},
	}
}

// message reads one message, and reports whether it is one.
func (t *typed) message(text string) bool {
	word := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, strings.ToLower(text))
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
	for _, s := range spellings() {
		if !strings.Contains(word, s.word) {
			continue
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
	return false
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

// add takes a message in. One that both peers send is that of the line's other messages, or of
// the line before.
func (t *typed) add(e wire.Entry) {
	if e.From == 0 {
		e.From = cmp.Or(t.from, t.last, wire.Client)
	}
	t.from = cmp.Or(t.from, e.From)
	t.last = e.From
	t.transcript.Entries = append(t.transcript.Entries, e)
}
