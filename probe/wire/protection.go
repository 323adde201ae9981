package wire

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // the PRF of TLS 1.0 and 1.1
	"crypto/sha1"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"hash"

	"golang.org/x/crypto/cryptobyte"
)

// A Protection opens and seals the records of one direction under one set of keys.
// It is stateful: records must be given in order. A nil Protection stands for keys
// that are not known: it opens nothing.
type Protection struct {
	version uint16
	suite   suite
	aead    cipher.AEAD
	nonce   []byte // TLS 1.2: the implicit part; TLS 1.3: the whole IV
	block   cipher.Block
	iv      []byte // TLS 1.0: the last block of the record before
	stream  cipher.Stream
	macKey  []byte
	seq     uint64
	// encryptThenMAC says that the MAC is that of what was encrypted.
	encryptThenMAC bool
}

// errNotOpened says that a record could not be decrypted.
var errNotOpened = errors.New("record could not be decrypted")

// NewProtection13 derives the record keys of TLS 1.3 from a traffic secret
// (RFC 8446, Section 7.3). It returns nil for a suite that this package does not
// know, or without a secret.
func NewProtection13(suite uint16, secret []byte) *Protection {
	s, ok := suiteByID(suite)
	if !ok {
		return nil
	}
	return newProtection13(s, secret)
}

// NewProtection12 derives one peer's record keys up to TLS 1.2 from a master secret
// (RFC 5246, Section 6.3). It returns nil for a suite that this package does not
// know, without a secret, and for SSL 3.0.
func NewProtection12(version, suite uint16, from Peer, master, clientRandom, serverRandom []byte) *Protection {
	s, ok := suiteByID(suite)
	if !ok {
		return nil
	}
	return newProtection12(version, s, from, master, clientRandom, serverRandom)
}

// PRF12 is the pseudorandom function of TLS 1.2 with the suite's hash (RFC 5246,
// Section 5), and SuiteHash that hash; nil for a suite that this package does not
// know.
func PRF12(suite uint16, secret []byte, label string, seed []byte, length int) []byte {
	s, ok := suiteByID(suite)
	if !ok {
		return nil
	}
	return pHash(s.prf, secret, append([]byte(label), seed...), length)
}

// SuiteHash returns the hash of a suite's PRF or key schedule, or nil; see [PRF12].
func SuiteHash(suite uint16) func() hash.Hash {
	s, ok := suiteByID(suite)
	if !ok {
		return nil
	}
	return s.prf
}

// Open returns the content type and content of a record with the given header.
func (p *Protection) Open(header, payload []byte) (ContentType, []byte, error) {
	if p != nil && p.version >= tls.VersionTLS13 {
		return p.open13(header, payload)
	}
	content, err := p.open12(header, payload)
	return ContentType(header[0]), content, err
}

// Seal returns the record that protects the content. It is for AEAD suites alone.
func (p *Protection) Seal(kind ContentType, content []byte) []byte {
	var explicit, inner []byte
	if p.version >= tls.VersionTLS13 {
		inner = append(append(inner, content...), byte(kind)) // RFC 8446, Section 5.2
		kind = ApplicationData
	} else {
		inner = content
		if p.suite.explicitNonce > 0 {
			explicit = binary.BigEndian.AppendUint64(nil, p.seq)
		}
	}
	header := []byte{byte(kind), 3, 3, 0, 0}
	binary.BigEndian.PutUint16(header[3:], uint16(len(explicit)+len(inner)+p.aead.Overhead()))
	associated := header
	if p.version < tls.VersionTLS13 {
		associated = p.associated(header, len(inner))
	}
	nonce := append(append([]byte(nil), p.nonce...), explicit...)
	if explicit == nil {
		xorSequence(nonce, p.seq)
	}
	p.seq++
	return p.aead.Seal(append(header, explicit...), nonce, inner, associated)
}

// open13 returns the inner content type and content of a record.
// See RFC 8446, Section 5.2.
func (p *Protection) open13(header, payload []byte) (ContentType, []byte, error) {
	if p == nil {
		return 0, nil, errNotOpened
	}
	nonce := append([]byte(nil), p.nonce...)
	xorSequence(nonce, p.seq)
	plain, err := p.aead.Open(nil, nonce, payload, header)
	if err != nil {
		return 0, nil, errNotOpened
	}
	p.seq++
	for len(plain) > 0 && plain[len(plain)-1] == 0 {
		plain = plain[:len(plain)-1]
	}
	if len(plain) == 0 {
		return 0, nil, errNotOpened
	}
	return ContentType(plain[len(plain)-1]), plain[:len(plain)-1], nil
}

// open12 returns the content of a record up to TLS 1.2.
// See RFC 5246, Section 6.2.3.
func (p *Protection) open12(header, payload []byte) ([]byte, error) {
	if p == nil {
		return nil, errNotOpened
	}
	var plain []byte
	var err error
	switch {
	case p.encryptThenMAC:
		if plain, err = p.checkMAC(header, payload); err == nil {
			plain, err = p.openCBC(plain)
		}
	case p.aead != nil:
		plain, err = p.openAEAD(header, payload)
	case p.block != nil:
		plain, err = p.openCBC(payload)
	default:
		plain = make([]byte, len(payload))
		p.stream.XORKeyStream(plain, payload)
	}
	if err == nil && p.aead == nil && !p.encryptThenMAC {
		plain, err = p.checkMAC(header, plain)
	}
	p.seq++
	return plain, err
}

