package certstore

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
)

// A pairing brings certificates and keys together.
type pairing struct {
	contents   []*contents
	unreadable []*file
	keys       map[place]*heldKey         // of several copies the first
	paired     map[string]bool            // keys, by their ids
	keyIDs     map[string]map[string]bool // that databases tell, by their folders
	withKeys   []*contents                // usable ones or not
	stems      map[string]bool            // of files with certificates, with their folders
	ids        map[*x509.Certificate]string
}

// A heldKey is a private key with the file it lies in.
type heldKey struct {
	id         string
	signer     crypto.Signer
	file       *file
	protection string
	inStore    bool
}

func newPairing() *pairing {
	return &pairing{keys: make(map[place]*heldKey), paired: make(map[string]bool), keyIDs: make(map[string]map[string]bool), stems: make(map[string]bool), ids: make(map[*x509.Certificate]string)}
}

func (p *pairing) add(c *contents) {
	p.contents = append(p.contents, c)
	if !c.file.is(Candidate) && !c.file.is(KeyFile) {
		return
	}
	if len(c.keys)+len(c.locked)+len(c.foreign) > 0 {
		p.withKeys = append(p.withKeys, c)
	}
	if len(c.certs) > 0 {
		p.stems[stemmed(c.file.path)] = true
	}
	if c.keyIDs != nil {
		p.keyIDs[filepath.Dir(c.file.path)] = c.keyIDs
	}
	for _, key := range c.keys {
		id := keyID(key.Public())
		k := &heldKey{id: id, signer: key, file: c.file, protection: c.protected[id], inStore: c.container != nil}
		for _, at := range places(id, c.file) {
			if p.keys[at] == nil {
				p.keys[at] = k
			}
		}
	}
}

// keyID is equal for equal public keys, however they were encoded. Kinds of keys
// that Go cannot encode have the empty ID, which pairs with nothing.
func keyID(public crypto.PublicKey) string {
	switch key := public.(type) { // the common kinds need no encoding
	case *ecdsa.PublicKey:
		if point, err := key.Bytes(); err == nil {
			return "EC " + key.Curve.Params().Name + string(point)
		}
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d ", key.E) + string(key.N.Bytes())
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return ""
	}
	return string(der)
}

// key returns the key of a certificate in c: the nearest, for of one key there may
// be several copies. Nil means that there is none.
func (p *pairing) key(c *contents, cert *x509.Certificate) *heldKey {
	id, known := p.ids[cert]
	if !known {
		id = keyID(cert.PublicKey)
		p.ids[cert] = id
	}
	if id == "" {
		return nil
	}
	f := c.file
	if f.entry != nil && (f.entry.key != "" || !f.entry.elsewhere) { // what a client is told to use counts, and nothing else
		return p.keys[place{id: id, entry: f.entry}]
	}
	for _, at := range []place{{id: id, file: f}, {id: id, entry: f.entry}, {id: id, database: databaseOf(f, nssCertificates)}, {id: id}, {id: id, ofAnother: true}} {
		if k := p.keys[at]; k != nil {
			return k
		}
	}
	return nil
}

// A place is where a key may be looked for.
type place struct {
	id        string // of the key
	file      *file
	entry     *entry // of a configuration
	database  string // folder of one of NSS
	ofAnother bool   // in what another configuration names
}

// places are those at which a key in the file is found.
func places(id string, f *file) []place {
	at := []place{{id: id, file: f}}
	switch {
	case f.entry == nil:
		at = append(at, place{id: id})
	case f.entry.key == "" || f.entry.key == f.path:
		at = append(at, place{id: id, entry: f.entry}, place{id: id, ofAnother: true})
	}
	if dir := databaseOf(f, nssKeys); dir != "" {
		at = append(at, place{id: id, database: dir})
	}
	return at
}

// databaseOf is the folder of the database of NSS whose part the file is; empty for
// other files.
func databaseOf(f *file, part string) string {
	if filepath.Base(f.path) != part {
		return ""
	}
	return filepath.Dir(f.path)
}

