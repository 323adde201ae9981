package capture

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mtlsprobe/probe/wire"
)

// shape is the order of messages, as in "C1 S2 S11".
func shape(tr *wire.Transcript) string {
	var parts []string
	for _, e := range tr.Entries {
		who := map[wire.Peer]string{wire.Client: "C", wire.Server: "S"}[e.From]
		switch {
		case e.ContentType == wire.HandshakeRecord:
			parts = append(parts, fmt.Sprint(who, uint8(e.Handshake)))
		case e.ContentType == wire.AlertRecord && e.Opaque:
			parts = append(parts, who+"alert")
		case e.ContentType == wire.AlertRecord:
			parts = append(parts, fmt.Sprint(who, "alert", e.Alert.Level, ":", e.Alert.Description))
		default:
			parts = append(parts, who+strings.ReplaceAll(e.ContentType.String(), " ", ""))
		}
	}
	return strings.Join(parts, " ")
}

// The same connection in the words of several programs.
func TestParseMessages(t *testing.T) {
	for _, tt := range []struct {
		name, text, want string
		version          uint16
		doubts           []Doubt
	}{
		{"plain", "client: Hello\nserver: Hello, Certificate, Certificate request, Server hello done\n" +
			"client: Encrypted alert, content type Alert(21)\nclient: Client key exchange\n",
			"C1 S2 S11 S13 S14 Calert C16", 0x303, nil},
		{"spelled otherwise", "C: client_hello\nS: ServerHello; CERTIFICATE; certificate_request; ServerHelloDone\n" +
			"C: certificate (length 0), ClientKeyExchange, change_cipher_spec, finished",
			"C1 S2 S11 S13 S14 C11 C16 Cchange_cipher_spec C20", 0x303, nil},
		{"Wireshark", "    4 0.1 10.0.0.5 → 10.0.0.9 TLSv1.2 583 Client Hello\n" +
			"    6 0.2 10.0.0.9 → 10.0.0.5 TLSv1.2 2000 Server Hello, Certificate, Certificate Request, Server Hello Done\n" +
			"    8 0.3 10.0.0.5 → 10.0.0.9 TLSv1.2 73 Alert (Level: Fatal, Description: Bad Certificate)\n",
			"C1 S2 S11 S13 S14 Calert2:42", 0x303, nil},
		{"openssl -msg", ">>> TLS 1.1, Handshake [length 0123], ClientHello\n<<< TLS 1.1, Handshake [length 0035], " +
			"ServerHello\n" +
			"<<< TLS 1.1, Alert [length 0002], fatal handshake_failure\n", "C1 S2 Salert2:40", 0x302, nil},
		{"Java", "javax.net.ssl|DEBUG|Produced ClientHello handshake message\njavax.net.ssl|DEBUG|Consuming ServerHello " +
			"handshake " +
			"message\n", "C1 S2", 0x303, nil},
		{"SSL 3.0", "SSL 3.0\nclient hello\nserver hello\ncertificate request\nclient: alert 41 warning\n",
			"C1 S2 S13 Calert1:41", 0x300, nil},
		{"without a colon", "client hello\nserver hello, certificate, certificate request (2 CAs), server hello done\n" +
			"client key exchange, certificate verify", "C1 S2 S11 S13 S14 C16 C15", 0x303, nil},
		{"nonsense between", "client hello\nwhat is that?\n# a comment\nserver hello", "C1 S2", 0x303,
			[]Doubt{{Line: 2, Text: "what is that?"}}},
		{"arrows", "-> Client Hello\n<- Server Hello, Certificate, Certificate Request, Server Hello Done\n" +
			"-> Certificate, Client Key Exchange, Certificate Verify\n<- Alert (Level: Fatal, Description: Unknown CA)",
			"C1 S2 S11 S13 S14 C11 C16 C15 Salert2:48", 0x303, nil},
		{"without a direction", "Client Hello\nServer Hello, Certificate, Certificate Request, Server Hello Done\n" +
			"Certificate, Client Key Exchange, Certificate Verify, Change Cipher Spec\nAlert (Level: Fatal, Unknown CA)",
			"C1 S2 S11 S13 S14 C11 C16 C15 Cchange_cipher_spec Salert2:48", 0x303, nil},
		{"one message a line", "client hello\nserver hello\ncertificate\ncertificate request\nserver hello done\n" +
			"certificate\nclient key exchange", "C1 S2 S11 S13 S14 C11 C16", 0x303, nil},
		{"both on one host", "1 0.0 127.0.0.1 → 127.0.0.1 TLSv1.2 300 Client Hello\n" +
			"2 0.1 127.0.0.1 → 127.0.0.1 TLSv1.2 900 Server Hello, Certificate, Certificate Request, Server Hello Done\n" +
			"3 0.2 127.0.0.1 → 127.0.0.1 TLSv1.2 900 Certificate, Client Key Exchange\n" +
			"4 0.3 127.0.0.1 → 127.0.0.1 TLSv1.2 73 Alert (Level: Fatal, Description: Unknown CA)",
			"C1 S2 S11 S13 S14 C11 C16 Salert2:48", 0x303, nil},
		{"two connections", "client: hello\nserver: hello, certificate request, hello done\nserver: alert 48 fatal\n" +
			"client: hello\nserver: hello", "C1 S2 S13 S14 Salert2:48", 0x303,
			[]Doubt{{Line: 4, Text: "ClientHello", Kind: Another}}},
		{"misspelt", "client: helo\nserver: Server Helo, Certifikate, Certificat request, ServerHeloDone\n" +
			"client: Certifikate, Client key exchnge", "C1 S2 S11 S13 S14 C11 C16", 0x303, nil},
		{"a part that is nothing", "client: Hello\nserver: Hello, Foo bar baz", "C1 S2", 0x303,
			[]Doubt{{Line: 2, Text: "Foo bar baz"}}},
		{"TLS 1.3 by its records", "client: hello\nserver: hello, change cipher spec, application data\n" +
			"client: change cipher spec, application data\nserver: application data",
			"C1 S2 Schange_cipher_spec Sapplication_data Cchange_cipher_spec Capplication_data Sapplication_data", 0x304, nil},
		{"TLS 1.3 by its alert", "client: hello\nserver: hello\nserver: alert certificate_required (116)",
			"C1 S2 Salert0:116", 0x304, nil},
		{"TLS 1.3 by its name", "TLSv1.3\nclient: hello\nserver: hello", "C1 S2", 0x304, nil},
		{"s_client -msg", "CONNECTED(00000003)\n>>> TLS 1.2, RecordHeader [length 0005]\n    16 03 01 01 2c\n" +
			">>> TLS 1.2, Handshake [length 012c], ClientHello\n    01 00 01 28\n<<< TLS 1.2, Handshake [length 0039], " +
			"ServerHello\n---\nCertificate chain\n", "C1 S2", 0x303, nil},
		{"Java's alert", "javax.net.ssl|DEBUG|Produced ClientHello handshake message\n" +
			"javax.net.ssl|DEBUG|Consuming ServerHello handshake message\n" +
			"javax.net.ssl|DEBUG|Received alert message (\n\"Alert\": {\n  \"level\"      : \"fatal\",\n" +
			"  \"description\": \"handshake_failure\"\n}\n)", "C1 S2 Salert2:40", 0x303, nil},
		{"words without commas", "client: hello\nserver: hello certificate certificate reqest server hello done\n" +
			"client sends certficate, key exchange", "C1 S2 S11 S13 S14 C11 C16", 0x303, nil},
		{"an alert's name, and nothing else", "client: hello\nserver: hello, certificate, certificate request, done\n" +
			"client: Alert, bad certificate", "C1 S2 S11 S13 S14 Calert0:42", 0x303, nil},
		{"without the word", "client: hello\nserver: unknown CA", "C1 Salert0:48", 0, nil},
		{"it is not told which", "client: hello\nserver: hello, hello done\nserver: Alert", "C1 S2 S14 Salert", 0x303, nil},
		{"a misspelt alert", "client: hello\nserver: alert fatal, handshake failur", "C1 Salert2:40", 0, nil},
		{"an alert of no such name", "client: hello\nserver: alert fatal, no idea", "C1 Salert", 0,
			[]Doubt{{Line: 2, Text: "no idea"}}},
		{"OpenSSL's error", "curl: (56) OpenSSL SSL_read: error:0A00045C:SSL routines::tlsv13 alert certificate required, " +
			"errno 0", "Salert2:116", 0x304, nil},
		{"OpenSSL's error, by number", "40F72E88C77F0000:error:0A000418:SSL routines:ssl3_read_bytes:tlsv1 alert unknown " +
			"ca:../ssl/record/rec_layer_s3.c:1602:SSL alert number 48", "Salert2:48", 0,
			[]Doubt{{Line: 1, Kind: TakenForServer, Text: "40F72E88C77F0000:error:0A000418:SSL routines:ssl3_read_bytes:" +
				"tlsv1 alert unknown ca:../ssl/record/rec_layer_s3.c:1602:SSL alert number 48"}}},
		{"it says nothing of SSL 3.0", "client: hello\nsslv3 alert certificate expired (45)", "C1 Salert2:45", 0, nil},
		{"nginx's error", "SSL_do_handshake() failed (SSL: error:0A000412:SSL routines::sslv3 alert bad certificate:SSL " +
			"alert number 42) while SSL handshaking, client: 10.0.0.5", "Calert2:42", 0, nil},
		{"Go's error", "remote error: tls: bad certificate", "Salert2:42", 0,
			[]Doubt{{Line: 1, Kind: TakenForServer, Text: "remote error: tls: bad certificate"}}},
		{"an alert's name alone", "bad certificate", "Salert0:42", 0,
			[]Doubt{{Line: 1, Kind: TakenForServer, Text: "bad certificate"}}},
		{"curl -v", "* Connected to localhost\n* TLSv1.3 (OUT), TLS handshake, Client hello (1):\n} [512 bytes data]\n" +
			"* TLSv1.3 (IN), TLS handshake, Server hello (2):\n* TLSv1.3 (IN), TLS handshake, Encrypted Extensions (8):\n" +
			"* TLSv1.3 (IN), TLS handshake, Request CERT (13):\n* TLSv1.3 (IN), TLS handshake, Certificate (11):\n" +
			"* TLSv1.3 (IN), TLS handshake, CERT verify (15):\n* TLSv1.3 (IN), TLS handshake, Finished (20):\n" +
			"* TLSv1.3 (OUT), TLS change cipher, Change cipher spec (1):\n" +
			"* TLSv1.3 (OUT), TLS handshake, Certificate (11):\n* TLSv1.3 (OUT), TLS handshake, CERT verify (15):\n" +
			"* TLSv1.3 (OUT), TLS handshake, Finished (20):\n> GET / HTTP/1.1\n* Server certificate:\n" +
			"* TLSv1.3 (IN), TLS alert, certificate expired (557):\n" +
			"* OpenSSL SSL_read: error:0A000415:SSL routines::sslv3 alert certificate expired, errno 0",
			"C1 S2 S8 S13 S11 S15 S20 Cchange_cipher_spec C11 C15 C20 Salert2:45", 0x304, nil},
		{"Java's server", "javax.net.ssl|DEBUG|Consuming ClientHello handshake message (\n)\n" +
			"javax.net.ssl|DEBUG|Produced ServerHello handshake message (\n)\n" +
			"javax.net.ssl|DEBUG|Consuming client Certificate handshake message (\n\"Certificates\": <empty list>\n)\n" +
			"javax.net.ssl|DEBUG|Raised alert message (\n  \"level\"      : \"fatal\",\n  \"description\": " +
			"\"bad_certificate\"\n)", "C1 S2 C11 Salert2:42", 0x303, nil},
		{"Java's log without what it contains", "javax.net.ssl|DEBUG|Consuming ServerHello handshake message (\n" +
			"javax.net.ssl|DEBUG|Received alert message (\njavax.net.ssl|ERROR|Fatal (CERTIFICATE_REQUIRED): Received fatal " +
			"alert: certificate_required (", "S2 Salert2:116", 0x304, nil},
		{"nginx as a client", "SSL_do_handshake() failed (SSL: error:0A000410:SSL routines::sslv3 alert handshake failure:SSL " +
			"alert number 40) while SSL handshaking to upstream, client: 10.0.0.1", "Salert2:40", 0, nil},
		{"a server on Go", "http: TLS handshake error from 10.1.2.3:4711: remote error: tls: unknown certificate", "Calert2:46", 0,
			nil},
		{"Go's words", "client: hello\nremote error: tls: expired certificate", "C1 Salert2:45", 0, nil},
		{"it is told who", "client: tlsv1 alert unknown ca", "Calert2:48", 0, nil},
		{"no name of an alert", "client: hello\nserver: unknown", "C1", 0, []Doubt{{Line: 2, Text: "unknown"}}},
		{"a Java server's alert, twice", "javax.net.ssl|DEBUG|Consuming ClientHello handshake message (\n)\n" +
			"javax.net.ssl|DEBUG|Received alert message (\n\"level\": \"fatal\",\n\"description\": \"unknown_ca\"\n)\n" +
			"javax.net.ssl|ERROR|Fatal (UNKNOWN_CA): Received fatal alert: unknown_ca (", "C1 Calert2:48", 0, nil},
		{"s_server -msg", "<<< TLS 1.3, Handshake [length 0123], ClientHello\n>>> TLS 1.2, Handshake [length 0035], ServerHello\n" +
			">>> TLS 1.2, Handshake [length 0035], CertificateRequest\n<<< TLS 1.2, Alert [length 0002], fatal unknown_ca",
			"C1 S2 S13 Calert2:48", 0x303, nil},
		{"the first packet is the server's", "1 0.1 10.0.0.2 → 10.0.0.1 TLSv1.2 900 Server Hello, Server Hello Done\n" +
			"2 0.1 10.0.0.1 → 10.0.0.2 TLSv1.2 900 Certificate, Client Key Exchange\n" +
			"3 0.1 10.0.0.2 → 10.0.0.1 TLSv1.2 900 Alert (Level: Fatal, Description: Unknown CA)",
			"S2 S14 C11 C16 Salert2:48", 0x303, nil},
		{"curl with times", "12:00:00.123456 * TLSv1.3 (OUT), TLS handshake, Client hello (1):\n12:00:00.2 * TLSv1.3 (IN), TLS " +
			"alert, handshake failure (552):", "C1 Salert2:40", 0, nil},
		{"curl follows a redirection", "* Connected to a\n* TLSv1.2 (OUT), TLS handshake, Client hello (1):\n" +
			"* TLSv1.2 (IN), TLS handshake, Server hello (2):\n* Closing connection 0\n* Connected to b\n" +
			"* TLSv1.2 (OUT), TLS handshake, Client hello (1):\n* TLSv1.2 (IN), TLS handshake, Request CERT (13):", "C1 S2", 0x303,
			[]Doubt{{Line: 6, Text: "ClientHello", Kind: Another}}},
		{"no request", "client: hello\nserver: Hello, Certificate, no Certificate request, Hello done", "C1 S2 S11 S14", 0x303,
			[]Doubt{{Line: 2, Text: "no Certificate request"}}},
		{"level and description", "client: hello\nserver: Alert level 2 description 40", "C1 Salert2:40", 0, nil},
		{"several speak on a line", "client: hello, server: hello, certificate request, done; client: certificate, server: alert " +
			"handshake failure", "C1 S2 S13 S14 C11 Salert0:40", 0x303, nil},
		{"offered and chosen", "client: Hello (TLS 1.3)\nserver: hello, certificate request, server hello done\nclient: certificate",
			"C1 S2 S13 S14 C11", 0x303, nil},
		{"with a byte order mark", "\ufeffclient: hello", "C1", 0, nil},
		{"who closed", "client: hello\nserver: hello, hello done\nFIN", "C1 S2 S14", 0x303,
			[]Doubt{{Line: 3, Text: "FIN", Kind: WhoEnded}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseMessages([]byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if shown := shape(got.Transcript); shown != tt.want || got.Transcript.Version != tt.version {
				t.Errorf("got  %s, version %x\nwant %s, version %x", shown, got.Transcript.Version, tt.want, tt.version)
			}
			if diff := cmp.Diff(tt.doubts, got.Doubts); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, text := range []string{"client: certificate (length 0)", "client: certificate with 0 certificates",
		"client: empty Certificate", "client: certificate, empty", "client: certificates: 0", "client: 0 certificates"} {
		got, err := ParseMessages([]byte(text))
		if err != nil || len(got.Transcript.Entries[0].Body) != 3 {
			t.Errorf("%q is not an empty Certificate: %v", text, err)
		}
	}
	for _, text := range []string{"", "\n\n", "hello world is a program", "HTTP 400 No required SSL certificate was sent",
		"nginx: client SSL certificate verify error: (10:certificate has expired) while reading client request headers"} {
		if got, err := ParseMessages([]byte(text)); err == nil {
			t.Errorf("%q: %s", text, shape(got.Transcript))
		}
	}
	if _, err := ParseMessages([]byte(strings.Repeat("client hello\n", maxMessages+2))); err == nil {
		t.Error("a list without end is read")
	}
}

// Java's log tells an empty Certificate, in both its forms; openssl -msg has the whole message.
func TestParseMessagesBodies(t *testing.T) {
	for name, text := range map[string]string{
		"TLS 1.3": "javax.net.ssl|DEBUG|Negotiated protocol version: TLSv1.3\n" +
			"javax.net.ssl|DEBUG|Produced client Certificate message (\n\"Certificate\": {\n\"certificate_list\": [  \n]\n}\n)",
		"bytes": ">>> TLS 1.3, Handshake [length 0008], Certificate\n    0b 00 00 04 00 00 00 00\n",
		"typed": "TLS 1.3\nclient: certificate (empty)",
	} {
		got, err := ParseMessages([]byte(text))
		if err != nil || len(got.Transcript.Entries) != 1 || got.Transcript.Entries[0].Handshake != wire.Certificate ||
			len(got.Transcript.Entries[0].Body) != 4 {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for text, want := range map[string]string{"client: hello\nserver: FIN": "FIN server", "client: hello\nclient: reset": "RST client", "server: hello\nserver closes the connection": "FIN server",
		"1 0.1 10.0.0.5 → 10.0.0.9 TLSv1 99 Client Hello\n2 0.1 10.0.0.9 → 10.0.0.5 TCP 60 443 → 5000 [RST, ACK] Seq=1": "RST server"} {
		got, err := ParseMessages([]byte(text))
		if err != nil || string(got.Close)+" "+got.Closer.String() != want || got.Doubts != nil {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func FuzzParseMessages(f *testing.F) {
	f.Add([]byte("client: Hello\nserver: Hello, Alert (Level: Fatal, Description: 300)"))
	f.Add([]byte("a -> b TLSv1.3 Finished"))
	f.Add([]byte("* TLSv1.3 (IN), TLS alert, certificate expired (557):"))
	f.Add([]byte("javax.net.ssl|DEBUG|Received alert message (\n\"level\": \"fatal\""))
	f.Add([]byte(">>> TLS 1.3, Handshake [length 0008], Certificate\n    0b 00 00 04 00 00 00 00\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if got, err := ParseMessages(text); err == nil && len(got.Transcript.Entries) == 0 {
			t.Error("no messages and no error")
		}
	})
}
