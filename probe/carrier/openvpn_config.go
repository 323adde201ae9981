package carrier

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// A VPNConfig is what a client's configuration says of the control channel.
type VPNConfig struct {
	Key    *StaticKey // nil where it names none
	Stream bool       // its proto is TCP
	// Remote is the host and the port of its first remote; empty where it names none.
	Remote, Port string
}

// ParseVPNConfig reads a client's configuration (.ovpn, .conf); read gets the files that it names.
func ParseVPNConfig(data []byte, read func(path string) ([]byte, error)) (*VPNConfig, error) {
	c := &VPNConfig{}
	values, err := vpnOptions(data)
	if err != nil {
		return nil, err
	}
	for _, proto := range [][]string{values["proto"], values["remote"]} {
		c.Stream = c.Stream || len(proto) > 0 && strings.HasPrefix(proto[len(proto)-1], "tcp")
	}
	if remote := values["remote"]; len(remote) > 0 {
		c.Remote = remote[0]
		if len(remote) > 1 {
			c.Port = remote[1]
		}
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
		if c.Key, err = ParseStaticKey(key, p, direction, strings.Join(values["auth"], "")); err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
		return c, nil
	}
	for _, name := range []string{"client", "tls-client", "remote", "dev", "proto", "ca", "cert", "pkcs12"} {
		if values[name] != nil {
			return c, nil
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
