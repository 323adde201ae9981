package report

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"mtlsprobe/probe/reading"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// A TranscriptRow is one handshake message, alert, change_cipher_spec, record of
// application data, run of bytes that is no TLS, or fault of a connection.
type TranscriptRow struct {
	Direction string `json:"direction" redact:"keep"` // client, server: who sent it
	Record    string `json:"record" redact:"keep"`
	Message   string `json:"message,omitempty" redact:"keep"`
	Detail    string `json:"detail,omitempty" redact:"keep"`
	Protected bool   `json:"protected"`
	Bytes     int    `json:"bytes"` // of the message without its header, or of the record's content
	// Meaning says what it says, in a sentence.
	Meaning say.Phrase `json:"meaning,omitempty"`
	// Names are those that stand in Meaning: subjects of certificates, or the
	// server name of SNI.
	Names []string `json:"names,omitempty" redact:"Name"`
	// Text is the first line of application data, or of what is no TLS, where it
	// can be read; cut at some length.
	Text     string `json:"text,omitempty" redact:"drop"`
	Citation string `json:"citation,omitempty" redact:"keep"` // the section of an RFC that defines it
}

// faultRecord is the record of a row that says where a stream could not be read.
const faultRecord = "fault"

// rows makes the rows of a transcript; nil of none.
func rows(t *wire.Transcript) []TranscriptRow {
	if t == nil {
		return nil
	}
	var out []TranscriptRow
	demands := t.Requests()
	for n := range t.Entries {
		e := &t.Entries[n]
		row := newRow(e)
		m := explain(t.Version, e)
		if e.ContentType == wire.HandshakeRecord && !e.Opaque && e.Handshake == wire.CertRequest && e.From == wire.Server &&
			len(demands) > 0 {
			m = explainRequest(t.Version, &demands[0])
			demands = demands[1:]
		}
		if e.Lost && e.ContentType != wire.ApplicationData {
			m = meaning{text: lostMeaning(e), citation: m.citation}
		}
		row.Meaning, row.Names, row.Text, row.Citation = m.text, m.names, m.quote, m.citation
		out = append(out, row)
	}
	for _, f := range t.Faults {
		out = append(out, TranscriptRow{Direction: f.From.String(), Record: faultRecord,
			Meaning: say.Text("after ", f.Offset, " bytes from the ", f.From, ": ", f.Err)})
	}
	return out
}

// lostMeaning is what can be said of an entry that is not known whole.
func lostMeaning(e *wire.Entry) say.Phrase {
	switch {
	case e.ContentType == wire.Missing && e.Length == 0:
		return say.Text("something from the ", e.From, " was not recorded; what it said is unknown")
	case e.ContentType == wire.Missing:
		return say.Text("these bytes from the ", e.From, " were not recorded; what they said is unknown")
	}
	return say.Text("part of it was not recorded, and so it cannot be read")
}

func newRow(e *wire.Entry) TranscriptRow {
	row := TranscriptRow{Direction: e.From.String(), Record: e.ContentType.String(), Protected: e.Protected,
		Bytes: e.Length, Detail: fmt.Sprintf("%d bytes", e.Length)}
	if e.Lost {
		row.Detail += ", not all of them recorded"
	}
	switch {
	case e.ContentType == wire.Missing:
		row.Detail = fmt.Sprintf("%d bytes", e.Length)
	case e.Lost && e.Opaque:
	case e.Opaque:
		row.Detail += ", not decrypted"
	case e.Injected:
		row.Detail += ", in clear where it had to be encrypted"
	case e.ContentType == wire.HandshakeRecord:
		row.Message = e.Handshake.String()
	case e.ContentType == wire.AlertRecord:
		row.Message, row.Detail = e.Alert.Name(), fmt.Sprintf("level %d, description %d", e.Alert.Level, e.Alert.Description)
	}
	return row
}

// trial reports a trial, with its transcript if that is wanted.
func (n *newer) trial(t *reading.Trial) *Trial {
	out := newTrial(t)
	if n.transcripts {
		out.Transcript = rows(t.Transcript)
	}
	return out
}

// A conversation is a connection that is shown message by message.
type conversation struct {
	Title string
	Rows  []TranscriptRow
}

// conversations are those of the report, in the order in which they were held.
func conversations(r *Report) []conversation {
	var out []conversation
	add := func(title string, rows []TranscriptRow) {
		if len(rows) > 0 {
			out = append(out, conversation{plain(title), rows})
		}
	}
	for n := range r.Connections {
		add(r.Connections[n].title(), r.Connections[n].Transcript)
	}
	add("A connection before, on which the server did not ask", r.EarlierTranscript)
	title := "The connection that asked"
	for _, c := range r.Controls {
		if c.Kind == "none" { // it is the same connection
			title += "; control: no certificate"
		}
	}
	add(title, r.Transcript)
	for n := range r.Controls {
		if c := &r.Controls[n]; c.Kind != "none" {
			add("Control: "+c.Kind, c.Trial.Transcript)
		}
	}
	for n := range r.Identities {
		if i := &r.Identities[n]; i.Trial != nil {
			add(i.Label, i.Trial.Transcript)
		}
	}
	return out
}

// Kind is the name that a row has in a table: that of the message or record.
func (row *TranscriptRow) Kind() string {
	switch {
	case row.Record == wire.AlertRecord.String() && row.Message != "":
		return "Alert"
	case row.Record == wire.HandshakeRecord.String() && row.Message != "":
		return plain(row.Message)
	}
	return plain(row.Record)
}

// Protection says in words whether it came under encryption.
func (row *TranscriptRow) Protection() string {
	switch {
	case row.Record == faultRecord, row.Record == wire.Missing.String():
		return ""
	case row.Protected:
		return "protected"
	}
	return "in clear"
}

// Size is the number of bytes, in words.
func (row *TranscriptRow) Size() string {
	switch {
	case row.Record == faultRecord:
		return ""
	case row.Bytes == 1:
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", row.Bytes)
}

// Says is the meaning with the text that it quotes; in reports from before there
// were meanings, the detail.
func (row *TranscriptRow) Says() string {
	text := row.Meaning.String()
	if row.Text != "" {
		text += ": " + quoted(row.Text)
	}
	if text == "" && row.Bytes == 0 {
		text = row.Detail
	}
	return plain(text)
}

// quoted puts text of somebody else's between quotation marks that it cannot
// leave.
func quoted(s string) string { return `"` + strings.ReplaceAll(s, `"`, "'") + `"` }

// clip cuts text of somebody else's to a length that can be shown.
func clip(s string) string {
	const most = 160
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}

// firstLine returns the first line of data if it is text, and else nothing.
func firstLine(data []byte) string {
	line, _, _ := strings.Cut(string(data), "\n")
	line = strings.TrimRight(line, "\r")
	if cut := 4 * 160; len(line) > cut { // do not stumble over a rune that was cut
		line = strings.ToValidUTF8(line[:cut], "")
	}
	if !utf8.ValidString(line) || strings.TrimSpace(line) == "" || strings.ContainsRune(line, 0) {
		return ""
	}
	return clip(plain(line))
}
