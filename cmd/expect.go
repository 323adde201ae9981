package cmd

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"mtlsprobe/report"
)

// differences are those of the report from what is expected of it; none where nothing is.
func (f *outputFlags) differences(ctx context.Context, s *Streams, r *report.Report) ([]report.Change, error) {
	changes := report.Expiring(r, f.expiresWithin.Duration)
	f.ending = len(changes)
	if f.expect == "" {
		return changes, nil
	}
	data, err := s.readUpTo(ctx, f.expect, maxReport)
	if err != nil {
		return nil, fmt.Errorf("--expect: %w", err)
	}
	e, err := report.ParseExpectation(data)
	if err != nil {
		return nil, fmt.Errorf("--expect %q %w", f.expect, err)
	}
	return append(changes, e.Differences(r)...), nil
}

// say writes the report, compares it with what is expected, and tells the differences.
func (f *outputFlags) say(ctx context.Context, s *Streams, r *report.Report) (err error) {
	if f.changes, err = f.differences(ctx, s, r); err != nil {
		return err
	}
	if err := f.write(s, r); err != nil {
		return err
	}
	return f.tellDifferences(s, f.changes)
}

// tellDifferences writes them to stderr, because stdout carries the report.
func (f *outputFlags) tellDifferences(s *Streams, changes []report.Change) error {
	if len(changes) == 0 {
		return nil
	}
	title := "the result differs from what is expected:"
	if f.expect == "" {
		title = "a certificate ends within the time of --expires-within:"
	}
	tell(s.Err, "error", title)
	for _, c := range changes {
		fmt.Fprint(s.Err, c)
	}
	return errNoneFits
}

// A days is a duration that may be given in days.
type days struct{ time.Duration }

func (d *days) String() string {
	if d.Duration == 0 {
		return ""
	}
	return d.Duration.String()
}
func (d *days) Type() string { return "days" }
func (d *days) Set(text string) error {
	if number, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(number, 10, 16)
		if err != nil {
			return fmt.Errorf("%q is not a number of days such as 30d", text)
		}
		d.Duration = time.Duration(n) * 24 * time.Hour
		return nil
	}
	duration, err := time.ParseDuration(text)
	if err != nil || duration < 0 {
		return fmt.Errorf("%q is not a duration such as 30d or 12h", text)
	}
	d.Duration = duration
	return nil
}
