package capture

import (
	"cmp"
	"slices"
	"testing"

	"mtlsprobe/probe/wire"
)

func vpnEnds(t *testing.T, packets [][]byte) (ends []Close, summary *Summary) {
	t.Helper()
	all, summary := read(t, (&wireTap{t: t, packets: packets}).file())
	slices.SortFunc(all, func(a, b *Connection) int { return cmp.Compare(a.Number, b.Number) })
	for _, c := range all {
		if c.Carrier != OpenVPN || c.Server.Port() != 11940 || !c.Transcript.Sent(wire.Server, wire.ServerHello) ||
			c.Transcript.Version == 0x303 && (len(c.Transcript.Requests()) != 1 ||
				!c.Transcript.Sent(wire.Client, wire.Certificate)) ||
			len(c.Transcript.Faults) > 0 {
			t.Errorf("%+v, %+v", c, c.Transcript.Entries)
		}
		ends = append(ends, c.Close)
	}
	return ends, summary
}

// OpenVPN's control channel is read behind tls-auth, whatever the network does to its packets.
func TestOpenVPN(t *testing.T) {
	want := []Close{NotClosed, TunnelUp, Unanswered, Unanswered}
	for name, change := range map[string]func([][]byte) [][]byte{
		"as it is": func(p [][]byte) [][]byte { return p },
		"each flight out of order": func(p [][]byte) [][]byte {
			for n := 2; n+1 < len(p); n++ {
				if slices.Equal(p[n][26:38], p[n+1][26:38]) { // from the same end to the same
					p[n], p[n+1] = p[n+1], p[n]
					n++
				}
			}
			return p
		},
	} {
		t.Run(name, func(t *testing.T) {
			ends, summary := vpnEnds(t, change(packetsOf(t, "openvpn.pcap")))
			if !slices.Equal(ends, want) || summary.Carried != 4 || summary.TCP != 0 || summary.Sealed != 0 {
				t.Errorf("%q, %+v", ends, summary)
			}
		})
	}
	packets := packetsOf(t, "openvpn-tls-crypt.pcap")
	if all, summary := read(t, (&wireTap{t: t, packets: packets}).file()); len(all) != 0 || summary.Sealed != 1 {
		t.Errorf("%d conversations, %+v", len(all), summary)
	}
}

// Data before the handshake's end is of an earlier session: it sets up no tunnel.
func TestOpenVPNEarlyData(t *testing.T) {
	packets := packetsOf(t, "openvpn.pcap")
	data := slices.Clone(packets[1]) // the server's first
	data[42] = vpnData2 << 3
	early := slices.Concat(packets[:4], [][]byte{data}, packets[4:])
	if ends, _ := vpnEnds(t, early); len(ends) != 4 || ends[0] != NotClosed {
		t.Errorf("%q", ends)
	}
}

// Packets of an earlier session of the same ports are not the next one's.
func TestOpenVPNSessions(t *testing.T) {
	packets := packetsOf(t, "openvpn.pcap")
	var second [][]byte // the last session, with the first one's ports and one of its packets
	for _, p := range packets[len(packets)-16:] {
		second = append(second, slices.Clone(p))
	}
	ports := [2][]byte{packets[0][34:36], packets[len(packets)-1][34:36]}
	if slices.Equal(ports[1], []byte{0x2e, 0xa4}) { // 11940, the server's
		ports[1] = packets[len(packets)-1][36:38]
	}
	for _, p := range second {
		for _, port := range [][]byte{p[34:36], p[36:38]} {
			if slices.Equal(port, ports[1]) {
				copy(port, ports[0])
			}
		}
	}
	mixed := slices.Concat(packets[:14], second[:2], packets[4:6], second[2:])
	all, _ := read(t, (&wireTap{t: t, packets: mixed}).file())
	for _, c := range all {
		if len(c.Transcript.Faults) > 0 || c.Gaps > 0 {
			t.Errorf("%d: %+v", c.Number, c.Transcript.Faults)
		}
	}
	if len(all) != 2 {
		t.Errorf("%d sessions", len(all))
	}
}

// What is missing costs what was in it: the session is read on.
func TestOpenVPNLoss(t *testing.T) {
	packets := packetsOf(t, "openvpn.pcap")
	whole, _ := read(t, (&wireTap{t: t, packets: packets}).file())
	for n := range packets {
		all, _ := read(t, (&wireTap{t: t, packets: slices.Delete(slices.Clone(packets), n, n+1)}).file())
		if len(all) < len(whole)-1 {
			t.Errorf("without packet %d there are %d sessions", n+1, len(all))
		}
	}
}
