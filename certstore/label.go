package certstore

import (
	"crypto/x509"
	"fmt"
	"path/filepath"
	"strconv"

	"mtlsprobe/certstore/config"
)

// name is what an identity that is alone in a file is called.
func (f *file) name() string {
	switch {
	case f.token != nil:
		if label, ok := f.token.Path("token"); ok {
			return "token " + label
		}
		return "token"
	case f.label != "":
		return f.label
	}
	return filepath.Base(f.path)
}

// labels are what the identities in a file are called: each by its own name there if
// it alone has that, else by a number.
func (c *contents) labels(leaves []*x509.Certificate) []string {
	name := c.file.name()
	if len(leaves) == 1 {
		return []string{name}
	}
	having := make(map[string]int)
	for _, leaf := range leaves {
		having[c.friendly[string(leaf.Raw)]]++
	}
	labels := make([]string, len(leaves))
	for n, leaf := range leaves {
		own := c.friendly[string(leaf.Raw)]
		if own == "" || having[own] > 1 {
			own = strconv.Itoa(n + 1)
		}
		labels[n] = name + "#" + config.Clip(own)
	}
	return labels
}

// uniqueLabels adds the folder to labels that occur more than once, and a
// number where that is not enough.
func uniqueLabels(identities []*Identity) {
	count := make(map[string]int)
	for _, i := range identities {
		count[i.Label]++
	}
	taken, next := make(map[string]bool), make(map[string]int)
	for _, i := range identities {
		name := i.Label
		if count[name] > 1 {
			name = filepath.Join(filepath.Base(filepath.Dir(i.Source)), name)
		}
		i.Label = name
		for taken[i.Label] {
			next[name]++
			i.Label = fmt.Sprintf("%s (%d)", name, next[name]+1)
		}
		taken[i.Label] = true
	}
}
