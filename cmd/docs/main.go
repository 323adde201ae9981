// Command docs writes the manual pages and the shell completions of mtlsprobe into
// a folder: "make docs".
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"mtlsprobe/cmd"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 || strings.HasPrefix(args[0], "-") {
		return fmt.Errorf("usage: docs FOLDER")
	}
	pages, completion := filepath.Join(args[0], "man"), filepath.Join(args[0], "completion")
	for _, dir := range []string{pages, completion} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	root := cmd.Root(cmd.Standard())
	if err := errors.Join(writeManual(pages, root), writeGuide(pages)); err != nil {
		return err
	}
	for name, write := range map[string]func(string) error{
		"mtlsprobe.bash": func(path string) error { return root.GenBashCompletionFileV2(path, true) },
		"_mtlsprobe":     root.GenZshCompletionFile,
		"mtlsprobe.fish": func(path string) error { return root.GenFishCompletionFile(path, true) },
		"mtlsprobe.ps1":  root.GenPowerShellCompletionFileWithDesc,
	} {
		if err := write(filepath.Join(completion, name)); err != nil {
			return err
		}
	}
	return nil
}
