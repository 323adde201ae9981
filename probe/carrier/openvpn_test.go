package carrier

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// keyFile is a static key as OpenVPN writes it.
const keyFile = "#\n-----BEGIN OpenVPN Static key V1-----\n%s-----END OpenVPN Static key V1-----\n"

func staticKey() []byte {
	var b strings.Builder
	for n := range 16 {
		b.WriteString(strings.Repeat(string("0123456789abcdef"[n]), 32) + "\n")
	}
	return []byte(strings.Replace(keyFile, "%s", b.String(), 1))
}

// otherEnd is the key as the server uses it.
func (k *StaticKey) otherEnd() wrapping {
	if k == nil {
		return plainly{}
	}
	swapped := *k
	swapped.send, swapped.take = k.take, k.send
	return swapped.wrapping()
}

// A vpnServer is one session of a server; it sends again what was not acknowledged whenever it hears
// anything, or nothing for a while.
type vpnServer struct {
	wrap     wrapping
	config   *tls.Config
	lose     func() bool
	tls      *flights
	result   chan error
	ended    bool
	client   []byte
	expected uint32
	next     uint32
	waiting  map[uint32][]byte // what was sent, from the identifier on
	ahead    map[uint32][]byte
	drops    bool // TLS has failed
	packets  int
}

var vpnSession = []byte("session2")

// hear takes a packet in, and returns what to send.
func (s *vpnServer) hear(packet []byte) (out [][]byte) {
	s.packets++
	op := opcode(packet[0] >> 3)
	rest, ok := s.wrap.open(packet)
	if !ok || s.drops {
		return nil
	}
	acks := int(rest[0])
	for n := range acks {
		delete(s.waiting, binary.BigEndian.Uint32(rest[1+4*n:]))
	}
	if rest = rest[1+4*acks:]; acks > 0 {
		rest = rest[sessionID:]
	}
	if op != ackV1 {
		id := binary.BigEndian.Uint32(rest)
		if op == resetClientV2 && s.client == nil {
			s.client = bytes.Clone(packet[1:packetHead])
			s.queue()
		}
		s.ahead[id] = bytes.Clone(rest[4:])
		var came []byte
		for ; s.ahead[s.expected] != nil; s.expected++ {
			came = append(came, s.ahead[s.expected]...)
		}
		if len(came) > 0 && !s.ended {
			s.tls.in <- came
			var said []byte
			select {
			case said = <-s.tls.done:
			case err := <-s.result:
				s.ended, s.drops = true, err != nil
				if said = s.tls.out.Bytes(); s.drops {
					return nil
				}
			}
			for ; len(said) > 0; said = said[min(len(said), 600):] {
				s.queue(said[:min(len(said), 600)]...)
			}
		}
		ack := append(binary.BigEndian.AppendUint32([]byte{1}, id), s.client...)
		out = append(out, s.wrap.seal(append([]byte{byte(ackV1) << 3}, vpnSession...), ack))
	}
	return append(out, s.again()...)
}

// again are the packets without an acknowledgement.
func (s *vpnServer) again() (out [][]byte) {
	if s.drops {
		return nil
	}
	for id, payload := range s.waiting {
		op := controlV1
		if id == 0 {
			op = resetServerV2
		}
		out = append(out, s.wrap.seal(append([]byte{byte(op) << 3}, vpnSession...),
			append(binary.BigEndian.AppendUint32([]byte{0}, id), payload...)))
	}
	return out
}

func (s *vpnServer) queue(payload ...byte) {
	s.waiting[s.next] = bytes.Clone(payload)
	s.next++
}

