package diagnosis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/certtest"
	"mtlsprobe/probe"
	"mtlsprobe/probe/match"
	"mtlsprobe/probe/probetest"
	"mtlsprobe/probe/protocol"
	"mtlsprobe/probe/reading"
	"mtlsprobe/probe/stack"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// A trial is evidence where it says something about the certificate, and the findings
// decide where it does not.
func TestVerdict(t *testing.T) {
	leaf := &certstore.Identity{Leaf: &x509.Certificate{}, Key: certstore.Key{State: certstore.Usable}}
	fitting := &match.Verdict{Identity: leaf}
	with := func(c *match.Check) *match.Verdict {
		return &match.Verdict{Identity: leaf, Findings: []match.Finding{{Check: c, Result: match.Fail}}}
	}
	failing := with(match.UsageCA)
	trial := func(o reading.Outcome) *reading.Trial {
		return &reading.Trial{Outcome: o, Presented: o != reading.NotTried && o != reading.Ignored}
	}
	withheld := &reading.Trial{Outcome: reading.NotTried, Withheld: reading.Unverified}
	for _, tt := range []struct {
		name      string
		asked     say.Answer
		request   bool
		judgement *match.Verdict
		trial     *reading.Trial
		want      Verdict
		basis     Basis
	}{
		{"accepted", say.Yes, true, fitting, trial(reading.Accepted), Fits, Tried},
		{"accepted against the findings", say.Yes, true, failing, trial(reading.Accepted), Fits, Tried},
		{"accepted in an order that clients do not load", say.Yes, true, with(match.ChainOrder), trial(reading.Accepted), DoesNotFit, Predicted},
		{"refused", say.Yes, true, fitting, trial(reading.RefusedByTLS), DoesNotFit, Tried},
		{"refused by the application", say.Yes, true, fitting, trial(reading.RefusedByApplication), DoesNotFit, Tried},
		{"closed", say.Yes, true, fitting, trial(reading.Closed), DoesNotFit, Tried},
		{"ignored", say.Yes, true, fitting, trial(reading.Ignored), Unknown, Tried},
		{"silent", say.Yes, true, fitting, trial(reading.StayedSilent), Unknown, Tried},
		{"silent, with a failing check", say.Yes, true, failing, trial(reading.StayedSilent), DoesNotFit, Predicted},
		{"unknown", say.Yes, true, fitting, trial(reading.UnknownOutcome), Unknown, Tried},
		{"withheld", say.Yes, true, fitting, withheld, Fits, Predicted},
		{"not tried at all", say.Yes, true, fitting, nil, Fits, Predicted},
		{"not tried, with a failing check", say.Yes, true, failing, nil, DoesNotFit, Predicted},
		{"no request that could be read", say.Yes, false, fitting, nil, Unknown, None},
		{"not asked", say.No, false, failing, trial(reading.NotTried), Unknown, None},
		{"not known to ask", say.Unknown, false, fitting, nil, Unknown, None},
	} {
		d := &Diagnosis{Server: &Server{Observation: &probe.Observation{Observation: &reading.Observation{Demand: reading.Demand{Asked: tt.asked}}}}}
		if tt.request {
			d.Request = &wire.CertificateRequest{}
		}
		d.Identities = []Identity{{Identity: leaf, Judgement: tt.judgement, Trial: tt.trial}}
		d.conclude()
		if i := d.Identities[0]; i.Verdict != tt.want || i.Basis != tt.basis {
			t.Errorf("%s: %s, %s; want %s, %s", tt.name, i.Verdict, i.Basis, tt.want, tt.basis)
		}
	}
}

// A refusal of a name or role is told from one of the certificate by the control.
func TestAuthorization(t *testing.T) {
	answer := func(verdict protocol.Verdict, status int) *reading.Trial {
		return &reading.Trial{Outcome: reading.RefusedByApplication, Application: &protocol.Answer{Status: status, Verdict: verdict}}
	}
	http := func(status int) *reading.Trial { return answer(protocol.AccessRefused, status) }
	alert := &reading.Trial{Outcome: reading.RefusedByTLS, Alert: &wire.AlertSeen{From: wire.Server}}
	for _, tt := range []struct {
		name           string
		trial, control *reading.Trial
		want           bool
	}{
		{"403, the control by TLS", http(403), alert, true},
		{"403, the control 400", http(403), http(400), true},
		{"403, the control 403", http(403), http(403), false},
		{"400 about the certificate, the control by TLS", answer(protocol.CertificateRefused, 400), alert, false},
		{"MQTT not authorized, the control by TLS", answer(protocol.AccessRefused, 5), alert, true},
		{"MQTT not authorized, the control too", answer(protocol.AccessRefused, 5), answer(protocol.AccessRefused, 5), false},
		{"another user's", answer(protocol.UserRefused, 0), answer(protocol.CertificateRefused, 0), true},
		{"another user's, the control by TLS", answer(protocol.UserRefused, 0), alert, true},
		{"by TLS", alert, http(403), false},
		{"no control", http(403), nil, false},
	} {
		if got := authorization(tt.trial, tt.control); got != tt.want {
			t.Errorf("%s: %t", tt.name, got)
		}
	}
}

