package certstore

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync/atomic"

	"mtlsprobe/certstore/nss"
	"mtlsprobe/certstore/pbe"
)

// An opener turns files into contents; it knows the passwords.
type opener struct {
	options Options
	lasting context.Context //nolint:containedctx // that keys in tokens live on
	closers []func() error
	asking  bool            // the user, now: one file is opened after the other
	typed   []string        // passwords that were right somewhere
	refused map[string]bool // sources for which none was
	// Iterations that were spent on deriving keys, and on those that are costly.
	spent, spentCostly atomic.Int64
}

// Bounds on the derivation of keys over all files of one run, in iterations, counted
// each time that a password is tried. What programs write demands some thousands, with
// care 600,000 (OWASP, 2023): ten thousand usual bundles are within the bound. What
// demands more than that is bounded by itself.
const (
	costly    = 1_000_000
	maxCostly = 2 * pbe.MaxIterations
	maxSpent  = 10 * pbe.MaxIterations
)

// errSpent is the error of a file for which no work is left.
var errSpent = errors.New("was not opened: this run has spent its limit of work on deriving keys from passwords: " +
	"open " +
	"it by itself")

// afford counts the iterations of one attempt.
func (o *opener) afford(work int64) error {
	if work >= costly && o.spentCostly.Add(work) > maxCostly || o.spent.Add(work) > maxSpent {
		return errSpent
	}
	return nil
}

// open reads the file by its content. The error says what the file is instead
// of something useful.
func (o *opener) open(ctx context.Context, f *file) (*contents, error) {
	c := &contents{file: f}
	data := f.data
	switch {
	case f.token != nil:
		return c, o.token(ctx, c)
	case f.store != "":
		return c, c.store(f.store)
	case len(bytes.TrimSpace(data)) == 0:
		return nil, errors.New("is empty")
	case isPKCS12(data):
		c.kind = PKCS12Kind
		return c, o.pkcs12(ctx, c, data)
	case isJKS(data):
		c.kind = JavaKind
		return c, o.jks(ctx, c, data)
	case nss.IsDatabase(data):
		return c, o.nss(ctx, c, data)
	case bytes.Contains(data, pemBegin): // after the others, which may contain anything
		return c, o.pem(ctx, c, data)
	case isPKCS7(data):
		return c, c.pkcs7(data)
	default:
		return c, o.der(ctx, c, data)
	}
}

// passwords returns those to try on a file, the empty one last, and whether they
// were given for it alone: by its path first, last by a folder above.
func (o *opener) passwords(f *file) (list []string, own bool) {
	names := slices.Sorted(maps.Keys(o.options.PasswordsFor))
	for nearness := 3; nearness > 0; nearness-- {
		for _, name := range names {
			if f.goesBy(name) == nearness {
				list, own = append(list, o.options.PasswordsFor[name]...), true
			}
		}
	}
	list = append(list, f.passwords...)
	if !own {
		list = append(list, o.options.Passwords...)
	}
	return append(list, ""), own
}

// unlock calls open with one password after the other until it does not return
// errWrongPassword: those given, the empty one, and then what the prompt brings.
// Of several locks of one file the lock's name tells which. Work is what one attempt
// costs, in iterations.
func (o *opener) unlock(ctx context.Context, f *file, lock string, work int64,
	open func(password string) error) error {
	passwords, own := o.passwords(f)
	for _, password := range slices.Concat(passwords, o.typed) {
		if err := cmp.Or(ctx.Err(), o.afford(work)); err != nil {
			return err
		}
		if err := open(password); !errors.Is(err, errWrongPassword) {
			return err
		}
	}
	if !o.asking || own {
		return errWrongPassword
	}
	source := f.path
	if lock != "" {
		source += ": " + lock
	}
	const attempts = 3
	for attempt := 1; attempt <= attempts; attempt++ {
		password, err := o.options.Prompt(ctx, source, attempt)
		if errors.Is(err, ErrNoPassword) {
			break
		}
		if err != nil {
			return err
		}
		if err = o.afford(work); err == nil {
			err = open(password)
		}
		if err == nil && !slices.Contains(o.typed, password) {
			o.typed = append(o.typed, password)
		}
		if !errors.Is(err, errWrongPassword) {
			return err
		}
		if o.refused == nil {
			o.refused = make(map[string]bool)
		}
		o.refused[f.path] = true
	}
	return errWrongPassword
}

var errWrongPassword = errors.New("no password opens it")

// whyLocked explains errWrongPassword to the reader of a finding.
func (o *opener) whyLocked(f *file) string {
	passwords, own := o.passwords(f)
	switch {
	case len(f.passwords) > 0 && !own && len(o.options.Passwords) == 0:
		return "the password that " + quote(f.entry.configuration) + " tells does not open it"
	case o.refused[f.path]:
		return "no password that was typed opens it"
	case len(passwords) > 2:
		return "none of the passwords given opens it"
	case len(passwords) > 1:
		return "the password given does not open it"
	}
	return "it is protected by a password, and none was given"
}
