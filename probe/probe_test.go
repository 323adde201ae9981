package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"mtlsprobe/certstore/certtest"
	"mtlsprobe/probe/probetest"
	"mtlsprobe/probe/reading"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

func TestParseTarget(t *testing.T) {
	tests := []struct {
		in   string
		want Target
	}{
		{"example.com", Target{Host: "example.com", Port: "443", ServerName: "example.com", Path: "/", Protocol: "http", Guessed: true}},
		{"example.com:8443", Target{Host: "example.com", Port: "8443", ServerName: "example.com", Path: "/", Protocol: "http", Guessed: true}},
		{"::1", Target{Host: "::1", Port: "443", ServerName: "::1", Path: "/", Protocol: "http", Guessed: true}},
		{"[::1]", Target{Host: "::1", Port: "443", ServerName: "::1", Path: "/", Protocol: "http", Guessed: true}},
		{"[::1]:8443", Target{Host: "::1", Port: "8443", ServerName: "::1", Path: "/", Protocol: "http", Guessed: true}},
		{"https://example.com", Target{Host: "example.com", Port: "443", ServerName: "example.com", Path: "/", Protocol: "http"}},
		{"https://example.com:8443/v1/x?y=z", Target{Host: "example.com", Port: "8443", ServerName: "example.com", Path: "/v1/x?y=z", Protocol: "http"}},
		{"smtp://mail", Target{Host: "mail", Port: "25", ServerName: "mail", Path: "/", Protocol: "smtp", StartTLS: true}},
		{"ldaps://ds:1636", Target{Host: "ds", Port: "1636", ServerName: "ds", Path: "/", Protocol: "ldap"}},
		{"postgres://app@db/x", Target{Host: "db", Port: "5432", ServerName: "db", Path: "/x", Protocol: "postgres", StartTLS: true, User: "app"}},
		{"https://[::1]:8443/", Target{Host: "::1", Port: "8443", ServerName: "::1", Path: "/", Protocol: "http"}},
		{"ds:636", Target{Host: "ds", Port: "636", ServerName: "ds", Path: "/", Protocol: "ldap", Guessed: true}},
		{"mail:25", Target{Host: "mail", Port: "25", ServerName: "mail", Path: "/", Protocol: "smtp", StartTLS: true, Guessed: true}},
		{"radius://alice@aaa", Target{Host: "aaa", Port: "1812", Path: "/", Protocol: "radius", User: "alice"}},
		{"openvpn-tcp://[fd00::1]:443", Target{Host: "fd00::1", Port: "443", Path: "/", Protocol: "openvpn-tcp"}},
		{"aaa:1812", Target{Host: "aaa", Port: "1812", Path: "/", Protocol: "radius", Guessed: true}},
		{"web:8443/secure", Target{Host: "web", Port: "8443", ServerName: "web", Path: "/secure", Protocol: "http"}},
	}
	for _, tt := range tests {
		if got, err := ParseTarget(tt.in); err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("ParseTarget(%q) = %+v, %v, want %+v", tt.in, got, err, tt.want)
		}
	}
	for _, bad := range []string{"", ":443", "host:", "host:0", "host:65536", "host:x", "a b", "[::1", "http://x", "https://", "x\r\ny"} {
		if got, err := ParseTarget(bad); err == nil {
			t.Errorf("ParseTarget(%q) = %+v, want an error", bad, got)
		}
	}
}

func testPKI(now time.Time) *certtest.PKI {
	return certtest.NewAt("probe", now,
		certtest.Edge{Subject: "Root", Issuer: "Root"},
		certtest.Edge{Subject: "client", Issuer: "Root"},
		certtest.Edge{Subject: "server", Issuer: "Root", Mutate: func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
			c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
		}},
	)
}

// startTLS runs a server that demands a client certificate as auth says.
func startTLS(t testing.TB, p *certtest.PKI, auth tls.ClientAuthType, version uint16, clock func() time.Time) (Target, *Options) {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(p.Cert("Root"))
	server, err := probetest.ServeHTTPS(&tls.Config{
		Certificates: []tls.Certificate{*certificate(p, "server")}, ClientAuth: auth, ClientCAs: roots,
		MinVersion: version, MaxVersion: version,
	}, clock)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	target, err := ParseTarget(server.Address)
	if err != nil {
		t.Fatal(err)
	}
	return target, &Options{Roots: roots}
}

func certificate(p *certtest.PKI, node string) *tls.Certificate {
	return &tls.Certificate{Certificate: [][]byte{p.Cert(node).Raw}, PrivateKey: p.Key(node)}
}

