//go:build cgo

package token

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"mtlsprobe/certstore/certtest/debian"
)

func TestOpen(t *testing.T) {
	s := newSoftToken(t)
	for _, tt := range []struct {
		path         string
		certificates string // labels
		keys         string
		logins       int
	}{
		{"", "ec rsa", "ec rsa", 1},
		{";type=cert", "ec rsa", "", 0},
		{";type=private", "", "ec rsa", 1},
		{";id=%01", "rsa", "rsa", 1},
		{";object=ec", "ec", "ec", 1},
		{";object=ec;id=%01", "", "", 1},
	} {
		t.Run("token"+tt.path, func(t *testing.T) {
			pin, asked := giving(testPIN, nil)
			token := s.open(t, tt.path, pin).Tokens[0]
			var certificates, keys []string
			for _, c := range token.Certificates {
				certificates = append(certificates, c.Label)
			}
			for _, k := range token.Keys {
				keys = append(keys, k.Label)
			}
			if got := sorted(certificates); got != tt.certificates {
				t.Errorf("got certificates %q, want %q", got, tt.certificates)
			}
			if got := sorted(keys); got != tt.keys {
				t.Errorf("got keys %q, want %q", got, tt.keys)
			}
			if len(*asked) != tt.logins {
				t.Errorf("the PIN was asked for %d times, want %d", len(*asked), tt.logins)
			}
			if token.Locked != "" || len(token.Problems) > 0 != (tt.certificates+tt.keys == "") {
				t.Errorf("got locked %q, problems %v", token.Locked, token.Problems)
			}
		})
	}
}

func TestOpenNothing(t *testing.T) {
	s := newSoftToken(t)
	token := s.open(t, ";id=01;type=cert", nil).Tokens[0]
	if len(token.Problems) != 1 || !strings.Contains(token.Problems[0].Error(), "id=%01") {
		t.Errorf("an ID in hexadecimal digits: got %v", token.Problems)
	}
	for uri, want := range map[string]string{
		"pkcs11:token=other?module-path=" + s.module:              `no token matches "pkcs11:token=other?`,
		"pkcs11:slot-description=x?module-path=" + s.module:       "probe token",
		"pkcs11:library-version=1.1?module-path=" + s.module:      "the URI does not match",
		"pkcs11:?module-path=/nonexistent/module.so":              "no such file",
		"pkcs11:?module-path=/etc/passwd":                         "is not a PKCS #11 module",
		"pkcs11:?module-name=nonexistent":                         "there is no PKCS #11 module nonexistent.so in /usr/lib",
		"pkcs11:?pin-source=/nonexistent&module-path=" + s.module: "reading the PIN",
	} {
		u, err := ParseURI(uri)
		check(t, err)
		if _, err := Open(t.Context(), u, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", uri, err, want)
		}
	}
}

func TestSign(t *testing.T) {
	s := newSoftToken(t)
	edwards := s.generateEd25519(t, "ed", "\x03")
	pin, _ := giving(testPIN, nil)
	var group sync.WaitGroup
	keys := s.open(t, "", pin).Tokens[0].Keys
	if len(keys) != 3 {
		t.Fatalf("got %d keys, want 3", len(keys))
	}
	for _, k := range keys {
		group.Go(func() { // a session takes one operation at a time
			switch k.Label {
			case "rsa":
				testRSA(t, k.Signer, s.rsa.PublicKey.(*rsa.PublicKey))
			case "ec":
				testECDSA(t, k.Signer, &s.pki.Key("client").PublicKey)
			case "ed":
				signature, err := k.Signer.Sign(nil, []byte("message"), crypto.Hash(0))
				if err != nil || !ed25519.Verify(edwards, []byte("message"), signature) || !edwards.Equal(k.Signer.Public()) {
					t.Errorf("Ed25519: got %x, %v", signature, err)
				}
			}
		})
	}
	group.Wait()
}

