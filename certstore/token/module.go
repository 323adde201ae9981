//go:build cgo

package token

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/miekg/pkcs11"
)

// The attributes, classes and mechanisms that this package uses.
const (
	attrLabel          = pkcs11.CKA_LABEL
	attrID             = pkcs11.CKA_ID
	attrValue          = pkcs11.CKA_VALUE
	attrKeyType        = pkcs11.CKA_KEY_TYPE
	attrModulus        = pkcs11.CKA_MODULUS
	attrExponent       = pkcs11.CKA_PUBLIC_EXPONENT
	attrCurve          = pkcs11.CKA_EC_PARAMS
	attrPoint          = pkcs11.CKA_EC_POINT
	attrPublicKeyInfo  = 0x129 // CKA_PUBLIC_KEY_INFO, PKCS #11 v2.40
	attrAlwaysAuth     = pkcs11.CKA_ALWAYS_AUTHENTICATE
	classCertificate   = pkcs11.CKO_CERTIFICATE
	classPublicKey     = pkcs11.CKO_PUBLIC_KEY
	classPrivateKey    = pkcs11.CKO_PRIVATE_KEY
	keyRSA             = pkcs11.CKK_RSA
	keyEC              = pkcs11.CKK_EC
	keyEdwards         = 0x40 // CKK_EC_EDWARDS, PKCS #11 v3.0
	mechanismPKCS1     = pkcs11.CKM_RSA_PKCS
	mechanismPSS       = pkcs11.CKM_RSA_PKCS_PSS
	mechanismECDSA     = pkcs11.CKM_ECDSA
	mechanismEdDSA     = 0x1057 // CKM_EDDSA, PKCS #11 v3.0
	maxObjects         = 1000   // of one class on one token
	maxAttribute       = 64 << 10
	objectsInOneAnswer = 100
)

var errTooMany = fmt.Errorf("there are more than %d objects of one kind; the rest was not read", maxObjects)

// An object is the token's number for one, valid within a session.
type object = pkcs11.ObjectHandle

// A module is a loaded PKCS #11 library.
type module struct {
	ctx   *pkcs11.Ctx
	owner bool // initialised it, and so finalises it
}

// load runs the library's code.
func load(path string) (*module, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("loading the PKCS #11 module: %w", err)
	}
	ctx := pkcs11.New(path)
	if ctx == nil {
		return nil, fmt.Errorf("loading the PKCS #11 module %q: it is not a PKCS #11 module, or not one for this processor, "+
			"or a library that it needs is missing", path)
	}
	err := ctx.Initialize()
	shared := errors.Is(err, pkcs11.Error(pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED))
	if err != nil && !shared {
		return nil, fmt.Errorf("initializing the PKCS #11 module %q: %w", path, err)
	}
	return &module{ctx: ctx, owner: !shared}, nil
}

// close leaves the library loaded: some have left threads or exit handlers
// behind, which must not lose their code.
func (m *module) close() error {
	if !m.owner {
		return nil
	}
	return m.ctx.Finalize()
}

// library returns what the module says of itself.
func (m *module) library() (manufacturer, description string, version [2]byte, err error) {
	info, err := m.ctx.GetInfo()
	if err != nil {
		return "", "", version, fmt.Errorf("asking the PKCS #11 module for its name: %w", err)
	}
	return trim(info.ManufacturerID), trim(info.LibraryDescription),
		[2]byte{info.LibraryVersion.Major, info.LibraryVersion.Minor}, nil
}

// slots returns the numbers of those that hold a token.
func (m *module) slots() ([]uint, error) {
	slots, err := m.ctx.GetSlotList(true)
	if err != nil {
		return nil, fmt.Errorf("asking the PKCS #11 module for its slots: %w", err)
	}
	return slots, nil
}

func (m *module) slot(id uint) (manufacturer, description string, err error) {
	slot, err := m.ctx.GetSlotInfo(id)
	if err != nil {
		return "", "", fmt.Errorf("asking for slot %d: %w", id, err)
	}
	return trim(slot.ManufacturerID), trim(slot.SlotDescription), nil
}

// token returns what the token in the slot says of itself, and whether it is in
// use at all.
func (m *module) token(slot uint) (Info, bool, error) {
	t, err := m.ctx.GetTokenInfo(slot)
	if err != nil {
		return Info{}, false, fmt.Errorf("asking for the token in slot %d: %w", slot, err)
	}
	flag := func(f uint) bool { return t.Flags&f != 0 }
	return Info{
		Label: trim(t.Label), Manufacturer: trim(t.ManufacturerID), Model: trim(t.Model), Serial: trim(t.SerialNumber),
		MustLogin:   flag(pkcs11.CKF_LOGIN_REQUIRED),
		PINMissing:  !flag(pkcs11.CKF_USER_PIN_INITIALIZED),
		PINPad:      flag(pkcs11.CKF_PROTECTED_AUTHENTICATION_PATH),
		PINCountLow: flag(pkcs11.CKF_USER_PIN_COUNT_LOW),
		PINFinalTry: flag(pkcs11.CKF_USER_PIN_FINAL_TRY),
		PINLocked:   flag(pkcs11.CKF_USER_PIN_LOCKED),
	}, flag(pkcs11.CKF_TOKEN_INITIALIZED), nil
}

// trim takes off the padding; some modules pad with NUL.
func trim(s string) string { return strings.TrimRight(s, " \x00") }

// A session is a read-only one with a token. Only sign and close may be called by
// several goroutines; the token sees one call after the other.
type session struct {
	module *module
	handle pkcs11.SessionHandle

	mu  sync.Mutex // one operation at a time: so PKCS #11 demands of a session
	pin *string    // for keys that want it for each signature; nil if none is known to be right
}

