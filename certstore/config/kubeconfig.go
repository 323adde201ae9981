package config

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A kubeconfig is what is read of a client configuration of Kubernetes
// (kubernetes.io, kubeconfig (v1), of which the fields' names are).
type kubeconfig struct {
	current  string
	clusters []kubeEntry
	contexts []kubeEntry
	users    []kubeEntry
}

// A kubeEntry is one of the named lists' entries, and what lies below.
type kubeEntry struct {
	name   string
	body   *yaml.Node
	values *valueReader // of its file
}

// readKubeconfig returns nil for a text that is none.
func readKubeconfig(t *Text, text string) *Config {
	customary := filepath.Base(t.Name) == "kubeconfig"
	has := func(field string) bool { return strings.Contains(text, field) }
	if !customary && (!has("users") || !has("clusters") && !has("contexts") && !has("client-certificate")) {
		return nil // before it is parsed
	}
	c := &Config{}
	k, err := c.kubeconfig(text)
	switch {
	case err != nil && !customary && !has("current-context") && !errors.Is(err, errAliases):
		return nil
	case err != nil:
		c.Problems = append(c.Problems, err)
	case k != nil:
		c.addUsers(newValueReader(t, format{name: "kubeconfig"}.dialect(), newDocument()), k)
	case !customary:
		return nil
	}
	return c
}

// kubeconfig parses one; nil for what is none.
func (c *Config) kubeconfig(text string) (*kubeconfig, error) {
	roots, err := readTrees(text)
	if err != nil || len(roots) == 0 {
		return nil, err
	}
	k := &kubeconfig{
		current:  c.text(roots[0], "current-context"),
		clusters: c.entries(roots[0], "clusters", "cluster"),
		contexts: c.entries(roots[0], "contexts", "context"),
		users:    c.entries(roots[0], "users", "user"),
	}
	if kind := c.text(roots[0], "kind"); kind != "" && kind != "Config" || len(k.users) == 0 && len(k.contexts) == 0 {
		return nil, nil
	}
	return k, nil
}

// A Context is one of a kubeconfig: a cluster, and the identity that it is used with.
type Context struct {
	Name string
	// Current says that kubectl takes it where no other is named.
	Current bool
	// Server is a URL. ServerName is the name to verify it by, where that is not the URL's,
	// and Proxy the URL of a proxy; both are empty for most.
	Server, ServerName, Proxy string
	// Unverified says that kubectl does not verify the server.
	Unverified bool
	// File is the name of the text that has the user, or else the context.
	File string
	// Identity is the user's; its authorities are the cluster's.
	Identity Reference
	// Err says what is wrong with its user or cluster; nil for most.
	Err error
}

// Contexts returns those of kubeconfigs that are one: of each name the first counts, as for
// kubectl (kubernetes.io, "Organizing Cluster Access Using kubeconfig Files"). A context whose
// user or cluster is damaged has an Err.
func Contexts(texts ...*Text) ([]Context, error) {
	all := &kubeconfig{}
	for _, t := range texts {
		c := &Config{}
		k, err := c.kubeconfig(strings.TrimPrefix(string(t.Data), "\ufeff"))
		if err != nil {
			return nil, fmt.Errorf("%q: %w", t.Name, err)
		}
		if k == nil {
			continue // one that has nothing yet
		}
		values := newValueReader(t, format{name: "kubeconfig"}.dialect(), newDocument())
		for _, list := range [][]kubeEntry{k.clusters, k.contexts, k.users} {
			for n := range list {
				list[n].values = values
			}
		}
		all.current = cmp.Or(all.current, k.current)
		all.clusters, all.contexts = append(all.clusters, k.clusters...), append(all.contexts, k.contexts...)
		all.users = append(all.users, k.users...)
	}
	var list []Context
	seen := make(map[string]bool)
	for _, entry := range all.contexts[:min(len(all.contexts), maxReferences)] {
		if !seen[entry.name] {
			seen[entry.name] = true
			list = append(list, all.context(entry))
		}
	}
	return list, nil
}

