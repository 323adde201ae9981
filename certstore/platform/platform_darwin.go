package platform

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // what the tool names identities by
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"time"
)

// Names returns the stores that can be opened.
func Names() []string { return []string{"keychain"} }

// The system's own tool lists what is in the keychains of the search list. See
// security(1): find-certificate, find-identity.
const (
	tool    = "/usr/bin/security"
	timeout = 10 * time.Second
)

func open(string) ([]Identity, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	listed, err := exec.CommandContext(ctx, tool, "find-certificate", "-a", "-p").Output()
	if err != nil {
		return nil, fmt.Errorf("listing the keychain's certificates: %w", err)
	}
	identities, err := exec.CommandContext(ctx, tool, "find-identity", "-p", "ssl-client").Output()
	if err != nil {
		return nil, fmt.Errorf("listing the keychain's identities: %w", err)
	}
	withKey := make(map[string]bool)
	for _, sum := range regexp.MustCompile(`\b[0-9A-F]{40}\b`).FindAll(identities, -1) {
		withKey[string(bytes.ToLower(sum))] = true
	}
	var out []Identity
	for rest := listed; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return out, nil
		}
		sum := sha1.Sum(block.Bytes) //nolint:gosec // likewise
		i := Identity{DER: block.Bytes, HasKey: withKey[hex.EncodeToString(sum[:])]}
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
			i.Label = cert.Subject.CommonName
		}
		if i.HasKey {
			i.Err = errors.New("it is in the keychain, whose keys this program does not use: export the identity with " +
				"\"security export -t identities -f pkcs12\"")
		}
		out = append(out, i)
	}
}
