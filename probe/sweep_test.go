package probe

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"mtlsprobe/certstore/certtest"
	"mtlsprobe/probe/probetest"
	"mtlsprobe/probe/reading"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

func serveFlight(t *testing.T, f *probetest.Flight) Target {
	t.Helper()
	server, err := probetest.ServeFlight(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	target, err := ParseTarget(server.Address)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// A server that speaks SSL 3.0 and nothing else, with a suite that crypto/tls
// does not have.
func TestSSL3(t *testing.T) {
	p := testPKI(certtest.Now)
	names := [][]byte{p.Cert("Root").RawSubject}
	target := serveFlight(t, &probetest.Flight{Version: wire.VersionSSL30, Suite: 0x0004, Certificate: p.Cert("server").Raw, Types: []byte{1, 2}, Names: names})
	o := &Options{Timeout: 3 * time.Second}
	obs, _, err := Ask(t.Context(), target, o)
	if err != nil {
		t.Fatal(err)
	}
	if obs.Version != wire.VersionSSL30 || obs.Asked != say.Yes || obs.Request == nil || !bytes.Equal(obs.Request.NamedCAs[0], names[0]) || obs.None.Outcome != reading.UnknownOutcome {
		t.Errorf("observation %+v", obs)
	}
	served, err := Sweep(t.Context(), target, obs, reading.UnknownMode, nil, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range served {
		want := say.No
		if s.Version == wire.VersionSSL30 {
			want = say.Yes
		}
		if s.Supported != want || s.Detail == nil && s.Version != wire.VersionSSL30 {
			t.Errorf("%s: supported %s (%s), want %s", wire.VersionName(s.Version), s.Supported, s.Detail, want)
		}
	}
	// The same without having seen it before.
	if served, err = Sweep(t.Context(), target, nil, "", nil, o); err != nil || served[4].Supported != say.Yes || served[4].Asked != say.Yes || served[4].Request == nil {
		t.Errorf("SSL 3.0: %+v, %v", served[4], err)
	}
}

// A list of names that is longer than its length field can tell.
func TestOverlongList(t *testing.T) {
	p := testPKI(certtest.Now)
	var names [][]byte
	size := 0
	for n := 0; size < 80<<10; n++ {
		name := bytes.Replace(p.Cert("Root").RawSubject, []byte("Root"), fmt.Appendf(nil, "%04x", n), 1)
		names, size = append(names, name), size+2+len(name)
	}
	target := serveFlight(t, &probetest.Flight{Version: tls.VersionTLS12, Suite: tls.TLS_RSA_WITH_AES_128_GCM_SHA256, Certificate: p.Cert("server").Raw,
		Types: []byte{1, 64}, Schemes: []uint16{0x0403, 0x0804, 0x0401}, Names: names})
	obs, _, err := Ask(t.Context(), target, &Options{Timeout: 3 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if obs.Request == nil || !obs.Request.Overlong || len(obs.Request.NamedCAs) != len(names) || !bytes.Equal(obs.Request.NamedCAs[len(names)-1], names[len(names)-1]) {
		t.Errorf("asked %s, %v: %d names, want %d", obs.Asked, obs.RequestErr, len(obs.Request.NamedCAs), len(names))
	}
}

// What a server does in each version, and how much it insists there.
func TestSweep(t *testing.T) {
	p := testPKI(time.Now())
	target, o := startTLS(t, p, tls.RequireAndVerifyClientCert, 0, nil)
	control, err := SelfSigned(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	served, err := Sweep(t.Context(), target, nil, "", control, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range served {
		switch s.Version {
		case tls.VersionTLS13, tls.VersionTLS12:
			if s.Supported != say.Yes || s.Asked != say.Yes || s.Mode != reading.Required || s.SelfSigned == nil || s.SelfSigned.Outcome != reading.RefusedByTLS {
				t.Errorf("%s: %+v", wire.VersionName(s.Version), s)
			}
		default:
			if s.Supported != say.No || !strings.Contains(s.Detail.String(), "protocol_version") {
				t.Errorf("%s: %+v", wire.VersionName(s.Version), s)
			}
		}
	}
}

// Bytes between the go-ahead and the handshake belong to nobody.
func TestInjection(t *testing.T) {
	server, err := probetest.Serve(func(conn net.Conn) {
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		fmt.Fprint(conn, "220 mail\r\n")
		buffer := make([]byte, 512)
		_, _ = conn.Read(buffer)
		fmt.Fprint(conn, "250 mail\r\n")
		_, _ = conn.Read(buffer)
		fmt.Fprint(conn, "220 go\r\n250 injected\r\n")
		_, _ = conn.Read(buffer)
		_, _ = conn.Write([]byte{21, 3, 1, 0, 2, 2, 40})
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	target, err := ParseTarget("smtp://" + server.Address)
	if err != nil {
		t.Fatal(err)
	}
	x, err := run(t.Context(), target, nil, &Options{Timeout: 3 * time.Second})
	if err != nil || string(x.injected) != "250 injected\r\n" {
		t.Errorf("injected %q, %v", x.injected, err)
	}
}
