package quic

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"

	"mtlsprobe/probe/wire"

	"golang.org/x/crypto/chacha20"
	"golang.org/x/crypto/chacha20poly1305"
)

// initialSalt is that of version 1 (RFC 9001, Section 5.2).
var initialSalt = []byte{0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad,
	0xcc, 0xbb, 0x7f, 0x0a}

// sampleSize is how much of a packet its header's protection is made of (Section 5.4.2).
const sampleSize = 16

// A protection seals or opens the packets of one direction under one secret (RFC 9001, Section 5).
type protection struct {
	aead cipher.AEAD
	iv   []byte
	mask func(sample []byte) []byte // of the header, five bytes
}

// newProtection derives the keys from a traffic secret.
func newProtection(suite uint16, secret []byte) (*protection, error) {
	var h func() hash.Hash
	keySize := 16
	switch suite {
	case tls.TLS_AES_128_GCM_SHA256:
		h = sha256.New
	case tls.TLS_AES_256_GCM_SHA384:
		h, keySize = sha512.New384, 32
	case tls.TLS_CHACHA20_POLY1305_SHA256:
		h, keySize = sha256.New, 32
	default:
		return nil, fmt.Errorf("cipher suite %#04x", suite)
	}
	key, err1 := wire.ExpandLabel(h, secret, "quic key", nil, keySize)
	iv, err2 := wire.ExpandLabel(h, secret, "quic iv", nil, 12)
	hp, err3 := wire.ExpandLabel(h, secret, "quic hp", nil, keySize)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	p := &protection{iv: iv}
	if suite == tls.TLS_CHACHA20_POLY1305_SHA256 {
		p.mask = func(sample []byte) []byte {
			mask := make([]byte, 5)
			stream, err := chacha20.NewUnauthenticatedCipher(hp, sample[4:])
			if err == nil { // key and nonce have their size
				stream.SetCounter(binary.LittleEndian.Uint32(sample))
				stream.XORKeyStream(mask, mask)
			}
			return mask
		}
		p.aead, err1 = chacha20poly1305.New(key)
		return p, err1
	}
	header, err := aes.NewCipher(hp)
	if err != nil {
		return nil, err
	}
	p.mask = func(sample []byte) []byte {
		mask := make([]byte, aes.BlockSize)
		header.Encrypt(mask, sample)
		return mask
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	p.aead, err = cipher.NewGCM(block)
	return p, err
}

// initialKeys are those that follow from the destination connection ID of the client's first packet
// (Section 5.2).
func initialKeys(id []byte) (client, server *protection, err error) {
	initial, err := hkdf.Extract(sha256.New, id, initialSalt)
	if err != nil {
		return nil, nil, err
	}
	from := func(label string) (*protection, error) {
		secret, err := wire.ExpandLabel(sha256.New, initial, label, nil, sha256.Size)
		if err != nil {
			return nil, err
		}
		return newProtection(tls.TLS_AES_128_GCM_SHA256, secret)
	}
	client, err1 := from("client in")
	server, err2 := from("server in")
	return client, server, errors.Join(err1, err2)
}

func (p *protection) nonce(number uint64) []byte {
	nonce := append([]byte(nil), p.iv...)
	for i := range 8 {
		nonce[len(nonce)-1-i] ^= byte(number >> (8 * i))
	}
	return nonce
}

// seal protects a packet whose header ends with its number in four bytes.
func (p *protection) seal(header []byte, number uint64, payload []byte) []byte {
	const numberSize = 4
	packet := p.aead.Seal(append([]byte(nil), header...), p.nonce(number), payload, header)
	mask := p.mask(packet[len(header) : len(header)+sampleSize])
	packet[0] ^= mask[0] & firstByte(packet[0])
	for i := range numberSize {
		packet[len(header)-numberSize+i] ^= mask[1+i]
	}
	return packet
}

// firstByte are the bits of the first byte that are protected.
func firstByte(b byte) byte {
	if b&0x80 != 0 {
		return 0x0f
	}
	return 0x1f
}

var errOpen = errors.New("a packet cannot be opened")

// open takes the protection off a packet, whose number begins at an offset; largest is the greatest
// number so far, -1 for none. The packet is changed.
func (p *protection) open(packet []byte, at int, largest int64) (number uint64, payload []byte, err error) {
	if len(packet) < at+4+sampleSize {
		return 0, nil, errOpen
	}
	mask := p.mask(packet[at+4 : at+4+sampleSize])
	packet[0] ^= mask[0] & firstByte(packet[0])
	size := int(packet[0]&3) + 1
	var short uint64
	for i := range size {
		packet[at+i] ^= mask[1+i]
		short = short<<8 | uint64(packet[at+i])
	}
	number = fullNumber(short, size, largest)
	payload, err = p.aead.Open(nil, p.nonce(number), packet[at+size:], packet[:at+size])
	if err != nil {
		return 0, nil, errOpen
	}
	return number, payload, nil
}

// fullNumber completes a packet number (RFC 9000, Appendix A.3).
func fullNumber(short uint64, size int, largest int64) uint64 {
	expected := uint64(largest + 1)
	window := uint64(1) << (8 * size)
	candidate := expected&^(window-1) | short
	switch {
	case candidate+window/2 <= expected && candidate < 1<<62-window:
		return candidate + window
	case candidate > expected+window/2 && candidate >= window:
		return candidate - window
	}
	return candidate
}