func testRSA(t *testing.T, signer crypto.Signer, want *rsa.PublicKey) {
	if !want.Equal(signer.Public()) {
		t.Error("the RSA key is another one")
	}
	for _, hash := range []crypto.Hash{crypto.SHA1, crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		digest := bytes.Repeat([]byte{7}, hash.Size())
		signature, err := signer.Sign(nil, digest, hash)
		if err == nil {
			err = rsa.VerifyPKCS1v15(want, hash, digest, signature)
		}
		if err != nil {
			t.Errorf("PKCS #1 v1.5 with %v: %v", hash, err)
		}
		for _, salt := range []int{rsa.PSSSaltLengthEqualsHash, rsa.PSSSaltLengthAuto, 20} {
			options := &rsa.PSSOptions{SaltLength: salt, Hash: hash}
			signature, err := signer.Sign(nil, digest, options)
			if err == nil {
				err = rsa.VerifyPSS(want, hash, digest, signature, options)
			}
			if err != nil {
				t.Errorf("PSS with %v, salt %d: %v", hash, salt, err)
			}
		}
	}
	if _, err := signer.Sign(nil, []byte("short"), crypto.SHA256); err == nil {
		t.Error("a digest of 5 bytes was signed as SHA-256")
	}
	if signature, err := signer.Sign(nil, make([]byte, 36), crypto.MD5SHA1); err != nil || rsa.VerifyPKCS1v15(want, crypto.MD5SHA1, make([]byte, 36), signature) != nil {
		t.Errorf("PKCS #1 v1.5 as in TLS 1.1: %v", err)
	}
}

func testECDSA(t *testing.T, signer crypto.Signer, want *ecdsa.PublicKey) {
	if !want.Equal(signer.Public()) {
		t.Error("the ECDSA key is another one")
	}
	for _, hash := range []crypto.Hash{crypto.SHA1, crypto.SHA256, crypto.SHA512} {
		for i := range 8 { // with and without leading zeros
			digest := bytes.Repeat([]byte{byte(i)}, hash.Size())
			signature, err := signer.Sign(nil, digest, hash)
			if err != nil || !ecdsa.VerifyASN1(want, digest, signature) {
				t.Errorf("ECDSA with %v: got %x, %v", hash, signature, err)
			}
		}
	}
}

// A token may keep no public key: then the certificate's is taken. And it may
// want the PIN for each signature.
func TestKeyAlone(t *testing.T) {
	s := newSoftToken(t)
	s.create(t, certificate("alone", "\x10", s.pki.Cert("client")), s.ecPrivate(t, "alone", "\x10", false),
		certificate("each", "\x11", s.pki.Cert("client")), s.ecPrivate(t, "each", "\x11", true), s.ecPrivate(t, "lost", "\x12", false))
	for _, label := range []string{"alone", "each"} {
		t.Run(label, func(t *testing.T) {
			pin, asked := giving(testPIN, nil)
			keys := s.open(t, ";object="+label, pin).Tokens[0].Keys
			if len(keys) != 1 || len(*asked) != 1 {
				t.Fatalf("got %d keys, and %d questions for the PIN, want 1, 1", len(keys), len(*asked))
			}
			if each := keys[0].Signer.(*signer).loginEach; each != (label == "each") {
				t.Errorf("login for each signature is %v", each)
			}
			testECDSA(t, keys[0].Signer, &s.pki.Key("client").PublicKey)
			*keys[0].Signer.(*signer).session.pin = "999999"
			_, err := keys[0].Signer.Sign(nil, make([]byte, 32), crypto.SHA256)
			_, again := keys[0].Signer.Sign(nil, make([]byte, 32), crypto.SHA256)
			if label == "each" && (err == nil || !strings.Contains(err.Error(), "the PIN is wrong") || again == nil || !strings.Contains(again.Error(), "none is at hand")) {
				t.Errorf("a PIN that is refused later: got %v, then %v", err, again)
			}
		})
	}
	pin, _ := giving(testPIN, nil)
	if token := s.open(t, ";object=lost", pin).Tokens[0]; len(token.Problems) != 1 || !strings.Contains(token.Problems[0].Error(), "neither its public key") {
		t.Errorf("lost: got %v", token.Problems)
	}
}