// serveVPN serves one session over UDP, or over TCP.
func serveVPN(t *testing.T, stream bool, s *vpnServer) net.Conn {
	t.Helper()
	s.tls, s.result = &flights{in: make(chan []byte), done: make(chan []byte)}, make(chan error, 1)
	s.waiting, s.ahead = make(map[uint32][]byte), make(map[uint32][]byte)
	go func() { s.result <- tls.Server(s.tls, s.config).Handshake() }()
	<-s.tls.done
	var near, far net.Conn
	if stream {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if near, err = net.Dial("tcp", listener.Addr().String()); err != nil {
			t.Fatal(err)
		}
		if far, err = listener.Accept(); err != nil {
			t.Fatal(err)
		}
		listener.Close()
		far = &frames{Conn: far}
	} else {
		listener, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		if near, err = net.Dial("udp", listener.LocalAddr().String()); err != nil {
			t.Fatal(err)
		}
		listener.Close()
		address := listener.LocalAddr().(*net.UDPAddr)
		if far, err = net.DialUDP("udp", address, near.LocalAddr().(*net.UDPAddr)); err != nil {
			t.Fatal(err)
		}
	}
	ended := make(chan struct{})
	t.Cleanup(func() {
		near.Close()
		far.Close()
		<-ended
		if !s.ended {
			close(s.tls.in)
		}
	})
	go func() {
		defer close(ended)
		buffer := make([]byte, maxOpenVPN)
		for {
			_ = far.SetReadDeadline(time.Now().Add(30 * time.Millisecond))
			n, err := far.Read(buffer)
			var out [][]byte
			switch {
			case errors.Is(err, os.ErrDeadlineExceeded):
				out = s.again()
			case err != nil:
				return
			case s.lose == nil || !s.lose():
				out = s.hear(bytes.Clone(buffer[:n]))
			}
			for _, packet := range out {
				if s.lose == nil || !s.lose() {
					_, _ = far.Write(packet)
				}
			}
		}
	}()
	return near
}

func vpnKeys(t *testing.T) map[string]*StaticKey {
	t.Helper()
	keys := map[string]*StaticKey{"none": nil}
	for name, args := range map[string][3]string{"tls-auth, 1": {"tls-auth", "1", ""}, "tls-auth, 0": {"tls-auth", "0", "SHA512"},
		"tls-auth": {"tls-auth", "", "sha256"}, "tls-crypt": {"tls-crypt", "", ""}} {
		var err error
		if keys[name], err = ParseStaticKey(staticKey(), Protection(args[0]), args[1], args[2]); err != nil {
			t.Fatal(err)
		}
	}
	return keys
}

// A handshake is carried whatever protects the packets, and whatever becomes of some of them.
func TestOpenVPN(t *testing.T) {
	good, other := certificate(t, "good", 3500), certificate(t, "other", 10)
	keys := vpnKeys(t)
	for _, tt := range []struct {
		name, key string
		stream    bool
		cert      *tls.Certificate
		lose      func() bool
		dropped   bool
	}{
		{"plain", "none", false, &good, nil, false},
		{"over TCP", "none", true, &good, nil, false},
		{"tls-auth, 1", "tls-auth, 1", false, &good, nil, false},
		{"tls-auth, 0", "tls-auth, 0", true, &good, nil, false},
		{"tls-auth without direction", "tls-auth", false, &good, nil, false},
		{"tls-crypt", "tls-crypt", false, &good, nil, false},
		{"a fifth is lost", "tls-crypt", false, &good, everyFifth(), false},
		{"refused", "none", false, &other, nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			key := keys[tt.key]
			server := &vpnServer{wrap: key.otherEnd(), config: serverConfig(t, tls.VersionTLS12, good), lose: tt.lose}
			v := NewOpenVPN(serveVPN(t, tt.stream, server), tt.stream, &OpenVPNOptions{Key: key})
			v.wait = 150 * time.Millisecond // a loaded machine is no server that drops a session
			_ = v.SetDeadline(time.Now().Add(20 * time.Second))
			if err := v.Start(); err != nil {
				t.Fatal(err)
			}
			c := tls.Client(v, &tls.Config{InsecureSkipVerify: true, //nolint:gosec // a test
				GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return tt.cert, nil }})
			err := c.Handshake()
			if o := v.Outcome(); (err != nil) != tt.dropped || (o != nil) != tt.dropped || o != nil && o.Accepted {
				t.Errorf("%v, outcome %v", err, o)
			}
			if tt.dropped && !errors.Is(err, io.EOF) {
				t.Errorf("%v", err)
			}
		})
	}
}

