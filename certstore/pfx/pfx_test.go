package pfx

import (
	"bytes"
	"crypto/x509"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"mtlsprobe/certstore/certtest"
	"mtlsprobe/certstore/certtest/debian"
	"mtlsprobe/certstore/pbe"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
	"software.sslmate.com/src/go-pkcs12"
)

func testFile(t testing.TB, encoding Encoding, password string) (data, leaf, ca, key []byte) {
	t.Helper()
	p := certtest.New(certtest.Edge{Subject: "CA", Issuer: "CA"}, certtest.Edge{Subject: "client", Issuer: "CA"})
	key, err := x509.MarshalPKCS8PrivateKey(p.Key("client"))
	if err != nil {
		t.Fatal(err)
	}
	leaf, ca = p.Cert("client").Raw, p.Cert("CA").Raw
	entry := Entry{FriendlyName: "Büro 𝔸", Key: key, Certificates: [][]byte{leaf, ca}}
	if data, err = Write(encoding, DefaultMAC, password, entry); err != nil {
		t.Fatal(err)
	}
	return data, leaf, ca, key
}

// What Write makes, Open, go-pkcs12 and OpenSSL read.
func TestWrite(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	for _, encoding := range []Encoding{Modern, Legacy} {
		for _, password := range []string{"secret", "", "pässword"} {
			t.Run(string(encoding)+" "+password, func(t *testing.T) {
				data, leaf, ca, key := testFile(t, encoding, password)
				f, err := Open(data, password)
				if err != nil {
					t.Fatal(err)
				}
				if len(f.Bags) != 3 || f.BER || !bytes.Equal(f.Bags[0].DER, leaf) || !bytes.Equal(f.Bags[1].DER, ca) || !bytes.Equal(f.Bags[2].DER, key) {
					t.Fatalf("bags = %+v", f.Bags)
				}
				if f.Bags[0].FriendlyName != "Büro 𝔸" || f.Bags[2].FriendlyName != "Büro 𝔸" || !bytes.Equal(f.Bags[0].LocalKeyID, f.Bags[2].LocalKeyID) {
					t.Errorf("names = %+v", f.Bags)
				}
				if _, _, chain, err := pkcs12.DecodeChain(data, password); err != nil || len(chain) != 1 {
					t.Errorf("go-pkcs12: %v, chain of %d", err, len(chain))
				}
				if _, err := Open(data, password+"x"); !errors.Is(err, ErrPassword) {
					t.Errorf("with a wrong password: %v", err)
				}
				if openssl == "" {
					return
				}
				path := filepath.Join(t.TempDir(), "a.p12")
				if err := os.WriteFile(path, data, 0o600); err != nil {
					t.Fatal(err)
				}
				cmd := exec.Command(openssl, "pkcs12", "-in", path, "-noenc", "-passin", "env:PW")
				cmd.Env = append(os.Environ(), "PW="+password)
				if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("BEGIN PRIVATE KEY")) {
					t.Errorf("openssl: %v\n%s", err, out)
				}
			})
		}
	}
}

