package mtlsprobe

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// packages lists, for each package, the packages of this project that it may
// import. Data flows one way: what a server sends and what files hold flow towards
// the report.
//
//	target ───────> probe ────────> wire ─> reading ─> observation, trials ─┐
//	sources ──────> certstore ────────────────────────> identities ─────────┤
//	authorities ──> certstore/chain ──────────────────> paths ──────────────┤
//	                                                                        v
//	                            match, stack, verifier ─> diagnosis ─> report ─> cmd
var packages = map[string][]string{
	"report/say":                {}, // a leaf: whoever has something to tell imports it
	"probe/wire":                {"report/say"},
	"probe/carrier":             {},
	"probe/protocol":            {"probe/carrier", "probe/quic"},
	"probe/probetest":           {},
	"probe/reading":             {"report/say", "probe/wire", "probe/protocol"},
	"probe/tlspeer":             {"probe/wire"},
	"probe/recording":           {"probe/wire"},
	"probe/capture":             {"probe/wire", "probe/carrier"},
	"probe/scan":                {},
	"probe/relay":               {"probe/wire", "probe/capture", "probe/recording"},
	"probe":                     {"report/say", "probe/wire", "probe/protocol", "probe/carrier", "probe/reading", "probe/tlspeer", "probe/recording", "probe/quic"},
	"certstore/pbe":             {},
	"certstore/pfx":             {"certstore/pbe"},
	"certstore/nss":             {"certstore/pbe"},
	"certstore/config":          {},
	"certstore":                 {"report/say", "probe/wire", "certstore/pbe", "certstore/pfx", "certstore/nss", "certstore/config", "certstore/token", "certstore/account", "certstore/platform", "certstore/process", "certstore/workload"},
	"certstore/certtest":        {},
	"certstore/certtest/debian": {},
	"certstore/token":           {},
	"certstore/account":         {"report/say"},
	"certstore/platform":        {},
	"certstore/process":         {},
	"certstore/workload":        {},
	"certstore/chain":           {"certstore"},
	"probe/match":               {"report/say", "probe/wire", "certstore", "certstore/account", "certstore/process", "certstore/chain"},
	"probe/mirror":              {"probe/wire", "probe/tlspeer"},
	"probe/stack":               {"report/say", "probe/wire", "probe/match", "certstore", "certstore/chain", "certstore/pbe"},
	"probe/quic":                {"probe/wire"},
	"probe/verifier":            {"report/say", "probe/wire", "certstore", "certstore/chain"},
	"probe/diagnosis":           {"report/say", "probe", "probe/verifier", "probe/wire", "probe/protocol", "probe/reading", "probe/match", "probe/stack", "certstore", "certstore/chain"},
	"report":                    {"report/say", "probe", "probe/wire", "probe/reading", "probe/match", "probe/mirror", "probe/capture", "probe/stack", "probe/verifier", "probe/diagnosis", "certstore", "certstore/account", "certstore/chain"},
	"report/metrics":            {"report", "report/say", "probe", "probe/match", "probe/reading", "probe/diagnosis", "certstore/chain"},
	"cmd":                       {"report", "report/say", "report/metrics", "probe", "probe/wire", "probe/reading", "probe/match", "probe/mirror", "probe/stack", "probe/verifier", "probe/diagnosis", "probe/probetest", "probe/recording", "probe/capture", "probe/relay", "probe/scan", "probe/carrier", "certstore", "certstore/account", "certstore/config", "certstore/workload", "certstore/certtest"},
	"cmd/docs":                  {"cmd"},
	"cmd/mtlsprobe":             {"cmd"},
}

