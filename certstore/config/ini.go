package config

import "strings"

// A section is a part of a file under a heading in brackets; what stands before
// the first heading has no name.
type section struct {
	name  string
	pairs []pair
}

type pair struct{ key, value string }

// get returns the last value of the key, as all these clients do.
func (s section) get(key string) string {
	value := ""
	for _, p := range s.pairs {
		if p.key == key {
			value = p.value
		}
	}
	return value
}

// An ini is how a client writes such files.
type ini struct {
	comments string // the characters that begin a comment line
	key      func(string) string
	value    func(string) string
}

// parse splits the text. Sections of one name become one.
func (d ini) parse(text string) []section {
	sections := []section{{}}
	index := map[string]int{"": 0}
	current := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if name, rest, ok := heading(line); ok {
			i, known := index[name]
			if !known {
				i = len(sections)
				index[name] = i
				sections = append(sections, section{name: name})
			}
			current, line = i, rest
		}
		if line == "" || strings.ContainsRune(d.comments, rune(line[0])) {
			continue
		}
		key, value, _ := strings.Cut(line, "=")
		sections[current].pairs = append(sections[current].pairs,
			pair{d.key(strings.TrimSpace(key)), d.value(strings.TrimSpace(value))})
	}
	return sections
}

// heading splits `[name]` or `[name "with ]"]` from what follows on the line.
func heading(line string) (name, rest string, ok bool) {
	if !strings.HasPrefix(line, "[") {
		return "", "", false
	}
	end := strings.Index(line, `"]`) + 1
	if end == 0 {
		end = strings.IndexByte(line, ']')
	}
	if end < 0 {
		return "", "", false
	}
	return strings.TrimSpace(line[1:end]), strings.TrimSpace(line[end+1:]), true
}

func asWritten(s string) string { return s }
