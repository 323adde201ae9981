package probe

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"testing"
	"time"

	"mtlsprobe/probe/probetest"
	"mtlsprobe/probe/reading"
	"mtlsprobe/probe/recording"
	"mtlsprobe/report/say"
)

// What a first flight shows, in clear and with keys; and where it shows nothing the server is
// asked in full.
func TestFlight(t *testing.T) {
	p := testPKI(time.Now())
	roots := x509.NewCertPool()
	roots.AddCert(p.Cert("Root"))
	at := func(server *probetest.Server) Target {
		target, err := ParseTarget(server.Address)
		if err != nil {
			t.Fatal(err)
		}
		return target
	}
	for name, row := range map[string]struct {
		config  *tls.Config
		options Options
		asked   say.Answer
		version uint16
		flight  bool
	}{
		"TLS 1.2":          {&tls.Config{MaxVersion: tls.VersionTLS12}, Options{}, say.Yes, tls.VersionTLS12, true},
		"both":             {&tls.Config{}, Options{}, say.Yes, tls.VersionTLS12, true},
		"both, 1.3 wanted": {&tls.Config{}, Options{MinVersion: tls.VersionTLS13}, say.Yes, tls.VersionTLS13, true},
		"TLS 1.3 alone":    {&tls.Config{MinVersion: tls.VersionTLS13}, Options{}, say.Yes, tls.VersionTLS13, true},
		"does not ask":     {&tls.Config{ClientAuth: tls.NoClientCert}, Options{}, say.No, tls.VersionTLS13, false},
		"1.3, does not ask": {&tls.Config{MinVersion: tls.VersionTLS13, ClientAuth: tls.NoClientCert}, Options{}, say.No,
			tls.VersionTLS13, false},
		"1.3 without P-256": {&tls.Config{MinVersion: tls.VersionTLS13, CurvePreferences: []tls.CurveID{tls.X25519}},
			Options{}, say.Yes, tls.VersionTLS13, false},
		"TLS 1.0, 1.0 alone": {&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}, Options{}, say.Yes,
			tls.VersionTLS10, true},
	} {
		t.Run(name, func(t *testing.T) {
			config := row.config.Clone()
			config.Certificates = []tls.Certificate{*certificate(p, "server")}
			if config.ClientCAs = roots; name != "does not ask" && name != "1.3, does not ask" {
				config.ClientAuth = tls.RequireAndVerifyClientCert
			}
			server, err := probetest.ServeHTTPS(config, time.Now)
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			var kept []*recording.Connection
			options := row.options
			options.Record = func(c *recording.Connection) { kept = append(kept, c) }
			obs, _, err := Flight(t.Context(), at(server), &options)
			if err != nil {
				t.Fatal(err)
			}
			names := 0
			if obs.Request != nil {
				names = len(obs.Request.NamedCAs)
			}
			if obs.Asked != row.asked || obs.Version != row.version || obs.Flight != row.flight || len(obs.Certificates) == 0 ||
				(row.asked == say.Yes) != (names > 0) {
				t.Errorf("asked %v in %x, flight %v, %d names, %d certificates", obs.Asked, obs.Version, obs.Flight, names,
					len(obs.Certificates))
			}
			if row.flight && (obs.Verification.Result != say.Unknown || obs.None.Outcome != reading.UnknownOutcome) {
				t.Errorf("a flight proves %v, %v", obs.Verification.Result, obs.None.Outcome)
			}
			if len(kept) == 0 || len(kept[len(kept)-1].Segments) < 2 {
				t.Errorf("%d connections recorded", len(kept))
			}
		})
	}
	for name, handle := range map[string]func(net.Conn){
		"no TLS":  func(c net.Conn) { _, _ = c.Write([]byte("220 hello\r\n")); c.Close() },
		"hang up": func(c net.Conn) { c.Close() },
		"an alert": func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4096))
			_, _ = c.Write([]byte{21, 3, 3, 0, 2, 2, 70})
			c.Close()
		},
		"change_cipher_spec first": func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4096))
			_, _ = c.Write([]byte{20, 3, 3, 0, 1, 1, 22, 3, 3, 0, 4, 2, 0, 0, 0})
			c.Close()
		},
		"a lying length": func(c net.Conn) {
			_, _ = c.Write([]byte{22, 3, 3, 0, 9, 2, 255, 255, 255, 3, 3, 0, 0, 0})
			c.Close()
		},
	} {
		server, err := probetest.Serve(handle)
		if err != nil {
			t.Fatal(err)
		}
		var connect *ConnectError
		if obs, _, err := Flight(t.Context(), at(server), nil); !errors.As(err, &connect) {
			t.Errorf("%s: %v, %v", name, obs, err)
		}
		server.Close()
	}
}
