package cmd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"mtlsprobe/report"
)

// manifest reads one document of a file of manifests by the API's own types, strictly.
func manifest[T any](t *testing.T, name, kind string) *T {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("docs", "deploy", "kubernetes", name))
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range bytes.Split(data, []byte("\n---\n")) {
		if !bytes.Contains(document, []byte("\nkind: "+kind+"\n")) {
			continue
		}
		var object T
		if err := yaml.UnmarshalStrict(document, &object); err != nil {
			t.Fatalf("%s, %s: %v", name, kind, err)
		}
		return &object
	}
	t.Fatalf("%s has no %s", name, kind)
	return nil
}

// container runs one of a manifest as a process, with the paths of its volumes replaced.
func container(t *testing.T, c *corev1.Container, env map[string]string, replace ...string) (code int, out string) {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range env {
		replace = append(replace, "$("+name+")", value)
	}
	process := exec.Command(executable)
	process.Args, process.Env = []string{"mtlsprobe"}, os.Environ()
	for _, arg := range c.Args {
		process.Args = append(process.Args, strings.NewReplacer(replace...).Replace(arg))
	}
	for name, value := range env {
		process.Env = append(process.Env, name+"="+value)
	}
	text, err := process.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return process.ProcessState.ExitCode(), string(text)
}

// mounts checks that every volume that a pod mounts is there.
func mounts(t *testing.T, pod *corev1.PodSpec) {
	t.Helper()
	for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
		if c.Image == "" || c.SecurityContext == nil || !*c.SecurityContext.ReadOnlyRootFilesystem {
			t.Errorf("container %s has no image, or may write", c.Name)
		}
		for _, m := range c.VolumeMounts {
			if !slices.ContainsFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name }) {
				t.Errorf("container %s mounts %q, which is no volume", c.Name, m.Name)
			}
		}
	}
}

// The pods of the indexed job, run as processes, have one line for each target together.
func TestKubernetesJob(t *testing.T) {
	job := manifest[batchv1.Job](t, "scan-job.yaml", "Job")
	targets := manifest[corev1.ConfigMap](t, "scan-job.yaml", "ConfigMap")
	claim := manifest[corev1.PersistentVolumeClaim](t, "scan-job.yaml", "PersistentVolumeClaim")
	pod := &job.Spec.Template.Spec
	mounts(t, pod)
	if targets.Data["targets.txt"] == "" || pod.Volumes[0].ConfigMap.Name != targets.Name ||
		pod.Volumes[1].PersistentVolumeClaim.ClaimName != claim.Name {
		t.Error("the job's volumes are not those of the file")
	}
	if *job.Spec.CompletionMode != batchv1.IndexedCompletion {
		t.Errorf("the job is %s", *job.Spec.CompletionMode)
	}
	t.Chdir(t.TempDir())
	answering, others := scanServers(t, scanPKI(), 20)
	all := append(answering, others[1])
	writeFile(t, "targets.txt", []byte(strings.Join(all, "\n")))
	var files []string
	for index := range *job.Spec.Completions {
		file := fmt.Sprintf("%d.jsonl", index)
		if code, out := container(t, &pod.Containers[0], map[string]string{"JOB_COMPLETION_INDEX": fmt.Sprint(index)},
			"/targets/", "", "/results/", ""); code == exitUsage {
			t.Fatalf("pod %d: exit code %d\n%s", index, code, out)
		}
		files = append(files, file)
	}
	code, stdout, stderr := run(t, append([]string{"merge", "-o", "jsonl"}, files...)...)
	if lines := scannedLines(t, []byte(stdout)); code != exitAnswered || len(lines) != len(all) {
		t.Errorf("exit code %d, %d lines for %d targets: %s", code, len(lines), len(all), stderr)
	}
}

