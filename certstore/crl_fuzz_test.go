package certstore

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"testing"

	"mtlsprobe/certstore/certtest"
)

// FuzzCRLs takes anything for revocation lists.
func FuzzCRLs(f *testing.F) {
	p := certtest.New(certtest.Edge{Subject: "CA", Issuer: "CA"})
	der, err := x509.CreateRevocationList(rand.Reader,
		&x509.RevocationList{Number: big.NewInt(1), ThisUpdate: certtest.Now, NextUpdate: certtest.Now.AddDate(0, 0, 1),
			RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: big.NewInt(5),
				RevocationTime: certtest.Now}}}, p.Cert("CA"), p.Key("CA"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(der)
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}))
	f.Fuzz(func(t *testing.T, data []byte) {
		lists, err := parseCRLs(data)
		if (err == nil) != (len(lists) > 0) {
			t.Errorf("%d lists, %v", len(lists), err)
		}
		for _, list := range lists {
			if len(list.Revoked) > len(list.RevokedCertificateEntries) {
				t.Errorf("%d of %d entries", len(list.Revoked), len(list.RevokedCertificateEntries))
			}
		}
	})
}
