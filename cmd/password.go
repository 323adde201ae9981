package cmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"mtlsprobe/certstore"

	"golang.org/x/term"
)

// givenPasswords are those for everything, and those of one source each.
type givenPasswords struct {
	all []string
	of  map[string][]string
}

// first is the one that a new bundle gets: of those for everything, or else that
// of the only source that has one; empty if that is not clear.
func (g *givenPasswords) first() string {
	if len(g.all) > 0 {
		return g.all[0]
	}
	for _, words := range g.of {
		if len(g.of) == 1 {
			return words[0]
		}
	}
	return ""
}

// passwords resolves the forms of --pass: those for everything, and those that
// begin with a source's name and "=", which are for that source alone.
func passwords(ctx context.Context, s *Streams, forms []string) (*givenPasswords, error) {
	given := &givenPasswords{of: make(map[string][]string)}
	for _, form := range forms {
		source, rest := "", form
		if kind, _, _ := strings.Cut(form, ":"); !slices.Contains([]string{"env", "file", "fd", "stdin", "pass"}, kind) {
			if i := passwordForm(form); i > 0 {
				source, rest = form[:i], form[i+1:]
			}
		}
		word, err := password(ctx, s, passFlag, rest)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			return nil, usage(err)
		}
		if source == "" {
			given.all = append(given.all, word)
		} else {
			given.of[source] = append(given.of[source], word)
		}
	}
	return given, nil
}

// passwordForm finds the "=" between a source, which may have some of its own as a
// pkcs11: URI has, and OpenSSL's form of a password.
func passwordForm(s string) int {
	if found := regexp.MustCompile(`.=(env:|file:|fd:|pass:|stdin$)`).FindStringIndex(s); found != nil {
		return found[0] + 1
	}
	return -1
}

// passFlag is the flag whose passwords may be for one source each.
const passFlag = "--pass"

// password resolves one of OpenSSL's forms: env:VAR, file:PATH, fd:N, stdin and
// pass:WORD. Of files and streams the first line counts.
func password(ctx context.Context, s *Streams, flag, form string) (string, error) {
	kind, value, _ := strings.Cut(form, ":")
	switch kind {
	case "env":
		if word, set := s.LookupEnv(value); set {
			if word == "" {
				warn(s.Err, fmt.Sprintf("%s env:%s: the variable is empty, which stands for an empty password", flag, value))
			}
			return word, nil
		}
		return "", fmt.Errorf("%s env:%s: the variable is not set", flag, value)
	case "file":
		return passwordFile(ctx, flag, value)
	case "fd":
		n, err := strconv.ParseUint(value, 10, 16)
		if err != nil {
			return "", fmt.Errorf("%s fd:N needs a number", flag)
		}
		return nextLine(ctx, flag, s.lines(fmt.Sprint(n), os.NewFile(uintptr(n), "fd")))
	case "stdin":
		if s.ReadPassword != nil { // a terminal, which would show what is typed
			return s.ReadPassword(ctx, "Password: ")
		}
		return nextLine(ctx, flag, s.lines("stdin", s.In))
	case "pass":
		warn(s.Err, fmt.Sprintf("a password on the command line is visible to other users of this host: prefer %s "+
			"env:VAR or %s file:PATH", flag, flag))
		return value, nil
	}
	forms := "env:VAR, file:PATH, fd:N, stdin or pass:WORD"
	if flag == passFlag {
		forms += ", or SOURCE= and one of these"
	}
	return "", fmt.Errorf("%s accepts %s", flag, forms)
}

func passwordFile(ctx context.Context, flag, path string) (string, error) {
	data, err := certstore.ReadFile(ctx, path)
	if err != nil {
		return "", fmt.Errorf("%s file: %w", flag, err)
	}
	line, _, _ := strings.Cut(string(data), "\n")
	return strings.TrimRight(line, "\r"), nil
}

// nextLine reads a line of a stream, which several passwords may share. The read
// is left behind when the context ends.
func nextLine(ctx context.Context, flag string, r *bufio.Reader) (string, error) {
	type result struct {
		line string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		line, err := r.ReadString('\n')
		done <- result{line, err}
	}()
	select {
	case got := <-done:
		if got.err != nil && !errors.Is(got.err, io.EOF) {
			return "", fmt.Errorf("%s: reading it: %w", flag, got.err)
		}
		return strings.TrimRight(got.line, "\r\n"), nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// prompt asks for the password of a source at the terminal; an empty answer
// means that nobody knows it.
func prompt(s *Streams) func(context.Context, string, int) (string, error) {
	if s.ReadPassword == nil {
		return nil
	}
	return func(ctx context.Context, source string, attempt int) (string, error) {
		again := ""
		if attempt > 1 {
			again = " (that was not right)"
		}
		password, err := s.ReadPassword(ctx, fmt.Sprintf("Password for %q%s, empty to go on without: ", source, again))
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		if err != nil || password == "" {
			return "", certstore.ErrNoPassword
		}
		return password, nil
	}
}

// readPassword asks at the terminal without echo. An interrupt ends the wait and
// gives the terminal back as it was.
func readPassword(ctx context.Context, prompt string) (string, error) {
	fd := int(os.Stdin.Fd())
	state, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("asking for a password: %w", err)
	}
	type result struct {
		password []byte
		err      error
	}
	done := make(chan result, 1)
	fmt.Fprint(os.Stderr, prompt)
	go func() {
		password, err := term.ReadPassword(fd)
		done <- result{password, err}
	}()
	defer fmt.Fprintln(os.Stderr)
	select {
	case r := <-done:
		return string(r.password), r.err
	case <-ctx.Done():
		_ = term.Restore(fd, state)
		return "", ctx.Err()
	}
}
