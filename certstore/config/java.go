package config

import (
	"strconv"
	"strings"
)

// maxOption bounds an option, in bytes: a path of Linux (PATH_MAX) with its name.
const maxOption = 4096 + 64

// readJavaOptions reads -Djavax.net.ssl.… out of any text: a command line, a shell
// script, JAVA_TOOL_OPTIONS (JSSE Reference Guide, "Customizing the Default
// Keystores and Truststores").
func readJavaOptions(s *source) *Config {
	const begin = "-Djavax.net.ssl."
	stores := &javaStores{index: make(map[string]int)}
	for at := strings.Index(s.text, begin); at >= 0; {
		quote := byte(0)
		if at > 0 && (s.text[at-1] == '"' || s.text[at-1] == '\'') {
			quote = s.text[at-1]
		}
		rest := s.text[at+len("-D"):]
		name, rest, ok := strings.Cut(rest[:min(len(rest), maxOption)], "=")
		if ok && !strings.ContainsAny(name, " \t\n\"'") {
			if name == keyStore { // a further command begins
				stores.index = make(map[string]int)
			}
			stores.set(name, javaWord(rest, quote))
		}
		next := strings.Index(s.text[at+len(begin):], begin)
		if next < 0 {
			break
		}
		at += len(begin) + next
	}
	return stores.config(s)
}

// javaWord returns the value at the beginning of text, where a quote was opened
// before the option, or none (0).
func javaWord(text string, quote byte) string {
	if quote == 0 && text != "" && (text[0] == '"' || text[0] == '\'') {
		quote, text = text[0], text[1:]
		value, _, _ := strings.Cut(text, string(quote))
		return value
	}
	for i := range len(text) {
		switch c := text[i]; {
		case c == '\n' || c == '"' || c == '\'':
			return text[:i]
		// one quote may hold several options
		case (c == ' ' || c == '\t') && (quote == 0 || strings.HasPrefix(text[i+1:], "-")):
			return text[:i]
		}
	}
	return text
}

// readProperties reads a file of Java's properties (java.util.Properties, load) with
// those of JSSE, or of Kafka (Kafka documentation, "Producer Configs"), which may
// have a prefix.
func readProperties(s *source) *Config {
	if !strings.Contains(s.text, ".ssl.") && !strings.Contains(s.text, "ssl.key") {
		return nil
	}
	stores := &javaStores{index: make(map[string]int)}
	lines := strings.Split(s.text, "\n")
	for i := 0; i < len(lines); i++ {
		line := strings.TrimLeft(lines[i], " \t\f")
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		parts := []string{line}
		for last := line; continued(last) && i+1 < len(lines); {
			i++
			parts[len(parts)-1] = strings.TrimSuffix(last, `\`)
			last = strings.TrimLeft(lines[i], " \t\f")
			parts = append(parts, last)
		}
		stores.set(property(strings.Join(parts, "")))
	}
	return stores.config(s)
}

// continued reports an odd number of backslashes at the end.
func continued(line string) bool {
	return (len(line)-len(strings.TrimRight(line, `\`)))%2 == 1
}

// property splits a line at the first "=", ":" or space that has no backslash before
// it.
func property(line string) (key, value string) {
	end := 0
	for end < len(line) && !strings.ContainsRune("=: \t\f", rune(line[end])) {
		if line[end] == '\\' {
			end++
		}
		end++
	}
	end = min(end, len(line))
	value = strings.TrimLeft(line[end:], " \t\f")
	if value != "" && (value[0] == '=' || value[0] == ':') {
		value = strings.TrimLeft(value[1:], " \t\f")
	}
	return propertyText(line[:end]), propertyText(value)
}

func propertyText(raw string) string {
	var b strings.Builder
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' || i+1 == len(raw) {
			b.WriteByte(raw[i])
			continue
		}
		i++
		if raw[i] == 'u' && i+4 < len(raw) {
			if unit, err := strconv.ParseUint(raw[i+1:i+5], 16, 16); err == nil {
				b.WriteRune(rune(unit))
				i += 4
				continue
			}
		}
		b.WriteByte(unescape(raw[i], "tnrf"))
	}
	return b.String()
}

// javaStores collects references by the properties' prefix.
type javaStores struct {
	references []Reference
	index      map[string]int
}

const keyStore = "javax.net.ssl.keyStore"

// javaFields are what the properties set, in a form for all of them.
func javaFields() map[string]func(r *Reference, value string) {
	file := func(r *Reference, value string) { r.Certificate = value }
	kind := func(r *Reference, value string) { r.addNote("key store of type %s", value) }
	return map[string]func(r *Reference, value string){
		"javax.net.ssl.keyStore":         file,
		"javax.net.ssl.keyStorePassword": (*Reference).setPassword,
		"javax.net.ssl.keyStoreType":     kind,
		"javax.net.ssl.trustStore":       func(r *Reference, value string) { r.Authorities = value },

		"ssl.keystore.location":          file,
		"ssl.keystore.password":          (*Reference).setPassword,
		"ssl.keystore.type":              kind,
		"ssl.keystore.key":               func(r *Reference, value string) { r.KeyData = []byte(value) },
		"ssl.keystore.certificate.chain": func(r *Reference, value string) { r.CertificateData = []byte(value) },
		"ssl.key.password":               func(r *Reference, value string) { r.KeyPassword = value },
		"ssl.truststore.location":        func(r *Reference, value string) { r.Authorities = value },
		"ssl.truststore.certificates":    func(r *Reference, value string) { r.AuthoritiesData = []byte(value) },
	}
}

// set keeps a property, if it is one of an identity.
func (j *javaStores) set(name, value string) {
	if !strings.Contains(name, "ssl.") {
		return
	}
	prefix, at := "", strings.Index(name, "ssl.key")
	if at < 0 {
		at = strings.Index(name, "ssl.truststore")
	}
	if at > 0 && !strings.HasPrefix(name, "javax.") && name[at-1] == '.' {
		prefix, name = name[:at-1], name[at:]
	}
	field, known := javaFields()[name]
	if !known || value == "" {
		return
	}
	i, ok := j.index[prefix]
	if !ok {
		i = len(j.references)
		j.index[prefix] = i
		j.references = append(j.references, Reference{Name: prefix})
	}
	field(&j.references[i], value)
}

func (j *javaStores) config(s *source) *Config {
	for i := range j.references {
		r := &j.references[i]
		if r.Certificate == "NONE" { // a key store that is no file
			r.Certificate = "pkcs11:" // RFC 7512: whatever is on a token
			r.addNote("a token keeps the key")
		}
		if strings.Contains(r.Password+r.KeyPassword, "${") { // of Kafka's ConfigProvider, or of the shell
			r.Password, r.KeyPassword, r.PasswordNote = "", "", "the password comes from elsewhere at run time"
		}
		if r.Password == "" || r.KeyPassword == r.Password {
			if r.KeyPassword != "" {
				r.setPassword(r.KeyPassword)
			}
			r.KeyPassword = ""
		}
	}
	return s.found(j.references, pathRule{fromStart: true})
}
