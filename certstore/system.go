package certstore

import (
	"context"
	"errors"
	"os"
)

// systemBundles are where systems keep the roots that they trust, as one file.
// The list is that of Go's crypto/x509, which does not give them out.
func systemBundles() []string {
	return []string{
		"/etc/ssl/certs/ca-certificates.crt",                // Debian, Alpine
		"/etc/pki/tls/certs/ca-bundle.crt",                  // Fedora, RHEL 6
		"/etc/ssl/ca-bundle.pem",                            // openSUSE
		"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // RHEL 7
		"/etc/ssl/cert.pem",                                 // Alpine, BSD, macOS
	}
}

// SystemAuthorities returns the roots that this system trusts, from its bundle
// file or the one that SSL_CERT_FILE names. On systems that keep them elsewhere,
// such as Windows, it returns none.
func SystemAuthorities(ctx context.Context, getenv func(string) string) ([]Authority, error) {
	paths := systemBundles()
	if file := getenv("SSL_CERT_FILE"); file != "" {
		paths = []string{file}
	}
	for _, path := range paths {
		if _, err := os.Stat(path); err != nil {
			continue
		}
		h, err := Load(ctx, nil, Source{Path: path, Role: Authorities})
		var source *SourceError
		if errors.As(err, &source) {
			return nil, nil // a broken system store is not what was asked about
		}
		if err != nil {
			return nil, err
		}
		for n := range h.Authorities {
			h.Authorities[n].Origin = FromSystem
		}
		return h.Authorities, nil
	}
	return nil, nil
}
