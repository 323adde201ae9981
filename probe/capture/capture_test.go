package capture

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"mtlsprobe/probe/recording"
	"mtlsprobe/probe/wire"
)

// Messages of a handshake, with no more in them than this package looks at.
var (
	clientHello = record(wire.HandshakeRecord, append([]byte{1, 0, 0, 41, 3, 3}, make([]byte, 39)...))
	serverHello = record(wire.HandshakeRecord, append([]byte{2, 0, 0, 38, 3, 3}, make([]byte, 36)...))
	serverDone  = record(wire.HandshakeRecord, []byte{14, 0, 0, 0})
	emptyCert   = record(wire.HandshakeRecord, []byte{11, 0, 0, 3, 0, 0, 0})
	fatalAlert  = record(wire.AlertRecord, []byte{2, 40})
)

func record(kind wire.ContentType, body []byte) []byte {
	return append([]byte{byte(kind), 3, 3, byte(len(body) >> 8), byte(len(body))}, body...)
}

// A said is what one peer said.
type said struct {
	from wire.Peer
	data []byte
}

func handshake() []said {
	return []said{{wire.Client, clientHello}, {wire.Server, append(bytes.Clone(serverHello), serverDone...)},
		{wire.Client, emptyCert}, {wire.Server, fatalAlert}}
}

// A wireTap makes packets.
type wireTap struct {
	t       *testing.T
	vlan    bool
	v6      bool
	packets [][]byte
	seq     map[wire.Peer]uint32
}

func (w *wireTap) packet(from wire.Peer, seq uint32, data []byte, flags func(*layers.TCP)) []byte {
	w.t.Helper()
	tcp := &layers.TCP{SrcPort: 50000, DstPort: 8443, Seq: seq, ACK: true, Window: 1000}
	source, target := netip.MustParseAddr("10.0.0.5"), netip.MustParseAddr("10.0.0.9")
	if w.v6 {
		source, target = netip.MustParseAddr("fd00::5"), netip.MustParseAddr("fd00::9")
	}
	if from == wire.Server {
		tcp.SrcPort, tcp.DstPort = tcp.DstPort, tcp.SrcPort
		source, target = target, source
	}
	if flags != nil {
		flags(tcp)
	}
	var stack []gopacket.SerializableLayer
	kind := layers.EthernetTypeIPv4
	var network gopacket.SerializableLayer = &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP,
		SrcIP: source.AsSlice(), DstIP: target.AsSlice()}
	if w.v6 {
		kind = layers.EthernetTypeIPv6
		network = &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolTCP, SrcIP: source.AsSlice(),
			DstIP: target.AsSlice()}
	}
	mac := []byte{2, 0, 0, 0, 0, 1}
	if w.vlan {
		stack = append(stack, &layers.Ethernet{SrcMAC: mac, DstMAC: mac, EthernetType: layers.EthernetTypeDot1Q},
			&layers.Dot1Q{VLANIdentifier: 7, Type: kind})
	} else {
		stack = append(stack, &layers.Ethernet{SrcMAC: mac, DstMAC: mac, EthernetType: kind})
	}
	buffer := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buffer, gopacket.SerializeOptions{FixLengths: true},
		append(stack, network, tcp, gopacket.Payload(data))...); err != nil {
		w.t.Fatal(err)
	}
	return bytes.Clone(buffer.Bytes())
}

// conversation makes the packets of a connection.
func (w *wireTap) conversation(all []said) {
	w.seq = map[wire.Peer]uint32{wire.Client: 1000, wire.Server: 4294967290} // which wraps around
	w.packets = append(w.packets, w.packet(wire.Client, 999, nil, func(t *layers.TCP) { t.SYN, t.ACK = true, false }),
		w.packet(wire.Server, 4294967289, nil, func(t *layers.TCP) { t.SYN = true }))
	for _, s := range all {
		for _, part := range [][]byte{s.data[:len(s.data)/2], s.data[len(s.data)/2:]} {
			w.packets = append(w.packets, w.packet(s.from, w.seq[s.from], part, nil))
			w.seq[s.from] += uint32(len(part)) //nolint:gosec // some bytes
		}
	}
}

