package cmd

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// unwanted are words and turns that do not belong into what people read, each with what to
// say instead.
func unwanted() map[string]string {
	return map[string]string{
		`\b(is|are) no [a-zA-Z]`:                 "is not a …",
		`for want of|all the same|nothing of it`: "because, without, anyway",
		`\bunless told\b|\bas told\b`:            "by default",
		`\bmends?\b|\bmended\b`:                  "fix",
		`\blies?\b|\blie (in|on|apart)\b`:        "is",
		`\bholds?\b`:                             "contains",
		`\bsays of\b|\baccuses?\b`:               "reports about",
		`certificate\(s\)|\b1 names\b`:           "the number with its noun",
		`\byet\b`:                                "but, not yet",
		`\bthrow-away\b|\bon the spot\b`:         "generated, test certificate",
		`\bgoodbye\b|\bfor playing\b`:            "plain words",
		`\bare known$`:                           "choose one of …",
	}
}

// allowed are turns that look like unwanted ones.
func allowed() *regexp.Regexp {
	return regexp.MustCompile(`(is|are) no longer|there (is|are) no |[Nn]ot yet|no user PIN yet|` +
		`nobody has told`)
}

// What the program says is plain English: every text in the sources, help included.
func TestWords(t *testing.T) {
	patterns := make(map[*regexp.Regexp]string)
	for pattern, instead := range unwanted() {
		patterns[regexp.MustCompile(pattern)] = instead
	}
	texts := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == "probetest" || d.Name() == "certtest" ||
			d.Name() == ".git"):
			return filepath.SkipDir
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		positions := token.NewFileSet()
		file, err := parser.ParseFile(positions, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			x, ok := n.(ast.Expr)
			if !ok {
				return true
			}
			text, ok := constant(x)
			if !ok {
				return true
			}
			if !strings.Contains(text, " ") {
				return false
			}
			texts++
			for pattern, instead := range patterns {
				if at := pattern.FindStringIndex(allowed().ReplaceAllString(text, "")); at != nil {
					t.Errorf("%s: %q: say %s", positions.Position(n.Pos()), text, instead)
				}
			}
			return false
		})
		return nil
	})
	if err != nil || texts < 1_000 {
		t.Errorf("%d texts, %v", texts, err)
	}
	page, err := os.ReadFile("../report/page.html")
	if err != nil {
		t.Fatal(err)
	}
	for pattern, instead := range patterns {
		if at := pattern.Find(page); at != nil {
			t.Errorf("page.html: %q: say %s", at, instead)
		}
	}
}

// constant is the text of string literals that are joined.
func constant(x ast.Expr) (string, bool) {
	switch x := x.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(x.Value)
		return text, err == nil && x.Kind == token.STRING
	case *ast.BinaryExpr:
		left, ok := constant(x.X)
		right, also := constant(x.Y)
		return left + right, ok && also && x.Op == token.ADD
	}
	return "", false
}

// A text of each kind is found, and its plain form is not.
func TestUnwantedWords(t *testing.T) {
	for text, found := range map[string]bool{"x is no file": true, "x is not a file": false, "there is no file": false,
		"it holds a key": true, "certificate(s)": true, "not yet valid": false, "how to mend it": true,
		"it is no longer known": false, "yet it is": true} {
		any := false
		for pattern := range unwanted() {
			any = any || regexp.MustCompile(pattern).MatchString(allowed().ReplaceAllString(text, ""))
		}
		if any != found {
			t.Errorf("%q: found %t, want %t", text, any, found)
		}
	}
}
