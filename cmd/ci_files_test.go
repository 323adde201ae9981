package cmd

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// The action and the template for CI systems do what they say: their scripts are run, with a
// program in the place of this one that tells its arguments.
func TestCIFiles(t *testing.T) {
	var action struct {
		Runs struct {
			Steps []struct {
				Run string
				Env map[string]string
			}
		}
		Inputs map[string]struct{ Default string }
	}
	read(t, "../.github/action/action.yml", &action)
	steps := action.Runs.Steps
	if len(steps) != 3 || !strings.Contains(steps[1].Run, "build") {
		t.Fatalf("%+v", steps)
	}
	for _, reference := range steps[2].Env {
		name := strings.TrimSuffix(strings.TrimPrefix(reference, "${{ inputs."), " }}")
		if _, ok := action.Inputs[name]; !ok {
			t.Errorf("%s is no input", reference)
		}
	}
	var job map[string]struct{ Script []string }
	data, err := os.ReadFile("../.gitlab/mtlsprobe.yml")
	if err != nil {
		t.Fatal(err)
	}
	_, body, found := strings.Cut(string(data), "\n---\n")
	if err := yaml.Unmarshal([]byte(body), &job); err != nil || !found {
		t.Fatalf("%v", err)
	}
	const want = "probe --servername x y --cert certs/ --pass env:MTLSPROBE_PASSWORD --require all --expires-within " +
		"30d " +
		"-o junit --output-file FILE --force -- a.example b.example:8443 "
	for name, script := range map[string]string{"action": steps[2].Run,
		"template": strings.Join(job["client certificates"].Script, "\n")} {
		dir := t.TempDir()
		place := filepath.Join(dir, ".github", "action")
		if err := os.MkdirAll(place, 0o700); err != nil {
			t.Fatal(err)
		}
		fake := "#!/bin/sh\nfor word; do printf '%s ' \"$word\"; done\n"
		if err := os.WriteFile(filepath.Join(dir, "mtlsprobe"), []byte(fake), 0o700); err != nil {
			t.Fatal(err)
		}
		script = strings.ReplaceAll(script, "/opt/mtlsprobe/", dir+"/") // where the template unpacks it
		c := exec.Command("bash", "-euc", script)
		c.Dir = dir
		c.Env = append(os.Environ(), "GITHUB_ACTION_PATH="+place, "TARGETS=a.example b.example:8443", "CERT=certs/",
			"MTLSPROBE_PASSWORD=hunter2", "EXPIRES=30d", "ARGUMENTS=--servername 'x y'", "JUNIT=j.xml")
		out, err := c.CombinedOutput()
		got := string(out)
		got = regexp.MustCompile(`--output-file \S+`).ReplaceAllString(got, "--output-file FILE")
		if name == "template" { // where the certificate stands before the other arguments
			got = strings.Replace(got, "--cert certs/ --servername x y", "--servername x y --cert certs/", 1)
		}
		if err != nil || got != want || strings.Contains(got, "hunter2") {
			t.Errorf("%s: %v\n%s\nwant %s", name, err, got, want)
		}
	}
}

func read(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = yaml.Unmarshal(data, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}
