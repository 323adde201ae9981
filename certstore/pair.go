package certstore

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// A pairing brings certificates and keys together.
type pairing struct {
	contents   []*contents
	unreadable []*file
	keys       map[string]*heldKey // by public key
	keyIDs     map[string]bool     // that databases tell
	ids        map[*x509.Certificate]string
}

// A heldKey is a private key with the file it lies in.
type heldKey struct {
	signer crypto.Signer
	file   *file
	paired bool
}

func newPairing() *pairing {
	return &pairing{keys: make(map[string]*heldKey), keyIDs: make(map[string]bool), ids: make(map[*x509.Certificate]string)}
}

func (p *pairing) add(c *contents) {
	p.contents = append(p.contents, c)
	if c.file.source.Role == Authorities {
		return
	}
	maps.Copy(p.keyIDs, c.keyIDs)
	for _, key := range c.keys {
		if id := keyID(key.Public()); p.keys[id] == nil {
			p.keys[id] = &heldKey{signer: key, file: c.file}
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

func (p *pairing) key(cert *x509.Certificate) *heldKey {
	id, known := p.ids[cert]
	if !known {
		id = keyID(cert.PublicKey)
		p.ids[cert] = id
	}
	if id == "" {
		return nil
	}
	return p.keys[id]
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
		rest := beside(c.certs, leaves)
		for n, leaf := range leaves {
			i := &Identity{Label: c.file.labelled(n, len(leaves)), Source: c.file.path, Leaf: leaf, Container: c.container, FriendlyName: cmp.Or(c.friendly[string(leaf.Raw)], c.keyName)}
			i.Chain = without(rest, leaf)
			if len(leaves) > 1 || c.certIDs != nil {
				i.Chain = upwards(leaf, i.Chain)
			}
			if own, ok := c.chains[string(leaf.Raw)]; ok {
				i.Chain = own
			}
			if key := p.key(leaf); key != nil {
				key.paired = true
				i.Key = Key{State: Usable, Signer: key.signer, Source: key.file.path, Detail: "in " + quote(key.file.path)}
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

// upwards keeps what may stand above a leaf, by names: in a store of several
// entries the others' issuers are no surplus of this one.
func upwards(leaf *x509.Certificate, certs []*x509.Certificate) []*x509.Certificate {
	above := map[string]bool{string(leaf.RawIssuer): true}
	for range certs { // at most as many steps as there are certificates
		before := len(above)
		for _, c := range certs {
			if above[string(c.RawSubject)] {
				above[string(c.RawIssuer)] = true
			}
		}
		if len(above) == before {
			break
		}
	}
	return slices.DeleteFunc(slices.Clone(certs), func(c *x509.Certificate) bool { return !above[string(c.RawSubject)] })
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
	if c.file.source.Role != Candidate {
		return nil
	}
	var paired, endEntities []*x509.Certificate
	if c.certIDs != nil && len(p.keyIDs) > 0 { // a database that tells whose key is there
		for _, cert := range c.certs {
			if id, ok := c.certIDs[string(cert.Raw)]; ok && p.keyIDs[id] {
				paired = append(paired, cert)
			}
		}
		return paired
	}
	for _, cert := range c.certs {
		if _, locked := c.lockedOf[string(cert.Raw)]; locked {
			paired = append(paired, cert)
		} else if p.key(cert) != nil && (c.file.named() || !isAuthority(cert)) {
			paired = append(paired, cert)
		}
		if !isAuthority(cert) {
			endEntities = append(endEntities, cert)
		}
	}
	if len(paired) > 0 {
		return paired
	}
	return endEntities
}

// isAuthority takes a self-issued certificate without basicConstraints, as old
// roots are, for an authority unless it says that it is a client's.
func isAuthority(cert *x509.Certificate) bool {
	selfIssued := string(cert.RawIssuer) == string(cert.RawSubject)
	return cert.IsCA || selfIssued && !cert.BasicConstraintsValid && len(cert.ExtKeyUsage) == 0
}

// withoutLeaf takes what a container without an end-entity certificate holds.
func (p *pairing) withoutLeaf(h *Holding, c *contents) {
	for _, cert := range c.certs {
		h.Authorities = append(h.Authorities, Authority{Certificate: cert, Source: c.file.path})
		if c.file.source.Role == Candidate && !c.file.named() && p.key(cert) != nil {
			h.Problems = append(h.Problems, &SourceError{Source: c.file.path, Kind: CAOnly,
				Err: fmt.Errorf("holds a CA with its key, %s: it was not taken for a client; name the file itself to try it", NameString(cert.RawSubject))})
		}
	}
	if c.file.source.Role != Candidate {
		return
	}
	switch {
	case c.sealed != "":
		h.Identities = append(h.Identities, &Identity{
			Label: c.file.labelled(0, 1), Source: c.file.path, Container: c.container,
			Key: Key{State: Locked, Detail: c.sealed},
		})
		h.complain(c.file, WrongPassword, errors.New("is locked: "+c.sealed))
	case !c.file.named():
	case len(c.certs) > 0:
		h.complain(c.file, CAOnly, errors.New("holds CA certificates only, no client certificate"))
	default:
		h.complain(c.file, KeyOnly, errors.New("holds a private key only, no certificate"))
	}
}

func (h *Holding) complain(f *file, kind ErrorKind, err error) {
	h.complaints = append(h.complaints, &SourceError{Source: f.path, Kind: kind, Err: err})
}

// explain says why an identity has no usable key. What lies in the certificate's
// own file counts first, then the files that were named for keys, then a file
// beside it with a fitting name.
func (p *pairing) explain(i *Identity, own *contents) Key {
	near := func(f *file) bool {
		return f == own.file || f.source.Role == KeyFile || besides(f.path, i.Source) || sameDatabase(f.path, i.Source)
	}
	if why, ok := own.lockedOf[string(i.Leaf.Raw)]; ok {
		return Key{State: Locked, Detail: why}
	}
	if len(own.keys) > 0 {
		return Key{State: Mismatched, Detail: fmt.Sprintf("the key in %s belongs to another certificate", quote(i.Source))}
	}
	for _, c := range p.contents {
		if len(c.locked) > 0 && near(c.file) {
			return Key{State: Locked, Detail: c.locked[0]}
		}
	}
	for _, f := range p.unreadable {
		if near(f) {
			return Key{State: Unreadable, Detail: fmt.Sprintf("%s: %v", quote(f.path), reason(f.err))}
		}
	}
	for _, c := range p.contents {
		if near(c.file) && p.anyUnpaired(c) {
			return Key{State: Mismatched, Detail: fmt.Sprintf("the key in %s belongs to another certificate", quote(c.file.path))}
		}
	}
	return Key{State: Missing, Detail: "no key for this certificate in any of the sources"}
}

func (p *pairing) anyUnpaired(c *contents) bool {
	for _, key := range c.keys {
		if held := p.keys[keyID(key.Public())]; held != nil && !held.paired {
			return true
		}
	}
	return false
}

// besides reports whether a key file belongs to a certificate file by its name:
// client.key or client-key.pem beside client.crt, key.pem beside cert.pem.
func besides(key, cert string) bool {
	return filepath.Dir(key) == filepath.Dir(cert) && stem(key) == stem(cert)
}

func stem(path string) string {
	name := strings.ToLower(filepath.Base(path))
	name = strings.TrimSuffix(name, filepath.Ext(name))
	for _, suffix := range []string{"key", "cert", "crt", "certificate", "chain", "fullchain"} {
		if rest, ok := strings.CutSuffix(name, suffix); ok {
			name = strings.TrimRight(rest, "-_.")
			break
		}
	}
	return name
}

// leftOver reports what was read and belongs to nothing.
func (p *pairing) leftOver(h *Holding) {
	for _, f := range p.unreadable {
		err := &SourceError{Source: f.path, Kind: NotReadable, Err: fmt.Errorf("cannot be read: %w", reason(f.err))}
		if f.source.Role == Candidate && f.named() {
			h.Identities = append(h.Identities, &Identity{
				Label: f.labelled(0, 1), Source: f.path,
				Key: Key{State: Unreadable, Detail: fmt.Sprintf("%s: %v", quote(f.path), reason(f.err))},
			})
			h.complaints = append(h.complaints, err)
			continue
		}
		h.Problems = append(h.Problems, err)
	}
	for _, c := range p.contents {
		if c.file.source.Role == KeyFile && p.anyUnpaired(c) {
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

// labelled is what the n-th identity of a file is called.
func (f *file) labelled(n, of int) string {
	name := filepath.Base(f.path)
	switch {
	case f.token != nil:
		name = "token"
		if label, ok := f.token.Path("token"); ok {
			name += " " + label
		}
	case f.label != "":
		name = f.label
	}
	if of == 1 {
		return name
	}
	return fmt.Sprintf("%s#%d", name, n+1)
}

// uniqueLabels adds the folder to labels that occur more than once, and a
// number where that is not enough.
func uniqueLabels(identities []*Identity) {
	count := make(map[string]int)
	for _, i := range identities {
		count[i.Label]++
	}
	taken := make(map[string]bool)
	for _, i := range identities {
		name := i.Label
		if count[name] > 1 {
			name = filepath.Join(filepath.Base(filepath.Dir(i.Source)), name)
		}
		i.Label = name
		for n := 2; taken[i.Label]; n++ {
			i.Label = fmt.Sprintf("%s (%d)", name, n)
		}
		taken[i.Label] = true
	}
}
