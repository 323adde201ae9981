//go:build cgo

package token

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/miekg/pkcs11"

	"mtlsprobe/certstore/certtest"
	"mtlsprobe/certstore/certtest/debian"
)

const testPIN = "246813"

// A softToken is a token of SoftHSM in a directory of its own, with an RSA and an
// ECDSA key and their certificates.
type softToken struct {
	module string
	pki    *certtest.PKI
	rsa    *x509.Certificate
}

func newSoftToken(t *testing.T) *softToken {
	t.Helper()
	util := debian.Program(t, "softhsm2", "softhsm2-util")
	s := &softToken{
		module: debian.Program(t, "softhsm2", "/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/*/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so"),
		pki:    certtest.NewAt("token", time.Now(), certtest.Edge{Subject: "Root", Issuer: "Root"}, certtest.Edge{Subject: "client", Issuer: "Root"}),
	}
	dir := t.TempDir()
	write(t, dir+"/softhsm2.conf", []byte("directories.tokendir = "+dir+"\nlog.level = ERROR\n"))
	t.Setenv("SOFTHSM2_CONF", dir+"/softhsm2.conf")
	command(t, util, "--init-token", "--free", "--label", "probe token", "--pin", testPIN, "--so-pin", "13572468")

	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s.rsa = s.certify(t, "rsa client", key.Public())
	write(t, dir+"/rsa.pem", pemKey(t, key))
	write(t, dir+"/ec.pem", s.pki.KeyPEM("client"))
	for _, k := range []string{"rsa", "ec"} {
		id := map[string]string{"rsa": "01", "ec": "02"}[k]
		command(t, util, "--import", dir+"/"+k+".pem", "--token", "probe token", "--pin", testPIN, "--label", k, "--id", id)
	}
	s.create(t, certificate("rsa", "\x01", s.rsa), certificate("ec", "\x02", s.pki.Cert("client")))
	return s
}

// certify issues a client certificate for a key that certtest did not make.
func (s *softToken) certify(t *testing.T, name string, public crypto.PublicKey) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, s.pki.Cert("Root"), public, s.pki.Key("Root"))
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func certificate(label, id string, cert *x509.Certificate) []*pkcs11.Attribute {
	return []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_CERTIFICATE), pkcs11.NewAttribute(pkcs11.CKA_CERTIFICATE_TYPE, pkcs11.CKC_X_509),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, false),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, label), pkcs11.NewAttribute(pkcs11.CKA_ID, id),
		pkcs11.NewAttribute(pkcs11.CKA_SUBJECT, cert.RawSubject), pkcs11.NewAttribute(pkcs11.CKA_VALUE, cert.Raw),
	}
}

// ecPrivate is the client's key without a public key object.
func (s *softToken) ecPrivate(t *testing.T, label, id string, alwaysAuth bool) []*pkcs11.Attribute {
	t.Helper()
	scalar, err := s.pki.Key("client").Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY), pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_EC),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true), pkcs11.NewAttribute(pkcs11.CKA_SIGN, true),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, label), pkcs11.NewAttribute(pkcs11.CKA_ID, id),
		pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}), // P-256
		pkcs11.NewAttribute(pkcs11.CKA_VALUE, scalar), pkcs11.NewAttribute(pkcs11.CKA_ALWAYS_AUTHENTICATE, alwaysAuth),
	}
}

// session calls f with a session that may write.
func (s *softToken) session(t *testing.T, f func(*pkcs11.Ctx, pkcs11.SessionHandle)) {
	t.Helper()
	m, err := load(s.module)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { check(t, m.close()) }()
	slots, err := m.slots()
	check(t, err)
	handle, err := m.ctx.OpenSession(slots[0], pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	check(t, err)
	check(t, m.ctx.Login(handle, pkcs11.CKU_USER, testPIN))
	f(m.ctx, handle)
}

func (s *softToken) create(t *testing.T, objects ...[]*pkcs11.Attribute) {
	t.Helper()
	s.session(t, func(ctx *pkcs11.Ctx, handle pkcs11.SessionHandle) {
		for _, o := range objects {
			_, err := ctx.CreateObject(handle, o)
			check(t, err)
		}
	})
}

// generateEd25519 makes a key in the token and returns its public half.
func (s *softToken) generateEd25519(t *testing.T, label, id string) ed25519.PublicKey {
	t.Helper()
	var public ed25519.PublicKey
	s.session(t, func(ctx *pkcs11.Ctx, handle pkcs11.SessionHandle) {
		common := []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_LABEL, label), pkcs11.NewAttribute(pkcs11.CKA_ID, id)}
		const mechanism = 0x1055 // CKM_EC_EDWARDS_KEY_PAIR_GEN
		curve := pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, append([]byte{0x13, 12}, "edwards25519"...))
		o, _, err := ctx.GenerateKeyPair(handle, []*pkcs11.Mechanism{pkcs11.NewMechanism(mechanism, nil)},
			append([]*pkcs11.Attribute{curve}, common...), append([]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_SIGN, true)}, common...))
		check(t, err)
		got, err := ctx.GetAttributeValue(handle, o, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_EC_POINT, nil)})
		check(t, err)
		public = unwrap(got[0].Value)
	})
	return public
}

// open opens what the URI's further path attributes match.
func (s *softToken) open(t *testing.T, path string, pin PINFunc) *Contents {
	t.Helper()
	return openURI(t, fmt.Sprintf("pkcs11:token=probe%%20token%s?module-path=%s", path, s.module), pin)
}

func openURI(t *testing.T, uri string, pin PINFunc) *Contents {
	t.Helper()
	u, err := ParseURI(uri)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Open(t.Context(), u, pin)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { check(t, c.Close()) })
	if len(c.Tokens) != 1 || len(c.Problems) > 0 {
		t.Fatalf("got %d tokens, problems %v, want 1 token", len(c.Tokens), c.Problems)
	}
	return c
}

// giving returns a PINFunc and the tokens that it was asked for.
func giving(pin string, err error) (PINFunc, *[]Info) {
	var asked []Info
	return func(_ context.Context, i Info) (string, error) {
		asked = append(asked, i)
		return pin, err
	}, &asked
}

func pemKey(t *testing.T, key crypto.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	check(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	check(t, os.WriteFile(path, data, 0o600))
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, args[0], err, bytes.TrimSpace(out))
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
