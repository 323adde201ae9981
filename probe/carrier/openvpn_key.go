package carrier

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/md5"  //nolint:gosec // what the servers are set to
	"crypto/sha1" //nolint:gosec // likewise
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"
	"time"
)

// A wrapping protects packets of the control channel, of which the head of opcode and session stays
// in clear.
type wrapping interface {
	seal(head, rest []byte) []byte
	// open returns what follows the head; ok is false for a packet that was not made with the key.
	open(packet []byte) (rest []byte, ok bool)
}

// plainly protects nothing.
type plainly struct{}

func (plainly) seal(head, rest []byte) []byte     { return append(head, rest...) }
func (plainly) open(packet []byte) ([]byte, bool) { return packet[packetHead:], true }

// A Protection is how packets of the control channel are protected.
type Protection string

// The protections, by the names of OpenVPN's options.
const (
	TLSAuth    Protection = "tls-auth"
	TLSCrypt   Protection = "tls-crypt"
	TLSCryptV2 Protection = "tls-crypt-v2"
)

// A StaticKey is a key of OpenVPN that both ends have.
type StaticKey struct {
	protection Protection
	material   []byte           // two pairs of a cipher's and an HMAC's key, of 64 bytes each
	wrapped    []byte           // tls-crypt-v2: what the server gave the client with it
	send, take int              // which pair is for sending, and which for what comes
	digest     func() hash.Hash // of tls-auth
}

const (
	keyHalf  = 64
	keyBytes = 4 * keyHalf
)

// ParseStaticKey reads the file of a key. The direction is that of tls-auth: "0", "1", or empty for
// none; the digest that of the option auth, and empty for SHA1.
func ParseStaticKey(data []byte, p Protection, direction, digest string) (*StaticKey, error) {
	k := &StaticKey{protection: p, send: 1}
	var err error
	if p == TLSCryptV2 {
		k.material, err = decodeBlock(data, "OpenVPN tls-crypt-v2 client key", base64.StdEncoding.DecodeString)
	} else {
		k.material, err = decodeBlock(data, "OpenVPN Static key V1", hex.DecodeString)
	}
	switch {
	case err != nil:
		return nil, err
	case len(k.material) < keyBytes || p != TLSCryptV2 && len(k.material) > keyBytes:
		return nil, fmt.Errorf("the key has %d bytes, and should have %d", len(k.material), keyBytes)
	case p == TLSCryptV2:
		k.material, k.wrapped = k.material[:keyBytes], k.material[keyBytes:]
	}
	if p != TLSAuth {
		return k, nil
	}
	switch direction {
	case "0":
		k.send, k.take = 0, 1
	case "1":
	case "":
		k.send = 0
	default:
		return nil, fmt.Errorf("key-direction %q is neither 0 nor 1", direction)
	}
	k.digest, err = digestNamed(digest)
	return k, err
}

func digestNamed(name string) (func() hash.Hash, error) {
	switch strings.ReplaceAll(strings.ToUpper(name), "-", "") {
	case "", "SHA1":
		return sha1.New, nil
	case "MD5":
		return md5.New, nil
	case "SHA224":
		return sha256.New224, nil
	case "SHA256":
		return sha256.New, nil
	case "SHA384":
		return sha512.New384, nil
	case "SHA512":
		return sha512.New, nil
	}
	return nil, fmt.Errorf("the digest %q of the option auth is not known", name)
}

// decodeBlock finds the lines between BEGIN and END.
func decodeBlock(data []byte, label string, decode func(string) ([]byte, error)) ([]byte, error) {
	_, rest, found := bytes.Cut(data, []byte("-----BEGIN "+label+"-----"))
	body, _, ended := bytes.Cut(rest, []byte("-----END "+label+"-----"))
	if !found || !ended {
		return nil, fmt.Errorf("there is no block %q", label)
	}
	key, err := decode(string(bytes.Join(bytes.Fields(body), nil)))
	if err != nil {
		return nil, errors.New("the key cannot be decoded") // the error would quote it
	}
	return key, nil
}

// cipherKey and hmacKey are those of a pair.
func (k *StaticKey) cipherKey(pair int) []byte { return k.material[2*pair*keyHalf:][:keyHalf] }
func (k *StaticKey) hmacKey(pair int) []byte   { return k.material[(2*pair+1)*keyHalf:][:keyHalf] }

func (k *StaticKey) wrapping() wrapping {
	if k.protection == TLSAuth {
		return &authenticated{key: k}
	}
	return &encrypted{key: k}
}

// replayID numbers packets, so that nobody can send them again.
const replayID = 8

func replayNumber(n uint32) []byte {
	b := binary.BigEndian.AppendUint32(nil, n)
	return binary.BigEndian.AppendUint32(b, uint32(time.Now().Unix()))
}

// authenticated is tls-auth: an HMAC over the number, the head and the rest.
type authenticated struct {
	key  *StaticKey
	sent uint32
}

func (a *authenticated) mac(pair int, number, head, rest []byte) []byte {
	h := hmac.New(a.key.digest, a.key.hmacKey(pair)[:a.key.digest().Size()])
	h.Write(number)
	h.Write(head)
	h.Write(rest)
	return h.Sum(nil)
}

func (a *authenticated) seal(head, rest []byte) []byte {
	a.sent++
	number := replayNumber(a.sent)
	packet := append(head, a.mac(a.key.send, number, head, rest)...)
	return append(append(packet, number...), rest...)
}

func (a *authenticated) open(packet []byte) ([]byte, bool) {
	size := a.key.digest().Size()
	if len(packet) < packetHead+size+replayID {
		return nil, false
	}
	head, mac := packet[:packetHead], packet[packetHead:packetHead+size]
	number, rest := packet[packetHead+size:][:replayID], packet[packetHead+size+replayID:]
	return rest, hmac.Equal(mac, a.mac(a.key.take, number, head, rest))
}

// encrypted is tls-crypt: AES-256 in counter mode, with an HMAC of SHA-256 over what is encrypted as
// tag and counter. See doc/tls-crypt-v2.txt and src/openvpn/tls_crypt.h of OpenVPN.
type encrypted struct {
	key  *StaticKey
	sent uint32
}

func (e *encrypted) tag(pair int, head, plain []byte) []byte {
	h := hmac.New(sha256.New, e.key.hmacKey(pair)[:sha256.Size])
	h.Write(head)
	h.Write(plain)
	return h.Sum(nil)
}

func (e *encrypted) stream(pair int, tag, data []byte) []byte {
	const aes256 = 32
	block, err := aes.NewCipher(e.key.cipherKey(pair)[:aes256])
	if err != nil { // the key has the right length
		panic(err)
	}
	out := make([]byte, len(data))
	cipher.NewCTR(block, tag[:aes.BlockSize]).XORKeyStream(out, data)
	return out
}

func (e *encrypted) seal(head, rest []byte) []byte {
	e.sent++
	head = append(head, replayNumber(e.sent)...)
	tag := e.tag(e.key.send, head, rest)
	return append(append(head, tag...), e.stream(e.key.send, tag, rest)...)
}

func (e *encrypted) open(packet []byte) ([]byte, bool) {
	const head = packetHead + replayID
	if len(packet) < head+sha256.Size {
		return nil, false
	}
	tag := packet[head:][:sha256.Size]
	rest := e.stream(e.key.take, tag, packet[head+sha256.Size:])
	return rest, hmac.Equal(tag, e.tag(e.key.take, packet[:head], rest))
}
