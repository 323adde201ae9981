package cmd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"mtlsprobe/probe"
)

// A module is what the exporter's file says of one kind of probe.
type module struct {
	name    string
	line    int // of the file
	rules   []rule
	connect connectFlags
	hold    holdFlags
	chain   chainFlags
	try     bool
	names   int // of acceptable CAs that have a metric each, at most

	identities *identities
}

// A rule is one entry of the list of targets that a module may probe: a target, a pattern
// with * in the host, or a network.
type rule struct {
	target  probe.Target // its host is empty for a network
	network netip.Prefix
	anyPort bool
}

// A configError is a mistake in the exporter's file.
type configError struct {
	path string
	line int // zero where it is in no line
	err  error
}

func (e *configError) Error() string {
	if e.line == 0 {
		return fmt.Sprintf("%q: %v", e.path, e.err)
	}
	return fmt.Sprintf("%q, line %d: %v", e.path, e.line, e.err)
}

// parseModules reads the exporter's file.
func parseModules(file string, data []byte) (map[string]*module, error) {
	wrong := func(n *yaml.Node, format string, args ...any) error {
		return &configError{file, n.Line, fmt.Errorf(format, args...)}
	}
	var document, more yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	if err := decoder.Decode(&document); err != nil && err != io.EOF {
		return nil, &configError{file, 0, err}
	}
	if err := decoder.Decode(&more); err != io.EOF {
		return nil, &configError{file, more.Line, errors.New("the file has more than one document")}
	}
	if len(document.Content) == 0 {
		return nil, &configError{file, 0, errors.New("it has no modules")}
	}
	top := document.Content[0]
	if top.Kind != yaml.MappingNode || len(top.Content) != 2 || top.Content[0].Value != "modules" ||
		top.Content[1].Kind != yaml.MappingNode {
		return nil, wrong(top, `the file is "modules:", with each module by its name below`)
	}
	modules := make(map[string]*module)
	list := top.Content[1].Content
	for n := 0; n < len(list); n += 2 {
		name, body := list[n].Value, list[n+1]
		if body.Kind == yaml.AliasNode {
			body = body.Alias
		}
		if modules[name] != nil {
			return nil, wrong(list[n], "there are two modules %q", name)
		}
		if body.Kind != yaml.MappingNode {
			return nil, wrong(body, "module %q has no settings: it needs targets at least", name)
		}
		m := &module{name: name, line: list[n].Line}
		flags := m.flags()
		for k := 0; k < len(body.Content); k += 2 {
			if err := m.set(flags, filepath.Dir(file), body.Content[k].Value, body.Content[k+1]); err != nil {
				return nil, wrong(body.Content[k], "module %q: %w", name, err)
			}
		}
		if len(m.rules) == 0 {
			return nil, wrong(list[n], "module %q has no targets, and would refuse all; "+
				`an entry is a TARGET, a pattern such as "*.example.com:443", or a network such as 10.0.0.0/8`, name)
		}
		if m.names < 0 {
			return nil, wrong(list[n], "module %q: names is %d, less than none", name, m.names)
		}
		if m.try && len(m.hold.certs) == 0 {
			return nil, wrong(list[n], "module %q: try without cert", name)
		}
		modules[name] = m
	}
	if len(modules) == 0 {
		return nil, wrong(top, "it has no modules")
	}
	return modules, nil
}

// flags are the settings of a module: flags of "scan" by their names.
func (m *module) flags() *pflag.FlagSet {
	flags := pflag.NewFlagSet(m.name, pflag.ContinueOnError)
	m.connect.register(flags)
	m.hold.register(flags)
	m.chain.register(flags)
	flags.BoolVar(&m.try, "try", false, "present the certificates, too")
	flags.IntVar(&m.names, "names", 50, "a metric for each acceptable CA of lists up to this length")
	return flags
}

