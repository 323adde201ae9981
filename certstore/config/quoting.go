package config

import "strings"

// A quoting is how a client reads a value with quotes and backslashes.
type quoting struct {
	quotes   string // the characters that begin and end quoted text
	comments string // those that begin a comment, outside of quotes
	escapes  string // the letters that mean something else behind a backslash
	windows  bool   // a backslash before other letters is kept, for paths of Windows
	once     bool   // the value ends with the first quoted text
}

func (q quoting) read(value string) string {
	var b strings.Builder
	quote, kept := byte(0), 0 // kept is up to where space at the end is meant
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '\\' && i+1 < len(value):
			i++
			if q.windows && !strings.Contains(q.escapes+`"'\`, value[i:i+1]) {
				b.WriteByte('\\')
			}
			b.WriteByte(unescape(value[i], q.escapes))
			kept = b.Len()
		case quote == 0 && strings.IndexByte(q.quotes, c) >= 0:
			quote = c
		case quote != 0 && c == quote:
			if q.once {
				return b.String()
			}
			quote, kept = 0, b.Len()
		case quote == 0 && strings.IndexByte(q.comments, c) >= 0:
			return b.String()[:kept] + strings.TrimRight(b.String()[kept:], " \t")
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// unescape returns what a letter means behind a backslash, if it is one of the known.
func unescape(c byte, known string) byte {
	if strings.IndexByte(known, c) < 0 {
		return c
	}
	switch c {
	case 'b':
		return '\b'
	case 't':
		return '\t'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 'f':
		return '\f'
	case 'v':
		return '\v'
	case 's':
		return ' '
	}
	return c
}
