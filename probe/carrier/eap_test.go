package carrier

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"
)

// certificate is one that signs itself; padding makes it as long as a chain.
func certificate(t *testing.T, name string, padding int) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		Subject:     pkix.Name{CommonName: name, Organization: []string{strings.Repeat("x", padding)}},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		IsCA:        true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// serverConfig trusts one client.
func serverConfig(t *testing.T, version uint16, client tls.Certificate) *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(client.Leaf)
	return &tls.Config{Certificates: []tls.Certificate{certificate(t, "server", 3000)}, ClientCAs: pool,
		ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: version, MaxVersion: version}
}

// dialEAP begins a conversation that sends packets again soon.
func dialEAP(t *testing.T, address string, o *EAPOptions, first time.Duration) *EAP {
	t.Helper()
	conn, err := net.Dial("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	e := NewEAP(conn, o)
	e.radius.first = first
	if err := e.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return e
}

// converse makes a handshake, and reads to the end.
func converse(e *EAP, cert *tls.Certificate) (tls.ConnectionState, error) {
	if err := e.Start(); err != nil {
		return tls.ConnectionState{}, err
	}
	c := tls.Client(e, &tls.Config{InsecureSkipVerify: true, //nolint:gosec // a test
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }})
	err := c.Handshake()
	if err == nil {
		_, err = io.ReadAll(c)
	}
	_, _ = io.Copy(io.Discard, e) // up to the server's last word
	return c.ConnectionState(), err
}

// A certificate longer than a packet goes in fragments, both ways, and the server's word comes last.
func TestEAP(t *testing.T) {
	good, other := certificate(t, "good", 3500), certificate(t, "other", 10)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, tt := range []struct {
			name     string
			cert     *tls.Certificate
			accepted bool
			server   eapServer
		}{
			{"accepted", &good, true, eapServer{}},
			{"small fragments", &good, true, eapServer{fragment: 90}},
			{"large fragments", &good, true, eapServer{fragment: 3800}},
			{"another method first", &good, true, eapServer{offers: 4}},
			{"every packet twice", &good, true, eapServer{meddle: func(b []byte) [][]byte { return [][]byte{b, b} }}},
			{"a forged answer first", &good, true, eapServer{meddle: func(b []byte) [][]byte {
				forged := bytes.Clone(b)
				forged[0] = byte(accessReject)
				return [][]byte{forged, b}
			}}},
			{"a fifth of all packets is lost", &good, true, eapServer{lose: everyFifth()}},
			{"refused", &other, false, eapServer{}},
			{"none", &tls.Certificate{}, false, eapServer{}},
		} {
			t.Run(tls.VersionName(version)+"/"+tt.name, func(t *testing.T) {
				t.Parallel()
				server := tt.server
				server.config = serverConfig(t, version, good)
				wait := 5 * time.Second
				if server.lose != nil {
					wait = 100 * time.Millisecond
				}
				e := dialEAP(t, serveEAP(t, &server), &EAPOptions{Secret: secret, Identity: "somebody"}, wait)
				state, err := converse(e, tt.cert)
				if o := e.Outcome(); o == nil || o.Accepted != tt.accepted || (err == nil) != tt.accepted {
					t.Fatalf("outcome %v, error %v", o, err)
				}
				if !tt.accepted {
					if e.Outcome().String() != `Access-Reject "no"` {
						t.Error(e.Outcome())
					}
					return
				}
				server.stop()
				if state.Version != version || !bytes.Contains(server.got, append([]byte{userName, 10}, "somebody"...)) {
					t.Errorf("version %x, request %q", state.Version, server.got)
				}
			})
		}
	}
}

// Who accepts before all was said, or without saying so in EAP, has not accepted.
func TestEAPAcceptedTooEarly(t *testing.T) {
	good := certificate(t, "good", 3500)
	for name, server := range map[string]*eapServer{"before it has heard all": {early: true},
		"without EAP-Success": {bare: true}} {
		t.Run(name, func(t *testing.T) {
			server.config = serverConfig(t, tls.VersionTLS13, good)
			e := dialEAP(t, serveEAP(t, server), &EAPOptions{Secret: secret}, 5*time.Second)
			_, err := converse(e, &good)
			if o := e.Outcome(); o != nil || !errors.Is(err, errBroken) || !strings.Contains(err.Error(), name) {
				t.Errorf("outcome %v, error %v", o, err)
			}
		})
	}
}

