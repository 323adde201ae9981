// Package cmd is the command line: flags, terminal, wording and exit codes. Call
// [Main]. What the program does is in the packages that it calls.
package cmd

import (
	"bufio"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"mtlsprobe/certstore/account"
	"mtlsprobe/probe"
	"mtlsprobe/report"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// Streams are what a command talks to. Tests give their own.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	Now      func() time.Time
	// LookupEnv is os.LookupEnv.
	LookupEnv func(name string) (value string, set bool)
	// Account is the name of the one that this runs as; empty where it has none.
	Account string
	// Width is that of the terminal at Out; zero means that Out is none.
	Width int
	// Root says that this runs as the user who may read everything.
	Root bool
	// ErrTerminal says that Err is a terminal.
	ErrTerminal bool
	// ReadPassword asks at the terminal, or is nil without one.
	ReadPassword func(ctx context.Context, prompt string) (string, error)

	buffered map[string]*bufio.Reader // of the streams that passwords are read from
	stdin    *stdin
}

// lines returns the reader of a stream by lines, the same one each time: what it
// has read ahead belongs to the next line.
func (s *Streams) lines(name string, r io.Reader) *bufio.Reader {
	const longest = 64 << 10
	if s.buffered == nil {
		s.buffered = make(map[string]*bufio.Reader)
	}
	if s.buffered[name] == nil {
		s.buffered[name] = bufio.NewReader(io.LimitReader(r, longest))
	}
	return s.buffered[name]
}

// Getenv returns the value of an environment variable, or "" without one.
func (s *Streams) Getenv(name string) string {
	value, _ := s.LookupEnv(name)
	return value
}

// utf8 reports whether the locale has UTF-8 (POSIX, Environment Variables, LC_ALL). No
// locale at all is taken for one: containers and CI jobs have none, and show UTF-8.
func (s *Streams) utf8() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale := strings.ToLower(s.Getenv(name)); locale != "" {
			return strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8")
		}
	}
	return true
}

// Standard returns the process's own streams.
func Standard() *Streams {
	s := &Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Now: time.Now, LookupEnv: os.LookupEnv,
		Root: os.Geteuid() == 0, ErrTerminal: term.IsTerminal(int(os.Stderr.Fd()))}
	if account, err := user.Current(); err == nil {
		s.Account = account.Username
	}
	if fd := int(os.Stdout.Fd()); term.IsTerminal(fd) {
		if width, _, err := term.GetSize(fd); err == nil {
			s.Width = width
		}
	}
	if term.IsTerminal(int(os.Stdin.Fd())) && s.ErrTerminal {
		s.ReadPassword = readPassword
	}
	return s
}

// Main runs the command line and returns the exit code.
func Main(ctx context.Context, args []string, s *Streams) int {
	guarded := *s
	guarded.Err = &withoutSecrets{s.Err, secretsIn(args)}
	s = &guarded
	root := Root(s)
	root.SetArgs(args)
	c, err := execute(ctx, root, args)
	var mistake *usageError
	if errors.As(err, &mistake) && mistake.command == "" {
		mistake.command = c.CommandPath()
	}
	var plugin *statusError
	// before the command itself began
	if err != nil && !errors.As(err, &plugin) && exitCode(err) != exitInterrupt && isPlugin(args) {
		fmt.Fprintf(s.Out, "MTLSPROBE UNKNOWN - %s\n", strings.Map(plain, strings.ReplaceAll(err.Error(), "|", "/")))
		err = &statusError{report.StatusUnknown, err}
	}
	quiet, _ := root.PersistentFlags().GetBool("quiet") // it is registered
	complain(&messages{Writer: s.Err, errorsOnly: quiet}, err)
	return exitCode(err)
}

// isPlugin reports whether the arguments ask for a plugin of Nagios.
func isPlugin(args []string) bool {
	for n, arg := range args {
		flag := n > 0 && (args[n-1] == "-o" || args[n-1] == "--output")
		if flag && arg == "nagios" || arg == "-onagios" || arg == "-o=nagios" || arg == "--output=nagios" {
			return true
		}
	}
	return false
}

// plain is a character as it may stand on a terminal's line.
func plain(r rune) rune {
	if unicode.IsGraphic(r) {
		return r
	}
	return ' '
}

