package cmd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// replace writes a file that only its owner may read in place of an earlier one,
// at once and whole. A link is replaced, not followed. What holds a key or a
// bundle is left alone: it is more likely a slip of the hand than meant. What is
// no regular file, such as /dev/null, is written to.
func replace(path string, data []byte) error {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		out, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = out.Write(data)
		return errors.Join(err, out.Close())
	}
	if err == nil && holdsKey(path) {
		return keyError(path)
	}
	return writeNew(path, data, true)
}

func keyError(path string) error {
	return fmt.Errorf("%q holds a key or a bundle, and is not overwritten", path)
}

// An outputFile is a file that a flag names; its path is empty without the flag.
type outputFile struct{ flag, path string }

// checkOutput says at once which of the files could not be written once the work
// is done.
func checkOutput(files ...outputFile) error {
	for _, f := range files {
		if f.path == "" {
			continue
		}
		if err := replaceable(f.path); err != nil {
			return usage(fmt.Errorf("%s: %w", f.flag, err))
		}
	}
	return nil
}

// replaceable returns the error that replace would end with, as far as that can be
// told.
func replaceable(path string) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return fmt.Errorf("%q is a folder: name a file", path)
	case err == nil && !info.Mode().IsRegular():
		return nil
	case err == nil && holdsKey(path):
		return keyError(path)
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

// holdsKey looks at the beginning of a file: a private key in PEM, or DER.
func holdsKey(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	const enough = 64 << 10
	start, _ := io.ReadAll(io.LimitReader(f, enough))
	return bytes.Contains(start, []byte("PRIVATE KEY-----")) || bytes.HasPrefix(start, []byte{0x30})
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
