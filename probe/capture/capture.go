package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/ip4defrag"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/reassembly"

	"mtlsprobe/probe/wire"
)

// A Summary says what a capture has beside its TLS connections.
type Summary struct {
	Packets int // in all
	TCP     int // connections
	Carried int // conversations of EAP and OpenVPN
	Sealed  int // sessions of OpenVPN that cannot be read, for their packets are encrypted by tls-crypt
	Short   int // packets of which the capture has only the beginning
	Unread  int // packets that could not be decoded
	// Problem says why the file was not read to its end; nil if it was.
	Problem error
}

// Read reads a capture and calls done for every TCP connection that carries TLS, when it ends
// or the capture does. Secrets in the file are added to keys. The error is of a file that is
// not a capture, the context's, or the reader's; a file that ends early or goes wrong is read
// as far as it goes.
func Read(ctx context.Context, r io.Reader, keys *wire.KeyLog, done func(*Connection)) (*Summary, error) {
	source, err := open(r, keys.Add)
	if err != nil {
		return nil, err
	}
	streams := &factory{keys: keys, done: done}
	assembler := reassembly.NewAssembler(reassembly.NewStreamPool(streams))
	assembler.MaxBufferedPagesPerConnection, assembler.MaxBufferedPagesTotal = pagesPerFlow, pagesInAll
	a := &assembly{assembler: assembler, ends: &streams.ends, fragments: ip4defrag.NewIPv4Defragmenter(),
		summary: &Summary{}, talks: talks{streams: streams, open: make(map[string]*eapTalk),
			requests: make(map[string]radiusRequest), latest: make(map[string]string)}, vpn: vpnTalks{streams: streams}}
	for {
		if a.summary.Packets%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		f, err := source.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			a.summary.Problem = fmt.Errorf("after %d packets: %w", a.summary.Packets, err)
			break
		}
		a.packet(f)
	}
	assembler.FlushAll()
	a.summary.Carried, a.summary.Sealed = a.talks.begun+a.vpn.begun, a.vpn.sealed
	a.summary.TCP = streams.count - a.summary.Carried
	for key, talk := range a.talks.open {
		a.talks.end(key, talk)
	}
	for ends, talk := range a.vpn.open {
		a.vpn.end(ends, talk)
	}
	return a.summary, nil
}

// An assembly puts packets together to streams.
type assembly struct {
	assembler *reassembly.Assembler
	ends      *ends
	fragments *ip4defrag.IPv4Defragmenter
	of6       fragments
	talks     talks
	vpn       vpnTalks
	summary   *Summary
	flushed   time.Time
}

// Connections that say nothing for this long are over, and packets that are missing for this
// long do not come.
const (
	idle    = 10 * time.Minute
	missing = 30 * time.Second
	every   = 10 * time.Second
)

func (a *assembly) packet(f frame) {
	a.summary.Packets++
	if f.cut {
		a.summary.Short++
	}
	packet := gopacket.NewPacket(f.data, decoder(f.link), gopacket.DecodeOptions{NoCopy: true, Lazy: true})
	found := a.layers(packet, f)
	if !found && packet.ErrorLayer() != nil {
		a.summary.Unread++
	}
	if f.at.Sub(a.flushed) > every {
		a.flushed = f.at
		a.assembler.FlushWithOptions(reassembly.FlushOptions{T: f.at.Add(-missing), TC: f.at.Add(-idle)})
		a.talks.flush(f.at.Add(-idle))
		a.vpn.flush(f.at.Add(-idle))
	}
}

// layers looks for what may carry TLS, and reports whether it found it.
func (a *assembly) layers(packet gopacket.Packet, f frame) (found bool) {
	var network gopacket.NetworkLayer
	var ip6 *layers.IPv6
	var ethernet *layers.Ethernet
	var wireless *layers.Dot11
	for _, layer := range packet.Layers() {
		switch l := layer.(type) {
		case *layers.Ethernet:
			ethernet = l
		case *layers.Dot11:
			wireless = l
		case *layers.EAPOL:
			switch {
			case l.Type != layers.EAPOLTypeEAP:
			case ethernet != nil:
				a.talks.lan(station(ethernet.SrcMAC), station(ethernet.DstMAC), l.Payload, f.at)
			case wireless != nil:
				a.talks.lan(station(wireless.Address2), station(wireless.Address1), l.Payload, f.at)
			default: // cooked by Linux: the addresses are not all there
				a.talks.lan("", "", l.Payload, f.at)
			}
			return true
		case *layers.IPv4:
			network = l
			if l.Flags&layers.IPv4MoreFragments == 0 && l.FragOffset == 0 {
				continue
			}
			whole, err := a.fragments.DefragIPv4WithTimestamp(l, f.at)
			if err != nil || whole == nil {
				return true
			}
			return a.transport(whole, gopacket.NewPacket(whole.Payload, whole.NextLayerType(),
				gopacket.DecodeOptions{NoCopy: true}), f)
		case *layers.IPv6:
			network, ip6 = l, l
		case *layers.IPv6Fragment:
			if ip6 == nil {
				return true
			}
			payload, next, whole := a.of6.add(ip6, l, f.at)
			if !whole {
				return true
			}
			return a.transport(ip6, gopacket.NewPacket(payload, next.LayerType(), gopacket.DecodeOptions{NoCopy: true}), f)
		case *layers.TCP:
			if network != nil {
				found = true
				a.segment(network, l, f)
			}
		case *layers.UDP:
			found = network != nil && a.datagram(network, l, f) || found
		}
	}
	return found
}

// transport takes in what was put together of fragments.
func (a *assembly) transport(network gopacket.NetworkLayer, packet gopacket.Packet, f frame) bool {
	if tcp, ok := packet.Layer(layers.LayerTypeTCP).(*layers.TCP); ok {
		a.segment(network, tcp, f)
	} else if udp, ok := packet.Layer(layers.LayerTypeUDP).(*layers.UDP); ok {
		a.datagram(network, udp, f)
	}
	return true
}

func (a *assembly) datagram(network gopacket.NetworkLayer, udp *layers.UDP, f frame) bool {
	flow := network.NetworkFlow()
	from, to := address(flow.Src(), uint16(udp.SrcPort)), address(flow.Dst(), uint16(udp.DstPort))
	return a.talks.radius(from, to, udp.Payload, f.at) || a.vpn.packet(from, to, udp.Payload, f.at)
}

// decoder is that of a link; two types of raw IP are not in the library's table.
func decoder(link layers.LinkType) gopacket.Decoder {
	const rawIPv6 = 229
	switch link {
	case layers.LinkTypeIPv4:
		return layers.LayerTypeIPv4
	case rawIPv6:
		return layers.LayerTypeIPv6
	}
	return link
}

func (a *assembly) segment(network gopacket.NetworkLayer, tcp *layers.TCP, f frame) {
	flow := network.NetworkFlow()
	m := &moment{info: gopacket.CaptureInfo{Timestamp: f.at}, from: address(flow.Src(), uint16(tcp.SrcPort)),
		to: address(flow.Dst(), uint16(tcp.DstPort))}
	if m.use = a.ends.of(m.from, m.to, tcp); m.use.over {
		return
	}
	a.assembler.AssembleWithContext(m.use.flow(m.from), tcp, m)
}
