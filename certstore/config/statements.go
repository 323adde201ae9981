package config

import (
	"regexp"
	"slices"
	"strings"
)

// readStatements reads whatever is written line by line: INI, TOML, Java's properties,
// assignments of a shell, command lines, and the directives of servers with their
// blocks in braces or tags. It returns nil for a text that is PEM.
func (v *vocabulary) readStatements(text string) *document {
	r := &statementReader{document: newDocument(), vocabulary: v, braced: braced(text), assignment: assignment()}
	lines := strings.Split(text, "\n")
	for n := 0; n < len(lines); n++ {
		first := n
		line := strings.TrimSpace(lines[n])
		if strings.HasPrefix(line, "-----BEGIN ") {
			return nil // certificates with comments
		}
		if name, end := inline(lines, n); end > n {
			value := strings.Join(lines[n+1:end], "\n")
			r.document.add(setting{keys: []string{name}, value: value, line: n + 1, block: r.block, literal: true})
			n = end
			continue
		}
		if comment(line) {
			continue
		}
		if continued(line) {
			line, n = joined(lines, n)
		}
		if quote := unclosed(line); quote != "" { // PEM in quotes, over several lines
			for end := n + 1; end < len(lines) && end < n+maxQuotedLines; end++ {
				if strings.Contains(lines[end], quote) {
					line += "\n" + strings.Join(lines[n+1:end+1], "\n")
					n = end
					break
				}
			}
		}
		r.line(line, first+1)
	}
	return r.document
}

// maxQuotedLines bounds a value in quotes that goes over several lines: a bundle of PEM.
const maxQuotedLines = 1000

type statementReader struct {
	document   *document
	vocabulary *vocabulary
	block      int
	braced     bool
	inner      bool // within a word of a command
	assignment *regexp.Regexp
}

// braced reports whether statements end in semicolons, or blocks are in braces.
func braced(text string) bool {
	ends := true
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		ends = ends && (comment(line) || strings.HasSuffix(line, ";") || strings.HasSuffix(line, "{") ||
			strings.HasSuffix(line, "}"))
	}
	if ends {
		return true
	}
	return regexp.MustCompile(`(?m)^[^#\n]*\{[ \t]*(#.*)?$`).MatchString(text) &&
		regexp.MustCompile(`(?m)^[ \t]*\}`).MatchString(text)
}

// comment reports whether a line says nothing. A registry of npm begins with slashes, and
// an include of MySQL with an exclamation mark.
func comment(line string) bool {
	return line == "" || line[0] == '#' || line[0] == ';' || strings.HasPrefix(line, "// ") ||
		line[0] == '!' && !strings.HasPrefix(line, "!include")
}

