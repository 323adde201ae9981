package carrier

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var secret = []byte("shared")

// flights are the server's end of a TLS connection whose flights go by turns.
type flights struct {
	net.Conn // nil: nothing but reading and writing is used
	left     []byte
	out      bytes.Buffer
	in, done chan []byte
}

func (f *flights) Read(b []byte) (int, error) {
	if len(f.left) == 0 {
		f.done <- bytes.Clone(f.out.Bytes())
		f.out.Reset()
		var ok bool
		if f.left, ok = <-f.in; !ok {
			return 0, io.EOF
		}
	}
	n := copy(b, f.left)
	f.left = f.left[n:]
	return n, nil
}

func (f *flights) Write(b []byte) (int, error)    { return f.out.Write(b) }
func (*flights) SetDeadline(time.Time) error      { return nil }
func (*flights) SetReadDeadline(time.Time) error  { return nil }
func (*flights) SetWriteDeadline(time.Time) error { return nil }
func (*flights) Close() error                     { return nil }
func (*flights) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (*flights) RemoteAddr() net.Addr             { return &net.TCPAddr{} }

// An eapServer is a RADIUS server with EAP-TLS.
type eapServer struct {
	t        *testing.T
	conn     net.PacketConn
	config   *tls.Config
	fragment int
	// meddle changes what is sent: the packets to send in place of an answer.
	meddle func(answer []byte) [][]byte
	lose   func() bool // whether a packet is lost, in either direction
	offers byte        // another method first
	// unsigned leaves the Message-Authenticator out of answers.
	unsigned bool
	// early accepts the first fragment of the client's second flight; bare accepts without EAP.
	early, bare bool
	got         []byte // attributes of the first request
	heard       int    // packets, lost ones as well
	stop        func() // what was heard can be looked at then
	session     *eapSession
}

type eapSession struct {
	tls          *flights
	finished     chan error
	result       error
	ended        bool
	toSend, came []byte
	id           byte
	answered     map[string][][]byte // by request
	started      bool
}

func serveEAP(t *testing.T, s *eapServer) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.t, s.conn = t, conn
	if s.fragment == 0 {
		s.fragment = 700
	}
	ended := make(chan struct{})
	s.stop = sync.OnceFunc(func() {
		conn.Close()
		<-ended
		if s.session != nil && !s.session.ended {
			close(s.session.tls.in)
		}
	})
	t.Cleanup(s.stop)
	go func() {
		defer close(ended)
		buffer := make([]byte, 5000)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			s.heard++
			if s.lose != nil && s.lose() {
				continue
			}
			for _, answer := range s.handle(bytes.Clone(buffer[:n])) {
				if s.lose == nil || !s.lose() {
					_, _ = conn.WriteTo(answer, from)
				}
			}
		}
	}()
	return conn.LocalAddr().String()
}

// handle answers a request, and the same request with the same answer.
func (s *eapServer) handle(request []byte) [][]byte {
	e := s.session
	if e != nil && e.answered[string(request)] != nil {
		return e.answered[string(request)]
	}
	p, signed, err := decodePacket(request)
	if err != nil {
		s.t.Error(err)
		return nil
	}
	mac := hmac.New(md5.New, secret)
	mac.Write(request[:signed])
	mac.Write(make([]byte, authenticator))
	mac.Write(request[signed+authenticator:])
	if signed != radiusHeader+2 || !hmac.Equal(mac.Sum(nil), request[signed:signed+authenticator]) {
		return nil // as servers do
	}
	eap := p.all(eapMessage)
	if e == nil {
		e = &eapSession{tls: &flights{in: make(chan []byte), done: make(chan []byte)}, finished: make(chan error, 1), id: 7,
			answered: make(map[string][][]byte)}
		s.session, s.got = e, request[radiusHeader:]
		go func() { e.finished <- tls.Server(e.tls, s.config).Handshake() }()
		<-e.tls.done // it waits for the ClientHello
	} else if string(p.all(state)) != "the state" {
		s.t.Error("the state was not sent back")
	}
	code, message := s.turn(e, eap)
	answer := s.encode(code, request, message)
	answers := [][]byte{answer}
	if s.meddle != nil {
		answers = s.meddle(answer)
	}
	e.answered[string(request)] = answers
	return answers
}

func (s *eapServer) encode(code radiusCode, request, message []byte) []byte {
	b := append([]byte{byte(code), request[1], 0, 0}, request[4:radiusHeader]...)
	if !s.unsigned {
		b = append(append(b, messageAuthenticator, 2+authenticator), make([]byte, authenticator)...)
	}
	b = append(append(b, state, 2+9), "the state"...)
	for part := range slices.Chunk(message, maxAttribute) {
		b = append(append(b, eapMessage, byte(2+len(part))), part...)
	}
	if code == accessReject {
		b = append(append(b, replyMessage, 4), "no"...)
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	if !s.unsigned {
		mac := hmac.New(md5.New, secret)
		mac.Write(b)
		copy(b[radiusHeader+2:], mac.Sum(nil))
	}
	sum := md5.Sum(append(bytes.Clone(b), secret...))
	copy(b[4:], sum[:])
	return b
}

// turn is what the server says next.
func (s *eapServer) turn(e *eapSession, eap []byte) (radiusCode, []byte) {
	request := func(typeData ...byte) (radiusCode, []byte) {
		e.id++
		return accessChallenge, append(binary.BigEndian.AppendUint16([]byte{eapRequest, e.id}, uint16(4+len(typeData))),
			typeData...)
	}
	switch {
	case eap[4] == eapIdentity && s.offers != 0:
		return request(s.offers, 0)
	case eap[4] == eapIdentity, eap[4] == eapNak && eap[5] == byte(EAPTLS):
		return request(byte(EAPTLS), flagStart)
	case eap[4] == eapNak:
		return accessReject, []byte{4, e.id, 0, 4}
	}
	if eap[1] != e.id {
		s.t.Errorf("response %d to request %d", eap[1], e.id)
	}
	flags, data := eap[5], eap[6:]
	if flags&flagLength != 0 {
		data = data[4:]
	}
	e.came = append(e.came, data...)
	switch {
	case flags&flagMore != 0 && s.early:
		return accessAccept, []byte{3, e.id, 0, 4}
	case flags&flagMore != 0:
		return request(byte(EAPTLS), 0)
	case len(e.came) > 0:
		e.tls.in <- e.came
		e.came = nil
		select {
		case e.toSend = <-e.tls.done:
		case e.result = <-e.finished:
			e.toSend, e.ended = bytes.Clone(e.tls.out.Bytes()), true
		}
		e.started = false
	}
	if len(e.toSend) > 0 {
		part := e.toSend[:min(len(e.toSend), s.fragment)]
		head := []byte{byte(EAPTLS), 0}
		if len(part) < len(e.toSend) {
			head[1] |= flagMore
		}
		if !e.started {
			head[1] |= flagLength
			head = binary.BigEndian.AppendUint32(head, uint32(len(e.toSend)))
			e.started = true
		}
		e.toSend = e.toSend[len(part):]
		return request(append(head, part...)...)
	}
	switch {
	case !e.ended:
		return request(byte(EAPTLS), 0)
	case s.bare:
		return accessAccept, nil
	case e.result != nil:
		return accessReject, []byte{4, e.id, 0, 4}
	}
	return accessAccept, []byte{3, e.id, 0, 4}
}

// everyFifth loses every fifth packet of both directions together: as many as chance would, and no
// test by chance.
func everyFifth() func() bool {
	var n atomic.Int64
	return func() bool { return n.Add(1)%5 == 0 }
}