// A request is sent again as often as RFC 5080 has it, and no more.
func TestSilence(t *testing.T) {
	server := eapServer{config: &tls.Config{}, lose: func() bool { return true }}
	e := dialEAP(t, serveEAP(t, &server), &EAPOptions{Secret: secret}, time.Millisecond)
	var silent *SilentError
	if err := e.Start(); !errors.As(err, &silent) || silent.Packets != mostPackets || silent.Dropped != 0 {
		t.Errorf("%v", err)
	}
	server.stop()
	if server.heard > mostPackets {
		t.Errorf("%d packets", server.heard)
	}
}

// What a server cannot be is told from silence.
func TestStart(t *testing.T) {
	good := certificate(t, "good", 10)
	config := serverConfig(t, tls.VersionTLS13, good)
	tamper := func(change func([]byte) []byte) func([]byte) [][]byte {
		return func(b []byte) [][]byte { return [][]byte{change(bytes.Clone(b))} }
	}
	for _, tt := range []struct {
		name, want string
		options    EAPOptions
		server     eapServer
	}{
		{"another secret of the client", "the shared secret may be wrong", EAPOptions{Secret: []byte("wrong")}, eapServer{}},
		{"another secret of the server", "another shared secret than the one given", EAPOptions{Secret: secret},
			eapServer{meddle: tamper(func(b []byte) []byte { b[4]++; return b })}},
		{"a changed attribute", "another shared secret than the one given", EAPOptions{Secret: secret},
			eapServer{meddle: tamper(func(b []byte) []byte { b[radiusHeader] = 250; return b })}},
		{"without a Message-Authenticator", "have no Message-Authenticator", EAPOptions{Secret: secret}, eapServer{unsigned: true}},
		{"cut short", "no answer", EAPOptions{Secret: secret},
			eapServer{meddle: tamper(func(b []byte) []byte { return b[:19] })}},
		{"EAP-TTLS", "the server offers EAP-TLS, and refuses EAP-TTLS", EAPOptions{Secret: secret, Method: EAPTTLS}, eapServer{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.server.config = config
			e := dialEAP(t, serveEAP(t, &tt.server), &tt.options, time.Millisecond)
			if err := e.Start(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// A server that does not keep to the protocol is told so, and never followed without end.
func TestBroken(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer func(s *eapServer, request []byte, n int) []byte
	}{
		{"it never ends", func(s *eapServer, r []byte, n int) []byte {
			return s.encode(accessChallenge, r, []byte{eapRequest, byte(n), 0, 6, byte(EAPTLS), 0})
		}},
		{"it always has more", func(s *eapServer, r []byte, n int) []byte {
			return s.encode(accessChallenge, r, append([]byte{eapRequest, byte(n), 0x0b, 0xbe, byte(EAPTLS), flagMore},
				make([]byte, 3000)...))
		}},
		{"no EAP", func(s *eapServer, r []byte, _ int) []byte { return s.encode(accessChallenge, r, nil) }},
		{"a wrong length", func(s *eapServer, r []byte, n int) []byte {
			return s.encode(accessChallenge, r, []byte{eapRequest, byte(n), 0, 9, byte(EAPTLS), 0})
		}},
		{"a fragment's wrong length", func(s *eapServer, r []byte, n int) []byte {
			return s.encode(accessChallenge, r, []byte{eapRequest, byte(n), 0, 8, byte(EAPTLS), flagLength, 0, 0})
		}},
		{"another method", func(s *eapServer, r []byte, n int) []byte {
			return s.encode(accessChallenge, r, []byte{eapRequest, byte(n), 0, 6, byte(PEAP), 0})
		}},
		{"it asks for what it is", func(s *eapServer, r []byte, _ int) []byte { return s.encode(accessRequest, r, nil) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := &eapServer{}
			conn, err := net.ListenPacket("udp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			defer func() { conn.Close(); <-ended }()
			go func() {
				defer close(ended)
				buffer := make([]byte, 5000)
				for n := 0; ; n++ {
					size, from, err := conn.ReadFrom(buffer)
					if err != nil {
						return
					}
					request := bytes.Clone(buffer[:size])
					answer := server.encode(accessChallenge, request, []byte{eapRequest, 1, 0, 6, byte(EAPTLS), flagStart})
					if n > 0 {
						answer = tt.answer(server, request, n)
					}
					_, _ = conn.WriteTo(answer, from)
				}
			}()
			e := dialEAP(t, conn.LocalAddr().String(), &EAPOptions{Secret: secret}, 5*time.Second)
			if err := e.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := e.Read(make([]byte, 100)); !errors.Is(err, errBroken) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestParseAttribute(t *testing.T) {
	for text, want := range map[string]Attribute{
		"Called-Station-Id=00-11:office": {30, []byte("00-11:office")},
		"nas-port-type=15":               {61, []byte{0, 0, 0, 15}},
		"NAS-IP-Address=192.0.2.7":       {4, []byte{192, 0, 2, 7}},
		"126=operator":                   {126, []byte("operator")},
	} {
		if got, err := ParseAttribute(text); err != nil || got.Type != want.Type || !bytes.Equal(got.Value, want.Value) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "30", "30=", "0=x", "256=x", "Vendor=x", "NAS-Port-Type=x", "NAS-IP-Address=::1", "80=x",
		"79=x", "24=x", "30=" + strings.Repeat("x", 254)} {
		if a, err := ParseAttribute(text); err == nil {
			t.Errorf("%q is %+v", text, a)
		}
	}
}

func TestStatusServer(t *testing.T) {
	request := StatusServer(secret)
	answer := new(eapServer).encode(accessAccept, request, nil)
	if s, err := ParseStatus(answer, request, secret); err != nil || *s != (Status{"Access-Accept", true, true}) {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err := ParseStatus(answer, request, []byte("other")); err != nil || *s != (Status{"Access-Accept", true, false}) {
		t.Errorf("%+v, %v", s, err)
	}
	reject := new(eapServer).encode(accessReject, request, nil)
	if s, err := ParseStatus(reject, request, secret); err != nil || *s != (Status{"Access-Reject", false, true}) {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := ParseStatus(answer[:30], request, secret); err == nil {
		t.Error("a packet that is cut short is read")
	}
}

func FuzzDecodeAnswer(f *testing.F) {
	request := StatusServer(secret)
	f.Add(new(eapServer).encode(accessAccept, request, []byte{3, 1, 0, 4}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := decodeAnswer(data, request, secret, false)
		if err == nil && len(p.all(messageAuthenticator)) < authenticator {
			t.Errorf("%x is taken without a Message-Authenticator", data)
		}
	})
}

func FuzzEAP(f *testing.F) {
	f.Add([]byte{byte(EAPTLS), flagStart}, []byte{byte(EAPTLS), flagLength, 0, 0, 0, 1, 22})
	f.Fuzz(func(t *testing.T, first, second []byte) {
		server := new(eapServer)
		near, far := net.Pipe()
		defer near.Close()
		go func() {
			defer far.Close()
			buffer := make([]byte, 5000)
			for n := 0; ; n++ {
				size, err := far.Read(buffer)
				if err != nil {
					return
				}
				said := second
				if n == 0 {
					said = first
				}
				said = said[:min(len(said), 3000)]
				eap := append([]byte{eapRequest, byte(n), byte((4 + len(said)) >> 8), byte(4 + len(said))}, said...)
				if _, err := far.Write(server.encode(accessChallenge, bytes.Clone(buffer[:size]), eap)); err != nil {
					return
				}
			}
		}()
		e := NewEAP(near, &EAPOptions{Secret: secret})
		if err := e.Start(); err != nil {
			return
		}
		n, err := io.Copy(io.Discard, io.LimitReader(e, maxFlight*4))
		if err == nil && n < maxFlight*4 {
			t.Errorf("it ended without a word, after %d bytes", n)
		}
	})
}
