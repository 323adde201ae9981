//go:build go1.27

package certstore

import (
	"crypto/mldsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"mtlsprobe/certstore/certtest"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
	"software.sslmate.com/src/go-pkcs12"
)

// pkcs8Form is an ML-DSA key in a form of RFC 9881, Section 6.
func pkcs8Form(t *testing.T, seedForm []byte, content func(*cryptobyte.Builder)) []byte {
	t.Helper()
	s := cryptobyte.String(seedForm)
	var info, algorithm cryptobyte.String
	var version int64
	if !s.ReadASN1(&info, asn1.SEQUENCE) || !info.ReadASN1Integer(&version) ||
		!info.ReadASN1Element(&algorithm, asn1.SEQUENCE) {
		t.Fatal("not PKCS#8")
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(0)
		b.AddBytes(algorithm)
		b.AddASN1(asn1.OCTET_STRING, content)
	})
	return b.BytesOrPanic()
}

// Keys of ML-DSA are read in the forms with a seed, alone and in PKCS#12, and sign.
func TestMLDSA(t *testing.T) {
	for _, parameters := range []mldsa.Parameters{mldsa.MLDSA44(), mldsa.MLDSA65(), mldsa.MLDSA87()} {
		name := parameters.String()
		t.Run(name, func(t *testing.T) {
			key, err := mldsa.GenerateKey(parameters)
			if err != nil {
				t.Fatal(err)
			}
			template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
				NotBefore: certtest.Now.Add(-time.Hour), NotAfter: certtest.Now.Add(time.Hour)}
			der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
			if err != nil {
				t.Fatal(err)
			}
			cert, err := x509.ParseCertificate(der)
			if err != nil {
				t.Fatal(err)
			}
			seed, err := x509.MarshalPKCS8PrivateKey(key)
			if err != nil {
				t.Fatal(err)
			}
			expanded := make([]byte, 2560)
			both := pkcs8Form(t, seed, func(b *cryptobyte.Builder) {
				b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1OctetString(key.Bytes())
					b.AddASN1OctetString(expanded)
				})
			})
			alone := pkcs8Form(t, seed, func(b *cryptobyte.Builder) { b.AddASN1OctetString(expanded) })
			store, err := pkcs12.Modern.Encode(key, cert, nil, "secret")
			if err != nil {
				t.Fatal(err)
			}
			bundle := func(key []byte) []byte {
				return join(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
					pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
			}
			for file, tt := range map[string]struct {
				data []byte
				want KeyState
			}{
				"seed.pem": {bundle(seed), Usable}, "both.pem": {bundle(both), Usable}, "store.p12": {store, Usable},
				"expanded.pem": {bundle(alone), Unknown},
			} {
				h := load(t, &Options{Passwords: []string{"secret"}}, map[string][]byte{file: tt.data}, file)
				if len(h.Identities) != 1 || h.Identities[0].Key.State != tt.want {
					t.Errorf("%s: %s", file, everything(h))
					continue
				}
				i := h.Identities[0]
				if got := KeyAlgorithm(i.Leaf); got != name {
					t.Errorf("%s: %s", file, got)
				}
				if tt.want != Usable {
					if !strings.Contains(i.Key.Detail, "without the seed") {
						t.Errorf("%s: %s", file, i.Key.Detail)
					}
					continue
				}
				proofs := i.Prove([]tls.SignatureScheme{tls.PSSWithSHA256, 0x0904, 0x0905, 0x0906})
				if len(proofs) != 1 || proofs[0].Err != nil {
					t.Errorf("%s: %v", file, proofs)
				}
			}
		})
	}
}
