package mirror

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"mtlsprobe/probe/wire"
)

const (
	maxPlaintext = 1 << 14
	maxMessage   = 1 << 18 // a client's chain is far smaller

	handshakeClientHello = byte(wire.ClientHello)
)

var errNotTLS = errors.New("the client does not speak TLS")

// An alertError is the client's alert.
type alertError struct{ wire.Alert }

func (e *alertError) Error() string { return "the client's alert " + e.Name() }

// records is the record layer and the handshake messages on top of it.
type records struct {
	conn       net.Conn
	in, out    *protection
	pending    []byte // handshake bytes not yet taken
	transcript []byte // every handshake message so far, in order
	started    bool
}

// A protection seals or opens the records of one direction with AES-GCM.
type protection struct {
	aead cipher.AEAD
	iv   []byte
	seq  uint64
	v13  bool
}

func newProtection(key, iv []byte, v13 bool) (*protection, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return &protection{aead: aead, iv: iv, v13: v13}, err
}

// nonce is that of the record with the present sequence number: mixed with the
// IV in TLS 1.3 (RFC 8446, Section 5.3), explicit in TLS 1.2 (RFC 5288).
func (p *protection) nonce(explicit []byte) []byte {
	if !p.v13 {
		return append(p.iv[:4:4], explicit...)
	}
	nonce := append([]byte(nil), p.iv...)
	for i := range 8 {
		nonce[4+i] ^= byte(p.seq >> (56 - 8*i))
	}
	return nonce
}

func (p *protection) open(header, payload []byte) (kind byte, plain []byte, err error) {
	kind = header[0]
	explicit := 0
	if !p.v13 {
		explicit = 8
	}
	if len(payload) < explicit+p.aead.Overhead() {
		return 0, nil, errors.New("a record that is too short")
	}
	associated := header
	if !p.v13 {
		associated = p.associated(kind, len(payload)-explicit-p.aead.Overhead())
	}
	plain, err = p.aead.Open(nil, p.nonce(payload[:explicit]), payload[explicit:], associated)
	if err != nil {
		return 0, nil, errors.New("a record that cannot be decrypted")
	}
	p.seq++
	if p.v13 {
		for len(plain) > 0 && plain[len(plain)-1] == 0 {
			plain = plain[:len(plain)-1]
		}
		if len(plain) == 0 {
			return 0, nil, errors.New("a record without a type")
		}
		kind, plain = plain[len(plain)-1], plain[:len(plain)-1]
	}
	return kind, plain, nil
}

func (p *protection) seal(kind byte, plain []byte) []byte {
	if p.v13 {
		inner := append(append([]byte(nil), plain...), kind)
		header := []byte{byte(wire.ApplicationData), 3, 3, 0, 0}
		binary.BigEndian.PutUint16(header[3:], uint16(len(inner)+p.aead.Overhead()))
		sealed := p.aead.Seal(header, p.nonce(nil), inner, header)
		p.seq++
		return sealed
	}
	explicit := binary.BigEndian.AppendUint64(nil, p.seq)
	header := append([]byte{kind, 3, 3, 0, 0}, explicit...)
	binary.BigEndian.PutUint16(header[3:], uint16(8+len(plain)+p.aead.Overhead()))
	sealed := p.aead.Seal(header, p.nonce(explicit), plain, p.associated(kind, len(plain)))
	p.seq++
	return sealed
}

func (p *protection) associated(kind byte, length int) []byte {
	data := append(binary.BigEndian.AppendUint64(nil, p.seq), kind, 3, 3)
	return binary.BigEndian.AppendUint16(data, uint16(length))
}

// read returns the next record's content; alerts are errors.
func (r *records) read() (wire.ContentType, []byte, error) {
	header := make([]byte, 5)
	if _, err := io.ReadFull(r.conn, header); err != nil {
		return 0, nil, err
	}
	length := int(binary.BigEndian.Uint16(header[3:]))
	if header[1] != 3 || header[0] < byte(wire.ChangeCipherSpec) || header[0] > byte(wire.ApplicationData) || length > maxPlaintext+2048 {
		if !r.started {
			return 0, nil, errNotTLS
		}
		return 0, nil, errors.New("bytes that are no TLS record")
	}
	r.started = true
	payload := make([]byte, length)
	if _, err := io.ReadFull(r.conn, payload); err != nil {
		return 0, nil, err
	}
	kind := header[0]
	if r.in != nil && kind != byte(wire.ChangeCipherSpec) && (!r.in.v13 || kind == byte(wire.ApplicationData)) {
		var err error
		if kind, payload, err = r.in.open(header, payload); err != nil {
			return 0, nil, err
		}
	}
	if wire.ContentType(kind) == wire.AlertRecord && len(payload) == 2 {
		alert := wire.Alert{Level: payload[0], Description: payload[1]}
		return wire.AlertRecord, payload, &alertError{alert}
	}
	return wire.ContentType(kind), payload, nil
}

// next returns the next handshake message with its header. It skips
// change_cipher_spec records, which TLS 1.3 clients send for show.
func (r *records) next() ([]byte, error) {
	for {
		if len(r.pending) >= 4 {
			length := 4 + int(r.pending[1])<<16 + int(r.pending[2])<<8 + int(r.pending[3])
			if length > maxMessage {
				return nil, fmt.Errorf("a handshake message of %d bytes", length)
			}
			if len(r.pending) >= length {
				message := r.pending[:length:length]
				r.pending = r.pending[length:]
				return message, nil
			}
		}
		kind, payload, err := r.read()
		if err != nil {
			return nil, err
		}
		switch kind {
		case wire.HandshakeRecord:
			r.pending = append(r.pending, payload...)
		case wire.ChangeCipherSpec:
		default:
			return nil, fmt.Errorf("a record of type %v in the handshake", kind)
		}
	}
}

// message returns the body of the next handshake message, which must be of the
// type, and adds it to the transcript.
func (r *records) message(kind byte) ([]byte, error) {
	message, err := r.next()
	if err != nil {
		return nil, err
	}
	if message[0] != kind {
		return nil, fmt.Errorf("%v in place of %v", wire.HandshakeType(message[0]), wire.HandshakeType(kind))
	}
	r.transcript = append(r.transcript, message...)
	return message[4:], nil
}

// write sends content in as many records as it takes.
func (r *records) write(kind wire.ContentType, content []byte) error {
	for len(content) > 0 {
		part := content[:min(len(content), maxPlaintext)]
		content = content[len(part):]
		record := append([]byte{byte(kind), 3, 3, byte(len(part) >> 8), byte(len(part))}, part...)
		if r.out != nil {
			record = r.out.seal(byte(kind), part)
		}
		if _, err := r.conn.Write(record); err != nil {
			return err
		}
	}
	return nil
}

// handshake makes a message of a body and adds it to the transcript.
func (r *records) handshake(kind wire.HandshakeType, body []byte) []byte {
	message := append([]byte{byte(kind), byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}, body...)
	r.transcript = append(r.transcript, message...)
	return message
}

func (r *records) alert(description byte) {
	_ = r.write(wire.AlertRecord, []byte{2, description})
}
