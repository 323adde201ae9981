package platform

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"unsafe"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/sys/windows"
)

// Names returns the stores that can be opened: "my" is the user's personal one,
// "machine" the computer's, which mostly takes an administrator.
func Names() []string { return []string{"my", "machine"} }

// open lists a store (CertOpenStore, CertEnumCertificatesInStore).
func open(name string) ([]Identity, error) {
	location := uint32(windows.CERT_SYSTEM_STORE_CURRENT_USER)
	if name == "machine" {
		location = windows.CERT_SYSTEM_STORE_LOCAL_MACHINE
	}
	my, err := windows.UTF16PtrFromString("MY")
	if err != nil {
		return nil, err
	}
	store, err := windows.CertOpenStore(windows.CERT_STORE_PROV_SYSTEM_W, 0, 0,
		location|windows.CERT_STORE_READONLY_FLAG|windows.CERT_STORE_OPEN_EXISTING_FLAG, uintptr(unsafe.Pointer(my)))
	if errors.Is(err, windows.ERROR_FILE_NOT_FOUND) { // nothing was ever put into it
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	defer windows.CertCloseStore(store, 0) //nolint:errcheck // it was read only
	var out []Identity
	var context *windows.CertContext
	for {
		context, err = windows.CertEnumCertificatesInStore(store, context)
		if errors.Is(err, windows.Errno(windows.CRYPT_E_NOT_FOUND)) || context == nil {
			return out, nil
		}
		if err != nil {
			return out, fmt.Errorf("reading the store: %w", err)
		}
		out = append(out, identity(context))
	}
}

func identity(context *windows.CertContext) Identity {
	i := Identity{DER: bytes.Clone(unsafe.Slice(context.EncodedCert, context.Length))}
	cert, err := x509.ParseCertificate(i.DER)
	if err != nil {
		i.Err = err
		return i
	}
	i.Label = cert.Subject.CommonName
	var handle windows.Handle
	var spec uint32
	var mustFree bool
	const flags = windows.CRYPT_ACQUIRE_SILENT_FLAG | windows.CRYPT_ACQUIRE_PREFER_NCRYPT_KEY_FLAG
	if err := windows.CryptAcquireCertificatePrivateKey(context, flags, nil, &handle, &spec, &mustFree); err != nil {
		const noKey = windows.Errno(0x8009200b) // CRYPT_E_NO_KEY_PROPERTY
		i.HasKey = !errors.Is(err, noKey)
		i.Err = fmt.Errorf("acquiring the private key without a prompt: %w", err)
		return i
	}
	// The handle lives as long as the program: the key signs until then.
	i.HasKey, i.Signer = true, &key{handle: handle, public: cert.PublicKey}
	if spec != windows.CERT_NCRYPT_KEY_SPEC {
		i.Signer = &provider{handle: handle, spec: spec, public: cert.PublicKey}
	}
	return i
}

// A key signs where it lies (NCryptSignHash).
type key struct {
	handle windows.Handle
	public crypto.PublicKey
}

func (k *key) Public() crypto.PublicKey { return k.public }

// Padding of NCryptSignHash (bcrypt.h).
const (
	padPKCS1 = 0x2
	padPSS   = 0x8
	silent   = 0x40 // NCRYPT_SILENT_FLAG
)

type pkcs1Padding struct{ algorithm *uint16 }

type pssPadding struct {
	algorithm *uint16
	salt      uint32
}

func (k *key) Sign(_ io.Reader, digest []byte, options crypto.SignerOpts) ([]byte, error) {
	var padding unsafe.Pointer
	flags := uint32(silent)
	if _, isRSA := k.public.(*rsa.PublicKey); isRSA {
		name := map[crypto.Hash]string{crypto.SHA1: "SHA1", crypto.SHA256: "SHA256", crypto.SHA384: "SHA384",
			crypto.SHA512: "SHA512"}[options.HashFunc()]
		algorithm, err := windows.UTF16PtrFromString(name)
		if err != nil || name == "" {
			return nil, fmt.Errorf("a hash that the store does not know: %v", options.HashFunc())
		}
		if _, pss := options.(*rsa.PSSOptions); pss {
			padding, flags = unsafe.Pointer(&pssPadding{algorithm, uint32(options.HashFunc().Size())}), flags|padPSS
		} else {
			padding, flags = unsafe.Pointer(&pkcs1Padding{algorithm}), flags|padPKCS1
		}
	}
	signature, err := k.sign(padding, digest, flags)
	if err != nil {
		return nil, err
	}
	if _, isEC := k.public.(*ecdsa.PublicKey); isEC {
		return derSignature(signature)
	}
	return signature, nil
}

// maxSignature is more than an RSA key of 8,192 bits needs, in bytes.
const maxSignature = 1024

func (k *key) sign(padding unsafe.Pointer, digest []byte, flags uint32) ([]byte, error) {
	if len(digest) == 0 {
		return nil, errors.New("an empty digest")
	}
	sign := windows.NewLazySystemDLL("ncrypt.dll").NewProc("NCryptSignHash")
	signature := make([]byte, maxSignature)
	var n uint32
	status, _, _ := sign.Call(uintptr(k.handle), uintptr(padding), uintptr(unsafe.Pointer(&digest[0])),
		uintptr(len(digest)),
		uintptr(unsafe.Pointer(&signature[0])), uintptr(len(signature)), uintptr(unsafe.Pointer(&n)), uintptr(flags))
	if status != 0 {
		return nil, fmt.Errorf("signing: %w", windows.Errno(status))
	}
	return signature[:n], nil
}

// derSignature writes r and s, which the store returns side by side, as TLS takes
// them (RFC 3279, Section 2.2.3).
func derSignature(raw []byte) ([]byte, error) {
	half := len(raw) / 2
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1BigInt(new(big.Int).SetBytes(raw[:half]))
		b.AddASN1BigInt(new(big.Int).SetBytes(raw[half:]))
	})
	return b.Bytes()
}
