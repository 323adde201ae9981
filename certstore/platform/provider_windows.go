package platform

import (
	"crypto"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"slices"
	"unsafe"

	"golang.org/x/sys/windows"
)

// A provider signs where the key lies, in an older cryptographic service provider: such as that
// of a smart card's driver. It knows RSA with the padding of PKCS #1 v1.5 alone.
type provider struct {
	handle windows.Handle
	spec   uint32 // which of the container's two keys
	public crypto.PublicKey
}

func (p *provider) Public() crypto.PublicKey { return p.public }

// Sign signs a digest (CryptCreateHash, CryptSetHashParam, CryptSignHash).
func (p *provider) Sign(_ io.Reader, digest []byte, options crypto.SignerOpts) ([]byte, error) {
	algorithm := map[crypto.Hash]uintptr{crypto.SHA1: 0x8004, crypto.SHA256: 0x800c, crypto.SHA384: 0x800d,
		crypto.SHA512: 0x800e}[options.HashFunc()] // CALG_SHA…
	switch _, pss := options.(*rsa.PSSOptions); {
	case pss:
		return nil, errors.New("the key's provider knows no RSASSA-PSS, which TLS 1.3 requires")
	case algorithm == 0 || len(digest) != options.HashFunc().Size():
		return nil, fmt.Errorf("a hash that the key's provider does not know: %v", options.HashFunc())
	}
	advapi := windows.NewLazySystemDLL("advapi32.dll")
	call := func(name string, args ...uintptr) error {
		if ok, _, err := advapi.NewProc(name).Call(args...); ok == 0 {
			return fmt.Errorf("signing: %s: %w", name, err)
		}
		return nil
	}
	var hash windows.Handle
	err := call("CryptCreateHash", uintptr(p.handle), algorithm, 0, 0, uintptr(unsafe.Pointer(&hash)))
	if errors.Is(err, windows.Errno(windows.NTE_BAD_ALGID)) {
		handle, reopened := p.newer()
		if reopened != nil {
			return nil, reopened
		}
		defer windows.CryptReleaseContext(handle, 0) //nolint:errcheck // of memory
		err = call("CryptCreateHash", uintptr(handle), algorithm, 0, 0, uintptr(unsafe.Pointer(&hash)))
	}
	if err != nil {
		return nil, err
	}
	defer call("CryptDestroyHash", uintptr(hash)) //nolint:errcheck // of memory
	const hashValue = 2                           // HP_HASHVAL
	if err := call("CryptSetHashParam", uintptr(hash), hashValue, uintptr(unsafe.Pointer(&digest[0])), 0); err != nil {
		return nil, err
	}
	specs := []uint32{p.spec}
	if p.spec != windows.AT_KEYEXCHANGE && p.spec != windows.AT_SIGNATURE { // Wine gives both
		specs = []uint32{windows.AT_KEYEXCHANGE, windows.AT_SIGNATURE}
	}
	for _, spec := range specs {
		signature := make([]byte, maxSignature)
		n := uint32(len(signature))
		if err = call("CryptSignHashW", uintptr(hash), uintptr(spec), 0, 0, uintptr(unsafe.Pointer(&signature[0])),
			uintptr(unsafe.Pointer(&n))); err == nil {
			signature = signature[:n]
			slices.Reverse(signature) // the interface is little-endian
			return signature, nil
		}
	}
	return nil, err
}

// newer opens the key's container with the provider that knows SHA-2: older ones do not.
func (p *provider) newer() (handle windows.Handle, err error) {
	const container, maxName = 6, 1024 // PP_CONTAINER
	name := make([]byte, maxName)
	n := uint32(len(name))
	get := windows.NewLazySystemDLL("advapi32.dll").NewProc("CryptGetProvParam")
	if ok, _, err := get.Call(uintptr(p.handle), container, uintptr(unsafe.Pointer(&name[0])), uintptr(unsafe.Pointer(&n)),
		0); ok == 0 {
		return 0, fmt.Errorf("signing: the key's container: %w", err)
	}
	of, err := windows.UTF16PtrFromString(windows.ByteSliceToString(name))
	if err != nil {
		return 0, err
	}
	err = windows.CryptAcquireContext(&handle, of, nil, windows.PROV_RSA_AES, windows.CRYPT_SILENT)
	if err != nil {
		return 0, fmt.Errorf("signing: the key's provider knows no SHA-2, and a newer one does not open its container: %w",
			err)
	}
	return handle, nil
}
