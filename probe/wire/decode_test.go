package wire

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// A recorder is a net.Conn of the client that keeps both streams in order.
type recorder struct {
	net.Conn
	mu    sync.Mutex
	flows []Flow
}

func (r *recorder) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	r.note(Server, b[:n])
	return n, err
}

func (r *recorder) Write(b []byte) (int, error) {
	r.note(Client, b)
	return r.Conn.Write(b)
}

func (r *recorder) note(from Peer, b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flows = append(r.flows, Flow{From: from, Data: bytes.Clone(b)})
}

// A recording is a handshake of crypto/tls with client authentication, in which
// the server then says "pong" and both close.
type recording struct {
	flows  []Flow
	keyLog []byte
}

func record(t testing.TB, version, suite uint16, rsaKey bool) recording {
	t.Helper()
	cert := throwAway(t, rsaKey)
	pool := x509.NewCertPool()
	pool.AddCert(cert.Leaf)
	a, b := net.Pipe()
	server := tls.Server(b, &tls.Config{
		Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAnyClientCert, ClientCAs: pool,
		MinVersion: version, MaxVersion: version, CipherSuites: []uint16{suite},
	})
	done := make(chan error, 1)
	go func() {
		_, err := io.WriteString(server, "pong")
		done <- err
		server.Close()
	}()
	tap := &recorder{Conn: a}
	var keyLog bytes.Buffer
	client := tls.Client(tap, &tls.Config{
		InsecureSkipVerify: true, Certificates: []tls.Certificate{cert}, KeyLogWriter: &keyLog,
		MinVersion: version, MaxVersion: version, CipherSuites: []uint16{suite},
	})
	answer, err := io.ReadAll(client)
	if err != nil || string(answer) != "pong" {
		t.Fatalf("reading the answer: %q, %v", answer, err)
	}
	if err := <-done; err != nil {
		t.Fatalf("server: %v", err)
	}
	return recording{tap.flows, keyLog.Bytes()}
}

func throwAway(t testing.TB, rsaKey bool) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "wire"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0),
	}
	var der []byte
	var err error
	cert := tls.Certificate{}
	if rsaKey {
		key, keyErr := rsa.GenerateKey(rand.Reader, 2048)
		if keyErr != nil {
			t.Fatal(keyErr)
		}
		cert.PrivateKey = key
		der, err = x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	} else {
		key, keyErr := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if keyErr != nil {
			t.Fatal(keyErr)
		}
		cert.PrivateKey = key
		der, err = x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	}
	if err != nil {
		t.Fatal(err)
	}
	cert.Certificate = [][]byte{der}
	if cert.Leaf, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return cert
}

// Every suite that crypto/tls speaks, in every version that allows it, is
// decoded to the last record.
func TestDecodeEverySuite(t *testing.T) {
	t.Setenv("GODEBUG", "tlsrsakex=1,tls3des=1,tls10server=1")
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		for _, version := range s.SupportedVersions {
			t.Run(fmt.Sprintf("%s/%s", VersionName(version), s.Name), func(t *testing.T) {
				r := record(t, version, s.ID, !strings.Contains(s.Name, "_ECDSA_"))
				tr := Decode(r.flows, r.keyLog)
				if len(tr.Faults) > 0 {
					t.Fatalf("faults: %v", tr.Faults)
				}
				if tr.Version != version {
					t.Errorf("version = %s, want %s", VersionName(tr.Version), VersionName(version))
				}
				demands := tr.Requests()
				if len(demands) != 1 || demands[0].Err != nil || demands[0].When != InHandshake || len(demands[0].Request.NamedCAs) != 1 {
					t.Errorf("demands = %+v, want one in the handshake with one named CA", demands)
				}
				if !tr.HandshakeDone() || !tr.Sent(Client, CertificateVerify) {
					t.Errorf("handshake is not seen as complete: %+v", tr.Entries)
				}
				var data []byte
				for _, e := range tr.Entries {
					if e.ContentType == ApplicationData {
						data = append(data, e.Body...)
					}
				}
				if string(data) != "pong" {
					t.Errorf("application data = %q, want pong", data)
				}
				alerts := tr.Alerts()
				if len(alerts) == 0 || alerts[0].From != Server || alerts[0].Description != CloseNotify || !alerts[0].AfterHandshake {
					t.Errorf("alerts = %+v, want close_notify from the server after the handshake", alerts)
				}
			})
		}
	}
}

func TestDecodeWithoutKeys(t *testing.T) {
	r := record(t, tls.VersionTLS13, tls.TLS_AES_128_GCM_SHA256, false)
	tr := Decode(r.flows, nil)
	if asked, known := tr.AskedInHandshake(); asked || known {
		t.Errorf("asked = %t, known = %t; without keys neither can be known", asked, known)
	}
	r = record(t, tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, false)
	tr = Decode(r.flows, nil)
	if asked, known := tr.AskedInHandshake(); !asked || !known {
		t.Errorf("asked = %t, known = %t; TLS 1.2 asks in clear", asked, known)
	}
	if tr.HandshakeDone() {
		t.Error("records that could not be read count as Finished")
	}
}

// Cutting the streams anywhere, or into single bytes, must not change what was
// seen before the cut.
func TestDecodeChunks(t *testing.T) {
	r := record(t, tls.VersionTLS13, tls.TLS_AES_128_GCM_SHA256, false)
	whole := Decode(r.flows, r.keyLog)
	var single []Flow
	for _, f := range r.flows {
		for i := range f.Data {
			single = append(single, Flow{f.From, f.Data[i : i+1]})
		}
	}
	if got := Decode(single, r.keyLog); len(got.Entries) != len(whole.Entries) || len(got.Faults) != 0 {
		t.Errorf("byte by byte: %d entries and faults %v, want %d and none", len(got.Entries), got.Faults, len(whole.Entries))
	}
	for cut := 0; cut < len(single); cut += 17 {
		got := Decode(single[:cut], r.keyLog)
		if len(got.Entries) > len(whole.Entries) {
			t.Fatalf("cut at %d: %d entries, more than the %d of the whole", cut, len(got.Entries), len(whole.Entries))
		}
	}
}