// What runs on each node, and every morning.
func TestKubernetesProbes(t *testing.T) {
	set := manifest[appsv1.DaemonSet](t, "probe-daemonset.yaml", "DaemonSet")
	config := manifest[corev1.ConfigMap](t, "probe-daemonset.yaml", "ConfigMap")
	cron := manifest[batchv1.CronJob](t, "probe-cronjob.yaml", "CronJob")
	node, morning := &set.Spec.Template.Spec, &cron.Spec.JobTemplate.Spec.Template.Spec
	mounts(t, node)
	mounts(t, morning)
	if set.Spec.Selector.MatchLabels["app"] != set.Spec.Template.Labels["app"] ||
		node.Volumes[1].ConfigMap.Name != config.Name {
		t.Error("the parts of the daemon set do not belong together")
	}
	t.Chdir(t.TempDir())
	p := scanPKI()
	address, names := listing(t, p)
	writeFile(t, "ca.crt", p.CertPEM("root"))
	writeFile(t, "tls.crt", p.CertPEM("client"))
	writeFile(t, "tls.key", p.KeyPEM("client"))
	writeFile(t, "exporter.yaml", []byte(strings.ReplaceAll(config.Data["exporter.yaml"], "/identity/", "")))
	paths := []string{"/identity/", "", "/config/", "", "api.example.com:443", address}
	if code, out := container(t, &morning.Containers[0], nil, paths...); code != exitAnswered {
		t.Errorf("exit code %d\n%s", code, out)
	}
	names("Other")
	if code, out := container(t, &morning.Containers[0], nil, paths...); code != exitNoIdentity {
		t.Errorf("what does not fit: exit code %d\n%s", code, out)
	}
	exporter := node.Containers[0]
	exporter.Args = append(exporter.Args, "--check")
	if code, out := container(t, &exporter, nil, paths...); code != exitAnswered {
		t.Errorf("exporter: exit code %d\n%s", code, out)
	}
}

// The playbook is run by Ansible, with this host as both hosts of its inventory.
func TestAnsible(t *testing.T) {
	ansible := tool(t, "ansible-playbook", "ansible-core")
	playbook, err := os.ReadFile("docs/deploy/ansible/probe.yaml")
	if err != nil {
		t.Fatal(err)
	}
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	folder, err := os.Getwd()
	if err == nil {
		err = os.Symlink(executable, "mtlsprobe")
	}
	if err != nil {
		t.Fatal(err)
	}
	p := scanPKI()
	address, _ := listing(t, p)
	writeFile(t, "probe.yaml", playbook)
	writeFile(t, "ca.pem", p.CertPEM("root"))
	writeFile(t, "client.pem", slices.Concat(p.CertPEM("client"), p.KeyPEM("client")))
	writeFile(t, "other.pem", slices.Concat(p.CertPEM("other client"), p.KeyPEM("other client")))
	writeFile(t, "hosts", []byte("one certificate="+folder+"/client.pem\nother certificate="+folder+"/other.pem\n"))
	variables, err := json.Marshal(map[string]any{"mtlsprobe": folder + "/mtlsprobe", "target": address,
		"arguments": []string{"--cacert", folder + "/ca.pem"}})
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"-i", "hosts", "-c", "local", "probe.yaml", "-e", string(variables)}
	if out, err := exec.Command(ansible, append(args, "--syntax-check")...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	c := exec.Command(ansible, args...)
	c.Env = append(os.Environ(), "ANSIBLE_LOCAL_TEMP="+folder, "ANSIBLE_REMOTE_TEMP="+folder, "ANSIBLE_NOCOLOR=1",
		"HOME="+folder, "ANSIBLE_PYTHON_INTERPRETER=/usr/bin/python3")
	out, err := c.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "other: other.pem: does-not-fit") ||
		strings.Contains(string(out), "one: client") {
		t.Fatalf("%v\n%s", err, out)
	}
	for host, want := range map[string]string{"one": report.Fits, "other": report.DoesNotFit} {
		r, err := report.Parse(mustRead(t, "reports/"+host+".json"))
		if err != nil || r.Identities[0].Verdict != want {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// The query of the guide, run by SQLite on lines of a scan.
func TestGuideQuery(t *testing.T) {
	sqlite := tool(t, "sqlite3", "sqlite3")
	guide, err := os.ReadFile("docs/guide/fleets.md")
	if err != nil {
		t.Fatal(err)
	}
	query := regexp.MustCompile("(?s)```\n(CREATE TABLE .*?)```").FindSubmatch(guide)
	if query == nil {
		t.Fatal("the guide has no query")
	}
	p := scanPKI()
	t.Chdir(t.TempDir())
	answering, _ := scanServers(t, p, 12)
	writeFile(t, "list.txt", []byte(strings.Join(answering, "\n")))
	if code, _, stderr := run(t, "scan", "list.txt", "-k", "--output-file", "results.jsonl"); code != exitAnswered {
		t.Fatal(stderr)
	}
	c := exec.Command(sqlite)
	c.Stdin = strings.NewReader(strings.ReplaceAll(string(query[1]), "CN=Old Root", "CN=Other"))
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var want []string
	for target, line := range scannedLines(t, mustRead(t, "results.jsonl")) {
		if slices.Contains(line.NamedCAs, "CN=Other,O=Example") {
			want = append(want, target)
		}
	}
	got := strings.FieldsFunc(string(out), func(r rune) bool { return r < ' ' })
	slices.Sort(got)
	slices.Sort(want)
	if len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("%q, not %q", got, want)
	}
}
