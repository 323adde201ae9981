package certstore

import (
	"context"
	"errors"
	"fmt"

	"mtlsprobe/certstore/pfx"
)

// isPKCS12 sees the start of a PFX: SEQUENCE { INTEGER 3, … (RFC 7292,
// Section 4). The end may be cut off, or be in BER.
func isPKCS12(data []byte) bool {
	return len(data) > 16 && data[0] == 0x30 && indexOf(data[:16], []byte{0x02, 0x01, 0x03, 0x30}) > 0
}

func indexOf(data, part []byte) int {
	for i := 0; i+len(part) <= len(data); i++ {
		if string(data[i:i+len(part)]) == string(part) {
			return i
		}
	}
	return -1
}

// pkcs12 reads a PFX to its last bag. Which certificate is the leaf is not decided
// here: it is the one that the key belongs to, not the first one.
func (o *opener) pkcs12(ctx context.Context, c *contents, data []byte) error {
	damaged := func(err error) error { return fmt.Errorf("is a PKCS#12 file that cannot be read: %w", err) }
	var file *pfx.File
	var password string
	err := o.unlock(ctx, c.file, func(given string) (err error) {
		password = given
		if file, err = pfx.Open(data, given); errors.Is(err, pfx.ErrPassword) {
			return errWrongPassword
		}
		if err != nil {
			return damaged(err)
		}
		return nil
	})
	if errors.Is(err, errWrongPassword) {
		if file, err = pfx.Parse(data); err != nil {
			return damaged(err)
		}
		c.container = describePFX(file, nil)
		c.sealed = "PKCS#12: " + o.whyLocked(c.file)
		return nil
	}
	if err != nil {
		return err
	}
	c.bags(file)
	c.names(file)
	c.container = describePFX(file, c.certs)
	if o.options.Readers {
		c.container.Readers = append(c.container.Readers, readByGo(data, password))
	}
	if c.empty() && len(c.problems) > 0 {
		return fmt.Errorf("is a PKCS#12 file that holds nothing usable: %w", errors.Unwrap(c.problems[0]))
	}
	return nil
}

// bags takes certificates and keys; what is of no use does not cost the others.
func (c *contents) bags(file *pfx.File) {
	for n, b := range file.Bags {
		place := fmt.Sprintf("bag %d, %s", n+1, b.Kind)
		switch {
		case b.Err != nil && b.Kind == pfx.KeyBag:
			c.locked = append(c.locked, fmt.Sprintf("%s in %s: %v", place, quote(c.file.path), b.Err))
		case b.Err != nil:
			c.problem(place, b.Err)
		case b.Kind == pfx.CertBag:
			c.addCert(b.DER, place)
		case b.Kind == pfx.KeyBag:
			key, err := parseKey(b.DER)
			if err != nil {
				c.noKey(place, err)
				continue
			}
			c.keys = append(c.keys, key)
		}
	}
}

// names remembers the friendly names, of certificates and, by the local key ID,
// of the keys that belong to them.
func (c *contents) names(file *pfx.File) {
	c.friendly = make(map[string]string)
	keyName := ""
	for _, b := range file.Bags {
		if b.FriendlyName == "" {
			continue
		}
		switch b.Kind {
		case pfx.CertBag:
			c.friendly[string(b.DER)] = b.FriendlyName
		case pfx.KeyBag:
			keyName = b.FriendlyName
		}
	}
	if len(c.keys) == 1 {
		c.keyName = keyName
	}
}
