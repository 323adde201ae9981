package quic

import (
	"encoding/binary"

	"mtlsprobe/probe/wire"
)

// A translation writes what QUIC carries as TLS over TCP would: the same messages under the same
// secrets, in records. Whoever reads TLS records can read it, and knows the transcript.
type translation struct {
	record func(from wire.Peer, record []byte)
	keys   [3]*wire.Protection // by Peer; nil for what is in clear
}

// rekey takes the secret of a peer's next records.
func (t *translation) rekey(from wire.Peer, suite uint16, secret []byte) {
	t.keys[from] = wire.NewProtection13(suite, secret)
}

// write adds content of one type.
func (t *translation) write(from wire.Peer, kind wire.ContentType, content []byte) {
	const most = 1 << 14
	for len(content) > 0 && t.record != nil {
		part := content[:min(len(content), most)]
		content = content[len(part):]
		if keys := t.keys[from]; keys != nil {
			t.record(from, keys.Seal(kind, part))
			continue
		}
		header := []byte{byte(kind), 3, 3, 0, 0}
		binary.BigEndian.PutUint16(header[3:], uint16(len(part)))
		t.record(from, append(header, part...))
	}
}

// alert adds a fatal alert.
func (t *translation) alert(from wire.Peer, number uint8) {
	t.write(from, wire.AlertRecord, []byte{2, number})
}
