package config

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A gatherer turns the settings of a document into references.
type gatherer struct {
	*valueReader
	format         *dialect
	d              *document
	v              *vocabulary
	groups         []*group
	index          map[string]*group
	names          map[int]string // that blocks give themselves
	sides          map[int]side
	pathCharacters *regexp.Regexp // matches what is a path and nothing else
	config         *Config
}

// gather returns what the document names.
func gather(t *Text, f *dialect, d *document, v *vocabulary) *Config {
	g := &gatherer{valueReader: newValueReader(t, f, d), format: f, d: d, v: v, index: make(map[string]*group),
		names: make(map[int]string), pathCharacters: regexp.MustCompile(`^(pkcs11:.*|[\w./\\~:@ \-]+)$`),
		config: &Config{Problems: d.problems, Notes: d.notes}}
	g.sides = f.sides(d)
	block := 0
	for i := range d.settings {
		s := &d.settings[i]
		if f.next {
			if s.key() == "next" {
				block = d.open(0, "")
			}
			s.block = block
		}
		if key := s.key(); key == "name" || key == "job_name" {
			g.names[s.block] = unquoted(s.value)
		}
	}
	for block, b := range d.blocks {
		if b.name != "" && f.shared {
			g.names[block] = b.name
		}
	}
	for i := range d.settings {
		g.setting(&d.settings[i])
	}
	g.join()
	for _, one := range g.groups {
		g.build(one)
	}
	g.surround()
	for _, one := range g.groups {
		for _, r := range one.references {
			g.config.References = append(g.config.References, *r)
		}
	}
	if len(g.config.References) > 0 && f.userOnly == filepath.Base(t.Name) {
		g.config.Notes = append(g.config.Notes, f.ignores)
	}
	return g.config
}

func (g *gatherer) group(block int, stem string) *group {
	key := fmt.Sprintf("%d %s", block, stem)
	if g.index[key] == nil && len(g.groups) > maxGroups {
		return &group{} // of no effect
	}
	if g.index[key] == nil {
		g.index[key] = &group{block: block, stem: stem}
		g.groups = append(g.groups, g.index[key])
	}
	return g.index[key]
}

// maxGroups bounds what is compared with each other; there is a group for each identity,
// and for passwords and CAs of their own.
const maxGroups = 4 * maxReferences

// setting puts a setting where it belongs.
func (g *gatherer) setting(s *setting) {
	if g.include(s) || !g.format.counts(g.d, s) {
		return
	}
	m := g.v.meaning(s.keys)
	if alias, ok := g.format.aliases[s.key()]; ok {
		m = meaning{role: alias}
	}
	if m.role == passwordRole {
		g.password(s, m)
		return
	}
	if s.dashed && g.format.password {
		g.config.Problems = append(g.config.Problems,
			fmt.Errorf("line %d: behind dashes curl reads a value after space, not after \"=\"", s.line))
		return
	}
	own, accepted := g.format.servers(g.d, g.sides, s)
	for _, value := range g.values(s, m) {
		named := Named{Setting: s.shown(), Line: s.line, Path: value.path, Data: value.data}
		switch {
		case accepted && (!own || m.role == authorityRole):
			g.config.Accepted = append(g.config.Accepted, named)
		case own && m.role != authorityRole:
			g.config.Own = append(g.config.Own, named)
		case own:
		default:
			g.group(s.block, m.stem).add(value, m.role)
		}
	}
}

// maxPasswords bounds those of one identity.
const maxPasswords = 8

func (g *gatherer) password(s *setting, m meaning) {
	one := g.group(s.block, m.stem)
	for _, password := range g.readings(s) {
		switch {
		case unresolved(password):
			one.notes = append(one.notes, "the password comes from elsewhere at run time")
			return
		case len(one.passwords) < maxPasswords && !slices.Contains(one.passwords, password):
			one.passwords = append(one.passwords, password)
			one.strong = one.strong || m.strong
		}
	}
}

// include notes further files that belong to the configuration.
func (g *gatherer) include(s *setting) bool {
	name := strings.ToLower(strings.TrimLeft(s.key(), "!"))
	switch {
	case name == "path" && strings.HasPrefix(strings.ToLower(g.d.blocks[s.block].name), "include"): // Git
	case strings.HasPrefix(name, "include") && s.statement == "" && len(s.keys) == 1:
	default:
		return false
	}
	if path, _ := g.file(s); path != "" && strings.ContainsAny(path, "/.*") && !strings.Contains(path, " ") {
		if strings.HasPrefix(name, "includedir") {
			path = filepath.Join(path, "*")
		}
		g.config.Includes = append(g.config.Includes, path)
	}
	return true
}

