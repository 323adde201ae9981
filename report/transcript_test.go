package report

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"mtlsprobe/certstore/certtest"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"

	"github.com/google/go-cmp/cmp"
)

func handshake(from wire.Peer, kind wire.HandshakeType, body string) wire.Entry {
	return wire.Entry{From: from, ContentType: wire.HandshakeRecord, Handshake: kind, Body: []byte(body),
		Length: len(body)}
}

func alert(from wire.Peer, level, description uint8) wire.Entry {
	return wire.Entry{From: from, ContentType: wire.AlertRecord,
		Alert: wire.Alert{Level: level, Description: description}, Length: 2}
}

func data(from wire.Peer, kind wire.ContentType, body string) wire.Entry {
	return wire.Entry{From: from, ContentType: kind, Body: []byte(body), Length: len(body)}
}

// certificates is the body of a Certificate of TLS 1.2.
func certificates(certs ...*x509.Certificate) string {
	vector := func(b string) string { return string([]byte{byte(len(b) >> 16), byte(len(b) >> 8), byte(len(b))}) + b }
	var list string
	for _, c := range certs {
		list += vector(string(c.Raw))
	}
	return vector(list)
}

var family = certtest.New(
	certtest.Edge{Subject: "Root", Issuer: "Root"},
	certtest.Edge{Subject: "client", Issuer: "Root"},
)

const (
	version12, version13 = tls.VersionTLS12, tls.VersionTLS13
	serverRandom         = "abcdefghijklmnopqrstuvwxyz012345"
)

func clientHello() wire.Entry {
	const recordAndMessage = 9
	record, err := wire.HelloOnly(version12, "api.example", []string{"h2", `"x`}, make([]byte, 32))
	if err != nil {
		panic(err)
	}
	return handshake(wire.Client, wire.ClientHello, string(record[recordAndMessage:]))
}

