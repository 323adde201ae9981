package certstore

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"mtlsprobe/certstore/certtest"

	"golang.org/x/crypto/ocsp"
)

// web is an issuer's web server on loopback: its certificates, and OCSP.
func web(t *testing.T) (p *certtest.PKI, close func()) {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	at := func(paths ...string) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			for _, path := range paths {
				c.IssuingCertificateURL = append(c.IssuingCertificateURL, server.URL+path)
			}
			c.OCSPServer = []string{server.URL + "/ocsp"}
		}
	}
	p = certtest.New(
		certtest.Edge{Subject: "Root", Issuer: "Root"},
		certtest.Edge{Subject: "CA", Issuer: "Root", Mutate: at("/root.crt")},
		certtest.Edge{Subject: "client", Issuer: "CA", Mutate: at("/ca.crt")},
		certtest.Edge{Subject: "revoked", Issuer: "CA", Mutate: at("/ca.crt")},
		certtest.Edge{Subject: "astray", Issuer: "CA", Mutate: at("/missing", "/text", "/away", "/large")},
	)
	serve := func(path string, data []byte) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(data) })
	}
	serve("/ca.crt", p.Cert("CA").Raw)
	serve("/root.crt", p.CertPEM("Root"))
	serve("/text", []byte("hello"))
	serve("/large", make([]byte, maxFetchSize+1))
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/ca.crt",
			http.StatusFound)
	})
	mux.HandleFunc("/ocsp", func(w http.ResponseWriter, r *http.Request) {
		data := make([]byte, 4096)
		n, _ := r.Body.Read(data)
		request, err := ocsp.ParseRequest(data[:n])
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answer := ocsp.Response{Status: ocsp.Good, SerialNumber: request.SerialNumber, ThisUpdate: time.Now(),
			NextUpdate: time.Now().Add(time.Hour), IssuerHash: crypto.SHA1}
		if request.SerialNumber.Cmp(p.Cert("revoked").SerialNumber) == 0 {
			answer.Status, answer.RevokedAt = ocsp.Revoked, certtest.Now
		}
		der, err := ocsp.CreateResponse(p.Cert("CA"), p.Cert("CA"), answer, p.Key("CA"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = w.Write(der)
	})
	return p, server.Close
}

func TestIssuers(t *testing.T) {
	p, stop := web(t)
	defer stop()
	found, problems := (&Fetcher{Private: true}).Issuers(t.Context(), p.Certs("client"))
	if len(problems) > 0 || len(found) != 2 || !found[0].Certificate.Equal(p.Cert("CA")) ||
		!found[1].Certificate.Equal(p.Cert("Root")) || !strings.HasSuffix(found[0].Source, "/ca.crt") {
		t.Errorf("found %v, problems %v", found, problems)
	}
	found, problems = (&Fetcher{}).Issuers(t.Context(), p.Certs("client"))
	if len(found) > 0 || len(problems) != 1 || !strings.Contains(problems[0].Error(),
		"private address, which is not asked by default") {
		t.Errorf("private addresses: found %v, problems %v", found, problems)
	}
	found, problems = (&Fetcher{Private: true}).Issuers(t.Context(), p.Certs("astray"))
	want := []string{"answers HTTP 404", "is not a certificate", "answers HTTP 302", "more than 256 KiB came"}
	if len(found) > 0 || len(problems) != len(want) {
		t.Fatalf("found %v, problems %v", found, problems)
	}
	for i, w := range want {
		if !strings.Contains(problems[i].Error(), w) {
			t.Errorf("problem %v, want %q", problems[i], w)
		}
	}
}

func TestStatus(t *testing.T) {
	p, stop := web(t)
	defer stop()
	f := &Fetcher{Private: true}
	if s := f.Status(t.Context(), p.Cert("client"), p.Cert("CA")); s.Status != Good || s.Err != nil {
		t.Errorf("good: %+v", s)
	}
	if s := f.Status(t.Context(), p.Cert("revoked"), p.Cert("CA")); s.Status != Revoked ||
		!s.RevokedAt.Equal(certtest.Now) {
		t.Errorf("revoked: %+v", s)
	}
	if s := f.Status(t.Context(), p.Cert("client"), p.Cert("Root")); s.Status != StatusUnknown || s.Err == nil {
		t.Errorf("answered by another CA: %+v", s)
	}
	if s := f.Status(t.Context(), p.Cert("Root"), p.Cert("Root")); s != nil {
		t.Errorf("no responder is named: %+v", s)
	}
	if s := (&Fetcher{}).Status(t.Context(), p.Cert("client"), p.Cert("CA")); s.Err == nil {
		t.Error("a private address was asked")
	}
}

func TestLoadCRLs(t *testing.T) {
	p := certtest.New(certtest.Edge{Subject: "CA", Issuer: "CA"}, certtest.Edge{Subject: "client", Issuer: "CA"})
	der, err := x509.CreateRevocationList(rand.Reader,
		&x509.RevocationList{Number: big.NewInt(1), ThisUpdate: certtest.Now, NextUpdate: certtest.Now.AddDate(0, 0, 1),
			RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: p.Cert("client").SerialNumber,
				RevocationTime: certtest.Now}}}, p.Cert("CA"), p.Key("CA"))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(writeFiles(t, map[string][]byte{"a.crl": der, "text": []byte("hello")}))
	lists, err := LoadCRLs(t.Context(), "a.crl")
	if err != nil || len(lists) != 1 || len(lists[0].Revoked) != 1 || lists[0].Source != "a.crl" {
		t.Errorf("%v, %v", lists, err)
	}
	for name, want := range map[string]string{"text": `"text" is not a revocation list`, "none": `"none" cannot be read: no such file`} {
		if _, err := LoadCRLs(t.Context(), name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	if RevocationReason(1) != "keyCompromise" || RevocationReason(77) != "reason 77" {
		t.Error("reasons are worded wrongly")
	}
}

func TestSystemAuthorities(t *testing.T) {
	p := certtest.New(certtest.Edge{Subject: "Root", Issuer: "Root"})
	t.Chdir(writeFiles(t, map[string][]byte{"roots.pem": p.CertPEM("Root"), "broken": []byte("hello")}))
	for file, want := range map[string]int{"roots.pem": 1, "broken": 0, "none": 0} {
		found, err := SystemAuthorities(t.Context(), func(string) string { return file })
		if err != nil || len(found) != want {
			t.Errorf("%s: %v, %v", file, found, err)
		}
	}
	if _, err := os.Stat("/etc/ssl/certs/ca-certificates.crt"); err == nil {
		if found, err := SystemAuthorities(t.Context(), func(string) string { return "" }); err != nil || len(found) < 20 {
			t.Errorf("Debian's roots: %d, %v", len(found), err)
		}
	}
}
