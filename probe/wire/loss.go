package wire

import "crypto/tls"

// A span is a run of bytes, from begin up to but not including end.
type span struct{ begin, end int }

// within returns the part of the spans that lies in a run of n bytes, and what lies behind it,
// counted from there.
func within(spans []span, n int) (inside, behind []span) {
	for _, s := range spans {
		if s.begin < n {
			inside = append(inside, span{s.begin, min(s.end, n)})
		}
		if s.end > n {
			behind = append(behind, span{max(s.begin-n, 0), s.end - n})
		}
	}
	return inside, behind
}

// moved are the spans counted from elsewhere; what lies before that is dropped.
func moved(spans []span, by int) (out []span) {
	for _, s := range spans {
		if s.end+by > 0 {
			out = append(out, span{max(s.begin+by, 0), s.end + by})
		}
	}
	return out
}

// Skip says that the next n bytes that a peer sent are not known, or, where n is 0, some bytes. A
// record of which the header is known is still a record, of which the rest is missing; where more
// is missing, reading goes on at the next record that can be found.
func (d *Streams) Skip(from Peer, n int) {
	h := d.c.half(from)
	if h == nil || h.broken || h.beyond {
		return
	}
	if have := len(h.pending); !h.astray && have >= recordHeader && n > 0 {
		if rest := recordHeader + int(h.pending[3])<<8 + int(h.pending[4]) - have; n <= rest {
			h.missing = append(h.missing, span{have, have + n})
			d.Feed(Flow{From: from, Data: make([]byte, n)})
			return
		}
	}
	d.c.lose(h, n)
}

// lose drops what was begun, less the messages of it that are whole: more than the rest of a
// record is missing.
func (c *connection) lose(h *half, n int) {
	if len(h.pending) > recordHeader && ContentType(h.pending[0]) == HandshakeRecord && !h.encrypted && !h.unsure {
		h.gaps = append(h.gaps, moved(h.missing, len(h.handshake)-recordHeader)...)
		h.handshake = append(h.handshake, h.pending[recordHeader:]...)
		c.messages(h, false)
	}
	c.loseMessage(h)
	c.add(Entry{From: h.from, ContentType: Missing, Lost: true, Opaque: true, Length: n})
	h.consumed += len(h.pending) + n
	h.pending, h.missing, h.astray = nil, nil, true
}

// loseMessage drops the handshake message that was begun, and no more is known of where messages
// begin.
func (c *connection) loseMessage(h *half) {
	if len(h.handshake) > 0 {
		e := Entry{From: h.from, ContentType: HandshakeRecord, Lost: true, Length: len(h.handshake)}
		if lost, _ := within(h.gaps, messageHeader); len(lost) > 0 || len(h.handshake) < messageHeader {
			e.Opaque = true
		} else {
			e.Handshake, e.Length = messageHead(h.handshake)
		}
		c.add(e)
	}
	h.handshake, h.gaps, h.unsure = nil, nil, true
}

// find looks for the next record of a half of which something is missing.
func (h *half) find() bool {
	const header, chain = recordHeader, 3
	isRecord := func(b []byte) bool {
		for range chain {
			if b[0] < byte(ChangeCipherSpec) || b[0] > byte(ApplicationData) || b[1] != 3 || b[2] > 4 {
				return false
			}
			length := int(b[3])<<8 | int(b[4])
			if length > maxRecordBody || length == 0 {
				return false
			}
			if len(b) < 2*header+length {
				return true
			}
			b = b[header+length:]
		}
		return true
	}
	for at := 0; at+header <= len(h.pending); at++ {
		if isRecord(h.pending[at:]) {
			h.consumed += at
			h.pending, h.astray = h.pending[at:], false
			return true
		}
	}
	kept := min(len(h.pending), header-1)
	h.consumed += len(h.pending) - kept
	h.pending = h.pending[len(h.pending)-kept:]
	return false
}

// damaged handles a record of which parts are missing.
func (c *connection) damaged(h *half, contentType ContentType, payload []byte, lost []span) {
	protected := h.encrypted && (c.transcript.Version < tls.VersionTLS13 || contentType == ApplicationData)
	if protected && h.keys != nil {
		h.keys.seq++
	}
	if protected || contentType != HandshakeRecord {
		c.add(Entry{From: h.from, ContentType: contentType, Protected: protected, Opaque: true, Lost: true,
			Length: len(payload)})
		return
	}
	if h.unsure {
		h.handshake = nil // where messages begin is not known
		c.add(Entry{From: h.from, ContentType: contentType, Opaque: true, Lost: true, Length: len(payload)})
		return
	}
	h.gaps = append(h.gaps, moved(lost, len(h.handshake))...)
	h.handshake = append(h.handshake, payload...)
	c.messages(h, false)
}

// resumes reports whether a record begins with a message, where it is not known that it does.
func resumes(content []byte) bool {
	for len(content) >= messageHeader {
		kind, length := messageHead(content)
		if !kind.known() || length > maxResumed {
			return false
		}
		if len(content) < messageHeader+length {
			return true
		}
		content = content[messageHeader+length:]
	}
	return len(content) == 0
}

// maxResumed is above any message that follows a loss, in bytes.
const maxResumed = 1 << 17
