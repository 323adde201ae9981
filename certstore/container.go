package certstore

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"mtlsprobe/certstore/nss"
)

// A contents is what one file holds.
type contents struct {
	file      *file
	certs     []*x509.Certificate // in stored order, each once
	keys      []crypto.Signer
	locked    []string          // for each key that no password opened: what it is
	sealed    string            // not empty: the whole container is locked, and why
	friendly  map[string]string // names of certificates by their DER
	keyNames  map[string]string // of keys, by keyID
	closed    []error           // why encrypted parts were not opened
	protected map[string]string // what keys were encrypted with, by keyID
	container *Container
	ordered   bool                           // the first of certs is the leaf for clients: PEM
	seen      map[string]bool                // of certs, by DER
	work      int64                          // iterations that its encrypted keys demand
	lockedOf  map[string]string              // why the key of an entry is locked, by the leaf's DER
	chains    map[string][]*x509.Certificate // of entries that have one of their own, by the leaf's DER
	certIDs   map[string]string              // of a database that tells: a certificate's, by DER
	keyIDs    map[string]bool                // likewise: the keys', locked or not
	problems  []error                        // what is there and could not be used
	foreign   []error                        // of these, keys of a kind that is not known here
	unread    []error                        // of these, certificates
}

func (c *contents) empty() bool {
	return len(c.certs) == 0 && len(c.keys) == 0 && len(c.locked) == 0 && len(c.foreign)+len(c.unread) == 0 && c.sealed == ""
}

func (c *contents) addCert(der []byte, place string) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		c.unread = append(c.unread, c.problem(place, fmt.Errorf("a certificate that this program cannot use: %w", err)))
		return
	}
	c.hold(cert, place)
}

// hold takes a certificate that has been parsed.
func (c *contents) hold(cert *x509.Certificate, place string) {
	if c.seen[string(cert.Raw)] {
		c.problem(place, errors.New("the same certificate once more"))
		return
	}
	if c.seen == nil {
		c.seen = make(map[string]bool)
	}
	c.seen[string(cert.Raw)] = true
	c.certs = append(c.certs, cert)
}

// keepApart notes that a chain is one entry's own, the leaf first.
func (c *contents) keepApart(ders [][]byte) {
	if c.chains == nil {
		c.chains = make(map[string][]*x509.Certificate)
	}
	var chain []*x509.Certificate
	for _, der := range ders[1:] {
		for _, cert := range c.certs {
			if string(cert.Raw) == string(der) {
				chain = append(chain, cert)
			}
		}
	}
	c.chains[string(ders[0])] = chain
}

// maxProblems bounds what is said about one file.
const maxProblems = 100

// problem notes what could not be used, and returns it as it was noted.
func (c *contents) problem(place string, err error) error {
	if len(c.problems) >= maxProblems {
		place, err = "", errors.New("more that could not be used is not listed")
	}
	if place != "" {
		err = fmt.Errorf("%s: %w", place, err)
	}
	err = fmt.Errorf("%s: %w", quote(c.file.path), err)
	if len(c.problems) <= maxProblems {
		c.problems = append(c.problems, err)
	}
	return err
}

// noKey notes a private key that cannot be used.
func (c *contents) noKey(place string, err error) {
	if noted := c.problem(place, err); isForeign(err) {
		c.foreign = append(c.foreign, noted)
	}
}

func isForeign(err error) bool {
	var foreign *foreignError
	return errors.As(err, &foreign)
}

// An opener turns files into contents; it knows the passwords.
type opener struct {
	options Options
	lasting context.Context //nolint:containedctx // that keys in tokens live on
	mu      sync.Mutex      // guards closers
	closers []func() error
	asking  bool            // the user, now: one file is opened after the other
	typed   []string        // passwords that were right somewhere
	refused map[string]bool // sources for which none was
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
		return c, o.pkcs12(ctx, c, data)
	case isJKS(data):
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
// Of several locks of one file the lock's name tells which.
func (o *opener) unlock(ctx context.Context, f *file, lock string, open func(password string) error) error {
	passwords, own := o.passwords(f)
	for _, password := range slices.Concat(passwords, o.typed) {
		if err := ctx.Err(); err != nil {
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
		err = open(password)
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
