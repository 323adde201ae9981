//go:build cgo

package token

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// open is [Open] without regard to hanging.
func open(ctx context.Context, u *URI, pin PINFunc) (*Contents, error) {
	path, err := u.module()
	if err != nil {
		return nil, err
	}
	m, err := load(path)
	if err != nil {
		return nil, err
	}
	r := &reader{ctx: ctx, uri: u, module: m, pin: pin}
	c, err := r.contents()
	if err != nil {
		_ = r.close()
		return nil, err
	}
	c.close = r.close
	return c, nil
}

// module returns the path of the library to load.
func (u *URI) module() (string, error) {
	if path, ok := u.query["module-path"]; ok {
		return path, nil
	}
	file, remedy := "p11-kit-proxy.so",
		"install it (Debian: p11-kit-modules, Fedora: p11-kit), or name a module with ?module-path=/…"
	if name, ok := u.query["module-name"]; ok {
		file, remedy = name+".so", "name its file with ?module-path=/…"
	}
	var places []string
	for _, dir := range directories() {
		for _, path := range []string{dir + "/" + file, dir + "/lib" + file} {
			if _, err := os.Stat(path); err == nil {
				return path, nil
			}
		}
		places = append(places, dir)
	}
	return "", fmt.Errorf("there is no PKCS #11 module %s in %s: %s", file, strings.Join(places, ", "), remedy)
}

// directories are where Debian, Fedora and others put modules, the machine's own
// architecture first.
func directories() []string {
	triplet := map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu", "386": "i386-linux-gnu",
		"arm":     "arm-linux-gnueabihf",
		"riscv64": "riscv64-linux-gnu", "ppc64le": "powerpc64le-linux-gnu", "s390x": "s390x-linux-gnu"}[runtime.GOARCH]
	dirs := []string{"/usr/lib64", "/usr/lib64/pkcs11", "/usr/lib", "/usr/lib/pkcs11", "/usr/local/lib",
		"/opt/homebrew/lib"}
	if triplet != "" {
		dirs = slices.Insert(dirs, 0, "/usr/lib/"+triplet, "/usr/lib/"+triplet+"/pkcs11")
	}
	return dirs
}

// A reader collects the contents.
type reader struct {
	ctx      context.Context
	uri      *URI
	module   *module
	pin      PINFunc
	sessions []*session
}

func (r *reader) close() error {
	var errs []error
	for _, s := range r.sessions {
		errs = append(errs, s.close())
	}
	return errors.Join(append(errs, r.module.close())...)
}

func (r *reader) contents() (*Contents, error) {
	manufacturer, description, version, err := r.module.library()
	if err != nil {
		return nil, err
	}
	if !r.uri.matchesLibrary(manufacturer, description, version) {
		return nil, fmt.Errorf("the PKCS #11 module is %q by %q, version %d.%d, which the URI does not match", description,
			manufacturer, version[0], version[1])
	}
	found, others, problems, err := r.match()
	if err != nil {
		return nil, err
	}
	c := &Contents{Problems: problems}
	var locked []Info
	for _, f := range found {
		c.Tokens = append(c.Tokens, f.token)
		if f.token.MustLogin {
			locked = append(locked, f.token.Info)
		}
	}
	switch {
	case len(found) == 0:
		problem := fmt.Errorf("no token matches %q; there are: %s", r.uri.String(), names(others))
		return nil, errors.Join(append([]error{problem}, problems...)...)
	case len(locked) > 1 && r.uri.hasPIN(): // a wrong one would count
		return nil, fmt.Errorf("the URI has a PIN and matches %d tokens, of which one is to be named: %s", len(locked),
			names(locked))
	}
	for _, f := range found {
		if err := r.read(f.slot, f.token); err != nil {
			return nil, fmt.Errorf("%v: %w", f.token.Info, err)
		}
	}
	return c, nil
}

// An inserted token is one in its slot.
type inserted struct {
	slot  uint
	token *Token
}

// match returns the tokens that the URI matches, the others, and what cannot be
// asked.
func (r *reader) match() (found []inserted, others []Info, problems []error, err error) {
	slots, err := r.module.slots()
	if err != nil {
		return nil, nil, nil, err
	}
	for _, slot := range slots {
		manufacturer, description, errSlot := r.module.slot(slot)
		info, used, errToken := r.module.token(slot)
		switch err := errors.Join(errSlot, errToken); {
		case err != nil:
			problems = append(problems, err)
		case !used: // SoftHSM offers a blank one
		case r.uri.matchesSlot(slot, manufacturer, description) && r.uri.matchesToken(info):
			found = append(found, inserted{slot, &Token{Info: info}})
		default:
			others = append(others, info)
		}
	}
	return found, others, problems, nil
}

// names lists tokens for an error.
func names(tokens []Info) string {
	if len(tokens) == 0 {
		return "none"
	}
	const most = 8
	var all []string
	for _, t := range tokens {
		all = append(all, t.String())
	}
	if len(all) > most {
		all = append(all[:most], "…")
	}
	return strings.Join(all, ", ")
}

