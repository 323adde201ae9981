// Package token reads identities from PKCS #11 tokens: smart cards, hardware
// security modules and their kin in software, named by pkcs11: URIs (RFC 7512).
//
// [ParseURI] the name, [Open] what it names, and Close that in the end. Private
// keys stay in the token: a [Key] is a [crypto.Signer] that asks the token for
// each signature.
//
// A wrong PIN counts, and after a few the token locks itself. So a PIN is tried
// once, and not at all where the token says that the next wrong one is the last.
//
// Tokens are reached through a module: a shared library in C that runs within
// this process, with all its rights. Name only modules that you trust. The
// package needs a build with cgo; [Open] says so in the others.
//
// It does not pair keys with certificates, judges neither, and writes nothing to
// a token. Readers with a PIN pad of their own are not supported.
package token

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"time"
)

// ErrNoPIN is what the function that is asked for a PIN returns when nobody
// answers.
var ErrNoPIN = errors.New("no PIN was given")

// Contents are what a URI matches, token by token. Close it when the keys are no
// longer needed.
type Contents struct {
	Tokens []*Token
	// Problems are the tokens that could not be read.
	Problems []error

	close func() error // ends the sessions and the module
}

// A Token is one that the URI matches, and what it matches within.
type Token struct {
	Info
	Certificates []Certificate
	Keys         []*Key
	// Locked says why the objects that need a login were not read. It is empty if
	// they were, and if none were asked for.
	Locked string
	// Problems are objects that could not be used.
	Problems []error
}

// Info is what a token says of itself.
type Info struct {
	Label, Manufacturer, Model, Serial string
	// MustLogin says that private objects need a login (CKF_LOGIN_REQUIRED).
	MustLogin bool
	// PINMissing says that the token has no user PIN yet.
	PINMissing bool
	// PINPad says that the PIN is entered at the reader
	// (CKF_PROTECTED_AUTHENTICATION_PATH).
	PINPad bool
	// PINCountLow says that a wrong PIN was tried since the last login, PINFinalTry
	// that another wrong one locks the token, and PINLocked that it is locked.
	PINCountLow, PINFinalTry, PINLocked bool
}

// String names the token for people.
func (i Info) String() string {
	return fmt.Sprintf("token %q (serial %q)", i.Label, i.Serial)
}

// A Certificate is an X.509 certificate as the token stores it.
type Certificate struct {
	Label string
	ID    []byte // CKA_ID; that of its key, where both have one
	DER   []byte
}

// A Key is a private key in a token.
type Key struct {
	Label string
	ID    []byte
	// Signer signs as the keys of crypto/rsa, crypto/ecdsa and crypto/ed25519 do,
	// without their source of randomness. It may be used by several goroutines.
	Signer crypto.Signer
}

// A PINFunc gives the PIN of a token, or [ErrNoPIN]. Any other error ends Open.
type PINFunc func(ctx context.Context, token Info) (string, error)

// Open reads the certificates and private keys that the URI matches, on all
// tokens that it matches. "type=cert" leaves out the keys and with them the
// login, "type=private" the certificates.
//
// Where keys need a login, the PIN is that of the URI, which then must match only
// one token, or pin is asked, at most once for each token; a nil pin means that
// nobody can be asked. Without a PIN,
// or with a wrong one, certificates are returned all the same if they are public.
//
// When ctx is done Open returns, even if the module hangs; the same goes for the
// signatures of all keys, so ctx must live as long as they are used. The error
// names what helps; none holds a PIN.
//
// Of two Contents of one module, the one that was opened first must be closed
// last.
func Open(ctx context.Context, u *URI, pin PINFunc) (*Contents, error) {
	switch kind, _ := u.Path("type"); kind {
	case "", "cert", "private":
	default:
		return nil, fmt.Errorf("type=%s names neither certificates nor private keys", kind)
	}
	pin, err := u.pin(pin)
	if err != nil {
		return nil, err
	}
	var c *Contents
	err = run(ctx, func() error {
		var err error
		c, err = open(ctx, u, pin)
		if err == nil && ctx.Err() != nil { // nobody waits for it any more
			_ = c.close()
			return ctx.Err()
		}
		return err
	})
	if err != nil {
		return nil, err // c may still be written to
	}
	return c, nil
}

// closeTimeout is how long Close waits for a module.
const closeTimeout = 5 * time.Second

// Close ends the sessions, which logs out, and the module. The keys are of no use
// afterwards.
func (c *Contents) Close() error {
	if c.close == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return run(ctx, c.close)
}

// run calls f and returns when ctx is done, even if f does not: a call into C
// cannot be interrupted. What f sets may be read only if ctx is not done.
func run(ctx context.Context, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("waiting for the PKCS #11 module: %w", ctx.Err())
	}
}
