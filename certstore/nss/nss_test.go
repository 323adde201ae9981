package nss

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../testdata/nss", name))
	if err != nil {
		t.Fatal(err)
	}
	if len(data) == 0 {
		t.Fatalf("%s is empty", name)
	}
	return data
}

// Every database of keys has the keys of cert9.db, by ID.
func TestParse(t *testing.T) {
	certs, err := Parse(fixture(t, "cert9.db"), "")
	if err != nil || len(certs.Certificates) != 2 || len(certs.Keys) != 0 || len(certs.Problems) != 0 || certs.Encryption != "" {
		t.Fatalf("cert9.db: %+v, %v", certs, err)
	}
	for _, tt := range []struct{ file, encryption string }{
		{"key4.db", "PBES2 with PBKDF2-HMAC-SHA-256 and AES-256-CBC, 10000 iterations"},
		{"key4-small-pages.db", "PBES2 with PBKDF2-HMAC-SHA-256 and AES-256-CBC, 10000 iterations"},
		{"key4-3des.db", "NSS's own scheme with SHA-1 and 3DES-CBC, 1 iterations"},
	} {
		t.Run(tt.file, func(t *testing.T) {
			data := fixture(t, tt.file)
			keys, err := Parse(data, "secret")
			if err != nil || len(keys.Keys) != 2 || len(keys.Problems) != 0 {
				t.Fatalf("%+v, %v", keys, err)
			}
			if keys.Encryption != tt.encryption {
				t.Errorf("encryption = %q, want %q", keys.Encryption, tt.encryption)
			}
			if got := algorithms(keys); got != "ECDSA P-256, RSA 2048" {
				t.Errorf("algorithms = %q", got)
			}
			checkPairs(t, certs, keys)

			locked, err := Parse(data, "wrong")
			if !errors.Is(err, ErrPassword) || locked == nil || len(locked.Keys) != 2 {
				t.Fatalf("with a wrong password: %+v, %v", locked, err)
			}
			for _, k := range locked.Keys {
				if !errors.Is(k.Err, ErrPassword) || k.Private != nil || len(k.ID) == 0 {
					t.Errorf("with a wrong password: %+v", k)
				}
			}
		})
	}
}

