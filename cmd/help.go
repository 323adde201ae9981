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

// groupKey is the annotation of a flag that names its group.
const groupKey = "group"

// addFlags registers flags in groups, in the order in which the help shows them. A
// group that comes again grows.
func addFlags(c *cobra.Command, groups ...flagGroup) {
	c.Flags().SortFlags = false
	for _, g := range groups {
		flags := pflag.NewFlagSet(g.title, pflag.ContinueOnError)
		flags.SortFlags = false
		g.register(flags)
		flags.VisitAll(func(f *pflag.Flag) { f.Annotations = map[string][]string{groupKey: {g.title}} })
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
	flagList(&b, c.LocalFlags(), width)
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

// flagList writes the flags by their groups, in the order of registration.
func flagList(b *strings.Builder, flags *pflag.FlagSet, width int) {
	var titles []string
	members := make(map[string][]*pflag.Flag)
	flags.SortFlags = false
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		title := otherGroup
		if group := f.Annotations[groupKey]; len(group) > 0 {
			title = group[0]
		}
		if members[title] == nil && title != otherGroup {
			titles = append(titles, title)
		}
		members[title] = append(members[title], f)
	})
	for _, title := range append(titles, otherGroup) {
		if len(members[title]) == 0 {
			continue
		}
		fmt.Fprintf(b, "\n%s:\n", title)
		for _, f := range members[title] {
			flagEntry(b, f, width)
		}
	}
}

// flagEntry writes one flag. What its value is called stands in backquotes in the
// flag's text.
func flagEntry(b *strings.Builder, f *pflag.Flag, width int) {
	name := "    --" + f.Name
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + ", --" + f.Name
	}
	value, text := pflag.UnquoteUsage(f)
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