func TestDecodeNotTLS(t *testing.T) {
	tests := []struct {
		name, data, fault string
	}{
		{"HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n", "not a TLS record"},
		{"SSH", "SSH-2.0-x", "not a TLS record"},
		{"short garbage", "SSH", "not a TLS record"},
		{"record of 65,535 bytes", "\x16\x03\x03\xff\xff", "record claims 65535 bytes"},
		{"message of 16 MiB", "\x16\x03\x03\x00\x04\x02\xff\xff\xff", "ServerHello message claims 16777215 bytes, 0 came"},
		{"cut record", "\x16\x03\x03\x00\x09\x02", "record is incomplete: 6 bytes came"},
		{"long alert", "\x15\x03\x03\x00\x03\x02\x28\x00", "alert of 3 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tr := Decode([]Flow{{Server, []byte(tt.data)}}, nil)
			if len(tr.Faults) != 1 || !strings.Contains(tr.Faults[0].Err.Error(), tt.fault) {
				t.Errorf("faults = %v, want one with %q", tr.Faults, tt.fault)
			}
			if tt.fault == "not a TLS record" && (len(tr.Entries) != 1 || string(tr.Entries[0].Body) != tt.data) {
				t.Errorf("entries = %+v, want the bytes that are no TLS", tr.Entries)
			}
		})
	}
}

func TestAlertRefuses(t *testing.T) {
	tests := []struct {
		alert   Alert
		version uint16
		want    bool
	}{
		{Alert{2, 48}, tls.VersionTLS12, true},
		{Alert{1, 116}, tls.VersionTLS13, true}, // the level means nothing in TLS 1.3
		{Alert{1, 112}, tls.VersionTLS12, false},
		{Alert{1, CloseNotify}, tls.VersionTLS13, false},
		{Alert{1, UserCanceled}, tls.VersionTLS13, false},
	}
	for _, tt := range tests {
		if got := tt.alert.Refuses(tt.version); got != tt.want {
			t.Errorf("%s in %s refuses: %t, want %t", tt.alert.Name(), VersionName(tt.version), got, tt.want)
		}
	}
}

func TestVersionNames(t *testing.T) {
	for v := VersionSSL30; v <= tls.VersionTLS13; v++ {
		if got, ok := ParseVersion(VersionName(v)); !ok || got != v {
			t.Errorf("ParseVersion(%q) = %x, %t", VersionName(v), got, ok)
		}
	}
	if _, ok := ParseVersion("TLS 2.0"); ok {
		t.Error("TLS 2.0 was accepted")
	}
}

// A flood of messages within one record ends the transcript, and what follows is not
// told as something else.
func TestFlood(t *testing.T) {
	record := append([]byte{22, 3, 3, 64, 0}, make([]byte, 1<<14)...)
	tr := Decode([]Flow{{Server, record}, {Server, record}, {Server, record[:7]}}, nil)
	if !tr.Cut || len(tr.Entries) > maxEntries+1 {
		t.Errorf("cut %t, %d entries", tr.Cut, len(tr.Entries))
	}
	for _, e := range tr.Entries {
		if e.ContentType == NotTLS {
			t.Errorf("%+v", e)
		}
	}
}

// Hostile streams neither panic nor grow the transcript beyond its input.
func FuzzDecode(f *testing.F) {
	seeds := []recording{
		record(f, tls.VersionTLS13, tls.TLS_AES_128_GCM_SHA256, false),
		record(f, tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, false),
	}
	for _, s := range seeds {
		streams := map[Peer][]byte{}
		for _, flow := range s.flows {
			streams[flow.From] = append(streams[flow.From], flow.Data...)
		}
		if len(streams[Client]) == 0 || len(streams[Server]) == 0 || len(s.keyLog) == 0 {
			f.Fatal("empty seed")
		}
		f.Add(streams[Client], streams[Server], s.keyLog)
	}
	f.Fuzz(func(t *testing.T, client, server, keyLog []byte) {
		// The hello goes first, as on a real connection.
		hello := min(len(client), 512)
		tr := Decode([]Flow{{Client, client[:hello]}, {Server, server}, {Client, client[hello:]}}, keyLog)
		total := 0
		for _, e := range tr.Entries {
			total += len(e.Body)
		}
		if total > len(client)+len(server) || len(tr.Entries) > maxEntries+2 {
			t.Errorf("%d entries with %d bytes from %d bytes", len(tr.Entries), total, len(client)+len(server))
		}
		for _, d := range tr.Requests() {
			if (d.Request == nil) == (d.Err == nil) {
				t.Errorf("demand with both or neither of request and error: %+v", d)
			}
		}
	})
}

func FuzzParseCertificate(f *testing.F) {
	f.Add(uint16(tls.VersionTLS12), []byte("\x00\x00\x05\x00\x00\x02\x30\x00"))
	f.Add(uint16(tls.VersionTLS13), []byte("\x00\x00\x00\x07\x00\x00\x02\x30\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, version uint16, body []byte) {
		certificates, err := ParseCertificate(version, body)
		total := 0
		for _, c := range certificates {
			total += len(c)
		}
		if err != nil && certificates != nil || total > len(body) {
			t.Errorf("%d certificates with %d bytes, error %v", len(certificates), total, err)
		}
	})
}