// set takes one setting over. What is a relative path begins where the file lies.
func (m *module) set(flags *pflag.FlagSet, folder, key string, value *yaml.Node) error {
	if value.Kind == yaml.AliasNode {
		value = value.Alias
	}
	var values []string
	switch value.Kind {
	case yaml.ScalarNode:
		values = []string{value.Value}
	case yaml.SequenceNode:
		for _, n := range value.Content {
			if n.Kind != yaml.ScalarNode {
				return fmt.Errorf("%s: the entries of the list are strings", key)
			}
			values = append(values, n.Value)
		}
	default:
		return fmt.Errorf("%s is a string or a list of strings", key)
	}
	if key == "targets" {
		for _, text := range values {
			r, err := parseRule(text)
			if err != nil {
				return err
			}
			m.rules = append(m.rules, r)
		}
		return nil
	}
	f := flags.Lookup(key)
	if f == nil {
		return fmt.Errorf("%q is not a setting; these are targets, names, try, and the flags of \"scan\" about the server, "+
			"certificates and judgement, without the dashes", key)
	}
	if flags.Changed(key) {
		return fmt.Errorf("%s is set twice: give a list", key)
	}
	if _, several := f.Value.(pflag.SliceValue); !several && len(values) != 1 {
		return fmt.Errorf("%s has one value, not %d", key, len(values))
	}
	for _, text := range values {
		text, err := located(folder, key, text)
		if err == nil {
			err = flags.Set(key, text)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

// located is a value whose relative paths begin at the folder.
func located(folder, key, text string) (string, error) {
	switch {
	case text == "" || text == "-":
		return "", fmt.Errorf("%q names no file and no value", text)
	case key == "pass":
		source, from := "", text
		if at := passwordForm(text); at > 0 {
			source, from = below(folder, text[:at])+"=", text[at+1:]
		}
		if !strings.HasPrefix(from, "env:") && !strings.HasPrefix(from, "file:") {
			return "", errors.New("give env:VAR or file:PATH, or SOURCE= and one of these: a password is not written here, " +
				"and a stream can be read once only")
		}
		return source + below(folder, from), nil
	case slices.Contains([]string{"cert", "key", "authorities", "cacert", "capath", "crl", "unix-socket"}, key):
		return below(folder, text), nil
	}
	return text, nil
}

// below is a relative path as it is from the folder. What has a scheme, such as pkcs11:, is no path;
// file: is one of a password.
func below(folder, text string) string {
	if file, ok := strings.CutPrefix(text, "file:"); ok {
		return "file:" + below(folder, file)
	}
	if scheme, _, found := strings.Cut(text, ":"); filepath.IsAbs(text) ||
		found && len(scheme) > 1 && !strings.ContainsAny(scheme, `./\`) {
		return text
	}
	return filepath.Join(folder, text)
}

func parseRule(text string) (rule, error) {
	wrong := func(err error) (rule, error) {
		return rule{}, fmt.Errorf(`targets: %q is neither a TARGET, nor a pattern such as "*.example.com:443", `+
			"nor a network such as 10.0.0.0/8: %w", text, err)
	}
	var r rule
	rest, found := strings.CutSuffix(text, ":*")
	r.anyPort = found
	scheme, place, found := strings.Cut(rest, "://")
	if !found {
		scheme, place = "", rest
	} else {
		scheme += "://"
	}
	if network, port, ok := cutNetwork(place); ok {
		r.network, rest = network, scheme+"network"+port
	}
	target, err := probe.ParseTarget(rest)
	if err != nil {
		return wrong(err)
	}
	if r.target = target; r.network.IsValid() {
		r.target.Host = ""
	}
	if _, err := path.Match(target.Host, ""); err != nil {
		return wrong(err)
	}
	if scheme == "" && strings.Contains(place, "/") && !r.network.IsValid() {
		return wrong(errors.New("a path needs its scheme, as in https://"))
	}
	if host := target.Host; host != "*" && strings.Contains(host, "*") && strings.Trim(host, "0123456789.*") == "" {
		return wrong(errors.New("a pattern is of names; for addresses give a network"))
	}
	if r.pattern() && (target.Path != "/" || target.User != "") {
		return wrong(errors.New("only a TARGET has a path or a user"))
	}
	return r, nil
}

// cutNetwork reads 10.0.0.0/8, 10.0.0.0/8:443, fd00::/8 and [fd00::/8]:443. A port keeps its colon.
func cutNetwork(s string) (network netip.Prefix, port string, ok bool) {
	prefix, err := netip.ParsePrefix(strings.Trim(s, "[]"))
	if at := strings.LastIndexByte(s, ':'); err != nil && at >= 0 {
		port = s[at:]
		prefix, err = netip.ParsePrefix(strings.Trim(s[:at], "[]"))
	}
	return prefix.Masked(), port, err == nil
}

// pattern reports whether a rule stands for several targets.
func (r *rule) pattern() bool {
	return r.anyPort || r.network.IsValid() || strings.Contains(r.target.Host, "*")
}

// allows reports whether a target is one of the module's.
func (m *module) allows(t probe.Target) bool {
	return slices.ContainsFunc(m.rules, func(r rule) bool { return r.allows(t) })
}

// allows reports whether a target is meant by the rule. A pattern means none with a path or a
// user: only the owner of the file decides about them.
func (r *rule) allows(t probe.Target) bool {
	spoken := t.Protocol == r.target.Protocol && t.StartTLS == r.target.StartTLS ||
		r.anyPort && r.target.Guessed && t.Guessed // then the port decides
	if !spoken || !r.anyPort && t.Port != r.target.Port {
		return false
	}
	if !r.pattern() {
		return strings.EqualFold(t.Host, r.target.Host) && t.Path == r.target.Path && t.User == r.target.User
	}
	if t.Path != "/" || t.User != "" {
		return false
	}
	if r.network.IsValid() {
		address, err := netip.ParseAddr(t.Host)
		return err == nil && address.Zone() == "" && r.network.Contains(address.Unmap())
	}
	if _, err := netip.ParseAddr(t.Host); err == nil && r.target.Host != "*" { // whose zone may be any text
		return false
	}
	matched, err := path.Match(strings.ToLower(r.target.Host), strings.ToLower(t.Host))
	return err == nil && matched && !strings.Contains(t.Host, "%")
}
