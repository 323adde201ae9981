//go:build slow

package stack_test

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	"mtlsprobe/certstore/certtest/debian"
)

// TestCompiled runs clients in C on libraries that have no client of their own.
func TestCompiled(t *testing.T) { runClients(t, compiled(t)) }

func compiled(t *testing.T) []client {
	t.Helper()
	mbed := compile(t, "mbedtls", "libmbedtls-dev", "-lmbedtls", "-lmbedx509", "-lmbedcrypto")
	mbed.only = "1.2" // Debian's has no other
	return []client{mbed, compile(t, "wolfssl", "libwolfssl-dev", "-lwolfssl")}
}

func compile(t *testing.T, profile, pkg string, libraries ...string) client {
	t.Helper()
	program := filepath.Join(t.TempDir(), profile)
	args := append([]string{"-o", program, filepath.Join("testdata", profile+".c")}, libraries...)
	if out, err := exec.Command(debian.Program(t, "gcc", "gcc"), args...).CombinedOutput(); err != nil {
		debian.Missing(t, fmt.Sprintf("%s: %v\n%s", pkg, err, out))
	}
	return client{profile: profile, tool: program, pkg: pkg, run: func(ctx context.Context, w *world, f *files,
		port, version string) ([]byte, error) {
		return in(ctx, f, nil, program, port, version, w.root(), f.bundle, f.keyFile(), f.password)
	}}
}
