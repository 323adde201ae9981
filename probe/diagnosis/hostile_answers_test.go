package diagnosis

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mtlsprobe/certstore/certtest"
	"mtlsprobe/probe"
	"mtlsprobe/probe/probetest"
	"mtlsprobe/probe/reading"
)

// answering is a TLS server that reads a request and says what the function writes.
func answering(t *testing.T, p *certtest.PKI, config *tls.Config, answer func(net.Conn)) (probe.Target, *probe.Options) {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(p.Cert("Root"))
	config.ClientCAs = roots
	config.Certificates = []tls.Certificate{{Certificate: [][]byte{p.Cert("localhost").Raw}, PrivateKey: p.Key("localhost")}}
	server, err := probetest.Serve(func(raw net.Conn) {
		_ = raw.SetDeadline(time.Now().Add(10 * time.Second))
		conn := tls.Server(raw, config)
		if _, err := conn.Read(make([]byte, 4096)); err == nil {
			answer(conn)
		}
		_ = conn.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return localhost(t, server.Address), &probe.Options{Roots: roots, Timeout: 5 * time.Second}
}

// localhost is the address as a target with the name that the servers' certificate has.
func localhost(t *testing.T, address string) probe.Target {
	t.Helper()
	target, err := probe.ParseTarget("https://" + address)
	if err != nil {
		t.Fatal(err)
	}
	target.ServerName = "localhost"
	return target
}

// TestHostileAnswers holds that an answer which says nothing of a certificate, or never
// ends, is no acceptance; nor is silence.
func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	say := func(text string) func(net.Conn) {
		return func(conn net.Conn) { _, _ = io.WriteString(conn, text) }
	}
	status := func(line string) func(net.Conn) {
		return say("HTTP/1.1 " + line + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	}
	silent := func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }
	slow := &tls.Config{ClientAuth: tls.RequireAnyClientCert, VerifyPeerCertificate: func([][]byte, [][]*x509.Certificate) error {
		time.Sleep(3 * time.Second) // as one that asks elsewhere: nothing waits for this in the test
		return errors.New("refused")
	}}
	for name, tt := range map[string]struct {
		config *tls.Config
		answer func(net.Conn)
	}{
		"HTTP 408":                      {&tls.Config{ClientAuth: tls.RequestClientCert}, status("408 Request Timeout")},
		"HTTP 425":                      {&tls.Config{ClientAuth: tls.RequestClientCert}, status("425 Too Early")},
		"HTTP 429":                      {&tls.Config{ClientAuth: tls.RequestClientCert}, status("429 Too Many Requests")},
		"HTTP 431":                      {&tls.Config{ClientAuth: tls.RequestClientCert}, status("431 Too Large")},
		"HTTP 503":                      {&tls.Config{ClientAuth: tls.RequestClientCert}, status("503 Unavailable")},
		"a head that never ends":        {&tls.Config{ClientAuth: tls.RequestClientCert}, say("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 1<<20))},
		"a flood of interim answers":    {&tls.Config{ClientAuth: tls.RequestClientCert}, say(strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 20_000))},
		"words that are no HTTP":        {&tls.Config{ClientAuth: tls.RequestClientCert}, say("welcome, accepted, 200 OK\r\n")},
		"silence from everybody":        {&tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS13, SessionTicketsDisabled: true}, silent},
		"a refusal that takes its time": {slow, silent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := testPKI()
			target, o := answering(t, p, tt.config.Clone(), tt.answer)
			s := settings(p)
			s.Pause = none
			d, err := New(s).Probe(t.Context(), target, o)
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range d.Identities {
				if i.Verdict == Fits && i.Basis == Tried || i.Trial.Outcome == reading.Accepted || i.Trial.Outcome == reading.Ignored {
					t.Errorf("%s: %s, %s (%s)", i.Label, i.Verdict, i.Trial.Outcome, i.Trial.Detail)
				}
			}
			if d.Mode == reading.IgnoredMode {
				t.Error("called ignored")
			}
			i := d.Identities[0]
			probetest.Row{Attacker: name, Tries: "to be taken for an acceptance", Said: fmt.Sprintf("%s: %s, %s", i.Verdict, i.Trial.Outcome, i.Trial.Detail),
				Received: "certificates, with proof of the server's key"}.Log(t)
		})
	}
}

// TestHostileWithholding holds that somebody on the way who keeps back what the server
// says after the client's flight cannot have it called accepted.
func TestHostileWithholding(t *testing.T) {
	t.Parallel()
	p := testPKI()
	target, o := answering(t, p, &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13}, func(net.Conn) {})
	for _, withheld := range []string{"3", "34", "3456"} {
		var connections atomic.Int32
		between, err := probetest.Serve(func(client net.Conn) {
			keep := strings.Contains(withheld, fmt.Sprint(connections.Add(1)))
			server, err := net.Dial("tcp", target.Address())
			if err != nil {
				return
			}
			defer server.Close()
			_ = client.SetDeadline(time.Now().Add(10 * time.Second))
			_ = server.SetDeadline(time.Now().Add(10 * time.Second))
			flights := make(chan struct{}, 64)
			go func() {
				buffer := make([]byte, 16<<10)
				for {
					n, err := client.Read(buffer)
					if err != nil {
						_ = server.Close()
						return
					}
					flights <- struct{}{}
					_, _ = server.Write(buffer[:n])
				}
			}()
			buffer := make([]byte, 16<<10)
			for {
				n, err := server.Read(buffer)
				if keep && len(flights) > 1 { // after the client's second flight
					_, _ = io.Copy(io.Discard, client)
					return
				}
				if _, writeErr := client.Write(buffer[:n]); err != nil || writeErr != nil {
					return
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		through := localhost(t, between.Address)
		s := settings(p)
		s.Pause = none
		d, err := New(s).Probe(t.Context(), through, o)
		between.Close()
		if err != nil {
			t.Fatal(err)
		}
		stranger := d.Identities[1]
		if stranger.Verdict == Fits || stranger.Trial.Outcome == reading.Accepted {
			t.Errorf("connections %s: the stranger %s, %s (%s)", withheld, stranger.Verdict, stranger.Trial.Outcome, stranger.Trial.Detail)
		}
		probetest.Row{Attacker: "somebody on the way, connections " + withheld, Tries: "to hold the refusal back", Said: fmt.Sprintf("%s: %s, %s", stranger.Verdict, stranger.Trial.Outcome, stranger.Trial.Detail),
			Received: "what goes over the network"}.Log(t)
	}
}
