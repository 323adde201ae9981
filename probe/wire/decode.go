package wire

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
)

// Bounds of what a transcript keeps.
const (
	recordHeader  = 5
	messageHeader = 4
	maxRecordBody = 1<<14 + 2048 // RFC 5246, Section 6.2.3
	maxShown      = 4096         // bytes of application data or non-TLS kept per entry
	maxEntries    = 4096         // a flood of tiny records ends the transcript
)

// Decode reads both streams of a connection. The key log, in the SSLKEYLOGFILE
// format, may be nil or incomplete: what it does not open stays Opaque.
//
// What cannot be decoded is noted in the transcript's Faults, and the rest is
// read as far as it goes. The transcript refers to no memory of flows.
func Decode(flows []Flow, keyLog []byte) *Transcript {
	d := newStreams(&KeyLog{secrets: parseKeyLog(keyLog)})
	for _, f := range flows {
		d.Feed(f)
	}
	return d.Transcript()
}

// Streams reads the streams of one connection as they come. It keeps no more of them than an
// incomplete record or message, and the transcript.
type Streams struct{ c *connection }

func newStreams(keys *KeyLog) *Streams {
	c := &connection{keys: keys, transcript: &Transcript{}}
	c.client.from, c.server.from = Client, Server
	return &Streams{c}
}

// NewStreams returns streams with secrets that may still grow; nil for none. Application data
// that a peer sends without interruption is one entry, however many records it takes.
func NewStreams(keys *KeyLog) *Streams {
	if keys == nil {
		keys = &KeyLog{}
	}
	d := newStreams(keys)
	d.c.joins = true
	return d
}

// Feed reads what one peer sent next. The data is neither kept nor changed.
func (d *Streams) Feed(f Flow) {
	h := d.c.half(f.From)
	switch {
	case h == nil:
	case len(h.pending) > 0:
		h.pending = append(h.pending, f.Data...)
		d.c.records(h)
	default: // what is whole is read where it lies
		h.pending = f.Data
		d.c.records(h)
		h.pending = bytes.Clone(h.pending)
	}
}

// Seen is the transcript as far as it goes: to look at, not to keep.
func (d *Streams) Seen() *Transcript { return d.c.transcript }

// Transcript ends the streams, which are not to be used afterwards.
func (d *Streams) Transcript() *Transcript {
	d.c.finish(&d.c.client)
	d.c.finish(&d.c.server)
	t := d.c.transcript
	t.requests = t.Requests()
	t.whole = true
	return t
}

// A connection is the state of decoding: both directions, and what the hellos
// agreed on.
type connection struct {
	keys           *KeyLog
	joins          bool // application data is joined
	transcript     *Transcript
	client, server half

	clientRandom, serverRandom []byte
	extended                   bool   // the master secret is that of RFC 7627
	master                     []byte // as far as it was derived; nil for most
	suite                      suite
	known                      bool // the suite is one that can be opened
	encryptThenMAC             bool // RFC 7366
}

// A half is one direction.
type half struct {
	from      Peer
	pending   []byte // bytes that are no whole record yet
	consumed  int    // bytes of the stream before pending
	missing   []span // of pending: what is not known
	astray    bool   // where the next record begins is not known
	handshake []byte // bytes that are no whole handshake message yet
	gaps      []span // of handshake: what is not known
	unsure    bool   // where the next message begins is not known
	encrypted bool
	keys      *Protection
	secret    []byte // TLS 1.3: the application traffic secret in use
	opened    bool   // a record of TLS 1.3 was decrypted
	broken    bool   // what follows is no TLS
	beyond    bool   // what follows lies beyond the bounds, and is not read
}

func (c *connection) half(from Peer) *half {
	switch from {
	case Client:
		return &c.client
	case Server:
		return &c.server
	}
	return nil
}

// records takes every whole record from the half's pending bytes.
func (c *connection) records(h *half) {
	if h.beyond {
		h.pending = nil
		return
	}
	for !h.broken && len(h.pending) >= recordHeader {
		if h.astray && !h.find() {
			return
		}
		header := h.pending[:recordHeader]
		length := int(header[3])<<8 | int(header[4])
		contentType := ContentType(header[0])
		if contentType < ChangeCipherSpec || contentType > ApplicationData || header[1] != 3 {
			c.fault(h, errors.New("not a TLS record"))
			break
		}
		if length > maxRecordBody {
			c.fault(h, fmt.Errorf("record claims %d bytes, more than TLS allows", length))
			break
		}
		if len(c.transcript.Entries) >= maxEntries {
			c.bound(h)
			return
		}
		if len(h.pending) < recordHeader+length {
			return
		}
		lost, behind := within(h.missing, recordHeader+length)
		h.missing = behind
		if payload := h.pending[recordHeader : recordHeader+length]; len(lost) > 0 {
			c.damaged(h, contentType, payload, moved(lost, -recordHeader))
		} else {
			c.record(h, contentType, header, payload)
		}
		if h.beyond {
			return
		}
		h.pending = h.pending[recordHeader+length:]
		h.consumed += recordHeader + length
	}
	if h.broken && len(h.pending) > 0 {
		c.foreign(h)
	}
}

