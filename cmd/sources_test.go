package cmd

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mtlsprobe/certstore/certtest"
	"mtlsprobe/certstore/certtest/debian"
	"mtlsprobe/probe/probetest"
	"mtlsprobe/report"
)

// do runs a program in the present folder; the test ends if it fails.
func do(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// runEnv is runJSON with variables, whatever the exit code.
func runEnv(t *testing.T, env map[string]string, args ...string) (*report.Report, string) {
	t.Helper()
	var out, errs bytes.Buffer
	s := &Streams{In: strings.NewReader(""), Out: &out, Err: &errs, Now: time.Now,
		LookupEnv: func(name string) (string, bool) { value, set := env[name]; return value, set }}
	Main(t.Context(), append(args, "-o", "json"), s)
	var r report.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("%v: %v\n%s%s", args, err, out.String(), errs.String())
	}
	return &r, errs.String()
}

// describe is one line for each identity: label, common name, chain, key.
func describe(r *report.Report) string {
	var b strings.Builder
	for _, i := range r.Identities {
		name := func(dn string) string { return strings.TrimSuffix(strings.TrimPrefix(dn, "CN="), ",O=Example") }
		var chain []string
		for _, c := range i.Chain {
			chain = append(chain, name(c.Subject))
		}
		b.WriteString(i.Label + ": " + name(i.Subject) + " [" + strings.Join(chain, " ") + "] " + i.Key.State + "\n")
	}
	return b.String()
}

// Keys that stay in a token are tried on a real server.
func TestToken(t *testing.T) {
	util, p11, openssl := tool(t, "softhsm2-util", "softhsm2"), tool(t, "pkcs11-tool", "opensc"),
		tool(t, "openssl", "openssl")
	serverFiles(t)
	modules, _ := filepath.Glob("/usr/lib/softhsm/libsofthsm2.so")
	if len(modules) == 0 {
		modules, _ = filepath.Glob("/usr/lib/*/softhsm/libsofthsm2.so")
	}
	if len(modules) == 0 {
		t.Fatal("softhsm2-util is there and its module is not")
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, "softhsm2.conf", []byte("directories.tokendir = "+dir+"\nlog.level = ERROR\n"))
	t.Setenv("SOFTHSM2_CONF", filepath.Join(dir, "softhsm2.conf"))
	do(t, util, "--init-token", "--free", "--label", "probe", "--pin", "246813", "--so-pin", "13572468")
	pki := tokenPKI(t)
	for id, name := range map[string]string{"01": "rsa", "02": "ec"} {
		do(t, util, "--import", name+".key", "--token", "probe", "--pin", "246813", "--label", name, "--id", id)
		do(t, p11, "--module", modules[0], "--token-label", "probe", "--login", "--pin", "246813", "--write-object",
			name+".der", "--type", "cert", "--label", name, "--id", id)
	}
	writeFile(t, "token-ca.pem", pki.CertPEM("Token Root"))
	uri := "pkcs11:token=probe?module-path=" + modules[0]

	r, _ := runEnv(t, nil, "inspect", uri)
	if got := describe(r); strings.Count(got, "locked") != 2 {
		t.Errorf("without a PIN:\n%s", got)
	}
	for _, version := range []string{"tls1_2", "tls1_3"} {
		port := debian.FreePort(t)
		startServer(t, port, openssl, "s_server", "-accept", "127.0.0.1:"+port, "-cert", "server.pem", "-key", "server.key",
			"-quiet",
			"-"+version, "-Verify", "2", "-verify_return_error", "-CAfile", "token-ca.pem")
		r, stderr := runEnv(t, map[string]string{"PIN": "246813"}, "probe", "127.0.0.1:"+port, "-k", "--no-sweep", "--cert",
			uri, "--pass", "env:PIN")
		if len(r.Identities) != 2 {
			t.Fatalf("%s: %s\n%s", version, describe(r), stderr)
		}
		for _, i := range r.Identities {
			if i.Key.State != "usable" || i.Trial == nil || i.Trial.Outcome != "accepted" {
				t.Errorf("%s: %s: key %s, trial %+v", version, i.Label, i.Key.State, i.Trial)
			}
		}
	}
}

// tokenPKI writes an RSA and an EC client's key as PKCS#8 and certificate as DER.
func tokenPKI(t *testing.T) *certtest.PKI {
	t.Helper()
	pki := certtest.NewAt("token", time.Now(), certtest.Edge{Subject: "Token Root", Issuer: "Token Root"},
		certtest.Edge{Subject: "ec client", Issuer: "Token Root"})
	writeFile(t, "ec.der", pki.Cert("ec client").Raw)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "rsa client"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, pki.Cert("Token Root"), key.Public(), pki.Key("Token Root"))
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, "rsa.der", der)
	for name, private := range map[string]any{"rsa": key, "ec": pki.Key("ec client")} {
		pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, name+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
	}
	return pki
}

