// Package certstore holds the candidates: it reads client certificates, chains
// and keys from wherever they lie, pairs them by public key, and says of each
// key whether it can be used.
//
// Call [Load]. What is in a file is found by content, never by its name. A
// certificate without a usable key is still an identity: that the key is
// missing, locked, unreadable or another one's is the answer that the user
// came for.
//
// The package judges nothing: neither dates nor chains. See its neighbours
// certstore/chain and probe/match.
package certstore

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strconv"

	"mtlsprobe/certstore/account"
	"mtlsprobe/certstore/pbe"
	"mtlsprobe/probe/wire"
)

// An Identity is a candidate: an end-entity certificate, its chain as stored,
// and its key.
type Identity struct {
	// Label is a short name, unique within a [Holding].
	Label string
	// Source is the file that holds the certificate.
	Source string
	// NamedBy is the configuration that names or contains it; empty for most. NamedAs is
	// by which setting, as in "proxy_ssl_certificate, line 7".
	NamedBy, NamedAs string
	// FriendlyName is the one stored beside it; empty for most.
	FriendlyName string
	// Kind is how the file is read.
	Kind FileKind
	// Container says what the file is made of; nil where there is nothing to say.
	Container *Container
	// Leaf is nil when nothing could be read: a locked or unreadable container.
	Leaf *x509.Certificate
	// Preceding is the certificate before the leaf in a PEM file; clients that take
	// the first one load it instead. Nil for most.
	Preceding *x509.Certificate
	// Chain is what is stored beside the leaf, in stored order, without the leaf.
	Chain []*x509.Certificate
	// Written is what programs send that send all of the file, where that is not the Chain: of a
	// PEM file that has a certificate more than once what stands after the leaf, and of a
	// PKCS #12 file with several keys the certificates of the others, too. Nil for most.
	Written []*x509.Certificate
	Key     Key
	// Access says whether the account that is to use it could read it; nil until
	// [Holding.Access].
	Access *Access
	// Running says what a process can have read of it; nil until [Holding.Running].
	Running *Running
}

// A KeyForm says how a private key lies in its file. Of keys in stores only the protection is
// told, and only where their Container does not tell it.
type KeyForm struct {
	// Protection says what the key was encrypted with, as in "PBES2 with …, 2048
	// iterations"; empty for one in clear.
	Protection string
	pbe.Algorithm
	// Kind is how the file is read.
	Kind FileKind
	// Explicit says that the key writes its curve out.
	Explicit bool
	// Index is its place among the private keys of its file that could be read, from 0.
	Index int
	// After is the type of the private key that stands first in the PEM file, and that clients
	// take for the file's key; empty where that is this one.
	After wire.KeyType
	// Before is the type of another private key that stands behind it in the PEM file, where
	// this one is the first; empty where there is none.
	Before wire.KeyType
}

// A Key is an identity's private key, as far as it is at hand.
type Key struct {
	State KeyState
	// Detail explains the state: which file, which reason of the operating
	// system. It never holds key material.
	Detail string
	// Source is the file that holds the key; empty unless State is Usable.
	Source string
	KeyForm
	// OwnLocked says why a key beside the certificate is locked, when this is one
	// from another file; empty for most.
	OwnLocked string
	// Signer is nil unless State is Usable.
	Signer crypto.Signer
	// Exposure says who else may read the file; nil until [Holding.Expose].
	Exposure *account.Exposure

	inStore bool // and not in a file of PEM or DER
}

// A KeyState says what is known of an identity's key.
type KeyState string

// The states of a key.
const (
	Usable     KeyState = "usable"
	Locked     KeyState = "locked"     // it is there, and no password opened it
	Missing    KeyState = "missing"    // no key was found for the certificate
	Unreadable KeyState = "unreadable" // the operating system or the format stands in the way
	Mismatched KeyState = "mismatched" // a key was found, for another certificate
	Unknown    KeyState = "unknown"
)

// Certificate returns the identity as crypto/tls presents it, or nil without a
// leaf or a usable key.
func (i *Identity) Certificate() *tls.Certificate {
	if i.Leaf == nil || i.Key.Signer == nil {
		return nil
	}
	cert := &tls.Certificate{Certificate: [][]byte{i.Leaf.Raw}, PrivateKey: i.Key.Signer, Leaf: i.Leaf}
	for _, c := range i.Chain {
		cert.Certificate = append(cert.Certificate, c.Raw)
	}
	return cert
}

// An Other is a source that holds no identity, with what it is made of.
type Other struct {
	Source    string
	Container *Container
}

// An Authority is a CA certificate at hand, with the file it came from.
type Authority struct {
	Certificate *x509.Certificate
	Source      string
	Origin      Origin // empty means FromAuthorities
}

// An Origin says who brought a CA certificate, which decides whether it is an anchor.
type Origin string

// The origins, the strongest first.
const (
	Given           Origin = "given"       // as the certificate of a CA that the server names
	FromAuthorities Origin = "authorities" // as one to build paths from
	FromSystem      Origin = "system"      // the operating system's trust store
	FromServer      Origin = "server"      // the server's own chain
	FromBundle      Origin = "bundle"      // beside a client certificate, or fetched from where that points
)