// A server that does not answer is told from one that drops a session, and a key that is wrong from
// neither.
func TestOpenVPNSilent(t *testing.T) {
	keys := vpnKeys(t)
	for name, key := range map[string]*StaticKey{"another key": keys["tls-auth"], "no key": nil} {
		t.Run(name, func(t *testing.T) {
			server := &vpnServer{wrap: keys["tls-crypt"].otherEnd(), config: &tls.Config{}}
			v := NewOpenVPN(serveVPN(t, false, server), false, &OpenVPNOptions{Key: key})
			v.wait = time.Millisecond
			_ = v.SetDeadline(time.Now().Add(20 * time.Second))
			var silent *SilentError
			if err := v.Start(); !errors.As(err, &silent) || silent.Packets != mostVPNPackets ||
				!strings.Contains(err.Error(), "tls-crypt key") {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestParseVPNConfig(t *testing.T) {
	key := string(staticKey())
	for _, tt := range []struct {
		name, config string
		protection   Protection
		send, take   int
	}{
		{"none", "client\nremote vpn.example.com 443 tcp\n", "", 0, 0},
		{"a file and its direction", "proto udp\ntls-auth ta.key 1\n", TLSAuth, 1, 0},
		{"a file, and the direction elsewhere", "key-direction 0\ntls-auth \"ta.key\"\n", TLSAuth, 0, 1},
		{"quotes and comments", "tls-auth \"ta.key\" 1 # a comment\nauth SHA256 ; another\nremote h 1194 # tcp\n", TLSAuth, 1, 0},
		{"a block", "# a comment\n<tls-crypt>\n" + key + "</tls-crypt>\nproto tcp-client\n", TLSCrypt, 1, 0},
		{"a block and its direction", "<tls-auth>\n" + key + "</tls-auth>\nkey-direction 1\nauth SHA256\n", TLSAuth, 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			key, err := ParseVPNConfig([]byte(tt.config), func(path string) ([]byte, error) {
				if path != "ta.key" {
					t.Errorf("reads %q", path)
				}
				return []byte(key), nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if (key != nil) != (tt.protection != "") {
				t.Fatalf("a key: %t", key != nil)
			}
			if key != nil && (key.protection != tt.protection || key.send != tt.send || key.take != tt.take) {
				t.Errorf("%s, %d, %d", key.protection, key.send, key.take)
			}
		})
	}
	for name, config := range map[string]string{
		"no such file": "tls-crypt missing.key\n", "a key alone": key, "a certificate": "-----BEGIN CERTIFICATE-----\nMIIB\n",
		"no file": "client\ntls-crypt\n", "a block without end": "<tls-crypt>\n" + key, "a block that is no key": "<tls-auth>\nsecretword\n</tls-auth>\n",
		"a direction": "tls-auth ta.key 2\n", "a digest": "auth ROT13\ntls-auth ta.key\n",
		"a short key":         "<tls-crypt>\n-----BEGIN OpenVPN Static key V1-----\nabcd\n-----END OpenVPN Static key V1-----\n</tls-crypt>\n",
		"v2, and a key of v1": "tls-crypt-v2 ta.key\n",
		"not hex":             "<tls-crypt>\n-----BEGIN OpenVPN Static key V1-----\nsecretword\n-----END OpenVPN Static key V1-----\n</tls-crypt>\n",
	} {
		_, err := ParseVPNConfig([]byte(config), func(path string) ([]byte, error) {
			if path == "ta.key" {
				return []byte(key), nil
			}
			return os.ReadFile(filepath.Join(t.TempDir(), path))
		})
		if err == nil || strings.Contains(err.Error(), "secretword") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseVPNConfig(f *testing.F) {
	f.Add([]byte("tls-auth ta.key 1\n<tls-crypt>\n" + string(staticKey()) + "</tls-crypt>\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		key, err := ParseVPNConfig(data, func(string) ([]byte, error) { return staticKey(), nil })
		if err != nil && key != nil {
			t.Error("a key and an error")
		}
	})
}

// Packets of anybody are taken in without a panic, and none is followed without end.
func FuzzOpenVPN(f *testing.F) {
	f.Add([]byte{byte(resetServerV2) << 3, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0}, uint8(2))
	f.Add([]byte{byte(controlV1) << 3, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 1, 22, 3, 3}, uint8(9))
	f.Fuzz(func(t *testing.T, packet []byte, times uint8) {
		v := NewOpenVPN(nil, false, &OpenVPNOptions{})
		v.queue(v.first, nil)
		for range times {
			if err := v.take(packet); err != nil && !errors.Is(err, errBroken) {
				t.Error(err)
			}
		}
		if len(v.ahead) > maxAhead+1 || len(v.in) > int(times)*len(packet) {
			t.Errorf("%d packets ahead, %d bytes", len(v.ahead), len(v.in))
		}
	})
}
