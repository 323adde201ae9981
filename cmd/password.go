package cmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"mtlsprobe/certstore"

	"golang.org/x/term"
)

// passwords resolves the forms of --pass, as in OpenSSL: env:VAR, file:PATH,
// fd:N, stdin and pass:WORD. Of files and streams the first line counts.
func passwords(s *Streams, forms []string) ([]string, error) {
	var out []string
	for _, form := range forms {
		kind, value, _ := strings.Cut(form, ":")
		password, err := "", error(nil)
		switch kind {
		case "env":
			if password = s.Getenv(value); password == "" {
				err = fmt.Errorf("--pass env:%s: the variable is not set", value)
			}
		case "file":
			password, err = passwordFile(value)
		case "fd":
			var n uint64
			if n, err = strconv.ParseUint(value, 10, 16); err == nil {
				password, err = firstLine(os.NewFile(uintptr(n), "fd"))
			}
		case "stdin":
			password, err = firstLine(s.In)
		case "pass":
			warn(s.Err, "a password on the command line is visible to other users of this host: prefer --pass env:VAR or --pass file:PATH")
			password = value
		default:
			err = errors.New("--pass takes env:VAR, file:PATH, fd:N, stdin or pass:WORD")
		}
		if err != nil {
			return nil, usage(err)
		}
		out = append(out, password)
	}
	return out, nil
}

func passwordFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("--pass file: %w", err)
	}
	defer f.Close()
	return firstLine(f)
}

func firstLine(r io.Reader) (string, error) {
	const longest = 64 << 10
	line, err := bufio.NewReader(io.LimitReader(r, longest)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("--pass: reading the password: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
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
