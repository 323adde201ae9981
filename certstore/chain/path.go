package chain

// A Path leads from a leaf upwards, each certificate issued, by name, by the
// next one.
type Path struct {
	// Certificates start with the leaf. The last one is self-signed, or its
	// issuer is not at hand, or the way went on in a circle.
	Certificates []*Certificate
	// Joins has one entry fewer: Joins[i] ties Certificates[i] to its issuer.
	Joins []Join
	// Breaks are the reasons why the path does not hold; none for a valid path.
	Breaks []Break
	// Root says that the last certificate is self-signed.
	Root bool
}

// A Join says how a certificate is tied to the next one of a path.
type Join struct {
	// Exact says that the issuer's name is the other's subject byte for byte;
	// otherwise only under RFC 5280, Section 7.1, in string type, case or space.
	Exact bool
	// KeyIdentifier says how the authority key identifier contradicts the other
	// certificate; empty if it does not. The identifiers are hints, no proof, but
	// OpenSSL takes no issuer that they contradict.
	KeyIdentifier string
}

// A Break is one reason at one certificate of a path.
type Break struct {
	// Index of the certificate concerned. For the reasons that lie between two
	// certificates it is the lower one: see [Reason.Between].
	Index  int
	Reason Reason
	Detail string
	// Form is that of the name that a constraint does not allow; empty for other reasons.
	Form NameForm
}

// A Reason says what breaks a path.
type Reason string

// The reasons why a path breaks, with the rule that it breaks.
const (
	Signature   Reason = "signature"                     // RFC 5280, Section 6.1.3 (a)(1)
	Unverified  Reason = "signature cannot be verified"  // likewise, and nothing is known
	Weak        Reason = "weak signature"                // no RFC rule: what current TLS stacks no longer accept
	OtherName   Reason = "the issuer has another name"   // RFC 5280, Section 6.1.3 (a)(4)
	Expired     Reason = "expired"                       // RFC 5280, Section 6.1.3 (a)(2)
	NotYetValid Reason = "not yet valid"                 // RFC 5280, Section 6.1.3 (a)(2)
	NotCA       Reason = "not a CA"                      // RFC 5280, Section 6.1.4 (k)
	MaySign     Reason = "may not sign"                  // RFC 5280, Section 6.1.4 (n)
	Length      Reason = "path too long"                 // RFC 5280, Section 6.1.4 (m)
	Names       Reason = "name constraint"               // RFC 5280, Section 6.1.3 (b) and (c)
	Policy      Reason = "no acceptable policy"          // RFC 5280, Section 6.1.3 (f)
	Critical    Reason = "critical extension not known"  // RFC 5280, Section 6.1.4 (o)
	ClientAuth  Reason = "not for client authentication" // no RFC rule: what all TLS stacks do with extKeyUsage of a CA
)

// Between reports whether the reason concerns a certificate and its issuer
// rather than one certificate alone.
func (r Reason) Between() bool {
	return r == Signature || r == Unverified || r == Weak || r == OtherName
}

// within reports whether the break counts for the path that ends at the index.
func (b Break) within(index int) bool {
	return b.Index < index || b.Index == index && !b.Reason.Between()
}

// UpTo returns the part of the path that ends with the certificate at the
// index. Its Root is false unless that is the whole path's end.
func (p *Path) UpTo(index int) Path {
	part := Path{Certificates: p.Certificates[:index+1], Joins: p.Joins[:index],
		Root: p.Root && index == len(p.Certificates)-1}
	for _, b := range p.Breaks {
		if b.within(index) {
			part.Breaks = append(part.Breaks, b)
		}
	}
	return part
}

// HoldsUpTo reports whether nothing breaks the path up to and including the
// certificate with the index.
func (p *Path) HoldsUpTo(index int) bool {
	for _, b := range p.Breaks {
		if b.within(index) {
			return false
		}
	}
	return true
}
