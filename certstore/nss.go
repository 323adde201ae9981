package certstore

import (
	"context"
	"errors"
	"fmt"

	"mtlsprobe/certstore/nss"
)

// nss reads one of the two files of a database of NSS. Which certificate has a key
// the database tells by its own IDs, so that this is known of locked keys, too.
func (o *opener) nss(ctx context.Context, c *contents, data []byte) error {
	var db *nss.Contents
	err := o.unlock(ctx, c.file, "", 0, func(password string) error {
		var err error
		if db, err = nss.Parse(data, password); db != nil && o.afford(db.Work) != nil {
			return errSpent
		}
		if errors.Is(err, nss.ErrPassword) && len(db.Keys) > 0 {
			return errWrongPassword
		}
		if errors.Is(err, nss.ErrPassword) {
			return nil // nothing is there to be opened
		}
		return err
	})
	locked := errors.Is(err, errWrongPassword)
	if err != nil && !locked {
		return err
	}
	c.container = &Container{Format: "NSS database", Keys: true, Folder: true,
		Readers: []string{"Firefox, Chromium on Linux and what is built on NSS read it; for others: pk12util -o"}}
	c.certIDs, c.keyIDs, c.friendly = make(map[string]string), make(map[string]bool), make(map[string]string)
	for _, cert := range db.Certificates {
		c.addCert(cert.DER, quote(cert.Nickname))
		c.friendly[string(cert.DER)] = cert.Nickname
		c.container.Parts = append(c.container.Parts, fmt.Sprintf("certificate %q: not encrypted", cert.Nickname))
		if len(cert.ID) > 0 {
			c.certIDs[string(cert.DER)] = string(cert.ID)
		}
	}
	for _, key := range db.Keys {
		c.container.Parts = append(c.container.Parts,
			fmt.Sprintf("private key %s: encrypted with %s", key.Algorithm, db.Encryption))
		c.keyIDs[string(key.ID)] = true
		switch {
		case locked:
			c.locked = append(c.locked, fmt.Sprintf("NSS: the key in %s: %s", quote(c.file.path), o.whyLocked(c.file)))
		case key.Err != nil:
			c.problem("a private key", key.Err)
		default:
			c.take(key.Private, KeyForm{Protection: db.Encryption})
		}
	}
	c.problems = append(c.problems, db.Problems...)
	return nil
}
