package certstore

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"mtlsprobe/certstore/config"
	"mtlsprobe/certstore/pbe"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

var pemBegin = []byte("-----BEGIN ")

// pem reads every block of a PEM file. Text between the blocks is allowed
// (RFC 7468, Section 2); a block that cannot be decoded is a problem that names
// its line, where encoding/pem would skip it in silence.
func (o *opener) pem(ctx context.Context, c *contents, data []byte) error {
	c.ordered, c.kind = true, PEMKind
	var other []string
	var odd []Obstacle
	if !bytes.Contains(data, []byte("\n")) && bytes.Contains(data, []byte("\r")) {
		data = bytes.ReplaceAll(data, []byte("\r"), []byte("\n"))
		odd = append(odd, Obstacle{Readers: lineEnd, Why: "its lines end in CR alone: write it with LF"})
	}
	decoded := false // a block
	line, counted := 1, 0
	for start := bytes.Index(data, pemBegin); start >= 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		line += bytes.Count(data[counted:start], []byte("\n"))
		counted = start
		end := len(data)
		if next := bytes.Index(data[start+1:], pemBegin); next >= 0 {
			end = start + 1 + next
		}
		block, _ := pem.Decode(data[start:end])
		joined := false
		if block == nil {
			block, _ = pem.Decode(separateEnd(data[start:end]))
			joined = block != nil
		}
		if block != nil {
			odd = append(odd, oddities(data, start, end, line, block, joined, !decoded)...)
			decoded = true
		}
		if block == nil {
			c.problem(fmt.Sprintf("line %d", line), damagedPEM(data[start:end], line))
		} else if err := o.block(ctx, c, block, fmt.Sprintf("line %d", line)); errors.Is(err, errOtherBlock) {
			other = append(other, strings.ToLower(block.Type))
		} else if err != nil {
			return err
		}
		if end == len(data) {
			break
		}
		start = end
	}
	c.obstacles(odd)
	switch {
	case !c.empty():
		return nil
	case len(c.problems) > 0:
		return fmt.Errorf("contains nothing usable: %w", errors.Unwrap(c.problems[0]))
	default:
		return fmt.Errorf("contains neither certificate nor key, but: %s", strings.Join(other, ", "))
	}
}

// damagedPEM says what is wrong with a block, which begins at a line of the file and
// which encoding/pem does not read.
func damagedPEM(block []byte, number int) error {
	first, rest, _ := bytes.Cut(block, []byte("\n"))
	first = bytes.TrimRight(first, "\r\t ")
	if !bytes.HasSuffix(first, []byte("-----")) || len(first) <= len(pemBegin)+len("-----") {
		return errors.New("a PEM block whose first line is not -----BEGIN LABEL-----")
	}
	if bytes.Contains(first[len(pemBegin):len(first)-5], []byte("-----")) {
		return errors.New("a PEM block in one line: it needs line ends after BEGIN and before END")
	}
	label := first[len(pemBegin) : len(first)-len("-----")]
	body, _, ended := bytes.Cut(rest, slices.Concat([]byte("-----END "), label, []byte("-----")))
	switch {
	case !ended && bytes.Contains(rest, []byte("-----END ")):
		return fmt.Errorf("a PEM block that begins as %q and ends as another", config.Clip(string(label)))
	case !ended:
		return fmt.Errorf("a PEM block without its end: a line %q is missing", "-----END "+config.Clip(string(label))+"-----")
	case len(body) > 0 && body[len(body)-1] != '\n':
		return errors.New("a PEM block whose END does not begin a line")
	}
	for line := range bytes.Lines(body) {
		number++
		if at := bytes.IndexFunc(bytes.TrimSpace(line), func(r rune) bool {
			return !(r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '+' || r == '/' || r == '=')
		}); at >= 0 && !bytes.Contains(line, []byte(": ")) {
			return fmt.Errorf("a PEM block whose Base64 is broken in line %d", number)
		}
	}
	return errors.New("a PEM block whose Base64 is damaged, as by a missing character")
}

