package config

import (
	"regexp"
	"slices"
	"strings"
)

// A group is what belongs together: what is named in one block by keys of one stem.
type group struct {
	block                                   int
	stem                                    string
	certificates, keys, stores, authorities []found
	passwords                               []string
	strong                                  bool // the passwords are those of a key, by their names
	notes                                   []string
	references                              []*Reference
}

// A found is one thing that a setting names or contains.
type found struct {
	at    *setting
	path  string
	data  []byte
	chain bool // certificates that belong to another
	// relative says that the path is, as it is written.
	relative bool
}

func (g *group) add(f found, as role) {
	if len(f.data) > 0 && as != authorityRole { // what it is counts, not what it is called
		switch kind := kindOf(f.data); {
		case kind.certificate && kind.key:
			as = storeRole
		case kind.key:
			as = keyRole
		default:
			as = certificateRole
		}
	}
	switch as {
	case certificateRole:
		g.certificates = append(g.certificates, f)
	case keyRole:
		g.keys = append(g.keys, f)
	case authorityRole:
		g.authorities = append(g.authorities, f)
	case passwordFileRole:
		g.notes = append(g.notes, "a password is in the file that "+f.at.key()+" names: give it by --pass file:FILE")
	default:
		g.stores = append(g.stores, f)
	}
}

// join brings certificates and keys of one block together that have no stem in common,
// where there is no choice: client_cert and private_key.
func (g *gatherer) join() {
	stem := func(one *group) string {
		return strings.Join(slices.DeleteFunc(strings.Fields(one.stem),
			func(word string) bool { return slices.Contains([]string{"client", "user", "my", "peer"}, word) }), " ")
	}
	for _, equal := range []func(a, b *group) bool{
		func(a, b *group) bool { return stem(a) == stem(b) },
		func(a, b *group) bool { return true },
	} {
		for _, one := range g.groups {
			if len(one.certificates) == 0 || len(one.keys) > 0 {
				continue
			}
			var fits []*group
			for _, other := range g.groups {
				if other != one && other.block == one.block && len(other.keys) > 0 && len(other.certificates) == 0 &&
					equal(one, other) {
					fits = append(fits, other)
				}
			}
			if len(fits) == 1 {
				one.keys, fits[0].keys = fits[0].keys, nil
				one.passwords = append(one.passwords, fits[0].passwords...)
			}
		}
	}
}

// build makes the references of a group.
func (g *gatherer) build(one *group) {
	if g.format.last {
		one.certificates, one.keys, one.stores = lastOf(one.certificates), lastOf(one.keys), lastOf(one.stores)
	}
	var leaves []found
	for _, c := range one.certificates {
		switch {
		case !c.chain || len(one.certificates) == 1:
			leaves = append(leaves, c)
		case len(leaves) > 0 && len(leaves[0].data) > 0 && len(c.data) > 0: // an issuer's answer
			leaves[0].data = slices.Concat(leaves[0].data, []byte("\n"), c.data)
		default:
			one.authorities = append(one.authorities, c)
		}
	}
	for n, leaf := range leaves {
		r := g.reference(one, leaf)
		r.Certificate, r.CertificateData = leaf.path, leaf.data
		switch {
		case len(one.keys) == len(leaves):
			r.Key, r.KeyData = one.keys[n].path, one.keys[n].data
		case len(one.keys) == 1 && len(leaves) > 1:
			r.KeyElsewhere = true
		}
	}
	if len(one.keys) != len(leaves) {
		for _, key := range one.keys {
			r := g.reference(one, key)
			r.Key, r.KeyData = key.path, key.data
		}
	}
	for _, store := range one.stores {
		r := g.reference(one, store)
		r.Certificate, r.CertificateData = store.path, store.data
	}
}

func lastOf(list []found) []found {
	if len(list) > 1 && !slices.ContainsFunc(list, func(f found) bool { return f.chain }) {
		return list[len(list)-1:]
	}
	return list
}

// reference begins one that a setting names.
func (g *gatherer) reference(one *group, by found) *Reference {
	r := &Reference{Name: g.name(by.at), Setting: by.at.shown(), Line: by.at.line, Passwords: one.passwords,
		KeyElsewhere: g.format.elsewhere || g.format.name == "" || g.format.loose || len(by.data) > 0}
	for _, note := range one.notes {
		r.addNote("%s", note)
	}
	isRelative := func(f found) bool { return f.relative }
	if g.format.fromStart && slices.ContainsFunc(slices.Concat(one.certificates, one.keys, one.stores, one.authorities),
		isRelative) {
		r.addNote("a relative path counts from the folder in which the client is started")
	}
	if len(one.authorities) > 0 {
		r.Authorities = one.authorities[0].path
		for _, a := range one.authorities {
			r.AuthoritiesData = append(r.AuthoritiesData, a.data...)
		}
	}
	one.references = append(one.references, r)
	return r
}

// name is the section's, what the block itself says, or the prefix of the key.
func (g *gatherer) name(s *setting) string {
	if g.format.sections {
		name := g.d.blocks[s.block].name
		if kind, url, ok := strings.Cut(name, " "); ok && strings.EqualFold(kind, "http") {
			name = strings.Trim(url, ` "`) // Git
		}
		if name != "http" {
			return name
		}
		return ""
	}
	for block := s.block; ; block = g.d.blocks[block].parent {
		if name := g.names[block]; name != "" {
			return name
		}
		if block == 0 {
			break
		}
	}
	// what stands before the words of TLS in a dotted key, or one with a URL
	prefix := regexp.MustCompile(`(?i)^(.*?)[.:/]+(?:ssl|tls|cert|key)[\w\-]*(?:[.:/]|$)`).FindStringSubmatch(s.keys[0])
	if prefix == nil || regexp.MustCompile(`(?i)^(javax|ssl|tls|cert|key)`).MatchString(prefix[1]) {
		return ""
	}
	return prefix[1]
}

// surround gives references the passwords and authorities of the blocks around them.
func (g *gatherer) surround() {
	for _, one := range g.groups {
		for _, other := range g.groups {
			if other == one || !g.d.within(one.block, other.block) && !g.d.within(other.block, one.block) &&
				!g.format.shared {
				continue
			}
			for _, r := range one.references {
				if other.stem == one.stem || other.block == one.block && len(other.references) == 0 &&
					(other.strong || one.stem == "") ||
					g.format.shared {
					r.Passwords = unique(slices.Concat(r.Passwords, other.passwords))
					r.Passwords = r.Passwords[:min(len(r.Passwords), maxPasswords)]
				}
				if r.Authorities == "" && r.AuthoritiesData == nil && len(other.authorities) > 0 &&
					len(other.references) == 0 && other.block == one.block {
					r.Authorities, r.AuthoritiesData = other.authorities[0].path, other.authorities[0].data
				}
			}
		}
	}
}
