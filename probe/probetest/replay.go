package probetest

import (
	"encoding/binary"
	"io"
	"net"
	"time"
)

// A Flight is what a server of TLS 1.2 or before says in clear, from ServerHello
// to ServerHelloDone, made of the structures of RFC 6101 and RFC 5246: for servers
// that do not exist any more, or must not.
type Flight struct {
	Version uint16
	Suite   uint16
	// Certificate is the server's, as DER.
	Certificate []byte
	// Types and Schemes, and Names as DER, are those of the CertificateRequest;
	// without Types the server does not ask. Schemes are told in TLS 1.2 alone.
	Types   []byte
	Schemes []uint16
	Names   [][]byte
	// Clock is written into the random, as gmt_unix_time; nil writes zeros.
	Clock func() time.Time
}

// records returns the flight in as many records as it takes. A list of names
// beyond 65,535 bytes has the lower bits of its length, as servers send that do
// not check.
func (f *Flight) records() []byte {
	hello := binary.BigEndian.AppendUint16(nil, f.Version)
	var now uint32
	if f.Clock != nil {
		now = uint32(f.Clock().Unix())
	}
	hello = binary.BigEndian.AppendUint32(hello, now)
	hello = append(hello, make([]byte, 28+1)...) // the rest of the random, no session
	hello = binary.BigEndian.AppendUint16(hello, f.Suite)
	messages := message(2, append(hello, 0))
	messages = append(messages, message(11, vector24(vector24(f.Certificate)))...)
	if f.Types != nil {
		request := append([]byte{byte(len(f.Types))}, f.Types...)
		if f.Version >= 0x0303 {
			request = binary.BigEndian.AppendUint16(request, uint16(2*len(f.Schemes)))
			for _, s := range f.Schemes {
				request = binary.BigEndian.AppendUint16(request, s)
			}
		}
		var names []byte
		for _, name := range f.Names {
			names = append(binary.BigEndian.AppendUint16(names, uint16(len(name))), name...)
		}
		request = binary.BigEndian.AppendUint16(request, uint16(len(names)))
		messages = append(messages, message(13, append(request, names...))...)
	}
	messages = append(messages, message(14, nil)...)
	var records []byte
	for len(messages) > 0 {
		part := messages[:min(len(messages), 1<<14)]
		messages = messages[len(part):]
		records = append(records, 22, byte(f.Version>>8), byte(f.Version), byte(len(part)>>8), byte(len(part)))
		records = append(records, part...)
	}
	return records
}

func message(kind byte, body []byte) []byte {
	return append([]byte{kind}, vector24(body)...)
}

func vector24(data []byte) []byte {
	return append([]byte{byte(len(data) >> 16), byte(len(data) >> 8), byte(len(data))}, data...)
}

// ServeFlight answers a ClientHello of the flight's version or above with the
// flight, and any other with the alert protocol_version; then it waits for the
// client to go.
func ServeFlight(f *Flight) (*Server, error) {
	return Serve(func(conn net.Conn) {
		header := make([]byte, 5)
		if _, err := io.ReadFull(conn, header); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint16(header[3:]))
		if _, err := io.ReadFull(conn, body); err != nil || len(body) < 6 {
			return
		}
		if version := binary.BigEndian.Uint16(body[4:]); version < f.Version {
			_, _ = conn.Write([]byte{21, 3, 0, 0, 2, 2, 70})
			return
		}
		_, _ = conn.Write(f.records())
		_, _ = io.Copy(io.Discard, conn)
	})
}
