package pfx

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"software.sslmate.com/src/go-pkcs12"
)

// Containers that other projects made, outside this one; "make containers"
// prints the figures.
const outside = "../../../shared/data/pkcs12"

func TestContainersPKCS12(t *testing.T) {
	manifest, err := os.ReadFile(filepath.Join(outside, "manifest.tsv"))
	if err != nil {
		t.Skipf("the containers of other projects are not at hand: %v", err)
	}
	type tally struct{ files, opened, explained, failed, library int }
	families := make(map[string]*tally)
	lines := bufio.NewScanner(bytes.NewReader(manifest))
	for lines.Scan() {
		f := strings.Split(lines.Text(), "\t")
		if f[0] == "file" {
			continue
		}
		name, password, expectation, consensus := f[0], f[3], f[4], f[5]
		data, err := os.ReadFile(filepath.Join(outside, name))
		if err != nil {
			t.Fatal(err)
		}
		family, _, _ := strings.Cut(name, "/")
		if families[family] == nil {
			families[family] = &tally{}
		}
		g := families[family]
		g.files++
		_, _, _, libraryErr := pkcs12.DecodeChain(data, password)
		if libraryErr == nil {
			g.library++
		}
		file, err := Open(data, password)
		if err != nil && libraryErr == nil {
			t.Errorf("%s: go-pkcs12 opens it, and here: %v", name, err)
		}
		if err != nil {
			g.explained++
			if expectation == "load" {
				t.Logf("%s (%q): %v; %s", name, password, err, consensus)
			}
			continue
		}
		certs, keys := 0, 0
		var problems []string
		for _, b := range file.Bags {
			switch {
			case b.Err != nil:
				problems = append(problems, b.Err.Error())
			case b.Kind == CertBag:
				certs++
			case b.Kind == KeyBag:
				keys++
			}
		}
		if want, _, _ := strings.Cut(consensus, " "); strings.Contains(want, "c") && want != fmt.Sprintf("%dc%dk", certs, keys) || expectation == "reject" {
			g.failed++
			t.Logf("%s: %dc%dk, want %s, %s; %q", name, certs, keys, consensus, expectation, problems)
		} else {
			g.opened++
		}
	}
	opened := 0
	for _, name := range slices.Sorted(maps.Keys(families)) {
		g := families[name]
		t.Logf("%-20s files %3d  opened as others do %3d  refused with a reason %3d  otherwise %2d  go-pkcs12 alone opened %3d", name, g.files, g.opened, g.explained, g.failed, g.library)
		opened += g.opened
	}
	if opened < 60 {
		t.Errorf("only %d opened", opened)
	}
}
