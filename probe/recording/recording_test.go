package recording

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"mtlsprobe/probe/wire"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

var begin = time.Date(2026, 6, 15, 12, 0, 0, 123456789, time.UTC)

func sample(client, server string) *Connection {
	at := func(ms int) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }
	c := &Connection{
		Comment: "presents client.p12", Opened: at(0),
		Segments:  []Segment{{wire.Client, at(1), []byte("hello")}, {wire.Server, at(2), []byte("hi, and more")}, {wire.Client, at(3), []byte("x")}},
		ServerEnd: Finished, ServerClosed: at(4), Closed: at(5),
		KeyLog: []byte("CLIENT_RANDOM 00 11\n"),
	}
	if client != "" {
		c.Client, c.Server = netip.MustParseAddrPort(client), netip.MustParseAddrPort(server)
	}
	return c
}

func write(t *testing.T, connections ...*Connection) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WritePCAPNG(&b, "mtlsprobe", connections); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The bytes of a small capture stay as they are.
func TestGoldenPCAPNG(t *testing.T) {
	const path = "testdata/small.hex"
	got := hex.Dump(write(t, sample("192.0.2.7:50000", "198.51.100.9:443")))
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
}

// A segment is what the test reads of a packet.
type segment struct {
	from     string
	seq, ack uint32
	flags    byte
	data     string
	at       time.Time
}

// parse reads a capture by the draft, and its packets by the RFCs; it verifies
// every length and checksum.
func parse(t *testing.T, capture []byte) (kinds []uint32, segments []segment, secrets string) {
	t.Helper()
	le := binary.LittleEndian
	for len(capture) > 0 {
		kind, length := le.Uint32(capture), le.Uint32(capture[4:])
		if length%4 != 0 || int(length) > len(capture) || le.Uint32(capture[length-4:]) != length {
			t.Fatalf("block %x claims %d bytes", kind, length)
		}
		body := capture[8 : length-4]
		capture = capture[length:]
		kinds = append(kinds, kind)
		switch kind {
		case decryptionSecretsBlock:
			secrets = string(body[8 : 8+le.Uint32(body[4:])])
		case enhancedPacketBlock:
			data := body[20 : 20+le.Uint32(body[12:])]
			s := parseIP(t, data)
			s.at = time.Unix(0, int64(uint64(le.Uint32(body[4:]))<<32|uint64(le.Uint32(body[8:])))).UTC()
			segments = append(segments, s)
		}
	}
	return kinds, segments, secrets
}

func parseIP(t *testing.T, p []byte) segment {
	t.Helper()
	be := binary.BigEndian
	var from, to netip.Addr
	var tcp []byte
	if p[0]>>4 == 4 {
		if checksum(p[:20]) != 0 || int(be.Uint16(p[2:])) != len(p) {
			t.Fatalf("IPv4: checksum or length of %x", p[:20])
		}
		from, to = netip.AddrFrom4([4]byte(p[12:16])), netip.AddrFrom4([4]byte(p[16:20]))
		tcp = p[20:]
	} else {
		if int(be.Uint16(p[4:])) != len(p)-40 {
			t.Fatalf("IPv6: length of %x", p[:40])
		}
		from, to = netip.AddrFrom16([16]byte(p[8:24])), netip.AddrFrom16([16]byte(p[24:40]))
		tcp = p[40:]
	}
	if checksum(pseudoHeader(from, to, len(tcp)), tcp) != 0 {
		t.Fatalf("TCP: checksum of %x", tcp)
	}
	return segment{from: netip.AddrPortFrom(from, be.Uint16(tcp)).String(), seq: be.Uint32(tcp[4:]), ack: be.Uint32(tcp[8:]), flags: tcp[13], data: string(tcp[20:])}
}

