package wire

import (
	"bytes"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/cryptobyte"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The body of the CertificateRequest in the trace of RFC 8448, Section 6.
const rfc8448Request = "000024000d0020001e040305030603020308040805080604010501060102010402050206020202"

func TestParseCertificateRequest(t *testing.T) {
	tests := []struct {
		name    string
		version uint16
		body    string
		want    CertificateRequest
	}{
		{"TLS 1.0, empty list", tls.VersionTLS10, "0201400000", CertificateRequest{
			CertificateTypes: []CertificateType{RSASign, ECDSASign}}},
		{"TLS 1.2, one name", tls.VersionTLS12, "0140000404030807" + "0004" + "00023000", CertificateRequest{
			CertificateTypes: []CertificateType{ECDSASign},
			SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256, tls.Ed25519},
			NamedCAs:         [][]byte{{0x30, 0}}}},
		{"TLS 1.3, names, schemes for certificates, filter, unknown extension", tls.VersionTLS13,
			"00" + "002c" + "000d000400020807" + "0032000400020401" + "002f000600040002" + "3000" +
				"00300009" + "0007" + "0201ff" + "00020102" + "ffff0001aa",
			CertificateRequest{
				Context:              []byte{},
				SignatureSchemes:     []tls.SignatureScheme{tls.Ed25519},
				SignatureSchemesCert: []tls.SignatureScheme{tls.PKCS1WithSHA256},
				NamedCAs:             [][]byte{{0x30, 0}},
				OIDFilters:           []OIDFilter{{OID: []byte{1, 0xff}, Values: []byte{1, 2}}},
			}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body := unhex(t, tt.body)
			got, err := ParseCertificateRequest(tt.version, body)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Raw, body) || got.Version != tt.version {
				t.Errorf("Raw or Version differ from what was given")
			}
			got.Raw, got.Version, got.Extensions = nil, 0, nil
			for i, f := range got.OIDFilters {
				got.OIDFilters[i] = OIDFilter{OID: append([]byte(nil), f.OID...), Values: append([]byte(nil), f.Values...)}
			}
			if diff := cmp.Diff(tt.want, *got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestParseCertificateRequestRFC8448(t *testing.T) {
	r, err := ParseCertificateRequest(tls.VersionTLS13, unhex(t, rfc8448Request))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.SignatureSchemes) != 15 || r.SignatureSchemes[0] != tls.ECDSAWithP256AndSHA256 {
		t.Errorf("signature schemes = %v, want 15 that start with ecdsa_secp256r1_sha256", r.SignatureSchemes)
	}
	if _, has := r.Extension(extCertificateAuthorities); has || r.NamedCAs != nil {
		t.Errorf("named CAs = %x, want no list", r.NamedCAs)
	}
	if got := SchemeName(r.SignatureSchemes[14]); got != "sha1_dsa" {
		t.Errorf("last scheme = %s, want sha1_dsa", got)
	}
}

func TestParseCertificateRequestErrors(t *testing.T) {
	tests := []struct {
		name    string
		version uint16
		body    string
		want    DecodeError
	}{
		{"empty", tls.VersionTLS12, "", DecodeError{Field: "certificate_types", Offset: 0}},
		{"odd schemes", tls.VersionTLS12, "01010003040308" + "0000", DecodeError{Field: "supported_signature_algorithms", Offset: 6}},
		{"name longer than its list", tls.VersionTLS11, "0101" + "0004" + "00093000", DecodeError{Field: "certificate_authorities", Offset: 6}},
		{"trailing bytes", tls.VersionTLS11, "0101" + "0000" + "ff", DecodeError{Field: "trailing bytes", Offset: 4}},
		{"TLS 1.3, extension twice", tls.VersionTLS13, "00" + "0008" + "ffff0000ffff0000", DecodeError{Field: "extension_type (twice)", Offset: 7}},
		{"TLS 1.3, trailing bytes in an extension", tls.VersionTLS13, "00" + "0007" + "002f0003" + "0000ff", DecodeError{Field: "trailing bytes", Offset: 9}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseCertificateRequest(tt.version, unhex(t, tt.body))
			var got *DecodeError
			if !errors.As(err, &got) {
				t.Fatalf("error = %v, want a DecodeError", err)
			}
			tt.want.Message = "CertificateRequest"
			if *got != tt.want {
				t.Errorf("got %+v, want %+v", *got, tt.want)
			}
		})
	}
}

// encodeRequest writes the request again from its decoded fields, extensions
// that the decoder knows among them.
func encodeRequest(r *CertificateRequest) []byte {
	var b cryptobyte.Builder
	schemes := func(list []tls.SignatureScheme) func(*cryptobyte.Builder) {
		return func(b *cryptobyte.Builder) {
			for _, s := range list {
				b.AddUint16(uint16(s))
			}
		}
	}
	names := func(b *cryptobyte.Builder) {
		for _, n := range r.NamedCAs {
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(n) })
		}
	}
	if r.Version < tls.VersionTLS13 {
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) {
			for _, c := range r.CertificateTypes {
				b.AddUint8(uint8(c))
			}
		})
		if r.Version >= tls.VersionTLS12 {
			b.AddUint16LengthPrefixed(schemes(r.SignatureSchemes))
		}
		b.AddUint16LengthPrefixed(names)
		return b.BytesOrPanic()
	}
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(r.Context) })
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		for _, e := range r.Extensions {
			b.AddUint16(e.Type)
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
				switch e.Type {
				case extSignatureAlgorithms:
					b.AddUint16LengthPrefixed(schemes(r.SignatureSchemes))
				case extSignatureAlgorithmsCert:
					b.AddUint16LengthPrefixed(schemes(r.SignatureSchemesCert))
				case extCertificateAuthorities:
					b.AddUint16LengthPrefixed(names)
				case extOIDFilters:
					b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
						for _, f := range r.OIDFilters {
							b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(f.OID) })
							b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(f.Values) })
						}
					})
				default:
					b.AddBytes(e.Data)
				}
			})
		}
	})
	return b.BytesOrPanic()
}

// What parses must encode to the same bytes: nothing is lost or invented.
func FuzzParseCertificateRequest(f *testing.F) {
	seeds := []struct {
		version uint16
		body    string
	}{
		{tls.VersionTLS10, "0201400000"},
		{tls.VersionTLS12, "0140000404030807000400023000"},
		{tls.VersionTLS13, rfc8448Request},
		{tls.VersionTLS13, "00002c000d0004000208070032000400020401002f00060004000230000030000900070201ff00020102ffff0001aa"},
	}
	for _, s := range seeds {
		body := unhex(f, s.body)
		if _, err := ParseCertificateRequest(s.version, body); err != nil {
			f.Fatalf("seed %s: %v", s.body, err)
		}
		f.Add(s.version, body)
	}
	f.Fuzz(func(t *testing.T, version uint16, body []byte) {
		r, err := ParseCertificateRequest(version, body)
		if err != nil {
			var decode *DecodeError
			if !errors.As(err, &decode) || decode.Field == "" || decode.Offset < 0 || decode.Offset > len(body) {
				t.Fatalf("error %v does not name a field within the body", err)
			}
			return
		}
		if got := encodeRequest(r); !bytes.Equal(got, body) {
			t.Errorf("encoded again:\n%x\nwant\n%x", got, body)
		}
	})
}
