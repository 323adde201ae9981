package quic

import (
	"bytes"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"testing"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The packets of RFC 9001, Appendix A: the client's and the server's Initial, a Retry, and one of
// ChaCha20-Poly1305.
func TestVectors(t *testing.T) {
	id := unhex(t, "8394c8f03e515708")
	client, server, err := initialKeys(id)
	if err != nil {
		t.Fatal(err)
	}
	const ivs = "fa044b2f42a3fd3b46fb255c" + "0ac1493ca1905853b0bba03e"
	if got := hex.EncodeToString(client.iv) + hex.EncodeToString(server.iv); got != ivs {
		t.Errorf("initialization vectors %s", got)
	}
	reply := unhex(t, "cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a5816b6394100f37a1c6979755478"+
		"0bb38cc5a99f5ede4cf73c3ec2493a1839b3dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19"+
		"fb84022f8ef4cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c276456cbc42158407dd074ee")
	p, rest, ok := next(reply, nil)
	if !ok || len(rest) != 0 || p.level != initial || hex.EncodeToString(p.source) != "f067a5502a4262b5" {
		t.Fatalf("%+v, %d bytes behind", p, len(rest))
	}
	number, payload, err := server.open(p.raw, p.at, -1)
	all, err2 := frames(payload)
	if err != nil || err2 != nil || number != 1 || len(all) != 2 || all[0].kind != frameAck ||
		all[1].kind != frameCrypto || len(all[1].data) != 90 {
		t.Errorf("packet %d: %+v, %v, %v", number, all, err, err2)
	}
	retry := unhex(t, "ff000000010008f067a5502a4262b5746f6b656e04a265ba2eff4d829058fb3f0f2496ba")
	p, _, ok = next(retry, nil)
	if !ok || !p.retry || string(p.token[:5]) != "token" || !retryFits(p.raw, id) || retryFits(p.raw, id[1:]) {
		t.Errorf("retry: %+v", p)
	}
	chacha, err := newProtection(tls.TLS_CHACHA20_POLY1305_SHA256,
		unhex(t, "9ac312a7f877468ebe69422748ad00a15443f18203a07d6060f688f30f21632b"))
	if err != nil {
		t.Fatal(err)
	}
	number, payload, err = chacha.open(unhex(t, "4cfe4189655e5cd55c41f69080575d7999c25a5bfb"), 1, 654_360_563)
	if err != nil || number != 654_360_564 || !bytes.Equal(payload, []byte{framePing}) {
		t.Errorf("packet %d: %x, %v", number, payload, err)
	}
}

// What is sealed can be opened, at each level, and not after a change.
func TestSeal(t *testing.T) {
	client, _, err := initialKeys([]byte("12345678"))
	if err != nil {
		t.Fatal(err)
	}
	payload := append([]byte{framePing}, make([]byte, 40)...)
	for _, header := range [][]byte{
		longHeader(initial, []byte("peer"), []byte("own"), []byte("token"), 7, len(payload)+client.aead.Overhead()),
		longHeader(handshake, []byte("peer"), []byte("own"), nil, 7, len(payload)+client.aead.Overhead()),
		shortHeader([]byte("peer"), 7),
	} {
		sealed := client.seal(header, 7, payload)
		p, rest, ok := next(bytes.Clone(sealed), []byte("peer"))
		if !ok || len(rest) > 0 {
			t.Fatalf("%x: not found", header)
		}
		if number, got, err := client.open(p.raw, p.at, 6); err != nil || number != 7 || !bytes.Equal(got, payload) {
			t.Errorf("%x: packet %d, %x, %v", header, number, got, err)
		}
		sealed[len(sealed)-1] ^= 1
		p, _, _ = next(sealed, []byte("peer"))
		if _, _, err := client.open(p.raw, p.at, 6); err == nil {
			t.Errorf("%x: a changed packet was opened", header)
		}
		if _, _, ok := next(sealed, []byte("elsewhere")); ok {
			t.Errorf("%x: a packet for somebody else was taken", header)
		}
	}
}

func TestAssembly(t *testing.T) {
	var a assembly
	var got []byte
	for _, piece := range []struct {
		at   uint64
		text string
		fin  bool
	}{{6, "wor", false}, {0, "hel", false}, {0, "hello ", false}, {3, "lo wo", false}, {9, "ld", true}, {9, "ld", true}} {
		ready, ok := a.add(piece.at, []byte(piece.text), piece.fin)
		if !ok {
			t.Fatalf("%+v refused", piece)
		}
		got = append(got, ready...)
	}
	if string(got) != "hello world" || !a.whole() {
		t.Errorf("%q, whole %t", got, a.whole())
	}
	if _, ok := a.add(maxStream+100, []byte("x"), false); ok {
		t.Error("more than is allowed was taken")
	}
}

// What was received is acknowledged, in whatever order it came.
func TestAcknowledge(t *testing.T) {
	var s space
	for _, number := range []uint64{3, 1, 0, 7, 8, 2, 3} {
		s.has(number)
	}
	b := &buffer{data: s.ack()[1:]}
	spans := b.ack()
	if len(spans) != 2 || spans[0] != (span{7, 8}) || spans[1] != (span{0, 3}) || b.bad {
		t.Errorf("%+v", spans)
	}
	for n := range uint64(6) {
		s.sent = append(s.sent, sent{number: n, frames: [][]byte{{framePing}}})
	}
	s.acked([]span{{4, 4}, {2, 2}})
	if len(s.sent) != 2 || s.sent[0].number != 3 || len(s.queue) != 2 {
		t.Errorf("kept %+v, again %d", s.sent, len(s.queue))
	}
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte{frameAck, 8, 0, 1, 1, 2, 3})
	f.Add([]byte{frameCrypto, 0, 3, 1, 2, 3, framePing, frameClose, 0x41, 0x2a, 0, 0})
	f.Add([]byte{0x0f, 0, 0, 1, 9, frameNewID, 1, 0, 1, 1})
	f.Fuzz(func(t *testing.T, payload []byte) {
		all, err := frames(payload)
		for _, f := range all {
			if err == nil && (f.kind == frameAck || f.kind == frameAckECN) && len(f.acked) == 0 {
				t.Error("an acknowledgement of nothing")
			}
			for _, s := range f.acked {
				if s.least > s.most {
					t.Errorf("%+v", s)
				}
			}
		}
	})
}

