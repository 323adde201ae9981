package certstore

import (
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// explain says why an identity has no usable key. What lies in the certificate's
// own file counts first, then the files that were named for keys, then a file
// beside it with a fitting name.
func (p *pairing) explain(i *Identity, own *contents) Key {
	e := own.file.entry
	if e != nil && e.key != "" {
		return p.explainEntry(e, i.Leaf)
	}
	near := p.near(own)
	if why, ok := own.lockedOf[string(i.Leaf.Raw)]; ok {
		return Key{State: Locked, Detail: why}
	}
	for _, c := range near {
		if key := c.takeForeign(i.Leaf); key != nil {
			return *key
		}
	}
	if len(own.locked) > 0 {
		return Key{State: Locked, Detail: own.locked[0]}
	}
	if len(own.keys) > 0 {
		return mismatched("the key in " + quote(i.Source))
	}
	for _, c := range near {
		if len(c.locked) > 0 {
			return Key{State: Locked, Detail: c.locked[0]}
		}
	}
	for _, f := range p.unreadable {
		if f.is(KeyFile) || p.stemmed(f) == p.stemmed(own.file) {
			return Key{State: Unreadable, Detail: fmt.Sprintf("%s: %v", quote(f.path), reason(f.err))}
		}
	}
	for _, c := range near {
		if p.anyUnpaired(c) {
			return mismatched("the key in " + quote(c.file.path))
		}
	}
	if e != nil && !e.elsewhere {
		return Key{State: Missing, Detail: fmt.Sprintf("%s names no key, and %s contains none", quote(e.configuration),
			quote(own.file.path))}
	}
	for _, c := range p.keysAlone {
		if !c.file.named() && !p.stray(c.file, i) {
			continue
		}
		if key := c.takeForeign(i.Leaf); key != nil {
			return *key
		}
		if len(c.locked) > 0 {
			return Key{State: Locked, Detail: c.locked[0] + "; it may be this certificate's"}
		}
	}
	return Key{State: Missing, Detail: "no key for this certificate in any of the sources"}
}

// near returns what may hold the key of a certificate in own, keys that are of no
// use included: its own file first, then those that were given for keys, then what
// belongs to it by its name.
func (p *pairing) near(own *contents) []*contents {
	if e := own.file.entry; e != nil && !e.elsewhere {
		return p.keyed[place{entry: e}]
	}
	near := slices.Concat(p.keyed[place{file: own.file}], p.keyFiles, p.keyed[place{stem: p.stemmed(own.file)}])
	if dir := databaseOf(own.file, nssCertificates); dir != "" {
		near = append(near, p.keyed[place{database: dir}]...)
	}
	return near
}

// takeForeign makes a key that cannot be used here, and may be the certificate's,
// the state of its identity, and no problem. It returns nil if there is none.
func (c *contents) takeForeign(leaf *x509.Certificate) *Key {
	for _, err := range c.foreign {
		var foreign *foreignError
		if !errors.As(err, &foreign) || !foreign.sealed && foreign.algorithm != publicKeyOID(leaf) {
			continue
		}
		c.problems = slices.DeleteFunc(c.problems, func(problem error) bool { return problem == err })
		return &Key{State: Unknown,
			Detail: fmt.Sprintf("%v: whether it is the certificate's, and signs, only another program can say", err)}
	}
	return nil
}

func mismatched(which string) Key {
	return Key{State: Mismatched, Detail: which + " belongs to another certificate"}
}

// explainEntry says what is amiss with the key that a configuration names.
func (p *pairing) explainEntry(e *entry, leaf *x509.Certificate) Key {
	for _, f := range p.unreadable {
		if f.entry == e && f.path == e.key {
			return Key{State: Unreadable, Detail: fmt.Sprintf("%s, which %s names: %v", quote(f.path), quote(e.configuration),
				reason(f.err))}
		}
	}
	for _, c := range p.keyed[place{entry: e}] {
		if c.file.path != e.key {
			continue
		}
		foreign := c.takeForeign(leaf)
		switch {
		case foreign != nil:
			return *foreign
		case len(c.keys) > 0:
			return mismatched(fmt.Sprintf("the key in %s, which %s names,", quote(e.key), quote(e.configuration)))
		case len(c.locked) > 0:
			return Key{State: Locked, Detail: c.locked[0]}
		}
	}
	return Key{State: Missing, Detail: fmt.Sprintf("%s names %s, which contains no key that can be used",
		quote(e.configuration), quote(e.key))}
}

// anyUnpaired reports whether a container has a key that belongs to no certificate.
func (p *pairing) anyUnpaired(c *contents) bool {
	for _, key := range c.keys {
		if !p.paired[keyID(key.Public())] {
			return true
		}
	}
	return false
}

// stray reports whether a key file lies in the certificate's folder and belongs by
// its name to no certificate there.
func (p *pairing) stray(key *file, i *Identity) bool {
	return filepath.Dir(key.path) == filepath.Dir(i.Source) && !p.stems[p.stemmed(key)]
}

// stemmed is a file's path with the stem in place of the name. It is equal for a key
// and a certificate that belong together by their names: client.key or
// client-key.pem beside client.crt, key.pem beside cert.pem.
func (p *pairing) stemmed(f *file) string {
	text, known := p.stemOf[f]
	if !known {
		text = filepath.Join(filepath.Dir(f.path), "."+stem(f.path))
		p.stemOf[f] = text
	}
	return text
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