func (p *Protection) openAEAD(header, payload []byte) ([]byte, error) {
	explicit := p.suite.explicitNonce
	if len(payload) < explicit+p.aead.Overhead() {
		return nil, errNotOpened
	}
	nonce := append([]byte(nil), p.nonce...)
	if explicit > 0 {
		nonce = append(nonce, payload[:explicit]...)
	} else {
		xorSequence(nonce, p.seq) // RFC 7905, Section 2
	}
	payload = payload[explicit:]
	plain, err := p.aead.Open(nil, nonce, payload, p.associated(header, len(payload)-p.aead.Overhead()))
	if err != nil {
		return nil, errNotOpened
	}
	return plain, nil
}

func (p *Protection) openCBC(payload []byte) ([]byte, error) {
	size := p.block.BlockSize()
	iv := p.iv
	if p.version >= tls.VersionTLS11 {
		if len(payload) < size {
			return nil, errNotOpened
		}
		iv, payload = payload[:size], payload[size:]
	}
	if len(payload) == 0 || len(payload)%size != 0 {
		return nil, errNotOpened
	}
	plain := make([]byte, len(payload))
	cipher.NewCBCDecrypter(p.block, iv).CryptBlocks(plain, payload)
	p.iv = append(p.iv[:0:0], payload[len(payload)-size:]...)
	padding := int(plain[len(plain)-1]) + 1
	if padding > len(plain) {
		return nil, errNotOpened
	}
	return plain[:len(plain)-padding], nil
}

func (p *Protection) checkMAC(header, plain []byte) ([]byte, error) {
	n := len(plain) - p.suite.macLen
	if n < 0 {
		return nil, errNotOpened
	}
	mac := hmac.New(p.suite.mac, p.macKey)
	mac.Write(p.associated(header, n))
	mac.Write(plain[:n])
	if !hmac.Equal(mac.Sum(nil), plain[n:]) {
		return nil, errNotOpened
	}
	return plain[:n], nil
}

// associated is the data that the MAC or AEAD of TLS ≤ 1.2 covers beside the content.
func (p *Protection) associated(header []byte, length int) []byte {
	data := binary.BigEndian.AppendUint64(nil, p.seq)
	data = append(data, header[:3]...)
	return binary.BigEndian.AppendUint16(data, uint16(length))
}

func xorSequence(nonce []byte, seq uint64) {
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], seq)
	tail := nonce[len(nonce)-len(counter):]
	for i := range counter {
		tail[i] ^= counter[i]
	}
}

// newProtection13 derives record keys from a traffic secret.
// See RFC 8446, Section 7.3. It returns nil without a secret.
func newProtection13(s suite, secret []byte) *Protection {
	if len(secret) == 0 || s.aead == nil {
		return nil
	}
	key, err := ExpandLabel(s.prf, secret, "key", nil, s.keyLen)
	if err != nil {
		return nil
	}
	iv, err := ExpandLabel(s.prf, secret, "iv", nil, 12)
	if err != nil {
		return nil
	}
	aead, err := s.aead(key)
	if err != nil {
		return nil
	}
	return &Protection{version: tls.VersionTLS13, suite: s, aead: aead, nonce: iv}
}

// ExpandLabel is HKDF-Expand-Label of RFC 8446, Section 7.1.
func ExpandLabel(h func() hash.Hash, secret []byte, label string, context []byte, length int) ([]byte, error) {
	var b cryptobyte.Builder
	b.AddUint16(uint16(length))
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte("tls13 " + label)) })
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(context) })
	info, err := b.Bytes()
	if err != nil {
		return nil, err
	}
	return hkdf.Expand(h, secret, string(info), length)
}

// newProtection12 derives one peer's record keys from a master secret.
// See RFC 5246, Section 6.3. It returns nil without a secret and for SSL 3.0.
func newProtection12(version uint16, s suite, from Peer, master, clientRandom, serverRandom []byte) *Protection {
	if len(master) == 0 || version < tls.VersionTLS10 || version > tls.VersionTLS12 {
		return nil
	}
	ivLen := s.fixedIV
	if s.block != nil {
		ivLen = cbcIVLen(s)
	}
	seed := append(append([]byte("key expansion"), serverRandom...), clientRandom...)
	keys := prf(version, s, master, seed, 2*(s.macLen+s.keyLen+ivLen))
	take := func(n int) []byte {
		mine := keys[:n]
		if from == Server {
			mine = keys[n : 2*n]
		}
		keys = keys[2*n:]
		return mine
	}
	p := &Protection{version: version, suite: s, macKey: take(s.macLen)}
	key, iv := take(s.keyLen), take(ivLen)
	var err error
	switch {
	case s.aead != nil:
		p.nonce = iv
		p.aead, err = s.aead(key)
	case s.block != nil:
		p.iv = iv
		p.block, err = s.block(key)
	default:
		p.stream, err = s.stream(key)
	}
	if err != nil {
		return nil
	}
	return p
}

func cbcIVLen(s suite) int {
	if s.keyLen == 24 {
		return 8 // 3DES
	}
	return 16
}

// prf is the pseudorandom function of RFC 5246, Section 5, and before TLS 1.2
// of RFC 2246, Section 5.
func prf(version uint16, s suite, secret, seed []byte, length int) []byte {
	if version >= tls.VersionTLS12 {
		return pHash(s.prf, secret, seed, length)
	}
	half := (len(secret) + 1) / 2
	out := pHash(md5.New, secret[:half], seed, length)
	for i, b := range pHash(sha1.New, secret[len(secret)-half:], seed, length) {
		out[i] ^= b
	}
	return out
}

func pHash(h func() hash.Hash, secret, seed []byte, length int) []byte {
	mac := func(data ...[]byte) []byte {
		m := hmac.New(h, secret)
		for _, d := range data {
			m.Write(d)
		}
		return m.Sum(nil)
	}
	var out []byte
	for a := mac(seed); len(out) < length; a = mac(a) {
		out = append(out, mac(a, seed)...)
	}
	return out[:length]
}
