package certstore

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// outside is where containers of other projects lie; "make containers" prints
// the figures.
const outside = "../../shared/data"

// manifest reads a table of containers, or skips with a clear line.
func manifest(t *testing.T, folder string) [][]string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(outside, folder, "manifest.tsv"))
	if err != nil {
		t.Skipf("the containers of other projects are not at hand: %v", err)
	}
	var rows [][]string
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		if row := strings.Split(lines.Text(), "\t"); row[0] != "file" {
			rows = append(rows, row)
		}
	}
	return rows
}

// openOutside opens a file with a password, and with none.
func openOutside(t *testing.T, path, password string) (*contents, error) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	o := &opener{options: Options{Passwords: []string{password}}}
	return o.open(t.Context(), &file{path: path, data: data})
}

func TestContainersJKS(t *testing.T) {
	opened, explained, failed := 0, 0, 0
	for _, row := range manifest(t, "jks") {
		password := row[4]
		if strings.Contains(row[0], "keypass") {
			password = "keypass" // the key's own
		}
		c, err := openOutside(t, filepath.Join(outside, "jks", row[0]), password)
		keys, _ := strconv.Atoi(row[5])
		certs, _ := strconv.Atoi(row[8])
		switch {
		case err != nil:
			explained++
			t.Logf("%s: %v", row[0], err)
		case len(c.keys) == keys && len(c.certs) == certs:
			opened++
		case len(c.problems)+len(c.locked) > 0:
			explained++
			t.Logf("%s: %v %v", row[0], c.problems, c.locked)
		default:
			failed++
			t.Errorf("%s: %d keys, %d certificates, want %d, %d", row[0], len(c.keys), len(c.certs), keys, certs)
		}
	}
	t.Logf("JKS and JCEKS: opened as keytool does %d, refused with a reason %d, otherwise %d", opened, explained, failed)
	if opened < 15 {
		t.Errorf("only %d opened", opened)
	}
}

func TestContainersPKCS7(t *testing.T) {
	opened, explained := 0, 0
	for _, row := range manifest(t, "pkcs7") {
		c, err := openOutside(t, filepath.Join(outside, row[0]), "")
		want, _ := strconv.Atoi(row[2])
		switch {
		case err != nil:
			explained++
			if want > 0 {
				t.Logf("%s: %v", row[0], err)
			}
		case want == 0: // no PKCS#7 at all, or nothing in it, to openssl
			explained++
		case len(c.certs) == want:
			opened++
		case len(c.problems) > 0:
			explained++
			t.Logf("%s: %d of %d; %v", row[0], len(c.certs), want, c.problems)
		default:
			t.Errorf("%s: %d certificates, want %d", row[0], len(c.certs), want)
		}
	}
	t.Logf("PKCS#7: opened as openssl does %d, refused or in part with a reason %d", opened, explained)
	if opened < 15 {
		t.Errorf("only %d opened", opened)
	}
}