func TestPackets(t *testing.T) {
	for _, tt := range []struct{ client, server, clientShown, serverShown string }{
		{"192.0.2.7:50000", "198.51.100.9:443", "192.0.2.7:50000", "198.51.100.9:443"},
		{"[2001:db8::7]:50000", "[2001:db8::9]:443", "[2001:db8::7]:50000", "[2001:db8::9]:443"},
		{"[::ffff:192.0.2.7]:50000", "198.51.100.9:443", "192.0.2.7:50000", "198.51.100.9:443"},
		{"[fe80::1%eth0]:50000", "[fe80::2%eth0]:443", "[fe80::1]:50000", "[fe80::2]:443"},
		{"", "", "192.0.2.1:49152", "192.0.2.2:443"},
	} {
		t.Run(tt.client, func(t *testing.T) {
			kinds, segments, secrets := parse(t, write(t, sample(tt.client, tt.server)))
			if fmt.Sprint(kinds[:3]) != fmt.Sprint([]uint32{sectionHeaderBlock, interfaceDescription, decryptionSecretsBlock}) || secrets != "CLIENT_RANDOM 00 11\n" {
				t.Errorf("blocks %x, secrets %q", kinds, secrets)
			}
			c, s := tt.clientShown, tt.serverShown
			ms := func(n int) time.Time { return begin.Add(time.Duration(n) * time.Millisecond) }
			want := []segment{
				{c, 0, 0, syn, "", ms(0)}, {s, 0, 1, syn | ack, "", ms(0)}, {c, 1, 1, ack, "", ms(0)},
				{c, 1, 1, psh | ack, "hello", ms(1)}, {s, 1, 6, psh | ack, "hi, and more", ms(2)}, {c, 6, 13, psh | ack, "x", ms(3)},
				{s, 13, 7, fin | ack, "", ms(4)}, {c, 7, 14, fin | ack, "", ms(5)},
			}
			if diff := cmp.Diff(want, segments, cmp.AllowUnexported(segment{})); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// A long run of bytes becomes several packets, a reset ends without FIN, and the
// packets of several connections are in the order of time.
func TestManyPackets(t *testing.T) {
	long := sample("192.0.2.7:50000", "198.51.100.9:443")
	long.Segments = []Segment{{wire.Server, begin.Add(time.Millisecond), bytes.Repeat([]byte("0123456789"), 10_000)}}
	long.ServerEnd, long.KeyLog = Reset, nil
	other := sample("192.0.2.7:50001", "198.51.100.9:443")
	other.Opened = begin.Add(-time.Second)
	_, segments, secrets := parse(t, write(t, long, other))
	var data strings.Builder
	for n, s := range segments {
		if n > 0 && s.at.Before(segments[n-1].at) {
			t.Errorf("packet %d is before its time", n)
		}
		if s.from == "198.51.100.9:443" && len(s.data) > 100 {
			data.WriteString(s.data)
		}
		if s.from == "192.0.2.7:50000" && s.flags&fin != 0 {
			t.Error("the client closes what was reset")
		}
	}
	if data.String() != string(long.Segments[0].Data) || segments[0].from != "192.0.2.7:50001" || secrets != string(other.KeyLog) {
		t.Errorf("%d bytes, first from %s, secrets %q", data.Len(), segments[0].from, secrets)
	}
	if kinds, _, _ := parse(t, write(t)); len(kinds) != 2 {
		t.Errorf("blocks of no connection: %x", kinds)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestWriteErrors(t *testing.T) {
	if err := WritePCAPNG(broken{}, "x", nil); err != os.ErrClosed {
		t.Errorf("error = %v", err)
	}
	if err := WriteKeyLog(broken{}, []*Connection{sample("", "")}); err != os.ErrClosed {
		t.Errorf("error = %v", err)
	}
}

func ExampleWriteKeyLog() {
	_ = WriteKeyLog(os.Stdout, []*Connection{{KeyLog: []byte("CLIENT_RANDOM 00 11\n")}})
	// Output: CLIENT_RANDOM 00 11
}