func (c *connection) fault(h *half, err error) {
	c.transcript.Faults = append(c.transcript.Faults, Fault{From: h.from, Offset: h.consumed, Err: err})
	h.broken = true
}

// bound ends the transcript where this program stops reading.
func (c *connection) bound(h *half) {
	c.transcript.Cut, h.beyond = true, true
	c.fault(h, fmt.Errorf("more than %d messages, the rest was not read", maxEntries))
	h.pending = nil
}

// foreign keeps the start of what is no TLS, in one entry per direction.
func (c *connection) foreign(h *half) {
	entries := c.transcript.Entries
	i := len(entries) - 1
	for i >= 0 && (entries[i].ContentType != NotTLS || entries[i].From != h.from) {
		i--
	}
	if i < 0 {
		c.add(Entry{From: h.from, ContentType: NotTLS})
		i = len(c.transcript.Entries) - 1
	}
	e := &c.transcript.Entries[i]
	e.Length += len(h.pending)
	e.Body = append(e.Body, h.pending[:min(len(h.pending), maxShown-len(e.Body))]...)
	h.consumed += len(h.pending)
	h.pending = nil
}

func (c *connection) add(e Entry) {
	if n := len(c.transcript.Entries); c.joins && n > 0 && (e.ContentType == ApplicationData || e.ContentType == Missing) {
		last := &c.transcript.Entries[n-1]
		if e.ContentType == Missing && last.From == e.From && last.ContentType == ApplicationData {
			last.Lost = true
			return
		}
		if last.From == e.From && last.ContentType == ApplicationData && last.Opaque == e.Opaque &&
			(!e.Opaque || c.transcript.Version < tls.VersionTLS13) {
			last.Length, last.Lost = last.Length+e.Length, last.Lost || e.Lost
			last.Body = append(last.Body, e.Body[:min(len(e.Body), maxShown-min(len(last.Body), maxShown))]...)
			return
		}
	}
	c.transcript.Entries = append(c.transcript.Entries, e)
}

// record handles one record: opens it, and hands its content on.
func (c *connection) record(h *half, contentType ContentType, header, payload []byte) {
	content, protected := payload, h.encrypted
	injected := false
	if h.encrypted {
		var err error
		if c.transcript.Version < tls.VersionTLS13 {
			content, err = h.keys.open12(header, payload)
		} else if protected = contentType == ApplicationData; protected {
			// In TLS 1.3 only application_data is encrypted: an alert may still
			// come in clear, and change_cipher_spec is there for middleboxes.
			var inner ContentType
			if inner, content, err = h.keys.open13(header, payload); err == nil {
				contentType = inner
				h.opened = true
			}
		} else {
			// A client that has not derived keys complains in clear; a server has them
			// as soon as it has sent its hello.
			injected = contentType != ChangeCipherSpec && (h.from == Server || h.opened)
		}
		if err != nil {
			c.add(Entry{From: h.from, ContentType: contentType, Protected: true, Opaque: true, Length: len(payload)})
			return
		}
	}
	if injected {
		c.add(Entry{From: h.from, ContentType: contentType, Injected: true, Alert: alertOf(contentType, content),
			Length: len(content)})
		return
	}
	c.content(h, contentType, protected, content)
}

// alertOf is the alert of a record; zero for any other record.
func alertOf(contentType ContentType, content []byte) Alert {
	if contentType != AlertRecord || len(content) != 2 {
		return Alert{}
	}
	return Alert{Level: content[0], Description: content[1]}
}

func (c *connection) content(h *half, contentType ContentType, protected bool, content []byte) {
	e := Entry{From: h.from, ContentType: contentType, Protected: protected, Length: len(content)}
	switch contentType {
	case HandshakeRecord:
		if h.unsure && !resumes(content) {
			e.Opaque, e.Lost = true, true
			break
		}
		h.unsure = false
		h.handshake = append(h.handshake, content...)
		c.messages(h, protected)
		return
	case AlertRecord:
		if len(content) != 2 {
			c.fault(h, fmt.Errorf("alert of %d bytes", len(content)))
			return
		}
		e.Alert = Alert{Level: content[0], Description: content[1]}
	case ChangeCipherSpec:
		if c.transcript.Version < tls.VersionTLS13 {
			c.changeCipherSpec(h)
		}
	case ApplicationData:
		e.Body = append([]byte(nil), content[:min(len(content), maxShown)]...)
	}
	c.add(e)
}

// changeCipherSpec switches the direction to the keys of the last hellos.
func (c *connection) changeCipherSpec(h *half) {
	h.encrypted, h.keys = true, nil
	if c.known {
		master := c.keys.secrets.secret("CLIENT_RANDOM", c.clientRandom)
		if master == nil {
			master = c.master
		}
		h.keys = newProtection12(c.transcript.Version, c.suite, h.from, master, c.clientRandom, c.serverRandom)
		if h.keys != nil {
			h.keys.encryptThenMAC = c.encryptThenMAC && c.suite.block != nil
		}
	}
}