// Every message says what it means, by which section of which RFC.
func TestMeanings(t *testing.T) {
	opaque := wire.Entry{From: wire.Client, ContentType: wire.HandshakeRecord, Protected: true, Opaque: true, Length: 40}
	tests := []struct {
		version uint16
		entry   wire.Entry
		want    string
		cited   string
	}{
		{version12, clientHello(),
			`offers up to TLS 1.2; server name "api.example"; application protocols "h2", "'x"; 88 cipher suites`,
			"RFC 5246, Section 7.4.1.2"},
		{version12, handshake(wire.Client, wire.ClientHello, "\x03"),
			"cannot be decoded: malformed ClientHello: field legacy_version, at byte 0", "RFC 5246, Section 7.4.1.2"},
		{version13, handshake(wire.Server, wire.ServerHello,
			"\x03\x03"+serverRandom+"\x00\x13\x01\x00\x00\x06\x00\x2b\x00\x02\x03\x04"),
			"chooses TLS 1.3, TLS_AES_128_GCM_SHA256", "RFC 8446, Section 4.1.3"},
		{version12, handshake(wire.Server, wire.ServerHello,
			"\x03\x03"+serverRandom+"\x00\xc0\x2b\x00\x00\x09\x00\x10\x00\x05\x00\x03\x02h2"),
			`chooses TLS 1.2, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256; application protocol "h2"`,
			"RFC 5246, Section 7.4.1.3"},
		{version13, handshake(wire.Server, wire.EncryptedExtensions, "\x00\x00"), "chooses no application protocol",
			"RFC 8446, Section 4.3.1"},
		{version13, handshake(wire.Server, wire.EncryptedExtensions, "\x00\x09\x00\x10\x00\x05\x00\x03\x02h2"),
			`chooses the application protocol "h2"`, "RFC 8446, Section 4.3.1"},
		{version12, handshake(wire.Client, wire.Certificate, "\x00\x00\x00"), "empty: no certificate is sent",
			"RFC 5246, Section 7.4.6"},
		{version13, handshake(wire.Client, wire.Certificate, "\x00\x00\x00\x00"), "empty: no certificate is sent",
			"RFC 8446, Section 4.4.2"},
		{version12, handshake(wire.Client, wire.Certificate, certificates(family.Certs("client", "Root")...)),
			"2 certificates, the first CN=client,O=Example", "RFC 5246, Section 7.4.6"},
		{version12, handshake(wire.Server, wire.Certificate, certificates(family.Cert("Root"))),
			"1 certificate, CN=Root,O=Example", "RFC 5246, Section 7.4.2"},
		{version12, handshake(wire.Server, wire.Certificate, "\x00\x00\x05\x00\x00\x02\x30\x00"),
			"1 certificate, the first of which cannot be decoded", "RFC 5246, Section 7.4.2"},
		{version12, handshake(wire.Client, wire.CertificateVerify, "\x04\x03\x00\x01x"),
			"signed with ecdsa_secp256r1_sha256, to prove that the client has the certificate's key",
			"RFC 5246, Section 7.4.8"},
		{tls.VersionTLS11, handshake(wire.Client, wire.CertificateVerify, "\x00\x01x"),
			"a signature of the client, to prove that it has the certificate's key", "RFC 5246, Section 7.4.8"},
		{version12, handshake(wire.Server, wire.ServerKeyExchange, ""), "the server's share of the keys",
			"RFC 5246, Section 7.4.3"},
		{wire.VersionSSL30, handshake(wire.Client, wire.ClientKeyExchange, ""), "the client's share of the keys",
			"RFC 6101, Section 5.6.7"},
		{version12, handshake(wire.Server, wire.ServerHelloDone, ""), "the client is to answer", "RFC 5246, Section 7.4.5"},
		{version12, handshake(wire.Server, wire.CertificateStatus, "x"), "an OCSP response about the server's certificate",
			"RFC 6066, Section 8"},
		{version13, handshake(wire.Client, wire.Finished, "x"), "the client's part of the handshake is complete",
			"RFC 8446, Section 4.4.4"},
		{version13, handshake(wire.Server, wire.NewSessionTicket, "x"),
			"a ticket; if it comes after the client's Finished, the server has read that, which is not an acceptance",
			"RFC 8446, Section 4.6.1"},
		{version12, handshake(wire.Server, wire.NewSessionTicket, "x"), "a ticket to resume the session",
			"RFC 5077, Section 3.3"},
		{version13, handshake(wire.Server, wire.KeyUpdate, "\x00"), "the server's next record has new keys",
			"RFC 8446, Section 4.6.3"},
		{version12, handshake(wire.Server, wire.HelloRequest, ""),
			"asks for a new handshake, in which a certificate may be asked for", "RFC 5246, Section 7.4.1.1"},
		{version13, handshake(wire.Server, 77, "x"), "", ""},
		{version12, opaque, "not decrypted", ""},
		{version12, data(wire.Client, wire.ChangeCipherSpec, ""), "what the client sends from here on is protected",
			"RFC 5246, Section 7.1"},
		{version13, data(wire.Client, wire.ChangeCipherSpec, ""), "without meaning in TLS 1.3, sent for middleboxes",
			"RFC 8446, Appendix D.4"},
		{version13, data(wire.Client, wire.ApplicationData, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"), `begins: "GET / HTTP/1.1"`,
			"RFC 8446, Section 5.2"},
		{version12, data(wire.Server, wire.ApplicationData, "say \"no\" \x1b[31m\u202e\n"), `begins: "say 'no' .[31m."`,
			"RFC 5246, Section 10"},
		{version12, data(wire.Server, wire.ApplicationData, "\x00\x01\xff"), "no text", "RFC 5246, Section 10"},
		{version12, data(wire.Server, wire.ApplicationData, ""), "empty", "RFC 5246, Section 10"},
		{0, data(wire.Server, wire.NotTLS, "HTTP/1.1 400 Bad Request\r\n"),
			`not TLS, but plain text: "HTTP/1.1 400 Bad Request"`, ""},
		{0, data(wire.Server, wire.NotTLS, "\x00\x00"), "bytes that are not TLS", ""},
		{version13, alert(wire.Server, 2, 48),
			"fatal 48 unknown_ca: the server found no CA that it trusts for the client's certificate: the CA is unknown " +
				"there, or the chain is incomplete", "RFC 8446, Section 6.2"},
		{version12, alert(wire.Client, 2, 48),
			"fatal 48 unknown_ca: the client found no CA that it trusts for the server's certificate: the CA is unknown " +
				"there, or the chain is incomplete", "RFC 5246, Section 7.2.2"},
		{version13, alert(wire.Server, 2, 116),
			"fatal 116 certificate_required: the server requires a certificate, and the client sent none",
			"RFC 8446, Section 6.2"},
		{version13, alert(wire.Server, 1, 0), "warning 0 close_notify: the server closes the connection; not a refusal",
			"RFC 8446, Section 6.1"},
		{version13, alert(wire.Server, 1, 90),
			"warning 90 user_canceled: the server cancels for a reason that is not a protocol failure, and closes; not a " +
				"refusal", "RFC 8446, Section 6.1"},
		{wire.VersionSSL30, alert(wire.Client, 1, 41),
			"warning 41 no_certificate: the client has no suitable certificate; in SSL 3.0 this replaces an empty " +
				"Certificate message, and the server decides whether to go on", "RFC 6101, Section 5.4.2"},
		{version12, alert(wire.Server, 9, 200),
			"level 9 200 alert 200: the server ended the connection for a reason that is not in the IANA registry",
			"RFC 5246, Section 7.2.2"},
	}
	for _, tt := range tests {
		got := rows(&wire.Transcript{Version: tt.version, Entries: []wire.Entry{tt.entry}})[0]
		if got.Says() != tt.want || got.Citation != tt.cited {
			t.Errorf("%s %s:\n got %s (%s)\nwant %s (%s)", wire.VersionName(tt.version), got.Kind(), got.Says(), got.Citation,
				tt.want, tt.cited)
		}
	}
}

// Every alert of the registry has a sense that says who accuses whom.
func TestAlertSenses(t *testing.T) {
	seen := make(map[string]bool)
	for n := range 256 {
		a := wire.Alert{Level: 2, Description: uint8(n)}
		known := a.Name() != fmt.Sprintf("alert %d", n)
		sense := a.Meaning()
		if unknown := strings.Contains(sense, "not in the IANA registry"); unknown == known {
			t.Errorf("%s: %s", a.Name(), sense)
		}
		if known && seen[sense] {
			t.Errorf("%s says the same as another: %s", a.Name(), sense)
		}
		seen[sense] = known
		if text := alertMeaning(a, wire.Server); strings.Contains(text, "SENDER") || strings.Contains(text, "PEER") {
			t.Error(text)
		}
	}
}

func TestRequests(t *testing.T) {
	finished := []wire.Entry{handshake(wire.Server, wire.Finished, ""), handshake(wire.Client, wire.Finished, "")}
	request12, request13 := "\x02\x01\x40\x00\x02\x04\x03\x00\x04\x00\x02\x30\x00",
		"\x00\x00\x08\x00\x0d\x00\x04\x00\x02\x04\x03"
	for _, tt := range []struct {
		version uint16
		before  []wire.Entry
		body    string
		want    string
		cited   string
	}{
		{version12, nil, request12, "asks for a certificate: 1 CA name, 1 scheme, rsa_sign, ecdsa_sign",
			"RFC 5246, Section 7.4.4"},
		{version12, finished, request12,
			"asks for a certificate in a renegotiation: 1 CA name, 1 scheme, rsa_sign, ecdsa_sign", "RFC 5246, Section 7.4.4"},
		{version13, nil, request13, "asks for a certificate: no CA names (any certificate may be sent), 1 scheme",
			"RFC 8446, Section 4.3.2"},
		{version13, finished, request13,
			"asks for a certificate after the handshake: no CA names (any certificate may be sent), 1 scheme",
			"RFC 8446, Section 4.6.2"},
		{wire.VersionSSL30, nil, "\x01\x01\x00\x00",
			"asks for a certificate: no CA names (any certificate may be sent), rsa_sign", "RFC 6101, Section 5.6.4"},
		{version12, nil, "\x05",
			"asks for a certificate, and cannot be decoded: malformed CertificateRequest: field certificate_types, at byte 1",
			"RFC 5246, Section 7.4.4"},
	} {
		all := rows(&wire.Transcript{Version: tt.version,
			Entries: append(tt.before[:len(tt.before):len(tt.before)], handshake(wire.Server, wire.CertRequest, tt.body))})
		if got := all[len(all)-1]; got.Says() != tt.want || got.Citation != tt.cited {
			t.Errorf("got %s (%s)\nwant %s (%s)", got.Says(), got.Citation, tt.want, tt.cited)
		}
	}
}

// talk is a connection of TLS 1.2 with everything that is hard to show.
func talk() []TranscriptRow {
	protected := func(e wire.Entry) wire.Entry { e.Protected = true; return e }
	return rows(&wire.Transcript{Version: version12, Entries: []wire.Entry{
		clientHello(),
		handshake(wire.Server, wire.ServerHello, "\x03\x03"+serverRandom+"\x00\xc0\x2b\x00"),
		handshake(wire.Server, wire.Certificate, certificates(family.Cert("Root"))),
		handshake(wire.Server, wire.CertRequest, "\x02\x01\x40\x00\x02\x04\x03\x00\x04\x00\x02\x30\x00"),
		handshake(wire.Server, wire.ServerHelloDone, ""),
		handshake(wire.Client, wire.Certificate, certificates(family.Certs("client", "Root")...)),
		data(wire.Client, wire.ChangeCipherSpec, "x"),
		{From: wire.Client, ContentType: wire.HandshakeRecord, Protected: true, Opaque: true, Length: 40},
		protected(data(wire.Server, wire.ApplicationData, "HTTP/1.1 403 \x1b]0;owned\x07 日本語\r\n")),
		protected(alert(wire.Server, 2, 48)),
		data(wire.Server, wire.NotTLS, "ERROR: certificate"),
	}, Faults: []wire.Fault{{From: wire.Server, Offset: 1234, Err: errors.New("not a TLS record")}}})
}

func withTranscripts() *Report {
	r := sample(1)
	r.Transcript = talk()
	r.Controls[1].Trial.Transcript = talk()[:1]
	r.Identities[0].Trial.Transcript = talk()[5:6]
	return r
}

func TestGoldenTranscript(t *testing.T) {
	for _, f := range []Format{{Width: 60}, {Width: 80, ASCII: true}, {Width: 80}, {Width: 140},
		{Name: "markdown", Width: 100}} {
		name := fmt.Sprintf("transcript%d%s.golden", f.Width, map[bool]string{true: "ascii"}[f.ASCII]+f.Name)
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", name)
			var got string
			if f.Name == "markdown" {
				var b bytes.Buffer
				markdownTranscripts(&b, withTranscripts())
				got = b.String()
			} else {
				out := newText(f)
				out.transcripts(withTranscripts())
				got = out.String()
				for line := range strings.Lines(got) {
					if w := displayWidth(strings.TrimRight(line, "\n")); w > f.Width {
						t.Errorf("a line of %d: %q", w, line)
					}
				}
			}
			if strings.ContainsFunc(got, func(r rune) bool { return r != '\n' && !unicode.IsGraphic(r) }) {
				t.Error("control characters in the output")
			}
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// Transcripts are shown to people when asked for, and programs and pages get what
// there is.
func TestTranscriptShown(t *testing.T) {
	for _, tt := range []struct {
		format string
		asked  bool
		want   bool
	}{{"table", false, false}, {"table", true, true}, {"markdown", false, false}, {"markdown", true, true}, {"html",
		false, true}, {"json", false, true}, {"brief", true, false}} {
		var b bytes.Buffer
		if err := Write(&b, Format{Name: tt.format, Width: 140, Transcript: tt.asked}, withTranscripts()); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(b.String(), "what the client sends from here on is protected"); got != tt.want {
			t.Errorf("%s, asked %v: shown %v", tt.format, tt.asked, got)
		}
	}
}

// A report from before there were meanings is still shown, and a flood is cut.
func TestTranscriptOldAndLong(t *testing.T) {
	r := &Report{Transcript: []TranscriptRow{{Direction: "server", Record: "handshake", Message: "ServerHello",
		Detail: "90 bytes"}}}
	for range 1000 {
		r.Transcript = append(r.Transcript, TranscriptRow{Direction: "server", Record: "application_data",
			Meaning: say.Text("empty"), Citation: "x"})
	}
	out := newText(Format{Width: 100})
	out.transcripts(r)
	if text := out.String(); !strings.Contains(text, "90 bytes\n") || !strings.Contains(text, "and 801 more") ||
		strings.Count(text, "\n") > 210 {
		t.Errorf("%.300s…", text)
	}
}

func TestTranscriptRedacted(t *testing.T) {
	r := withTranscripts()
	r.JudgedAt = time.Date(2026, 6, 15, 0, 0, 0, 0, time.UTC)
	redacted, names := Redact(r)
	for _, format := range []string{"table", "markdown", "html", "json"} {
		var b bytes.Buffer
		if err := Write(&b, Format{Name: format, Width: 140, Transcript: true}, redacted); err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"api.example", "CN=client", "CN=Root", "403", "ERROR", "日本語"} {
			if strings.Contains(b.String(), secret) {
				t.Errorf("%s: %s is left", format, secret)
			}
		}
	}
	if row := redacted.Transcript[0]; row.Direction != "client" || names[row.Names[0]] != "api.example" ||
		!strings.Contains(row.Meaning.String(), row.Names[0]) {
		t.Errorf("the server name: %+v", row)
	}
}
