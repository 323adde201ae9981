package probe

import (
	"bytes"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"mtlsprobe/certstore/certtest"
	"mtlsprobe/probe/probetest"
	"mtlsprobe/probe/reading"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"

	"golang.org/x/sync/errgroup"
)

// hostile returns how to reach a server under the name that its certificate has.
func hostile(t *testing.T, address string, roots *x509.CertPool) (Target, *Options) {
	t.Helper()
	target, err := ParseTarget(address)
	if err != nil {
		t.Fatal(err)
	}
	target.ServerName = "localhost"
	return target, &Options{Roots: roots, Timeout: 5 * time.Second}
}

func rootsOf(certs ...*x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, c := range certs {
		pool.AddCert(c)
	}
	return pool
}

// A third party that has the server's certificate and not its key gets no certificate,
// is not called verified, and its pretended acceptance is none.
func TestHostileKeyless(t *testing.T) {
	p := testPKI(time.Now())
	var mu sync.Mutex
	received := 0
	server, err := probetest.ServeKeyless(&probetest.Flight{
		Version: tls.VersionTLS12, Suite: tls.TLS_RSA_WITH_AES_128_GCM_SHA256, Certificate: p.Cert("server").Raw,
		Types: []byte{1, 64}, Schemes: []uint16{0x0403, 0x0804, 0x0401}, Names: [][]byte{p.Cert("Root").RawSubject},
	}, func(said []byte) {
		tr := wire.Decode([]wire.Flow{{From: wire.Client, Data: said}}, nil)
		for _, e := range tr.Entries {
			if e.ContentType == wire.HandshakeRecord && e.Handshake == wire.Certificate && e.Length > 3 {
				mu.Lock()
				received++
				mu.Unlock()
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	target, o := hostile(t, server.Address, rootsOf(p.Cert("Root")))
	obs, how, err := Ask(t.Context(), target, o)
	if err == nil {
		if obs.Verification.Result == say.Yes || obs.None.Outcome == reading.Accepted {
			t.Errorf("verified %s, %s", obs.Verification.Result, obs.None.Outcome)
		}
		o = how
	}
	trial, err := Try(t.Context(), target, certificate(p, "client"), o)
	if err != nil {
		t.Fatal(err)
	}
	if trial.Presented || trial.Outcome == reading.Accepted || received > 0 {
		t.Errorf("%s, presented %t, %d certificates received", trial.Outcome, trial.Presented, received)
	}
	probetest.Row{Attacker: "a third party without the server's key, RSA key exchange", Tries: "to be shown a certificate, and to be believed that it accepts",
		Said: fmt.Sprintf("%s, %s", trial.Outcome, trial.Detail), Received: fmt.Sprintf("%d certificates", received)}.Log(t)
	// Told to, it presents, and still believes nothing.
	insecure := *o
	insecure.Insecure, insecure.staticRSA = true, true
	if trial, err = Try(t.Context(), target, certificate(p, "client"), &insecure); err != nil || trial.Outcome != reading.UnknownOutcome || trial.Refused() {
		t.Errorf("with -k: %+v, %v", trial, err)
	}
}

// A server whose signature is wrong is no server that asks: its list proves nothing.
func TestHostileForgedSignature(t *testing.T) {
	p := testPKI(time.Now())
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		key := probetest.ForgingKey{Signer: p.Key("server"), Other: p.Key("client")}
		server, err := probetest.ServeHTTPS(&tls.Config{
			Certificates: []tls.Certificate{{Certificate: [][]byte{p.Cert("server").Raw}, PrivateKey: key}},
			ClientAuth:   tls.RequireAnyClientCert, MinVersion: version, MaxVersion: version,
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		target, o := hostile(t, server.Address, rootsOf(p.Cert("Root")))
		obs, err := Capture(t.Context(), target, o)
		var connect *ConnectError
		if !errors.As(err, &connect) || connect.Kind != Malformed {
			t.Errorf("%s: %+v, %v; want that the handshake could not be completed", wire.VersionName(version), obs, err)
		}
		trial, err := Try(t.Context(), target, certificate(p, "client"), o)
		if err != nil || trial.Presented || trial.Outcome == reading.Accepted || trial.Refused() {
			t.Errorf("%s: %+v, %v", wire.VersionName(version), trial, err)
		}
		probetest.Row{Attacker: "a server with a forged signature, " + wire.VersionName(version), Tries: "to be taken for verified",
			Said: fmt.Sprint(connect)}.Log(t)
	}
}

// Seven bytes that a third party puts into a connection are no refusal.
func TestHostileInjectedAlert(t *testing.T) {
	p := testPKI(time.Now())
	alert := []byte{21, 3, 3, 0, 2, 2, wire.AlertUnknownCA}
	for _, tt := range []struct {
		version uint16
		after   int // records of the server
	}{
		{tls.VersionTLS13, 1}, {tls.VersionTLS13, 2}, {tls.VersionTLS13, 5}, {tls.VersionTLS13, 7}, {tls.VersionTLS12, 9}, {tls.VersionTLS12, 10},
	} {
		t.Run(fmt.Sprintf("%s after %d", wire.VersionName(tt.version), tt.after), func(t *testing.T) {
			target, o := startTLS(t, p, tls.RequireAndVerifyClientCert, tt.version, nil)
			injector := &probetest.Injector{Server: target.Address(), Bytes: alert, After: tt.after}
			between, err := injector.Inject()
			if err != nil {
				t.Fatal(err)
			}
			defer between.Close()
			name := target.ServerName
			if target, err = ParseTarget(between.Address); err != nil {
				t.Fatal(err)
			}
			target.ServerName = name
			trial, err := Try(t.Context(), target, certificate(p, "client"), o)
			if err != nil {
				t.Fatal(err)
			}
			if trial.Refused() || trial.Alert != nil && trial.Alert.From == wire.Server {
				t.Errorf("%s: %s, alert %+v", trial.Outcome, trial.Detail, trial.Alert)
			}
			probetest.Row{Attacker: fmt.Sprintf("seven bytes behind record %d of the server, %s", tt.after, wire.VersionName(tt.version)), Tries: "to have the certificate blamed",
				Said: fmt.Sprintf("%s %s", trial.Outcome, trial.Detail), Received: "what the server got"}.Log(t)
		})
	}
}

// An empty name never switches the verification of the name off.
func TestHostileEmptyName(t *testing.T) {
	p := testPKI(time.Now())
	o := &Options{Roots: rootsOf(p.Cert("Root"))}
	if v := o.verify("", false, []*x509.Certificate{p.Cert("server")}); v.Result != say.No || v.Err == nil {
		t.Errorf("%+v", v)
	}
	probetest.Row{Attacker: "an empty name", Tries: "to switch the verification of the name off", Said: "not verified"}.Log(t)
	for _, bad := range []string{"", "https://", ":443", "a\x00b", "[::1", "host:0", "::%\x00", "[::%\x00]:443"} {
		if target, err := ParseTarget(bad); err == nil {
			t.Errorf("%q: %+v", bad, target)
		}
	}
}

// A key of 500,000 bits is refused before anything is computed with it.
func TestHostileKey(t *testing.T) {
	p := testPKI(time.Now())
	modulus := new(big.Int).Lsh(big.NewInt(1), 500_000)
	huge := &x509.Certificate{RawIssuer: p.Cert("Root").RawSubject, PublicKeyAlgorithm: x509.RSA, PublicKey: &rsa.PublicKey{N: modulus, E: 3}, DNSNames: []string{"localhost"}}
	for name, peer := range map[string][]*x509.Certificate{"the server's own": {huge}, "an intermediate's": {p.Cert("server"), huge}} {
		v := (&Options{Roots: rootsOf(p.Cert("Root"))}).verify("localhost", false, peer)
		if v.Result == say.Yes || v.Err == nil || !strings.Contains(v.Err.Error(), "bits") {
			t.Errorf("%s: %+v", name, v)
		}
		probetest.Row{Attacker: "a key of 500,000 bits, " + name, Tries: "seconds of work for each verification", Said: fmt.Sprint(v.Err)}.Log(t)
	}
}

// TestHostileTampering flips a bit of what the server sends, or cuts it off there, all
// along a connection that the server accepts. Whatever comes of it, nobody is told
// that the server accepted or refused by TLS what it never said.
func TestHostileTampering(t *testing.T) {
	p := testPKI(time.Now())
	const step, slack = 17, 40 // the last record ends the connection, when all has been said
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		target, o := startTLS(t, p, tls.RequireAndVerifyClientCert, version, nil)
		whole, err := Try(t.Context(), target, certificate(p, "client"), o)
		if err != nil || whole.Outcome != reading.Accepted {
			t.Fatalf("%+v, %v", whole, err)
		}
		o.Timeout = 3 * time.Second // a length that was changed is waited for
		length := 0
		for _, e := range whole.Transcript.Entries {
			if e.From == wire.Server {
				length += e.Length
			}
		}
		for _, cut := range []bool{false, true} {
			outcomes := make(map[reading.Outcome]int)
			var mu sync.Mutex
			var group errgroup.Group
			group.SetLimit(32)
			for at := 0; at < length-slack; at += step {
				group.Go(func() error {
					trial, err := tampered(t, p, target, o, &probetest.Tamperer{Server: target.Address(), At: at, Cut: cut})
					var connect *ConnectError
					if errors.As(err, &connect) {
						return nil // no connection came about, and nothing is said
					}
					if err != nil {
						return err
					}
					mu.Lock()
					defer mu.Unlock()
					outcomes[trial.Outcome]++
					// Up to TLS 1.2 the server itself finds out, and says so: bad_record_mac or decrypt_error: the two no longer
					// agree on what was said.
					found := version == tls.VersionTLS12 && trial.Alert != nil &&
						(trial.Alert.Description == wire.AlertDecryptError || trial.Alert.Description == 20)
					if trial.Outcome == reading.Accepted || trial.Outcome == reading.RefusedByTLS && !found {
						return fmt.Errorf("%s, byte %d of %d, cut %t: %s (%s), alert %+v", wire.VersionName(version), at, length, cut, trial.Outcome, trial.Detail, trial.Alert)
					}
					return nil
				})
			}
			if err := group.Wait(); err != nil {
				t.Error(err)
			}
			probetest.Row{Attacker: fmt.Sprintf("every %dth byte of the server's flipped (cut: %t), %s", step, cut, wire.VersionName(version)), Tries: "to have an answer read that the server never gave",
				Said: fmt.Sprint(outcomes), Received: "what the server got"}.Log(t)
		}
	}
}

// tampered tries once through the third party.
func tampered(t *testing.T, p *certtest.PKI, target Target, o *Options, m *probetest.Tamperer) (*reading.Trial, error) {
	between, err := m.Tamper()
	if err != nil {
		return nil, err
	}
	defer between.Close()
	through, err := ParseTarget(between.Address)
	if err != nil {
		return nil, err
	}
	through.ServerName, through.Protocol = target.ServerName, target.Protocol
	return Try(t.Context(), through, certificate(p, "client"), o)
}

// TestHostileRecords floods the client before the server's hello: with more records
// than any server sends, and with more bytes. What this program stopped is not told of
// the server.
func TestHostileRecords(t *testing.T) {
	p := testPKI(time.Now())
	for name, flood := range map[string][]byte{
		"6,000 warning alerts":     bytes.Repeat([]byte{21, 3, 3, 0, 2, 1, 90}, 6_000),
		"6,000 empty records":      bytes.Repeat([]byte{22, 3, 3, 0, 0}, 6_000),
		"40 records of 16 KiB":     bytes.Repeat(append([]byte{22, 3, 3, 64, 0}, make([]byte, 1<<14)...), 40),
		"change_cipher_spec again": bytes.Repeat([]byte{20, 3, 3, 0, 1, 1}, 6_000),
		"zero bytes":               make([]byte, 1<<20),
	} {
		server, err := probetest.Serve(func(conn net.Conn) {
			_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
			if _, err := conn.Read(make([]byte, 4096)); err == nil {
				_, _ = conn.Write(flood)
			}
			_, _ = io.Copy(io.Discard, conn)
		})
		if err != nil {
			t.Fatal(err)
		}
		target, o := hostile(t, server.Address, rootsOf(p.Cert("Root")))
		o.Timeout = time.Second
		obs, _, err := Ask(t.Context(), target, o)
		said := fmt.Sprint(err)
		if err == nil {
			said = fmt.Sprintf("asked %s, %s", obs.Asked, obs.None.Outcome)
			if obs.Asked != say.Unknown || obs.Verification.Result == say.Yes || obs.None.Outcome == reading.Accepted {
				t.Errorf("%s: %s", name, said)
			}
		}
		server.Close()
		probetest.Row{Attacker: "a server that sends " + name, Tries: "to have bounds of this program told as its answer", Said: said}.Log(t)
	}
}
