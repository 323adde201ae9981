package certstore

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
)

// withoutLeaf takes what a container without an end-entity certificate holds.
func (p *pairing) withoutLeaf(h *Holding, c *contents) {
	h.addAuthorities(c)
	for _, cert := range c.certs {
		if c.file.is(Candidate) && !c.file.named() && p.key(c, cert) != nil {
			h.Problems = append(h.Problems, &SourceError{Source: c.file.path, Kind: CAOnly,
				Err: fmt.Errorf("contains a CA with its key, %s: it was not taken for a client; name the file itself to try it",
					NameString(cert.RawSubject))})
		}
	}
	if !c.file.is(Candidate) {
		return
	}
	switch {
	case c.sealed != "":
		h.Identities = append(h.Identities, &Identity{
			Label: c.file.name(), Source: c.file.path, Container: c.container,
			Key: Key{State: Locked, Detail: c.sealed},
		})
		h.complain(c.file, WrongPassword, errors.New("is locked: "+c.sealed))
	case len(c.closed) > 0 && len(c.certs) == 0:
		h.Identities = append(h.Identities, &Identity{
			Label: c.file.name(), Source: c.file.path, Container: c.container,
			Key: Key{State: Unknown, Detail: quote(c.file.path) + ": " + c.closed[0].Error()},
		})
		kind := WrongPassword
		if c.container != nil && c.container.Altered {
			kind = NotUnderstood
		}
		h.complain(c.file, kind, fmt.Errorf("is open in part only: %w", c.closed[0]))
	case len(c.unread) > 0:
		h.Identities = append(h.Identities, &Identity{
			Label: c.file.name(), Source: c.file.path, Container: c.container,
			Key: Key{State: Unknown, Detail: c.unread[0].Error()},
		})
		c.problems = slices.DeleteFunc(c.problems, func(problem error) bool { return problem == c.unread[0] })
		h.complain(c.file, NotUnderstood, fmt.Errorf("contains nothing that can be tried: %w", errors.Unwrap(c.unread[0])))
	case !c.file.named():
	case len(c.certs) > 0 && c.file.authority(): // what it was given for, too
	case len(c.certs) > 0:
		h.complain(c.file, CAOnly, errors.New("contains CA certificates only, no client certificate"))
	case len(c.foreign) > 0:
		h.complain(c.file, KeyOnly, fmt.Errorf("contains a private key only, no certificate: %w",
			errors.Unwrap(c.foreign[0])))
	default:
		h.complain(c.file, KeyOnly, errors.New("contains a private key only, no certificate"))
	}
}

// addBeside takes CA certificates of a key store that are entries of their own for
// authorities, of the weakest kind: the store's key entries have chains of their own,
// and programs send no more than these.
func (h *Holding) addBeside(c *contents, leaves []*x509.Certificate, chains [][]*x509.Certificate) {
	if c.chains == nil || c.file.authority() {
		return
	}
	for _, cert := range c.certs {
		if cert.IsCA && !slices.ContainsFunc(append(chains, leaves),
			func(held []*x509.Certificate) bool { return slices.ContainsFunc(held, cert.Equal) }) {
			h.Authorities = append(h.Authorities, Authority{Certificate: cert, Source: c.file.path, Origin: FromBundle})
		}
	}
}

// addAuthorities takes the certificates for authorities; those of a bundle that has
// a leaf, for its CA certificates.
func (h *Holding) addAuthorities(c *contents) {
	for _, cert := range c.certs {
		if len(c.certs) == 1 || isAuthority(cert) || !c.file.is(Candidate) {
			h.Authorities = append(h.Authorities, Authority{Certificate: cert, Source: c.file.path, Origin: c.file.origin()})
		}
	}
}

func (h *Holding) complain(f *file, kind ErrorKind, err error) {
	h.complaints = append(h.complaints, &SourceError{Source: f.path, Kind: kind, Err: err})
}

// leftOver reports what was read and belongs to nothing.
func (p *pairing) leftOver(h *Holding) {
	for _, f := range p.unreadable {
		err := &SourceError{Source: f.path, Kind: NotReadable, Err: f.unreadable()}
		if f.is(Candidate) && f.named() {
			h.Identities = append(h.Identities, &Identity{
				Label: f.name(), Source: f.path,
				Key: Key{State: Unreadable, Detail: fmt.Sprintf("%s: %v", quote(f.path), reason(f.err))},
			})
			h.complaints = append(h.complaints, err)
			continue
		}
		h.Problems = append(h.Problems, err)
	}
	for _, c := range p.contents {
		if c.file.is(KeyFile) && p.anyUnpaired(c) {
			h.Problems = append(h.Problems, &SourceError{Source: c.file.path, Kind: KeyOnly,
				Err: errors.New("contains a key that belongs to none of the certificates")})
		}
	}
	if len(h.complaints) > 0 && h.RequireIdentity() == nil {
		for _, complaint := range h.complaints {
			if complaint.Kind == CAOnly || complaint.Kind == KeyOnly && p.leftKey(complaint.Source) {
				h.Problems = append(h.Problems, complaint)
			}
		}
	}
}

// leftKey reports whether a file has a key that belongs to no certificate, or one that
// cannot be used.
func (p *pairing) leftKey(path string) bool {
	return !slices.ContainsFunc(p.contents, func(c *contents) bool {
		return c.file.path == path && len(c.keys) > 0 && len(c.locked)+len(c.foreign) == 0 && !p.anyUnpaired(c)
	})
}

// other says what a candidate without a leaf is made of; nil for one that makes an
// identity all the same, or has a key that was paired.
func (p *pairing) other(c *contents) *Container {
	if !c.file.is(Candidate) || c.sealed != "" || len(c.unread)+len(c.closed) > 0 {
		return nil
	}
	out := &Container{Format: "private key"}
	for _, key := range c.keys {
		id := keyID(key.Public())
		if p.paired[id] {
			return nil
		}
		out.Parts = append(out.Parts, publicKeyAlgorithm(key.Public())+": "+cmp.Or(c.forms[id].Protection, "not encrypted"))
	}
	if c.container.Describes() {
		return c.container
	}
	out.Parts = append(out.Parts, c.locked...)
	if len(out.Parts) == 0 {
		return nil
	}
	return out
}
