package certstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"runtime"
	"slices"

	"mtlsprobe/certstore/config"

	"golang.org/x/sync/errgroup"
)

// Load reads the sources and returns what they hold. Directories are walked,
// files are told apart by content, and keys are paired with certificates by
// public key, whichever of the sources they lie in.
//
// An error is a [*SourceError] about a source that was named and is of no use,
// or the context's. What lies below a directory, or beside something useful, and
// cannot be read, is in the holding's Problems instead. That there is no
// identity is no error here; see [Holding.RequireIdentity]. Close the holding
// when its keys are no longer needed; ctx bounds the use of those in tokens.
func Load(ctx context.Context, o *Options, sources ...Source) (*Holding, error) {
	if o == nil {
		o = &Options{}
	}
	files, failures, err := readSources(ctx, o, sources)
	if err != nil {
		return nil, err
	}
	opener := &opener{options: *o, lasting: ctx}
	opened, errs, err := openAll(ctx, opener, files)
	var h *Holding
	if err == nil {
		h, failures = hold(files, opened, errs, failures)
		err = h.accept(failures, o.Partial)
	}
	if err != nil {
		_ = (&Holding{closers: opener.closers}).Close()
		return nil, err
	}
	h.closers = opener.closers
	h.Problems = append(h.Problems, unmatched(o, files)...)
	if len(sources) > 0 {
		h.first = masked(sources[0].Path)
	}
	return h, nil
}

// openAll opens the files in parallel, for deriving keys from passwords is what
// takes time. Tokens, and what somebody has to be asked for, come afterwards, one by
// one. The results have the order of files.
func openAll(ctx context.Context, o *opener, files []*file) ([]*contents, []error, error) {
	opened, errs := make([]*contents, len(files)), make([]error, len(files))
	done := make(chan error, 1)
	go func() {
		group, opening := errgroup.WithContext(ctx)
		group.SetLimit(runtime.GOMAXPROCS(0))
		for i, f := range files {
			errs[i] = f.useless
			if !f.toOpen() || f.token != nil {
				continue
			}
			group.Go(func() error {
				if opening.Err() == nil {
					opened[i], errs[i] = o.open(ctx, f)
				}
				return opening.Err()
			})
		}
		done <- group.Wait()
	}()
	select {
	case err := <-done:
		if err != nil {
			return nil, nil, err
		}
	case <-ctx.Done(): // deriving a key cannot be interrupted, and need not be waited for
		return nil, nil, ctx.Err()
	}
	o.asking = o.options.Prompt != nil
	for i, f := range files {
		if f.toOpen() && (f.token != nil || o.asking && opened[i].withheld()) {
			opened[i], errs[i] = o.open(ctx, f)
		}
		f.data = nil
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
	}
	return opened, errs, nil
}

// toOpen says that there is something to be opened.
func (f *file) toOpen() bool { return f.err == nil && f.useless == nil && !f.replaced }

// withheld says that something was not opened for want of a password.
func (c *contents) withheld() bool {
	return c != nil && (len(c.locked)+len(c.closed) > 0 || c.sealed != "")
}

// keyless reports whether a file was read and no private key is in it, in any state.
func (c *contents) keyless() bool {
	return c.sealed == "" && len(c.keys)+len(c.locked)+len(c.foreign)+len(c.closed)+len(c.problems) == 0
}

// unopened says what of a file was not opened; nil if all of it was.
func (c *contents) unopened() *SourceError {
	e := &SourceError{Source: c.file.path, Kind: WrongPassword}
	switch {
	case c.container != nil && c.container.Altered:
		e.Kind, e.Err = NotUnderstood, errors.New("was changed or damaged after it was made, or lacks a password")
	case c.sealed != "":
		e.Err = errors.New("is locked: " + c.sealed)
	case len(c.locked) > 0:
		e.Err = errors.New("has a part that is locked: " + c.locked[0])
	case len(c.closed) > 0:
		e.Err = fmt.Errorf("has a part that is locked: %w", c.closed[0])
	default:
		return nil
	}
	return e
}

// accept takes failures for problems, where that may be, or returns the first.
func (h *Holding) accept(failures []*SourceError, partial bool) error {
	useful := len(h.Identities)+len(h.Authorities)+len(h.Others) > 0
	var problems []error
	for _, f := range failures {
		if !f.found && !(partial && useful) {
			return f
		}
		problems = append(problems, f)
	}
	h.Problems = append(problems, h.Problems...)
	return nil
}

// hold sorts out the contents: problems, authorities, and identities. What was named
// and is of no use is added to the failures.
func hold(files []*file, opened []*contents, errs []error, failures []*SourceError) (*Holding, []*SourceError) {
	h := &Holding{}
	p := newPairing()
	for i, f := range files {
		err := errs[i]
		switch {
		case f.replaced, filepath.Base(f.path) == "pkcs11.txt" && !f.named(): // every database of NSS has one
			continue
		case errors.Is(f.err, errNotes):
			for _, note := range f.notes {
				h.Problems = append(h.Problems, fmt.Errorf("%s: %w", quote(f.path), note))
			}
			continue
		case errors.Is(f.err, errTooLarge):
			err = f.err
		case f.err != nil && !f.is(Candidate) && !f.is(KeyFile):
			err = f.unreadable()
		case f.err != nil:
			p.unreadable = append(p.unreadable, f)
			continue
		}
		switch {
		case err != nil && f.named():
			failures = append(failures, &SourceError{Source: f.path, Kind: kindOf(f), Err: err})
		case err != nil && f.entry != nil && f.label != "":
			h.Problems = append(h.Problems, &SourceError{Source: f.path, Kind: kindOf(f),
				Err: fmt.Errorf("(for %s) %w", f.label, err)})
		case err != nil:
			h.Problems = append(h.Problems, &SourceError{Source: f.path, Kind: kindOf(f), Err: err})
		case f.is(KeyFile) && f.named() && opened[i].keyless():
			failures = append(failures, &SourceError{Source: f.path, Kind: NotUnderstood,
				Err: errors.New("was given for its private key (--key), and contains none")})
		default:
			p.add(opened[i])
			if e := opened[i].unopened(); e != nil && f.named() {
				h.unopened = append(h.unopened, e)
			}
		}
	}
	p.pair(h)
	for _, i := range h.Identities {
		if path, err := filepath.Abs(i.Source); err == nil && i.Leaf != nil {
			if why := config.Misplaced(path); why != "" {
				h.Problems = append(h.Problems, fmt.Errorf("%s: %s", quote(i.Source), why))
			}
		}
	}
	for _, c := range slices.Backward(p.contents) { // pairing has taken away what it explains
		h.Problems = append(slices.Clone(c.problems), h.Problems...)
	}
	return h, failures
}

func kindOf(f *file) ErrorKind {
	if f.err != nil && !errors.Is(f.err, errTooLarge) {
		return NotReadable
	}
	return NotUnderstood
}

// unmatched says which passwords are for a source that is not there.
func unmatched(o *Options, files []*file) []error {
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(o.PasswordsFor)) {
		if !slices.ContainsFunc(files, func(f *file) bool { return f.goesBy(name) > 0 }) {
			problems = append(problems, fmt.Errorf("a password was given for %s, which is none of the sources", quote(name)))
		}
	}
	return problems
}