// OpenSC's spy writes down each call, so that the tries can be counted.
func TestWrongPIN(t *testing.T) {
	s := newSoftToken(t)
	spy := debian.Program(t, "opensc", "/usr/lib/*/pkcs11-spy.so", "/usr/lib64/pkcs11-spy.so")
	code, err := os.ReadFile(spy)
	check(t, err)
	dir := t.TempDir()
	write(t, dir+"/spy.so", code) // a copy, for it stays loaded and keeps to its first log
	log := dir + "/log"
	t.Setenv("PKCS11SPY", s.module)
	t.Setenv("PKCS11SPY_OUTPUT", log)
	pin, asked := giving("999999", nil)
	token := openURI(t, "pkcs11:token=probe%20token?module-path="+dir+"/spy.so", pin).Tokens[0]
	if len(token.Certificates) != 2 || len(token.Keys) != 0 || !strings.Contains(token.Locked, "wrong") || strings.Contains(token.Locked, "999999") {
		t.Errorf("got %d certificates, %d keys, locked %q, want 2, 0, wrong", len(token.Certificates), len(token.Keys), token.Locked)
	}
	if !token.PINCountLow || len(*asked) != 1 || (*asked)[0].PINCountLow {
		t.Errorf("asked %+v, now %+v, want one question and the count low after it", *asked, token.Info)
	}
	calls, err := os.ReadFile(log)
	check(t, err)
	if got := bytes.Count(calls, []byte(": C_Login\n")); got != 1 {
		t.Errorf("the token saw %d tries, want 1", got)
	}

	pin, asked = giving(testPIN, nil)
	token = s.open(t, "", pin).Tokens[0]
	if !(*asked)[0].PINCountLow || len(token.Keys) != 2 {
		t.Errorf("the right PIN afterwards: asked with %+v, got %d keys", *asked, len(token.Keys))
	}
}

func TestNoPIN(t *testing.T) {
	s := newSoftToken(t)
	nobody, _ := giving("", ErrNoPIN)
	empty, _ := giving("", nil)
	for name, pin := range map[string]PINFunc{"nobody asked": nil, "nobody answers": nobody, "empty": empty} {
		token := s.open(t, "", pin).Tokens[0]
		if len(token.Certificates) != 2 || len(token.Keys) != 0 || !strings.Contains(token.Locked, "none was given") || token.PINCountLow {
			t.Errorf("%s: got %+v", name, token)
		}
	}
	interrupted, _ := giving("", context.Canceled)
	u, err := ParseURI("pkcs11:?module-path=" + s.module)
	check(t, err)
	if _, err := Open(t.Context(), u, interrupted); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: got %v", err)
	}
}

func TestBar(t *testing.T) {
	for _, tt := range []struct {
		info Info
		want string
	}{
		{Info{}, ""},
		{Info{PINCountLow: true}, ""},
		{Info{PINFinalTry: true}, "one more wrong PIN locks it"},
		{Info{PINFinalTry: true, PINLocked: true}, "its PIN is locked"},
		{Info{PINMissing: true}, "no user PIN"},
		{Info{PINPad: true}, "at the reader"},
	} {
		if got := bar(tt.info); !strings.Contains(got, tt.want) || (got == "") != (tt.want == "") {
			t.Errorf("%+v: got %q, want %q", tt.info, got, tt.want)
		}
	}
}

// The PIN of a URI is not tried on one token after the other.
func TestTwoTokens(t *testing.T) {
	s := newSoftToken(t)
	command(t, "softhsm2-util", "--init-token", "--free", "--label", "second token", "--pin", "111111", "--so-pin", "13572468")
	u, err := ParseURI("pkcs11:?pin-value=" + testPIN + "&module-path=" + s.module)
	check(t, err)
	if _, err := Open(t.Context(), u, nil); err == nil || !strings.Contains(err.Error(), "matches 2 tokens") {
		t.Errorf("got %v", err)
	}
	var asked []string
	u, err = ParseURI("pkcs11:?module-path=" + s.module)
	check(t, err)
	c, err := Open(t.Context(), u, func(_ context.Context, i Info) (string, error) {
		asked = append(asked, i.Label)
		return map[string]string{"probe token": testPIN, "second token": "111111"}[i.Label], nil
	})
	check(t, err)
	defer func() { check(t, c.Close()) }()
	if got := sorted(asked); got != "probe token second token" || len(c.Tokens) != 2 || c.Tokens[0].Locked+c.Tokens[1].Locked != "" || c.Tokens[0].PINCountLow || c.Tokens[1].PINCountLow {
		t.Errorf("asked for %s, got %+v", got, c.Tokens)
	}
}

