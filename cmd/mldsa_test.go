//go:build go1.27

package cmd

import (
	"crypto/mldsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"mtlsprobe/probe/probetest"
	"mtlsprobe/report"
)

// issue makes a certificate of a key of ML-DSA; a nil parent is for a root.
func issueMLDSA(t *testing.T, parameters mldsa.Parameters, name string, parent *x509.Certificate,
	issuer *mldsa.PrivateKey) (*x509.Certificate, *mldsa.PrivateKey) {
	t.Helper()
	key, err := mldsa.GenerateKey(parameters)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth,
			x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	if parent == nil {
		template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
		template.ExtKeyUsage, parent, issuer = nil, template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), issuer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// A client certificate of ML-DSA is loaded, judged, proved and tried.
func TestMLDSAProbe(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, parameters := range []mldsa.Parameters{mldsa.MLDSA44(), mldsa.MLDSA65(), mldsa.MLDSA87()} {
		name := parameters.String()
		t.Run(name, func(t *testing.T) {
			root, rootKey := issueMLDSA(t, parameters, "Root", nil, nil)
			leaf, key := issueMLDSA(t, parameters, "client", root, rootKey)
			server, serverKey := issueMLDSA(t, parameters, "server", root, rootKey)
			pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
			if err != nil {
				t.Fatal(err)
			}
			cert := func(c *x509.Certificate) []byte {
				return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
			}
			writeFile(t, "root.pem", cert(root))
			writeFile(t, "client.pem", append(cert(leaf), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})...))
			config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{server.Raw}, PrivateKey: serverKey}},
				ClientCAs: x509.NewCertPool(), ClientAuth: tls.RequireAndVerifyClientCert}
			config.ClientCAs.AddCert(root)
			s, err := probetest.ServeHTTPS(config, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			r := runJSON(t, 0, "probe", s.Address, "--cacert", "root.pem", "--cert", "client.pem")
			i := r.Identities[0]
			if i.Verdict != "fits" || i.Trial == nil || i.Trial.Outcome != "accepted" || i.Key.Algorithm != name ||
				r.Server.Verified != "yes" {
				t.Errorf("%+v %+v", i, r.Server)
			}
			for _, p := range i.Predictions {
				if p.Sends == "yes" || p.Sends == "no" &&
					!strings.Contains(p.Reason.String(), "OpenSSL from 3.5 and Go from 1.27") {
					t.Errorf("%s: %s, %s", p.Stack, p.Sends, p.Reason)
				}
			}
			if !slices.ContainsFunc(i.Findings, func(f report.Finding) bool {
				return f.Check == "request.signature-scheme" &&
					f.Result == "pass"
			}) {
				t.Errorf("%+v", i.Findings)
			}
		})
	}
}