// secretsIn returns the user and password of every argument that is a URL, or a host
// as in one, and what is given as a password, each with what stands for it: no message
// may repeat them, whichever part of the program words it.
func secretsIn(args []string) []string {
	var secrets []string
	// PIN of a token (RFC 7512), Java's system properties, --pass pass:
	given := regexp.MustCompile(`(?i)((?:pin-value|password|passphrase)=|pass:)([^\s&;]+)`)
	for _, arg := range args {
		_, rest, found := strings.Cut(arg, "://")
		if !found {
			rest = arg
		}
		authority, _, _ := strings.Cut(rest, "/")
		if at := strings.LastIndexByte(authority, '@'); at > 0 && strings.Contains(authority[:at], ":") &&
			!isContext(arg) {
			secrets = append(secrets, authority[:at], "…")
		}
		for _, match := range given.FindAllStringSubmatch(arg, -1) {
			secrets = append(secrets, match[0], match[1]+"…")
		}
	}
	return secrets
}

// withoutSecrets writes without the secrets, which come with what stands for them.
type withoutSecrets struct {
	io.Writer
	secrets []string
}

func (w *withoutSecrets) Write(b []byte) (int, error) {
	_, err := strings.NewReplacer(w.secrets...).WriteString(w.Writer, string(b))
	return len(b), err
}

// Root returns the command with all of its subcommands.
func Root(s *Streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "mtlsprobe",
		Short: "Report which client certificates a server accepts, which ones a client sends, and why not",
		Long: "mtlsprobe connects to a server as a TLS client, records what its CertificateRequest asks\n" +
			"for and reports, for each client certificate, whether it is accepted, why not, and what\n" +
			"to change.",
		Version:       version(),
		SilenceErrors: true, SilenceUsage: true,
		SuggestionsMinimumDistance: likely,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return unknownCommand(c, args[0])
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	said := &messages{Writer: s.Err}
	told := *s
	told.Err, told.stdin = said, &stdin{from: s.In}
	s = &told
	root.PersistentFlags().BoolVarP(&said.errorsOnly, "quiet", "q", false, "write no warnings and hints to stderr")
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	root.SetFlagErrorFunc(flagError)
	root.SetHelpFunc(helpFunc(s))
	root.SetUsageFunc(func(c *cobra.Command) error { return writeUsage(c.OutOrStderr(), c, helpWidth(s)) })
	root.AddGroup(commandGroups()...)
	for group, commands := range map[string][]*cobra.Command{
		askingGroup: {newProbe(s, runProbe), newRequest(s, runRequest), newMirror(s, runMirror),
			newRelay(s, runRelay), newScan(s, runScan), newExporter(s, runExporter)},
		offlineGroup: {newCheck(s, runCheck), newInspect(s, runInspect), newTrace(s, runTrace), newFix(s, runFix),
			newRender(s, runRender), newCompare(s, runCompare), newMerge(s, runMerge)},
		learningGroup: {newExplain(s), newDemo(s), newVersion(s)},
	} {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	root.SetHelpCommandGroupID(learningGroup)
	root.SetCompletionCommandGroupID(learningGroup)
	fixed := func(words ...string) func() []string { return func() []string { return words } }
	words := map[string]func() []string{"color": fixed("auto", "always", "never"), "client": stackIDs, "for": stackIDs,
		"server":  serverIDs,
		"require": fixed("any", "all"),
		"tls-min": fixed("1.0", "1.1", "1.2", "1.3"), "tls-max": fixed("1.0", "1.1", "1.2", "1.3"),
		"encoding": encodings,
		"starttls": probe.StartTLSNames, "output": report.Formats}
	for _, c := range root.Commands() {
		complete(c, words)
	}
	return root
}

// execute runs the command that the arguments name. Cobra would take what follows an unknown one
// for flags of the program itself.
func execute(ctx context.Context, root *cobra.Command, args []string) (*cobra.Command, error) {
	root.InitDefaultCompletionCmd()
	root.InitDefaultHelpCmd()
	if len(args) > 1 && !strings.HasPrefix(args[0], "-") && !strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		if c, _, err := root.Find(args[:1]); err != nil || c == root {
			return root, unknownCommand(root, args[0])
		}
	}
	return root.ExecuteContextC(ctx)
}

func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			example, _, _ := strings.Cut(strings.TrimSpace(c.Example), "\n")
			if words := strings.Fields(c.Use); len(args) == 0 && len(words) > 1 {
				err = fmt.Errorf("missing %s, for example: %s", strings.TrimSuffix(words[1], "..."), example)
			} else if len(args) > 0 && check(c, append(slices.Clone(args), "")) == nil {
				err = fmt.Errorf("one more argument is needed, for example: %s", example)
			} else {
				err = fmt.Errorf("%q does not belong there, see for example: %s", args[len(args)-1], example)
			}
			e := &usageError{err: err, command: c.CommandPath()}
			if len(args) == 0 {
				return e
			}
			if _, err := os.Stat(args[0]); err == nil && c.Flags().Lookup("cert") != nil {
				e.better = "did you mean --cert " + account.ShellQuote(args[0]) + "?"
			}
			return e
		}
		return nil
	}
}
