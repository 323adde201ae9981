// Package debian finds the programs that tests run and that come from Debian
// packages. What is missing fails the test with CI=true, where nothing may hide,
// and skips it elsewhere, with a line that names the package.
package debian

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Program returns the path of a program: the first of the names or patterns for
// filepath.Glob that is there, on the PATH or where Debian keeps servers.
func Program(t testing.TB, pkg string, names ...string) string {
	t.Helper()
	for _, name := range names {
		for _, candidate := range []string{name, filepath.Join("/usr/sbin", name)} {
			if path, err := exec.LookPath(candidate); err == nil {
				return path
			}
		}
		if found, _ := filepath.Glob(name); len(found) > 0 {
			return found[0]
		}
	}
	Missing(t, "the Debian package "+pkg+" is missing")
	return ""
}

// Missing ends a test for which something is missing that the reason names.
func Missing(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(reason)
	}
	t.Skip("skipped: " + reason)
}
