package certstore

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// A Name is a distinguished name, decoded from the bytes of a certificate or of
// a server's request. Unlike pkix.Name it keeps order, string types and what
// it does not know.
type Name struct {
	// RDNs are in the order of the encoding: the most general first.
	RDNs [][]Attribute
}

// An Attribute is one AttributeTypeAndValue of a name.
type Attribute struct {
	OID   string // dotted
	Tag   uint8  // ASN.1 tag of the value
	Raw   []byte // the value as DER
	Value string // the value as text; valid only if IsText
	// IsText says that the value is a well-formed string of a type that DNs use.
	IsText bool
}

// ParseName decodes the DER of a distinguished name (RFC 5280, Section 4.1.2.4).
func ParseName(der []byte) (Name, error) {
	var n Name
	s := cryptobyte.String(der)
	var rdns cryptobyte.String
	if !s.ReadASN1(&rdns, asn1.SEQUENCE) || !s.Empty() {
		return Name{}, fmt.Errorf("not a distinguished name: %d bytes that are not a single SEQUENCE", len(der))
	}
	for !rdns.Empty() {
		var set cryptobyte.String
		if !rdns.ReadASN1(&set, asn1.SET) || set.Empty() {
			return Name{}, fmt.Errorf("not a distinguished name: malformed RDN %d", len(n.RDNs)+1)
		}
		var rdn []Attribute
		for !set.Empty() {
			a, ok := readAttribute(&set)
			if !ok {
				return Name{}, fmt.Errorf("not a distinguished name: malformed attribute in RDN %d", len(n.RDNs)+1)
			}
			rdn = append(rdn, a)
		}
		n.RDNs = append(n.RDNs, rdn)
	}
	return n, nil
}

func readAttribute(set *cryptobyte.String) (Attribute, bool) {
	var pair, oid, value cryptobyte.String
	var tag asn1.Tag
	if !set.ReadASN1(&pair, asn1.SEQUENCE) || !pair.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) {
		return Attribute{}, false
	}
	raw := []byte(pair)
	if !pair.ReadAnyASN1(&value, &tag) || !pair.Empty() {
		return Attribute{}, false
	}
	a := Attribute{OID: dotted(oid), Tag: uint8(tag), Raw: raw}
	a.Value, a.IsText = decodeText(uint8(tag), value)
	return a, true
}

// dotted writes the content of an OBJECT IDENTIFIER. Arcs beyond 63 bits, which
// no assigned identifier has, are written in hex with a leading "x".
func dotted(content []byte) string {
	var b strings.Builder
	var arc uint64
	start := 0
	for i, c := range content {
		arc = arc<<7 | uint64(c&0x7f)
		if c&0x80 != 0 {
			continue
		}
		switch {
		case i-start > 8:
			fmt.Fprintf(&b, ".x%x", content[start:i+1])
		case start == 0:
			first := min(arc/40, 2)
			fmt.Fprintf(&b, "%d.%d", first, arc-40*first)
		default:
			fmt.Fprintf(&b, ".%d", arc)
		}
		arc, start = 0, i+1
	}
	return b.String()
}

// decodeText returns the text of the string types that names use. TeletexString
// is read as ISO 8859-1, which is what writers of such names mean.
func decodeText(tag uint8, content []byte) (string, bool) {
	switch tag {
	case 12: // UTF8String
		return string(content), utf8.Valid(content)
	case 18, 19, 22, 26: // NumericString, PrintableString, IA5String, VisibleString
		return string(content), !slices.ContainsFunc(content, func(b byte) bool { return b >= 0x80 })
	case 20: // TeletexString
		runes := make([]rune, len(content))
		for i, b := range content {
			runes[i] = rune(b)
		}
		return string(runes), true
	case 30: // BMPString
		if len(content)%2 != 0 {
			return "", false
		}
		units := make([]uint16, len(content)/2)
		for i := range units {
			units[i] = binary.BigEndian.Uint16(content[2*i:])
		}
		return string(utf16.Decode(units)), true
	case 28: // UniversalString
		if len(content)%4 != 0 {
			return "", false
		}
		runes := make([]rune, len(content)/4)
		for i := range runes {
			runes[i] = rune(binary.BigEndian.Uint32(content[4*i:]))
		}
		return string(runes), true
	}
	return "", false
}

// String writes the name after RFC 4514: the most specific RDN first. Control
// and formatting characters are escaped, so the text is safe for a terminal.
func (n Name) String() string {
	var b strings.Builder
	for i := len(n.RDNs) - 1; i >= 0; i-- {
		for j, a := range n.RDNs[i] {
			switch {
			case j > 0:
				b.WriteByte('+')
			case b.Len() > 0:
				b.WriteByte(',')
			}
			keyword, known := attributeKeyword(a.OID)
			b.WriteString(keyword)
			b.WriteByte('=')
			if known && a.IsText {
				b.WriteString(escapeValue(a.Value))
			} else {
				b.WriteString("#" + hex.EncodeToString(a.Raw))
			}
		}
	}
	return b.String()
}