var errOtherBlock = errors.New("another kind of block")

func (o *opener) block(ctx context.Context, c *contents, block *pem.Block, place string) error {
	switch block.Type {
	case "CERTIFICATE", "X509 CERTIFICATE":
		c.addCert(block.Bytes, place)
	case "TRUSTED CERTIFICATE": // OpenSSL: the certificate, then trust settings
		s := cryptobyte.String(block.Bytes)
		var cert cryptobyte.String
		if !s.ReadASN1Element(&cert, asn1.SEQUENCE) {
			c.problem(place, errors.New("a trusted certificate that is damaged"))
			return nil
		}
		c.addCert(cert, place)
	case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY":
		if x509.IsEncryptedPEMBlock(block) { //nolint:staticcheck // still what OpenSSL writes with -traditional
			form := KeyForm{Protection: "PEM, " + strings.TrimSpace(strings.SplitN(block.Headers["DEK-Info"], ",", 2)[0]) +
				" with one round of MD5"}
			return o.lockedKey(ctx, c, "an encrypted private key ("+form.Protection+")", form, 1,
				func(password string) ([]byte, error) {
					return x509.DecryptPEMBlock(block, []byte(password)) //nolint:staticcheck
				})
		}
		key, err := parseKey(block.Bytes)
		if err != nil {
			c.noKey(place, err)
			return nil
		}
		c.take(key, KeyForm{Explicit: parseExplicit(block.Bytes) != nil})
	case "ENCRYPTED PRIVATE KEY":
		return o.encryptedPKCS8(ctx, c, block.Bytes)
	case "EC PARAMETERS":
	case "DSA PRIVATE KEY":
		c.noKey(place, &foreignError{kind: dsaKey, algorithm: oidDSA})
	case "OPENSSH PRIVATE KEY":
		c.problem(place, errors.New("an OpenSSH key, which TLS clients do not read: convert a copy with ssh-keygen -p -m "+
			"PEM"))
	case "TSS2 PRIVATE KEY", "TSS PRIVATE KEY BLOB", "TSS KEY BLOB":
		c.locked = append(c.locked,
			"a key that lives in a TPM (PEM, "+block.Type+"): this program cannot use it; reach it as a token, by a pkcs11: "+
				"URI (tpm2-pkcs11)")
	case "PKCS7", "CMS":
		if err := c.pkcs7(block.Bytes); err != nil {
			c.problem(place, err)
		}
	default:
		return errOtherBlock
	}
	return nil
}

// lockedKey decrypts a key and adds it, or notes that it is locked.
// The form has no protection where the container says it.
func (o *opener) lockedKey(ctx context.Context, c *contents, what string, form KeyForm, work int64,
	decrypt func(password string) ([]byte, error)) error {
	lock := ""
	if form.Protection == "" {
		lock = strings.ReplaceAll(what, `"`, "")
	}
	err := o.unlock(ctx, c.file, lock, work, func(password string) error {
		der, err := decrypt(password)
		if errors.Is(err, x509.IncorrectPasswordError) || errors.Is(err, pbe.ErrPassword) {
			return errWrongPassword
		}
		if err != nil {
			return err
		}
		key, err := parseKey(der)
		if isForeign(err) {
			c.noKey(what, err)
			return nil
		}
		if err != nil {
			return errWrongPassword // good padding is no proof of a right password
		}
		form.Explicit = parseExplicit(der) != nil
		c.take(key, form)
		return nil
	})
	if errors.Is(err, errWrongPassword) {
		c.locked = append(c.locked, what+" in "+quote(c.file.path)+": "+o.whyLocked(c.file))
		return nil
	}
	if errors.Is(err, errSpent) {
		c.locked = append(c.locked, what+" in "+quote(c.file.path)+" "+err.Error())
		return nil
	}
	if err != nil && ctx.Err() == nil {
		c.noKey("", &foreignError{kind: fmt.Sprintf("%s (%v: write it again with openssl pkey -aes256)", what, err),
			sealed: true})
		return nil
	}
	return err
}
