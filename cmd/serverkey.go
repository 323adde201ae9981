package cmd

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// serverKey reads the RSA key of a server, by which connections with an RSA key exchange are
// decrypted.
func serverKey(ctx context.Context, s *Streams, path string) (*rsa.PrivateKey, error) {
	const most = 1 << 20
	data, err := s.readUpTo(ctx, path, most)
	if err != nil {
		return nil, fmt.Errorf("--server-key: %w", err)
	}
	encrypted := false
	for rest := data; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
			encrypted = true
		} else if key, err := rsaKey(block.Bytes); err == nil {
			return key, nil
		}
	}
	if key, err := rsaKey(data); err == nil {
		return key, nil
	}
	if encrypted {
		return nil, fmt.Errorf("--server-key %q is encrypted: give it in clear, as \"openssl pkey -in FILE\" writes it, "+
			"in a "+
			"file that nobody else may read", path)
	}
	return nil, fmt.Errorf("--server-key %q contains no RSA private key in PEM or DER; other keys decrypt nothing", path)
}

func rsaKey(der []byte) (*rsa.PrivateKey, error) {
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	if key, ok := key.(*rsa.PrivateKey); ok {
		return key, nil
	}
	return nil, errors.New("another kind of key")
}
