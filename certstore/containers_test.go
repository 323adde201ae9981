package certstore

import (
	"bufio"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
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

// Private keys of other projects, beside what OpenSSL 3.5 makes of them.
func TestContainersPrivateKeys(t *testing.T) {
	same, more, explained, silent := 0, 0, 0, 0
	for _, row := range manifest(t, "private-keys") {
		path, password, loads := row[0], row[4], row[5] == "ok"
		c, err := openOutside(t, filepath.Join(outside, "private-keys", path), password)
		opened := err == nil && len(c.keys) > 0
		switch {
		case opened && loads:
			same++
		case opened:
			more++
		case err != nil || len(c.problems)+len(c.locked) > 0 || c.sealed != "":
			explained++
			if loads {
				t.Logf("%s: OpenSSL loads it: %v", path, err)
			}
		case loads:
			silent++
			t.Errorf("%s: OpenSSL loads it, and nothing is said of it here", path)
		}
	}
	t.Logf("private keys: opened as OpenSSL does %d, beyond it %d, refused with a reason %d, in silence %d", same, more,
		explained, silent)
	if same < 100 {
		t.Errorf("only %d opened", same)
	}
}

// Malformed certificates and keys neither panic nor take much: the time is
// bounded loosely, for machines are noisy, and printed.
func TestContainersMalformed(t *testing.T) {
	files, slowest, largest := 0, time.Duration(0), uint64(0)
	for _, folder := range []string{"malformed-certs", "private-keys"} {
		err := filepath.WalkDir(filepath.Join(outside, folder), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			files++
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			begin := time.Now()
			_, _ = (&opener{options: Options{Passwords: []string{"password"}}}).open(t.Context(), &file{path: path, data: data})
			took := time.Since(begin)
			runtime.ReadMemStats(&after)
			if took > time.Minute { // a bound, whatever else this host does
				t.Errorf("%s took %v", path, took)
			}
			slowest = max(slowest, took)
			// scrypt may take 64 MiB by itself.
			if used := after.TotalAlloc - before.TotalAlloc; used > 65<<20 {
				t.Errorf("%s took %d MiB", path, used>>20)
			} else {
				largest = max(largest, used)
			}
			return nil
		})
		if err != nil {
			t.Skipf("the malformed files of other projects are not at hand: %v", err)
		}
	}
	t.Logf("%d malformed certificates and keys: at most %v and %d KiB each", files, slowest, largest>>10)
	if files == 0 {
		t.Skip("the malformed files of other projects are not at hand")
	}
}
