package cmd

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"mtlsprobe/report"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A flagGroup is flags that the help shows together, in the order in which they
// are registered.
type flagGroup struct {
	title    string
	register func(*pflag.FlagSet)
}

// Annotations of a flag: its group, and what its value is called. The text of a flag is
// registered with that in backquotes, which a shell's completion would show.
const (
	groupKey = "group"
	valueKey = "value"
)

// ValueName is what the value of a flag is called; empty for one that has none.
func ValueName(f *pflag.Flag) string {
	if value := f.Annotations[valueKey]; len(value) > 0 {
		return value[0]
	}
	return ""
}

// addFlags registers flags in groups, in the order in which the help shows them, and has
// their values checked. A group that comes again grows.
func addFlags(c *cobra.Command, groups ...flagGroup) {
	c.Flags().SortFlags = false
	c.PreRunE = checkValues
	for _, g := range groups {
		flags := pflag.NewFlagSet(g.title, pflag.ContinueOnError)
		flags.SortFlags = false
		g.register(flags)
		flags.VisitAll(func(f *pflag.Flag) {
			value, text := pflag.UnquoteUsage(f)
			f.Usage, f.Annotations = text, map[string][]string{groupKey: {g.title}, valueKey: {value}}
		})
		c.Flags().AddFlagSet(flags)
	}
}

// The titles of groups that several commands have.
const (
	serverGroup    = "Server"
	candidateGroup = "Certificates"
	demandGroup    = "What the server demands"
	judgementGroup = "Judgement"
	reportGroup    = "Report"
	recordGroup    = "Recording"
	demoGroup      = "Demonstration"
	otherGroup     = "Other"
)

// The groups of commands.
const (
	askingGroup   = "asking"
	offlineGroup  = "offline"
	learningGroup = "learning"
)

func commandGroups() []*cobra.Group {
	return []*cobra.Group{
		{ID: askingGroup, Title: "Online:"},
		{ID: offlineGroup, Title: "Offline:"},
		{ID: learningGroup, Title: "Learning and setup:"},
	}
}

// helpWidth is how wide help is: as the terminal, but easy to read.
func helpWidth(s *Streams) int {
	const widest, narrowest = 100, 60
	if s.Width == 0 {
		return widest
	}
	return min(widest, max(narrowest, s.Width))
}

// helpFunc returns what writes a command's help: its text, whose paragraphs are
// wrapped here unless they are indented, and its usage.
func helpFunc(s *Streams) func(*cobra.Command, []string) {
	return func(c *cobra.Command, _ []string) {
		out := c.OutOrStdout()
		for paragraph := range strings.SplitSeq(strings.TrimSpace(cmp.Or(c.Long, c.Short+".")), "\n\n") {
			if !strings.HasPrefix(paragraph, "\t") {
				paragraph = report.Wrap(strings.ReplaceAll(paragraph, "\n", " "), helpWidth(s), "")
			}
			fmt.Fprintf(out, "%s\n\n", paragraph)
		}
		_ = writeUsage(out, c, helpWidth(s)) // to a buffer or a terminal
	}
}

// writeUsage writes how to call a command.
func writeUsage(w io.Writer, c *cobra.Command, width int) error {
	var b strings.Builder
	line := c.UseLine()
	if c.HasAvailableSubCommands() {
		line = c.CommandPath() + " COMMAND [flags]"
	}
	fmt.Fprintf(&b, "Usage:\n  %s\n", line)
	if c.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", c.Example)
	}
	if c.HasAvailableSubCommands() {
		commandList(&b, c, width)
	}
	for _, g := range FlagGroups(c) {
		fmt.Fprintf(&b, "\n%s:\n", g.Title)
		for _, f := range g.Flags {
			flagEntry(&b, f, width)
		}
	}
	if !c.HasParent() || c.GroupID == askingGroup || c.GroupID == offlineGroup {
		notes(&b, "Exit codes", ExitCodes(c), width)
	}
	if !c.HasParent() {
		notes(&b, "Environment variables", Environment(), width)
		notes(&b, "Files", Files(), width)
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\nUse \"%s COMMAND --help\" for more about a command.\n", c.CommandPath())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// commandList writes the commands by their groups.
func commandList(b *strings.Builder, c *cobra.Command, width int) {
	groups := slices.Clone(c.Groups())
	if len(groups) == 0 {
		groups = []*cobra.Group{{Title: "Commands:"}}
	}
	for _, g := range groups {
		fmt.Fprintf(b, "\n%s\n", g.Title)
		for _, sub := range c.Commands() {
			if sub.GroupID == g.ID && (sub.IsAvailableCommand() || sub.Name() == "help") {
				entry(b, sub.Name(), sub.Short, 14, width)
			}
		}
	}
}

// notes writes terms and what they mean.
func notes(b *strings.Builder, title string, list []Note, width int) {
	fmt.Fprintf(b, "\n%s:\n", title)
	indent := 7
	for _, n := range list {
		if len(n.Term) > 3 {
			indent = 28
		}
	}
	for _, n := range list {
		entry(b, n.Term, n.Text, indent, width)
	}
}

// flagEntry writes one flag.
func flagEntry(b *strings.Builder, f *pflag.Flag, width int) {
	name := "    --" + f.Name
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + ", --" + f.Name
	}
	value, text := ValueName(f), f.Usage
	if value != "" {
		name += " " + value
	}
	switch f.DefValue {
	case "", "false", "[]", "0s":
	default:
		text += " (default " + f.DefValue + ")"
	}
	entry(b, name, text, 28, width)
}

// entry writes a name and a text beside it, or below it where the name is long.
func entry(b *strings.Builder, name, text string, indent, width int) {
	wrapped := strings.TrimLeft(report.Wrap(text, width, strings.Repeat(" ", indent)), " ")
	if len(name)+4 > indent {
		fmt.Fprintf(b, "  %s\n%*s%s\n", name, indent, "", wrapped)
		return
	}
	fmt.Fprintf(b, "  %-*s%s\n", indent-2, name, wrapped)
}

// complete offers the values of flags that take one of a few words. They are put
// together when a shell asks.
func complete(c *cobra.Command, values map[string]func() []string) {
	for name, words := range values {
		if c.Flags().Lookup(name) == nil || name == "output" && c.Name() == "compare" {
			continue
		}
		_ = c.RegisterFlagCompletionFunc(name, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return words(), cobra.ShellCompDirectiveNoFileComp
		})
	}
}
