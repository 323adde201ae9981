package certstore

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"

	"mtlsprobe/probe/wire"
)

// A contents is what one file holds.
type contents struct {
	file      *file
	certs     []*x509.Certificate // in stored order, each once
	keys      []crypto.Signer
	locked    []string           // for each key that no password opened: what it is
	sealed    string             // not empty: the whole container is locked, and why
	friendly  map[string]string  // names of certificates by their DER
	keyNames  map[string]string  // of keys, by keyID
	closed    []error            // why encrypted parts were not opened
	forms     map[string]KeyForm // of keys, by keyID, unless zero; without the kind
	kind      FileKind
	written   []*x509.Certificate // as stored, repeated ones, too
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
	return len(c.certs) == 0 && len(c.keys) == 0 && len(c.locked) == 0 && len(c.foreign)+len(c.unread) == 0 &&
		c.sealed == ""
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
	c.written = append(c.written, cert)
	if c.seen[string(cert.Raw)] {
		if c.kind == PKCS12Kind && cert.IsCA { // Java writes one for each entry
			return
		}
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

// take adds a private key in its form.
func (c *contents) take(key crypto.Signer, form KeyForm) {
	if c.forms == nil {
		c.forms = make(map[string]KeyForm)
	}
	id := keyID(key.Public())
	if c.ordered && len(c.keys) > 0 {
		first := c.keys[0].Public()
		form.After = wire.KeyTypeOf(first)
		if other := keyID(first); other != id {
			leading := c.forms[other]
			leading.Before = wire.KeyTypeOf(key.Public())
			c.forms[other] = leading
		}
	}
	form.Index = len(c.keys)
	_, again := c.forms[id]
	c.keys = append(c.keys, key)
	if !again {
		c.forms[id] = form
	}
}
