package certstore

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"mtlsprobe/certstore/pfx"

	"software.sslmate.com/src/go-pkcs12"
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

// pkcs12 reads a PFX. Which certificate is the leaf is not decided here: it is
// the one that the key belongs to, not the first one.
func (o *opener) pkcs12(ctx context.Context, c *contents, data []byte) error {
	file, err := pfx.Parse(data)
	if err != nil {
		return fmt.Errorf("is a PKCS#12 file that cannot be read: %w", err)
	}
	c.container = describePFX(file)
	err = o.unlock(ctx, c.file, func(password string) error {
		if c.library(ctx, data, password) == nil {
			c.names(file)
			return nil
		}
		opened, err := pfx.Open(data, password)
		if errors.Is(err, pfx.ErrPassword) {
			return errWrongPassword
		}
		if err != nil {
			return fmt.Errorf("is a PKCS#12 file that cannot be read: %w", err)
		}
		c.bags(opened)
		c.names(opened)
		return nil
	})
	if errors.Is(err, errWrongPassword) {
		c.sealed = "PKCS#12: " + o.whyLocked(c.file)
		return nil
	}
	if err == nil && c.empty() && len(c.problems) > 0 {
		return fmt.Errorf("is a PKCS#12 file that holds nothing usable: %w", errors.Unwrap(c.problems[0]))
	}
	return err
}

// libraryTimeout bounds go-pkcs12, which knows no limit on the iterations that
// a file hides under its encryption.
const libraryTimeout = 15 * time.Second

// library reads what go-pkcs12 reads: one key with its chain, in DER.
func (c *contents) library(ctx context.Context, data []byte, password string) error {
	type result struct {
		key   any
		certs []*x509.Certificate
		err   error
	}
	ctx, cancel := context.WithTimeout(ctx, libraryTimeout)
	defer cancel()
	done := make(chan result, 1)
	go func() {
		key, leaf, chain, err := pkcs12.DecodeChain(data, password)
		done <- result{key, append([]*x509.Certificate{leaf}, chain...), err}
	}()
	var r result
	select {
	case r = <-done:
	case <-ctx.Done():
		return ctx.Err()
	}
	if r.err != nil {
		return r.err
	}
	signer, ok := r.key.(crypto.Signer)
	if !ok {
		return fmt.Errorf("a key of type %T, which cannot sign", r.key)
	}
	for _, cert := range r.certs {
		c.hold(cert, "")
	}
	c.keys = append(c.keys, signer)
	return nil
}

// bags takes over where go-pkcs12 stops: several keys, none, or one that is of
// no use beside good ones.
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
				c.problem(place, err)
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

// A Container says what a file with identities is made of.
type Container struct {
	// Format is its kind, as in "PKCS#12".
	Format string
	// Integrity says how it is protected against change.
	Integrity string
	// Parts say, for each bag or entry, what it is and how it is encrypted.
	Parts []string
	// Readers say which programs read it, and which do not.
	Readers []string
}

// describePFX words the structure of a file. The programs are judged by what
// their documentation and sources say: OpenSSL 3 has RC2, RC4 and DES only in its
// legacy provider; Java reads PBES2 and HMAC-SHA-256 from 8u301 on (JDK-8076190);
// Windows reads AES from 10 1709 and Server 2019 on; of macOS only that old
// versions did not is known here.
func describePFX(file *pfx.File) *Container {
	c := &Container{Format: "PKCS#12", Integrity: file.Integrity}
	if file.BER {
		c.Format += " in BER"
	}
	legacy, modern := false, false
	for _, b := range file.Bags {
		text := string(b.Kind)
		if b.FriendlyName != "" {
			text = fmt.Sprintf("%s %q", text, b.FriendlyName)
		}
		if b.Encryption != "" {
			text += ", " + b.Encryption
			if b.Encryption[:5] == "PBES2" {
				modern = true
			}
		} else {
			text += ", not encrypted"
		}
		legacy = legacy || weakForOpenSSL3(b.Encryption)
		c.Parts = append(c.Parts, text)
	}
	if legacy {
		c.Readers = append(c.Readers, "OpenSSL 3 reads it only with -legacy (RC2, RC4 or DES)")
	} else {
		c.Readers = append(c.Readers, "OpenSSL 3 reads it")
	}
	if modern {
		c.Readers = append(c.Readers, "Java before 8u301, and Windows before 10 1709 and Server 2019, do not read it (AES); older macOS may not")
	} else {
		c.Readers = append(c.Readers, "old Java and Windows read it, too")
	}
	if file.BER {
		c.Readers = append(c.Readers, "programs that insist on DER, such as Go's, do not read it")
	}
	return c
}

// weakForOpenSSL3 reports whether an encryption is one that OpenSSL 3 has moved
// to its legacy provider.
func weakForOpenSSL3(encryption string) bool {
	for _, old := range []string{"RC2", "RC4", " DES", "MD5"} {
		if indexOf([]byte(encryption), []byte(old)) >= 0 {
			return true
		}
	}
	return false
}
