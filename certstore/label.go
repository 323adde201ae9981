package certstore

import (
	"crypto/x509"
	"fmt"
	"path/filepath"
	"strconv"
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

// labelled is what the n-th of the identities in a file is called: by its own name
// there if it alone has that, else by a number.
func (c *contents) labelled(n int, leaves []*x509.Certificate) string {
	if len(leaves) == 1 {
		return c.file.name()
	}
	own, others := c.friendly[string(leaves[n].Raw)], 0
	for _, leaf := range leaves {
		if c.friendly[string(leaf.Raw)] == own {
			others++
		}
	}
	if own == "" || others > 1 {
		own = strconv.Itoa(n + 1)
	}
	return c.file.name() + "#" + clip(own)
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
