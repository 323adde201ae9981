package reading

import (
	"slices"

	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// What the sizes of TLS 1.3's protected records tell of messages that cannot be read
// (RFC 8446): a record adds its type and a tag of 16 bytes (Section 5.2).
const (
	overhead  = 17
	alertSize = 2 // Section 6
	earlyEnd  = 4 // of EndOfEarlyData, Section 4.5
	emptySize = 8 // of a Certificate message without certificates, Section 4.4.2
	// jssePadding is what Java adds to every record: OpenJDK, OutputRecord.t13Encrypt.
	jssePadding = 16
	// leastChain is less than any Certificate message with a certificate has.
	leastChain = 200
)

// A sealed is the sizes of what both sides sent in protected records, in order.
type sealed struct {
	finished int // the size of a Finished message: Section 4.4.4
	records  []sealedRecord
	padding  map[wire.Peer]int
}

// A sealedRecord has a size without what every record adds.
type sealedRecord struct {
	from wire.Peer
	size int
}

func newSealed(tr *wire.Transcript) *sealed {
	const header, sha256 = 4, 32
	s := &sealed{finished: header + sha256, padding: make(map[wire.Peer]int)}
	if h := wire.SuiteHash(tr.CipherSuite); h != nil {
		s.finished = header + h().Size()
	}
	for n := range tr.Entries {
		if e := &tr.Entries[n]; e.Opaque {
			s.records = append(s.records, sealedRecord{e.From, e.Length - overhead})
		}
	}
	for _, from := range []wire.Peer{wire.Client, wire.Server} {
		plain, padded := sealedRecord{from, s.finished}, sealedRecord{from, s.finished + jssePadding}
		if slices.Contains(s.records, padded) && !slices.Contains(s.records, plain) {
			s.padding[from] = jssePadding
		}
	}
	for n := range s.records {
		s.records[n].size -= s.padding[s.records[n].from]
	}
	return s
}

// by returns the sizes of what a peer sent.
func (s *sealed) by(from wire.Peer) (sizes []int) {
	for _, r := range s.records {
		if r.from == from {
			sizes = append(sizes, r.size)
		}
	}
	return sizes
}

// alert reports whether a record of this length holds as much as an alert; hardly anything else
// is so small.
func (s *sealed) alert(from wire.Peer, length int) bool {
	return length == alertSize+overhead+s.padding[from]
}

// refused reports whether it looks like a refusal: one side answered the other's flight with an
// alert, or with nothing and the end.
func (s *sealed) refused(end Ending) bool {
	begun, closing := false, false // the client's flight, and its end
	for _, r := range s.records {
		alert := r.size == alertSize
		switch {
		case r.from == wire.Client && !begun:
			if alert {
				return true
			}
			begun = true
		case r.from == wire.Client:
			closing = closing || alert
		case begun:
			return alert && !closing
		}
	}
	return end.By == wire.Server && !closing
}

// answer tells an empty Certificate from a chain by the client's first records.
func (s *sealed) answer() (Answer, say.Phrase) {
	client := s.by(wire.Client)
	if len(client) == 0 || slices.Contains(client, earlyEnd) { // early data goes before a resumption's Finished
		return "", nil
	}
	first := client[0]
	bytes := say.Text("the client's first protected record has ", first+overhead+s.padding[wire.Client], " bytes: ")
	switch {
	case first == s.finished:
		return NotAsked, say.Text(bytes, "a Finished message and nothing else, so the server did not ask in the handshake")
	case first == emptySize+s.finished,
		first == emptySize && len(client) > 1 && client[1] == s.finished:
		return SentEmpty, say.Text(bytes, "an empty Certificate message has this size")
	case first == alertSize:
		return "", say.Text(bytes, "an alert, by which the client refused what the server had sent")
	case first > leastChain:
		return SentCertificate, say.Text(bytes, "as much as a certificate takes")
	}
	return "", nil
}
