package capture

import (
	"encoding/hex"
	"strconv"
	"strings"

	"mtlsprobe/probe/wire"
)

// curl reads the first of the lines as one of curl -v; its others say nothing of messages.
func (l *list) curl(lines []string) int {
	m := l.curlLine.FindStringSubmatch(lines[0])
	if m == nil {
		l.closed = l.closed || len(l.Transcript.Entries) > 0 && l.curlEnd.MatchString(lines[0])
		return 1
	}
	l.from = wire.Server
	if m[2] == "OUT" {
		l.from = wire.Client
	}
	number, err := strconv.Atoi(m[4])
	if err != nil || number > 1<<16 {
		return 1
	}
	switch m[3] {
	case "handshake":
		if number > 0xff {
			return 1
		}
		kind := wire.HandshakeType(number)
		if kind != wire.ClientHello { // which may be offered under an older one
			l.version(m[1])
		}
		l.add(wire.Entry{ContentType: wire.HandshakeRecord, Handshake: kind})
	case "alert": // level and description in one number
		l.alert(l.from, uint8(number>>8), number&0xff) //nolint:gosec // two bytes
	case "change cipher":
		l.add(wire.Entry{ContentType: wire.ChangeCipherSpec})
	}
	return 1
}

// openssl reads the first of the lines as one of openssl -msg, with the bytes of the message on
// the next ones if they are there; its other lines say nothing of messages.
func (l *list) openssl(lines []string) int {
	m := l.msgLine.FindStringSubmatch(lines[0])
	if m == nil {
		return 1
	}
	var body []byte
	read := 1
	for read < len(lines) && l.hexLine.MatchString(lines[read]) {
		data, err := hex.DecodeString(strings.ReplaceAll(lines[read], " ", ""))
		if err != nil {
			break
		}
		body = append(body, data...)
		read++
	}
	sent := m[1] == ">>>"
	if len(l.Transcript.Entries) == 0 { // s_server writes the same words
		l.serverSide = sent && strings.HasPrefix(m[5], "ServerHello") || !sent && strings.HasPrefix(m[5], "ClientHello")
	}
	l.from = wire.Server
	if sent != l.serverSide {
		l.from = wire.Client
	}
	if size, err := strconv.ParseUint(m[4], 16, 32); err != nil || uint64(len(body)) != size {
		body = nil
	}
	const header = 4
	switch {
	case m[3] == "RecordHeader", m[3] == "InnerContent":
		return read
	case m[3] == "Handshake" && len(body) >= header:
		l.whole(wire.HandshakeType(body[0]), body[header:])
	case m[3] == "Alert" && len(body) == 2:
		l.alert(l.from, body[0], int(body[1]))
	case m[3] == "ChangeCipherSpec":
		l.add(wire.Entry{ContentType: wire.ChangeCipherSpec})
	default:
		l.version(m[2])
		if m[3] == "Alert" {
			m[5] = "alert " + m[5]
		}
		l.part(m[5])
	}
	return read
}

// whole takes in a message of which everything is known.
func (l *list) whole(kind wire.HandshakeType, body []byte) {
	if kind == wire.ServerHello {
		if hello, err := wire.ParseServerHello(body); err == nil {
			l.Transcript.Version, l.Transcript.CipherSuite = hello.Version, hello.CipherSuite
		}
	}
	l.add(wire.Entry{ContentType: wire.HandshakeRecord, Handshake: kind, Body: body, Length: len(body)})
}

// java reads the first of the lines as one of Java's debug log (javax.net.debug), with the rest
// of the message on the next ones; its other lines say nothing of messages.
func (l *list) java(lines []string) int {
	if v := l.javaVersion.FindStringSubmatch(lines[0]); v != nil {
		l.version(v[1])
	}
	m := l.javaMessage.FindStringSubmatch(lines[0])
	if m == nil {
		return 1
	}
	end := 1 // of what the message contains
	for end < len(lines) && !strings.HasPrefix(lines[end], "javax.net.ssl|") {
		end++
	}
	sent := m[1] == "Produced" || m[1] == "Raised"
	l.from = wire.Server
	if sent != l.javaServer(m[1], m[2]) {
		l.from = wire.Client
	}
	body := strings.Join(lines[1:end], " ")
	switch name := letters(m[2]); {
	case name == "alert":
		description := -1
		for _, line := range lines[1:end] {
			switch field := l.javaAlert.FindStringSubmatch(line); {
			case field == nil:
			case field[1] == "level":
				l.level = map[string]uint8{"warning": 1, "fatal": 2}[field[2]]
			default:
				description = alertOf(field[2])
			}
		}
		l.alert(l.from, l.level, description)
	case name == "changecipherspec":
		l.add(wire.Entry{ContentType: wire.ChangeCipherSpec})
	case name == "certificate" || name == "clientcertificate" || name == "servercertificate":
		e := wire.Entry{ContentType: wire.HandshakeRecord, Handshake: wire.Certificate}
		if l.javaEmpty.MatchString(body) {
			e.Body = emptyCertificate
		}
		l.add(e)
	default:
		if found, ok := messagesOf(words(m[2])); ok {
			for _, s := range found {
				l.add(wire.Entry{From: s.from, ContentType: wire.HandshakeRecord, Handshake: s.kind})
			}
		}
	}
	return end
}

// javaServer reports whether the log is a server's: it consumes a ClientHello, or produces a
// ServerHello.
func (l *list) javaServer(verb, message string) bool {
	for _, e := range l.Transcript.Entries {
		if e.Handshake == wire.ClientHello {
			return l.serverSide
		}
	}
	l.serverSide = verb == "Consuming" && strings.HasPrefix(message, "ClientHello")
	return l.serverSide
}

// errorMessage reads what a program says of an alert that it received, and reports whether the
// line is one. Most who paste it have it from their client.
func (l *list) errorMessage(line string) bool {
	const most = 4096 // bytes of a line
	line = line[:min(len(line), most)]
	for _, pattern := range l.errorMessages {
		m := pattern.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		description := alertIn(m[1])
		if n, err := strconv.ParseUint(m[1], 10, 8); err == nil {
			description = int(n)
		}
		if description < 0 {
			continue
		}
		_, named := l.direction(line)
		told := named || l.client != "" || len(l.Transcript.Entries) > 0 ||
			description == wire.AlertCertificateRequired
		switch {
		case named:
		case l.clientLog.MatchString(line):
			l.from, told = wire.Server, true
		case l.serverLog.MatchString(line):
			l.from, told = wire.Client, true
		case l.serverSide:
			l.from = wire.Client
		default:
			l.from = wire.Server
		}
		if !told {
			l.doubt(TakenForServer, line)
		}
		if strings.Contains(strings.ToLower(line), "tlsv13") {
			l.version("TLS 1.3")
		}
		l.alert(l.from, 2, description)
		return true
	}
	return false
}
