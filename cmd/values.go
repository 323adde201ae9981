package cmd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mtlsprobe/certstore/account"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// checkValues says which values of a command line cannot be meant: an empty path, as an unset
// variable leaves it; standard input in two places, of which the second would find nothing;
// and a client program as a target, behind the flag that takes no value.
func checkValues(c *cobra.Command, args []string) error {
	var empty, reading []string
	flagged := ""
	c.Flags().Visit(func(f *pflag.Flag) {
		if !isPath(ValueName(f)) {
			return
		}
		values := []string{f.Value.String()}
		if several, ok := f.Value.(interface{ GetSlice() []string }); ok {
			values = several.GetSlice()
		}
		if len(values) == 0 { // of a list with commas
			values = []string{""}
		}
		for _, value := range values {
			switch {
			case strings.HasPrefix(value, "--"):
				flagged = fmt.Sprintf("--%s %s: that looks like a flag; for a file of that name write ./%[2]s", f.Name, value)
			case value == "":
				empty = append(empty, "--"+f.Name)
			case value == "-" && !isOutput(f.Name),
				strings.HasPrefix(f.Name, "pass") && (value == "stdin" || strings.HasSuffix(value, "=stdin")):
				reading = append(reading, "--"+f.Name)
			}
		}
	})
	for range len(args) - len(slices.DeleteFunc(slices.Clone(args), func(arg string) bool { return arg == "-" })) {
		reading = append(reading, "the argument -")
	}
	if err := notFiles(c, args); err != nil {
		return err
	}
	switch {
	case flagged != "":
		return usage(errors.New(flagged))
	case len(empty) > 0:
		return usage(fmt.Errorf("%s is empty: is the variable set that it is taken from?", empty[0]))
	case c.Flags().Changed("clients") && slices.ContainsFunc(args, isStack):
		return &usageError{err: errors.New("--clients takes no value: it shows them all"),
			better: "did you mean --client " + args[slices.IndexFunc(args, isStack)] + "?"}
	case len(reading) > 1 && !onlyPasswords(reading):
		return usage(errors.New("standard input can be read once only, and is named by " +
			strings.Join(reading, " and ")))
	}
	return nil
}

// notFiles says that a target is a file, as where a shell has made several of --cert *.pem.
func notFiles(c *cobra.Command, args []string) error {
	if !slices.Contains([]string{"probe", "request", "relay"}, c.Name()) {
		return nil
	}
	for _, arg := range args {
		info, err := os.Stat(arg)
		if err != nil || !info.Mode().IsRegular() || !strings.ContainsRune(arg, '/') && filepath.Ext(arg) == "" {
			continue
		}
		e := &usageError{err: fmt.Errorf("%q is a file, not a TARGET", arg)}
		if c.Flags().Lookup("cert") != nil {
			e.better = "repeat --cert before each file, or give their folder: --cert " +
				account.ShellQuote(filepath.Dir(arg))
		}
		return e
	}
	return nil
}

// isPath reports whether the value of a flag is called what paths and names are.
func isPath(value string) bool {
	return slices.Contains([]string{"FILE", "SOURCE", "DIRECTORY", "FOLDER", "FROM", "NAME"}, value)
}

// isOutput reports whether a flag names a file to write.
func isOutput(flag string) bool {
	return slices.Contains([]string{"output-file", "redact-map", "save", "save-ca", "out", "pcapng", "keep"}, flag)
}

// onlyPasswords reports whether all flags are for passwords, which are a line each.
func onlyPasswords(flags []string) bool {
	return !slices.ContainsFunc(flags, func(flag string) bool { return !strings.HasPrefix(flag, "--pass") })
}

// isStack reports whether an argument is a client stack that predictions are made for.
func isStack(arg string) bool { return slices.Contains(stackIDs(), arg) }