// context is one with its cluster and user.
func (k *kubeconfig) context(entry kubeEntry) Context {
	c := &Config{} // for what is wrong with these alone
	out := Context{Name: entry.name, Current: entry.name == k.current, File: entry.values.t.Name}
	user, cluster := c.text(entry.body, "user"), c.text(entry.body, "cluster")
	named := func(list []kubeEntry, name string) []kubeEntry {
		if n := slices.IndexFunc(list, func(e kubeEntry) bool { return e.name == name }); n >= 0 {
			return list[n : n+1]
		}
		return nil
	}
	one := &kubeconfig{users: named(k.users, user), clusters: named(k.clusters, cluster)}
	out.Identity = c.userReferences(one)[user]
	for _, found := range one.users {
		out.File = found.values.t.Name
		c.locate(found.values, &out.Identity, Reference{})
	}
	var of Reference
	for _, found := range one.clusters {
		out.Server, out.ServerName = c.text(found.body, "server"), c.text(found.body, "tls-server-name")
		out.Proxy = c.text(found.body, "proxy-url")
		out.Unverified = c.text(found.body, "insecure-skip-tls-verify") == "true"
		of = c.clusterReferences(one)[cluster]
		if of.Authorities != "" {
			of.Authorities, _ = found.values.file(&setting{value: of.Authorities, literal: true})
		}
	}
	out.Identity.Name, out.Identity.Authorities, out.Identity.AuthoritiesData = entry.name, of.Authorities,
		of.AuthoritiesData
	switch {
	case len(c.Problems) > 0:
		out.Err = c.Problems[0]
	case user != "" && one.users == nil:
		out.Err = fmt.Errorf("the context %q names the user %q, which is not there", Clip(entry.name), Clip(user))
	case one.clusters == nil:
		out.Err = fmt.Errorf("the context %q names the cluster %q, which is not there", Clip(entry.name), Clip(cluster))
	}
	return out
}

// locate finds the files of a user at a cluster.
func (c *Config) locate(values *valueReader, r *Reference, cluster Reference) {
	r.Authorities, r.AuthoritiesData = cluster.Authorities, cluster.AuthoritiesData
	for _, path := range []*string{&r.Certificate, &r.Key, &r.Authorities} {
		if *path != "" {
			*path, _ = values.file(&setting{value: *path, literal: true})
		}
	}
}

// The nodes are read by hand: decoding them into structs takes quadratic time for a
// mapping of many keys.

// field returns the value of a mapping's first key of that name, or nil.
func (c *Config) field(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Tag == "!!null" {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		c.wrongKind(n, "a mapping")
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != key {
			continue
		}
		value := n.Content[i+1]
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		return value
	}
	return nil
}

// text returns a field that is a text, or "".
func (c *Config) text(n *yaml.Node, key string) string {
	value := c.field(n, key)
	if value == nil || value.Tag == "!!null" {
		return ""
	}
	if value.Kind != yaml.ScalarNode {
		c.wrongKind(value, "a text")
		return ""
	}
	return value.Value
}

// entries returns those of a list of pairs of a name and a body.
func (c *Config) entries(top *yaml.Node, list, body string) []kubeEntry {
	value := c.field(top, list)
	if value == nil || value.Tag == "!!null" {
		return nil
	}
	if value.Kind != yaml.SequenceNode {
		c.wrongKind(value, "a list")
		return nil
	}
	var entries []kubeEntry
	for _, n := range value.Content {
		if n.Kind == yaml.AliasNode {
			n = n.Alias
		}
		entries = append(entries, kubeEntry{name: c.text(n, "name"), body: c.field(n, body)})
	}
	return entries
}

