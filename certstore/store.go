package certstore

import (
	"errors"
	"fmt"

	"mtlsprobe/certstore/platform"
)

// store reads a store of the operating system. Of the certificates there, those
// count whose key the store has.
func (c *contents) store(name string) error {
	found, err := platform.Open(name)
	if err != nil {
		return err
	}
	c.container = &Container{Format: "store of the operating system", Keys: true,
		Readers: []string{"the programs that use the system's own TLS: browsers, PowerShell, Safari; curl only where it " +
			"is built on that"}}
	c.friendly, c.certIDs, c.keyIDs = make(map[string]string), make(map[string]string), make(map[string]bool)
	for n, i := range found {
		c.addCert(i.DER, quote(i.Label))
		c.friendly[string(i.DER)] = i.Label
		part := fmt.Sprintf("certificate %q without a key", i.Label)
		if i.HasKey {
			id := fmt.Sprint(n)
			c.certIDs[string(i.DER)], c.keyIDs[id] = id, true
			part = fmt.Sprintf("certificate %q with a key that stays in the store", i.Label)
		}
		c.container.Parts = append(c.container.Parts, part)
		switch {
		case i.Signer != nil:
			c.keys = append(c.keys, i.Signer)
		case i.HasKey:
			c.locked = append(c.locked, fmt.Sprintf("%q in the store: %v", i.Label, i.Err))
		}
	}
	if c.empty() {
		return errors.New("contains no certificate")
	}
	return nil
}
