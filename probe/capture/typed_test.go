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
		unknown          []Skipped
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
			[]Skipped{{Line: 2, Text: "what is that?"}}},
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
			[]Skipped{{Line: 4, Text: "client: hello", Another: true}}},
		{"misspelt", "client: helo\nserver: Server Helo, Certifikate, Certificat request, ServerHeloDone\n" +
			"client: Certifikate, Client key exchnge", "S2 S11 S13 S14 C11 C16", 0x303, []Skipped{{Line: 1, Text: "helo"}}},
		{"a part that is nothing", "client: Hello\nserver: Hello, Foo bar baz", "C1 S2", 0x303,
			[]Skipped{{Line: 2, Text: "Foo bar baz"}}},
		{"TLS 1.3 by its records", "client: hello\nserver: hello, change cipher spec, application data\n" +
			"client: change cipher spec, application data\nserver: application data",
			"C1 S2 Schange_cipher_spec Sapplication_data Cchange_cipher_spec Capplication_data Sapplication_data", 0x304, nil},
		{"TLS 1.3 by its alert", "client: hello\nserver: hello\nserver: alert certificate_required (116)",
			"C1 S2 Salert2:116", 0x304, nil},
		{"TLS 1.3 by its name", "TLSv1.3\nclient: hello\nserver: hello", "C1 S2", 0x304, nil},
		{"s_client -msg", "CONNECTED(00000003)\n>>> TLS 1.2, RecordHeader [length 0005]\n    16 03 01 01 2c\n" +
			">>> TLS 1.2, Handshake [length 012c], ClientHello\n    01 00 01 28\n<<< TLS 1.2, Handshake [length 0039], " +
			"ServerHello\n---\nCertificate chain\n", "C1 S2", 0x303, nil},
		{"Java's alert", "javax.net.ssl|DEBUG|Produced ClientHello handshake message\n" +
			"javax.net.ssl|DEBUG|Consuming ServerHello handshake message\n" +
			"javax.net.ssl|DEBUG|Received alert message (\n\"Alert\": {\n  \"level\"      : \"fatal\",\n" +
			"  \"description\": \"handshake_failure\"\n}\n)", "C1 S2 Salert2:40", 0x303, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr, unknown, err := ParseMessages([]byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if got := shape(tr); got != tt.want || tr.Version != tt.version {
				t.Errorf("got  %s, version %x\nwant %s, version %x", got, tr.Version, tt.want, tt.version)
			}
			if diff := cmp.Diff(tt.unknown, unknown); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, text := range []string{"client: certificate (length 0)", "client: certificate with 0 certificates",
		"client: empty Certificate", "client: certificate, empty", "client: certificates: 0"} {
		tr, _, err := ParseMessages([]byte(text))
		if err != nil || len(tr.Entries[0].Body) != 3 {
			t.Errorf("%q is not an empty Certificate: %v", text, err)
		}
	}
	for _, text := range []string{"", "\n\n", "hello world is a program"} {
		if tr, _, err := ParseMessages([]byte(text)); err == nil && text != "hello world is a program" {
			t.Errorf("%q: %s", text, shape(tr))
		}
	}
	if _, _, err := ParseMessages([]byte(strings.Repeat("client hello\n", maxLines+1))); err == nil {
		t.Error("a list without end is read")
	}
}

func FuzzParseMessages(f *testing.F) {
	f.Add([]byte("client: Hello\nserver: Hello, Alert (Level: Fatal, Description: 300)"))
	f.Add([]byte("a -> b TLSv1.3 Finished"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if tr, _, err := ParseMessages(text); err == nil && len(tr.Entries) == 0 {
			t.Error("no messages and no error")
		}
	})
}
