package process

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestState(t *testing.T) {
	started := time.Date(2026, time.June, 15, 12, 0, 0, 0, time.UTC)
	before, at, after := started.Add(-time.Hour), started.Add(time.Second), started.Add(time.Hour)
	for _, tt := range []struct {
		name             string
		written, touched time.Time
		want             State
	}{
		{"untouched", before, before, Earlier},
		{"in the second of the start", at, at, Earlier},
		{"written", after, after, Later},
		{"an older file in its place", before, after, Touched},
	} {
		if got := state(started, tt.written, tt.touched); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// A file behind links is as young as the youngest of them.
func TestOf(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	link := func(target, name string) string {
		path := filepath.Join(dir, name)
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	old := time.Now().Add(-48 * time.Hour)
	file := write("..2026/tls.crt")
	if err := os.Chtimes(file, old, old); err != nil {
		t.Fatal(err)
	}
	link("..2026", "..data")
	mounted := link("..data/tls.crt", "tls.crt")
	day := 24 * time.Hour
	for _, tt := range []struct {
		name, path string
		p          Process
		want       State
	}{
		{"linked after the start", mounted, Process{Started: time.Now().Add(-day)}, Later},
		{"started since", mounted, Process{Started: time.Now()}, Earlier},
		{"an old file, made since", file, Process{Started: time.Now().Add(-day)}, Touched},
		{"still open", file, Process{Started: time.Now(), deleted: []string{file}}, Deleted},
		{"another root", file, Process{Started: time.Now(), root: dir}, Elsewhere},
	} {
		got, _, err := tt.p.Of(tt.path)
		if tt.want == Touched && changeTime(stat(t, file)).IsZero() {
			tt.want = Earlier // the system does not tell
		}
		if err != nil || got != tt.want {
			t.Errorf("%s: %s, %v, want %s", tt.name, got, err, tt.want)
		}
	}
	if _, _, err := (&Process{}).Of(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func stat(t *testing.T, path string) fs.FileInfo {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// This process is found where the system tells of processes.
func TestFind(t *testing.T) {
	p, err := Find(os.Getpid())
	if errors.Is(err, ErrUnsupported) {
		return
	}
	if err != nil || p.Name == "" || time.Since(p.Started) > time.Hour || time.Since(p.Started) < -precision {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := Find(1 << 30); err == nil {
		t.Error("a process that is not there")
	}
}