// pair fills the holding with identities and authorities.
func (p *pairing) pair(h *Holding) {
	var keyless []*Identity
	holders := make(map[*Identity]*contents)
	for _, c := range p.contents {
		leaves := p.leaves(c)
		if len(leaves) == 0 {
			p.withoutLeaf(h, c)
			continue
		}
		if c.file.is(Authorities) {
			h.addAuthorities(c)
		}
		rest, labels := beside(c.certs, leaves), c.labels(leaves)
		var above *climb
		for n, leaf := range leaves {
			i := &Identity{Label: labels[n], Source: c.file.path, Leaf: leaf, Container: c.container, FriendlyName: cmp.Or(c.friendly[string(leaf.Raw)], c.keyNames[keyID(leaf.PublicKey)])}
			if c.file.entry != nil {
				i.NamedBy = c.file.entry.configuration
			}
			if c.ordered && c.certs[0] != leaf {
				i.Ahead = c.certs[0]
			}
			i.Chain = without(rest, leaf)
			if len(leaves) > 1 || c.certIDs != nil {
				if above == nil {
					above = newClimb(rest)
				}
				i.Chain = above.from(leaf, i.Chain)
			}
			if own, ok := c.chains[string(leaf.Raw)]; ok {
				i.Chain = own
			}
			if key := p.key(c, leaf); key != nil {
				p.paired[key.id] = true
				i.Key = Key{State: Usable, Signer: key.signer, Source: key.file.path, Detail: "in " + quote(key.file.path), Protection: key.protection, inStore: key.inStore}
				if why, locked := c.lockedOf[string(leaf.Raw)]; locked {
					i.Key.OwnLocked = why
				} else if len(c.locked) > 0 && key.file != c.file {
					i.Key.OwnLocked = c.locked[0]
				}
			} else {
				keyless = append(keyless, i)
				holders[i] = c
			}
			h.Identities = append(h.Identities, i)
		}
	}
	for _, i := range keyless {
		i.Key = p.explain(i, holders[i])
	}
	for _, c := range p.contents {
		if other := p.other(c); other != nil {
			h.Others = append(h.Others, Other{c.file.path, other})
		}
	}
	p.leftOver(h)
	uniqueLabels(h.Identities)
}

// beside returns what is stored besides the leaves; a leaf that is a CA's stands
// in the chains of the others. The leaves share the slice.
func beside(certs, leaves []*x509.Certificate) []*x509.Certificate {
	leaf := make(map[*x509.Certificate]bool)
	for _, c := range leaves {
		leaf[c] = true
	}
	var rest []*x509.Certificate
	for _, c := range certs {
		if !leaf[c] || c.IsCA {
			rest = append(rest, c)
		}
	}
	return rest[:len(rest):len(rest)]
}

// other says what a candidate without an identity is made of; nil for one with, or
// with a key that was paired.
func (p *pairing) other(c *contents) *Container {
	if !c.file.is(Candidate) || c.sealed != "" || len(c.unread) > 0 || len(p.leaves(c)) > 0 {
		return nil
	}
	out := &Container{Format: "private key"}
	for _, key := range c.keys {
		id := keyID(key.Public())
		if p.paired[id] {
			return nil
		}
		out.Parts = append(out.Parts, publicKeyAlgorithm(key.Public())+": "+cmp.Or(c.protected[id], "not encrypted"))
	}
	if c.container != nil {
		return c.container
	}
	out.Parts = append(out.Parts, c.locked...)
	if len(out.Parts) == 0 {
		return nil
	}
	return out
}

// A climb finds what may stand above a certificate, by names: in a store of several
// entries the others' issuers are no surplus of this one.
type climb struct {
	issuers map[string][]string // of the certificates with a name, by [NameKey]
}

func newClimb(certs []*x509.Certificate) *climb {
	c := &climb{issuers: make(map[string][]string)}
	for _, cert := range certs {
		subject := NameKey(cert.RawSubject)
		c.issuers[subject] = append(c.issuers[subject], NameKey(cert.RawIssuer))
	}
	return c
}

