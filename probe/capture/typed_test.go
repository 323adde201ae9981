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
		unknown          []string
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
			"C1 S2 S13 Calert1:41", 0x300, []string{"SSL 3.0"}},
		{"without a colon", "client hello\nserver hello, certificate, certificate request (2 CAs), server hello done\n" +
			"client key exchange, certificate verify", "C1 S2 S11 S13 S14 C16 C15", 0x303, nil},
		{"nonsense between", "client hello\nwhat is that?\n# a comment\nserver hello", "C1 S2", 0x303,
			[]string{"what is that?"}},
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
