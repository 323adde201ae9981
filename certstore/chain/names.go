package chain

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"mtlsprobe/certstore"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// A NameForm is a form of names that name constraints are judged for.
type NameForm string

// The forms; the zero NameForm stands for all others.
const (
	DirectoryName NameForm = "directory name"
	HostName      NameForm = "host name"
	CommonName    NameForm = "commonName" // of a leaf without a host name, where it looks like one
)

// A violation is a name that constraints do not allow; no detail means none.
type violation struct {
	detail string
	form   NameForm
}

// A nameKind is the tag of a GeneralName (RFC 5280, Section 4.2.1.6).
type nameKind uint8

// The kinds of names that constraints are judged for.
const (
	mailName      nameKind = 1
	dnsName       nameKind = 2
	directoryName nameKind = 4
	uriName       nameKind = 6
	addressName   nameKind = 7
	lastName      nameKind = 8 // beyond it there are none
)

// maxComparisons bounds the work on one pair of certificates: names of one kind
// times constraints on it. BoringSSL has the same bound.
const maxComparisons = 1 << 20

// A generalName is a name of a certificate or the base of a subtree.
type generalName struct {
	kind  nameKind
	value []byte   // content of the GeneralName; for directoryName the DER of the Name
	rdns  []string // of a directoryName, as keys; nil if it cannot be decoded
	// mistyped says that a mail address in a subject is not an IA5String.
	mistyped bool
	common   bool // a dnsName that is a commonName
}

func (n generalName) form() NameForm {
	switch {
	case n.common:
		return CommonName
	case n.kind == dnsName:
		return HostName
	case n.kind == directoryName:
		return DirectoryName
	}
	return ""
}

func directory(der []byte) generalName {
	n := generalName{kind: directoryName, value: der}
	if name, err := certstore.ParseName(der); err == nil {
		n.rdns = name.RDNKeys()
	}
	return n
}

func (n generalName) String() string {
	switch n.kind {
	case directoryName:
		return certstore.NameString(n.value)
	case addressName:
		if address, ok := netip.AddrFromSlice(n.value); ok && len(n.value) == 4 {
			return address.String()
		}
		half := len(n.value) / 2 // an IPv6 address has the length of nothing else
		address, ok := netip.AddrFromSlice(n.value[:half])
		mask, _ := netip.AddrFromSlice(n.value[half:])
		if !ok || len(n.value) == 16 {
			address, _ = netip.AddrFromSlice(n.value)
			return address.String()
		}
		return address.String() + "/" + mask.String()
	case mailName, dnsName, uriName:
		return fmt.Sprintf("%q", n.value)
	}
	return fmt.Sprintf("name of kind [%d]", n.kind)
}

// limits are a certificate's name constraints (RFC 5280, Section 4.2.1.10).
type limits struct {
	permitted, excluded []generalName
	critical            bool
	err                 error // the extension cannot be read
}

// nameLimits decodes a certificate's name constraints.
func nameLimits(c *x509.Certificate) *limits {
	for _, e := range c.Extensions {
		if e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 30}) {
			l := parseLimits(e.Value)
			l.critical = e.Critical
			return l
		}
	}
	return &limits{}
}

func parseLimits(der []byte) *limits {
	var l limits
	s := cryptobyte.String(der)
	var outer, permitted, excluded cryptobyte.String
	var has bool
	if !s.ReadASN1(&outer, casn1.SEQUENCE) || !s.Empty() ||
		!outer.ReadOptionalASN1(&permitted, &has, casn1.Tag(0).ContextSpecific().Constructed()) ||
		!outer.ReadOptionalASN1(&excluded, &has, casn1.Tag(1).ContextSpecific().Constructed()) || !outer.Empty() {
		return &limits{err: errors.New("the nameConstraints extension cannot be decoded")}
	}
	for _, side := range []struct {
		from cryptobyte.String
		into *[]generalName
	}{{permitted, &l.permitted}, {excluded, &l.excluded}} {
		for !side.from.Empty() {
			var subtree cryptobyte.String
			if !side.from.ReadASN1(&subtree, casn1.SEQUENCE) {
				return &limits{err: errors.New("a subtree of nameConstraints cannot be decoded")}
			}
			base, ok := readGeneralName(&subtree)
			if !ok {
				return &limits{err: errors.New("the base of a subtree of nameConstraints cannot be decoded")}
			}
			*side.into = append(*side.into, base) // minimum and maximum are always 0 and absent
		}
	}
	return &l
}

func readGeneralName(s *cryptobyte.String) (generalName, bool) {
	var content cryptobyte.String
	var tag casn1.Tag
	if !s.ReadAnyASN1(&content, &tag) || tag&0xc0 != 0x80 {
		return generalName{}, false
	}
	n := generalName{kind: nameKind(tag & 0x1f), value: content}
	if n.kind > lastName {
		return generalName{}, false
	}
	if n.kind == directoryName {
		var name cryptobyte.String // the CHOICE of Name makes the tag explicit
		if !content.ReadASN1Element(&name, casn1.SEQUENCE) || !content.Empty() {
			return generalName{}, false
		}
		return directory(name), true
	}
	return n, true
}