// What comes of each demand in each version that crypto/tls speaks.
func TestCaptureAndTry(t *testing.T) {
	now := time.Now()
	p := testPKI(now)
	self, err := SelfSigned(now)
	if err != nil {
		t.Fatal(err)
	}
	for version := uint16(tls.VersionTLS10); version <= tls.VersionTLS13; version++ {
		missing := map[bool]string{true: "certificate_required", false: "handshake_failure"}[version == tls.VersionTLS13]
		for _, tt := range []struct {
			auth       tls.ClientAuthType
			asked      say.Answer
			mode       reading.Mode
			none, self string
			client     reading.Outcome
		}{
			{tls.NoClientCert, say.No, reading.UnknownMode, "accepted", "ignored", reading.Ignored},
			{tls.RequestClientCert, say.Yes, reading.IgnoredMode, "accepted", "ignored", reading.Ignored},
			{tls.RequireAnyClientCert, say.Yes, reading.Required, "refused " + missing, "accepted", reading.Accepted},
			{tls.VerifyClientCertIfGiven, say.Yes, reading.Optional, "accepted", "refused unknown_ca", reading.Accepted},
			{tls.RequireAndVerifyClientCert, say.Yes, reading.Required, "refused " + missing, "refused unknown_ca", reading.Accepted},
		} {
			t.Run(fmt.Sprintf("%s %v", wire.VersionName(version), tt.auth), func(t *testing.T) {
				target, o := startTLS(t, p, tt.auth, version, nil)
				obs, err := Capture(t.Context(), target, o)
				if err != nil {
					t.Fatal(err)
				}
				if obs.Asked != tt.asked || obs.Version != version || obs.Verification.Result != say.Yes {
					t.Errorf("asked %s in %x, verified %v; want %s in %x", obs.Asked, obs.Version, obs.Verification, tt.asked, version)
				}
				client, err := Try(t.Context(), target, certificate(p, "client"), o)
				if err != nil {
					t.Fatal(err)
				}
				control, err := Try(t.Context(), target, self, o)
				if err != nil {
					t.Fatal(err)
				}
				all := reading.Conclude(&reading.Evidence{None: []*reading.Trial{obs.None}, SelfSigned: []*reading.Trial{control}, Identities: [][]*reading.Trial{{client}}})
				if all.Mode != tt.mode {
					t.Errorf("mode %s, want %s", all.Mode, tt.mode)
				}
				if got := outcome(obs.None); got != tt.none {
					t.Errorf("none: %s, want %s", got, tt.none)
				}
				if got := outcome(all.SelfSigned); got != tt.self {
					t.Errorf("self-signed: %s, want %s", got, tt.self)
				}
				if got := all.Trials[0]; got.Outcome != tt.client {
					t.Errorf("client: %s, want %s", outcome(got), tt.client)
				}
				if a := obs.None.Alert; a != nil && a.AfterHandshake != (version == tls.VersionTLS13) {
					t.Errorf("alert after the handshake: %t in %x", a.AfterHandshake, version)
				}
			})
		}
	}
}

func outcome(t *reading.Trial) string {
	if t.Alert != nil {
		return string(t.Outcome) + " " + t.Alert.Name()
	}
	return string(t.Outcome)
}

func TestTryUnverified(t *testing.T) {
	p := testPKI(time.Now())
	target, o := startTLS(t, p, tls.RequireAndVerifyClientCert, tls.VersionTLS13, nil)
	o.Roots = x509.NewCertPool()
	trial, err := Try(t.Context(), target, certificate(p, "client"), o)
	if err != nil {
		t.Fatal(err)
	}
	if trial.Outcome != reading.NotTried || trial.Transcript.Sent(wire.Client, wire.Certificate) {
		t.Errorf("outcome %s, certificate sent %t: nothing may be shown to a server that is not verified", trial.Outcome, trial.Transcript.Sent(wire.Client, wire.Certificate))
	}
	o.Insecure = true
	if trial, err = Try(t.Context(), target, certificate(p, "client"), o); err != nil || trial.Outcome != reading.Accepted {
		t.Errorf("with Insecure: %+v, %v", trial, err)
	}
}

func TestServerClock(t *testing.T) {
	ahead := func() time.Time { return time.Now().Add(3 * time.Hour) }
	target, o := startTLS(t, testPKI(time.Now()), tls.NoClientCert, tls.VersionTLS13, ahead)
	obs, err := Capture(t.Context(), target, o)
	if err != nil {
		t.Fatal(err)
	}
	if skew := obs.Clock.Server.Sub(obs.Clock.Local); skew < 3*time.Hour-5*time.Second || skew > 3*time.Hour+5*time.Second {
		t.Errorf("skew %v, want about 3h", skew)
	}
}

// A server that demands a certificate tells its clock to those who bring one.
func TestServerClockOfTrial(t *testing.T) {
	p := testPKI(time.Now())
	ahead := func() time.Time { return time.Now().Add(3 * time.Hour) }
	target, o := startTLS(t, p, tls.RequireAndVerifyClientCert, tls.VersionTLS13, ahead)
	obs, err := Capture(t.Context(), target, o)
	if err != nil || !obs.Clock.Server.IsZero() {
		t.Fatalf("%v, %v", err, obs.Clock.Server)
	}
	trial, err := Try(t.Context(), target, certificate(p, "client"), o)
	if err != nil || trial.Outcome != reading.Accepted {
		t.Fatalf("%v, %+v", err, trial)
	}
	obs.Learn(nil)
	obs.Learn(&reading.Trial{})
	obs.Learn(trial)
	if skew := obs.Clock.Server.Sub(obs.Clock.Local); (skew-3*time.Hour).Abs() > 5*time.Second || obs.Clock.Source == "" {
		t.Errorf("skew %v from %q, want about 3h", skew, obs.Clock.Source)
	}
	known := obs.Clock.Server
	if obs.Learn(trial); obs.Clock.Server != known {
		t.Error("what is known was replaced")
	}
}

