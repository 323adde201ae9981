package token

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// scheme begins a PKCS #11 URI, in letters of any case (RFC 3986, Section 3.1).
const scheme = "pkcs11:"

// A URI names objects on PKCS #11 tokens (RFC 7512). The zero URI names all.
type URI struct {
	path, query map[string]string // by name, decoded
}

// IsURI reports whether the text is meant as a PKCS #11 URI.
func IsURI(s string) bool {
	return len(s) >= len(scheme) && strings.EqualFold(s[:len(scheme)], scheme)
}

// ParseURI reads a PKCS #11 URI. Vendor attributes, whose names begin with "x-",
// are ignored; other unknown ones are refused, as are attributes that are there
// twice. The error names the attribute, and never quotes a PIN. See RFC 7512,
// Section 2.3.
func ParseURI(s string) (*URI, error) {
	if !IsURI(s) {
		return nil, fmt.Errorf("a PKCS #11 URI begins with %q", scheme)
	}
	path, query, _ := strings.Cut(s[len(scheme):], "?")
	u := &URI{}
	var err error
	if u.path, err = parse(path, ";", pathNames()); err != nil {
		return nil, err
	}
	if u.query, err = parse(query, "&", queryNames()); err != nil {
		return nil, err
	}
	if err := u.check(); err != nil {
		return nil, err
	}
	return u, nil
}

// Path returns a path attribute, decoded, and whether the URI has it. The value of
// "id" is bytes.
func (u *URI) Path(name string) (string, bool) {
	value, ok := u.path[name]
	return value, ok
}

// String writes the URI without its PIN and without vendor attributes.
func (u *URI) String() string {
	query := maps.Clone(u.query)
	delete(query, "pin-value")
	s := scheme + join(u.path, ";", pathNames())
	if len(query) > 0 {
		s += "?" + join(query, "&", queryNames())
	}
	return s
}

// pathNames and queryNames are the attributes of RFC 7512, Section 2.3, in the
// order of String.
func pathNames() []string {
	return []string{"library-manufacturer", "library-description", "library-version",
		"slot-manufacturer", "slot-description", "slot-id",
		"manufacturer", "model", "serial", "token", "id", "object", "type"}
}

func queryNames() []string {
	return []string{"module-name", "module-path", "pin-source", "pin-value"}
}

func parse(s, separator string, known []string) (map[string]string, error) {
	attributes := make(map[string]string)
	if s == "" {
		return attributes, nil
	}
	// A PIN with an unescaped "&" falls into pieces, which are not quoted.
	secret := strings.Contains(s, "pin-value")
	for _, piece := range strings.Split(s, separator) {
		name, raw, found := strings.Cut(piece, "=")
		switch {
		case !found && secret:
			return nil, errors.New(`a query attribute has no "="; in a PIN, "&" is written %26`)
		case !found:
			return nil, fmt.Errorf(`attribute %q has no "="`, name)
		case strings.HasPrefix(name, "x-"):
			continue
		case !slices.Contains(known, name) && secret && name != "pin-value":
			return nil, errors.New(`a query attribute is unknown; in a PIN, "&" is written %26`)
		case !slices.Contains(known, name):
			return nil, fmt.Errorf("attribute %q is unknown here; known are %s", name, strings.Join(known, ", "))
		}
		if _, again := attributes[name]; again {
			return nil, fmt.Errorf("attribute %q is there twice", name)
		}
		value, err := decode(raw, separator)
		switch {
		case err != nil && name == "pin-value":
			return nil, fmt.Errorf("attribute %q is not percent-encoded as RFC 7512 demands", name)
		case err != nil:
			return nil, fmt.Errorf("attribute %q: %w", name, err)
		}
		attributes[name] = value
	}
	return attributes, nil
}

// decode reads pk11-pchar or, with the separator "&", pk11-qchar.
func decode(s, separator string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case plain(s[i], separator):
			b.WriteByte(s[i])
		case s[i] != '%':
			return "", fmt.Errorf("character %q is written %%%02X in a URI", s[i:i+1], s[i])
		default:
			if i+2 >= len(s) {
				return "", errors.New(`"%" is to be followed by two hexadecimal digits`)
			}
			value, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
			if err != nil {
				return "", errors.New(`"%" is to be followed by two hexadecimal digits`)
			}
			b.WriteByte(byte(value))
			i += 2
		}
	}
	return b.String(), nil
}

