package cmd

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"mtlsprobe/probe/stack"
	"mtlsprobe/probe/verifier"
	"mtlsprobe/report"
)

// outputFlags say how to write the report.
type outputFlags struct {
	format, file, color string
	paths, clients      bool
	servers             bool
	verbose, json       bool
	changes             []report.Change // from what is expected
	timeline            bool
	transcript          bool
	redact              bool
	redactMap           string
	force               bool
	require             []string // all, any, or an identity's label each; none: any
	expect              string
	expiresWithin       days // what ends by then is told; zero: nothing
	ending              int  // how many of the changes are such
	written             bool // the report has been written
	status              report.Status
	client, server      string // the exit code answers for these programs; empty: for no one in particular
}

func (f *outputFlags) register(flags *pflag.FlagSet) {
	flags.StringVarP(&f.format, "output", "o", "table",
		"write the report in this `FORMAT`: "+strings.Join(report.Formats(), ", "))
	flags.BoolVar(&f.json, "json", false, "the same as -o json")
	flags.StringVar(&f.file, "output-file", "", "write the report to this `FILE`")
	flags.BoolVar(&f.force, "force", false, "write over files that this program did not write, and replace links")
	flags.StringVar(&f.color, "color", "auto", "use colours: `WHEN` is auto, always or never")
	flags.BoolVar(&f.redact, "redact", false,
		"replace names, addresses, files and fingerprints with pseudonyms, and shift all dates")
	flags.StringVar(&f.redactMap, "redact-map", "",
		"with --redact: save what the pseudonyms stand for to this `FILE`; keep it to yourself")
}

func (f *outputFlags) registerExpires(flags *pflag.FlagSet) {
	flags.Var(&f.expiresWithin, "expires-within",
		"exit with 3 if a certificate, or one on its best path, ends within this `DURATION`, such as 30d or 12h")
}

func (f *outputFlags) registerExpect(flags *pflag.FlagSet) {
	flags.StringVar(&f.expect, "expect", "",
		"compare the result with an expected-results file, a JSON `FILE` such as {\"insistence\": \"required\", "+
			"\"verdicts\": "+
			"{\"client.p12\": \"fits\"}}; a difference is exit code 3")
}

func (f *outputFlags) registerTranscript(flags *pflag.FlagSet) {
	flags.BoolVar(&f.transcript, "transcript", false,
		"show the connections, message by message, and what each message means")
}

func (f *outputFlags) registerViews(flags *pflag.FlagSet) {
	flags.BoolVarP(&f.verbose, "verbose", "v", false,
		"show every check, the controls, and all that the server asks for")
	flags.BoolVar(&f.servers, "servers", false,
		"show what each server program would do that trusts the acceptable CAs")
	flags.StringVar(&f.server, "server", "",
		"set the exit code by what this server `PROGRAM` would accept, such as nginx, openssl, go, java")
	flags.BoolVar(&f.clients, "clients", false, "show what each client stack would do")
	flags.BoolVar(&f.paths, "paths", false, "draw the certification paths")
	flags.BoolVar(&f.timeline, "timeline", false, "show from when to when each certificate works, and what ends it")
	flags.StringArrayVar(&f.require, "require", nil,
		"exit with 0 only if these identities fit: `WHICH` is any, all, or a label (repeatable; default any)")
	flags.StringVar(&f.client, "client", "",
		"set the exit code by what this client `STACK` would do, such as curl, go, java-pkix, firefox, requests; a "+
			"chain of its own is tried, too")
	f.registerExpires(flags)
	f.registerExpect(flags)
}

