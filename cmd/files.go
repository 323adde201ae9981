package cmd

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

// replace writes a file that only its owner may read in place of an earlier one, at
// once and whole. What [replaceable] objects to is left alone. What is no regular file,
// such as /dev/null, is written to.
func replace(path string, data []byte, force bool) error {
	if err := standing(path, force); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		// without waiting for a reader of a pipe
		out, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			return err
		}
		_, err = out.Write(data)
		return errors.Join(err, out.Close())
	}
	return writeNew(path, data, true)
}

// An outputFile is a file that a flag names; its path is empty without the flag.
type outputFile struct{ flag, path string }

// checkOutput says at once which of the files could not be written once the work
// is done.
func checkOutput(force bool, files ...outputFile) error {
	for _, f := range files {
		switch f.path {
		case "":
			continue
		case "-":
			return usage(fmt.Errorf("%s -: standard output is for the report: name a file", f.flag))
		}
		if err := replaceable(f.path, force); err != nil {
			return usage(fmt.Errorf("%s: %w", f.flag, err))
		}
	}
	return nil
}

// replaceable returns the error that replace would end with, as far as that can be
// told.
func replaceable(path string, force bool) error {
	if err := standing(path, force); err != nil {
		return err
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil
	}
	folder := filepath.Dir(path)
	temporary, err := os.CreateTemp(folder, ".mtlsprobe-*")
	if err != nil {
		var reason *fs.PathError
		if errors.As(err, &reason) {
			err = reason.Err // the path is that of the temporary file
		}
		return fmt.Errorf("no file can be made in the folder %q: %w", folder, err)
	}
	return errors.Join(temporary.Close(), os.Remove(temporary.Name()))
}

// standing says why what stands at a path is not to be written over: a folder, and
// what holds a key or a bundle, never; a link, and a file that this program did not
// write, unless forced.
func standing(path string, force bool) error {
	link, err := os.Lstat(path)
	if err != nil {
		return nil //nolint:nilerr // there is nothing, or writing will tell
	}
	info, err := os.Stat(path)
	device := err == nil && !info.Mode().IsRegular() && !info.IsDir()
	switch {
	case err == nil && info.IsDir():
		return fmt.Errorf("%q is a folder: name a file", path)
	case err == nil && info.Mode().IsRegular() && holdsKey(path):
		return fmt.Errorf("%q contains a key or a bundle, and is not overwritten", path)
	case force || device && (link.Mode()&fs.ModeSymlink == 0 || isStandardStream(path)):
		return nil
	case link.Mode()&fs.ModeSymlink != 0:
		return fmt.Errorf("%q is a link, and is not followed: name the file itself, or replace the link with --force", path)
	case !isOurs(path, info.Size()):
		return fmt.Errorf("%q was not written by mtlsprobe, and is not overwritten: name another file, or give --force",
			path)
	}
	return nil
}

// isStandardStream reports whether a path is one of the links by which Unix names the
// streams of a process.
func isStandardStream(path string) bool {
	return path == "/dev/stdout" || path == "/dev/stderr" || strings.HasPrefix(path, "/dev/fd/")
}

// written stands near the beginning or at the end of a file that this program wrote.
func written() string { return "written by mtlsprobe " + version() }

// mark returns the last line of a file in a format that does not name this program by
// itself; empty for the others. By it a file is known as one that may be replaced.
func mark(format string) string {
	switch format {
	case "table":
		return "\n" + written() + "\n"
	case "markdown", "svg":
		return "\n<!-- " + written() + " -->\n"
	case "dot":
		return "// " + written() + "\n"
	case "mermaid":
		return "%% " + written() + "\n"
	case "brief":
		return "# " + written() + "\n"
	}
	return ""
}

// isOurs reports whether this program wrote a file, or it is empty.
func isOurs(path string, size int64) bool {
	if size == 0 {
		return true
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	const looked = 4 << 10 // of its beginning and of its end
	start, _ := io.ReadAll(io.NewSectionReader(f, 0, looked))
	end, _ := io.ReadAll(io.NewSectionReader(f, max(0, size-looked), looked))
	// How files of this program begin, and how they end, up to the version.
	beginnings := regexp.MustCompile(`^(\{\s*"schema": "mtlsprobe/|# written by mtlsprobe |Made by mtlsprobe demo|` +
		`<\?xml [^>]*\?>\s*<testsuites name="mtlsprobe"|` +
		`<!DOCTYPE html>\s*<html lang="en">\s*<head>[^\n]*\n(?s:.{0,600})<meta name="generator" content="mtlsprobe">|` +
		"\n\r\r\n(?s:.{0,200})mtlsprobe )")
	endings := regexp.MustCompile(`(?:^|\n)(?:|<!-- |// |%% |# |  "written by": ")(?:written by )?mtlsprobe [^\s"]+` +
		`(?: -->|"\n\})?\n$`)
	return beginnings.Match(start) || endings.Match(end) || isMirrorCA(start)
}

// isMirrorCA reports whether a file is one certificate, which the mirror made.
func isMirrorCA(data []byte) bool {
	block, rest := pem.Decode(data)
	if block == nil || len(bytes.TrimSpace(rest)) > 0 || !bytes.HasPrefix(data, []byte("-----BEGIN CERTIFICATE-----")) {
		return false
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	return err == nil && cert.Subject.CommonName == mirrorCA
}

// holdsKey reports whether a file is a bundle or a key store, or holds a private key:
// PEM of any kind but the mirror's CA, DER, Java's stores, NSS databases, PuTTY's keys.
func holdsKey(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	const most = 16 << 20
	data, _ := io.ReadAll(io.LimitReader(f, most))
	for _, magic := range []string{"\x30", "\xfe\xed\xfe\xed", "\xce\xce\xce\xce", "SQLite format 3",
		"PuTTY-User-Key-File"} {
		if bytes.HasPrefix(data, []byte(magic)) {
			return true
		}
	}
	return bytes.Contains(data, []byte("PRIVATE KEY-----")) ||
		bytes.HasPrefix(bytes.TrimSpace(data), []byte("-----BEGIN ")) && !isMirrorCA(data)
}

// writeNew writes a file that only its owner may read: first beside its place,
// then moved there, so that nobody ever sees half of it. Without force an
// existing file stays as it is.
func writeNew(path string, data []byte, force bool) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), ".mtlsprobe-*")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name())
	_, err = temporary.Write(data)
	if err == nil {
		err = temporary.Sync()
	}
	if closeErr := temporary.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	if !force {
		// A link fails if the name is taken; not every file system has links.
		err := os.Link(temporary.Name(), path)
		if err == nil || errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return os.Rename(temporary.Name(), path)
}
