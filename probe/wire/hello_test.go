package wire

import (
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"testing"
)

// What this package writes it reads again, and what crypto/tls writes.
func TestParseHellos(t *testing.T) {
	own := helloOnly(tls.VersionTLS12, "x.example", "h2", "http/1.1")
	offer, err := ParseClientHello(own[recordHeader+4:])
	if err != nil {
		t.Fatal(err)
	}
	if offer.Version != tls.VersionTLS12 || offer.Versions != nil || offer.ServerName != "x.example" || !slices.Equal(offer.ALPN, []string{"h2", "http/1.1"}) || !slices.Equal(offer.Suites, oldSuites()) {
		t.Errorf("offer = %+v", offer)
	}
	r := record(t, tls.VersionTLS13, tls.TLS_AES_128_GCM_SHA256, false)
	for _, e := range Decode(r.flows, r.keyLog).Entries {
		switch {
		case e.isHandshake(ClientHello):
			if offer, err := ParseClientHello(e.Body); err != nil || !slices.Equal(offer.Versions, []uint16{tls.VersionTLS13}) || offer.ServerName != "" {
				t.Errorf("offer = %+v, %v", offer, err)
			}
		case e.isHandshake(ServerHello):
			if choice, err := ParseServerHello(e.Body); err != nil || choice.Version != tls.VersionTLS13 || choice.CipherSuite != tls.TLS_AES_128_GCM_SHA256 || choice.Retry {
				t.Errorf("choice = %+v, %v", choice, err)
			}
		case e.isHandshake(EncryptedExtensions):
			if alpn, err := ParseEncryptedExtensions(e.Body); err != nil || alpn != nil {
				t.Errorf("alpn = %q, %v", alpn, err)
			}
		case e.isHandshake(CertificateVerify):
			if scheme, _, err := ParseCertificateVerify(tls.VersionTLS13, e.Body); err != nil || scheme != tls.ECDSAWithP256AndSHA256 {
				t.Errorf("scheme = %v, %v", scheme, err)
			}
		}
	}
	retry := sha256.Sum256([]byte("HelloRetryRequest"))
	body := slices.Concat([]byte{3, 3}, retry[:], []byte{0, 0x13, 0x01, 0, 0, 6, 0, 43, 0, 2, 3, 4})
	if choice, err := ParseServerHello(body); err != nil || !choice.Retry || choice.Version != tls.VersionTLS13 {
		t.Errorf("choice = %+v, %v", choice, err)
	}
	if alpn, err := ParseEncryptedExtensions([]byte("\x00\x09\x00\x10\x00\x05\x00\x03\x02h2")); err != nil || !slices.Equal(alpn, []string{"h2"}) {
		t.Errorf("alpn = %q, %v", alpn, err)
	}
	if scheme, _, err := ParseCertificateVerify(tls.VersionTLS11, []byte{0, 1, 7}); err != nil || scheme != 0 {
		t.Errorf("scheme = %v, %v", scheme, err)
	}
}

// An error names the field, wherever a message is cut.
func TestParseHellosCut(t *testing.T) {
	hello := helloOnly(tls.VersionTLS12, "x.example", "h2")[recordHeader+4:]
	parsers := map[string]func([]byte) error{
		"ClientHello": func(b []byte) error { _, err := ParseClientHello(b); return err },
		"ServerHello": func(b []byte) error { _, err := ParseServerHello(b); return err },
		"EncryptedExtensions": func(b []byte) error {
			_, err := ParseEncryptedExtensions(b)
			return err
		},
		"CertificateVerify": func(b []byte) error { _, _, err := ParseCertificateVerify(tls.VersionTLS13, b); return err },
	}
	for name, parse := range parsers {
		for n := range len(hello) {
			err := parse(hello[:n])
			var decode *DecodeError
			if err != nil && (!errors.As(err, &decode) || decode.Message != name || decode.Field == "" || decode.Offset > n) {
				t.Errorf("%s of %d bytes: %v", name, n, err)
			}
		}
		if err := parse(nil); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s of nothing: %v", name, err)
		}
	}
}

func FuzzParseHellos(f *testing.F) {
	seed := helloOnly(tls.VersionTLS12, "x.example", "h2")[recordHeader+4:]
	if _, err := ParseClientHello(seed); err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add(slices.Concat([]byte{3, 3}, make([]byte, 32), []byte{0, 0x13, 0x01, 0, 0, 6, 0, 43, 0, 2, 3, 4}))
	f.Fuzz(func(t *testing.T, body []byte) {
		if offer, err := ParseClientHello(body); err == nil && len(offer.ServerName)+2*len(offer.Suites)+2*len(offer.Versions) > len(body) {
			t.Errorf("more than there was: %+v", offer)
		}
		_, _ = ParseServerHello(body)
		_, _ = ParseEncryptedExtensions(body)
		_, _, _ = ParseCertificateVerify(tls.VersionTLS12, body)
	})
}

func helloOnly(version uint16, name string, alpn ...string) []byte {
	record, err := HelloOnly(version, name, alpn, make([]byte, 32))
	if err != nil {
		panic(err)
	}
	return record
}

// TestSeal holds that what is sealed can be opened, and only in order.
func TestSeal(t *testing.T) {
	random := make([]byte, 32)
	for _, suite := range []uint16{tls.TLS_AES_128_GCM_SHA256, tls.TLS_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256} {
		keys := func() *Protection {
			if suite < 0x1400 {
				return NewProtection13(suite, make([]byte, 32))
			}
			return NewProtection12(tls.VersionTLS12, suite, Client, make([]byte, 48), random, random)
		}
		out, in := keys(), keys()
		for _, content := range []string{"first", "", "third"} {
			record := out.Seal(AlertRecord, []byte(content))
			kind, got, err := in.Open(record[:recordHeader], record[recordHeader:])
			if err != nil || kind != AlertRecord || string(got) != content {
				t.Errorf("%04x: %v %q, %v; want %q", suite, kind, got, err, content)
			}
		}
		record := out.Seal(AlertRecord, []byte("changed"))
		record[len(record)-1] ^= 1
		if _, _, err := in.Open(record[:recordHeader], record[recordHeader:]); err == nil {
			t.Errorf("%04x: a changed record was opened", suite)
		}
	}
	if NewProtection13(0x00ff, random) != nil || NewProtection12(tls.VersionTLS12, 0x00ff, Client, random, random, random) != nil {
		t.Error("an unknown suite has keys")
	}
}