func writeFile(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A database of NSS tells whose key is there, locked or not.
func TestNSSDatabase(t *testing.T) {
	certutil, pk12util := tool(t, "certutil", "libnss3-tools"), tool(t, "pk12util", "libnss3-tools")
	serverFiles(t)
	for _, password := range []string{"", "hunter2secret"} {
		db := t.TempDir()
		writeFile(t, "password", []byte(password+"\n"))
		do(t, certutil, "-N", "-d", "sql:"+db, "-f", "password")
		do(t, pk12util, "-i", "good.p12", "-d", "sql:"+db, "-k", "password", "-W", "")
		do(t, certutil, "-A", "-d", "sql:"+db, "-n", "somebody else", "-t", ",,", "-i", "server.pem", "-f", "password")
		want := "cert9.db: good [Issuing Root] usable\n"
		r, _ := runEnv(t, map[string]string{"PASSWORD": password},
			append([]string{"inspect", "sql:" + db}, map[bool][]string{false: nil,
				true: {"--pass", "env:PASSWORD"}}[password != ""]...)...)
		if got := sortChain(describe(r)); got != want {
			t.Errorf("password %q:\n%swant\n%s", password, got, want)
		}
		if password != "" {
			r, _ = runEnv(t, nil, "inspect", filepath.Join(db, "cert9.db"))
			if got := sortChain(describe(r)); got != "cert9.db: good [Issuing Root] locked\n" {
				t.Errorf("without the password:\n%s", got)
			}
		}
	}
}

// sortChain puts the root behind its issuing CA: databases have no order.
func sortChain(s string) string { return strings.ReplaceAll(s, "[Root Issuing]", "[Issuing Root]") }

// Each entry of a key store has its own chain.
func TestKeyStoreEntries(t *testing.T) {
	keytool := tool(t, "keytool", "openjdk-17-jdk-headless")
	serverFiles(t)
	for _, kind := range []string{"JKS", "JCEKS", "PKCS12"} {
		store := "store." + strings.ToLower(kind)
		for _, bundle := range []string{"good.p12", "other-ca.p12"} {
			do(t, tool(t, "openssl", "openssl"), "pkcs12", "-in", bundle, "-passin", "pass:", "-nodes", "-out", "all.pem")
			do(t, "openssl", "pkcs12", "-export", "-in", "all.pem", "-name", strings.TrimSuffix(bundle, ".p12"), "-passout",
				"pass:hunter2secret", "-out", "named.p12")
			do(t, keytool, "-importkeystore", "-noprompt", "-srckeystore", "named.p12", "-srcstoretype", "PKCS12",
				"-srcstorepass", "hunter2secret",
				"-destkeystore", store, "-deststoretype", kind, "-deststorepass", "hunter2secret", "-destkeypass", "hunter2secret")
		}
		r, stderr := runEnv(t, map[string]string{"PASSWORD": "hunter2secret"}, "inspect", store, "--pass", "env:PASSWORD")
		got := describe(r)
		for _, want := range []string{": good [Issuing Root] usable\n", ": stranger [Other] usable\n"} {
			if !strings.Contains(sortChain(got), want) {
				t.Errorf("%s:\n%swant %q\n%s", kind, got, want, stderr)
			}
		}
	}
}

// An entry whose key has another password is not left out: it is locked.
func TestKeyStoreOfTwoPasswords(t *testing.T) {
	keytool, openssl := tool(t, "keytool", "openjdk-17-jdk-headless"), tool(t, "openssl", "openssl")
	serverFiles(t)
	for bundle, keyPassword := range map[string]string{"good.p12": "hunter2secret", "other-ca.p12": "another secret"} {
		do(t, openssl, "pkcs12", "-in", bundle, "-passin", "pass:", "-nodes", "-out", "all.pem")
		do(t, openssl, "pkcs12", "-export", "-in", "all.pem", "-name", strings.TrimSuffix(bundle, ".p12"), "-passout",
			"pass:hunter2secret", "-out", "named.p12")
		do(t, keytool, "-importkeystore", "-noprompt", "-srckeystore", "named.p12", "-srcstoretype", "PKCS12",
			"-srcstorepass", "hunter2secret",
			"-srcalias", strings.TrimSuffix(bundle,
				".p12"), "-destkeystore", "two.jks", "-deststoretype", "JKS", "-deststorepass", "hunter2secret", "-destkeypass", keyPassword)
	}
	r, _ := runEnv(t, map[string]string{"PASSWORD": "hunter2secret"}, "inspect", "two.jks", "--pass", "env:PASSWORD")
	got := describe(r)
	if !strings.Contains(got, "good [Issuing Root] usable") || !strings.Contains(got, "stranger [Other] locked") {
		t.Errorf("got\n%s", got)
	}
	for _, i := range r.Identities {
		if i.Key.State == "locked" && !strings.Contains(i.Key.Detail, `"other-ca"`) {
			t.Errorf("the locked key is called %s", i.Key.Detail)
		}
	}
	if code, _, _ := run(t, "check", "--cert", "two.jks", "--pass", "pass:hunter2secret", "--named-ca", "ca.pem",
		"--require", "all"); code != exitNoIdentity {
		t.Errorf("all of them fit: exit code %d", code)
	}
}

// A clock that is wrong is what is found, and not a certificate that has expired.
func TestFalseClock(t *testing.T) {
	now := time.Now()
	p := certtest.NewAt("clock", now,
		certtest.Edge{Subject: "Root", Issuer: "Root"},
		certtest.Edge{Subject: "server", Issuer: "Root", Mutate: func(c *x509.Certificate) {
			c.ExtKeyUsage, c.IPAddresses = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, []net.IP{net.IPv4(127, 0, 0, 1)}
			c.NotBefore, c.NotAfter = now.AddDate(-2, 0, 0), now.AddDate(2, 0, 0)
		}},
		certtest.Edge{Subject: "ends soon", Issuer: "Root",
			Mutate: func(c *x509.Certificate) { c.NotAfter = now.Add(time.Hour) }},
		certtest.Edge{Subject: "just ended", Issuer: "Root",
			Mutate: func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Hour) }},
	)
	t.Chdir(t.TempDir())
	writeFile(t, "ca.pem", p.CertPEM("Root"))
	for _, name := range []string{"ends soon", "just ended"} {
		writeFile(t, strings.ReplaceAll(name, " ", "-")+".pem", append(p.CertPEM(name), p.KeyPEM(name)...))
	}
	for _, tt := range []struct {
		skew                       time.Duration
		cert, outcome, skewed, end string // results of the trial, of clock.skew and of validity.expired
		says                       string
	}{
		{3*time.Hour + 12*time.Minute, "ends-soon.pem", "refused", "fail", "pass",
			"valid only because this host's clock is 3 h 12 min behind the server's clock"},
		{-3*time.Hour - 12*time.Minute, "just-ended.pem", "accepted", "fail", "warn",
			"outside its validity only because this host's clock is 3 h 12 min ahead of the server's clock"},
		{0, "just-ended.pem", "refused", "pass", "fail", "agrees"},
	} {
		clock := func() time.Time { return time.Now().Add(tt.skew) }
		pool := x509.NewCertPool()
		pool.AddCert(p.Cert("Root"))
		server, err := probetest.ServeHTTPS(&tls.Config{
			Certificates: []tls.Certificate{{Certificate: [][]byte{p.Cert("server").Raw}, PrivateKey: p.Key("server")}},
			ClientAuth:   tls.VerifyClientCertIfGiven, ClientCAs: pool, Time: clock,
		}, clock)
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		r, _ := runEnv(t, nil, "probe", server.Address, "--cacert", "ca.pem", "--no-sweep", "--cert", tt.cert)
		i := &r.Identities[0]
		if i.Trial.Outcome != tt.outcome {
			t.Errorf("%v: trial %+v, want %s", tt.skew, i.Trial, tt.outcome)
		}
		for _, f := range i.Findings {
			switch {
			case f.Check == "clock.skew" && (f.Result != tt.skewed ||
				!strings.Contains(strings.ReplaceAll(f.Detail.String(), "11 min", "12 min"), tt.says)):
				t.Errorf("%v: %+v, want %s with %q", tt.skew, f, tt.skewed, tt.says)
			case f.Check == "validity.expired" && f.Result != tt.end:
				t.Errorf("%v: %+v, want %s", tt.skew, f, tt.end)
			}
		}
	}
}