// Two may be open at a time; the login of the first serves the second.
func TestOpenTwice(t *testing.T) {
	s := newSoftToken(t)
	pin, _ := giving(testPIN, nil)
	first := s.open(t, ";object=rsa", pin).Tokens[0]
	again, asked := giving("999999", nil)
	second := s.open(t, ";object=ec", again).Tokens[0]
	if len(*asked) != 0 || len(first.Keys) != 1 || len(second.Keys) != 1 {
		t.Fatalf("asked %v, got %d and %d keys", *asked, len(first.Keys), len(second.Keys))
	}
	testECDSA(t, second.Keys[0].Signer, &s.pki.Key("client").PublicKey)
}

// A module that never returns is left behind.
func TestHangingModule(t *testing.T) {
	gcc := debian.Program(t, "gcc", "gcc")
	dir := t.TempDir()
	write(t, dir+"/hang.c", []byte("#include <unistd.h>\nunsigned long C_GetFunctionList(void **list) { for (;;) pause(); }\n"))
	command(t, gcc, "-shared", "-fPIC", "-o", dir+"/hang.so", dir+"/hang.c")
	u, err := ParseURI("pkcs11:?module-path=" + dir + "/hang.so")
	check(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := Open(ctx, u, nil); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 5*time.Second {
		t.Errorf("got %v after %v", err, time.Since(start))
	}
}

func TestSignAfterCancel(t *testing.T) {
	s := newSoftToken(t)
	u, err := ParseURI("pkcs11:object=ec?module-path=" + s.module + "&pin-value=" + testPIN)
	check(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	c, err := Open(ctx, u, nil)
	check(t, err)
	cancel()
	if _, err := c.Tokens[0].Keys[0].Signer.Sign(nil, make([]byte, 32), crypto.SHA256); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	check(t, c.Close())
}

// The pieces of a public key as other modules store them.
func TestECKey(t *testing.T) {
	cert, err := x509.ParseCertificate(newPKI().Cert("client").Raw)
	check(t, err)
	want := cert.PublicKey.(*ecdsa.PublicKey)
	point, err := want.Bytes()
	check(t, err)
	curve := []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}
	for _, p := range [][]byte{point, append([]byte{4, 65}, point...)} {
		if got := ecKey(curve, unwrap(p)); !want.Equal(got) {
			t.Errorf("%x: got %v", p, got)
		}
	}
	if got := ecKey(curve, point[:10]); got != nil {
		t.Errorf("a short point: got %v", got)
	}
}

func TestEncodeECDSA(t *testing.T) {
	got, err := encodeECDSA([]byte{0, 1, 0x80, 0})
	if want := []byte{0x30, 7, 2, 1, 1, 2, 2 + 1, 0, 0x80, 0}; err != nil || !bytes.Equal(got, append([]byte{0x30, 8}, want[2:]...)) {
		t.Errorf("got %x, %v", got, err)
	}
	for _, odd := range [][]byte{nil, {1}, {1, 2, 3}} {
		if got, err := encodeECDSA(odd); err == nil {
			t.Errorf("%x became %x", odd, got)
		}
	}
}

// A point without its OCTET STRING may look like one: its X begins with the length.
func TestUnwrapBarePoint(t *testing.T) {
	point := append([]byte{4, 63}, make([]byte, 63)...)
	if got := unwrap(point); len(got) != len(point) {
		t.Errorf("%d bytes of %d are left", len(got), len(point))
	}
	wrapped := append([]byte{4, 65, 4, 63}, make([]byte, 63)...)
	if got := unwrap(wrapped); len(got) != 65 {
		t.Errorf("%d bytes, want the point", len(got))
	}
}
