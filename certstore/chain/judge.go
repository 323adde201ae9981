package chain

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"slices"
	"time"

	"mtlsprobe/certstore"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// judge adds what is wrong with the step's certificate as the issuer of those
// below.
func (w *walk) judge(s *step) {
	c := s.cert
	add := func(reason Reason, detail string) { s.add(Break{Index: s.index, Reason: reason, Detail: detail}) }
	switch {
	case w.now.After(c.NotAfter):
		add(Expired, "since "+c.NotAfter.UTC().Format(time.DateOnly))
	case w.now.Before(c.NotBefore):
		add(NotYetValid, "before "+c.NotBefore.UTC().Format(time.DateOnly))
	}
	switch selfIssued := c.issuer == c.node.subject; {
	case c.Version >= 3 && !(c.BasicConstraintsValid && c.IsCA):
		add(NotCA, "basicConstraints does not say CA")
	case c.Version < 3 && !selfIssued:
		add(NotCA, fmt.Sprintf("a certificate of version %d cannot say that it is a CA's", c.Version))
	}
	if c.KeyUsage&x509.KeyUsageCertSign == 0 && (c.KeyUsage != 0 || hasExtension(c, 15)) {
		add(MaySign, "keyUsage lacks keyCertSign")
	}
	if limit, has := pathLength(c.Certificate); has && s.below.between > limit {
		add(Length, fmt.Sprintf("pathLenConstraint is %d, %d intermediates stand below", limit, s.below.between))
	}
	if !ForClientAuth(c.Certificate) {
		add(ClientAuth, "extKeyUsage lacks clientAuth")
	}
	for _, v := range w.excluded(c, s.below) {
		s.add(Break{s.index, Names, v.detail, v.form})
	}
	s.breaks = critical(c, s.index, s.breaks)
}

// hasExtension reports whether the certificate has the extension id-ce n.
func hasExtension(c *Certificate, n int) bool {
	return slices.ContainsFunc(c.Extensions, func(e pkix.Extension) bool {
		return e.Id.Equal(asn1.ObjectIdentifier{2, 5,
			29, n})
	})
}

func pathLength(c *x509.Certificate) (limit int, has bool) {
	return c.MaxPathLen, c.BasicConstraintsValid && (c.MaxPathLen > 0 || c.MaxPathLen == 0 && c.MaxPathLenZero)
}

// ForClientAuth reports whether the certificate's extKeyUsage allows TLS client
// authentication; without the extension it does (RFC 5280, Section 4.2.1.12).
func ForClientAuth(c *x509.Certificate) bool {
	if len(c.ExtKeyUsage) == 0 && len(c.UnknownExtKeyUsage) == 0 {
		return true
	}
	return slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth) ||
		slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
}

// critical adds a break for each critical extension that no path validation
// knows: a certificate with one is refused (RFC 5280, Section 4.2).
func critical(c *Certificate, index int, breaks []Break) []Break {
	for _, e := range c.Extensions {
		if e.Critical && !knownExtension(e.Id) {
			breaks = append(slices.Clip(breaks), Break{Index: index, Reason: Critical,
				Detail: "extension " + e.Id.String() + " is marked critical"})
		}
	}
	return breaks
}

// knownExtension reports whether the extension is one of id-ce that path
// validation processes, or may ignore even where it is critical.
func knownExtension(id asn1.ObjectIdentifier) bool {
	if len(id) != 4 || id[0] != 2 || id[1] != 5 || id[2] != 29 {
		return false
	}
	// keyUsage, subjectAltName, basicConstraints, nameConstraints,
	// cRLDistributionPoints, certificatePolicies, policyMappings,
	// authorityKeyIdentifier, policyConstraints, extKeyUsage, inhibitAnyPolicy.
	return slices.Contains([]int{15, 17, 19, 30, 31, 32, 33, 35, 36, 37, 54}, id[3])
}

// join compares how the child names its issuer with the parent.
func join(child, parent *Certificate) Join {
	j := Join{Exact: bytes.Equal(child.RawIssuer, parent.RawSubject)}
	if len(child.AuthorityKeyId) > 0 && len(parent.SubjectKeyId) > 0 &&
		!bytes.Equal(child.AuthorityKeyId, parent.SubjectKeyId) {
		j.KeyIdentifier = fmt.Sprintf("the authority key identifier is %x, the issuer's subject key identifier %x",
			child.AuthorityKeyId, parent.SubjectKeyId)
	} else if _, serial := issuerAndSerial(child.Certificate); serial != nil &&
		!bytes.Equal(serial, parent.SerialNumber.Bytes()) {
		j.KeyIdentifier = fmt.Sprintf("the authority key identifier points to serial %x, the issuer's certificate has %x",
			serial, parent.SerialNumber)
	}
	return j
}

// MeansSerial reports whether the issuer and the serial number in the child's authority key
// identifier, where it has them, are those of the parent's certificate.
func MeansSerial(child, parent *x509.Certificate) bool {
	issuer, serial := issuerAndSerial(child)
	return (serial == nil || bytes.Equal(serial, parent.SerialNumber.Bytes())) &&
		(issuer == nil || certstore.NameKey(issuer) == certstore.NameKey(parent.RawIssuer))
}

// issuerAndSerial returns authorityCertIssuer, a Name in DER, and authorityCertSerialNumber of
// the certificate's authority key identifier, each nil where it is not there (RFC 5280, Section
// 4.2.1.1).
func issuerAndSerial(c *x509.Certificate) (issuer, number []byte) {
	for _, e := range c.Extensions {
		if !e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 35}) {
			continue
		}
		s := cryptobyte.String(e.Value)
		var id, names, serial cryptobyte.String
		var hasNames, hasSerial bool
		if !s.ReadASN1(&id, casn1.SEQUENCE) || !id.SkipOptionalASN1(casn1.Tag(0).ContextSpecific()) ||
			!id.ReadOptionalASN1(&names, &hasNames, casn1.Tag(1).ContextSpecific().Constructed()) ||
			!id.ReadOptionalASN1(&serial, &hasSerial, casn1.Tag(2).ContextSpecific()) {
			return nil, nil
		}
		for !names.Empty() && issuer == nil {
			name, ok := readGeneralName(&names)
			if !ok {
				break
			}
			if name.kind == directoryName {
				issuer = name.value
			}
		}
		if hasSerial {
			number = bytes.TrimLeft(serial, "\x00")
		}
	}
	return issuer, number
}
