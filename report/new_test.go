package report_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/certtest"
	"mtlsprobe/probe"
	"mtlsprobe/probe/diagnosis"
	"mtlsprobe/probe/probetest"
	"mtlsprobe/probe/reading"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report"
)

// diagnosed is a diagnosis that has every part.
func diagnosed(t *testing.T) *diagnosis.Diagnosis {
	t.Helper()
	p := certtest.NewAt("new", time.Now(), certtest.Edge{Subject: "Root", Issuer: "Root"},
		certtest.Edge{Subject: "client", Issuer: "Root"},
		certtest.Edge{Subject: "localhost", Issuer: "Root", Mutate: func(c *x509.Certificate) {
			c.DNSNames, c.ExtKeyUsage = []string{"localhost"}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		}})
	pool := x509.NewCertPool()
	pool.AddCert(p.Cert("Root"))
	server, err := probetest.ServeHTTPS(&tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
		Certificates: []tls.Certificate{{Certificate: [][]byte{p.Cert("localhost").Raw},
			PrivateKey: p.Key("localhost")}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	target, err := probe.ParseTarget(server.Address)
	if err != nil {
		t.Fatal(err)
	}
	target.ServerName = "localhost"
	engine := diagnosis.New(diagnosis.Settings{Now: time.Now, Holding: &certstore.Holding{
		Identities: []*certstore.Identity{{Label: "client.pem", Source: "client.pem", Leaf: p.Cert("client"),
			Key: certstore.Key{State: certstore.Usable, Signer: p.Key("client")}}},
		Authorities: []certstore.Authority{{Certificate: p.Cert("Root"), Source: "root.pem"}}}})
	d, err := engine.Probe(t.Context(), target, &probe.Options{Roots: pool, Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	d.NTP, d.Problems = &probe.NTPClock{}, []error{errors.New("a problem")}
	return d
}

// without calls back with copies of a struct, each with another field set to its zero value.
func without[T any](whole *T, check func(missing string, part *T)) {
	for n := range reflect.TypeFor[T]().NumField() {
		part := *whole
		if field := reflect.ValueOf(&part).Elem().Field(n); field.CanSet() && !field.IsZero() {
			field.SetZero()
			check(reflect.TypeFor[T]().Field(n).Name, &part)
		}
	}
}

// Every part of a diagnosis may be missing: it is reported without it, in every format.
func TestNewWithout(t *testing.T) {
	whole := diagnosed(t)
	checked := 0
	write := func(missing string, d *diagnosis.Diagnosis) {
		t.Run(missing, func(t *testing.T) {
			checked++
			r := report.New(d, true)
			for _, format := range report.Formats() {
				for _, verbose := range []bool{false, true} {
					f := report.Format{Name: format, Width: 80, Verbose: verbose, Clients: verbose, Paths: verbose,
						Timeline: verbose, Transcript: verbose}
					if err := report.Write(new(bytes.Buffer), f, r); err != nil {
						t.Errorf("%s: %v", format, err)
					}
				}
			}
			redacted, _ := report.Redact(r)
			if err := report.Write(new(bytes.Buffer), report.Format{Name: "json"}, redacted); err != nil {
				t.Errorf("redacted: %v", err)
			}
		})
	}
	write("nothing", whole)
	write("everything", &diagnosis.Diagnosis{})
	without(whole, write)
	without(whole.Server, func(missing string, part *diagnosis.Server) {
		d := *whole
		d.Server = part
		write("server without "+missing, &d)
	})
	without(whole.Server.Observation, func(missing string, part *probe.Observation) {
		d, server := *whole, *whole.Server
		server.Observation = part
		d.Server = &server
		write("observation without "+missing, &d)
	})
	without(whole.Server.Observation.Observation, func(missing string, part *reading.Observation) {
		d, server := *whole, *whole.Server
		server.Observation = &probe.Observation{Observation: part}
		d.Server = &server
		write("observed without "+missing, &d)
	})
	without(&whole.Identities[0], func(missing string, part *diagnosis.Identity) {
		if part.Identity == nil {
			return // it is what the rest is about
		}
		d := *whole
		d.Identities = []diagnosis.Identity{*part}
		write("identity without "+missing, &d)
	})
	without(whole.Request, func(missing string, part *wire.CertificateRequest) {
		d := *whole
		d.Request = part
		write("request without "+missing, &d)
	})
	const least = 25
	if checked < least {
		t.Errorf("only %s were checked", fmt.Sprint(checked, " reports"))
	}
}
