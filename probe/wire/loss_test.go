package wire

import (
	"crypto/tls"
	"fmt"
	"slices"
	"testing"
)

// A flight is what a server says in clear, in one record: 20 bytes of hello come first.
func lossFlight() []byte {
	message := func(kind HandshakeType, body []byte) []byte {
		return append([]byte{byte(kind), byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}, body...)
	}
	hello := append([]byte{3, 3}, make([]byte, 36)...)
	hello[35], hello[36] = 0xc0, 0x2f
	certificate := append([]byte{0, 7, 213, 0, 7, 210}, make([]byte, 2002)...)
	request := []byte{1, byte(RSASign), 0, 2, 4, 1, 0, 0}
	all := slices.Concat(message(ServerHello, hello), message(Certificate, certificate), message(CertRequest, request),
		message(ServerHelloDone, nil))
	return append([]byte{22, 3, 3, byte(len(all) >> 8), byte(len(all))}, all...)
}

// What is missing of a stream costs the messages that it was part of, and no others.
func TestSkip(t *testing.T) {
	flight, alert := lossFlight(), []byte{21, 3, 3, 0, 2, 2, 40}
	stream := slices.Concat(flight, alert)
	for _, tt := range []struct {
		name       string
		begin, end int
		want       []string
	}{
		{"nothing", 0, 0, []string{"ServerHello", "Certificate", "CertificateRequest", "ServerHelloDone", "alert 40"}},
		{"within a message", 500, 1500,
			[]string{"ServerHello", "Certificate, lost", "CertificateRequest", "ServerHelloDone", "alert 40"}},
		{"the head of a message", 47, 60, []string{"ServerHello", "handshake, lost", "alert 40"}},
		{"the end of a record", 1000, len(flight), []string{"ServerHello", "Certificate, lost", "handshake, lost", "alert 40"}},
		{"more than a record", 1000, len(flight) + 3, []string{"ServerHello", "Certificate, lost", "missing, lost"}},
		{"from its beginning", 0, len(flight), []string{"missing, lost", "alert 40"}},
		{"all of a message and no more", 47, 47 + 4 + 2008, []string{"ServerHello", "handshake, lost", "alert 40"}},
		{"part of an alert", len(flight) + 6, len(flight) + 7,
			[]string{"ServerHello", "Certificate", "CertificateRequest", "ServerHelloDone", "alert, lost"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := NewStreams(nil)
			s.Feed(Flow{Server, stream[:tt.begin]})
			if tt.end > tt.begin {
				s.Skip(Server, tt.end-tt.begin)
			}
			for _, b := range stream[tt.end:] { // byte by byte
				s.Feed(Flow{Server, []byte{b}})
			}
			tr := s.Transcript()
			if got := lossNames(tr); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q, faults %v", got, tt.want, tr.Faults)
			}
		})
	}
}

func lossNames(tr *Transcript) (names []string) {
	for _, e := range tr.Entries {
		name := e.ContentType.String()
		switch {
		case e.ContentType == HandshakeRecord && !e.Opaque:
			name = e.Handshake.String()
		case e.ContentType == AlertRecord && !e.Opaque:
			name = fmt.Sprintf("alert %d", e.Alert.Description)
		}
		if e.Lost {
			name += ", lost"
		}
		names = append(names, name)
	}
	return names
}

// A protected record of which a part is missing does not cost the ones after it.
func TestSkipProtected(t *testing.T) {
	r := record(t, tls.VersionTLS13, tls.TLS_AES_128_GCM_SHA256, false)
	whole := Decode(r.flows, r.keyLog)
	s := newStreams(&KeyLog{secrets: parseKeyLog(r.keyLog)})
	said := map[Peer][]byte{}
	for _, f := range r.flows {
		said[f.From] = append(said[f.From], f.Data...)
	}
	at, server := 0, said[Server]
	for ContentType(server[at]) != ApplicationData { // the first one is not its Finished
		at += recordHeader + int(server[at+3])<<8 + int(server[at+4])
	}
	// the hello goes first, as on a real connection
	hello := recordHeader + int(said[Client][3])<<8 + int(said[Client][4])
	s.Feed(Flow{Client, said[Client][:hello]})
	s.Feed(Flow{Server, server[:at+10]})
	s.Skip(Server, 8)
	s.Feed(Flow{Server, server[at+18:]})
	s.Feed(Flow{Client, said[Client][hello:]})
	tr := s.Transcript()
	if len(tr.Entries) != len(whole.Entries) || !tr.HandshakeDone() || !tr.Sent(Server, Certificate) {
		t.Errorf("%q\nof %q", lossNames(tr), lossNames(whole))
	}
}

func FuzzSkip(f *testing.F) {
	f.Add(lossFlight(), uint16(500), uint16(1000))
	f.Add(lossFlight(), uint16(40), uint16(4000))
	f.Fuzz(func(t *testing.T, data []byte, at, n uint16) {
		s := NewStreams(nil)
		begin := min(int(at), len(data))
		s.Feed(Flow{Server, data[:begin]})
		s.Skip(Server, int(n))
		s.Feed(Flow{Server, data[begin:]})
		s.Skip(Server, int(at))
		s.Feed(Flow{Server, data})
		total := 0
		tr := s.Transcript()
		for _, e := range tr.Entries {
			if total += len(e.Body); e.Lost && e.ContentType != ApplicationData && len(e.Body) > 0 {
				t.Errorf("what is missing has a body: %+v", e)
			}
		}
		if total > 2*len(data) || len(tr.Entries) > maxEntries+4 {
			t.Errorf("%d entries with %d bytes of %d", len(tr.Entries), total, len(data))
		}
	})
}
