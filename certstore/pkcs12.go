package certstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

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
	all, _ := o.passwords(c.file)
	all = slices.Concat(all, o.typed)
	work := int64(0)
	if file, err := pfx.Parse(data); err == nil {
		work = file.Work()
	}
	err := o.unlock(ctx, c.file, "", work, func(given string) (err error) {
		password = given
		if file, err = pfx.Open(data, given); errors.Is(err, pfx.ErrPassword) {
			return errWrongPassword
		}
		if err != nil {
			return damaged(err)
		}
		return nil
	})
	locked := errors.Is(err, errWrongPassword)
	if locked {
		if file = o.salvage(data, work, all); file != nil {
			locked, err = false, nil
			c.problem("", errors.New("the password opens parts of it, and its integrity check fails: the file was changed or "+
				"damaged after it was made, or the check has a password of its own; programs refuse it so, export it again"))
		}
	}
	if locked {
		if file, err = pfx.Parse(data); err != nil {
			return damaged(err)
		}
	}
	if err != nil {
		return err
	}
	if !locked && !file.Altered {
		file = o.pkcs12Parts(ctx, c.file, file, all, func(passwords []string) (*pfx.File, error) {
			return pfx.Open(data, password, passwords...)
		})
	}
	if file.Trailing > 0 {
		c.problem("", fmt.Errorf("%d bytes after the end of the file were not read; some programs refuse it for them",
			file.Trailing))
	}
	why := o.whyLocked(c.file)
	if file.Altered {
		why = "it is damaged: the password opens other parts of the file"
	}
	c.bags(file, why)
	c.names(file)
	c.container = describePFX(file, c.certs)
	if locked && !file.Unprotected && len(c.certs)+len(c.keys) > 0 { // in clear, and nobody can vouch for it
		unfit := errors.New("its integrity check was not passed: " + o.whyLocked(c.file) + ", or the file was changed")
		c.closed = append(c.closed, c.problem("", unfit))
		c.container.Readers = nil
	}
	switch {
	case locked && len(c.certs) == 0:
		c.sealed = "PKCS#12: " + o.whyLocked(c.file)
	case !locked && !file.Altered && o.options.Readers:
		c.container.Readers = append(c.container.Readers, readByGo(data, password))
	}
	if !locked && strings.ContainsFunc(password, func(r rune) bool { return r >= utf8.RuneSelf }) {
		unreadable := Obstacle{Readers: []Reader{JavaReader}, Why: "its password is not in ASCII"}
		c.container.Obstacles = append(c.container.Obstacles, unreadable)
		c.container.Readers = append(c.container.Readers, unreadable.String())
	}
	if c.empty() && len(c.problems) > 0 {
		return fmt.Errorf("is a PKCS#12 file that contains nothing usable: %w", errors.Unwrap(c.problems[0]))
	}
	return nil
}

// salvage reads a file whose MAC fits no password, if one of them opens parts of it;
// nil where none does.
func (o *opener) salvage(data []byte, work int64, passwords []string) *pfx.File {
	for _, password := range passwords {
		if o.afford(work) != nil {
			return nil
		}
		if file, err := pfx.Salvage(data, password); err == nil {
			return file
		}
	}
	return nil
}

// pkcs12Parts opens parts that have a password of their own: with all that are known,
// and then with what somebody is asked for.
func (o *opener) pkcs12Parts(ctx context.Context, f *file, opened *pfx.File, passwords []string,
	open func(passwords []string) (*pfx.File, error)) *pfx.File {
	sealed := func(file *pfx.File) int {
		count := 0
		for _, b := range file.Bags {
			if errors.Is(b.Err, pfx.ErrPassword) {
				count++
			}
		}
		return count
	}
	try := func(passwords []string) error {
		again, err := open(passwords)
		if err != nil || sealed(again) >= sealed(opened) {
			return errWrongPassword
		}
		opened = again
		return nil
	}
	if sealed(opened) > 0 && o.afford(opened.Work()*int64(len(passwords))) == nil {
		_ = try(passwords) // what stays closed is told
	}
	for o.asking && sealed(opened) > 0 {
		err := o.unlock(ctx, f, "a part with a password of its own", opened.Work(), func(more string) error {
			return try(append(slices.Clone(passwords), more))
		})
		if err != nil {
			break // nobody knows it: the part stays closed
		}
	}
	return opened
}

// bags takes certificates and keys; what is of no use does not cost the others.
// What is sealed is so for the reason why.
func (c *contents) bags(file *pfx.File, why string) {
	c.keyNames = make(map[string]string)
	for n, b := range file.Bags {
		place := fmt.Sprintf("bag %d, %s", n+1, b.Kind)
		err := b.Err
		if errors.Is(err, pfx.ErrPassword) || err == nil && b.DER == nil {
			err = errors.New(why)
		}
		switch {
		case err != nil && b.Kind == pfx.KeyBag:
			c.lockKey(file, b, fmt.Sprintf("%s in %s: %v", place, quote(c.file.path), err))
		case err != nil && b.Kind == pfx.Sealed && b.Err == nil: // nothing was to be opened
			c.closed = append(c.closed, fmt.Errorf("%s: %w", place, err))
		case err != nil:
			c.problem(place, err)
			if b.Kind == pfx.Sealed {
				c.closed = append(c.closed, fmt.Errorf("%s: %w", place, err))
			}
		case b.Kind == pfx.CertBag:
			c.addCert(b.DER, place)
		case b.Kind == pfx.KeyBag:
			key, err := parseKey(b.DER)
			if err != nil {
				c.noKey(place, err)
				continue
			}
			c.take(key, KeyForm{})
			if b.FriendlyName != "" {
				c.keyNames[keyID(key.Public())] = b.FriendlyName
			}
		}
	}
}

// lockKey notes a key that was not opened, and whose it is as far as its local key
// ID tells.
func (c *contents) lockKey(file *pfx.File, key pfx.Bag, why string) {
	c.locked = append(c.locked, why)
	for _, b := range file.Bags {
		if b.Kind == pfx.CertBag && b.DER != nil && len(key.LocalKeyID) > 0 &&
			string(b.LocalKeyID) == string(key.LocalKeyID) {
			if c.lockedOf == nil {
				c.lockedOf = make(map[string]string)
			}
			c.lockedOf[string(b.DER)] = why
		}
	}
}

// names remembers the friendly names of certificates: their own, or that of the
// key with the same local key ID.
func (c *contents) names(file *pfx.File) {
	c.friendly = make(map[string]string)
	byID := make(map[string]string)
	for _, b := range file.Bags {
		if b.Kind == pfx.KeyBag && len(b.LocalKeyID) > 0 {
			byID[string(b.LocalKeyID)] = b.FriendlyName
		}
	}
	for _, b := range file.Bags {
		if b.Kind != pfx.CertBag || b.DER == nil || c.friendly[string(b.DER)] != "" {
			continue
		}
		if name := cmp.Or(b.FriendlyName, byID[string(b.LocalKeyID)]); name != "" {
			c.friendly[string(b.DER)] = name
		}
	}
}
