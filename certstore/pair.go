package certstore

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
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
	keyed      map[place][]*contents      // files with keys, of use or not
	keyFiles   []*contents                // of these, those given for their keys
	keysAlone  []*contents                // of these, those with keys that cannot be used and nothing else
	stems      map[string]bool            // of files with certificates, with their folders
	stemOf     map[*file]string           // remembered
	ids        map[*x509.Certificate]string
}

// A heldKey is a private key with the file it lies in.
type heldKey struct {
	id      string
	signer  crypto.Signer
	file    *file
	form    KeyForm
	inStore bool
}

func newPairing() *pairing {
	return &pairing{keys: make(map[place]*heldKey), paired: make(map[string]bool),
		keyIDs: make(map[string]map[string]bool), stems: make(map[string]bool), stemOf: make(map[*file]string),
		keyed: make(map[place][]*contents), ids: make(map[*x509.Certificate]string)}
}

func (p *pairing) add(c *contents) {
	p.contents = append(p.contents, c)
	if !c.file.is(Candidate) && !c.file.is(KeyFile) {
		return
	}
	if len(c.keys)+len(c.locked)+len(c.foreign) > 0 {
		p.addKeyed(c)
	}
	if len(c.certs) > 0 {
		p.stems[p.stemmed(c.file)] = true
	}
	if c.keyIDs != nil {
		p.keyIDs[filepath.Dir(c.file.path)] = c.keyIDs
	}
	for _, key := range c.keys {
		id := keyID(key.Public())
		k := &heldKey{id: id, signer: key, file: c.file, form: c.forms[id],
			inStore: c.container != nil && c.container.Keys}
		k.form.Kind = c.kind
		for _, at := range places(id, c.file) {
			if p.keys[at] == nil {
				p.keys[at] = k
			}
		}
	}
}

// addKeyed notes a file with keys, of use or not, where certificates look for them.
func (p *pairing) addKeyed(c *contents) {
	at := []place{{file: c.file}, {stem: p.stemmed(c.file)}}
	if c.file.entry != nil {
		at = append(at, place{entry: c.file.entry})
	}
	if dir := databaseOf(c.file, nssKeys); dir != "" {
		at = append(at, place{database: dir})
	}
	for _, at := range at {
		p.keyed[at] = append(p.keyed[at], c)
	}
	if c.file.is(KeyFile) {
		p.keyFiles = append(p.keyFiles, c)
	}
	if len(c.locked)+len(c.foreign) > 0 && len(c.certs) == 0 {
		p.keysAlone = append(p.keysAlone, c)
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
	// what a client is told to use counts, and nothing else
	if f.entry != nil && (f.entry.key != "" || !f.entry.elsewhere) {
		return p.keys[place{id: id, entry: f.entry}]
	}
	for _, at := range []place{{id: id, file: f}, {id: id, entry: f.entry},
		{id: id, database: databaseOf(f, nssCertificates)}, {id: id}, {id: id, ofAnother: true}} {
		if k := p.keys[at]; k != nil {
			return k
		}
	}
	return nil
}

// A place is where a key may be looked for.
type place struct {
	id        string // of the key; empty for any
	file      *file
	entry     *entry // of a configuration
	database  string // folder of one of NSS
	stem      string // of the file
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
	var leafless []*contents
	holders := make(map[*Identity]*contents)
	for _, c := range p.contents {
		leaves := p.leaves(c)
		if len(leaves) == 0 {
			p.withoutLeaf(h, c)
			leafless = append(leafless, c)
			continue
		}
		if c.file.authority() {
			h.addAuthorities(c)
		}
		labels, chains := c.labels(leaves), c.chainsOf(leaves)
		h.addBeside(c, leaves, chains)
		for n, leaf := range leaves {
			i := c.identity(labels[n], leaf, chains[n])
			if key := p.key(c, leaf); key != nil {
				p.paired[key.id] = true
				i.Key = key.usable(c, leaf)
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
	for _, c := range leafless {
		if other := p.other(c); other != nil {
			h.Others = append(h.Others, Other{c.file.path, other})
		}
	}
	p.leftOver(h)
	uniqueLabels(h.Identities)
}

// identity is a leaf of the file with what is stored beside it, and no key yet.
func (c *contents) identity(label string, leaf *x509.Certificate, chain []*x509.Certificate) *Identity {
	i := &Identity{
		Label: label, Source: c.file.path, Leaf: leaf, Chain: chain, Kind: c.kind, Container: c.container,
		FriendlyName: cmp.Or(c.friendly[string(leaf.Raw)], c.keyNames[keyID(leaf.PublicKey)]),
	}
	if c.file.entry != nil {
		i.NamedBy, i.NamedAs = c.file.entry.configuration, c.file.entry.setting
	}
	if c.ordered && c.certs[0] != leaf {
		i.Preceding = c.certs[0]
	}
	if c.ordered && len(c.written) > len(c.certs) {
		i.Written = c.written[1:]
	}
	if c.kind == PKCS12Kind && len(c.keys) > 1 {
		i.Written = slices.DeleteFunc(slices.Clone(c.certs), leaf.Equal)
	}
	return i
}

// usable is the key of a leaf in c.
func (k *heldKey) usable(c *contents, leaf *x509.Certificate) Key {
	key := Key{State: Usable, Signer: k.signer, Source: k.file.path, Detail: "in " + quote(k.file.path),
		KeyForm: k.form, inStore: k.inStore}
	if why, locked := c.lockedOf[string(leaf.Raw)]; locked {
		key.OwnLocked = why
	} else if len(c.locked) > 0 && k.file != c.file {
		key.OwnLocked = c.locked[0]
	}
	return key
}

// leaves returns the end-entity certificates of a container: those that have a
// key, or, if none has, those that are no CA's.
func (p *pairing) leaves(c *contents) []*x509.Certificate {
	if !c.file.is(Candidate) {
		return nil
	}
	var paired, endEntities []*x509.Certificate
	// a database that tells whose key is there
	if ids := p.keyIDs[filepath.Dir(c.file.path)]; c.certIDs != nil && len(ids) > 0 {
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
		} else if p.key(c, cert) != nil && (c.file.named() || c.file.entry != nil || !isAuthority(cert)) {
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
