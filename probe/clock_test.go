package probe

import (
	"crypto/tls"
	"encoding/binary"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"mtlsprobe/certstore/certtest"
	"mtlsprobe/probe/probetest"
)

// A time server on loopback whose clock is 3 h 12 min ahead.
func TestAskNTP(t *testing.T) {
	const ahead = 3*time.Hour + 12*time.Minute
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() {
		packet := make([]byte, 48)
		n, from, err := conn.ReadFrom(packet)
		if err != nil || n < 48 {
			return
		}
		answer := make([]byte, 48)
		answer[0], answer[1], answer[2], answer[3] = 4<<3|4, 1, 6, 0xec // version 4, server, stratum 1
		copy(answer[12:16], "GPS\x00")
		copy(answer[24:32], packet[40:48]) // origin: the client's transmit time
		now := ntpTime(time.Now().Add(ahead))
		for _, at := range []int{16, 32, 40} { // reference, receive, transmit
			binary.BigEndian.PutUint64(answer[at:], now)
		}
		_, _ = conn.WriteTo(answer, from)
	}()
	clock, err := AskNTP(t.Context(), conn.LocalAddr().String(), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if d := (clock.Skew - ahead).Abs(); d > 2*time.Second || clock.Uncertainty > time.Second {
		t.Errorf("%+v", clock)
	}
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	if clock, err := AskNTP(t.Context(), silent.LocalAddr().String(), 50*time.Millisecond); err == nil {
		t.Errorf("a silent server: %+v", clock)
	}
}

// A server that writes its clock into its hello, and one that writes random bytes
// which look like a time once.
func TestHelloTime(t *testing.T) {
	const ahead = 3*time.Hour + 12*time.Minute
	flight := func(clock func() time.Time) *probetest.Flight {
		return &probetest.Flight{Version: tls.VersionTLS12, Suite: 0x0067, Certificate: testPKI(certtest.Now).Cert("server").Raw, Types: []byte{1}, Schemes: []uint16{0x0401}, Clock: clock}
	}
	o := &Options{Timeout: 3 * time.Second}
	obs, _, err := Ask(t.Context(), serveFlight(t, flight(func() time.Time { return time.Now().Add(ahead) })), o)
	if err != nil {
		t.Fatal(err)
	}
	if d := (obs.Clock.Server.Sub(obs.Clock.Local) - ahead).Abs(); d > 3*time.Second || obs.Clock.Source == "" {
		t.Errorf("%v, %v, %q", obs.Clock.Server, obs.Clock.Local, obs.Clock.Source)
	}
	var calls atomic.Int64
	random := func() time.Time { return time.Now().Add(time.Duration(calls.Add(1)) * 1000 * time.Hour) }
	if obs, _, err = Ask(t.Context(), serveFlight(t, flight(random)), o); err != nil || !obs.Clock.Server.IsZero() {
		t.Errorf("random bytes are taken for %v, %v", obs.Clock.Server, err)
	}
}

// ntpTime is seconds since 1900 in 32.32 fixed point (RFC 5905, Section 6).
func ntpTime(t time.Time) uint64 {
	const since1900 = 2_208_988_800
	return uint64(t.Unix()+since1900)<<32 | uint64(t.Nanosecond())<<32/1e9
}