// wrongKind says where, for the value may be a secret.
func (c *Config) wrongKind(n *yaml.Node, want string) {
	err := fmt.Errorf("line %d: %s is expected", n.Line, want)
	if last := len(c.Problems) - 1; last < 0 || c.Problems[last].Error() != err.Error() {
		c.Problems = append(c.Problems, err)
	}
}

// A kubePair is a user with the cluster it is used at.
type kubePair struct{ user, cluster string }

// addUsers adds a reference for each user at each cluster, named after the
// contexts, and for each user without a context.
func (c *Config) addUsers(values *valueReader, k *kubeconfig) {
	users, clusters := c.userReferences(k), c.clusterReferences(k)
	var order []kubePair
	contexts := make(map[kubePair][]string)
	used := make(map[string]bool)
	for _, context := range k.contexts {
		p := kubePair{c.text(context.body, "user"), c.text(context.body, "cluster")}
		if p.user == "" { // without an identity
			continue
		}
		if contexts[p] == nil {
			order = append(order, p)
		}
		contexts[p] = append(contexts[p], context.name)
		used[p.user] = true
	}
	for _, user := range k.users {
		if !used[user.name] {
			used[user.name] = true
			order = append(order, kubePair{user: user.name})
		}
	}
	for _, p := range order {
		r, known := users[p.user]
		if !known {
			c.Problems = append(c.Problems, fmt.Errorf("the context %q names the user %q, which is not there", few(contexts[p]),
				p.user))
			continue
		}
		r.Name = p.user
		if names := contexts[p]; names != nil {
			r.Name = few(names)
		}
		c.locate(values, &r, clusters[p.cluster])
		c.References = append(c.References, r)
	}
}

// few names the first contexts, and how many more there are.
func few(names []string) string {
	const most = 3
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// userReferences returns what each user brings, by name; as in client-go the first
// of a name counts, and data goes before a file.
func (c *Config) userReferences(k *kubeconfig) map[string]Reference {
	references := make(map[string]Reference)
	for _, u := range k.users {
		if _, twice := references[u.name]; twice {
			continue
		}
		r := Reference{Certificate: c.text(u.body, "client-certificate"), Key: c.text(u.body, "client-key")}
		what := fmt.Sprintf("the user %q", u.name)
		if data := c.text(u.body, "client-certificate-data"); data != "" {
			r.Certificate, r.CertificateData = "", c.decode(what, "client-certificate-data", data)
		}
		if data := c.text(u.body, "client-key-data"); data != "" {
			r.Key, r.KeyData = "", c.decode(what, "client-key-data", data)
		}
		exec, provider := c.field(u.body, "exec"), c.field(u.body, "auth-provider")
		switch {
		case exec != nil:
			r.addNote("exec plugin %q brings the certificate at run time: it is named, not run", c.text(exec, "command"))
		case provider != nil:
			r.addNote("the auth provider %q authenticates it", c.text(provider, "name"))
		case !r.namesIdentity() && c.text(u.body, "token")+c.text(u.body, "tokenFile") != "":
			r.addNote("a token authenticates it, not a certificate")
		}
		references[u.name] = r
	}
	return references
}

// clusterReferences returns what each cluster is verified by.
func (c *Config) clusterReferences(k *kubeconfig) map[string]Reference {
	references := make(map[string]Reference)
	for _, cluster := range k.clusters {
		if _, twice := references[cluster.name]; twice {
			continue
		}
		r := Reference{Authorities: c.text(cluster.body, "certificate-authority")}
		if data := c.text(cluster.body, "certificate-authority-data"); data != "" {
			r.Authorities, r.AuthoritiesData = "", c.decode(fmt.Sprintf("the cluster %q", cluster.name),
				"certificate-authority-data", data)
		}
		references[cluster.name] = r
	}
	return references
}

func (c *Config) decode(what, field, value string) []byte {
	data, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value))
	if err != nil {
		c.Problems = append(c.Problems, fmt.Errorf("%s: %s is not base64", what, field))
		return nil
	}
	return slices.Clip(data)
}
