package mtlsprobe

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rooms lists, for each package, the packages of this project that it may
// import. The direction is one way: what a server sends and what files hold flow
// towards the report.
var rooms = map[string][]string{
	"probe/wire":                {},
	"probe/protocol":            {},
	"probe/probetest":           {},
	"probe/handshake":           {"probe/wire"},
	"probe/late":                {"probe/wire", "probe/handshake"},
	"probe/recording":           {"probe/wire"},
	"probe":                     {"probe/wire", "probe/protocol", "probe/late", "probe/recording"},
	"certstore/pbe":             {},
	"certstore/pfx":             {"certstore/pbe"},
	"certstore/nss":             {"certstore/pbe"},
	"certstore/config":          {},
	"certstore":                 {"certstore/pbe", "certstore/pfx", "certstore/nss", "certstore/config", "certstore/token", "certstore/account", "certstore/platform"},
	"certstore/certtest":        {},
	"certstore/certtest/debian": {},
	"certstore/token":           {},
	"certstore/account":         {},
	"certstore/platform":        {},
	"certstore/chain":           {"certstore"},
	"probe/match":               {"probe/wire", "certstore", "certstore/account", "certstore/chain"},
	"probe/mirror":              {"probe/wire", "probe/handshake"},
	"probe/stack":               {"probe/wire", "probe/match", "certstore", "certstore/chain"},
	"report":                    {"probe", "probe/wire", "probe/match", "probe/mirror", "probe/stack", "certstore", "certstore/chain"},
	"cmd":                       {"probe", "probe/wire", "probe/match", "probe/mirror", "probe/stack", "probe/probetest", "probe/recording", "certstore", "certstore/account", "certstore/config", "certstore/chain", "certstore/certtest", "report"},
	"cmd/docs":                  {"cmd"},
	"cmd/mtlsprobe":             {"cmd"},
}

// modules lists who may import what from elsewhere, by file or by package.
var modules = map[string][]string{
	"golang.org/x/crypto":                {"probe/wire", "probe/handshake", "probe/late", "probe/mirror", "certstore", "certstore/chain", "certstore/pbe", "certstore/pfx", "certstore/platform", "certstore/token", "certstore/nss"},
	"golang.org/x/sys":                   {"certstore/account/acl_linux.go", "certstore/platform"},
	"go.yaml.in/yaml":                    {"certstore/config"},
	"golang.org/x/text":                  {"certstore"},
	"github.com/beevik/ntp":              {"probe/clock.go"},
	"golang.org/x/sync":                  {"certstore"},
	"golang.org/x/net":                   {"probe/protocol", "probe", "cmd"},
	"golang.org/x/term":                  {"cmd"},
	"software.sslmate.com/src/go-pkcs12": {"certstore/container.go"},
	"github.com/miekg/pkcs11":            {"certstore/token/module.go"},
	"github.com/olekukonko/tablewriter":  {"report/table.go"},
	"github.com/spf13/cobra":             {"cmd", "cmd/docs"},
	"github.com/spf13/pflag":             {"cmd"},
	"github.com/schollz/progressbar":     {"cmd"},
}

// pure packages get bytes, values and a time, and never fetch them.
var pure = []string{"probe/wire", "probe/recording", "probe/match", "probe/stack", "certstore/chain", "certstore/nss", "certstore/config", "report"}

func TestImports(t *testing.T) {
	seen := make(map[string]bool)
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		path = filepath.ToSlash(path)
		room := filepath.ToSlash(filepath.Dir(path))
		seen[room] = true
		allowed, known := rooms[room]
		if !known {
			t.Errorf("%s: package %s is not in the plan", path, room)
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if inner, ok := strings.CutPrefix(name, "mtlsprobe/"); ok {
				if !slices.Contains(allowed, inner) {
					t.Errorf("%s imports %s", path, inner)
				}
			} else if strings.Contains(name, ".") && !mayImport(path, room, name) {
				t.Errorf("%s imports %s", path, name)
			}
			if slices.Contains(pure, room) && (name == "os" || name == "net") {
				t.Errorf("%s imports %s and is to be pure", path, name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for room := range rooms {
		if !seen[room] {
			t.Errorf("package %s is in the plan and does not exist", room)
		}
	}
}

func mayImport(path, room, name string) bool {
	for module, users := range modules {
		if strings.HasPrefix(name, module) {
			return slices.Contains(users, room) || slices.Contains(users, path)
		}
	}
	return false
}