// What root reads says nothing about the account that runs the client.
func TestAsUser(t *testing.T) {
	if os.Geteuid() != 0 {
		debian.Missing(t, "only root can make files that another account may not read and read them itself")
	}
	serverFiles(t)
	finding := func(check string, args ...string) report.Finding {
		r, _ := runEnv(t, nil, append([]string{"check", "--cert", "good.p12", "--named-ca", "ca.pem"}, args...)...)
		for _, f := range r.Identities[0].Findings {
			if f.Check == check {
				return f
			}
		}
		t.Fatalf("no finding %s", check)
		return report.Finding{}
	}
	if f := finding("key.account", "--as-user", "nobody"); f.Result != "fail" ||
		!strings.Contains(f.Detail.String(), `the account "nobody" cannot read it`) || f.Remedy == nil {
		t.Errorf("%+v", f)
	}
	r, _ := runEnv(t, nil, "inspect", "good.p12", "--as-user", "nobody")
	if a := r.Identities[0].Access; a == nil || a.Result != "no" || a.Account != "nobody" {
		t.Errorf("inspect: %+v", a)
	}
	if f := finding("key.account"); f.Result != "not-applicable" {
		t.Errorf("%+v", f)
	}
	if f := finding("key.exposed"); f.Result != "pass" {
		t.Errorf("%+v", f)
	}
}