// attributeKeyword returns the short name of an attribute type (RFC 4514,
// Section 3, RFC 4519, RFC 2985), or the dotted form.
func attributeKeyword(oid string) (keyword string, known bool) {
	switch oid {
	case "2.5.4.3":
		return "CN", true
	case "2.5.4.4":
		return "SN", true
	case "2.5.4.5":
		return "serialNumber", true
	case "2.5.4.6":
		return "C", true
	case "2.5.4.7":
		return "L", true
	case "2.5.4.8":
		return "ST", true
	case "2.5.4.9":
		return "STREET", true
	case "2.5.4.10":
		return "O", true
	case "2.5.4.11":
		return "OU", true
	case "2.5.4.12":
		return "title", true
	case "2.5.4.15":
		return "businessCategory", true
	case "2.5.4.17":
		return "postalCode", true
	case "2.5.4.42":
		return "givenName", true
	case "2.5.4.46":
		return "dnQualifier", true
	case "2.5.4.97":
		return "organizationIdentifier", true
	case "0.9.2342.19200300.100.1.1":
		return "UID", true
	case "0.9.2342.19200300.100.1.25":
		return "DC", true
	case "1.2.840.113549.1.9.1":
		return "emailAddress", true
	}
	return oid, false
}

// escapeValue escapes what RFC 4514, Section 2.4, demands, and every character
// that a terminal might act upon or hide.
func escapeValue(value string) string {
	var b strings.Builder
	for i, r := range value {
		last := i+utf8.RuneLen(r) == len(value)
		switch {
		case strings.ContainsRune(`"+,;<>\`, r),
			r == '#' && i == 0,
			r == ' ' && (i == 0 || last):
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == ' ' || unicode.IsGraphic(r) && !unicode.IsSpace(r):
			b.WriteRune(r)
		default:
			for _, c := range []byte(string(r)) {
				fmt.Fprintf(&b, `\%02X`, c)
			}
		}
	}
	return b.String()
}

// Key returns a string that is equal for two names exactly if they match under
// RFC 5280, Section 7.1: string types do not count, nor case, nor the amount of
// white space; values of other types are compared byte by byte. The key is for
// comparing, not for showing.
func (n Name) Key() string {
	return strings.Join(n.RDNKeys(), "")
}

// RDNKeys returns the key of each RDN by itself: a name lies in the subtree of
// another if its first keys are all of the other's (RFC 5280, Section 4.2.1.10).
func (n Name) RDNKeys() []string {
	keys := make([]string, len(n.RDNs))
	for i, rdn := range n.RDNs {
		keys[i] = rdnKey(rdn)
	}
	return keys
}

func rdnKey(rdn []Attribute) string {
	parts := make([]string, len(rdn))
	for i, a := range rdn {
		value := "#" + string(a.Raw)
		if a.IsText {
			value = "=" + canonicalText(a.Value)
		}
		parts[i] = a.OID + value
	}
	slices.Sort(parts)
	b := binary.AppendUvarint(nil, uint64(len(parts)))
	for _, p := range parts {
		b = binary.AppendUvarint(b, uint64(len(p)))
		b = append(b, p...)
	}
	return string(b)
}

// canonicalText prepares a string for comparison after RFC 4518: normalised,
// case folded, white space collapsed.
func canonicalText(s string) string {
	ascii := true
	for i := 0; i < len(s) && ascii; i++ {
		ascii = s[i] < 0x80
	}
	if ascii {
		s = strings.ToLower(s)
	} else {
		s = norm.NFKC.String(cases.Fold().String(norm.NFKC.String(s)))
	}
	return strings.Join(strings.Fields(s), " ")
}

// NameKey is [Name.Key] of the encoded name; bytes that are no name are equal
// only to themselves.
func NameKey(der []byte) string {
	n, err := ParseName(der)
	if err != nil {
		return "!" + string(der)
	}
	return n.Key()
}

// NameString is [Name.String] of the encoded name; an empty name is written
// "(empty name)", and bytes that are no name as their hex, shortened.
func NameString(der []byte) string {
	n, err := ParseName(der)
	switch {
	case err != nil && len(der) > 32:
		return fmt.Sprintf("(not a name: %x…, %d bytes)", der[:32], len(der))
	case err != nil:
		return fmt.Sprintf("(not a name: %x)", der)
	case len(n.RDNs) == 0:
		return "(empty name)"
	}
	return n.String()
}