// file is a pcap of the packets.
func (w *wireTap) file() []byte {
	var b bytes.Buffer
	writer := pcapgo.NewWriter(&b)
	if err := writer.WriteFileHeader(65535, layers.LinkTypeEthernet); err != nil {
		w.t.Fatal(err)
	}
	for n, p := range w.packets {
		info := gopacket.CaptureInfo{Timestamp: time.Unix(1_700_000_000, int64(n)*1e6).UTC(), CaptureLength: len(p),
			Length: len(p)}
		if err := writer.WritePacket(info, p); err != nil {
			w.t.Fatal(err)
		}
	}
	return b.Bytes()
}

// fragmented is an IPv6 packet in two fragments, the last one first.
func fragmented(t *testing.T, data []byte) [][]byte {
	t.Helper()
	packet := gopacket.NewPacket(data, layers.LayerTypeEthernet, gopacket.Default)
	ethernet := packet.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
	ip := packet.Layer(layers.LayerTypeIPv6).(*layers.IPv6)
	payload, cut := ip.LayerPayload(), 16
	ip.NextHeader = layers.IPProtocolIPv6Fragment
	var parts [][]byte
	for _, part := range []struct {
		place int
		more  byte
		data  []byte
	}{{cut, 0, payload[cut:]}, {0, 1, payload[:cut]}} {
		header := []byte{byte(layers.IPProtocolTCP), 0, byte(part.place >> 8), byte(part.place) | part.more, 0, 0, data[len(data)-1],
			byte(len(data))}
		buffer := gopacket.NewSerializeBuffer()
		if err := gopacket.SerializeLayers(buffer, gopacket.SerializeOptions{FixLengths: true}, ethernet, ip,
			gopacket.Payload(append(header, part.data...))); err != nil {
			t.Fatal(err)
		}
		parts = append(parts, bytes.Clone(buffer.Bytes()))
	}
	return parts
}

// inPPPoE is a packet of IPv4 in a PPP session over Ethernet (RFC 2516).
func inPPPoE(t *testing.T, data []byte) []byte {
	t.Helper()
	packet := gopacket.NewPacket(data, layers.LayerTypeEthernet, gopacket.Default)
	ethernet := packet.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
	ip := ethernet.LayerPayload()
	ethernet.EthernetType = layers.EthernetTypePPPoESession
	size := len(ip) + 2
	header := []byte{0x11, 0, 0, 7, byte(size >> 8), byte(size), 0, 0x21}
	buffer := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buffer, gopacket.SerializeOptions{}, ethernet,
		gopacket.Payload(append(header, ip...))); err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(buffer.Bytes())
}

func read(t *testing.T, data []byte) ([]*Connection, *Summary) {
	t.Helper()
	var all []*Connection
	summary, err := Read(t.Context(), bytes.NewReader(data), &wire.KeyLog{}, func(c *Connection) { all = append(all, c) })
	if err != nil {
		t.Fatal(err)
	}
	return all, summary
}

