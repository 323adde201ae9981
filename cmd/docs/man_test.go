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