// modules lists who may import what from elsewhere, by file or by package.
var modules = map[string][]string{
	"github.com/quic-go/qpack":                   {"probe/protocol/http3.go"},
	"golang.org/x/crypto":                        {"probe/quic", "probe/wire", "probe/tlspeer", "probe/mirror", "certstore", "certstore/chain", "certstore/config/embedded.go", "certstore/pbe", "certstore/pfx", "certstore/platform", "certstore/token", "certstore/nss"},
	"golang.org/x/sys":                           {"certstore/account/acl_linux.go", "certstore/platform"},
	"go.yaml.in/yaml":                            {"certstore/config", "cmd/exporter_config.go"},
	"google.golang.org/protobuf":                 {"certstore/workload"},
	"github.com/prometheus/procfs":               {"certstore/process"},
	"github.com/prometheus/client_golang":        {"report/metrics", "cmd/exporter_probe.go"},
	"github.com/prometheus/exporter-toolkit":     {"cmd/exporter.go", "cmd/exporter_probe.go"},
	"golang.org/x/text":                          {"certstore"},
	"github.com/google/jsonschema-go":            {"report/parse.go"},
	"github.com/beevik/ntp":                      {"probe/clock.go"},
	"golang.org/x/sync":                          {"certstore", "probe/match", "probe/diagnosis", "report", "cmd"},
	"golang.org/x/net":                           {"probe/protocol", "probe", "cmd"},
	"golang.org/x/term":                          {"cmd"},
	"software.sslmate.com/src/go-pkcs12":         {"certstore/container.go"},
	"github.com/miekg/pkcs11":                    {"certstore/token/module.go"},
	"github.com/olekukonko/tablewriter":          {"report/table.go"},
	"github.com/cpuguy83/go-md2man/v2":           {"cmd/docs"},
	"github.com/spf13/cobra":                     {"cmd", "cmd/docs"},
	"github.com/spf13/pflag":                     {"cmd", "cmd/docs"},
	"github.com/schollz/progressbar":             {"cmd"},
	"github.com/gopacket/gopacket":               {"probe/capture"},
	"github.com/pavlo-v-chernykh/keystore-go/v4": {"certstore"},
}

// pure packages get bytes, values and a time: they open no file, connect to nothing
// and have no clock.
var pure = []string{"report/say", "probe/wire", "probe/reading", "probe/recording", "probe/capture", "probe/match", "probe/stack", "probe/verifier", "certstore/chain", "certstore/nss", "certstore/config", "report"}

// A sourceFile is one Go file without tests.
type sourceFile struct {
	path, dir string
	*ast.File
	set *token.FileSet
}

// sourceFiles parses every Go file of the project that is not a test.
func sourceFiles(t *testing.T) []sourceFile {
	t.Helper()
	var files []sourceFile
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		path = filepath.ToSlash(path)
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		files = append(files, sourceFile{path, filepath.ToSlash(filepath.Dir(path)), file, set})
		return err
	})
	if err != nil || len(files) < 100 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	return files
}

func TestImports(t *testing.T) {
	seen := make(map[string]bool)
	for _, f := range sourceFiles(t) {
		seen[f.dir] = true
		allowed, known := packages[f.dir]
		if !known {
			t.Errorf("%s: package %s is not in the plan", f.path, f.dir)
		}
		for _, spec := range f.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if inner, ok := strings.CutPrefix(name, "mtlsprobe/"); ok {
				if !slices.Contains(allowed, inner) {
					t.Errorf("%s imports %s", f.path, inner)
				}
			} else if strings.Contains(name, ".") && !mayImport(f.path, f.dir, name) {
				t.Errorf("%s imports %s", f.path, name)
			}
			if slices.Contains(pure, f.dir) && (name == "os" || name == "net") && f.path != "report/redact.go" {
				t.Errorf("%s imports %s and is to be pure", f.path, name)
			}
		}
	}
	for name := range packages {
		if !seen[name] {
			t.Errorf("package %s is in the plan and does not exist", name)
		}
	}
}

func mayImport(path, dir, name string) bool {
	for module, users := range modules {
		if strings.HasPrefix(name, module) {
			return slices.Contains(users, dir) || slices.Contains(users, path)
		}
	}
	return false
}

// TestPurity holds that packages that are to be pure do not read the clock.
func TestPurity(t *testing.T) {
	for _, f := range sourceFiles(t) {
		if !slices.Contains(pure, f.dir) {
			continue
		}
		ast.Inspect(f.File, func(n ast.Node) bool {
			call, ok := n.(*ast.SelectorExpr)
			if ok && (call.Sel.Name == "Now" || call.Sel.Name == "Since") {
				if x, ok := call.X.(*ast.Ident); ok && x.Name == "time" {
					t.Errorf("%s: %s reads the clock", f.path, f.set.Position(n.Pos()))
				}
			}
			return true
		})
	}
}

