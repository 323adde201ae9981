package quic

// maxStream bounds what is kept of one stream, or of one level's handshake messages, that is not yet
// read: what this client allows its peer to send.
const maxStream = 1 << 20

// An assembly puts the pieces of a stream together.
type assembly struct {
	pieces map[uint64][]byte // by offset, those that cannot be read yet
	offset uint64            // up to which all was read
	end    uint64            // where it ends, if ended
	ended  bool
}

// add takes a piece, and returns what can be read now. It reports false where the peer sends more
// than it may.
func (a *assembly) add(offset uint64, data []byte, fin bool) ([]byte, bool) {
	end := offset + uint64(len(data))
	if end > a.offset+maxStream {
		return nil, false
	}
	if fin {
		a.ended, a.end = true, end
	}
	if end > a.offset {
		if a.pieces == nil {
			a.pieces = make(map[uint64][]byte)
		}
		if len(data) > len(a.pieces[offset]) && len(a.pieces) < maxPieces {
			a.pieces[offset] = append([]byte(nil), data...)
		}
	}
	var ready []byte
	for again := true; again; {
		again = false
		for at, piece := range a.pieces {
			last := at + uint64(len(piece))
			switch {
			case last <= a.offset:
				delete(a.pieces, at)
			case at <= a.offset:
				ready = append(ready, piece[a.offset-at:]...)
				a.offset = last
				delete(a.pieces, at)
				again = true
			}
		}
	}
	return ready, true
}

// maxPieces bounds how many pieces may wait for one before them. More are dropped, and have to be sent
// again.
const maxPieces = 256

// whole reports whether all up to the end was read.
func (a *assembly) whole() bool { return a.ended && a.offset >= a.end }