func FuzzDatagram(f *testing.F) {
	f.Add([]byte("\xc0\x00\x00\x00\x01\x04peer\x00\x00\x05hello"))
	f.Add([]byte("\x80\x00\x00\x00\x00\x04peer\x00\x00\x00\x00\x01"))
	f.Add([]byte("\x40peerxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"))
	client, _, err := initialKeys([]byte("12345678"))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, datagram []byte) {
		for data := bytes.Clone(datagram); len(data) > 0; {
			p, rest, ok := next(data, []byte("peer"))
			if !ok {
				return
			}
			if len(rest) >= len(data) {
				t.Fatal("nothing was taken")
			}
			if p.versions == nil && !p.retry {
				if _, _, err := client.open(p.raw, p.at, -1); err == nil && len(p.raw) < 30 {
					t.Error("a packet without a tag was opened")
				}
			}
			data = rest
		}
	})
}

func FuzzAssembly(f *testing.F) {
	f.Add([]byte{0, 3, 2, 2, 9, 1})
	f.Fuzz(func(t *testing.T, steps []byte) {
		var a assembly
		read := 0
		for n := 0; n+1 < len(steps); n += 2 {
			ready, ok := a.add(uint64(steps[n]), make([]byte, steps[n+1]), false)
			if read += len(ready); !ok {
				return
			}
			if uint64(read) != a.offset {
				t.Fatalf("%d bytes read, at %d", read, a.offset)
			}
		}
	})
}

// What comes in an Initial packet, whose keys anybody knows who sees the first one, ends nothing and
// answers nothing.
func TestForged(t *testing.T) {
	_, server, err := initialKeys([]byte("original"))
	if err != nil {
		t.Fatal(err)
	}
	for name, payload := range map[string][]byte{
		"an answer":           append([]byte{frameStream | 3, 0, 3, 1, 1}, 'x'),
		"a reset":             {frameResetStream, 0, 0, 0},
		"the end of all":      {frameHandshakeDone},
		"a close of HTTP's":   {frameApplicationEnds, 0, 0},
		"what is no frame":    {0x3f},
		"a close, with later": {frameClose, 0x41, 0x74, 0, 0},
	} {
		c := &Conn{ids: connectionIDs{own: []byte("own"), peer: []byte("peer")}, heard: func() {}}
		c.at[initial].open = server
		if name == "a close, with later" { // keys, which make a close in Initial one of nobody's
			c.at[handshake].open = server
		}
		payload = append(payload, make([]byte, 40)...)
		header := longHeader(initial, []byte("own"), []byte("peer"), nil, 0, len(payload)+server.aead.Overhead())
		if err := c.datagram(server.seal(header, 0, payload)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if c.progress.heard || len(c.reply.ready) > 0 || c.reply.reset != nil || c.at[handshake].space.over {
			t.Errorf("%s was believed", name)
		}
	}
	c := &Conn{ids: connectionIDs{own: []byte("own"), peer: []byte("peer")}, heard: func() {}}
	c.at[initial].open = server
	payload := append([]byte{frameClose, 0x41, 0x28, 0, 0}, make([]byte, 40)...)
	header := longHeader(initial, []byte("own"), []byte("peer"), nil, 0, len(payload)+server.aead.Overhead())
	var closed *CloseError
	if err := c.datagram(server.seal(header, 0, payload)); !errors.As(err, &closed) {
		t.Errorf("a server that refuses the hello: %v", err)
	}
}
