package cmd

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the console blocks of the README")

// The console blocks of the README are real: each command is run, in order, in a
// folder with the demonstration's files and against its server, and what it
// prints must be what stands there. Dates, fingerprints and ports differ from run
// to run. "-update" writes the blocks.
func TestReadmeGolden(t *testing.T) {
	readme, err := filepath.Abs("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	pki := demoPKI("readme", time.Now())
	t.Chdir(t.TempDir())
	if _, err := writeDemo(".", pki); err != nil {
		t.Fatal(err)
	}
	server, err := serveDemo(pki, "127.0.0.1:0", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	_, port, _ := strings.Cut(server.Address, ":")
	blocks, commands := regexp.MustCompile("(?s)```console\n(.*?)```\n"), 0
	rewritten := blocks.ReplaceAllStringFunc(string(data), func(block string) string {
		var out strings.Builder
		out.WriteString("```console\n")
		for _, line := range strings.Split(block, "\n") {
			command, ok := strings.CutPrefix(line, "$ mtlsprobe ")
			if !ok {
				continue
			}
			commands++
			code, stdout, stderr := run(t, strings.Fields(strings.ReplaceAll(command, "localhost:8443", "localhost:"+port))...)
			if code != exitAnswered && code != exitNoIdentity {
				t.Errorf("%s: exit code %d\n%s", line, code, stderr)
			}
			out.WriteString(line + "\n" + strings.ReplaceAll(stderr+stdout, "localhost:"+port, "localhost:8443"))
		}
		return out.String() + "```\n"
	})
	if commands < 8 {
		t.Errorf("only %d commands: the README shows too little", commands)
	}
	if *update {
		if err := os.WriteFile(readme, []byte(rewritten), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, got := steady(string(data)), steady(rewritten)
	for i := range max(len(want), len(got)) {
		if i >= len(want) || i >= len(got) || want[i] != got[i] {
			t.Fatalf("line %d of the README:\n%q\nis now\n%q\nrun: go test ./cmd -run Readme -update", i+1, at(want, i),
				at(got, i))
		}
	}
}

// steady replaces what differs from run to run.
func steady(s string) []string {
	s = regexp.MustCompile(`\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?`).ReplaceAllString(s, "DATE")
	s = regexp.MustCompile(`[0-9a-f]{64}`).ReplaceAllString(s, "SHA256")
	s = regexp.MustCompile(`[0-9a-f]{16}…`).ReplaceAllString(s, "SHA256")
	s = regexp.MustCompile(`\([0-9]+ days\)`).ReplaceAllString(s, "(DAYS)")
	s = regexp.MustCompile(`local key ID [0-9a-f]{8}…`).ReplaceAllString(s, "local key ID")
	s = regexp.MustCompile(`[0-9]+h[0-9]+m[0-9]+s`).ReplaceAllString(s, "DURATION")
	return strings.Split(s, "\n")
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(nothing)"
}
