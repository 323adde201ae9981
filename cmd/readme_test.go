package cmd

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the console blocks of the README")

// The console blocks of the README and of the guide are real: each command is run, in order, in
// a folder with the demonstration's files and against its server, and what it prints must be
// what stands there. Dates, fingerprints and ports differ from run to run. "-update" writes the
// blocks.
func TestReadmeGolden(t *testing.T) {
	pages, err := filepath.Glob("docs/guide/*.md")
	if err != nil || len(pages) < 8 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	commands := 0
	for _, page := range append(pages, "../README.md") {
		path, err := filepath.Abs(page)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.Base(page), func(t *testing.T) { commands += checkConsole(t, path) })
	}
	if commands < 12 {
		t.Errorf("only %d commands: README and guide show too little", commands)
	}
}

// Every page that another one links to is there.
func TestLinks(t *testing.T) {
	links := 0
	for _, pattern := range []string{"../README.md", "../.github/*.md", "docs/guide/*.md"} {
		pages, err := filepath.Glob(pattern)
		if err != nil || pages == nil {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, page := range pages {
			data, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			for _, link := range regexp.MustCompile(`\]\(([^)#]+)[^)]*\)`).FindAllStringSubmatch(string(data), -1) {
				if strings.Contains(link[1], "://") {
					continue
				}
				links++
				if _, err := os.Stat(filepath.Join(filepath.Dir(page), link[1])); err != nil {
					t.Errorf("%s: %v", page, err)
				}
			}
		}
	}
	if links < 10 {
		t.Errorf("only %d links", links)
	}
}

// checkConsole runs the console blocks of a page, and returns how many commands it ran.
func checkConsole(t *testing.T, page string) (commands int) {
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	captures := map[string][]byte{"eap-lan.pcap": nil, "openvpn.pcap": nil}
	for name := range captures {
		if captures[name], err = os.ReadFile(filepath.Join("../probe/capture/testdata", name)); err != nil {
			t.Fatal(err)
		}
	}
	pki := demoPKI("readme", time.Now())
	t.Chdir(t.TempDir())
	for name, data := range captures {
		writeFile(t, name, data)
	}
	if _, err := writeDemo(".", pki); err != nil {
		t.Fatal(err)
	}
	server, err := serveDemo(pki, "127.0.0.1:0", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	_, port, _ := strings.Cut(server.Address, ":")
	writeFile(t, "targets.txt", []byte("# the servers\nlocalhost:"+port+"\nhttp//mistyped\n"))
	blocks := regexp.MustCompile("(?s)```console\n(.*?)```\n")
	rewritten := blocks.ReplaceAllStringFunc(string(data), func(block string) string {
		var out strings.Builder
		out.WriteString("```console\n")
		for _, line := range strings.Split(block, "\n") {
			command, ok := strings.CutPrefix(line, "$ mtlsprobe ")
			if !ok {
				continue
			}
			commands++
			command, filter, filtered := strings.Cut(command, " | jq ")
			code, stdout, stderr := run(t, strings.Fields(strings.ReplaceAll(command, "localhost:8443", "localhost:"+port))...)
			if code != exitAnswered && code != exitNoIdentity && (code != 1 || !strings.HasPrefix(command, "compare ")) {
				t.Errorf("%s: exit code %d\n%s", line, code, stderr)
			}
			if filtered {
				stdout = jq(t, filter, stdout)
			}
			stdout = regexp.MustCompile(`(localhost:`+port+` *)│`).ReplaceAllString(stdout, "$1 │") // the port is shorter there
			out.WriteString(line + "\n" + strings.ReplaceAll(stderr+stdout, "localhost:"+port, "localhost:8443"))
		}
		return out.String() + "```\n"
	})
	if *update {
		if err := os.WriteFile(page, []byte(rewritten), 0o644); err != nil {
			t.Fatal(err)
		}
		return commands
	}
	want, got := steady(string(data)), steady(rewritten)
	for i := range max(len(want), len(got)) {
		if i >= len(want) || i >= len(got) || want[i] != got[i] {
			t.Fatalf("line %d of %s:\n%q\nis now\n%q\nrun: go test ./cmd -run Readme -update", i+1, page, at(want, i),
				at(got, i))
		}
	}
	return commands
}

// jq applies a filter, written as for a shell, to JSON.
func jq(t *testing.T, filter, input string) string {
	t.Helper()
	flags, filter, _ := strings.Cut(filter, " ")
	c := exec.Command(tool(t, "jq", "jq"), flags, strings.Trim(filter, "'"))
	c.Stdin = strings.NewReader(input)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Errorf("jq %s: %v: %s", filter, err, out)
	}
	return string(out)
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
