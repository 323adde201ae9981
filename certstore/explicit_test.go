package certstore

import (
	"encoding/pem"
	"os"
	"os/exec"
	"testing"

	"mtlsprobe/certstore/certtest/debian"
	"mtlsprobe/probe/wire"
)

// A key whose curve is written out is read if the curve is one of NIST's, in either form.
func TestExplicitCurve(t *testing.T) {
	openssl := debian.Program(t, "openssl", "openssl")
	t.Chdir(t.TempDir())
	run := func(args ...string) {
		t.Helper()
		if text, err := exec.Command(openssl, args...).CombinedOutput(); err != nil {
			t.Fatalf("openssl %q: %v\n%s", args, err, text)
		}
	}
	for _, tt := range []struct {
		curve, form string
		read        bool
	}{
		{"prime256v1", "uncompressed", true}, {"prime256v1", "compressed", true}, {"secp384r1", "uncompressed", true},
		{"secp521r1", "uncompressed", true}, {"secp256k1", "uncompressed", false}, {"brainpoolP256r1", "compressed", false},
	} {
		run("ecparam", "-genkey", "-name", tt.curve, "-param_enc", "explicit", "-conv_form", tt.form, "-noout", "-outform",
			"DER", "-out", "sec1.der")
		run("pkcs8", "-topk8", "-nocrypt", "-inform", "DER", "-in", "sec1.der", "-outform", "DER", "-out", "pkcs8.der")
		run("ec", "-inform", "DER", "-in", "sec1.der", "-param_enc", "named_curve", "-outform", "DER", "-out", "named.der")
		for _, name := range []string{"sec1.der", "pkcs8.der"} {
			der, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			key := parseExplicit(der)
			if (key != nil) != tt.read {
				t.Errorf("%s, %s, %s: read %t", tt.curve, tt.form, name, key != nil)
			}
			if key == nil {
				continue
			}
			named, err := os.ReadFile("named.der")
			if err != nil {
				t.Fatal(err)
			}
			if want, err := parseKey(named); err != nil || !key.Equal(want) {
				t.Errorf("%s, %s: another key than %v (%v)", tt.curve, name, want, err)
			}
			if parseExplicit(named) != nil {
				t.Errorf("%s: a named curve is taken for an explicit one", tt.curve)
			}
		}
	}
}

func FuzzExplicit(f *testing.F) {
	f.Add([]byte{0x30, 0x03, 0x02, 0x01, 0x01})
	f.Fuzz(func(t *testing.T, der []byte) {
		if key := parseExplicit(der); key != nil && key.D.Sign() <= 0 {
			t.Error("a key of zero")
		}
	})
}

// A key tells how its file is read, and what stands before it.
func TestKeyForm(t *testing.T) {
	p := testPKI()
	block, _ := pem.Decode(p.KeyPEM("client"))
	t.Chdir(writeFiles(t, map[string][]byte{"client.pem": p.CertPEM("client"), "key.der": block.Bytes,
		"key.pem": p.KeyPEM("client"), "two.pem": join(p.KeyPEM("Issuing"), p.KeyPEM("client"))}))
	for name, want := range map[string]KeyForm{"key.der": {Kind: DERKind}, "key.pem": {Kind: PEMKind},
		"two.pem": {Kind: PEMKind, Index: 1, After: wire.ECDSAKey}} {
		h, err := Load(t.Context(), nil, Source{Path: "client.pem"}, Source{Path: name, Role: KeyFile})
		if err != nil || len(h.Identities) != 1 {
			t.Fatalf("%s: %v", name, err)
		}
		if i := h.Identities[0]; i.Key.KeyForm != want || i.Kind != PEMKind {
			t.Errorf("%s: %+v, want %+v", name, i.Key.KeyForm, want)
		}
	}
}
