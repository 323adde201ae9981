package capture

import (
	"regexp"
	"strconv"
	"strings"

	"mtlsprobe/probe/wire"
)

// plain reads the first of the lines as one that a person wrote or Wireshark printed.
func (l *list) plain(lines []string) int {
	rest, named := l.direction(lines[0])
	if !named && l.tcpPacket.MatchString(rest) { // a packet that has no message of TLS
		l.packet(rest)
		return 1
	}
	rest = l.version(rest)
	if !named {
		rest = l.columns.ReplaceAllString(rest, "")
	}
	parts := partsOf(rest)
	for _, part := range parts { // one message that only one peer sends tells for the others
		found, ok := messagesOf(words(part))
		switch {
		case !ok || len(found) == 0 || found[0].from == 0:
		case l.from == 0:
			l.from = found[0].from
		case !named && l.from != found[0].from && l.target != "": // the first packet was the server's
			l.turn(found[0].from)
		}
	}
	for n := 0; n < len(parts); n++ {
		part := parts[n]
		if at := l.speakerOf.FindStringSubmatch(part); at != nil { // several speak on this line
			l.from, l.level, part = wire.Client, 0, part[len(at[0]):]
			if strings.EqualFold(at[1], "server") {
				l.from = wire.Server
			}
		}
		for n+1 < len(parts) && l.continues(part, parts[n+1]) {
			n++
			part += " " + parts[n]
		}
		if l.part(part); len(l.Doubts) > 0 && l.Doubts[len(l.Doubts)-1].Kind == Another {
			return 1
		}
	}
	return 1
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

// continues reports whether a part goes on in the next one: an alert with what it says, a
// certificate that is empty.
func (l *list) continues(part, next string) bool {
	alert := strings.Contains(strings.ToLower(part), "alert")
	return alert && (l.tellsAlert.MatchString(next) || alertOf(l.alertFiller.ReplaceAllString(next, "")) >= 0) ||
		strings.EqualFold(strings.TrimSpace(next), "empty")
}

// part reads one message, or several that nothing divides.
func (l *list) part(text string) {
	text = strings.TrimSpace(text)
	if text == "" || letters(text) == "" {
		return
	}
	lower := strings.ToLower(text)
	switch {
	case strings.Contains(lower, "fatal"):
		l.level = 2
	case strings.Contains(lower, "warning"):
		l.level = 1
	}
	switch {
	case l.endingWord.MatchString(text), l.closesWord.MatchString(text):
		l.ended(text)
	case l.alertWord.MatchString(text):
		l.alertPart(text)
	case l.changeCipher.MatchString(text):
		l.add(wire.Entry{ContentType: wire.ChangeCipherSpec})
	case l.dataWord.MatchString(text):
		l.add(wire.Entry{ContentType: wire.ApplicationData, Protected: true, Opaque: true})
	default:
		l.handshake(text)
	}
}

// handshake reads the names of handshake messages.
func (l *list) handshake(text string) {
	empty := l.emptyWord.MatchString(text)
	named := text
	if empty {
		named = l.emptyFiller.ReplaceAllString(strings.ReplaceAll(text, "(", " "), " ")
	}
	tokens := words(named)
	found, ok := messagesOf(tokens)
	if empty && ok && len(found) == 0 { // "no certificate", without more
		found = []spelling{{kind: wire.Certificate}}
	}
	if !ok || len(found) == 0 || empty && (len(found) > 1 || found[0].kind != wire.Certificate) {
		if n := exactAlert(text); n >= 0 && !empty {
			l.alertFrom(l.level, n, text)
			return
		}
		l.doubt(NotUnderstood, text)
		return
	}
	for _, s := range found {
		e := wire.Entry{From: s.from, ContentType: wire.HandshakeRecord, Handshake: s.kind}
		if l.from == wire.Server && s.from == 0 {
			switch s.kind {
			case wire.ClientHello:
				e.Handshake = wire.ServerHello
			case wire.ClientKeyExchange:
				e.Handshake = wire.ServerKeyExchange
			}
		}
		if s.kind == wire.Certificate && empty {
			e.Body = emptyCertificate
		}
		l.add(e)
	}
}

// alertPart reads an alert: by its number or name, where one is told.
func (l *list) alertPart(text string) {
	rest := l.alertFiller.ReplaceAllString(text, " ")
	if strings.Contains(strings.ToLower(text), "notify") {
		l.alert(l.from, l.level, wire.CloseNotify)
		return
	}
	description := alertOf(rest)
	numbers := l.digits.FindAllString(rest, -1)
	if len(numbers) > 1 && (numbers[0] == "1" || numbers[0] == "2") { // the level comes first
		l.level, numbers = numbers[0][0]-'0', numbers[1:]
	}
	if len(numbers) > 0 && description < 0 {
		if n, err := strconv.ParseUint(numbers[0], 10, 8); err == nil {
			description = int(n)
		}
	}
	if description < 0 && letters(rest) != "" {
		l.doubt(NotUnderstood, text)
	}
	l.alertFrom(l.level, description, text)
}

// alertFrom takes an alert in; where nothing tells who sent it, it is said what it is taken for.
func (l *list) alertFrom(level uint8, description int, text string) {
	if l.from == 0 && len(l.Transcript.Entries) == 0 && description != wire.AlertCertificateRequired {
		l.doubt(TakenForServer, text)
	}
	l.alert(l.from, level, description)
}

// ended takes in how the connection ended.
func (l *list) ended(text string) {
	if l.from == 0 {
		l.doubt(WhoEnded, text)
		return
	}
	l.Closer, l.Close = l.from, FIN
	if lower := strings.ToLower(text); strings.Contains(lower, "rst") || strings.Contains(lower, "reset") {
		l.Close = RST
	}
}

func (l *list) packet(line string) {
	flags := regexp.MustCompile(`\[[A-Z, ]*(FIN|RST)[A-Z, ]*\]`).FindString(line)
	if flags != "" && l.Closer == 0 {
		l.ended(flags)
	}
}

// turn takes the addresses the other way round, for the messages before, too.
func (l *list) turn(from wire.Peer) {
	for n := range l.Transcript.Entries {
		e := &l.Transcript.Entries[n]
		e.From = wire.Client + wire.Server - e.From
	}
	l.from = from
	if from == wire.Server {
		l.client = l.target
		return
	}
	l.client = "" // the next line tells
}

// direction finds out who speaks, and returns the rest of the line. It reports whether a peer is
// named.
func (l *list) direction(line string) (rest string, named bool) {
	at, drawn := l.speaker.FindStringSubmatchIndex(line), l.arrow.FindStringSubmatchIndex(line)
	pair := l.addresses.FindStringSubmatchIndex(line)
	switch {
	case at != nil && !l.speaksOf.MatchString(line[at[2]:]):
		l.from = wire.Client
		if strings.HasPrefix(strings.ToLower(line[at[2]:at[3]]), "s") {
			l.from = wire.Server
		}
		return line[at[1]:], true
	case drawn != nil: // as somebody at the client's side draws it
		l.from = wire.Client
		if drawn[2] >= 0 {
			l.from = wire.Server
		}
		return strings.TrimLeft(line, "-<>→← "), true
	case pair != nil:
		source := line[pair[2]:pair[3]]
		l.target = line[pair[4]:pair[5]]
		if l.client == "" {
			l.client = source
		}
		switch {
		case source == line[pair[4]:pair[5]]: // both on one host
		case source == l.client:
			l.from = wire.Client
		default:
			l.from = wire.Server
		}
		return line[pair[1]:], false
	}
	return line, false
}
