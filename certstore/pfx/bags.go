package pfx

import (
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf16"

	"mtlsprobe/certstore/pbe"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Content types of PKCS #7, and of bags and attributes.
const (
	oidData          = "1.2.840.113549.1.7.1"
	oidSignedData    = "1.2.840.113549.1.7.2"
	oidEnvelopedData = "1.2.840.113549.1.7.3"
	oidEncryptedData = "1.2.840.113549.1.7.6"
	oidBags          = "1.2.840.113549.1.12.10.1."
	oidX509Cert      = "1.2.840.113549.1.9.22.1"
	oidFriendlyName  = "1.2.840.113549.1.9.20"
	oidLocalKeyID    = "1.2.840.113549.1.9.21"
	oidCSPName       = "1.3.6.1.4.1.311.17.1" // of Microsoft
	oidLocalKeySet   = "1.3.6.1.4.1.311.17.2"
)

func explicit(n uint8) casn1.Tag { return casn1.Tag(n).ContextSpecific().Constructed() }

// readContentInfo reads a ContentInfo of PKCS #7: its type, and what stands in
// the explicit tag.
func readContentInfo(s, content *cryptobyte.String) (kind string, err error) {
	var info cryptobyte.String
	var oid asn1.ObjectIdentifier
	if !s.ReadASN1(&info, casn1.SEQUENCE) || !info.ReadASN1ObjectIdentifier(&oid) ||
		!info.ReadASN1(content, explicit(0)) {
		return "", errors.New("no ContentInfo")
	}
	return oid.String(), nil
}

// contents reads AuthenticatedSafe: a SEQUENCE of ContentInfo (Section 4.1).
func (f *File) contents(der []byte) error {
	der, ber, _, err := toDER(der)
	if err != nil {
		return fmt.Errorf("the authenticated safe: %w", err)
	}
	f.BER = f.BER || ber
	s := cryptobyte.String(der)
	var list cryptobyte.String
	if !s.ReadASN1(&list, casn1.SEQUENCE) {
		return errors.New("the authenticated safe is not a SEQUENCE")
	}
	for n := 1; !list.Empty(); n++ {
		var content cryptobyte.String
		kind, err := readContentInfo(&list, &content)
		if err != nil {
			return fmt.Errorf("part %d: %w", n, err)
		}
		switch kind {
		case oidData:
			var inner []byte
			if !content.ReadASN1Bytes(&inner, casn1.OCTET_STRING) {
				err = errors.New("no data")
			} else {
				err = f.safe(inner, 0, Encryption{})
			}
		case oidEncryptedData:
			err = f.encrypted(content)
		case oidEnvelopedData:
			f.Bags = append(f.Bags, Bag{Kind: Sealed, Encryption: Encryption{Text: "a public key"},
				Err: errors.New("it is encrypted for a public key, which this program cannot open")})
		default:
			f.Bags = append(f.Bags, Bag{Kind: UnknownBag, Err: fmt.Errorf("content type %s", kind)})
		}
		if err != nil {
			return fmt.Errorf("part %d: %w", n, err)
		}
	}
	return nil
}

// encrypted reads EncryptedData (RFC 2315, Section 13).
func (f *File) encrypted(content cryptobyte.String) error {
	var data, info, algorithm, sealed cryptobyte.String
	var version int
	var oid asn1.ObjectIdentifier
	if !content.ReadASN1(&data, casn1.SEQUENCE) || !data.ReadASN1Integer(&version) ||
		!data.ReadASN1(&info, casn1.SEQUENCE) ||
		!info.ReadASN1ObjectIdentifier(&oid) || !info.ReadASN1Element(&algorithm, casn1.SEQUENCE) {
		return errors.New("EncryptedData cannot be decoded")
	}
	var parts cryptobyte.String
	switch {
	case info.PeekASN1Tag(explicit(0)): // a string in parts, as Firefox writes it
		if !info.ReadASN1(&parts, explicit(0)) {
			return errors.New("EncryptedData is damaged")
		}
	case !info.ReadASN1(&sealed, casn1.Tag(0).ContextSpecific()):
		return errors.New("EncryptedData contains nothing")
	}
	for !parts.Empty() {
		var part cryptobyte.String
		if !parts.ReadASN1(&part, casn1.OCTET_STRING) {
			return errors.New("EncryptedData has damaged parts")
		}
		sealed = append(sealed, part...)
	}
	plain, e, err := f.decrypt(algorithm, sealed)
	if err != nil || plain == nil {
		f.Bags = append(f.Bags, Bag{Kind: Sealed, Encryption: e, Err: err})
		return f.tooMany()
	}
	return f.safe(plain, 0, e)
}

// decrypt returns nil and no error without a password.
func (f *File) decrypt(algorithm, sealed []byte) ([]byte, Encryption, error) {
	scheme, err := pbe.Parse(algorithm)
	if err != nil {
		return nil, Encryption{Text: "unknown (" + err.Error() + ")", Unknown: true}, err
	}
	e := Encryption{Algorithm: scheme.Algorithm, Text: scheme.String()}
	if f.work += scheme.Work(); f.work > pbe.MaxIterations {
		return nil, e, errTooMuch
	}
	for n, password := range f.passwords {
		if n > 0 { // one more than the file demands: within a bound of its own
			if f.tried += scheme.Work(); f.tried > pbe.MaxIterations {
				break
			}
		}
		plain, err := scheme.Decrypt(password, sealed)
		switch {
		case err == nil && wellFormed(plain): // padding that looks right is no proof
			f.openedAny = true
			return plain, e, nil
		case err != nil && !errors.Is(err, ErrPassword):
			return nil, e, err
		}
	}
	if len(f.passwords) > 0 {
		err = ErrPassword
	}
	return nil, e, err
}

// wellFormed reports whether a plaintext is one SEQUENCE and nothing more.
func wellFormed(plain []byte) bool {
	if len(plain) == 0 || plain[0] != 0x30 {
		return false
	}
	_, _, size, err := toDER(plain)
	return err == nil && size == len(plain)
}

func (f *File) tooMany() error {
	if len(f.Bags) > maxBags {
		return fmt.Errorf("more than %d bags", maxBags)
	}
	return nil
}

// safe reads SafeContents: a SEQUENCE of SafeBag (RFC 7292, Section 4.2).
func (f *File) safe(der []byte, depth int, e Encryption) error {
	if depth > maxNesting {
		return fmt.Errorf("nested more than %d deep", maxNesting)
	}
	der, ber, _, err := toDER(der)
	if err != nil {
		return err
	}
	f.BER = f.BER || ber
	s := cryptobyte.String(der)
	var list cryptobyte.String
	if !s.ReadASN1(&list, casn1.SEQUENCE) {
		return errors.New("SafeContents is not a SEQUENCE")
	}
	for !list.Empty() {
		var bag, value cryptobyte.String
		var oid asn1.ObjectIdentifier
		if !list.ReadASN1(&bag, casn1.SEQUENCE) || !bag.ReadASN1ObjectIdentifier(&oid) ||
			!bag.ReadASN1(&value, explicit(0)) {
			return errors.New("a SafeBag cannot be decoded")
		}
		if oid.String() == oidBags+"6" {
			if err := f.safe(value, depth+1, e); err != nil {
				return err
			}
			continue
		}
		b := Bag{Encryption: e}
		f.bag(&b, oid.String(), value)
		b.attributes(bag)
		f.Bags = append(f.Bags, b)
		if err := f.tooMany(); err != nil {
			return err
		}
	}
	return nil
}

func (f *File) bag(b *Bag, oid string, value cryptobyte.String) {
	switch oid {
	case oidBags + "1":
		b.Kind, b.DER = KeyBag, value
	case oidBags + "2":
		b.Kind = KeyBag
		var info, algorithm cryptobyte.String
		var sealed []byte
		if !value.ReadASN1(&info, casn1.SEQUENCE) || !info.ReadASN1Element(&algorithm, casn1.SEQUENCE) ||
			!info.ReadASN1Bytes(&sealed, casn1.OCTET_STRING) {
			b.Err = errors.New("the encrypted key cannot be decoded")
			return
		}
		outer := b.Legacy
		b.DER, b.Encryption, b.Err = f.decrypt(algorithm, sealed)
		b.Legacy = b.Legacy || outer
	case oidBags + "3", oidBags + "4":
		b.Kind = CertBag
		if oid == oidBags+"4" {
			b.Kind = CRLBag
		}
		var pair, wrapped cryptobyte.String
		var kind asn1.ObjectIdentifier
		if !value.ReadASN1(&pair, casn1.SEQUENCE) || !pair.ReadASN1ObjectIdentifier(&kind) ||
			!pair.ReadASN1(&wrapped, explicit(0)) {
			b.Err = errors.New("the bag cannot be decoded")
			return
		}
		if b.Kind == CertBag && kind.String() != oidX509Cert {
			b.Err = fmt.Errorf("a certificate of type %v, which is not X.509", kind)
			return
		}
		if !wrapped.ReadASN1Bytes(&b.DER, casn1.OCTET_STRING) {
			b.Err = errors.New("the bag contains no OCTET STRING")
		}
	case oidBags + "5":
		b.Kind, b.DER = SecretBag, value
		b.sealedSecret(value)
	default:
		b.Kind, b.Err = UnknownBag, fmt.Errorf("bag type %s", oid)
	}
}

// sealedSecret says how a SecretBag is encrypted (Section 4.2.5), if it is as Java
// writes it: its value is a PKCS8ShroudedKeyBag.
func (b *Bag) sealedSecret(value cryptobyte.String) {
	var pair, content, octets, info, algorithm cryptobyte.String
	var oid asn1.ObjectIdentifier
	if !value.ReadASN1(&pair, casn1.SEQUENCE) || !pair.ReadASN1ObjectIdentifier(&oid) || oid.String() != oidBags+"2" ||
		!pair.ReadASN1(&content, explicit(0)) ||
		!content.ReadASN1(&octets, casn1.OCTET_STRING) || !octets.ReadASN1(&info, casn1.SEQUENCE) ||
		!info.ReadASN1Element(&algorithm, casn1.SEQUENCE) {
		return
	}
	outer := b.Legacy
	b.Encryption = Encryption{Text: "unknown", Unknown: true}
	if scheme, err := pbe.Parse(algorithm); err == nil {
		b.Encryption = Encryption{Algorithm: scheme.Algorithm, Text: scheme.String()}
	}
	b.Legacy = b.Legacy || outer
}

// attributes reads the set of PKCS12Attribute, of which those count that
// Microsoft and others write.
func (b *Bag) attributes(s cryptobyte.String) {
	var set cryptobyte.String
	if s.Empty() || !s.ReadASN1(&set, casn1.SET) {
		return
	}
	for !set.Empty() {
		var attribute, values, value cryptobyte.String
		var oid asn1.ObjectIdentifier
		var tag casn1.Tag
		if !set.ReadASN1(&attribute, casn1.SEQUENCE) || !attribute.ReadASN1ObjectIdentifier(&oid) ||
			!attribute.ReadASN1(&values, casn1.SET) {
			return
		}
		if oid.String() == oidLocalKeySet { // which has no value
			b.MachineKey = true
		}
		if !values.ReadAnyASN1(&value, &tag) {
			continue
		}
		switch oid.String() {
		case oidFriendlyName:
			b.FriendlyName = decodeBMP(value)
		case oidCSPName:
			b.Provider = decodeBMP(value)
		case oidLocalKeyID:
			b.LocalKeyID = value
		}
	}
}

func decodeBMP(b []byte) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.BigEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}
