package platform

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"slices"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
	"software.sslmate.com/src/go-pkcs12"
)

// personal calls use with the user's personal store, which may be written to.
func personal(t *testing.T, use func(windows.Handle)) {
	t.Helper()
	my, err := windows.UTF16PtrFromString("MY")
	if err != nil {
		t.Fatal(err)
	}
	store, err := windows.CertOpenStore(windows.CERT_STORE_PROV_SYSTEM_W, 0, 0, windows.CERT_SYSTEM_STORE_CURRENT_USER,
		uintptr(unsafe.Pointer(my)))
	if err != nil {
		t.Fatal(err)
	}
	defer windows.CertCloseStore(store, 0) //nolint:errcheck // what matters is read again
	use(store)
}

// put imports a PKCS#12 file as a user does, and takes it out again after the test. It reports
// whether the system can import it: Wine has no EC keys.
func put(t *testing.T, data []byte, password string) bool {
	t.Helper()
	word, err := windows.UTF16PtrFromString(password)
	if err != nil {
		t.Fatal(err)
	}
	blob := windows.CryptDataBlob{Size: uint32(len(data)), Data: &data[0]}
	from, err := windows.PFXImportCertStore(&blob, word, windows.CRYPT_USER_KEYSET)
	if err != nil {
		t.Logf("this system does not import it: %v", err)
		return false
	}
	defer windows.CertCloseStore(from, 0) //nolint:errcheck // of memory
	personal(t, func(store windows.Handle) {
		for context, _ := windows.CertEnumCertificatesInStore(from, nil); context != nil; context, _ =
			windows.CertEnumCertificatesInStore(from, context) {
			if err := windows.CertAddCertificateContextToStore(store, context, windows.CERT_STORE_ADD_ALWAYS, nil); err != nil {
				t.Fatal(err)
			}
		}
	})
	return true
}

// take removes a certificate.
func take(t *testing.T, der []byte) {
	t.Helper()
	personal(t, func(store windows.Handle) {
		for context, _ := windows.CertEnumCertificatesInStore(store, nil); context != nil; context, _ =
			windows.CertEnumCertificatesInStore(store, context) {
			if bytes.Equal(unsafe.Slice(context.EncodedCert, context.Length), der) {
				_ = windows.CertDeleteCertificateFromStore(context) // which frees it
				return
			}
		}
	})
}

// What is imported is found, and signs where it lies.
func TestStore(t *testing.T) {
	before, err := Open("my")
	if err != nil {
		t.Fatalf("before anything was imported: %v", err)
	}
	if _, err := Open("machine"); err != nil {
		t.Errorf("the machine's store: %v", err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{"rsa": rsaKey, "ec": ecKey} {
		t.Run(name, func(t *testing.T) {
			template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
				NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
			der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
			if err != nil {
				t.Fatal(err)
			}
			cert, err := x509.ParseCertificate(der)
			if err != nil {
				t.Fatal(err)
			}
			data, err := pkcs12.LegacyDES.Encode(key, cert, nil, "secret")
			if err != nil {
				t.Fatal(err)
			}
			if !put(t, data, "secret") {
				return
			}
			defer take(t, der)
			after, err := Open("my")
			if err != nil || len(after) != len(before)+1 {
				t.Fatalf("%d identities, %v", len(after), err)
			}
			n := slices.IndexFunc(after, func(i Identity) bool { return bytes.Equal(i.DER, der) })
			if n < 0 {
				t.Fatalf("it is not found: %+v", after)
			}
			i := after[n]
			if i.Label != name || !i.HasKey {
				t.Errorf("%s: has key %t: %v", i.Label, i.HasKey, i.Err)
			}
			if i.Signer == nil {
				t.Fatalf("no signer: %v", i.Err)
			}
			digest := sha256.Sum256([]byte("what is signed"))
			signature, err := i.Signer.Sign(rand.Reader, digest[:], crypto.SHA256)
			if err != nil {
				t.Fatal(err)
			}
			switch public := cert.PublicKey.(type) {
			case *rsa.PublicKey:
				err = rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature)
			case *ecdsa.PublicKey:
				if !ecdsa.VerifyASN1(public, digest[:], signature) {
					err = rsa.ErrVerification
				}
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}
