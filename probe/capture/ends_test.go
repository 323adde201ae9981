package capture

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"mtlsprobe/probe/recording"
	"mtlsprobe/probe/wire"
)

// again makes the packets of one more connection of the same ports, whose client begins at seq.
func (w *wireTap) again(seq uint32, all []said) {
	w.seq = map[wire.Peer]uint32{wire.Client: seq + 1, wire.Server: seq + 70001}
	w.packets = append(w.packets, w.packet(wire.Client, seq, nil, func(t *layers.TCP) { t.SYN, t.ACK = true, false }),
		w.packet(wire.Server, seq+70000, nil, func(t *layers.TCP) { t.SYN, t.Ack = true, seq+1 }))
	for _, s := range all {
		w.packets = append(w.packets, w.packet(s.from, w.seq[s.from], s.data, nil))
		w.seq[s.from] += uint32(len(s.data)) //nolint:gosec // some bytes
	}
}

// Connections that use the same ports one after the other are told apart, however the first ends.
func TestReusedPorts(t *testing.T) {
	flag := func(w *wireTap, from wire.Peer, set func(*layers.TCP)) {
		w.packets = append(w.packets, w.packet(from, w.seq[from], nil, set))
		w.seq[from]++
	}
	fin := func(t *layers.TCP) { t.FIN = true }
	rst := func(t *layers.TCP) { t.RST = true }
	for _, tt := range []struct {
		name    string
		between func(w *wireTap)
		seq     uint32 // of the second
		want    []Close
	}{
		{"never closed", nil, 500_000, []Close{NotClosed, NotClosed}},
		{"closed by one", func(w *wireTap) { flag(w, wire.Server, fin) }, 500_000, []Close{FIN, NotClosed}},
		{"closed by both", func(w *wireTap) { flag(w, wire.Server, fin); flag(w, wire.Client, fin) }, 500_000,
			[]Close{FIN, NotClosed}},
		{"reset", func(w *wireTap) { flag(w, wire.Client, rst) }, 500_000, []Close{RST, NotClosed}},
		{"reset, and begun with the same number", func(w *wireTap) { flag(w, wire.Client, rst) }, 999,
			[]Close{RST, NotClosed}},
		{"closed, and a late SYN with ACK", func(w *wireTap) {
			w.again(500_000, handshake())
			w.packets = append(w.packets, w.packets[1])
		}, 900_000, []Close{NotClosed, NotClosed, NotClosed}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tap := wireTap{t: t}
			tap.conversation(handshake())
			if tt.between != nil {
				tt.between(&tap)
			}
			tap.again(tt.seq, handshake())
			all, _ := read(t, tap.file())
			if len(all) != len(tt.want) {
				t.Fatalf("%d connections", len(all))
			}
			slices.SortFunc(all, func(a, b *Connection) int { return a.Number - b.Number })
			for n, c := range all {
				if len(c.Transcript.Entries) != 5 || c.Close != tt.want[n] || c.Middle || c.Lost > 0 {
					t.Errorf("%d: %+v, %d entries", n+1, c, len(c.Transcript.Entries))
				}
			}
		})
	}
}

// A SYN that is sent again, or comes after its answer, belongs to the connection.
func TestSameConnection(t *testing.T) {
	for name, change := range map[string]func(w *wireTap){
		"SYN sent again":        func(w *wireTap) { w.packets = append(w.packets, w.packets[0]) },
		"SYN with ACK first":    func(w *wireTap) { w.packets[0], w.packets[1] = w.packets[1], w.packets[0] },
		"SYN after the first":   func(w *wireTap) { w.packets[0], w.packets[2] = w.packets[2], w.packets[0] },
		"without SYN with ACK":  func(w *wireTap) { w.packets = append(w.packets[:1:1], w.packets[2:]...) },
		"SYN with ACK repeated": func(w *wireTap) { w.packets = append(w.packets, w.packets[1]) },
	} {
		t.Run(name, func(t *testing.T) {
			tap := wireTap{t: t}
			tap.again(999, handshake())
			change(&tap)
			all, summary := read(t, tap.file())
			if len(all) != 1 || summary.TCP != 1 || len(all[0].Transcript.Entries) != 5 || all[0].Client.Port() != 50000 {
				t.Errorf("%d connections, %+v", len(all), summary)
			}
		})
	}
}

// Recordings of this program of connections that shared a port are told apart, too.
func TestRecordedReuse(t *testing.T) {
	var connections []*recording.Connection
	for n := range 3 {
		c := &recording.Connection{Opened: time.Unix(1_700_000_000+int64(n), 0).UTC(),
			Client: netip.MustParseAddrPort("127.0.0.1:50000"), Server: netip.MustParseAddrPort("127.0.0.1:443")}
		for _, s := range handshake() {
			c.Segments = append(c.Segments, recording.Segment{From: s.from, Data: s.data, At: c.Opened})
		}
		connections = append(connections, c)
	}
	var b bytes.Buffer
	if err := recording.WritePCAPNG(&b, "test", connections); err != nil {
		t.Fatal(err)
	}
	all, _ := read(t, b.Bytes())
	if len(all) != 3 {
		t.Fatalf("%d connections", len(all))
	}
	for _, c := range all {
		if len(c.Transcript.Entries) != 5 {
			t.Errorf("%+v", c.Transcript.Entries)
		}
	}
}
