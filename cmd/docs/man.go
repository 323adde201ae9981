package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"mtlsprobe/cmd"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// writeManual writes the manual page of a command, and those of its commands (man(7)).
func writeManual(dir string, c *cobra.Command) error {
	name := strings.ReplaceAll(c.CommandPath(), " ", "-")
	if err := os.WriteFile(filepath.Join(dir, name+".1"), []byte(manual(c)), 0o644); err != nil { //nolint:gosec // public
		return err
	}
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			if err := writeManual(dir, sub); err != nil {
				return err
			}
		}
	}
	return nil
}

func manual(c *cobra.Command) string {
	var b strings.Builder
	name := strings.ReplaceAll(c.CommandPath(), " ", "-")
	section := func(title string) { fmt.Fprintf(&b, ".SH %s\n", title) }
	fmt.Fprintf(&b, ".TH %s 1 \"\" mtlsprobe \"User Commands\"\n", strings.ToUpper(roff(name)))
	section("NAME")
	fmt.Fprintf(&b, "%s \\- %s\n", roff(name), roff(c.Short))
	section("SYNOPSIS")
	use := c.UseLine()
	if c.HasAvailableSubCommands() {
		use = c.CommandPath() + " COMMAND [flags]"
	}
	fmt.Fprintf(&b, ".B %s\n", roff(use))
	section("DESCRIPTION")
	paragraphs(&b, cmp.Or(c.Long, c.Short+"."))
	if c.HasAvailableSubCommands() {
		section("COMMANDS")
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() {
				term(&b, sub.Name(), sub.Short)
			}
		}
	}
	section("OPTIONS")
	for _, g := range cmd.FlagGroups(c) {
		fmt.Fprintf(&b, ".SS %s\n", roff(g.Title))
		for _, f := range g.Flags {
			option(&b, f)
		}
	}
	for _, s := range []struct {
		title string
		notes []cmd.Note
	}{{"EXIT STATUS", cmd.ExitCodes(c)}, {"ENVIRONMENT", cmd.Environment()}, {"FILES", cmd.Files()}} {
		section(s.title)
		for _, n := range s.notes {
			term(&b, n.Term, n.Text)
		}
	}
	if c.HasExample() {
		section("EXAMPLES")
		fmt.Fprintf(&b, ".nf\n%s\n.fi\n", roff(c.Example))
	}
	section("SEE ALSO")
	if c.HasParent() {
		fmt.Fprintf(&b, ".BR %s (1)\n", roff(c.Parent().CommandPath()))
	} else {
		var pages []string
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() {
				pages = append(pages, fmt.Sprintf(".BR %s\\-%s (1)", c.Name(), sub.Name()))
			}
		}
		guide, _ := guidePages() // which are built in
		for _, name := range guide {
			pages = append(pages, fmt.Sprintf(".BR %s (7)", roff(name)))
		}
		fmt.Fprintln(&b, strings.Join(pages, "\n"))
	}
	return b.String()
}

func paragraphs(b *strings.Builder, text string) {
	for n, paragraph := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if n > 0 {
			b.WriteString(".PP\n")
		}
		if strings.HasPrefix(paragraph, "\t") {
			paragraph = ".nf\n" + roff(paragraph) + "\n.fi"
		} else {
			paragraph = roff(strings.ReplaceAll(paragraph, "\n", " "))
		}
		fmt.Fprintln(b, paragraph)
	}
}

func term(b *strings.Builder, name, text string) {
	fmt.Fprintf(b, ".TP\n.B %s\n%s\n", roff(name), roff(text))
}

func option(b *strings.Builder, f *pflag.Flag) {
	value, text := cmd.ValueName(f), f.Usage
	name := "--" + f.Name
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + ", " + name
	}
	fmt.Fprintf(b, ".TP\n\\fB%s\\fR", roff(name))
	if value != "" {
		fmt.Fprintf(b, " \\fI%s\\fR", roff(value))
	}
	fmt.Fprintf(b, "\n%s\n", roff(text))
}

// roff escapes text: no line of it is a request.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	lines := strings.Split(text, "\n")
	for n, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[n] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
