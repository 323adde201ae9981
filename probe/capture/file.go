// Package capture reads captures: pcap and pcapng files in, the TLS connections in them out.
//
// Call [Read] with a stream; it hands every connection on as soon as it ends, with its
// transcript. Memory is bounded: an open connection keeps an incomplete record and its
// transcript, and what is missing of a stream is waited for within bounds.
package capture

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// A packetSource gives packets one by one: io.EOF ends them.
type packetSource interface {
	next() (frame, error)
}

// A frame is one captured packet. Its data is valid until the next one is read.
type frame struct {
	at   time.Time
	link layers.LinkType
	data []byte
	cut  bool // the capture has only the beginning of it
}

// maxPacket bounds a packet: tcpdump's own limit.
const maxPacket = 256 << 10

// ErrFormat is why a file is not read: it is not a capture.
var ErrFormat = errors.New("not a pcap or pcapng capture")

// open recognises the format by its first bytes, compressed or not. Secrets in the file are
// handed to keys.
func open(r io.Reader, secrets func([]byte)) (packetSource, error) {
	in := bufio.NewReaderSize(r, 1<<16)
	magic, err := in.Peek(4)
	if err != nil {
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%w: it has %d bytes", ErrFormat, len(magic))
		}
		return nil, err
	}
	switch {
	case magic[0] == 0x1f && magic[1] == 0x8b:
		zipped, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("reading gzip: %w", err)
		}
		return open(&once{zipped}, secrets)
	case bytes.Equal(magic, []byte{0x0a, 0x0d, 0x0d, 0x0a}):
		return &pcapng{r: in, secrets: secrets}, nil
	case isPcap(magic):
		reader, err := pcapgo.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("reading pcap: %w", err)
		}
		reader.SetSnaplen(maxPacket) // whatever the file says: memory is allocated by it
		return &pcap{reader}, nil
	}
	return nil, fmt.Errorf("%w: it begins with % x", ErrFormat, magic)
}

// once refuses a second compression: no capture has it, and a bomb may.
type once struct{ io.Reader }

func isPcap(magic []byte) bool {
	for _, m := range []string{"\xd4\xc3\xb2\xa1", "\xa1\xb2\xc3\xd4", "\x4d\x3c\xb2\xa1", "\xa1\xb2\x3c\x4d"} {
		if string(magic) == m {
			return true
		}
	}
	return false
}

// A pcap is a file of the old format.
type pcap struct{ r *pcapgo.Reader }

func (p *pcap) next() (frame, error) {
	data, info, err := p.r.ReadPacketData()
	if err != nil {
		return frame{}, ended(err)
	}
	return frame{at: info.Timestamp, link: p.r.LinkType(), data: data, cut: info.CaptureLength < info.Length}, nil
}

// errCut is the end of a file in the middle of a packet.
var errCut = errors.New("the file ends in the middle of a packet")

func ended(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errCut
	}
	return err
}