func (m *module) open(slot uint) (*session, error) {
	handle, err := m.ctx.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION)
	if err != nil {
		return nil, fmt.Errorf("opening a session: %w", err)
	}
	return &session{module: m, handle: handle}, nil
}

func (s *session) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pin = nil
	return s.module.ctx.CloseSession(s.handle)
}

// loggedIn reports whether a login of this process holds already.
func (s *session) loggedIn() bool {
	info, err := s.module.ctx.GetSessionInfo(s.handle)
	return err == nil && (info.State == pkcs11.CKS_RO_USER_FUNCTIONS || info.State == pkcs11.CKS_RW_USER_FUNCTIONS)
}

// login tries the PIN, once.
func (s *session) login(pin string) error {
	err := s.module.ctx.Login(s.handle, pkcs11.CKU_USER, pin)
	if err == nil {
		s.pin = &pin
	}
	return err
}

// whyRefused explains an error of login.
func whyRefused(err error) string {
	switch {
	case errors.Is(err, pkcs11.Error(pkcs11.CKR_PIN_INCORRECT)):
		return "the PIN is wrong; it was tried once"
	case errors.Is(err, pkcs11.Error(pkcs11.CKR_PIN_LOCKED)):
		return "its PIN is locked"
	case errors.Is(err, pkcs11.Error(pkcs11.CKR_PIN_LEN_RANGE)), errors.Is(err, pkcs11.Error(pkcs11.CKR_PIN_INVALID)):
		return "the PIN is none that the token could have: its length or characters are wrong"
	case errors.Is(err, pkcs11.Error(pkcs11.CKR_PIN_EXPIRED)):
		return "its PIN has expired and must be changed with the token's own tool"
	}
	return fmt.Sprintf("the login failed: %v", err)
}

// find returns the objects of a class with these attributes, at most maxObjects;
// where there are more the error is errTooMany, beside those.
func (s *session) find(class uint, attributes map[uint]string) ([]object, error) {
	template := []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, class)}
	for kind, value := range attributes {
		template = append(template, pkcs11.NewAttribute(kind, value))
	}
	if err := s.module.ctx.FindObjectsInit(s.handle, template); err != nil {
		return nil, fmt.Errorf("searching for objects: %w", err)
	}
	defer func() { _ = s.module.ctx.FindObjectsFinal(s.handle) }()
	var all []object
	for {
		some, _, err := s.module.ctx.FindObjects(s.handle, objectsInOneAnswer)
		switch {
		case err != nil:
			return nil, fmt.Errorf("searching for objects: %w", err)
		case len(some) == 0:
			return all, nil
		case len(all)+len(some) > maxObjects:
			return all, errTooMany
		}
		all = append(all, some...)
	}
}

// attribute returns nil if the object has no such attribute or keeps it secret.
func (s *session) attribute(object object, kind uint) []byte {
	// One at a time: of several, a single unknown one fails them all.
	got, err := s.module.ctx.GetAttributeValue(s.handle, object, []*pkcs11.Attribute{pkcs11.NewAttribute(kind, nil)})
	if err != nil || len(got) != 1 || len(got[0].Value) > maxAttribute {
		return nil
	}
	return got[0].Value
}

// number reads an attribute of type CK_ULONG, which has the size and byte order of
// this machine.
func (s *session) number(object object, kind uint) (uint64, bool) {
	switch value := s.attribute(object, kind); len(value) {
	case 8:
		return binary.NativeEndian.Uint64(value), true
	case 4:
		return uint64(binary.NativeEndian.Uint32(value)), true
	}
	return 0, false
}

// pssParameters encodes CK_RSA_PKCS_PSS_PARAMS.
func pssParameters(hash hash, saltLength int) []byte {
	return pkcs11.NewPSSParams(hash.mechanism, hash.mgf, uint(saltLength))
}

// sign makes one signature. If the key wants a login for each, the PIN is the one
// that the token took before; should it be refused now, it is not tried again.
func (s *session) sign(key object, loginEach bool, mechanism uint, parameters, data []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if loginEach && s.pin == nil {
		return nil, errors.New("the key wants the PIN for each signature, and none is at hand")
	}
	err := s.module.ctx.SignInit(s.handle, []*pkcs11.Mechanism{pkcs11.NewMechanism(mechanism, parameters)}, key)
	switch {
	case errors.Is(err, pkcs11.Error(pkcs11.CKR_MECHANISM_INVALID)),
		errors.Is(err, pkcs11.Error(pkcs11.CKR_MECHANISM_PARAM_INVALID)):
		return nil, fmt.Errorf("the token cannot sign with %s: %w", mechanismName(mechanism), err)
	case err != nil:
		return nil, fmt.Errorf("signing with %s: %w", mechanismName(mechanism), err)
	}
	if loginEach {
		if err := s.module.ctx.Login(s.handle, pkcs11.CKU_CONTEXT_SPECIFIC, *s.pin); err != nil {
			s.pin = nil
			_, _ = s.module.ctx.Sign(s.handle, data) // fails, and ends the operation
			return nil, fmt.Errorf("logging in for one signature: %s", whyRefused(err))
		}
	}
	signature, err := s.module.ctx.Sign(s.handle, data)
	if err != nil {
		return nil, fmt.Errorf("signing with %s: %w", mechanismName(mechanism), err)
	}
	return signature, nil
}

func mechanismName(mechanism uint) string {
	switch mechanism {
	case mechanismPKCS1:
		return "RSA PKCS #1 v1.5 (CKM_RSA_PKCS)"
	case mechanismPSS:
		return "RSA-PSS (CKM_RSA_PKCS_PSS)"
	case mechanismECDSA:
		return "ECDSA (CKM_ECDSA)"
	}
	return "EdDSA (CKM_EDDSA)"
}
