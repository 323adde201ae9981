package cmd

import (
	"context"
	"errors"
	"strings"

	"mtlsprobe/report"
)

// Exit codes. See the README.
const (
	exitAnswered   = 0
	exitNoAnswer   = 1
	exitUsage      = 2
	exitNoIdentity = 3
	exitInterrupt  = 130 // as shells tell of SIGINT
)

// A usageError is a mistake on the command line.
type usageError struct {
	err     error
	command string // whose help tells more; Main fills it in
	better  string // what was probably meant; empty where that is not known
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usage(err error) error { return &usageError{err: err} }

// errNoneFits is the answer that no identity fits; the report has been written.
var errNoneFits = errors.New("no identity fits")

// errInterrupted is the answer of a saved report whose run did not end.
var errInterrupted = errors.New("the report is of a run that was interrupted")

// errFailed is the answer of a saved report of a run that came to nothing.
var errFailed = errors.New("the report is of a run that came to nothing")

// errDiffers is the answer of compare that there are differences, which have been written.
var errDiffers = errors.New("the reports differ")

// A statusError is the end of a plugin of Nagios, which has its own exit codes.
type statusError struct {
	status report.Status
	err    error // nil where there is none
}

func (e *statusError) Error() string {
	if e.err == nil {
		return e.status.String()
	}
	return e.err.Error()
}
func (e *statusError) Unwrap() error { return e.err }

// A troubleError is why compare has no answer: its exit code is that of diff, where 1 tells of
// differences.
type troubleError struct{ err error }

func (e *troubleError) Error() string { return e.err.Error() }
func (e *troubleError) Unwrap() error { return e.err }

func exitCode(err error) int {
	var plugin *statusError
	if errors.As(err, &plugin) {
		return int(plugin.status)
	}
	var u *usageError
	var trouble *troubleError
	switch {
	case err == nil:
		return exitAnswered
	case errors.Is(err, errNoneFits):
		return exitNoIdentity
	case errors.Is(err, context.Canceled), errors.Is(err, errInterrupted):
		return exitInterrupt
	case errors.As(err, &u), errors.As(err, &trouble), strings.HasPrefix(err.Error(), "unknown command"):
		return exitUsage // cobra has no type for an unknown command
	}
	return exitNoAnswer
}