func (f *outputFlags) check() error {
	if f.json {
		f.format = "json"
	}
	if !slices.Contains(report.Formats(), f.format) {
		return invalid("--output", f.format, report.Formats())
	}
	if f.server != "" && !slices.Contains(serverIDs(), f.server) {
		return invalid("--server", f.server, serverIDs())
	}
	if f.client != "" && !slices.Contains(stackIDs(), f.client) {
		return invalid("--client", f.client, stackIDs())
	}
	if f.redactMap != "" && !f.redact {
		return usage(errors.New("--redact-map is for --redact, which is missing: the report would have all names"))
	}
	if f.file == "-" { // standard output, where the report goes anyway
		f.file = ""
	}
	if f.color != "auto" && f.color != "always" && f.color != "never" {
		return invalid("--color", f.color, []string{"auto", "always", "never"})
	}
	return checkOutput(f.force, outputFile{"--output-file", f.file}, outputFile{"--redact-map", f.redactMap})
}

// by are the programs that the exit code answers for.
func (f *outputFlags) by() report.By { return report.By{Client: f.client, Server: f.server} }

// serverIDs are the server programs that there are models of.
func serverIDs() []string {
	var ids []string
	for _, p := range append(verifier.Profiles(), verifier.Versions()...) {
		ids = append(ids, p.ID)
	}
	return ids
}

// stackIDs are the client stacks that predictions are made for.
func stackIDs() []string {
	var ids []string
	for _, p := range append(stack.Profiles(), stack.Aliases()...) {
		ids = append(ids, p.ID)
	}
	return ids
}

// pipedWidth is how wide a table is that does not go to a terminal.
const pipedWidth = 100

// forText returns the format for the streams: width and colours.
func (f *outputFlags) forText(s *Streams) report.Format {
	format := report.Format{Name: f.format, By: f.by(), Require: f.require, Width: cmp.Or(s.Width, pipedWidth),
		ASCII:       s.Getenv("TERM") == "dumb" || !s.utf8(),
		Differences: f.unnamed(), Ending: f.ending,
		Verbose: f.verbose, Paths: f.paths, Clients: f.clients, Servers: f.servers, Timeline: f.timeline,
		Transcript: f.transcript}
	if columns, err := strconv.Atoi(s.Getenv("COLUMNS")); err == nil && columns >= 20 && s.Width == 0 {
		format.Width = columns
	}
	format.Color = f.color == "always" || f.color == "auto" && s.Width > 0 && s.Getenv("NO_COLOR") == "" &&
		s.Getenv("TERM") != "dumb"
	return format
}

func (f *outputFlags) write(s *Streams, r *report.Report) error {
	r, err := f.redacted(r)
	if err != nil {
		return err
	}
	f.written, f.status = true, r.Status(f.forText(s))
	return f.to(s, func(w io.Writer) error { return report.Write(w, f.forText(s), r) })
}

// unnamed are the differences as a report may show them: without names if it is redacted.
func (f *outputFlags) unnamed() []report.Change {
	changes := slices.Clone(f.changes)
	for n := range changes {
		if f.redact {
			changes[n] = report.Change{What: fmt.Sprintf("difference %d", n+1)}
		}
	}
	return changes
}

// redacted returns the report as it is to be written, and saves what the pseudonyms
// stand for where that was asked for.
func (f *outputFlags) redacted(r *report.Report) (*report.Report, error) {
	if !f.redact {
		return r, nil
	}
	r, names := report.Redact(r)
	if f.redactMap == "" {
		return r, nil
	}
	names["written by"] = "mtlsprobe " + version()
	data, err := json.MarshalIndent(names, "", "  ")
	if err == nil {
		err = replace(f.redactMap, append(data, '\n'), f.force)
	}
	if err != nil {
		return nil, fmt.Errorf("--redact-map: %w", err)
	}
	return r, nil
}

// to has something written to standard output, or to the file.
func (f *outputFlags) to(s *Streams, write func(io.Writer) error) error {
	if f.file == "" {
		return write(s.Out)
	}
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	b.WriteString(mark(f.format))
	if err := replace(f.file, b.Bytes(), f.force); err != nil {
		return fmt.Errorf("--output-file: %w", err)
	}
	return nil
}