func testPKI() *certtest.PKI {
	return certtest.NewAt("diagnosis", time.Now(),
		certtest.Edge{Subject: "Root", Issuer: "Root"},
		certtest.Edge{Subject: "Other", Issuer: "Other"},
		certtest.Edge{Subject: "localhost", Issuer: "Root", Mutate: func(c *x509.Certificate) {
			c.DNSNames, c.ExtKeyUsage = []string{"localhost"}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		}},
		certtest.Edge{Subject: "client", Issuer: "Root"},
		certtest.Edge{Subject: "stranger", Issuer: "Other"},
	)
}

func identity(p *certtest.PKI, name string) *certstore.Identity {
	return &certstore.Identity{Label: name, Source: name, Leaf: p.Cert(name), Key: certstore.Key{State: certstore.Usable, Signer: p.Key(name)}}
}

// serve starts a server with the client authentication, and returns how to reach it.
func serve(t *testing.T, p *certtest.PKI, auth tls.ClientAuthType) (probe.Target, *probe.Options) {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(p.Cert("Root"))
	server, err := probetest.ServeHTTPS(&tls.Config{ClientAuth: auth, ClientCAs: pool,
		Certificates: []tls.Certificate{{Certificate: [][]byte{p.Cert("localhost").Raw}, PrivateKey: p.Key("localhost")}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	target, err := probe.ParseTarget(server.Address)
	if err != nil {
		t.Fatal(err)
	}
	target.ServerName = "localhost"
	return target, &probe.Options{Roots: pool, Timeout: 20 * time.Second}
}

func settings(p *certtest.PKI) Settings {
	return Settings{Now: time.Now, Plan: Plan{NoSweep: true}, Holding: &certstore.Holding{
		Identities:  []*certstore.Identity{identity(p, "client"), identity(p, "stranger")},
		Authorities: []certstore.Authority{{Certificate: p.Cert("Root"), Source: "root.pem"}},
	}}
}

// TestParallel diagnoses 50 targets at once with the same identities; the race
// detector looks on.
func TestParallel(t *testing.T) {
	p := testPKI()
	engine := New(settings(p))
	target, o := serve(t, p, tls.RequireAndVerifyClientCert)
	const targets = 50
	errs := make([]error, targets)
	var wait sync.WaitGroup
	for n := range targets {
		wait.Go(func() {
			d, err := engine.Probe(t.Context(), target, o)
			if err != nil {
				errs[n] = err
				return
			}
			if got := fmt.Sprint(d.Mode, d.Identities[0].Verdict, d.Identities[1].Verdict, d.Identities[0].Basis); got != fmt.Sprint(reading.Required, Fits, DoesNotFit, Tried) {
				errs[n] = errors.New(got)
			}
		})
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
}

// TestNotAsked holds that nobody is tried where the server does not ask, and that
// nothing is said about the certificates.
func TestNotAsked(t *testing.T) {
	p := testPKI()
	s := settings(p)
	var connections int
	var mu sync.Mutex
	s.Label = func(o *probe.Options, _ string) *probe.Options {
		mu.Lock()
		defer mu.Unlock()
		connections++
		return o
	}
	target, o := serve(t, p, tls.NoClientCert)
	d, err := New(s).Probe(t.Context(), target, o)
	if err != nil {
		t.Fatal(err)
	}
	if i := d.Identities[0]; i.Verdict != Unknown || i.Basis != None || i.Trial != nil || connections != 1 {
		t.Errorf("%s, %s, %+v after %d connections", i.Verdict, i.Basis, i.Trial, connections)
	}
}

// TestInterrupted holds that what was not tried is not counted as fitting.
func TestInterrupted(t *testing.T) {
	p := testPKI()
	ctx, cancel := context.WithCancel(t.Context())
	s := settings(p)
	s.Progress = func(int, int) { cancel() } // before the first identity
	target, o := serve(t, p, tls.RequireAndVerifyClientCert)
	d, err := New(s).Probe(ctx, target, o)
	if err != nil {
		t.Fatal(err)
	}
	if i := d.Identities[0]; !d.Interrupted || i.Verdict != Unknown || i.Trial.Outcome != reading.NotTried || i.Trial.Detail.String() != "interrupted" {
		t.Errorf("interrupted %t: %s, %+v", d.Interrupted, i.Verdict, i.Trial)
	}
}

// TestUnverified holds that nothing goes to a server that is not verified, and that
// the prediction stands.
func TestUnverified(t *testing.T) {
	p := testPKI()
	target, o := serve(t, p, tls.RequireAndVerifyClientCert)
	o.Roots = x509.NewCertPool()
	d, err := New(settings(p)).Probe(t.Context(), target, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range d.Identities {
		if i.Trial.Presented || i.Trial.Withheld != reading.Unverified || i.Basis != Predicted {
			t.Errorf("%s: %+v, %s", i.Label, i.Trial, i.Basis)
		}
	}
	if d.Identities[0].Verdict != Fits || d.Identities[1].Verdict != DoesNotFit {
		t.Errorf("%s, %s", d.Identities[0].Verdict, d.Identities[1].Verdict)
	}
}

func ExampleEngine_Check() {
	p := certtest.New(certtest.Edge{Subject: "Root", Issuer: "Root"}, certtest.Edge{Subject: "client", Issuer: "Root"})
	engine := New(Settings{
		Now: func() time.Time { return certtest.Now },
		Holding: &certstore.Holding{
			Identities:  []*certstore.Identity{{Label: "client.p12", Leaf: p.Cert("client"), Key: certstore.Key{State: certstore.Usable, Signer: p.Key("client")}}},
			Authorities: []certstore.Authority{{Certificate: p.Cert("Root"), Source: "root.pem", Origin: certstore.Given}},
		},
	})
	named := &wire.CertificateRequest{NamedCAs: [][]byte{p.Cert("Root").RawSubject}}
	d, err := engine.Check(context.Background(), "", match.Phase{Request: named})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, i := range d.Identities {
		fmt.Println(i.Label, i.Verdict, i.Basis)
	}
	// Output: client.p12 fits predicted
}

// A slow or broken application behind a TLS end that verifies: TLS has taken the
// certificate, and what the application thinks is another fact.
func TestSlowApplication(t *testing.T) {
	t.Parallel()
	const slow = 2500 * time.Millisecond // beyond what an application is given otherwise
	for _, tt := range []struct {
		status  string
		version uint16
		detail  string
	}{
		{"200 OK", tls.VersionTLS13, ""},
		{"502 Bad Gateway", tls.VersionTLS13, "accepted by TLS, which refused both controls"},
		{"502 Bad Gateway", tls.VersionTLS12, "accepted by TLS, which refused both controls"},
		{"400 Bad Request", tls.VersionTLS13, "accepted by TLS, which refused both controls"},
	} {
		t.Run(fmt.Sprint(tt.status, " ", tls.VersionName(tt.version)), func(t *testing.T) {
			t.Parallel()
			p := testPKI()
			config := &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, MaxVersion: tt.version, SessionTicketsDisabled: true}
			target, o := answering(t, p, config, func(conn net.Conn) {
				time.Sleep(slow) // the fault: nothing waits for this in the test
				_, _ = io.WriteString(conn, "HTTP/1.1 "+tt.status+"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			})
			d, err := New(settings(p)).Probe(t.Context(), target, o)
			if err != nil {
				t.Fatal(err)
			}
			i := d.Identities[0]
			if i.Verdict != Fits || i.Basis != Tried || !strings.Contains(i.Trial.Detail.String(), tt.detail) || i.Trial.Application == nil {
				t.Errorf("%s, %s: %s (%s), application %+v", i.Verdict, i.Basis, i.Trial.Outcome, i.Trial.Detail, i.Trial.Application)
			}
		})
	}
}

// trusting is the address of a server that requires a certificate under these CAs, and is itself
// the PKI's localhost.
func trusting(t *testing.T, p *certtest.PKI, cas ...string) string {
	t.Helper()
	pool := x509.NewCertPool()
	for _, c := range p.Certs(cas...) {
		pool.AddCert(c)
	}
	server, err := probetest.ServeHTTPS(&tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
		Certificates: []tls.Certificate{{Certificate: [][]byte{p.Cert("localhost").Raw}, PrivateKey: p.Key("localhost")}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server.Address
}

// Some clients send the leaf alone out of a bundle: whether the server takes that is
// tried, and said of these clients only.
func TestLeafAlone(t *testing.T) {
	t.Parallel()
	p := certtest.NewAt("alone", time.Now(), certtest.Edge{Subject: "Root", Issuer: "Root"}, certtest.Edge{Subject: "Issuing", Issuer: "Root"},
		certtest.Edge{Subject: "localhost", Issuer: "Root", Mutate: func(c *x509.Certificate) {
			c.DNSNames, c.ExtKeyUsage = []string{"localhost"}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		}},
		certtest.Edge{Subject: "client", Issuer: "Issuing"}, certtest.Edge{Subject: "direct", Issuer: "Root"})
	for _, tt := range []struct {
		name   string
		known  []string // CAs that the server has
		client string
		want   say.Answer
	}{
		{"the server has the root", []string{"Root"}, "client", say.No},
		{"the server has the intermediate, too", []string{"Root", "Issuing"}, "client", say.Yes},
		{"there is no intermediate", []string{"Root"}, "direct", say.Unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			address := trusting(t, p, tt.known...)
			i := identity(p, tt.client)
			if tt.client == "client" {
				i.Chain = p.Certs("Issuing")
			}
			roots := x509.NewCertPool()
			roots.AddCert(p.Cert("Root"))
			d, err := New(Settings{Now: time.Now, Plan: Plan{NoSweep: true}, Holding: &certstore.Holding{Identities: []*certstore.Identity{i}}}).
				Probe(t.Context(), localhost(t, address), &probe.Options{Roots: roots})
			if err != nil {
				t.Fatal(err)
			}
			if got := d.Identities[0]; got.Verdict != Fits || got.LeafAlone != tt.want {
				t.Errorf("%s, the leaf alone %s, want %s", got.Verdict, got.LeafAlone, tt.want)
			}
			for _, prediction := range d.Identities[0].Predictions {
				alone := prediction.Profile.Chain == stack.LeafAlone && tt.client == "client"
				if prediction.LeafAlone != alone || alone && prediction.Taken != tt.want {
					t.Errorf("%s: alone %t, taken %s", prediction.Profile.ID, prediction.LeafAlone, prediction.Taken)
				}
			}
		})
	}
}

// A client that builds its own path sends another chain than the file has: for the client that is
// asked for, that chain is tried, too.
func TestRechained(t *testing.T) {
	t.Parallel()
	now := time.Now()
	p := certtest.NewAt("rechained", now, certtest.Edge{Subject: "Old Root", Issuer: "Old Root"}, certtest.Edge{Subject: "New Root", Issuer: "New Root"},
		certtest.Edge{Subject: "Issuing", Issuer: "Old Root", Mutate: func(c *x509.Certificate) { c.NotBefore = now.AddDate(0, -3, 0) }},
		certtest.Edge{Subject: "Issuing", Issuer: "New Root", Name: "Issuing by New", Mutate: func(c *x509.Certificate) { c.NotBefore = now.AddDate(0, -1, 0) }},
		certtest.Edge{Subject: "localhost", Issuer: "Old Root", Mutate: func(c *x509.Certificate) {
			c.DNSNames, c.ExtKeyUsage = []string{"localhost"}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		}},
		certtest.Edge{Subject: "client", Issuer: "Issuing"})
	for _, tt := range []struct {
		name, client string
		trusted      []string
		want         say.Answer
	}{
		{"the newer twin leads elsewhere", "nss-nickname", []string{"Old Root"}, say.No},
		{"both roots are trusted", "nss-nickname", []string{"Old Root", "New Root"}, say.Yes},
		{"the client sends the file's chain", "curl", []string{"Old Root"}, say.Unknown},
		{"no client is asked for", "", []string{"Old Root"}, say.Unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			roots := x509.NewCertPool()
			roots.AddCert(p.Cert("Old Root"))
			address := trusting(t, p, tt.trusted...)
			i := identity(p, "client")
			i.Chain = p.Certs("Issuing")
			holding := &certstore.Holding{Identities: []*certstore.Identity{i},
				Authorities: []certstore.Authority{{Certificate: p.Cert("Issuing by New"), Source: "new.pem"}}}
			d, err := New(Settings{Now: time.Now, Plan: Plan{NoSweep: true}, Holding: holding, Client: tt.client}).
				Probe(t.Context(), localhost(t, address), &probe.Options{Roots: roots})
			if err != nil {
				t.Fatal(err)
			}
			got := d.Identities[0]
			if got.Verdict != Fits || got.AsClient != tt.want {
				t.Errorf("%s, as the client sends it %s, want %s", got.Verdict, got.AsClient, tt.want)
			}
			for _, prediction := range got.Predictions {
				mine, of := prediction.Profile.ID == tt.client, prediction.Profile.ID
				if !prediction.LeafAlone && prediction.Counts != (mine && tt.client == "nss-nickname") ||
					mine && prediction.Taken != tt.want {
					t.Errorf("%s: counts %t, taken %s", of, prediction.Counts, prediction.Taken)
				}
			}
		})
	}
}