// values are what a setting names or contains; none for one that is not about
// certificates.
func (g *gatherer) values(s *setting, m meaning) []found {
	if data := Embedded(s.value); data != nil {
		if kind := kindOf(data); !kind.certificate && !kind.key { // a CRL, or a key of another kind
			return nil
		}
		return []found{{at: s, data: data, chain: m.chain}}
	}
	one := *s
	if g.joinsPassword(s, m) {
		file, password := splitCurlCert(g.readings(s)[0])
		one.value, one.literal = file, true
		if password != "" {
			in := g.group(s.block, m.stem)
			in.passwords = append(in.passwords[:min(len(in.passwords), maxPasswords-1)], password)
		}
	}
	if list := words(strings.TrimRight(s.value, "; ")); m.role == certificateRole && len(list) == 2 && !s.literal &&
		isPath(list[0]) && isPath(list[1]) { // CERTIFICATE KEY
		key := *s
		one.value, key.value = list[0], list[1]
		if path, _ := g.file(&key); path != "" {
			g.group(s.block, m.stem).add(found{at: s, path: path}, keyRole)
		}
	}
	var list []found
	for _, part := range parts(one.value) {
		one.value = part
		if f, ok := g.value(s, &one, m); ok {
			list = append(list, f)
		}
	}
	return list
}

// value is the file that one value means, if it is about certificates.
func (g *gatherer) value(s, one *setting, m meaning) (found, bool) {
	plain := g.readings(one)[0]
	if name, _, engine := strings.Cut(plain, ":"); engine && m.role == keyRole && g.format.engines &&
		len(name) > 1 && name != "pkcs11" && !isPath(plain) {
		in := g.group(s.block, m.stem)
		in.notes = append(in.notes, fmt.Sprintf("OpenSSL's engine %q keeps the key", Clip(name)))
		return found{}, false
	}
	if unresolved(plain) {
		if m.role == certificateRole || m.role == keyRole || m.role == storeRole {
			in := g.group(s.block, m.stem)
			in.notes = append(in.notes, Clip(s.shown())+" depends on a variable that is not known here")
		}
		return found{}, false
	}
	if plain == "NONE" && m.role == storeRole { // JSSE: a key store that is no file
		in := g.group(s.block, m.stem)
		in.notes = append(in.notes, "a token keeps the key")
		return found{at: s, path: "pkcs11:"}, true // RFC 7512: whatever is on a token
	}
	path, there := g.file(one)
	switch {
	case path == "", there == Folder:
		return found{}, false
	case m.role == noRole:
		if there != Store || !g.t.Given || !isPath(plain) {
			return found{}, false
		}
	case there <= Outside && !g.plausible(path, plain, m):
		return found{}, false
	}
	relative := !filepath.IsAbs(strings.Replace(plain, "~", "/", 1)) && !strings.HasPrefix(plain, "pkcs11:")
	return found{at: s, path: path, chain: m.chain, relative: relative}, true
}

// plausible reports whether a value may be the path of a file that is not there, and not a
// number, a word such as "system", a switch, or a secret: it will be shown.
func (g *gatherer) plausible(path, value string, m meaning) bool {
	switch strings.ToLower(value) {
	case "", "true", "false", "yes", "no", "on", "off", "none", "null", "system", "auto", "required", "optional":
		return false
	}
	switch {
	case g.format.inContainer:
		return false
	case m.role == keyRole && !m.tls:
		return hasEnding(value)
	case g.format.name != "" && !g.format.loose: // whose keys have one meaning
		return !strings.ContainsAny(value, "=\"`") && strings.Trim(value, "0123456789") != ""
	case !g.pathCharacters.MatchString(value):
		return false
	}
	return hasEnding(value) || isPath(value) && g.look(filepath.Dir(path)) >= Folder
}

// parts splits a list of paths at commas; one of TOML is in brackets and quotes.
func parts(value string) []string {
	inner := strings.TrimSpace(value)
	if strings.HasPrefix(inner, "[") && strings.HasSuffix(inner, "]") {
		inner = inner[1 : len(inner)-1]
	}
	list := strings.Split(inner, ",")
	for n := range list {
		if list[n] = unquoted(list[n]); !isPath(list[n]) {
			return []string{value}
		}
	}
	return list
}

// joinsPassword reports whether a value may be FILE:PASSWORD, as curl has it.
func (g *gatherer) joinsPassword(s *setting, m meaning) bool {
	return m.role == certificateRole && (g.format.password || s.statement == "curl") ||
		s.key() == "E" && s.statement == "curl"
}

// splitCurlCert splits "file:password"; a colon and a backslash of the file's name
// have a backslash before them (curl(1), -E, --cert).
func splitCurlCert(value string) (file, password string) {
	if strings.HasPrefix(strings.ToLower(value), "pkcs11:") {
		return value, ""
	}
	var b strings.Builder
	for i := 0; i < len(value); i++ {
		next := byte(0)
		if i+1 < len(value) {
			next = value[i+1]
		}
		switch c := value[i]; {
		case c == '\\' && (next == '\\' || next == ':'):
			i++
			b.WriteByte(next)
		case c == ':' && (i != 1 || next != '/' && next != '\\'): // and not C:\
			return b.String(), value[i+1:]
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), ""
}
