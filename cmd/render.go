package cmd

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"mtlsprobe/certstore"
	"mtlsprobe/report"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

type renderOptions struct {
	path   string
	output outputFlags
	schema bool
}

func newRender(s *Streams, run func(context.Context, *Streams, *renderOptions) error) *cobra.Command {
	o := &renderOptions{}
	c := &cobra.Command{
		Use:   "render REPORT.json",
		Short: "Write a saved report in another format",
		Long: "Write a saved JSON report in another format; - reads standard input. As JSON it stays as it is,\n" +
			"fields of later versions included.",
		Example: "  mtlsprobe render report.json -o html --output-file report.html",
		Args:    args(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.path = args[0]
			}
			err := run(c.Context(), s, o)
			if o.output.format == "nagios" {
				return o.output.orError(s, err)
			}
			return err
		},
	}
	addFlags(c, flagGroup{reportGroup, o.output.registerViews}, flagGroup{reportGroup, o.output.registerTranscript},
		flagGroup{reportGroup, o.output.register},
		flagGroup{reportGroup, func(flags *pflag.FlagSet) {
			flags.BoolVar(&o.schema, "schema", false, "print the JSON schema of reports instead")
		}})
	return c
}

func runRender(ctx context.Context, s *Streams, o *renderOptions) error {
	if o.schema {
		_, err := s.Out.Write(report.JSONSchema())
		return err
	}
	if o.path == "" {
		return usage(fmt.Errorf("give REPORT.json, or --schema"))
	}
	if err := o.output.check(); err != nil {
		return err
	}
	data, r, err := readReport(ctx, s, o.path)
	if err != nil {
		return err
	}
	if err := cmp.Or(o.output.checkRequired(r), o.output.checkPredicted(r)); err != nil {
		return err
	}
	if o.output.changes, err = o.output.differences(ctx, s, r); err != nil {
		return err
	}
	if o.output.format == "json" && !o.output.redact && o.output.file == "" {
		err = asItIs(s, o.path, data)
	} else {
		err = o.output.write(s, r)
	}
	if err != nil {
		return err
	}
	if err := o.output.tellDifferences(s, o.output.changes); err != nil {
		return err
	}
	switch {
	case r.Interrupted:
		return errInterrupted
	case r.Error != "":
		return errFailed
	}
	if len(o.output.require) == 0 && o.output.by() == (report.By{}) { // nobody asked
		return nil
	}
	return o.output.conclude(r)
}

// asItIs writes a saved report again, fields of later versions included.
func asItIs(s *Streams, path string, data []byte) error {
	var b bytes.Buffer
	if err := json.Indent(&b, bytes.TrimSpace(data), "", "  "); err != nil {
		return fmt.Errorf("%q: %w", path, err)
	}
	b.WriteByte('\n')
	_, err := s.Out.Write(report.EscapeJSON(b.Bytes()))
	return err
}

// maxReport bounds what is read: a report of thousands of identities has some
// tens of MiB.
const maxReport = 256 << 20

// readAll reads standard input, which may take its time.
func readAll(ctx context.Context, r io.Reader) ([]byte, error) {
	return certstore.Await(ctx, func() ([]byte, error) {
		data, err := io.ReadAll(io.LimitReader(r, maxReport+1))
		if err == nil && len(data) > maxReport {
			err = fmt.Errorf("more than %d MiB, which no report has", maxReport>>20)
		}
		return data, err
	})
}

// readReport reads a saved report; "-" is standard input.
func readReport(ctx context.Context, s *Streams, path string) ([]byte, *report.Report, error) {
	data, err := s.readUpTo(ctx, path, maxReport)
	if err != nil {
		return nil, nil, fmt.Errorf("reading a report: %w", err)
	}
	r, err := report.Parse(data)
	if err != nil {
		return nil, nil, fmt.Errorf("%q is not a mtlsprobe report: %w", path, err)
	}
	return data, r, nil
}