// A server that completes the handshake, sends a ticket and hangs up has
// refused: the ticket is no acceptance.
func TestTryClosedAfterHandshake(t *testing.T) {
	p := testPKI(time.Now())
	server, err := probetest.Serve(func(conn net.Conn) {
		s := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{*certificate(p, "server")}, ClientAuth: tls.RequireAnyClientCert})
		_ = s.Handshake()
	})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	target, err := ParseTarget(server.Address)
	if err != nil {
		t.Fatal(err)
	}
	trial, err := Try(t.Context(), target, certificate(p, "client"), &Options{Insecure: true})
	if err != nil || trial.Outcome != reading.Closed {
		t.Errorf("%+v, %v, want closed", trial, err)
	}
}

// A server that refuses in place of its greeting, and hangs up before anybody
// could ask, has said why: Postfix in wrapper mode.
func TestTryRefusedBeforeGreeting(t *testing.T) {
	p := testPKI(time.Now())
	for version := uint16(tls.VersionTLS12); version <= tls.VersionTLS13; version++ {
		server, err := probetest.Serve(func(conn net.Conn) {
			s := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{*certificate(p, "server")}, ClientAuth: tls.RequireAnyClientCert, MaxVersion: version})
			_, _ = io.WriteString(s, "421 4.7.1 mail Error: Client certificate not trusted\r\n220 mail ESMTP\r\n")
			_ = s.Close()
		})
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		target, err := ParseTarget("smtps://" + server.Address)
		if err != nil {
			t.Fatal(err)
		}
		trial, err := Try(t.Context(), target, certificate(p, "client"), &Options{Insecure: true})
		if err != nil || trial.Outcome != reading.RefusedByApplication || trial.Application.Status != 421 {
			t.Errorf("%s: %+v, %v, want refused by the application with 421", wire.VersionName(version), trial, err)
		}
	}
}

// A server that hangs up before it asks has refused no certificate.
func TestTryClosedBeforeAsking(t *testing.T) {
	server, err := probetest.Serve(func(conn net.Conn) { _, _ = conn.Read(make([]byte, 4096)) })
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	target, err := ParseTarget(server.Address)
	if err != nil {
		t.Fatal(err)
	}
	trial, err := Try(t.Context(), target, certificate(testPKI(time.Now()), "client"), &Options{Insecure: true})
	if err != nil || trial.Outcome != reading.NotTried {
		t.Errorf("%+v, %v, want not-tried", trial, err)
	}
}

func TestCaptureCanceled(t *testing.T) {
	server, err := probetest.Serve(func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	target, err := ParseTarget(server.Address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Capture(ctx, target, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want that it was canceled", err)
	}
}

// Capture beside a bare loop of crypto/tls handshakes that reads until the
// server refuses.
func BenchmarkCapture(b *testing.B) {
	p := testPKI(time.Now())
	target, o := startTLS(b, p, tls.RequireAndVerifyClientCert, tls.VersionTLS13, nil)
	b.Run("floor", func(b *testing.B) {
		for b.Loop() {
			conn, err := tls.Dial("tcp", target.Address(), &tls.Config{RootCAs: o.Roots, ServerName: target.ServerName})
			if err != nil {
				b.Fatal(err)
			}
			_, _ = conn.Read(make([]byte, 1))
			conn.Close()
		}
	})
	b.Run("capture", func(b *testing.B) {
		for b.Loop() {
			if obs, err := Capture(b.Context(), target, o); err != nil || len(obs.Request.NamedCAs) != 1 {
				b.Fatal(obs, err)
			}
		}
	})
}

// Words in clear in the middle of TLS are shown, and not taken for a fault of it.
func TestPlainWords(t *testing.T) {
	p := testPKI(time.Now())
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{p.Cert("server").Raw}, PrivateKey: p.Key("server")}}, ClientAuth: tls.RequestClientCert}
	server, err := probetest.Serve(func(conn net.Conn) {
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		if tls.Server(conn, config).Handshake() == nil {
			_, _ = io.WriteString(conn, "500 OOPS: child died\r\n")
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	target, err := ParseTarget("ftps://" + server.Address)
	if err != nil {
		t.Fatal(err)
	}
	trial, err := Try(t.Context(), target, &tls.Certificate{Certificate: [][]byte{p.Cert("client").Raw}, PrivateKey: p.Key("client")}, &Options{Insecure: true, Timeout: 3 * time.Second})
	if err != nil || trial.Outcome != reading.Closed || !strings.Contains(trial.Detail.String(), "500 OOPS: child died") {
		t.Errorf("%+v, %v", trial, err)
	}
}
