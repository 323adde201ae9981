package carrier

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// ParseVPNConfig finds the key of the control channel in a client's configuration (.ovpn, .conf); it
// is nil where the configuration has none. read gets the files that are named.
func ParseVPNConfig(data []byte, read func(path string) ([]byte, error)) (*StaticKey, error) {
	values, err := vpnOptions(data)
	if err != nil {
		return nil, err
	}
	for _, p := range []Protection{TLSCryptV2, TLSCrypt, TLSAuth} {
		value, there := values[string(p)]
		switch {
		case !there:
			continue
		case len(value) == 0:
			return nil, fmt.Errorf("%s names no file", p)
		}
		direction := strings.Join(values["key-direction"], "")
		key := []byte(values["<"+string(p)+">"].join())
		if len(key) == 0 {
			if key, err = read(value[0]); err != nil {
				return nil, fmt.Errorf("%s: %w", p, err)
			}
			if len(value) > 1 {
				direction = value[1]
			}
		}
		parsed, err := ParseStaticKey(key, p, direction, strings.Join(values["auth"], ""))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
		return parsed, nil
	}
	for _, name := range []string{"client", "tls-client", "remote", "dev", "proto", "ca", "cert", "pkcs12"} {
		if values[name] != nil {
			return nil, nil
		}
	}
	return nil, errors.New("it is not a client's configuration: none of its lines is client, remote, dev or tls-crypt")
}

// words are the arguments of an option, or the lines of a block.
type words []string

func (w words) join() string { return strings.Join(w, "\n") }

// vpnOptions are the options of a configuration by name, of each the first; a block stands under
// its name in angle brackets, too.
func vpnOptions(data []byte) (map[string]words, error) {
	const longest = 1 << 16
	values := make(map[string]words)
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, longest)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if tag, found := strings.CutPrefix(line, "<"); found && strings.HasSuffix(tag, ">") {
			tag = strings.ToLower(strings.TrimSuffix(tag, ">"))
			var block words
			closed := false
			for !closed && lines.Scan() {
				if closed = strings.EqualFold(strings.TrimSpace(lines.Text()), "</"+tag+">"); !closed {
					block = append(block, lines.Text())
				}
			}
			if !closed {
				return nil, fmt.Errorf("the block <%s> does not end", tag)
			}
			values[tag], values["<"+tag+">"] = words{"[inline]"}, block
			continue
		}
		fields := arguments(line)
		if len(fields) > 0 && values[strings.ToLower(fields[0])] == nil {
			values[strings.ToLower(fields[0])] = fields[1:]
		}
	}
	return values, lines.Err()
}

// arguments splits a line at its spaces, but for those in quotes, up to a comment. See openvpn(8),
// "Using configuration files".
func arguments(line string) (fields []string) {
	var field strings.Builder
	quote, begun := rune(0), false
	end := func() {
		if begun {
			fields = append(fields, field.String())
		}
		field.Reset()
		begun = false
	}
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			field.WriteRune(r)
		case r == '"' || r == '\'':
			quote, begun = r, true
		case r == ' ' || r == '\t':
			end()
		case (r == '#' || r == ';') && !begun:
			return fields
		default:
			field.WriteRune(r)
			begun = true
		}
	}
	end()
	return fields
}
