package certstore

import (
	"context"
	"errors"
	"fmt"

	"mtlsprobe/certstore/token"
)

// token reads what a PKCS#11 URI names. A PIN is tried once: a wrong one counts.
func (o *opener) token(ctx context.Context, c *contents) error {
	found, err := token.Open(o.lasting, c.file.token, func(_ context.Context, t token.Info) (string, error) {
		return o.pin(ctx, c.file, t)
	})
	if err != nil {
		return err
	}
	o.closers = append(o.closers, found.Close) // tokens are opened one by one
	c.container = &Container{Format: "PKCS#11 token", Keys: true,
		Readers: []string{"clients that accept pkcs11: URIs or the token's module: curl and wget with an engine or " +
			"provider, Firefox, Chromium, Java (SunPKCS11), stunnel, OpenVPN"}}
	c.friendly = make(map[string]string)
	c.problems = append(c.problems, found.Problems...)
	for _, t := range found.Tokens {
		c.container.Parts = append(c.container.Parts, t.String())
		c.problems = append(c.problems, t.Problems...)
		for _, cert := range t.Certificates {
			c.addCert(cert.DER, quote(cert.Label))
			c.friendly[string(cert.DER)] = cert.Label
			c.container.Parts = append(c.container.Parts, fmt.Sprintf("certificate %q, ID %x", cert.Label, cert.ID))
		}
		for _, key := range t.Keys {
			c.keys = append(c.keys, key.Signer)
			c.container.Parts = append(c.container.Parts,
				fmt.Sprintf("private key %q, ID %x, which stays in the token", key.Label, key.ID))
		}
		if t.Locked != "" {
			c.locked = append(c.locked, fmt.Sprintf("%s: %s", t, t.Locked))
			c.container.Parts = append(c.container.Parts, "private objects: "+t.Locked)
		}
	}
	if c.empty() {
		return errors.New("names no certificate and no key on any token")
	}
	return nil
}

// pin is the first password that was given for the token, or what the prompt
// brings, once.
func (o *opener) pin(ctx context.Context, f *file, t token.Info) (string, error) {
	if passwords, _ := o.passwords(f); len(passwords) > 1 {
		return passwords[0], nil
	}
	if o.options.Prompt == nil {
		return "", token.ErrNoPIN
	}
	pin, err := o.options.Prompt(ctx, t.String(), 1)
	if errors.Is(err, ErrNoPassword) {
		err = token.ErrNoPIN
	}
	return pin, err
}