// read reads one token. The error ends Open.
func (r *reader) read(slot uint, t *Token) error {
	s, err := r.module.open(slot)
	if err != nil {
		t.Problems = append(t.Problems, err)
		return nil
	}
	r.sessions = append(r.sessions, s)
	kind, _ := r.uri.Path("type")
	if kind != "cert" {
		if err := r.login(slot, s, t); err != nil {
			return err
		}
	}
	if err := r.ctx.Err(); err != nil {
		return err
	}
	wanted := make(map[uint]string)
	if label, ok := r.uri.Path("object"); ok {
		wanted[attrLabel] = label
	}
	if id, ok := r.uri.Path("id"); ok {
		wanted[attrID] = id
	}
	if kind != "private" {
		r.certificates(s, t, wanted)
	}
	if kind != "cert" {
		r.keys(s, t, wanted)
	}
	if len(t.Certificates)+len(t.Keys)+len(t.Problems) == 0 {
		t.Problems = append(t.Problems, r.nothing(t))
	}
	return nil
}

// nothing says that no object matches, and which slip may be the cause.
func (r *reader) nothing(t *Token) error {
	id, _ := r.uri.Path("id")
	if value, err := strconv.ParseUint(id, 16, 8); err == nil && len(id) == 2 {
		return fmt.Errorf("no certificate or key matches; the ID is the two characters %q, the byte %#x is written id=%%%s",
			id, value, id)
	}
	if t.Locked != "" {
		return errors.New("no certificate matches, and keys are not seen without a login")
	}
	return errors.New("no certificate or key matches")
}

// bar says why no login is tried, or returns "".
func bar(i Info) string {
	switch {
	case i.PINLocked:
		return "its PIN is locked after too many wrong ones; the token's own tool unlocks it, with the SO PIN or PUK"
	case i.PINFinalTry:
		return "one more wrong PIN locks it, so none is tried; log in with the token's own tool first"
	case i.PINMissing:
		return "it has no user PIN yet"
	case i.PINPad:
		return "its PIN is entered at the reader, which is not supported"
	}
	return ""
}

// login logs in if that is needed, and sets t.Locked where it is not possible.
func (r *reader) login(slot uint, s *session, t *Token) error {
	if !t.MustLogin || s.loggedIn() {
		return nil
	}
	if t.Locked = bar(t.Info); t.Locked != "" {
		return nil
	}
	t.Locked = "its keys need a PIN, and none was given"
	if r.pin == nil {
		return nil
	}
	pin, err := r.pin(r.ctx, t.Info)
	switch {
	case errors.Is(err, ErrNoPIN), err == nil && pin == "":
		return nil
	case err != nil:
		return err
	case r.ctx.Err() != nil: // nobody waits; spare the token a try
		return r.ctx.Err()
	}
	err = s.login(pin)
	if err == nil {
		t.Locked = ""
		return nil
	}
	t.Locked = whyRefused(err)
	if now, _, err := r.module.token(slot); err == nil {
		t.Info = now
		switch {
		case now.PINLocked:
			t.Locked += "; now it is locked"
		case now.PINFinalTry:
			t.Locked += "; one more wrong PIN locks it"
		}
	}
	return nil
}

func (r *reader) certificates(s *session, t *Token, wanted map[uint]string) {
	objects, err := s.find(classCertificate, wanted)
	if err != nil {
		t.Problems = append(t.Problems, fmt.Errorf("certificates: %w", err))
	}
	for _, o := range objects {
		c := Certificate{Label: string(s.attribute(o, attrLabel)), ID: s.attribute(o, attrID),
			DER: s.attribute(o, attrValue)}
		if len(c.DER) == 0 {
			t.Problems = append(t.Problems,
				fmt.Errorf("certificate %q (ID %x): the token does not contain it itself, or it is larger than %d bytes", c.Label,
					c.ID, maxAttribute))
			continue
		}
		t.Certificates = append(t.Certificates, c)
	}
}

func (r *reader) keys(s *session, t *Token, wanted map[uint]string) {
	objects, err := s.find(classPrivateKey, wanted)
	if err != nil {
		t.Problems = append(t.Problems, fmt.Errorf("private keys: %w", err))
	}
	for _, o := range objects {
		k := &Key{Label: string(s.attribute(o, attrLabel)), ID: s.attribute(o, attrID)}
		public, err := s.public(o, k.ID)
		if err != nil {
			t.Problems = append(t.Problems, fmt.Errorf("private key %q (ID %x): %w", k.Label, k.ID, err))
			continue
		}
		always := s.attribute(o, attrAlwaysAuth)
		k.Signer = &signer{ctx: r.ctx, session: s, key: o, public: public, loginEach: len(always) == 1 && always[0] != 0}
		t.Keys = append(t.Keys, k)
	}
}

// holds reports whether the URI does not ask for the attribute, or for this value.
func (u *URI) holds(name, value string) bool {
	want, asked := u.path[name]
	return !asked || want == value
}

func (u *URI) matchesToken(i Info) bool {
	return u.holds("token", i.Label) && u.holds("manufacturer", i.Manufacturer) && u.holds("model", i.Model) &&
		u.holds("serial", i.Serial)
}

func (u *URI) matchesSlot(id uint, manufacturer, description string) bool {
	if want, ok := u.path["slot-id"]; ok {
		n, err := strconv.ParseUint(want, 10, 32)
		if err != nil || uint(n) != id {
			return false
		}
	}
	return u.holds("slot-manufacturer", manufacturer) && u.holds("slot-description", description)
}

func (u *URI) matchesLibrary(manufacturer, description string, v [2]byte) bool {
	if text, ok := u.path["library-version"]; ok {
		if want, _ := version(text); want != v {
			return false
		}
	}
	return u.holds("library-manufacturer", manufacturer) && u.holds("library-description", description)
}