// from returns those of the certificates that may stand above the leaf.
func (c *climb) from(leaf *x509.Certificate, certs []*x509.Certificate) []*x509.Certificate {
	next := []string{NameKey(leaf.RawIssuer)}
	above := map[string]bool{next[0]: true}
	for len(next) > 0 {
		name := next[0]
		next = next[1:]
		for _, issuer := range c.issuers[name] {
			if !above[issuer] {
				above[issuer] = true
				next = append(next, issuer)
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(certs), func(cert *x509.Certificate) bool { return !above[NameKey(cert.RawSubject)] })
}

func without(certs []*x509.Certificate, c *x509.Certificate) []*x509.Certificate {
	if !c.IsCA {
		return certs
	}
	return slices.DeleteFunc(slices.Clone(certs), func(other *x509.Certificate) bool { return other == c })
}

// leaves returns the end-entity certificates of a container: those that have a
// key, or, if none has, those that are no CA's.
func (p *pairing) leaves(c *contents) []*x509.Certificate {
	if !c.file.is(Candidate) {
		return nil
	}
	var paired, endEntities []*x509.Certificate
	if ids := p.keyIDs[filepath.Dir(c.file.path)]; c.certIDs != nil && len(ids) > 0 { // a database that tells whose key is there
		for _, cert := range c.certs {
			id, ok := c.certIDs[string(cert.Raw)]
			if ok && ids[id] || !isAuthority(cert) && p.key(c, cert) != nil {
				paired = append(paired, cert)
			}
		}
		return paired
	}
	for _, cert := range c.certs {
		if _, locked := c.lockedOf[string(cert.Raw)]; locked {
			paired = append(paired, cert)
		} else if p.key(c, cert) != nil && (c.file.named() || !isAuthority(cert)) {
			paired = append(paired, cert)
		}
		if !isAuthority(cert) {
			endEntities = append(endEntities, cert)
		}
	}
	if len(paired) == 0 || len(c.keys)+len(c.locked)+len(c.foreign) > len(paired) {
		return union(paired, endEntities) // some key may belong to one of the others
	}
	return paired
}

// union returns the certificates of both lists, each once, in the order of the
// second, and what only the first has before.
func union(a, b []*x509.Certificate) []*x509.Certificate {
	only := slices.DeleteFunc(slices.Clone(a), func(c *x509.Certificate) bool { return slices.Contains(b, c) })
	return append(only, b...)
}

// isAuthority takes a self-issued certificate of version 1, as old roots are, for an
// authority. In version 3 a CA says that it is one; what says nothing, such as what
// "keytool -genkeypair" makes, is none.
func isAuthority(cert *x509.Certificate) bool {
	const v3 = 3
	return cert.IsCA || cert.Version < v3 && string(cert.RawIssuer) == string(cert.RawSubject)
}

// withoutLeaf takes what a container without an end-entity certificate holds.
func (p *pairing) withoutLeaf(h *Holding, c *contents) {
	h.addAuthorities(c)
	for _, cert := range c.certs {
		if c.file.is(Candidate) && !c.file.named() && p.key(c, cert) != nil {
			h.Problems = append(h.Problems, &SourceError{Source: c.file.path, Kind: CAOnly,
				Err: fmt.Errorf("holds a CA with its key, %s: it was not taken for a client; name the file itself to try it", NameString(cert.RawSubject))})
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
		h.complain(c.file, WrongPassword, fmt.Errorf("is open in part only: %w", c.closed[0]))
	case len(c.unread) > 0:
		h.Identities = append(h.Identities, &Identity{
			Label: c.file.name(), Source: c.file.path, Container: c.container, Key: Key{State: Unknown, Detail: c.unread[0].Error()},
		})
		c.problems = slices.DeleteFunc(c.problems, func(problem error) bool { return problem == c.unread[0] })
		h.complain(c.file, NotUnderstood, fmt.Errorf("holds nothing that can be tried: %w", errors.Unwrap(c.unread[0])))
	case !c.file.named():
	case len(c.certs) > 0 && c.file.is(Authorities): // what it was given for, too
	case len(c.certs) > 0:
		h.complain(c.file, CAOnly, errors.New("holds CA certificates only, no client certificate"))
	case len(c.foreign) > 0:
		h.complain(c.file, KeyOnly, fmt.Errorf("holds a private key only, no certificate: %w", errors.Unwrap(c.foreign[0])))
	default:
		h.complain(c.file, KeyOnly, errors.New("holds a private key only, no certificate"))
	}
}

// addAuthorities takes the certificates for authorities; those of a bundle that has
// a leaf, for its CA certificates.
func (h *Holding) addAuthorities(c *contents) {
	for _, cert := range c.certs {
		if len(c.certs) == 1 || isAuthority(cert) || !c.file.is(Candidate) {
			h.Authorities = append(h.Authorities, Authority{Certificate: cert, Source: c.file.path})
		}
	}
}

func (h *Holding) complain(f *file, kind ErrorKind, err error) {
	h.complaints = append(h.complaints, &SourceError{Source: f.path, Kind: kind, Err: err})
}

// leftOver reports what was read and belongs to nothing.
func (p *pairing) leftOver(h *Holding) {
	for _, f := range p.unreadable {
		err := &SourceError{Source: f.path, Kind: NotReadable, Err: fmt.Errorf("cannot be read: %w", reason(f.err))}
		if f.entry != nil {
			err.Err = fmt.Errorf("cannot be read, and %s names it: %w", quote(f.entry.configuration), reason(f.err))
		}
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
				Err: errors.New("holds a key that belongs to none of the certificates")})
		}
	}
	if len(h.complaints) > 0 && h.RequireIdentity() == nil {
		for _, complaint := range h.complaints {
			if complaint.Kind == CAOnly || complaint.Kind == KeyOnly {
				h.Problems = append(h.Problems, complaint)
			}
		}
	}
}