// plain reports whether the character stands for itself in an attribute.
func plain(c byte, separator string) bool {
	reserved := ":[]@!$'()*+,=&" // pk11-path-res-avail
	if separator == "&" {
		reserved = ":[]@!$'()*+,=/?|" // pk11-query-res-avail
	}
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		strings.IndexByte("-._~"+reserved, c) >= 0
}

func join(attributes map[string]string, separator string, order []string) string {
	var pieces []string
	for _, name := range order {
		value, ok := attributes[name]
		if !ok {
			continue
		}
		var b strings.Builder
		for _, c := range []byte(value) {
			if plain(c, separator) && name != "id" { // of an id all octets SHOULD be encoded
				b.WriteByte(c)
			} else {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		}
		pieces = append(pieces, name+"="+b.String())
	}
	return strings.Join(pieces, separator)
}

// check looks at the values that are no free text.
func (u *URI) check() error {
	if id, ok := u.path["slot-id"]; ok {
		if _, err := strconv.ParseUint(id, 10, 32); err != nil {
			return errors.New(`attribute "slot-id" is not a number`)
		}
	}
	if text, ok := u.path["library-version"]; ok {
		if _, ok := version(text); !ok {
			return errors.New(`attribute "library-version" is not a version as in "2.40"`)
		}
	}
	if kind, ok := u.path["type"]; ok && !slices.Contains([]string{"public", "private", "cert", "secret-key", "data"},
		kind) {
		return fmt.Errorf(`attribute "type" is %q; known are public, private, cert, secret-key, data`, kind)
	}
	if path, ok := u.query["module-path"]; ok && !filepath.IsAbs(path) {
		return fmt.Errorf(`attribute "module-path" is %q and must be absolute: the module's code is run`, path)
	}
	if name, ok := u.query["module-name"]; ok && (name == "" || strings.ContainsAny(name, `/\`)) {
		return fmt.Errorf(`attribute "module-name" is %q and must be a name, not a path`, name)
	}
	_, source := u.query["pin-source"]
	_, value := u.query["pin-value"]
	if source && value {
		return errors.New(`attributes "pin-source" and "pin-value" exclude each other`)
	}
	return nil
}

// version reads "major" or "major.minor"; without a minor it is 0.
func version(text string) ([2]byte, bool) {
	major, minor, both := strings.Cut(text, ".")
	if !both {
		minor = "0"
	}
	a, errA := strconv.ParseUint(major, 10, 8)
	b, errB := strconv.ParseUint(minor, 10, 8)
	return [2]byte{byte(a), byte(b)}, errA == nil && errB == nil
}

// hasPIN reports whether the URI says how to get a PIN.
func (u *URI) hasPIN() bool {
	_, source := u.query["pin-source"]
	_, value := u.query["pin-value"]
	return source || value
}

// pin returns the function that answers with the URI's own PIN, or else ask. It
// returns nil if nobody can answer.
func (u *URI) pin(ask PINFunc) (PINFunc, error) {
	if value, ok := u.query["pin-value"]; ok {
		return func(context.Context, Info) (string, error) { return value, nil }, nil
	}
	source, ok := u.query["pin-source"]
	if !ok {
		return ask, nil
	}
	path := strings.TrimPrefix(strings.TrimPrefix(source, "file://"), "file:")
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf(`attribute "pin-source" is %q; supported is file: with an absolute path`, source)
	}
	return func(context.Context, Info) (string, error) { return readPIN(path) }, nil
}

// maxPIN bounds the file of a PIN; tokens allow up to 255 characters.
const maxPIN = 1024

func readPIN(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("reading the PIN: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxPIN+1))
	if err != nil {
		return "", fmt.Errorf("reading the PIN from %q: %w", path, err)
	}
	pin := strings.TrimRight(string(b), "\r\n")
	if pin == "" || len(b) > maxPIN {
		return "", fmt.Errorf("reading the PIN from %q: it is empty or too long", path)
	}
	return pin, nil
}