// Without a password the structure is known, and nothing else.
func TestParse(t *testing.T) {
	data, _, _, _ := testFile(t, Modern, "secret")
	f, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if f.Integrity != "HMAC-SHA-256, 2048 iterations" || len(f.Bags) != 2 || f.Bags[0].Kind != Sealed || f.Bags[1].Kind != KeyBag || f.Bags[1].DER != nil || f.Bags[1].FriendlyName != "Büro 𝔸" {
		t.Errorf("%+v", f)
	}
	if want := "PBES2 with PBKDF2-HMAC-SHA-256 and AES-256-CBC, 2048 iterations"; f.Bags[0].Text != want {
		t.Errorf("encryption = %q, want %q", f.Bags[0].Text, want)
	}
	for n := range data {
		if _, err := Parse(data[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes were read without complaint", n, len(data))
		}
	}
}

// Files that openssl makes in every encryption it has, the old ones among them.
func TestOpenSSLFiles(t *testing.T) {
	openssl := debian.Program(t, "openssl", "openssl")
	data, _, _, _ := testFile(t, Modern, "secret")
	dir := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(openssl, args...).CombinedOutput(); err != nil {
			t.Fatalf("openssl %q: %v\n%s", args, err, out)
		}
	}
	in, pem, out := filepath.Join(dir, "in.p12"), filepath.Join(dir, "a.pem"), filepath.Join(dir, "out.p12")
	if err := os.WriteFile(in, data, 0o600); err != nil {
		t.Fatal(err)
	}
	run("pkcs12", "-in", in, "-passin", "pass:secret", "-noenc", "-out", pem)
	for _, tt := range []struct {
		args        []string
		certs, keys int
		legacy      bool
	}{
		{[]string{"-legacy"}, 2, 1, true},
		{[]string{"-keypbe", "PBE-SHA1-RC4-128", "-certpbe", "PBE-SHA1-RC4-40", "-legacy"}, 2, 1, true},
		{[]string{"-keypbe", "PBE-SHA1-RC2-128", "-certpbe", "PBE-SHA1-RC2-40", "-legacy"}, 2, 1, true},
		{[]string{"-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-2DES", "-macalg", "sha1"}, 2, 1, false},
		{[]string{"-keypbe", "PBE-MD5-DES", "-certpbe", "PBE-SHA1-RC2-64", "-legacy"}, 2, 1, true},
		{[]string{"-keypbe", "des-ede3-cbc", "-certpbe", "aes-128-cbc", "-macalg", "sha384"}, 2, 1, false},
		{[]string{"-keypbe", "NONE", "-certpbe", "aes-192-cbc", "-macalg", "sha512"}, 2, 1, false},
		{[]string{"-nokeys"}, 2, 0, false},
		{[]string{"-nocerts"}, 0, 1, false},
		{[]string{"-nomac"}, 2, 1, false},
		{[]string{"-iter", "1", "-macalg", "sha224"}, 2, 1, false},
		{[]string{"-macalg", "sha3-256"}, 2, 1, false},
		{[]string{"-macalg", "sha3-512"}, 2, 1, false},
	} {
		args := append([]string{"pkcs12", "-export", "-in", pem, "-passout", "pass:secret", "-out", out}, tt.args...)
		run(args...)
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Open(data, "secret")
		if err != nil {
			t.Errorf("%q: %v", tt.args, err)
			continue
		}
		certs, keys, legacy := 0, 0, false
		for _, b := range f.Bags {
			legacy = legacy || b.Legacy
			switch {
			case b.Err != nil:
				t.Errorf("%q: %v", tt.args, b.Err)
			case b.Kind == CertBag:
				certs++
			case b.Kind == KeyBag:
				keys++
			}
		}
		if certs != tt.certs || keys != tt.keys || legacy != tt.legacy {
			t.Errorf("%q: %d certificates, %d keys, legacy %t", tt.args, certs, keys, legacy)
		}
		if err := exec.Command(openssl, "pkcs12", "-in", out, "-noenc", "-passin", "pass:secret").Run(); (err != nil) != tt.legacy {
			t.Errorf("%q: openssl without its legacy provider: %v", tt.args, err)
		}
		if _, err := Open(data, "wrong"); !errors.Is(err, ErrPassword) {
			t.Errorf("%q with a wrong password: %v", tt.args, err)
		}
	}
}

// BER as NSS writes it: indefinite lengths, and strings in parts.
func TestBER(t *testing.T) {
	in := []byte{0x30, 0x80, 0x24, 0x80, 0x04, 1, 'a', 0x04, 0x81, 2, 'b', 'c', 0, 0, 0x02, 1, 5, 0, 0, 0xff}
	want := []byte{0x30, 8, 0x04, 3, 'a', 'b', 'c', 0x02, 1, 5}
	der, converted, size, err := toDER(in)
	if err != nil || !converted || size != len(in)-1 || !bytes.Equal(der, want) {
		t.Errorf("got %x, %t, %v, want %x", der, converted, err, want)
	}
	if der, converted, _, err := toDER(want); err != nil || converted || !bytes.Equal(der, want) {
		t.Errorf("DER: got %x, %t, %v", der, converted, err)
	}
	deep := append(bytes.Repeat([]byte{0x30, 0x80}, 100), make([]byte, 200)...)
	if _, _, _, err := toDER(deep); err == nil {
		t.Error("100 levels were read")
	}
}

