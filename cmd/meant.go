package cmd

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"mtlsprobe/probe"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// likely is how many letters a slip may change, add or leave out; in short names
// one, for there nearly everything is near.
const likely = 2

// unknownCommand says that there is no such command, and which was meant.
func unknownCommand(root *cobra.Command, name string) error {
	e := &usageError{err: fmt.Errorf("unknown command %q", name), command: root.CommandPath()}
	if strings.ContainsAny(name, ":.") { // a server
		e.better = "did you mean " + root.CommandPath() + " probe TARGET, or request TARGET?"
	} else if near := root.SuggestionsFor(name); len(near) > 0 {
		e.better = "did you mean " + root.CommandPath() + " " + strings.Join(near, " or ") + "?"
	}
	return e
}

// flagError adds to the error about a flag which one was meant, or which commands
// have it.
func flagError(c *cobra.Command, err error) error {
	e := &usageError{err: err, command: c.CommandPath()}
	var wrong *pflag.InvalidValueError
	if errors.As(err, &wrong) {
		e.err = wrongValue(wrong)
		return e
	}
	var missing *pflag.NotExistError
	if !errors.As(err, &missing) {
		return e
	}
	switch shorts := missing.GetSpecifiedShortnames(); {
	case strings.HasPrefix(shorts, "o") && c.Name() == "fix":
		e.better = "the bundle is written with --out FILE; -o is the format of a report"
		return e
	case strings.HasPrefix(shorts, "E"):
		e.better = "did you mean --cert SOURCE?"
		return e
	case shorts != "":
		if near := similar(c, shorts); c.Flags().Lookup(shorts) != nil || len(near) > 0 { // as in openssl -cert
			e.better = "did you mean --" + cmp.Or(strings.Join(near, " or --"), shorts) + "?"
		}
		if meant := usual(shorts); meant != "" { // as in openssl -CAfile
			e.better = "did you mean " + meant + "?"
		}
		return e
	}
	name := missing.GetSpecifiedName()
	if meant := usual(name); meant != "" {
		e.better = "did you mean " + meant + "?"
		return e
	}
	var having []string
	for _, other := range c.Root().Commands() {
		if other.Flags().Lookup(name) != nil {
			having = append(having, other.Name())
		}
	}
	switch near := similar(c, name); {
	case len(near) > 0:
		e.better = "did you mean --" + strings.Join(near, " or --") + "?"
	case len(having) > 0:
		e.better = fmt.Sprintf("--%s is a flag of %s; %s is used as %q", name, strings.Join(having, ", "), c.Name(),
			c.UseLine())
	}
	return e
}

// wrongValue says what a flag takes in place of a value.
func wrongValue(e *pflag.InvalidValueError) error {
	switch f := e.GetFlag(); f.Value.Type() {
	case "duration":
		return fmt.Errorf("--%s %q is not a duration such as 5s, 500ms or 1m", f.Name, e.GetValue())
	case "int":
		return fmt.Errorf("--%s %q is not a whole number", f.Name, e.GetValue())
	case "bool":
		return fmt.Errorf("--%s takes no value, but has %q", f.Name, e.GetValue())
	default:
		return fmt.Errorf("--%s: %w", f.Name, e.Unwrap())
	}
}

// invalid says that a flag has no such value, which ones there are, and which was meant.
func invalid(flag, value string, words []string) error {
	e := &usageError{err: fmt.Errorf("invalid %s %q; choose one of %s", flag, value, strings.Join(words, ", "))}
	if near := nearest(words, value); 0 < len(near) && len(near) < len(words) {
		e.better = "did you mean " + flag + " " + strings.Join(near, " or ") + "?"
	}
	return e
}

// parseTarget is probe.ParseTarget that says what was meant, too.
func parseTarget(s string) (probe.Target, error) {
	if _, err := strconv.ParseUint(s, 10, 16); err == nil {
		return probe.Target{}, usage(fmt.Errorf("TARGET %q is a port alone: give HOST:%s", s, s))
	}
	t, err := probe.ParseTarget(s)
	if err == nil {
		return t, nil
	}
	e := &usageError{err: err}
	var unknown *probe.UnknownScheme
	if errors.As(err, &unknown) {
		if near := nearest(probe.Schemes(), unknown.Scheme); len(near) > 0 {
			e.better = "did you mean " + strings.Join(near, ":// or ") + "://?"
		}
	}
	return t, e
}

// usual is what other programs' name for a flag is here; empty for one that is not
// known.
func usual(name string) string {
	return map[string]string{
		"cafile": "--cacert FILE (verifies the server) or --authorities SOURCE (the clients' CAs)",
		"ca":     "--cacert FILE (verifies the server) or --authorities SOURCE (the clients' CAs)",
		"sni":    "--servername NAME", "server-name": "--servername NAME", "hostname": "--servername NAME",
		"password": "--pass env:VAR or --pass file:PATH", "passin": "--pass env:VAR or --pass file:PATH",
		"key-password": "--pass env:VAR or --pass file:PATH", "storepass": "--pass env:VAR or --pass file:PATH",
		"keypass": "--pass env:VAR or --pass file:PATH", "passwd": "--pass env:VAR or --pass file:PATH",
		"certificate": "--cert SOURCE", "client-cert": "--cert SOURCE",
		"client-key": "--key FILE", "private-key": "--key FILE", "format": "-o FORMAT", "no-verify": "--insecure",
		"connect": "the target without a flag, as in: mtlsprobe probe HOST:PORT",
		"p12":     "--cert FILE", "pkcs12": "--cert FILE", "keystore": "--cert FILE", "chain": "--authorities SOURCE",
	}[strings.ToLower(name)]
}

// similar returns the flags whose names are near to one.
func similar(c *cobra.Command, name string) []string {
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return nearest(names, name)
}

// nearest returns the words that are near to one. Cobra measures that for commands alone, so
// they are dressed up as some.
func nearest(words []string, word string) []string {
	const short = 4
	dressed := &cobra.Command{SuggestionsMinimumDistance: likely}
	if len(word) <= short {
		dressed.SuggestionsMinimumDistance = 1
	}
	for _, w := range words {
		dressed.AddCommand(&cobra.Command{Use: w, Run: func(*cobra.Command, []string) {}})
	}
	near := dressed.SuggestionsFor(word)
	for _, w := range words { // letters in another order are more than one slip
		if !slices.Contains(near, w) && sorted(w) == sorted(word) {
			near = append(near, w)
		}
	}
	return near
}

// sorted has the letters of a word in order.
func sorted(word string) string {
	letters := []rune(strings.ToLower(word))
	slices.Sort(letters)
	return string(letters)
}
