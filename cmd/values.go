package cmd

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// checkValues says which values of a command line cannot be meant: an empty path, as an unset
// variable leaves it; standard input in two places, of which the second would find nothing;
// and a client program as a target, behind the flag that takes no value.
func checkValues(c *cobra.Command, args []string) error {
	var empty, reading []string
	c.Flags().Visit(func(f *pflag.Flag) {
		if !isPath(ValueName(f)) {
			return
		}
		values := []string{f.Value.String()}
		if several, ok := f.Value.(interface{ GetSlice() []string }); ok {
			values = several.GetSlice()
		}
		for _, value := range values {
			switch {
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
	switch {
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

// isPath reports whether the value of a flag is called what paths are.
func isPath(value string) bool {
	return slices.Contains([]string{"FILE", "SOURCE", "DIRECTORY", "FOLDER", "FROM"}, value)
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