// excluded returns what is outside the CA's limits, for each certificate from the step down to
// the leaf. Each pair is judged once in a
// search, and there is a bound on all of them together.
func (w *walk) excluded(ca *Certificate, s *step) []violation {
	l := ca.limits
	if l.err != nil {
		return []violation{{detail: l.err.Error()}}
	}
	if len(l.permitted) == 0 && len(l.excluded) == 0 {
		return nil
	}
	var found []violation
	for ; s != nil; s = s.below {
		if s.below != nil && s.cert.node != nil && s.cert.issuer == s.cert.node.subject {
			continue // a self-issued CA certificate is exempt
		}
		pair := [2]*Certificate{ca, s.cert}
		v, known := w.violations[pair]
		if !known {
			v = w.violation(l, s.cert, s.below == nil)
			w.violations[pair] = v
		}
		if v.detail != "" {
			found = append(found, v)
		}
	}
	return found
}

// violation says which name of the certificate the limits do not allow.
func (w *walk) violation(l *limits, c *Certificate, leaf bool) violation {
	names, err := namesOf(c, leaf)
	if err != nil {
		return violation{detail: fmt.Sprintf("%s: %v", shortName(c), err)}
	}
	work := l.comparisons(names)
	if w.comparisons += work; work > maxComparisons || w.comparisons > 2*maxComparisons {
		w.found.Cut = w.found.Cut || work <= maxComparisons
		return violation{detail: fmt.Sprintf("%s: %d names under %d constraints are too many to compare", shortName(c),
			len(names), len(l.permitted)+len(l.excluded))}
	}
	return l.violation(names)
}

// shortName is the subject, cut: some have thousands of attributes.
func shortName(c *Certificate) string {
	const most = 120
	name := []rune(certstore.NameString(c.RawSubject))
	if len(name) > most {
		return string(name[:most]) + "…"
	}
	return string(name)
}

// violation says which of the names the limits do not allow. Where a server's library
// gives up on a name or a constraint, the name is not allowed: RFC 5280, Section 4.2.1.10,
// wants a certificate rejected then.
func (l *limits) violation(names []generalName) violation {
	for _, name := range names {
		// crypto/x509 gives up on hosts and URIs whatever is constrained, and OpenSSL on
		// a mail address of another type.
		if name.mistyped || name.malformed() && (name.kind != mailName || l.concerns(mailName)) {
			return violation{fmt.Sprintf("%v is malformed, so that no constraint can be judged", name), name.form()}
		}
		for _, base := range l.excluded {
			if base.kind != name.kind {
				continue
			}
			if in, known := name.within(base); in || !known || name.wildcardMeets(base) {
				return violation{fmt.Sprintf("%v is in the excluded subtree %v", name, base), name.form()}
			}
		}
		constrained, permitted := false, false
		for _, base := range l.permitted {
			if base.kind != name.kind {
				continue
			}
			in, _ := name.within(base)
			constrained, permitted = true, permitted || in
		}
		if constrained && !permitted {
			return violation{fmt.Sprintf("%v is not in a permitted subtree", name), name.form()}
		}
	}
	return violation{}
}

// comparisons counts names times constraints of the kind that has most.
func (l *limits) comparisons(names []generalName) int {
	constraints, work := make(map[nameKind]int), make(map[nameKind]int)
	for _, base := range slices.Concat(l.permitted, l.excluded) {
		constraints[base.kind]++
	}
	most := 0
	for _, name := range names {
		work[name.kind] += constraints[name.kind]
		most = max(most, work[name.kind])
	}
	return most
}

func (l *limits) concerns(kind nameKind) bool {
	is := func(n generalName) bool { return n.kind == kind }
	return slices.ContainsFunc(l.permitted, is) || slices.ContainsFunc(l.excluded, is)
}

// malformed reports whether the name is none of its kind: a host with an empty label,
// also at its end; a mail address with several unquoted at signs; or a URI without a
// host's name, which no constraint can be compared with.
func (n generalName) malformed() bool {
	text := string(n.value)
	switch n.kind {
	case dnsName:
		return strings.HasPrefix(text, ".") || strings.HasSuffix(text, ".") || strings.Contains(text, "..")
	case mailName:
		return !strings.Contains(text, "@") || !strings.Contains(text, `"`) && strings.Count(text, "@") > 1
	case uriName:
		u, err := url.Parse(text)
		if err != nil || u.Hostname() == "" || strings.HasSuffix(u.Hostname(), ".") {
			return true
		}
		_, err = netip.ParseAddr(u.Hostname())
		return err == nil
	}
	return false
}