func algorithms(c *Contents) string {
	var names []string
	for _, k := range c.Keys {
		names = append(names, k.Algorithm)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// checkPairs fails unless each certificate has a key that is its own.
func checkPairs(t *testing.T, certs, keys *Contents) {
	t.Helper()
	for _, c := range certs.Certificates {
		cert, err := x509.ParseCertificate(c.DER)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(keys.Keys, func(k Key) bool { return bytes.Equal(k.ID, c.ID) })
		if i < 0 {
			t.Errorf("%q has no key", c.Nickname)
			continue
		}
		k := keys.Keys[i]
		if k.Err != nil {
			t.Errorf("%q: %v", c.Nickname, k.Err)
			continue
		}
		if !k.Private.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(cert.PublicKey) {
			t.Errorf("%q has the key of another", c.Nickname)
		}
		if c.Nickname != cert.Subject.CommonName {
			t.Errorf("nickname = %q, want %q", c.Nickname, cert.Subject.CommonName)
		}
	}
}

func TestIsDatabase(t *testing.T) {
	for _, name := range []string{"cert9.db", "key4.db", "key4-small-pages.db", "key4-3des.db"} {
		if !IsDatabase(fixture(t, name)) {
			t.Errorf("%s is none", name)
		}
	}
	other := bytes.ReplaceAll(fixture(t, "cert9.db"), []byte("nssPublic"), []byte("moz_place"))
	for _, data := range [][]byte{nil, []byte(magic), other, []byte("TABLE nssPublic")} {
		if IsDatabase(data) {
			t.Errorf("%.20q is one", data)
		}
	}
	if _, err := Parse(other, ""); err == nil {
		t.Error("a database without NSS's tables was read")
	}
}

// However much of a file is there, what is missing is told.
func TestTruncated(t *testing.T) {
	for _, name := range []string{"cert9.db", "key4-small-pages.db"} {
		data := fixture(t, name)
		for n := 0; n < len(data); n += 97 {
			if _, err := Parse(data[:n], "secret"); err == nil {
				t.Fatalf("the first %d of %d bytes of %s were read without complaint", n, len(data), name)
			}
		}
	}
}

func TestDamaged(t *testing.T) {
	change := func(name string, edit func([]byte)) []byte {
		data := bytes.Clone(fixture(t, name))
		edit(data)
		return data
	}
	for _, tt := range []struct {
		name string
		data []byte
		want string
	}{
		{"no database", []byte("-----BEGIN"), "not a SQLite database"},
		{"page size", change("cert9.db", func(b []byte) { b[16], b[17] = 0, 3 }), "pages have 3 bytes"},
		{"page size 64 KiB", change("cert9.db", func(b []byte) { b[16], b[17] = 0, 1 }), "cut off"},
		{"UTF-16", change("cert9.db", func(b []byte) { b[59] = 2 }), "UTF-16"},
		{"size", change("cert9.db", func(b []byte) { b[31] = 200 }), "cut off"},
		{"kind of page", change("cert9.db", func(b []byte) { b[100] = 9 }), "not one of a table"},
		{"cells", change("cert9.db", func(b []byte) { b[103] = 255 }), "not one of a table"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Parse(tt.data, ""); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}

	t.Run("one table", func(t *testing.T) { // what is sound remains, what is not is told
		c, err := Parse(change("key4.db", func(b []byte) { b[4096] = 0xff }), "secret")
		if err != nil || len(c.Problems) != 1 || c.Encryption == "" {
			t.Errorf("%+v, %v", c, err)
		}
	})
	t.Run("write-ahead log", func(t *testing.T) {
		c, err := Parse(change("cert9.db", func(b []byte) { b[18], b[19] = 2, 2 }), "")
		if err != nil || len(c.Problems) != 1 || len(c.Certificates) != 2 || !strings.Contains(c.Problems[0].Error(), "write-ahead log") {
			t.Errorf("%+v, %v", c, err)
		}
	})
	t.Run("no password entry", func(t *testing.T) {
		data := bytes.ReplaceAll(fixture(t, "key4.db"), []byte("metaData"), []byte("metaDate"))
		c, err := Parse(data, "secret")
		if err != nil || len(c.Keys) != 2 || c.Keys[0].Err == nil || !strings.Contains(c.Keys[0].Err.Error(), "no entry for its password") {
			t.Errorf("%+v, %v", c, err)
		}
	})
	t.Run("iterations", func(t *testing.T) { // 10,000 becomes 2,141,192,192, and is not begun
		salt := []byte{0x02, 0x02, 0x27, 0x10, 0x02, 0x01, 0x20}
		data := bytes.ReplaceAll(fixture(t, "key4.db"), salt, []byte{0x02, 0x05, 0x7f, 0xa0, 0, 0, 0})
		if c, err := Parse(data, "secret"); err != nil || c.Keys[0].Err == nil {
			t.Errorf("%+v, %v", c, err)
		}
	})
}

// One demand within the bound, repeated beyond it, is stopped.
func TestWork(t *testing.T) {
	u := &unlocker{}
	s := &tripleDES{salt: []byte("salt"), iterations: 9_000_000}
	u.work = 2_000_000
	if _, err := u.decrypt(s, make([]byte, 8)); err == nil || !strings.Contains(err.Error(), "together demand more") {
		t.Errorf("got %v", err)
	}
}

func TestRSAKey(t *testing.T) {
	c, err := Parse(fixture(t, "key4.db"), "secret")
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(c.Keys, func(k Key) bool { return k.Algorithm == "RSA 2048" })
	key := c.Keys[i].Private.(*rsa.PrivateKey)
	n, p, e := key.N.Bytes(), key.Primes[0].Bytes(), []byte{1, 0, 1}
	if again, err := rsaKey(append([]byte{0}, n...), e, append([]byte{0}, p...)); err != nil || !again.Equal(key) {
		t.Errorf("with leading zeros: %v", err)
	}
	even := new(big.Int).Lsh(big.NewInt(1), 2048).Bytes()
	for name, numbers := range map[string][3][]byte{
		"nothing":        {},
		"no prime":       {n, e, nil},
		"prime 1":        {n, e, {1}},
		"not a divisor":  {n, e, append(bytes.Clone(p[:len(p)-1]), p[len(p)-1]^2)},
		"the modulus":    {n, e, n},
		"even modulus":   {even, e, {2}},
		"even exponent":  {n, {2}, p},
		"exponent 0":     {n, nil, p},
		"large exponent": {n, n, p},
		"large modulus":  {make([]byte, maxRSA), e, p},
	} {
		if key, err := rsaKey(numbers[0], numbers[1], numbers[2]); err == nil {
			t.Errorf("%s: got a key of %d bits", name, key.N.BitLen())
		}
	}
}

// Keys of the kinds that certutil does not make, encrypted by hand.
func TestKeyTypes(t *testing.T) {
	const ed25519Seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60" // RFC 8032, Section 7.1, Test 1
	for _, tt := range []struct {
		name                string
		kind                byte
		params, value       string
		algorithm, err, pub string
	}{
		{"Ed25519", keyEdwards, "06032b6570", ed25519Seed, "Ed25519", "", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"},
		{"Ed25519 by name", keyEdwards, hex.EncodeToString([]byte("\x13\x0cedwards25519")), ed25519Seed, "Ed25519", "", ""},
		{"short seed", keyEdwards, "06032b6570", "9d61", "Ed25519", "its seed has 2 bytes", ""},
		{"Ed448", keyEdwards, "06032b6571", ed25519Seed, "EdDSA", "not Ed25519", ""},
		{"P-224", keyEC, "06052b81040021", "07", "ECDSA P-224", "", ""},
		{"P-521 with zeros", keyEC, "06052b81040023", strings.Repeat("00", 66) + "07", "ECDSA P-521", "", ""},
		{"zero", keyEC, "06052b81040022", "00", "ECDSA P-384", "curve's order", ""},
		{"too large", keyEC, "06052b81040022", strings.Repeat("ff", 49), "ECDSA P-384", "too large", ""},
		{"curve", keyEC, "06052b8104000a", "07", "ECDSA", "1.3.132.0.10 is not known", ""},
		{"explicit curve", keyEC, "3000", "07", "ECDSA", "not a named one", ""},
		{"DSA", keyDSA, "", "", "DSA", "no use in TLS", ""},
		{"DH", keyDH, "", "", "DH", "cannot sign", ""},
		{"other", 0x7f, "", "", "unknown", "0x7f", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := row{columns: map[string]int{colKeyType: 0, colECParams: 1, colValue: 2}}
			r.values = [][]byte{{0, 0, 0, tt.kind}, unhex(t, tt.params), seal(t, unhex(t, tt.value))}
			var k Key
			k.read(r, &unlocker{password: "secret"})
			if k.Algorithm != tt.algorithm {
				t.Errorf("algorithm = %q, want %q", k.Algorithm, tt.algorithm)
			}
			switch {
			case tt.err != "":
				if k.Err == nil || !strings.Contains(k.Err.Error(), tt.err) || k.Private != nil {
					t.Errorf("got %v, want %q", k.Err, tt.err)
				}
				return
			case k.Err != nil:
				t.Fatal(k.Err)
			}
			if pub, ok := k.Private.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || tt.pub != "" && !pub.Equal(edKey(t, tt.pub)) {
				t.Errorf("public key = %v", k.Private.Public())
			}
			if key, ok := k.Private.(*ecdsa.PrivateKey); ok && key.D.Cmp(big.NewInt(7)) != 0 { //nolint:staticcheck // the number is the point
				t.Errorf("number = %v", key.D)
			}
		})
	}
}