// A connection is read whatever the network did to its packets.
func TestStreams(t *testing.T) {
	for _, tt := range []struct {
		name    string
		tap     wireTap
		said    []said
		change  func(w *wireTap)
		entries int
		close   Close
		lost    bool
		middle  bool
	}{
		{"in order", wireTap{}, handshake(), nil, 5, NotClosed, false, false},
		{"in a VLAN", wireTap{vlan: true}, handshake(), nil, 5, NotClosed, false, false},
		{"IPv6", wireTap{v6: true}, handshake(), nil, 5, NotClosed, false, false},
		{"IPv6 in fragments", wireTap{v6: true}, handshake(), func(w *wireTap) {
			for n, p := range w.packets[2:] {
				w.packets[n+2] = nil
				w.packets = append(w.packets, fragmented(w.t, p)...)
			}
			w.packets = slices.DeleteFunc(w.packets, func(p []byte) bool { return p == nil })
		}, 5, NotClosed, false, false},
		{"in PPPoE", wireTap{}, handshake(), func(w *wireTap) {
			for n, p := range w.packets {
				w.packets[n] = inPPPoE(w.t, p)
			}
		}, 5, NotClosed, false, false},
		{"after SOCKS5", wireTap{}, append([]said{{wire.Client, []byte{5, 1, 0}}, {wire.Server, []byte{5, 0}},
			{wire.Client, append([]byte{5, 1, 0, 3, 9}, "localhost\x20\xfb"...)},
			{wire.Server, []byte{5, 0, 0, 1, 127, 0, 0, 1, 0, 80}}}, handshake()...), nil, 5, NotClosed, false, false},
		{"out of order", wireTap{}, handshake(), func(w *wireTap) {
			w.packets[3], w.packets[2] = w.packets[2],
				w.packets[3]
		}, 5,
			NotClosed, false, false},
		{"sent again", wireTap{}, handshake(), func(w *wireTap) { w.packets = append(w.packets, w.packets[2:]...) }, 5,
			NotClosed,
			false, false},
		{"lost after the hellos", wireTap{}, handshake(),
			func(w *wireTap) { w.packets = append(w.packets[:6], w.packets[7:]...) }, 5, NotClosed, true, false},
		{"lost at the end of a direction", wireTap{}, handshake(), func(w *wireTap) {
			w.packets = append(w.packets[:6], w.packets[8:]...) // the client's answer
			w.packets = append(w.packets, w.packet(wire.Client, w.seq[wire.Client], nil, func(t *layers.TCP) { t.FIN = true }),
				w.packet(wire.Server, w.seq[wire.Server], nil, func(t *layers.TCP) { t.RST = true }))
		}, 5, FIN, true, false},
		{"acknowledged, and not recorded", wireTap{}, handshake(), func(w *wireTap) {
			w.packets = append(w.packets[:6], w.packets[8:]...)
			w.packets = append(w.packets, w.packet(wire.Server, w.seq[wire.Server], nil,
				func(t *layers.TCP) { t.Ack = w.seq[wire.Client] }))
		}, 5, NotClosed, true, false},
		{"without its beginning", wireTap{}, handshake(), func(w *wireTap) { w.packets = w.packets[2:] }, 5, NotClosed,
			false,
			true},
		{"reset by the server", wireTap{}, handshake(), func(w *wireTap) {
			w.packets = append(w.packets, w.packet(wire.Server, w.seq[wire.Server], nil, func(t *layers.TCP) { t.RST = true }))
		}, 5, RST, false, false},
		{"after STARTTLS", wireTap{}, append([]said{{wire.Server, []byte("220 hello\r\n")},
			{wire.Client, []byte("STARTTLS\r\n")},
			{wire.Server, []byte("220 go\r\n")}}, handshake()...), nil, 5, NotClosed, false, false},
		{"after the PROXY protocol", wireTap{}, append([]said{{wire.Client,
			append([]byte("PROXY TCP4 10.1.1.1 10.1.1.2 1 2\r\n"), clientHello...)}}, handshake()[1:]...), nil, 5, NotClosed,
			false,
			false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tap := tt.tap
			tap.t = t
			tap.conversation(tt.said)
			if tt.change != nil {
				tt.change(&tap)
			}
			all, summary := read(t, tap.file())
			if len(all) != 1 || summary.TCP != 1 {
				t.Fatalf("%d connections, %+v", len(all), summary)
			}
			c := all[0]
			if len(c.Transcript.Entries) != tt.entries || c.Close != tt.close || (c.Lost > 0) != tt.lost ||
				c.Middle != tt.middle ||
				c.Client.Port() != 50000 || c.Server.Port() != 8443 {
				t.Errorf("%+v\n%+v", c, c.Transcript.Entries)
			}
			if tt.close == RST && c.Closer != wire.Server {
				t.Errorf("closed by %v", c.Closer)
			}
		})
	}
}

