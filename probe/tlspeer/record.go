// Package tlspeer has this program's own TLS ends, for what crypto/tls does not do:
// a TLS 1.3 client that offers post-handshake authentication, and the record layer
// and key schedule on which package mirror builds its servers.
//
// Call [Client], then Handshake, then Read and Write; or start a server with a
// [Layer] on a connection. Messages are encoded and decoded by package wire. It is
// for looking at peers, not for protecting data: crypto/tls does that.
package tlspeer

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"mtlsprobe/probe/wire"
)

const (
	maxPlaintext = 1 << 14
	maxMessage   = 1 << 18 // chains and lists of CAs are far smaller
	maxUseless   = 32      // empty records and change_cipher_spec; peers send one
)

// ErrNotTLS says that the first bytes are not TLS.
var ErrNotTLS = errors.New("the peer does not speak TLS")

// An AlertError is the peer's alert.
type AlertError struct{ wire.Alert }

func (e *AlertError) Error() string { return "the peer's alert " + e.Name() }

// A Layer is the record layer and the handshake messages on top of it. The zero
// protections mean that records go in clear.
type Layer struct {
	Conn       net.Conn
	Version    uint16 // of the protocol; zero until it is agreed on
	In, Out    *wire.Protection
	Transcript []byte // every handshake message so far, in order
	pending    []byte // handshake bytes not yet taken
	started    bool
	useless    int  // records in a row that say nothing
	opened     bool // a record of TLS 1.3 was decrypted: from then on nothing comes in clear
}

// Read returns the next record's content; alerts are errors.
func (r *Layer) Read() (wire.ContentType, []byte, error) {
	header := make([]byte, 5)
	if _, err := io.ReadFull(r.Conn, header); err != nil {
		return 0, nil, err
	}
	length := int(binary.BigEndian.Uint16(header[3:]))
	if header[1] != 3 || header[0] < byte(wire.ChangeCipherSpec) || header[0] > byte(wire.ApplicationData) ||
		length > maxPlaintext+2048 {
		if !r.started {
			return 0, nil, ErrNotTLS
		}
		return 0, nil, errors.New("bytes that are not a TLS record")
	}
	r.started = true
	payload := make([]byte, length)
	if _, err := io.ReadFull(r.Conn, payload); err != nil {
		return 0, nil, err
	}
	kind := header[0]
	v13 := r.Version >= tls.VersionTLS13
	if r.In != nil && v13 && !r.clear(wire.ContentType(kind), payload) {
		return 0, nil, fmt.Errorf("a record of type %v in clear where all are to be encrypted", wire.ContentType(kind))
	}
	if r.In != nil && kind != byte(wire.ChangeCipherSpec) && (!v13 || kind == byte(wire.ApplicationData)) {
		inner, plain, err := r.In.Open(header, payload)
		if err != nil {
			return 0, nil, err
		}
		kind, payload = byte(inner), plain
		r.opened = true
	}
	if r.useless++; wire.ContentType(kind) != wire.ChangeCipherSpec && len(payload) > 0 {
		r.useless = 0
	}
	if r.useless > maxUseless {
		return 0, nil, fmt.Errorf("%d records in a row that say nothing", r.useless)
	}
	if wire.ContentType(kind) == wire.AlertRecord && len(payload) == 2 {
		alert := wire.Alert{Level: payload[0], Description: payload[1]}
		return wire.AlertRecord, payload, &AlertError{alert}
	}
	return wire.ContentType(kind), payload, nil
}

// clear reports whether a record may come as it is once there are keys of TLS 1.3:
// what is encrypted; change_cipher_spec, for show; and, before anything encrypted
// came, the alert of a peer that has no keys yet. See RFC 8446, Section 5.
func (r *Layer) clear(kind wire.ContentType, payload []byte) bool {
	switch kind {
	case wire.ApplicationData:
		return true
	case wire.ChangeCipherSpec:
		return len(payload) == 1 && payload[0] == 1
	case wire.AlertRecord:
		return !r.opened
	}
	return false
}

// Next returns the next handshake message with its header. It skips
// change_cipher_spec records, which TLS 1.3 peers send for show.
func (r *Layer) Next() ([]byte, error) {
	for {
		if message, err := r.Take(); message != nil || err != nil {
			return message, err
		}
		kind, payload, err := r.Read()
		if err != nil {
			return nil, err
		}
		switch kind {
		case wire.HandshakeRecord:
			r.Push(payload)
		case wire.ChangeCipherSpec:
		default:
			return nil, fmt.Errorf("a record of type %v in the handshake", kind)
		}
	}
}

// Push adds the content of a handshake record to what Take returns.
func (r *Layer) Push(payload []byte) { r.pending = append(r.pending, payload...) }

// Take returns the next handshake message with its header, or nil while it is
// not whole.
func (r *Layer) Take() ([]byte, error) {
	if len(r.pending) < 4 {
		return nil, nil
	}
	length := 4 + int(r.pending[1])<<16 + int(r.pending[2])<<8 + int(r.pending[3])
	if length > maxMessage {
		return nil, fmt.Errorf("a handshake message of %d bytes", length)
	}
	if len(r.pending) < length {
		return nil, nil
	}
	message := r.pending[:length:length]
	r.pending = r.pending[length:]
	return message, nil
}

// Message returns the body of the next handshake message, which must be of the
// type, and adds it to the transcript.
func (r *Layer) Message(kind wire.HandshakeType) ([]byte, error) {
	message, err := r.Next()
	if err != nil {
		return nil, err
	}
	if wire.HandshakeType(message[0]) != kind {
		return nil, fmt.Errorf("%v in place of %v", wire.HandshakeType(message[0]), kind)
	}
	r.Transcript = append(r.Transcript, message...)
	return message[4:], nil
}

// Write sends content in as many records as it takes.
func (r *Layer) Write(kind wire.ContentType, content []byte) error {
	for len(content) > 0 {
		part := content[:min(len(content), maxPlaintext)]
		content = content[len(part):]
		record := wire.MarshalRecord(kind, tls.VersionTLS12, part)
		if r.Out != nil {
			record = r.Out.Seal(kind, part)
		}
		if _, err := r.Conn.Write(record); err != nil {
			return err
		}
	}
	return nil
}

// Add makes a message of a body and adds it to the transcript.
func (r *Layer) Add(kind wire.HandshakeType, body []byte) []byte {
	message := wire.MarshalMessage(kind, body)
	r.Transcript = append(r.Transcript, message...)
	return message
}

// Alert sends a fatal alert.
func (r *Layer) Alert(description byte) {
	_ = r.Write(wire.AlertRecord, []byte{2, description})
}
