package tlspeer

import (
	"bytes"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"testing"

	"mtlsprobe/probe/wire"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A conn reads from bytes and keeps what is written.
type conn struct {
	net.Conn
	in  io.Reader
	out bytes.Buffer
}

func (c *conn) Read(b []byte) (int, error)  { return c.in.Read(b) }
func (c *conn) Write(b []byte) (int, error) { return c.out.Write(b) }

// The client's application data of RFC 8448, Section 3: keys of a traffic secret,
// and a record that they seal and open.
func TestRFC8448(t *testing.T) {
	schedule := NewSchedule(tls.TLS_AES_128_GCM_SHA256)
	secret := unhex(t, "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5")
	record := unhex(t, "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4")
	want := make([]byte, 50)
	for n := range want {
		want[n] = byte(n)
	}
	keys, err := schedule.Protection(secret)
	if err != nil {
		t.Fatal(err)
	}
	l := Layer{Version: tls.VersionTLS13, Conn: &conn{in: bytes.NewReader(record)}, In: keys}
	kind, got, err := l.Read()
	if err != nil || kind != wire.ApplicationData || !bytes.Equal(got, want) {
		t.Errorf("%v %x, %v", kind, got, err)
	}
	out := &conn{}
	sealing, err := schedule.Protection(secret)
	if err != nil {
		t.Fatal(err)
	}
	l = Layer{Version: tls.VersionTLS13, Conn: out, Out: sealing}
	if err := l.Write(wire.ApplicationData, want); err != nil || !bytes.Equal(out.out.Bytes(), record) {
		t.Errorf("%x, %v", out.out.Bytes(), err)
	}
	next, err := schedule.Update(secret)
	if err != nil || bytes.Equal(next, secret) || len(next) != len(secret) {
		t.Errorf("updated secret %x, %v", next, err)
	}
}

// What is no record, or none that may come here, is refused.
func TestReadRefuses(t *testing.T) {
	schedule := NewSchedule(tls.TLS_AES_128_GCM_SHA256)
	keys := func() *wire.Protection {
		p, err := schedule.Protection(make([]byte, 32))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	tests := []struct {
		name  string
		in    *wire.Protection
		bytes string
		want  error // nil: any
	}{
		{"no TLS", nil, "485454502f", ErrNotTLS},
		{"too long", nil, "160303ffff", ErrNotTLS},
		{"cut off", nil, "1603030005aa", io.ErrUnexpectedEOF},
		{"nothing", nil, "", io.EOF},
		{"handshake in clear", keys(), "160303000400000000", nil},
		{"change_cipher_spec of another kind", keys(), "140303000102", nil},
		{"too short to be sealed", keys(), "170303000401020304", nil},
		{"sealed by others", keys(), "1703030018" + "00000000000000000000000000000000" + "0000000000000000", nil},
	}
	for _, tt := range tests {
		l := Layer{Version: tls.VersionTLS13, Conn: &conn{in: bytes.NewReader(unhex(t, tt.bytes))}, In: tt.in}
		if kind, body, err := l.Read(); err == nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: %v %x, %v", tt.name, kind, body, err)
		}
	}
	// A peer without keys may still complain in clear, until it has shown some.
	for opened, refused := range map[bool]bool{false: false, true: true} {
		l := Layer{Version: tls.VersionTLS13, Conn: &conn{in: bytes.NewReader(unhex(t, "15030300020230"))}, In: keys(), opened: opened}
		_, _, err := l.Read()
		var alert *AlertError
		if errors.As(err, &alert) == refused || err == nil {
			t.Errorf("an alert in clear, opened %t: %v", opened, err)
		}
	}
}

func TestMessages(t *testing.T) {
	// Two messages in three records.
	l := Layer{Conn: &conn{in: bytes.NewReader(unhex(t, "1603030003"+"140000"+"1603030002"+"01aa"+"1603030004"+"0e000000"))}}
	for _, want := range []wire.HandshakeType{wire.Finished, wire.ServerHelloDone} {
		if _, err := l.Message(want); err != nil {
			t.Errorf("%v: %v", want, err)
		}
	}
	if len(l.Transcript) != 9 {
		t.Errorf("transcript %x", l.Transcript)
	}
	l = Layer{Conn: &conn{in: bytes.NewReader(unhex(t, "16030300040effffff"))}}
	if _, err := l.Next(); err == nil {
		t.Error("a message of 16 MiB was awaited")
	}
	l = Layer{Conn: &conn{in: bytes.NewReader(unhex(t, "16030300040e000000"))}}
	if _, err := l.Message(wire.Finished); err == nil {
		t.Error("another message was taken for Finished")
	}
}
