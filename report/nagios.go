package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math"
	"strings"
)

// A Status is what a plugin of Nagios says and ends with (monitoring-plugins.org, "Development
// Guidelines", "Plugin Return Codes").
type Status int

// The statuses. Their numbers are exit codes.
const (
	StatusOK Status = iota
	StatusWarning
	StatusCritical
	StatusUnknown
)

func (s Status) String() string { return [...]string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}[s] }

// Status is that of the report: critical where a server could not be asked, what is required
// does not fit, something has expired, or the result is not the expected one; unknown where
// that is not known, or there is no result; a warning where a certificate is only about to end.
func (r *Report) Status(f Format) Status {
	switch {
	case r.Error != "" && r.Target == nil:
		return StatusUnknown
	case r.Error != "":
		return StatusCritical
	case len(f.Differences) > f.Ending:
		return StatusCritical
	}
	worst := StatusOK
	for _, part := range r.Each() {
		one := part.status(f)
		if one == StatusCritical { // what is known to be wrong is worse than what is not known
			return one
		}
		worst = max(worst, one)
	}
	if worst == StatusOK && f.Ending > 0 {
		return StatusWarning
	}
	return worst
}

// status is that of one server, or of none.
func (r *Report) status(f Format) Status {
	switch {
	case r.Error != "":
		return StatusCritical
	case len(r.Identities) == 0 && r.Migration == nil:
		return StatusOK // nothing was to be judged
	case !r.judged() && r.Migration == nil:
		for _, i := range r.Identities {
			if i.Key.State != "usable" || i.NotAfter != nil && r.JudgedAt.After(*i.NotAfter) {
				return StatusCritical
			}
		}
		return StatusOK
	case r.Satisfies(f.Require, f.By):
		return StatusOK
	}
	for _, i := range r.Identities {
		if i.Verdict == DoesNotFit || i.Verdict == Fits && !i.fitsFor(f.By) {
			return StatusCritical
		}
	}
	if r.Migration != nil {
		return StatusCritical
	}
	return StatusUnknown
}

// writeNagios writes the line of a plugin, with the days that each certificate has left as
// performance data, and then the lines of a brief report.
func writeNagios(w io.Writer, f Format, r *Report) error {
	var lines bytes.Buffer
	if err := writeBrief(&lines, f, r); err != nil {
		return err
	}
	text := r.Error
	switch {
	case text != "":
	case len(f.Differences) > 0: // what the status is of
		last := f.Differences[len(f.Differences)-1]
		text = last.What + ": " + cmp.Or(last.After, last.Before)
	default:
		text = headline(r)
	}
	if text == "" {
		text, _, _ = strings.Cut(lines.String(), "\n")
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "MTLSPROBE %s - %s", r.Status(f), plugin(text))
	if data := r.daysLeft(); data != "" {
		b.WriteString(" | " + data)
	}
	fmt.Fprintf(&b, "\n%s", strings.ReplaceAll(lines.String(), "|", "/"))
	_, err := w.Write(b.Bytes())
	return err
}

// plugin is a text on one line, in which "|" would begin the performance data.
func plugin(text string) string {
	return strings.ReplaceAll(asciiLine(strings.Join(strings.Fields(text), " ")), "|", "/")
}

// daysLeft is performance data: for each identity the days until it, or something on its
// path, ends. The same identity at several servers is there once.
func (r *Report) daysLeft() string {
	var out []string
	seen := make(map[string]bool)
	for _, part := range r.Each() {
		for _, i := range part.Identities {
			label := strings.NewReplacer("'", "", "=", "", "|", "").Replace(asciiOnly(i.Label))
			if i.NotAfter == nil || seen[label] {
				continue
			}
			seen[label] = true
			label = cmp.Or(label, "certificate")
			days := math.Trunc(i.NotAfter.Sub(part.JudgedAt).Hours() / 24)
			out = append(out, fmt.Sprintf("'%s'=%.0f", label, days))
		}
	}
	return strings.Join(out, " ")
}
