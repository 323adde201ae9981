package config

import (
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A reader of values knows what they may refer to.
type valueReader struct {
	t         *Text
	quotes    bool
	roots     []string          // folders that relative paths count from
	variables map[string]string // assignments of the same text
	expanded  map[string]string // what variables come to
	reference *regexp.Regexp    // to a variable
	looks     int
}

// maxLooks bounds how often the caller is asked what is there.
const maxLooks = 10_000

func newValueReader(t *Text, f *dialect, d *document) *valueReader {
	r := &valueReader{t: t, quotes: f.quotes, roots: slices.Clone(t.Dirs), variables: make(map[string]string),
		expanded: make(map[string]string), reference: regexp.MustCompile(`\$\{[\w.]+\}|\$\w+`)}
	if len(r.roots) == 0 {
		r.roots = []string{""}
	}
	for _, root := range f.roots {
		r.roots = append(r.roots, filepath.Join(r.roots[0], root))
	}
	if f.fromStart || f.name == "" {
		r.roots = append(r.roots, "")
	}
	for _, s := range d.settings {
		if len(s.keys) == 1 {
			r.variables[s.keys[0]] = unquoted(s.value)
		}
	}
	return r
}

// readings are what a value may mean, the likeliest first: formats differ in what quotes,
// backslashes and comments are.
func (r *valueReader) readings(s *setting) []string {
	raw := strings.TrimSpace(s.value)
	list := []string{raw}
	switch {
	case s.literal:
	case r.quotes:
		list = append(list, unescaped(raw))
		if strings.Contains(raw, `\\`) { // as paths of Windows are written
			slices.Reverse(list)
		}
	default:
		plain := strings.TrimRight(raw, ";,")
		list = []string{unquoted(raw)}
		if words := words(plain); s.directive && len(words) > 1 && raw[0] != '"' && raw[0] != '\'' {
			list = append(list, words[0])
		}
		list = append(list, unescaped(unquoted(raw)))
		if raw != "" && raw[0] != '"' && raw[0] != '\'' {
			list = append(list, plain, raw)
		}
	}
	for n, value := range list {
		if name, ok := strings.CutPrefix(value, `file("`); ok { // Terraform
			value = strings.TrimSuffix(name, `")`)
		}
		list[n] = r.expand(value)
	}
	return unique(list)
}

// unique returns each text once, at its first place.
func unique(list []string) []string {
	var out []string
	for _, text := range list {
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}

// unquoted takes quotes around the whole off, with the backslashes before quotes and
// backslashes, or else a comment behind space.
func unquoted(value string) string {
	value = strings.TrimSpace(value)
	for _, quote := range []string{`"""`, `'''`, `"`, `'`} {
		rest, quoted := strings.CutPrefix(value, quote)
		if !quoted {
			continue
		}
		var b strings.Builder
		for i := 0; i < len(rest); i++ {
			switch {
			case quote != `'` && rest[i] == '\\' && i+1 < len(rest) && strings.IndexByte(`"\`, rest[i+1]) >= 0:
				i++
				b.WriteByte(rest[i])
			case strings.HasPrefix(rest[i:], quote):
				return b.String()
			default:
				b.WriteByte(rest[i])
			}
		}
		return b.String()
	}
	for _, comment := range []string{" #", "\t#", "# ", " ;", "\t;", " //"} {
		value, _, _ = strings.Cut(value, comment)
	}
	return strings.TrimRight(value, " \t;,")
}

// unescaped reads the backslashes of Java's properties (java.util.Properties, load).
func unescaped(value string) string {
	if !strings.Contains(value, `\`) {
		return value
	}
	var b strings.Builder
	for i := 0; i < len(value); i++ {
		if value[i] != '\\' || i+1 == len(value) {
			b.WriteByte(value[i])
			continue
		}
		i++
		if value[i] == 'u' && i+4 < len(value) {
			if unit, err := strconv.ParseUint(value[i+1:i+5], 16, 16); err == nil {
				b.WriteRune(rune(unit))
				i += 4
				continue
			}
		}
		letters := map[byte]byte{'t': '\t', 'n': '\n', 'r': '\r', 'f': '\f', 's': ' '}
		if letter, ok := letters[value[i]]; ok {
			b.WriteByte(letter)
		} else {
			b.WriteByte(value[i])
		}
	}
	return b.String()
}

// expand replaces $NAME and ${NAME} by what the text assigns to it, and the home folder.
func (r *valueReader) expand(value string) string {
	if len(value) > maxOption || !strings.ContainsAny(value, "$%") {
		return value
	}
	if r.t.Home != "" {
		value = strings.ReplaceAll(value, "%h/", r.t.Home+"/") // systemd.unit(5), "Specifiers"
	}
	room := maxOption
	return r.reference.ReplaceAllStringFunc(value, func(reference string) string {
		out := r.variable(strings.Trim(reference, "${}"), reference)
		if room -= len(out); room < 0 {
			return reference
		}
		return out
	})
}

// variable is what a variable comes to, or the reference to it where that is not known.
func (r *valueReader) variable(name, reference string) string {
	switch out, done := r.expanded[name]; {
	case done:
		return out
	case name == "HOME" && r.t.Home != "":
		return r.t.Home
	case name == "path.module": // Terraform: the folder of the file
		return "."
	case r.variables[name] == "":
		return reference
	}
	r.expanded[name] = reference // which it may refer to itself
	r.expanded[name] = r.expand(r.variables[name])
	return r.expanded[name]
}

// unresolved reports whether a value comes from elsewhere at run time.
func unresolved(value string) bool {
	return strings.Contains(value, "${") || strings.Contains(value, "$(") || strings.Contains(value, "{{") ||
		strings.HasPrefix(value, "$")
}

// isPath reports whether a value looks like one.
func isPath(value string) bool {
	if value == "" || len(value) > maxOption || strings.ContainsAny(value, "\n\x00") || unresolved(value) ||
		strings.Contains(value, "://") && !strings.HasPrefix(value, "file://") {
		return false
	}
	return hasEnding(value) || strings.HasPrefix(value, "pkcs11:") || strings.ContainsAny(value, `/\`)
}

// hasEnding reports whether a value ends as the names of certificates, keys and stores do.
func hasEnding(value string) bool {
	endings := strings.Fields(".pem .crt .cer .der .key .p12 .pfx .jks .keystore .cert .p8 .pk8 .ks")
	return slices.Contains(endings, strings.ToLower(filepath.Ext(value)))
}

// file returns the path that a setting means and what is there: the first of its
// readings, from the first of the folders, that is there, or else the first.
func (r *valueReader) file(s *setting) (string, Contents) {
	first, known := "", Absent
	for _, value := range r.readings(s) {
		value = strings.TrimPrefix(strings.TrimPrefix(value, "file://"), "file:")
		value = strings.TrimPrefix(value, "<") // Dovecot
		if value == "" || len(value) > maxOption || strings.ContainsAny(value, "\n\x00") || unresolved(value) {
			continue
		}
		if strings.HasPrefix(strings.ToLower(value), "pkcs11:") {
			return value, Store
		}
		for _, path := range r.paths(value) {
			switch there := r.look(path); {
			case there >= Folder:
				return path, there
			case first == "":
				first, known = path, there
			}
		}
	}
	return first, known
}

// paths are what a value may be the path of.
func (r *valueReader) paths(value string) []string {
	if rest, isHome := strings.CutPrefix(value, "~/"); isHome && r.t.Home != "" {
		return []string{filepath.Join(r.t.Home, rest)}
	}
	if filepath.IsAbs(value) {
		return []string{value}
	}
	var list []string
	for _, root := range r.roots {
		list = append(list, filepath.Join(root, value))
	}
	if before, after, mapped := strings.Cut(value, ":"); mapped && len(before) > 1 { // Docker's HOST:CONTAINER
		list = append(list, filepath.Join(r.roots[0], before))
		if filepath.IsAbs(after) { // systemd's NAME:PATH
			list = append(list, after)
		}
	}
	return list
}

func (r *valueReader) look(path string) Contents {
	if r.looks++; r.t.Look == nil || r.looks > maxLooks {
		return Absent
	}
	return r.t.Look(path)
}
