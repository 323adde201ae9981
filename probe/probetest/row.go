package probetest

import (
	"cmp"
	"testing"
)

// A Row is one line of what make hostile prints: who attacks, what is tried, what this
// program said, and what reached the attacker.
type Row struct{ Attacker, Tries, Said, Received string }

// Log prints the row.
func (r Row) Log(t testing.TB) {
	t.Helper()
	t.Logf("row: %s | %s | %s | %s", r.Attacker, r.Tries, r.Said, cmp.Or(r.Received, "nothing"))
}