// Firefox has cut encrypted contents into parts.
func TestEncryptedInParts(t *testing.T) {
	bags := []byte{0x30, 0} // SafeContents without a bag
	algorithm, sealed, err := pbe.EncryptAES256("secret", 1, bags)
	if err != nil {
		t.Fatal(err)
	}
	encrypted := func(add func(*cryptobyte.Builder)) cryptobyte.String {
		var b cryptobyte.Builder
		b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1Int64(0)
			b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
				addOID(b, oidData)
				b.AddBytes(algorithm)
				add(b)
			})
		})
		return b.BytesOrPanic()
	}
	for _, tt := range []struct {
		name string
		add  func(*cryptobyte.Builder)
		ok   bool
	}{
		{"whole", func(b *cryptobyte.Builder) {
			b.AddASN1(casn1.Tag(0).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes(sealed) })
		}, true},
		{"in parts", func(b *cryptobyte.Builder) {
			b.AddASN1(explicit(0), func(b *cryptobyte.Builder) {
				b.AddASN1OctetString(sealed[:5])
				b.AddASN1OctetString(sealed[5:])
			})
		}, true},
		{"parts that are none", func(b *cryptobyte.Builder) {
			b.AddASN1(explicit(0), func(b *cryptobyte.Builder) { b.AddASN1Int64(1) })
		}, false},
		{"nothing", func(*cryptobyte.Builder) {}, false},
	} {
		f := &File{passwords: []string{"secret"}}
		err := f.encrypted(encrypted(tt.add))
		if opened := err == nil && f.openedAny; opened != tt.ok {
			t.Errorf("%s: opened %t, %v, %+v", tt.name, opened, err, f.Bags)
		}
	}
}

// Each part may have a password of its own; what padding alone lets through is none.
func TestPasswordsOfParts(t *testing.T) {
	whole := []byte{0x30, 3, 0x02, 1, 1}
	for _, tt := range []struct {
		name      string
		plain     []byte
		passwords []string
		opened    bool
	}{
		{"the first", whole, []string{"secret"}, true},
		{"another", whole, []string{"no", "secret", "x"}, true},
		{"none", whole, []string{"no", "x"}, false},
		{"bytes behind", append(bytes.Clone(whole), 0), []string{"secret"}, false},
		{"no SEQUENCE", []byte{0x04, 1, 1}, []string{"secret"}, false},
		{"nothing", nil, []string{"secret"}, false},
	} {
		algorithm, sealed, err := pbe.EncryptAES256("secret", 1, tt.plain)
		if err != nil {
			t.Fatal(err)
		}
		f := &File{passwords: tt.passwords}
		plain, _, err := f.decrypt(algorithm, sealed)
		if tt.opened != (err == nil && bytes.Equal(plain, tt.plain)) || !tt.opened && !errors.Is(err, ErrPassword) {
			t.Errorf("%s: %x, %v", tt.name, plain, err)
		}
	}
	algorithm, sealed, err := pbe.EncryptAES256("secret", 1, whole)
	if err != nil {
		t.Fatal(err)
	}
	f := &File{passwords: []string{"no", "secret"}, tried: pbe.MaxIterations}
	if _, _, err := f.decrypt(algorithm, sealed); !errors.Is(err, ErrPassword) {
		t.Errorf("beyond the bound: %v", err)
	}
}

// What go-pkcs12 writes in each of its ways is read here.
func TestEncodings(t *testing.T) {
	p := certtest.New(certtest.Edge{Subject: "CA", Issuer: "CA"}, certtest.Edge{Subject: "client", Issuer: "CA"})
	for name, encoder := range map[string]*pkcs12.Encoder{"Legacy": pkcs12.LegacyDES, "RC2": pkcs12.LegacyRC2, "Modern2023": pkcs12.Modern2023, "Modern2026": pkcs12.Modern2026, "Passwordless": pkcs12.Passwordless} {
		password := "secret"
		if name == "Passwordless" {
			password = ""
		}
		data, err := encoder.Encode(p.Key("client"), p.Cert("client"), p.Certs("CA"), password)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		f, err := Open(append(data, 'x', 'y'), password)
		if err != nil || len(f.Bags) != 3 || f.Trailing != 2 {
			t.Errorf("%s: %v, %+v", name, err, f)
			continue
		}
		for _, b := range f.Bags {
			if b.Err != nil || b.DER == nil {
				t.Errorf("%s: %s: %v", name, b.Kind, b.Err)
			}
		}
	}
}

// Whatever a file holds, reading it ends without a panic; what is DER stays as
// it is.
func FuzzParse(f *testing.F) {
	for _, encoding := range []Encoding{Modern, Legacy} {
		data, _, _, _ := testFile(f, encoding, "")
		if len(data) == 0 {
			f.Fatal("empty seed")
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse(data)
		if err == nil && file.Work() < 10_000 {
			_, _ = Open(data, "")
			_, _ = Salvage(data, "")
		}
		der, converted, _, err := toDER(data)
		if err != nil || !converted {
			return
		}
		if again, converted, _, err := toDER(der); err != nil || converted || !bytes.Equal(again, der) {
			t.Errorf("%x became %x, which is no DER: %v", data, der, err)
		}
	})
}