// continued reports an odd number of backslashes at the end.
func continued(line string) bool {
	return (len(line)-len(strings.TrimRight(line, `\`)))%2 == 1
}

// joined is a line with those that continue it, and the last of these.
func joined(lines []string, n int) (line string, last int) {
	var b strings.Builder
	for last = n; ; last++ {
		part := strings.TrimSpace(lines[last])
		if last > n && strings.HasPrefix(part, "-") && !strings.HasSuffix(b.String()[max(0, b.Len()-1):], " ") {
			b.WriteByte(' ')
		}
		if !continued(part) || last+1 == len(lines) {
			b.WriteString(part)
			return b.String(), last
		}
		b.WriteString(strings.TrimSuffix(part, `\`))
	}
}

// unclosed returns the quote that a value begins with, and that is not closed on the
// line, where PEM follows; empty for none.
func unclosed(line string) string {
	for _, quote := range []string{`"""`, `'''`, `"`, `'`} {
		before, after, found := strings.Cut(line, quote)
		if found && strings.HasSuffix(strings.TrimSpace(before), "=") && !strings.Contains(after, quote) &&
			(strings.HasPrefix(after, "-----BEGIN ") || after == "") {
			return quote
		}
	}
	return ""
}

// inline finds PEM between <name> and </name>, as OpenVPN has it: its name, and the line
// at which it ends; n for none.
func inline(lines []string, n int) (name string, end int) {
	line := strings.TrimSpace(lines[n])
	if !strings.HasPrefix(line, "<") || !strings.HasSuffix(line, ">") || strings.ContainsAny(line, " /") {
		return "", n
	}
	name = strings.Trim(line, "<>")
	for end := n + 1; end < len(lines) && end < n+maxQuotedLines; end++ {
		if !strings.HasPrefix(strings.TrimSpace(lines[end]), "<") {
			continue
		}
		text := strings.Join(lines[n+1:end], "\n")
		if strings.TrimSpace(lines[end]) == "</"+name+">" &&
			(strings.Contains(text, "-----BEGIN ") || Embedded(text) != nil) {
			return name, end
		}
		break
	}
	return "", n
}

// line reads one logical line.
func (r *statementReader) line(line string, number int) {
	if name, rest, ok := heading(line); ok {
		if strings.HasPrefix(line, "[[") { // TOML: each is one more of a list
			r.block = r.document.open(0, name)
		} else {
			r.block = r.document.section(name)
		}
		line = rest
	}
	if strings.HasPrefix(line, "</") {
		r.close()
		return
	}
	if name, ok := strings.CutPrefix(line, "<"); ok && strings.HasSuffix(name, ">") {
		r.block = r.document.open(r.block, strings.TrimSuffix(name, ">"))
		return
	}
	if !r.braced {
		r.statement(line, number)
		return
	}
	begin := 0
	quote := byte(0)
	for i := 0; i < len(line); i++ {
		c := line[i]
		last := i+1 == len(line) || line[i+1] == ' ' || line[i+1] == '\t'
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t'):
			line = line[:i]
		case c == ';' && last:
			r.statement(strings.TrimSpace(line[begin:i]), number)
			begin = i + 1
		case c == '{' && last && (i == 0 || line[i-1] != '$'):
			r.block = r.document.open(r.block, strings.TrimRight(strings.TrimSpace(line[begin:i]), " =:"))
			begin = i + 1
		case c == '}' && strings.TrimSpace(line[begin:i]) == "":
			r.close()
			begin = i + 1
		}
	}
	r.statement(strings.TrimSpace(line[min(begin, len(line)):]), number)
}

func (r *statementReader) close() { r.block = r.document.blocks[r.block].parent }

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
	return strings.Trim(line[1:end], " []"), strings.Trim(line[end+1:], "] \t"), true
}

// assignment matches a key, and a value behind "=", or ":" and space. Shells, systemd and
// Windows have a word before it.
func assignment() *regexp.Regexp {
	return regexp.MustCompile(`(?s)^(?:(?:export|set|setenv|declare -x|readonly) +)?` +
		`["']?([\w.@%/\-\[\]:]+?)["']?(?:[ \t]*=>?[ \t]*|[ \t]*:[ \t]+|[ \t]+:[ \t]+)(.*)$`)
}

// statement reads `key = value`, `key: value`, `key value`, `--key value`, and the
// options behind a command or directive.
func (r *statementReader) statement(text string, number int) {
	if text == "" {
		return
	}
	at := setting{line: number, block: r.block}
	if dashes := strings.TrimLeft(text, "-"); dashes != text && dashes != "" { // a file of options
		r.options(words(text), at)
		return
	}
	if m := r.assignment.FindStringSubmatch(text); m != nil && m[1] != "" {
		at.keys, at.value = []string{strings.Trim(m[1], `"'`)}, m[2]
		r.document.add(at)
		value := unquoted(m[2])
		if strings.Contains(m[2], `" "`) || strings.Contains(m[2], `' '`) { // Environment="A=b" "C=d"
			value = m[2]
		}
		if strings.ContainsAny(value, " =") { // ExecStart=/usr/bin/x --cert y
			r.command(value, at)
		}
		return
	}
	key, rest, _ := strings.Cut(text, " ")
	if tab := strings.IndexByte(key, '\t'); tab >= 0 {
		key, rest = key[:tab], text[tab+1:]
	}
	key, colon := strings.CutSuffix(key, ":")
	if k, v, ok := strings.Cut(key, ":"); ok && !colon && rest == "" && !strings.HasPrefix(v, "//") {
		key, rest = k, v // key:value
	}
	at.keys, at.value, at.directive = []string{key}, strings.TrimSpace(rest), true
	r.document.add(at)
	r.command(uncommented(text), at)
}

// uncommented is a text without the comment behind it.
func uncommented(text string) string {
	quote := byte(0)
	for i := range len(text) {
		switch c := text[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '#' && i > 0 && (text[i-1] == ' ' || text[i-1] == '\t'):
			return text[:i]
		}
	}
	return text
}

// command reads the options of a command or directive into a block of their own.
func (r *statementReader) command(text string, at setting) {
	list := words(text)
	if len(list) == 0 {
		return
	}
	// of the first word, whose value the rest is
	own := !strings.ContainsAny(list[0], "=/") && r.vocabulary.meaning(list[:1]).role != noRole
	at.statement = list[0]
	if slash := strings.LastIndexAny(at.statement, `/\`); slash >= 0 {
		at.statement = at.statement[slash+1:]
	}
	at.block = r.document.open(at.block, "")
	before := len(r.document.settings)
	if own {
		option := func(word string) bool { return strings.HasPrefix(word, "-") && strings.Contains(word, "=") }
		list = slices.DeleteFunc(list, func(word string) bool { return !option(word) })
	}
	r.options(list, at)
	if len(r.document.settings) == before { // nothing in it
		r.document.blocks = r.document.blocks[:len(r.document.blocks)-1]
	}
}

// options reads `--key value`, `--key=value`, `-Dkey=value`, `-E value`, `KEY=value` and,
// where the word means something here, `key value`.
func (r *statementReader) options(list []string, at setting) {
	for i := 0; i < len(list); i++ {
		name := strings.TrimLeft(list[i], "-")
		dashed := name != list[i]
		if dashed && strings.HasPrefix(name, "D") && strings.Contains(name, ".") {
			name = name[1:]
		}
		option := at
		option.literal = true
		next := ""
		if i+1 < len(list) && !strings.HasPrefix(list[i+1], "-") {
			next = list[i+1]
		}
		switch key, value, assigned := strings.Cut(name, "="); {
		case assigned && key != "" && !strings.ContainsAny(key, "/ "):
			option.keys, option.value, option.dashed = []string{key}, value, dashed
			if strings.Count(value, ")") > strings.Count(value, "(") { // action(… key="value")
				option.value = strings.TrimSuffix(value, ")")
			}
		case dashed && len(name) > 1 && name[0] == 'E' && !strings.HasPrefix(list[i], "--"): // curl's -Efile
			option.keys, option.value = []string{"E"}, name[1:]
		case next != "" && (dashed || i > 0 && r.vocabulary.meaning([]string{name}).role != noRole && !isPath(name)):
			option.keys, option.value = []string{name}, next
			i++
		case dashed:
			option.keys, option.value, option.literal = []string{name}, "true", false
		default:
			r.within(list[i], at)
			continue
		}
		r.document.add(option)
		r.within(option.value, at)
	}
}

// within reads the options in a word: JAVA_OPTS="-D… -D…", the connection string or URL of a
// database. It goes no deeper.
func (r *statementReader) within(word string, at setting) {
	if r.inner || !strings.Contains(word, "=") {
		return
	}
	r.inner = true
	defer func() { r.inner = false }()
	if _, query, isURL := strings.Cut(word, "?"); isURL && strings.Contains(word, "://") {
		r.options(strings.Split(query, "&"), at)
	} else if strings.Contains(word, " ") || strings.HasPrefix(word, "-D") {
		r.options(words(word), at)
	}
}

// words splits at space, and takes quotes and the backslashes of a shell off.
func words(text string) []string {
	var list []string
	var b strings.Builder
	quote, begun := byte(0), false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quote == 0 && (c == ' ' || c == '\t' || c == '\n'):
			if begun {
				list = append(list, b.String())
				b.Reset()
				begun = false
			}
		case quote == 0 && (c == '"' || c == '\''):
			quote, begun = c, true
		case quote != 0 && c == quote:
			quote = 0
		case c == '\\' && quote != '\'' && i+1 < len(text) && strings.IndexByte(` "'\$`, text[i+1]) >= 0:
			i++
			b.WriteByte(text[i])
			begun = true
		default:
			b.WriteByte(c)
			begun = true
		}
	}
	if begun {
		list = append(list, b.String())
	}
	return list
}
