package cmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A report never goes over a key, over what others wrote, through a link, or half.
func TestReplace(t *testing.T) {
	t.Chdir(t.TempDir())
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read := func(name string) string {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	write("old.json", `{"schema": "mtlsprobe/1"}`)
	write("brief.txt", "fits client.p12\n"+mark("brief"))
	write("run.sh", "#!/bin/sh\nmtlsprobe probe api --cert c.pem\n")
	write("words.txt", "unknown hosts of mine\n")
	write("late.txt", strings.Repeat("#", 70_000)+"\n-----BEGIN PRIVATE KEY-----\n# mtlsprobe\n")
	write("store.jks", "\xfe\xed\xfe\xed mtlsprobe")
	write("key4.db", "SQLite format 3\x00 mtlsprobe")
	write("ca.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n# for mtlsprobe\n")
	write("empty", "")
	write("table.txt", "Request\n"+mark("table"))
	write("notes.txt", "mine")
	write("key.pem", "-----BEGIN PRIVATE KEY-----\n")
	write("bundle.p12", "\x30\x82\x01")
	write("victim", "mine")
	if err := os.Symlink("victim", "link"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"key.pem", "bundle.p12", "late.txt", "store.jks", "key4.db", "ca.pem"} {
		before := read(name)
		if err := replace(name, []byte("new"), true); err == nil || !strings.Contains(err.Error(), "is not overwritten") ||
			read(name) != before {
			t.Errorf("%s: %v, contains %q", name, err, read(name))
		}
		if err := replaceable(name, true); err == nil || !strings.Contains(err.Error(), "is not overwritten") {
			t.Errorf("%s: replaceable: %v", name, err)
		}
	}
	for _, name := range []string{"run.sh", "words.txt"} {
		if err := replaceable(name, false); err == nil || !strings.Contains(err.Error(), "was not written by mtlsprobe") {
			t.Errorf("%s: replaceable: %v", name, err)
		}
	}
	for name, want := range map[string]string{"notes.txt": "was not written by mtlsprobe", "link": "is a link"} {
		if err := replaceable(name, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: replaceable: %v", name, err)
		}
		if err := replace(name, []byte("new"), false); err == nil || read(name) != "mine" {
			t.Errorf("%s: %v, contains %q", name, err, read(name))
		}
		if err := replace(name, []byte("new"), true); err != nil || read(name) != "new" {
			t.Errorf("%s, forced: %v, contains %q", name, err, read(name))
		}
	}
	for _, name := range []string{"old.json", "brief.txt", "empty", "table.txt", "fresh"} {
		if err := replaceable(name, false); err != nil {
			t.Errorf("%s: replaceable: %v", name, err)
		}
		if err := replace(name, []byte("new"), false); err != nil || read(name) != "new" {
			t.Errorf("%s: %v, contains %q", name, err, read(name))
		}
	}
	if read("victim") != "mine" {
		t.Error("a link was followed")
	}
	if err := replace(os.DevNull, []byte("new"), false); err != nil {
		t.Errorf("the null device: %v", err)
	}
	if err := replace("no/folder", []byte("new"), false); err == nil {
		t.Error("a folder that is not there")
	}
	for name, want := range map[string]string{"no/folder": `in the folder "no": no such file`, ".": "is a folder",
		"key.pem/x": "not a directory"} {
		if err := replaceable(name, true); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	if err := replaceable(os.DevNull, false); err != nil {
		t.Errorf("the null device: %v", err)
	}
	if left, err := filepath.Glob(".mtlsprobe-*"); err != nil || left != nil {
		t.Errorf("left over: %q", left)
	}
}