// TestCheckIDs holds that the ID of a check is written once, where the check is
// defined: everything else uses the check itself, so that a slip does not build.
func TestCheckIDs(t *testing.T) {
	ids := make(map[string]bool)
	files := sourceFiles(t)
	defined := regexp.MustCompile(`^"[a-z0-9]+\.[a-z0-9-]+"$`)
	for _, f := range files {
		if f.dir != "probe/match" {
			continue
		}
		ast.Inspect(f.File, func(n ast.Node) bool {
			pair, ok := n.(*ast.KeyValueExpr)
			if !ok {
				return true
			}
			key, isName := pair.Key.(*ast.Ident)
			value, isText := pair.Value.(*ast.BasicLit)
			if isName && isText && key.Name == "ID" && defined.MatchString(value.Value) {
				if ids[value.Value] {
					t.Errorf("%s is defined twice", value.Value)
				}
				ids[value.Value] = true
			}
			return true
		})
	}
	if len(ids) < 40 {
		t.Fatalf("only %d checks were found", len(ids))
	}
	count := make(map[string]int)
	for _, f := range files {
		ast.Inspect(f.File, func(n ast.Node) bool {
			if text, ok := n.(*ast.BasicLit); ok && text.Kind == token.STRING && ids[text.Value] {
				if count[text.Value]++; count[text.Value] > 1 {
					t.Errorf("%s: %s is the ID of a check", f.set.Position(n.Pos()), text.Value)
				}
			}
			return true
		})
	}
}

// TestTextIsWritten holds that no code decides by reading a phrase: comparing or
// searching what String returned is not allowed where findings are made and judged.
func TestTextIsWritten(t *testing.T) {
	decides := []string{"probe/match", "probe/stack", "probe/verifier", "probe/reading", "probe/diagnosis"}
	for _, f := range sourceFiles(t) {
		if !slices.Contains(decides, f.dir) {
			continue
		}
		ast.Inspect(f.File, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			fun, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, _ := fun.X.(*ast.Ident)
			for _, arg := range call.Args {
				inner, isCall := arg.(*ast.CallExpr)
				if !isCall || pkg == nil || pkg.Name != "strings" {
					continue
				}
				if s, ok := inner.Fun.(*ast.SelectorExpr); ok && (s.Sel.Name == "String" || s.Sel.Name == "Error") {
					t.Errorf("%s decides by reading text", f.set.Position(n.Pos()))
				}
			}
			return true
		})
	}
}

// TestSecurityPage holds that every test which .github/SECURITY.md names as a proof is
// there.
func TestSecurityPage(t *testing.T) {
	page, err := os.ReadFile(".github/SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	defined := map[string]bool{"TestHostile": true} // how they begin
	err = filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, match := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllSubmatch(source, -1) {
			defined[string(match[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`\b(?:Test|Fuzz)\w+`).FindAllString(string(page), -1)
	if len(named) < 10 {
		t.Errorf("only %d tests are named", len(named))
	}
	for _, name := range named {
		if !defined[name] {
			t.Errorf("%s is not there", name)
		}
	}
}

// tables are files with data or templates of SVG, whose lines are as long as their rows.
var tables = []string{"probe/stack/profiles.go", "probe/stack/aliases.go", "probe/wire/alert.go", "probe/wire/scheme.go",
	"report/graph.go", "report/timeline.go"}

// TestLines holds that lines of code have at most 120 characters.
func TestLines(t *testing.T) {
	for _, f := range sourceFiles(t) {
		if slices.Contains(tables, f.path) {
			continue
		}
		source, err := os.ReadFile(f.path)
		if err != nil {
			t.Fatal(err)
		}
		for n, line := range strings.Split(string(source), "\n") {
			if length := utf8.RuneCountInString(line); length > 120 {
				t.Errorf("%s:%d has %d characters", f.path, n+1, length)
			}
		}
	}
}
