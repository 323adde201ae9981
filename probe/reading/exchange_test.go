package reading

import (
	"strings"
	"testing"

	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// entries makes a transcript of messages in a short notation: who, and the number of a handshake
// message, "ccs", "data", "text" for data that can be read, "get", "200" and "400" for HTTP, "alert2:40", "alert" for one that cannot be read, or "sealed:61" for a record of
// TLS 1.3; "11e" is an empty Certificate, "13-lost" a message that was not recorded whole, and "lost" a gap.
func entries(version uint16, words string) *wire.Transcript {
	tr := &wire.Transcript{Version: version, CipherSuite: 0x1301}
	for word := range strings.FieldsSeq(words) {
		e := wire.Entry{From: wire.Client}
		if word[0] == 'S' {
			e.From = wire.Server
		}
		rest, damaged := strings.CutSuffix(word[1:], "-lost")
		e.Lost = damaged || rest == "lost"
		number := func(s string) (n int) {
			for _, digit := range s {
				n = n*10 + int(digit-'0')
			}
			return n
		}
		switch {
		case rest == "ccs":
			e.ContentType = wire.ChangeCipherSpec
		case rest == "data":
			e.ContentType, e.Opaque, e.Length = wire.ApplicationData, true, 100
		case rest == "text":
			e.ContentType, e.Length = wire.ApplicationData, 100
		case rest == "get":
			e.ContentType, e.Body = wire.ApplicationData, []byte("GET / HTTP/1.1\r\n\r\n")
		case rest == "400":
			e.ContentType = wire.ApplicationData
			e.Body = []byte("HTTP/1.1 400 Bad Request\r\n\r\nNo required SSL certificate was sent")
		case rest == "200":
			e.ContentType, e.Body = wire.ApplicationData, []byte("HTTP/1.1 200 OK\r\n\r\n")
		case rest == "lost":
			e.ContentType, e.Opaque, e.Length = wire.Missing, true, 1000
		case damaged:
			e.ContentType, e.Handshake, e.Length = wire.HandshakeRecord, wire.HandshakeType(number(rest)), 900 //nolint:gosec // small
		case rest == "alert":
			e.ContentType, e.Opaque = wire.AlertRecord, true
		case rest == "sealedalert":
			e.ContentType, e.Opaque, e.Protected = wire.AlertRecord, true, true
		case strings.HasPrefix(rest, "alert"):
			level, code, _ := strings.Cut(rest[len("alert"):], ":")
			e.ContentType = wire.AlertRecord
			e.Alert = wire.Alert{Level: uint8(number(level)), Description: uint8(number(code))} //nolint:gosec // small
		case strings.HasPrefix(rest, "sealed:"):
			e.ContentType, e.Opaque, e.Protected, e.Length = wire.ApplicationData, true, true, number(rest[len("sealed:"):])
		case rest == "11e":
			e.ContentType, e.Handshake, e.Body = wire.HandshakeRecord, wire.Certificate, []byte{0, 0, 0}
			if version >= 0x304 {
				e.Body = []byte{0, 0, 0, 0}
			}
		default:
			e.ContentType, e.Handshake = wire.HandshakeRecord, wire.HandshakeType(number(rest)) //nolint:gosec // small
		}
		tr.Entries = append(tr.Entries, e)
	}
	return tr
}

// What a connection shows that somebody else made.
func TestExplain(t *testing.T) {
	server, client := Ending{By: wire.Server}, Ending{By: wire.Client}
	for _, tt := range []struct {
		name    string
		version uint16
		words   string
		end     Ending
		sent    Answer
		likely  Answer
		failed  bool
		says    []string // in this order
	}{
		{"not asked", 0x303, "C1 S2 S11 S14 C16 Cccs Sccs Cdata Sdata", client, NotAsked, "", false, nil},
		{"empty and refused", 0x303, "C1 S2 S11 S13 S14 C11e C16 Cccs Salert2:40", server, SentEmpty, "", true,
			[]string{"empty Certificate message", "Why a client", "alert 40 handshake_failure"}},
		{"empty and let in", 0x303, "C1 S2 S11 S13 S14 C11e C16 Cccs Sccs Cdata Sdata", client, SentEmpty, "", false,
			[]string{"empty Certificate message", "went on without a certificate"}},
		{"sent", 0x303, "C1 S2 S11 S13 S14 C11 C16 C15 Cccs Sccs Cdata Sdata", client, SentCertificate, "", false,
			[]string{"it had no objection in TLS"}},
		{"sent, and the server speaks first", 0x304, "C1 S2 S13 S11 S20 Stext C11 C15 C20", client, SentCertificate, "",
			false, nil},
		{"the client refuses the server", 0x303, "C1 S2 S11 S13 S14 Calert2:48", client, SentNothing, "", true,
			[]string{"refused the server's certificate before it came to the request", "alert 48 unknown_ca: the client"}},
		{"an alert that only who asked sends", 0x304, "C1 S2 Salert2:116", server, SentNothing, "", true,
			[]string{"alert 116 certificate_required"}},
		{"sent and refused", 0x303, "C1 S2 S11 S13 S14 C11 C16 C15 Cccs Salert2:48", server, SentCertificate, "", true,
			[]string{"ended the connection with alert 48 unknown_ca: the server"}},
		{"the case that started it", 0x303, "C1 S2 S11 S13 S14 Calert C16 Cccs", Ending{}, SentNothing, "", false,
			[]string{"two explanations. 1:", "2: it belongs to another connection", "went on to its ClientKeyExchange",
				"Why a client that is asked sends no certificate, most likely first: it has none configured"}},
		{"SSL 3.0", 0x300, "C1 S2 S11 S13 S14 Calert1:41 C16 Cccs", server, SentNothing, "", true,
			[]string{"alert 41 no_certificate in place of", "in clear", "POODLE"}},
		{"close_notify of another", 0x303, "C1 S2 S11 S13 S14 Calert1:0 C11e C16 Cccs Salert2:40", server, SentEmpty, "",
			true,
			[]string{"in clear", "empty Certificate", "most likely belongs to another connection"}},
		{"resumed", 0x303, "C1 S2 Sccs Cccs Cdata Sdata", client, NotAsked, "", false,
			[]string{"resumes an earlier session"}},
		{"1.3, empty", 0x304, "C1 S2 Sccs Ssealed:900 Cccs Csealed:61 Ssealed:19", server, Hidden, SentEmpty, true,
			[]string{"Most likely the client sent no certificate", "--keylog", "most likely sent an alert"}},
		{"1.3, a certificate", 0x304, "C1 S2 Ssealed:900 Csealed:1200 Csealed:53 Ssealed:200 Ssealed:400", client, Hidden,
			SentCertificate, false, []string{"Most likely the client sent a certificate"}},
		{"1.3, empty, with Java's padding", 0x304, "C1 S2 Ssealed:900 Ssealed:69 Cccs Csealed:41 Csealed:69 Ssealed:35 " +
			"Ssealed:35", server, Hidden, SentEmpty, true, []string{"has 41 bytes: an empty", "most likely sent an alert"}},
		{"1.3, a certificate, refused and closed", 0x304, "C1 S2 Ssealed:900 Csealed:1200 Csealed:53 Ssealed:19 Ssealed:19",
			server, Hidden, SentCertificate, true, []string{"sent a certificate", "most likely sent an alert"}},
		{"1.3, the client closes at once", 0x304, "C1 S2 Ssealed:900 Csealed:1200 Csealed:53 Csealed:19 Ssealed:19", client,
			Hidden, SentCertificate, false, nil},
		{"refused by the application", 0x304, "C1 S2 S13 S11 S20 C11e C20 Cget S400", server, SentEmpty, "", true,
			[]string{"empty Certificate", "Why a client", "HTTP 400, \"No required SSL certificate was sent\": it refuses"}},
		{"let in by the application", 0x304, "C1 S2 S13 S11 S20 C11 C15 C20 Cget S200", server, SentCertificate, "", false,
			[]string{"TLS had no objection; the application answered HTTP 200."}},
		{"not asked, and an answer", 0x304, "C1 S2 S11 S20 C20 Cget S200", server, NotAsked, "", false, nil},
		{"a certificate of which nothing is known, and none came", 0x304, "C1 S2 S13 S20 C11 C20 Salert2:116", server,
			SentEmpty, "", true, []string{"empty Certificate", "Why a client", "alert 116"}},
		{"an alert of which nothing is known", 0x303, "C1 S2 S13 S14 C11 C16 Salert", Ending{}, SentCertificate, "", true,
			[]string{"The server's alert comes before its ChangeCipherSpec"}},
		{"the list ends early", 0x303, "C1 S2", Ending{}, Hidden, "", false, []string{"ends before the server had said all"}},
		{"an alert alone", 0, "Salert2:48", Ending{}, Hidden, "", true, []string{"alert 48 unknown_ca"}},
		{"1.3, early data", 0x304, "C1 S2 Ssealed:900 Csealed:500 Csealed:21 Csealed:53 Ssealed:400", client, Hidden, "", false,
			nil},
		{"1.3, part of it is lost", 0x304, "C1 S2 Ssealed:900 Csealed:400", Ending{By: wire.Server, Lost: true}, Hidden, "",
			false, nil},
		{"1.3, an upload that nobody answers", 0x304, "C1 S2 Ssealed:900 Csealed:53 Csealed:800", client, Hidden, NotAsked, false,
			nil},
		{"1.3, not asked, and closed when idle", 0x304, "C1 S2 Ssealed:900 Ssealed:250 Csealed:53 Csealed:800 Ssealed:19", server,
			Hidden, NotAsked, false, nil},
		{"a list that was not understood", 0x303, "C1 S2 S11 S14 C16", Ending{Unread: true}, Hidden, "", false,
			[]string{"Part of the list was not understood"}},
		{"1.3, not asked", 0x304, "C1 S2 Ssealed:900 Csealed:53 Csealed:200 Ssealed:400", client, Hidden, NotAsked, false,
			[]string{"Most likely the server did not ask"}},
		{"1.3, the client refuses", 0x304, "C1 S2 Ssealed:900 Csealed:19", client, Hidden, "", true,
			[]string{"an alert, by which the client refused"}},
		{"the record ends before the answer", 0x303, "C1 S2 S11 S13 S14", Ending{}, Hidden, "", false,
			[]string{"answer to the request is not in the record"}},
		{"part of it is lost", 0x303, "C1 S2 S11 S13 S14 C16 Cccs", Ending{Lost: true}, Hidden, "", false,
			[]string{"answer to the request is not in the record"}},
		{"the server's certificate is lost", 0x303, "C1 S2 S11-lost S13 S14 C11e C16 Cccs Salert2:40",
			Ending{By: wire.Server, Lost: true}, SentEmpty, "", true, []string{"empty Certificate message"}},
		{"the client's certificate is lost", 0x303, "C1 S2 S11 S13 S14 C11-lost C16 C15 Cccs Sccs Cdata Sdata",
			Ending{Lost: true}, SentCertificate, "", false, []string{"it had no objection in TLS"}},
		{"the request is lost, and the answer is there", 0x303, "C1 S2 S11 Slost C11 C16 C15 Cccs Sccs Cdata Sdata",
			Ending{Lost: true}, SentCertificate, "", false, []string{"it had no objection in TLS"}},
		{"the request may be lost", 0x303, "C1 S2 Slost C16 Cccs Sccs Cdata Sdata", Ending{Lost: true}, Hidden, "", false,
			[]string{"Part of what the server said before the client's answer is not in the record"}},
		{"something is lost after the handshake", 0x303, "C1 S2 S11 S14 C16 Cccs Sccs Cdata Slost", Ending{Lost: true},
			NotAsked, "", false, nil},
		{"the end of the handshake is lost, and data follows", 0x303, "C1 S2 S11 S13 S14 C11e C16 Cccs Slost Cdata Sdata",
			Ending{By: wire.Client, Lost: true}, SentEmpty, "", false, []string{"empty Certificate message"}},
		{"1.3, the end of the handshake is lost", 0x304, "C1 S2 S13 S11 S20 C11 Clost Cdata Sdata",
			Ending{By: wire.Client, Lost: true}, SentCertificate, "", false, nil},
		{"an alert is lost", 0x303, "C1 S2 S11 S13 S14 C11e C16 Cccs Slost", Ending{By: wire.Server, Lost: true}, SentEmpty,
			"", true, []string{"empty Certificate message"}},
		{"the record begins later", 0, "Cdata Sdata", client, Hidden, "", false,
			[]string{"begins after the connection did"}},
		{"refused before it asked", 0, "C1 Salert2:70", server, NotAsked, "", true, []string{"alert 70 protocol_version"}},
		{"closed without a word", 0x303, "C1 S2 S11 S13 S14 C11e C16", server, SentEmpty, "", true,
			[]string{"The server closed the connection without an alert."}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := Explain(entries(tt.version, tt.words), tt.end)
			if x.Sent != tt.sent || x.Likely != tt.likely || x.Failed != tt.failed {
				t.Errorf("sent %s, likely %q, failed %t; want %s, %q, %t", x.Sent, x.Likely, x.Failed, tt.sent, tt.likely,
					tt.failed)
			}
			text := say.Join("\n", x.Reading...).String()
			at := 0
			for _, want := range tt.says {
				next := strings.Index(text[at:], want)
				if next < 0 {
					t.Fatalf("%q is missing after %d in\n%s", want, at, text)
				}
				at += next
			}
			if strings.Contains(text, "before it came to the request") && strings.Contains(text, "Why a client") {
				t.Errorf("an abort is taken for an answer:\n%s", text)
			}
			if tt.says == nil && tt.sent != Hidden && text != "" {
				t.Errorf("it says %s", text)
			}
		})
	}
}
