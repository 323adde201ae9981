package diagnosis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mtlsprobe/probe"
	"mtlsprobe/probe/match"
	"mtlsprobe/probe/probetest"
	"mtlsprobe/probe/reading"
)

// finding returns the result of one check of the server.
func finding(d *Diagnosis, c *match.Check) match.Finding {
	at := slices.IndexFunc(d.Server.Findings, func(f match.Finding) bool { return f.Check == c })
	return d.Server.Findings[at]
}

// inTurn serves every connection by the next server of a pattern of letters: S asks and
// verifies, L asks and takes anything, R limits (HTTP 429).
func inTurn(t *testing.T, pattern string) (probe.Target, Settings, *probe.Options) {
	t.Helper()
	p := testPKI()
	pool := x509.NewCertPool()
	pool.AddCert(p.Cert("Root"))
	own := []tls.Certificate{{Certificate: [][]byte{p.Cert("localhost").Raw}, PrivateKey: p.Key("localhost")}}
	var configs []*tls.Config
	var statuses []string
	for _, letter := range pattern {
		c, status := &tls.Config{Certificates: own, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}, "200 OK"
		switch letter {
		case 'L':
			c.ClientAuth = tls.RequestClientCert
		case 'R':
			c.ClientAuth, status = tls.RequestClientCert, "429 Too Many Requests"
		}
		configs, statuses = append(configs, c), append(statuses, status)
	}
	server, err := probetest.ServeInTurn(configs, statuses)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	target := localhost(t, server.Address)
	s := settings(p)
	s.Pause = none
	return target, s, &probe.Options{Roots: pool, Timeout: 20 * time.Second}
}

// TestHostileBalancer sends every connection to the next of four servers, in every
// order of strict and lax ones. The certificate that a strict one refuses is never
// called accepted, nothing is called ignored, and not that any certificate passes.
func TestHostileBalancer(t *testing.T) {
	for n := range 16 {
		pattern := []byte("SSSS")
		for bit := range pattern {
			if n&(1<<bit) != 0 {
				pattern[bit] = 'L'
			}
		}
		t.Run(string(pattern), func(t *testing.T) {
			target, s, o := inTurn(t, string(pattern))
			d, err := New(s).Probe(t.Context(), target, o)
			if err != nil {
				t.Fatal(err)
			}
			client, stranger := d.Identities[0], d.Identities[1]
			differ, anyPasses := finding(d, match.ServerAnswersDiffer), finding(d, match.ServerAnyPasses)
			mixed := n != 0 && n != 15
			switch {
			case !mixed && (differ.Result != match.Pass || client.Trial.Outcome != map[bool]reading.Outcome{true: reading.Accepted, false: reading.Ignored}[n == 0]):
				t.Errorf("one kind of server: %s, %s", differ.Result, client.Trial.Outcome)
			case mixed && differ.Result != match.Warn:
				t.Errorf("the answers were not seen to differ: mode %s, client %s, stranger %s", d.Mode, client.Trial.Outcome, stranger.Trial.Outcome)
			case mixed && (stranger.Verdict == Fits || client.Verdict == Fits || d.Mode == reading.IgnoredMode || anyPasses.Result == match.Warn):
				t.Errorf("mode %s, client %s, stranger %s, any certificate passes: %s", d.Mode, client.Verdict, stranger.Verdict, anyPasses.Result)
			}
			probetest.Row{Attacker: "balancer " + string(pattern), Tries: "strict (S) and lax (L) servers in turn",
				Said:     fmt.Sprintf("mode %s, client %s, stranger %s, answers differ: %s", d.Mode, client.Verdict, stranger.Verdict, differ.Result),
				Received: "both certificates, with proof of the server's key"}.Log(t)
		})
	}
}

// TestHostileRateLimit holds that a server which turns connections away is asked
// again later, and that nothing is concluded from its limit.
func TestHostileRateLimit(t *testing.T) {
	for pattern, away := range map[string]int{"SSRSSSSSSSSSSS": 1, "SSRRRSSSSSSSSSSSS": 3, "SSSSSSSS": 0} {
		target, s, o := inTurn(t, pattern)
		d, err := New(s).Probe(t.Context(), target, o)
		if err != nil {
			t.Fatal(err)
		}
		limit := finding(d, match.ServerRateLimit)
		if d.Server.TurnedAway != away || (limit.Result == match.Warn) != (away > 0) || d.Identities[1].Verdict == Fits {
			t.Errorf("%s: %d turned away, %s; %s", pattern, d.Server.TurnedAway, limit.Result, d.Identities[1].Verdict)
		}
		probetest.Row{Attacker: "limit " + pattern, Tries: "HTTP 429 after some connections", Said: fmt.Sprintf("%s: %s; client %s", limit.Result, limit.Detail, d.Identities[0].Verdict),
			Received: "certificates, with proof of the server's key"}.Log(t)
	}
}

// TestHostileCertificates holds that a name with several keys behind it is told.
func TestHostileCertificates(t *testing.T) {
	p := testPKI()
	pool := x509.NewCertPool()
	pool.AddCert(p.Cert("Root"))
	config := func(name string) *tls.Config {
		return &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
			Certificates: []tls.Certificate{{Certificate: [][]byte{p.Cert(name).Raw}, PrivateKey: p.Key(name)}}}
	}
	var received atomic.Int32 // certificates, by the server that is not the one meant
	other := config("stranger")
	other.ClientAuth = tls.RequestClientCert
	other.VerifyConnection = func(state tls.ConnectionState) error {
		received.Add(int32(len(state.PeerCertificates)))
		return nil
	}
	server, err := probetest.ServeInTurn([]*tls.Config{config("localhost"), other}, []string{"200 OK", "200 OK"})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	target := localhost(t, server.Address)
	d, err := New(settings(p)).Probe(t.Context(), target, &probe.Options{Roots: pool, Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	f := finding(d, match.ServerCertificatesDiffer)
	if f.Result != match.Warn || !strings.Contains(f.Detail.String(), "CN=stranger") {
		t.Errorf("%s: %s", f.Result, f.Detail)
	}
	if received.Load() > 0 {
		t.Errorf("%d certificates were presented to a server that is not verified", received.Load())
	}
	probetest.Row{Attacker: "balancer with a second certificate", Tries: "every other connection is an unverified server's", Said: f.Detail.String(), Received: "nothing where the server is not verified"}.Log(t)
}

// none is a pause that is over at once.
func none(context.Context, time.Duration) {}
