package carrier

import (
	"bufio"
	"bytes"
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
		value := values[string(p)]
		if len(value) == 0 {
			continue
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
	return c, nil
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
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.ContainsAny(fields[0][:1], "#;") {
			continue
		}
		name := strings.ToLower(fields[0])
		if tag, found := strings.CutPrefix(name, "<"); found && strings.HasSuffix(tag, ">") {
			tag = strings.TrimSuffix(tag, ">")
			var block words
			for lines.Scan() && strings.TrimSpace(lines.Text()) != "</"+tag+">" {
				block = append(block, lines.Text())
			}
			values[tag], values[name] = words{"[inline]"}, block
			continue
		}
		if values[name] == nil {
			for n, f := range fields[1:] {
				fields[n+1] = strings.Trim(f, `"'`)
			}
			values[name] = fields[1:]
		}
	}
	return values, lines.Err()
}
