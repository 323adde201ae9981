package probe

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"testing"
	"time"

	"mtlsprobe/probe/probetest"
	"mtlsprobe/report/say"
)

// One name asks for a certificate, another does not; and every address is asked.
func TestVariants(t *testing.T) {
	p := testPKI(time.Now())
	plain := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{p.Cert("server").Raw}, PrivateKey: p.Key("server")}}}
	asking := plain.Clone()
	asking.ClientAuth, asking.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	asking.ClientCAs.AddCert(p.Cert("Root"))
	config := plain.Clone()
	config.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		return map[bool]*tls.Config{true: asking, false: plain}[h.ServerName == "locked.example"], nil
	}
	server, err := probetest.ServeHTTPS(config, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	target, err := ParseTarget(server.Address)
	if err != nil {
		t.Fatal(err)
	}
	target.Host = "localhost"
	variants, err := Variants(t.Context(), target, []string{"open.example", "locked.example"}, true, &Options{Insecure: true, Timeout: 3 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	var labels []string
	for n := range variants {
		v := &variants[n]
		labels = append(labels, v.Label())
		want := say.No
		if v.ServerName == "locked.example" {
			want = say.Yes
		}
		if v.Label() == "::1" { // nobody listens there
			if v.Err == nil {
				t.Errorf("%s: %+v, want an error", v.Label(), v.Observation)
			}
			continue
		}
		if v.Err != nil || v.Observation.Asked != want {
			t.Errorf("%s: %+v, %v; want asked %s", v.Label(), v.Observation, v.Err, want)
		}
	}
	for _, want := range []string{"127.0.0.1", "open.example", "locked.example"} {
		if !slices.Contains(labels, want) {
			t.Errorf("%v lacks %s", labels, want)
		}
	}
	target.Host = "no-such-host.invalid"
	if _, err := Variants(t.Context(), target, nil, true, nil); err == nil {
		t.Error("a host that does not exist has addresses")
	}
}
