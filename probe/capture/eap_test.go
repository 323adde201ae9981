package capture

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"mtlsprobe/probe/wire"
)

// packetsOf are the packets of one of this project's own captures.
func packetsOf(t testing.TB, name string) [][]byte {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pcapgo.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	for {
		data, _, err := r.ReadPacketData()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data)
	}
}

// An eapSeen is what is looked at of a conversation.
type eapSeen struct {
	method, identity, leaf string // "empty" without one
	close                  Close
	lost                   bool
}

func eapConversations(t *testing.T, packets [][]byte) []eapSeen {
	t.Helper()
	all, summary := read(t, (&wireTap{t: t, packets: packets}).file())
	if summary.Carried < len(all) || summary.TCP != 0 { // not all carry TLS
		t.Errorf("%+v, and %d connections", summary, len(all))
	}
	slices.SortFunc(all, func(a, b *Connection) int { return cmp.Compare(a.Number, b.Number) })
	var seen []eapSeen
	for _, c := range all {
		s := eapSeen{method: c.Method + " " + string(c.Carrier), identity: c.Identity, close: c.Close, lost: c.Gaps > 0}
		for _, e := range c.Transcript.Entries {
			if e.ContentType != wire.HandshakeRecord || e.Handshake != wire.Certificate || e.From != wire.Client {
				continue
			}
			list, err := wire.ParseCertificate(c.Transcript.Version, e.Body)
			if s.leaf = "empty"; err != nil {
				s.leaf = "unreadable"
			} else if len(list) > 0 {
				leaf, err := x509.ParseCertificate(list[0])
				if err != nil {
					t.Fatal(err)
				}
				s.leaf = leaf.Subject.CommonName
			}
		}
		if len(c.Transcript.Requests()) != 1 && c.Gaps == 0 {
			t.Errorf("%d requests", len(c.Transcript.Requests()))
		}
		seen = append(seen, s)
	}
	return seen
}

// EAP-TLS is read out of RADIUS, and off a LAN, whatever happens to packets on their way.
func TestEAP(t *testing.T) {
	radius, lan := "EAP-TLS EAP over RADIUS", "EAP-TLS EAP over LAN"
	overRADIUS := []eapSeen{{radius, "anonymous", "alice", EAPSuccess, false}, {radius, "anonymous", "bob", EAPFailure, false},
		{radius, "anonymous", "serveronly", EAPFailure, false}}
	overLAN := []eapSeen{{lan, "alice@lab.test", "alice", EAPSuccess, false},
		{lan, "bob@lab.test", "bob", EAPFailure, false}}
	twice := func(packets [][]byte) (out [][]byte) {
		for _, p := range packets {
			out = append(out, p, p)
		}
		return out
	}
	without := func(from, to int) func([][]byte) [][]byte {
		return func(packets [][]byte) [][]byte { return slices.Delete(packets, from, to) }
	}
	for _, tt := range []struct {
		name, file string
		change     func([][]byte) [][]byte
		want       []eapSeen
	}{
		{"RADIUS", "eap-radius.pcap", nil, overRADIUS},
		{"RADIUS, every packet twice", "eap-radius.pcap", twice, overRADIUS},
		{"LAN", "eap-lan.pcap", nil, overLAN},
		{"LAN, every packet twice", "eap-lan.pcap", twice, overLAN},
		{"LAN, without the end of the first", "eap-lan.pcap", without(13, 14),
			[]eapSeen{{lan, "alice@lab.test", "alice", NotClosed, false}, overLAN[1]}},
		{"LAN, without half of a Certificate", "eap-lan.pcap", without(8, 9),
			[]eapSeen{{lan, "alice@lab.test", "", EAPSuccess, true}, overLAN[1]}},
		{"LAN, without the request and the certificate", "eap-lan.pcap", without(21, 23),
			[]eapSeen{overLAN[0], {lan, "bob@lab.test", "", EAPFailure, true}}},
		{"LAN, without the certificate", "eap-lan.pcap", without(22, 23),
			[]eapSeen{overLAN[0], {lan, "bob@lab.test", "", EAPFailure, true}}},
		{"LAN, to the group address both ways", "eap-lan.pcap", func(packets [][]byte) [][]byte {
			for _, p := range packets {
				copy(p, []byte{0x01, 0x80, 0xc2, 0, 0, 3})
			}
			return packets
		}, overLAN},
		{"RADIUS, without the answer that invites to TLS", "eap-radius.pcap", without(1, 2), overRADIUS},
		{"LAN, the first one alone", "eap-lan.pcap", without(14, 24), overLAN[:1]},
	} {
		t.Run(tt.name, func(t *testing.T) {
			packets := packetsOf(t, tt.file)
			if tt.change != nil {
				packets = tt.change(packets)
			}
			if got := eapConversations(t, packets); !slices.Equal(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

// A conversation of many at once at one server is told from the others by the server's State.
func TestEAPInterleaved(t *testing.T) {
	packets := packetsOf(t, "eap-radius.pcap")
	perClient := make(map[uint16][][]byte)
	var order []uint16
	for _, p := range packets {
		udp := gopacket.NewPacket(p, layers.LayerTypeEthernet, gopacket.Default).Layer(layers.LayerTypeUDP).(*layers.UDP)
		client := uint16(max(udp.SrcPort, udp.DstPort)) // the server's is the lower one
		if perClient[client] == nil {
			order = append(order, client)
		}
		perClient[client] = append(perClient[client], p)
	}
	var mixed [][]byte
	for n := 0; len(mixed) < len(packets); n++ {
		for _, client := range order {
			if n < len(perClient[client]) {
				mixed = append(mixed, perClient[client][n])
			}
		}
	}
	// one client in place of four: an authenticator has one port, and numbers its requests
	for _, p := range mixed {
		udp := gopacket.NewPacket(p, layers.LayerTypeEthernet, gopacket.Default).Layer(layers.LayerTypeUDP).(*layers.UDP)
		ip, id := p[14:], &p[43]
		*id = *id*4 + byte(slices.Index(order, uint16(max(udp.SrcPort, udp.DstPort))))
		for _, place := range []int{20, 22} {
			if port := ip[place : place+2]; !bytes.Equal(port, []byte{0x46, 0xc8}) { // 18120
				copy(port, []byte{0xc0, 0x00})
			}
		}
	}
	got := eapConversations(t, mixed)
	var leaves []string
	for _, s := range got {
		leaves = append(leaves, s.leaf+" "+string(s.close))
	}
	want := []string{"alice EAP-Success", "bob EAP-Failure", "serveronly EAP-Failure"}
	if !slices.Equal(leaves, want) {
		t.Errorf("got %q", leaves)
	}
}
