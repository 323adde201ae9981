package certstore

import (
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mtlsprobe/certstore/certtest/debian"
)

// Keys that openssl makes and Go does not know are named, in every form.
func TestForeignKeys(t *testing.T) {
	openssl := debian.Program(t, "openssl", "openssl")
	dir := t.TempDir()
	run := func(args ...string) string {
		t.Helper()
		out := filepath.Join(dir, "key")
		if text, err := exec.Command(openssl, slices.Concat(args[:1], []string{"-out", out},
			args[1:])...).CombinedOutput(); err != nil {
			t.Fatalf("openssl %q: %v\n%s", args, err, text)
		}
		return out
	}
	params := filepath.Join(dir, "params")
	if text, err := exec.Command(openssl, "dsaparam", "-out", params, "1024").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for want, args := range map[string][]string{
		"an Ed448 key":                     {"genpkey", "-algorithm", "ed448", "-outform", "DER"},
		"an X448 key, which signs nothing": {"genpkey", "-algorithm", "x448"},
		"secp256k1":                        {"ecparam", "-genkey", "-name", "secp256k1", "-outform", "DER", "-noout"},
		"explicit curve": {"ecparam", "-genkey", "-name", "brainpoolP256r1", "-param_enc", "explicit",
			"-noout"},
		"for PSS alone":        {"genpkey", "-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"},
		"an X25519 key, which": {"genpkey", "-algorithm", "x25519"},
		dsaKey:                 {"gendsa", params},
	} {
		h, err := Load(t.Context(), nil, Source{Path: run(args...)})
		if err == nil {
			err = h.RequireIdentity()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("openssl %q: %v, want %q", args, err, want)
		}
	}
}

// Certificates with such keys are identities, of which is said what is known.
func TestForeignIdentities(t *testing.T) {
	openssl := debian.Program(t, "openssl", "openssl")
	dir := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		if text, err := exec.Command(openssl, args...).CombinedOutput(); err != nil {
			t.Fatalf("openssl %q: %v\n%s", args, err, text)
		}
	}
	for _, tt := range []struct {
		name, algorithm string
		options         []string
		leaf            bool
	}{
		{"ed448", "Ed448", nil, true},
		{"rsa-pss", "RSA-PSS", []string{"-pkeyopt", "rsa_keygen_bits:2048"}, true},
		{"ec", "", []string{"-pkeyopt", "ec_paramgen_curve:secp256k1"}, false},
	} {
		key, cert, locked := filepath.Join(dir, tt.name+".key"), filepath.Join(dir, tt.name+".crt"),
			filepath.Join(dir, tt.name+".enc")
		run(append([]string{"genpkey", "-algorithm", tt.name, "-out", key}, tt.options...)...)
		run("req", "-x509", "-new", "-key", key, "-subj", "/CN=x", "-addext", "basicConstraints=CA:FALSE", "-out", cert)
		run("pkcs8", "-topk8", "-in", key, "-out", locked, "-passout", "pass:secret")
		for _, k := range []string{key, locked} {
			h, err := Load(t.Context(), &Options{Passwords: []string{"secret"}}, Source{Path: cert},
				Source{Path: k, Role: KeyFile})
			if err != nil || len(h.Identities) != 1 {
				t.Fatalf("%s: %v, %+v", k, err, h)
			}
			i := h.Identities[0]
			if i.Key.State != Unknown || (i.Leaf != nil) != tt.leaf {
				t.Errorf("%s: the key is %s (%s), the leaf %v", k, i.Key.State, i.Key.Detail, i.Leaf != nil)
			}
			if tt.leaf && KeyAlgorithm(i.Leaf) != tt.algorithm {
				t.Errorf("%s: algorithm %q", k, KeyAlgorithm(i.Leaf))
			}
		}
	}
}

// In a file with keys of several unknown kinds each is told of its own certificate.
func TestForeignKinds(t *testing.T) {
	openssl := debian.Program(t, "openssl", "openssl")
	t.Chdir(t.TempDir())
	var all []byte
	for _, algorithm := range []string{"ed448", "rsa-pss"} {
		for _, args := range [][]string{
			{"genpkey", "-algorithm", algorithm, "-out", "key"},
			{"req", "-x509", "-new", "-key", "key", "-subj", "/CN=" + algorithm, "-addext", "basicConstraints=CA:FALSE", "-out",
				"crt"},
		} {
			if text, err := exec.Command(openssl, args...).CombinedOutput(); err != nil {
				t.Fatalf("openssl %q: %v\n%s", args, err, text)
			}
		}
		for _, name := range []string{"key", "crt"} {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, data...)
		}
	}
	h := load(t, nil, map[string][]byte{"all.pem": all}, "all.pem")
	for n, want := range []string{"an Ed448 key", "an RSA key for PSS alone"} {
		if key := h.Identities[n].Key; key.State != Unknown || !strings.Contains(key.Detail, want) {
			t.Errorf("%s: %s, %s", h.Identities[n].Leaf.Subject, key.State, key.Detail)
		}
	}
	if len(h.Problems) != 0 {
		t.Errorf("%v", h.Problems)
	}
}

// A key that is encrypted in a way that is not known here is there, and nothing more
// is known of it.
func TestForeignEncryption(t *testing.T) {
	openssl := debian.Program(t, "openssl", "openssl")
	p := testPKI()
	t.Chdir(writeFiles(t, map[string][]byte{"a.crt": p.CertPEM("client"), "a.key": p.KeyPEM("client")}))
	for want, args := range map[string][]string{
		"PBES2 with Camellia-256-CBC, which": {"pkcs8", "-topk8", "-v2", "camellia256"},
		"PBES2 with AES-256-CFB, which":      {"pkcs8", "-topk8", "-v2", "aes-256-cfb"},
		"PEM, CAMELLIA-256-CBC":              {"ec", "-camellia256"},
	} {
		args := slices.Concat(args, []string{"-in", "a.key", "-out", "enc.key", "-passout", "pass:secret"})
		if text, err := exec.Command(openssl, args...).CombinedOutput(); err != nil {
			t.Fatalf("openssl %q: %v\n%s", args, err, text)
		}
		h, err := Load(t.Context(), &Options{Passwords: []string{"secret"}}, Source{Path: "a.crt"},
			Source{Path: "enc.key", Role: KeyFile})
		if err != nil || len(h.Identities) != 1 {
			t.Fatalf("%q: %v", args, err)
		}
		if key := h.Identities[0].Key; key.State != Unknown || !strings.Contains(key.Detail, want) || len(h.Problems) != 0 {
			t.Errorf("%q: %s, %s, %v", args, key.State, key.Detail, h.Problems)
		}
	}
}

func TestForeignKey(t *testing.T) {
	for _, tt := range []struct{ name, der, want string }{
		{"DSA as openssl dsa writes it", "3012020100020103020105020107020109" + "02010b", dsaKey},
		{"four numbers", "300f020100020103020105020107020109", ""},
		{"numbers, then more", "3014020100020103020105020107020109" + "02010b0500", ""},
		{"no key", "3003020100", ""},
		{"no sequence", "0101ff", ""},
	} {
		der, err := hex.DecodeString(tt.der)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := foreignKey(der); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