// messages takes every whole handshake message from the half's handshake bytes.
func (c *connection) messages(h *half, protected bool) {
	for len(h.handshake) >= messageHeader && !h.broken {
		if lost, _ := within(h.gaps, messageHeader); len(lost) > 0 {
			c.loseMessage(h)
			return
		}
		kind, length := messageHead(h.handshake)
		whole := messageHeader + length
		if len(h.handshake) < whole {
			return
		}
		if len(c.transcript.Entries) >= maxEntries {
			c.bound(h)
			return
		}
		e := Entry{From: h.from, ContentType: HandshakeRecord, Protected: protected, Length: length, Handshake: kind}
		var lost []span
		if lost, h.gaps = within(h.gaps, whole); len(lost) > 0 {
			e.Lost = true
		} else {
			e.Body = append([]byte(nil), h.handshake[messageHeader:whole]...)
		}
		h.handshake = h.handshake[whole:]
		c.add(e)
		if e.Lost {
			continue
		}
		if err := c.follow(h, &e); err != nil {
			c.transcript.Faults = append(c.transcript.Faults, Fault{From: h.from, Offset: h.consumed, Err: err})
		}
	}
}

// messageHead is what the header of a handshake message says.
func messageHead(b []byte) (kind HandshakeType, length int) {
	return HandshakeType(b[0]), int(b[1])<<16 | int(b[2])<<8 | int(b[3])
}

// follow keeps track of what the message means for the records after it.
func (c *connection) follow(h *half, e *Entry) error {
	switch {
	case e.Handshake == ClientHello && h.from == Client:
		random, err := parseClientRandom(e.Body)
		if err != nil {
			return err
		}
		c.clientRandom = random
	case e.Handshake == ServerHello && h.from == Server:
		return c.serverHello(e)
	case e.Handshake == ClientKeyExchange && h.from == Client:
		c.exchange(e)
	// not that of post-handshake authentication
	case e.Handshake == Finished && c.transcript.Version >= tls.VersionTLS13 && h.secret == nil:
		label := "CLIENT_TRAFFIC_SECRET_0"
		if h.from == Server {
			label = "SERVER_TRAFFIC_SECRET_0"
		}
		h.secret = c.keys.secrets.secret(label, c.clientRandom)
		h.keys = newProtection13(c.suite, h.secret)
	case e.Handshake == KeyUpdate && len(h.secret) > 0:
		next, err := ExpandLabel(c.suite.prf, h.secret, "traffic upd", nil, len(h.secret))
		if err != nil {
			return err
		}
		h.secret, h.keys = next, newProtection13(c.suite, next)
	}
	return nil
}

func (c *connection) serverHello(e *Entry) error {
	hello, err := ParseServerHello(e.Body)
	if err != nil {
		return err
	}
	c.transcript.Version, c.transcript.CipherSuite = hello.Version, hello.CipherSuite
	c.serverRandom = hello.Random
	c.suite, c.known = suiteByID(hello.CipherSuite)
	c.encryptThenMAC, c.extended = hello.EncryptThenMAC, hello.ExtendedMaster
	if hello.Version < tls.VersionTLS13 || hello.Retry {
		return nil
	}
	for _, h := range []*half{&c.client, &c.server} {
		label := "CLIENT_HANDSHAKE_TRAFFIC_SECRET"
		if h.from == Server {
			label = "SERVER_HANDSHAKE_TRAFFIC_SECRET"
		}
		h.encrypted, h.keys = true, nil
		if c.known {
			h.keys = newProtection13(c.suite, c.keys.secrets.secret(label, c.clientRandom))
		}
	}
	return nil
}

// finish notes what was begun and never completed.
func (c *connection) finish(h *half) {
	if h.broken {
		return
	}
	if len(h.gaps) > 0 {
		c.loseMessage(h)
	}
	if len(h.handshake) >= messageHeader {
		kind, length := messageHead(h.handshake)
		c.incomplete(h, fmt.Errorf("%v message claims %d bytes, %d came", kind, length, len(h.handshake)-messageHeader))
		return
	}
	if len(h.pending) == 0 || h.astray || len(h.missing) > 0 {
		return
	}
	if len(h.pending) < recordHeader && (h.pending[0] < 20 || h.pending[0] > 23) {
		c.fault(h, errors.New("not a TLS record"))
		c.foreign(h)
		return
	}
	c.incomplete(h, fmt.Errorf("record is incomplete: %d bytes came", len(h.pending)))
}

func (c *connection) incomplete(h *half, err error) {
	c.fault(h, err)
	c.transcript.Faults[len(c.transcript.Faults)-1].Incomplete = true
}

// CutRecord cuts the first record off a stream; record is nil while it is not whole. Bytes that
// are no record are returned as one.
func CutRecord(stream []byte) (record, rest []byte) {
	if len(stream) < recordHeader {
		return nil, stream
	}
	length := recordHeader + int(stream[3])<<8 + int(stream[4])
	switch {
	case ContentType(stream[0]) < ChangeCipherSpec || ContentType(stream[0]) > ApplicationData || stream[1] != 3:
		return stream, nil
	case len(stream) < length:
		return nil, stream
	}
	return stream[:length], stream[length:]
}