// What this program records it reads again, secrets included.
func TestRecorded(t *testing.T) {
	connection := &recording.Connection{Opened: time.Unix(1_700_000_000, 0).UTC(),
		Client: netip.MustParseAddrPort("127.0.0.1:50000"), Server: netip.MustParseAddrPort("127.0.0.1:443")}
	for _, s := range handshake() {
		connection.Segments = append(connection.Segments,
			recording.Segment{From: s.from, Data: s.data, At: connection.Opened})
	}
	connection.KeyLog = []byte("CLIENT_RANDOM " + strings.Repeat("00", 32) + " " + strings.Repeat("01", 48) + "\n")
	var b bytes.Buffer
	if err := recording.WritePCAPNG(&b, "test", []*recording.Connection{connection}); err != nil {
		t.Fatal(err)
	}
	keys := &wire.KeyLog{}
	var all []*Connection
	if _, err := Read(t.Context(), &b, keys, func(c *Connection) { all = append(all, c) }); err != nil || len(all) != 1 ||
		len(all[0].Transcript.Entries) != 5 || keys.Empty() {
		t.Errorf("%d connections, %v, secrets %t", len(all), err, !keys.Empty())
	}
}

// Bad files: what is there is read, and what is wrong is said.
func TestBadFiles(t *testing.T) {
	tap := wireTap{t: t}
	tap.conversation(handshake())
	whole := tap.file()
	var zipped bytes.Buffer
	writer := gzip.NewWriter(&zipped)
	if _, err := writer.Write(whole); err != nil || writer.Close() != nil {
		t.Fatal(err)
	}
	if all, summary := read(t, zipped.Bytes()); len(all) != 1 || summary.Problem != nil {
		t.Errorf("gzip: %d connections, %v", len(all), summary.Problem)
	}
	if all, summary := read(t, whole[:len(whole)-3]); len(all) != 1 || !errors.Is(summary.Problem, errCut) {
		t.Errorf("cut: %d connections, %v", len(all), summary.Problem)
	}
	for name, data := range map[string][]byte{"empty": nil, "text": []byte("not a capture"), "short": {0xd4, 0xc3},
		"gzip of text": zip(t, "nothing"), "broken gzip": {0x1f, 0x8b, 1, 2, 3, 4}} {
		if _, err := Read(t.Context(), bytes.NewReader(data), &wire.KeyLog{}, func(*Connection) {}); err == nil {
			t.Errorf("%s is a capture", name)
		}
	}
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Read(interrupted, bytes.NewReader(whole), &wire.KeyLog{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

func zip(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func FuzzRead(f *testing.F) {
	t := &testing.T{}
	tap := wireTap{t: t}
	tap.conversation(handshake())
	f.Add(tap.file())
	for _, name := range []string{"eap-radius.pcap", "eap-lan.pcap", "openvpn.pcap"} {
		f.Add((&wireTap{t: t, packets: packetsOf(f, name)}).file())
	}
	f.Add([]byte{0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255,
		255, 255, 28, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		summary, err := Read(t.Context(), bytes.NewReader(data), &wire.KeyLog{}, func(c *Connection) {
			if c.Transcript == nil {
				t.Error("a connection without a transcript")
			}
		})
		if err == nil && summary == nil {
			t.Error("neither summary nor error")
		}
	})
}

// A packet that claims more than any has is not made room for.
func TestHugePacket(t *testing.T) {
	file := "\xd4\xc3\xb2\xa1\x02\x00\x04\x00" + strings.Repeat("\x00", 8) + "\xff\xff\xff\xff\x01\x00\x00\x00" +
		"\x01\x00\x00\x00\x01\x00\x00\x00\xf0\xff\xff\x7f\xf0\xff\xff\x7f" + "abc"
	summary, err := Read(t.Context(), strings.NewReader(file), &wire.KeyLog{}, func(*Connection) {})
	if err != nil || summary.Problem == nil || !strings.Contains(summary.Problem.Error(), "exceeds") {
		t.Errorf("%v, %+v", err, summary)
	}
}