// Rank orders origins by strength: higher is stronger, and FromBundle is the
// lowest.
func (o Origin) Rank() int {
	return map[Origin]int{Given: 4, FromAuthorities: 3, "": 3, FromSystem: 2, FromServer: 1}[o]
}

// A Holding is everything that was loaded.
type Holding struct {
	Identities  []*Identity
	Authorities []Authority
	// Others say what the sources are made of that hold no identity.
	Others []Other
	// Problems are what could not be read on the way, and did not prevent the
	// rest.
	Problems []error

	closers    []func() error // of tokens
	first      string         // the first source that was named
	complaints []*SourceError // about candidates that brought no identity
	unopened   []*SourceError // about what was named and was not opened whole
}

// RequireOpened returns nil if everything that was named was opened to its last part, and
// else a [*SourceError] about the first that was not: it is locked, or it was changed or
// damaged after it was made.
func (h *Holding) RequireOpened() error {
	if len(h.unopened) == 0 {
		return nil
	}
	return h.unopened[0]
}

// Close ends what keys in tokens need. The keys in files live on.
func (h *Holding) Close() error {
	var errs []error
	for _, c := range h.closers {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

// RequireIdentity returns nil if any identity has a certificate, and else the
// [*SourceError] that best says why none has.
func (h *Holding) RequireIdentity() error {
	for _, i := range h.Identities {
		if i.Leaf != nil {
			return nil
		}
	}
	if len(h.complaints) > 0 {
		return h.complaints[0]
	}
	return &SourceError{Source: h.first, Kind: NothingFound, Err: errors.New("contains no client certificate")}
}

// A Source is where identities lie, and what it is expected to hold.
type Source struct {
	// Path is a file or directory; a configuration of a client, or of a server, whose
	// identities are read, or the CAs that it accepts; a "pkcs11:" URI (RFC 7512); "env:NAME", a variable that holds PEM;
	// "credential:NAME", a systemd credential; "kubeconfig:CONTEXT", the user of a context;
	// "spiffe:ADDRESS", an agent of SPIFFE; "sql:DIR", a database of NSS;
	// "store:NAME", a store of the operating system (Windows, macOS); or a
	// Java system property such as "javax.net.ssl.keyStore=FILE"; or "-", standard input.
	Path string
	Role Role
	// Found says that nobody named it: what is of no use there is a problem in the
	// [Holding], and no error.
	Found bool

	given string // as it was given, where Path is another
}

// A Role says what a source is for.
type Role int

// The roles of a source.
const (
	Candidate   Role = iota // certificates with or without keys (--cert)
	KeyFile                 // keys kept apart (--key)
	Authorities             // CA certificates to build paths from (--authorities)
	NamedCAs                // CA certificates whose names stand for a server's list (--named-ca)
	Beside                  // CA certificates that a configuration names beside a client certificate
)

// Options says how to open what is locked. The zero Options, and nil, try the
// empty password only.
type Options struct {
	// Passwords are tried on every locked container and key, in order.
	Passwords []string
	// PasswordsFor are tried in their place on what bears the name: a source as it
	// was given, a file's path, or its last element.
	PasswordsFor map[string][]string
	// Getenv looks variables up, for sources that name some; nil finds none.
	Getenv func(string) string
	// Stdin reads what the source "-" is; nil where there is none.
	Stdin func(ctx context.Context) ([]byte, error)
	// Home is the folder that "~" stands for in configurations; empty for none.
	Home string
	// Partial says that a source which was named and is of no use is a problem only,
	// as long as another is of use.
	Partial bool
	// Readers says to find out what other programs make of PKCS #12 files, for
	// [Container.Readers]: each is opened once more, at the same cost.
	Readers bool
	// Prompt asks for the password of a source after Passwords failed; attempt
	// counts from 1. It is called by one goroutine at a time. It returns
	// [ErrNoPassword] when nobody answers. Nil means that nobody can be asked.
	Prompt func(ctx context.Context, source string, attempt int) (string, error)
}

// ErrNoPassword is what a Prompt returns when nobody answers.
var ErrNoPassword = errors.New("no password was given")

// A SourceError says why a source that was named is of no use.
type SourceError struct {
	Source string
	Kind   ErrorKind
	Err    error // says the reason after the source's name, as in "is empty"
	found  bool  // nobody named it
}

func (e *SourceError) Error() string { return fmt.Sprintf("%q %v", e.Source, e.Err) }

func (e *SourceError) Unwrap() error { return e.Err }

// An ErrorKind groups source errors by what helps against them.
type ErrorKind int

// The kinds of source errors.
const (
	NotReadable   ErrorKind = iota // the operating system refused
	NotUnderstood                  // empty, damaged, too large, or an unknown format
	WrongPassword
	CAOnly  // CA certificates where a client certificate was expected
	KeyOnly // a private key and no certificate
	NothingFound
)

// quote writes a file name so that no character of it acts on a terminal.
func quote(name string) string { return strconv.Quote(name) }
