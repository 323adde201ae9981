package certstore

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"mtlsprobe/certstore/certtest"
	"mtlsprobe/certstore/pbe"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// row is one line of what make hostile prints: who attacks, what is tried, what this
// program said, and what reached the attacker.
func row(t *testing.T, attacker, tries, said string) {
	t.Helper()
	t.Logf("row: %s | %s | %s | nothing", attacker, tries, said)
}

// TestHostileAddresses holds that what certificates name is fetched from the public
// Internet only.
func TestHostileAddresses(t *testing.T) {
	for _, inside := range []string{"127.0.0.1", "10.1.2.3", "169.254.169.254", "100.64.0.1", "192.168.0.1", "172.16.0.1",
		"0.0.0.0",
		"224.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1", "::1", "::", "fe80::1", "fc00::1", "fec0::1", "ff02::1",
		"::ffff:10.0.0.1",
		"::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::a00:1", "2002:a00:1::", "2001::1", "2001:db8::1"} {
		if public(netip.MustParseAddr(inside)) {
			t.Errorf("%s is taken for public", inside)
		}
		row(t, "a certificate that names "+inside, "to have a neighbour asked", errPrivate.Error())
	}
	for _, outside := range []string{"1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8"} {
		if !public(netip.MustParseAddr(outside)) {
			t.Errorf("%s is not taken for public", outside)
		}
	}
}

// TestHostileWork holds that one run does no more work than it has been given, however
// many files demand it.
func TestHostileWork(t *testing.T) {
	p := certtest.New(certtest.Edge{Subject: "Root", Issuer: "Root"}, certtest.Edge{Subject: "client", Issuer: "Root"})
	id := &Identity{Leaf: p.Cert("client"), Key: Key{State: Usable, Signer: p.Key("client")}}
	cheap, err := Encode(Form{Encoding: PKCS12, Password: "secret"}, id)
	if err != nil {
		t.Fatal(err)
	}
	o := &opener{options: Options{Passwords: []string{"secret"}}}
	o.spentCostly.Store(maxCostly)
	if c, err := o.open(t.Context(), &file{path: "cheap.p12", data: cheap}); err != nil || len(c.certs) == 0 {
		t.Errorf("a file of the usual cost: %v", err)
	}
	for work, want := range map[int64]error{costly - 1: nil, costly: errSpent} {
		if err := o.afford(work); !errors.Is(err, want) {
			t.Errorf("%d iterations: %v, want %v", work, err, want)
		}
	}
	just := &opener{}
	opened := 0
	for range 400 {
		_ = just.unlock(t.Context(), &file{path: "just.pem"}, "", costly-1,
			func(string) error { opened++; return errWrongPassword })
	}
	if opened != maxSpent/(costly-1) {
		t.Errorf("%d derivations just below what is costly", opened)
	}
	row(t, "400 keys that demand 999,999 iterations each", "minutes of work", fmt.Sprintf("%d derivations", opened))
	fresh := &opener{}
	tried := 0
	for range 12 {
		_ = fresh.unlock(t.Context(), &file{path: "bomb.p12"}, "", 10_000_000,
			func(string) error { tried++; return errWrongPassword })
	}
	if tried != 2 {
		t.Errorf("%d derivations of 10 million iterations", tried)
	}
	row(t, "12 files that demand 10 million iterations each", "minutes of work", errSpent.Error())
}

// TestHostileInterrupt holds that an interrupt does not wait for a key to be derived.
func TestHostileInterrupt(t *testing.T) {
	p := certtest.New(certtest.Edge{Subject: "client", Issuer: "client"})
	const iterations = 3_000_000
	algorithm, encrypted, err := pbe.EncryptAES256("secret", iterations, []byte("no key"))
	if err != nil {
		t.Fatal(err)
	}
	var info cryptobyte.Builder
	info.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(algorithm)
		b.AddASN1OctetString(encrypted)
	})
	bomb := append(p.CertPEM("client"), pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY",
		Bytes: info.BytesOrPanic()})...)
	open := func(ctx context.Context, o *opener) (time.Duration, error) {
		begin := time.Now()
		_, _, err := openAll(ctx, o, []*file{{path: "bomb.pem", data: bomb}})
		return time.Since(begin), err
	}
	whole, err := open(t.Context(), &opener{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	o := &opener{}
	go func() {
		for o.spent.Load() == 0 { // until the derivation has begun
			runtime.Gosched()
		}
		cancel()
	}()
	took, err := open(ctx, o)
	if !errors.Is(err, context.Canceled) || took > whole/2 {
		t.Errorf("%v after %v; the whole takes %v", err, took, whole)
	}
	row(t, "a key that takes 3 million iterations", "not to be interrupted", fmt.Sprint(err))
}

// TestHostileResponder holds that a certificate of another purpose cannot answer.
func TestHostileResponder(t *testing.T) {
	p, stop := web(t)
	defer stop()
	s := (&Fetcher{Private: true}).Status(t.Context(), p.Cert("client"), p.Cert("Root"))
	if s.Status != StatusUnknown || s.Err == nil || strings.Contains(s.Err.Error(), "good") {
		t.Errorf("%+v", s)
	}
	row(t, "an OCSP responder of another CA", "to vouch for a certificate", s.Err.Error())
}