// wildcardMeets reports whether a wildcard host stands for the excluded one.
func (n generalName) wildcardMeets(base generalName) bool {
	parent, wildcard := strings.CutPrefix(strings.ToLower(string(n.value)), "*.")
	_, above, _ := strings.Cut(strings.ToLower(string(base.value)), ".")
	return n.kind == dnsName && wildcard && above == parent
}

// namesOf returns every name of a certificate that constraints apply to: its subject,
// the alternative names, and what OpenSSL adds to them: mail addresses in the subject
// (RFC 5280, Section 4.2.1.10, has them only without an alternative one), and in a leaf
// without an alternative host name a commonName that looks like one.
func namesOf(c *Certificate, leaf bool) ([]generalName, error) {
	subject, err := certstore.ParseName(c.RawSubject)
	if err != nil {
		return nil, err
	}
	var names []generalName
	hasHost := false
	for _, e := range c.Extensions {
		if !e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 17}) {
			continue
		}
		s := cryptobyte.String(e.Value)
		var list cryptobyte.String
		if !s.ReadASN1(&list, casn1.SEQUENCE) {
			return nil, errors.New("subjectAltName cannot be decoded")
		}
		for !list.Empty() {
			name, ok := readGeneralName(&list)
			if !ok {
				return nil, errors.New("a subjectAltName cannot be decoded")
			}
			hasHost = hasHost || name.kind == dnsName
			names = append(names, name)
		}
	}
	for _, rdn := range subject.RDNs {
		for _, a := range rdn {
			switch {
			case a.OID == "1.2.840.113549.1.9.1" && a.IsText:
				names = append(names, generalName{kind: mailName, value: []byte(a.Value),
					mistyped: casn1.Tag(a.Tag) != casn1.IA5String})
			case a.OID == "2.5.4.3" && a.IsText && leaf && !hasHost && looksLikeHost(a.Value):
				names = append(names, generalName{kind: dnsName, value: []byte(a.Value), common: true})
			}
		}
	}
	if len(subject.RDNs) > 0 { // last: some programs do not judge it
		names = append(names, directory(c.RawSubject))
	}
	return names, nil
}

// looksLikeHost reports whether OpenSSL takes a commonName for a host name
// (crypto/x509/v3_ncons.c, cn2dnsid): letters, digits and underscores in at least two
// labels, with hyphens within these.
func looksLikeHost(name string) bool {
	labels := strings.Split(name, ".")
	for _, label := range labels {
		odd := func(r rune) bool {
			return r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
		}
		if label == "" || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") || strings.ContainsFunc(label, odd) {
			return false
		}
	}
	return len(labels) > 1
}

// within reports whether the name lies in the subtree of a base of its kind.
// known is false for kinds of names that are not judged.
func (n generalName) within(base generalName) (in, known bool) {
	switch n.kind {
	case directoryName:
		if n.rdns == nil || base.rdns == nil || len(n.rdns) < len(base.rdns) {
			return false, true
		}
		return slices.Equal(n.rdns[:len(base.rdns)], base.rdns), true
	case dnsName:
		return hostWithin(string(n.value), string(base.value), true), true
	case mailName:
		return mailWithin(string(n.value), string(base.value)), true
	case uriName:
		u, err := url.Parse(string(n.value))
		if err != nil {
			return false, true
		}
		return hostWithin(u.Hostname(), string(base.value), false), true
	case addressName:
		return addressWithin(n.value, base.value), true
	}
	return false, false
}

// hostWithin compares host names. A base with a leading dot stands for the
// hosts below it; one without for itself and, if below is set, those below it.
func hostWithin(host, base string, below bool) bool {
	host, base = strings.ToLower(host), strings.ToLower(base)
	switch {
	case base == "":
		return true
	case strings.HasPrefix(base, "."):
		return strings.HasSuffix(host, base) && len(host) > len(base)
	}
	return host == base || below && strings.HasSuffix(host, "."+base)
}

// mailWithin compares mail addresses: the base is an address, a host, or with a
// leading dot the hosts below it. The local part counts with its case.
func mailWithin(address, base string) bool {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return false
	}
	if baseAt := strings.LastIndexByte(base, '@'); baseAt >= 0 {
		return address[:at] == base[:baseAt] && strings.EqualFold(address[at+1:], base[baseAt+1:])
	}
	return hostWithin(address[at+1:], base, false)
}

// addressWithin compares an address with a base of address and mask, which may have bits
// beyond the mask.
func addressWithin(address, base []byte) bool {
	if len(base) != 2*len(address) || len(address) != 4 && len(address) != 16 {
		return false
	}
	for i, mask := range base[len(address):] {
		if (address[i]^base[i])&mask != 0 {
			return false
		}
	}
	return true
}
