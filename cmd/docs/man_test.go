package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every command has a page with every section; its flags say what their values are called.
func TestManual(t *testing.T) {
	dir := t.TempDir()
	if err := run([]string{dir}); err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join(dir, "man", "*.1"))
	if err != nil || len(pages) < 12 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for _, page := range pages {
		data, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "FILES"} {
			if !strings.Contains(string(data), "\n.SH "+want+"\n") {
				t.Errorf("%s has no %s", page, want)
			}
		}
		for n, line := range strings.Split(string(data), "\n") {
			if strings.ContainsAny(line, "`") || strings.Contains(line, "=[]") {
				t.Errorf("%s:%d: %s", page, n+1, line)
			}
			if strings.HasPrefix(line, ".") && !regexp.MustCompile(`^\.(TH|SH|SS|TP|B|BR|PP|nf|fi)\b`).MatchString(line) {
				t.Errorf("%s:%d: %q is read as a request", page, n+1, line)
			}
		}
	}
	probe, err := os.ReadFile(filepath.Join(dir, "man", "mtlsprobe-probe.1"))
	if err != nil || !strings.Contains(string(probe), `\fB\-\-cert\fR \fISOURCE\fR`) {
		t.Errorf("the page of probe has no --cert SOURCE: %v", err)
	}
}

func TestRoff(t *testing.T) {
	if got, want := roff(".so x\n'y -z \\ "), "\\&.so x\n\\&'y \\-z \\e "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The guide's pages are manual pages, too, and the first page of the manual names each.
func TestGuide(t *testing.T) {
	dir := t.TempDir()
	if err := run([]string{dir}); err != nil {
		t.Fatal(err)
	}
	names, err := guidePages()
	if err != nil || len(names) < 10 {
		t.Fatalf("%q, %v", names, err)
	}
	root, err := os.ReadFile(filepath.Join(dir, "man", "mtlsprobe.1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		page, err := os.ReadFile(filepath.Join(dir, "man", name+".7"))
		if err != nil {
			t.Fatal(err)
		}
		head := regexp.MustCompile(`(?s)\.TH MTLSPROBE.*\.SH NAME\n.*` + regexp.QuoteMeta(name) + ` \\?- [A-Z].*\.SH DESCRIPTION\n`)
		if text := strings.ReplaceAll(string(page), `\-`, "-"); !head.MatchString(text) {
			t.Errorf("%s begins with\n%.300s", name, text)
		}
		if !strings.Contains(string(root), ".BR "+roff(name)+" (7)") {
			t.Errorf("mtlsprobe(1) does not name %s", name)
		}
	}
}
