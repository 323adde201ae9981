package verifier

import (
	"crypto/x509"
	"slices"

	"mtlsprobe/certstore/chain"
)

// A Confidence says how a profile came to be known.
type Confidence string

// The confidences, the strongest first.
const (
	Run Confidence = "run" // the real server was run
)

// A Profile is how one server program judges a client's certificate.
type Profile struct {
	ID   string // stable
	Name string // short, for people
	// Versions says of which versions this holds.
	Versions   string
	Confidence Confidence
	Citation   string
	// Like is the ID of the profile that a version judges nearly as; empty for others.
	Like string

	Path       pathRule
	Choice     choice   // which issuer is followed
	Names      nameRule // how an issuer's name is compared
	Settable   settable
	LeafRules  leafRules
	CA         caRules
	Keys       keyRules
	Extensions extensionRules
	Reasons    reasonRules
	Refusal    refusal
}

// settable is what an administrator can set.
type settable struct {
	Defaults Settings
	// Directives are how the settings are called in the program's configuration; what is
	// missing cannot be set there.
	Directives map[Setting]string
	Counts     depthRule // what Settings.Depth counts
	// MaxCertificates is the greatest number of certificates that a client may send, the leaf
	// included; 0 for no limit that is known.
	MaxCertificates int
}

// leafRules are for the client's own certificate.
type leafRules struct {
	EKU      usageRule
	KeyUsage keyUsageRule
	Netscape netscapeRule
	NoCA     bool // a CA's certificate is refused
}

// caRules are for the certificates above it.
type caRules struct {
	EKU           usageRule
	NeedsKeyUsage bool // one without keyUsage may not sign
}

// extensionRules say how extensions are understood.
type extensionRules struct {
	Forms []chain.NameForm // of names under name constraints that are not judged
	// HostsNeeded says that a constraint on host names wants one to be there.
	HostsNeeded bool
	// ConstraintsOfCA takes name constraints in a certificate that is no CA's for an error.
	ConstraintsOfCA bool
	// Unhandled are extensions (by their number in id-ce) that are not known: marked
	// critical, they refuse the certificate.
	Unhandled []int
	AsGo      bool // crypto/x509 decides which critical extensions are known
	// DecodesAll refuses a client that sends any certificate, on the path or not, that cannot
	// be decoded.
	DecodesAll bool
}

// reasonRules say which reasons count, and which is told.
type reasonRules struct {
	Ignored []Reason
	// OnAnchor are the reasons that count for the trusted certificate at the end of the path,
	// and OnIntermediate those that count, too, if it is an intermediate. OnBuilt are those that
	// count where Choice.Ordered is set and what was sent is not in order.
	OnAnchor, OnIntermediate, OnBuilt []Reason
	// Order is what is looked at first. Within a class the path is looked at from the leaf up, and
	// from its end down where Signature is one of the class's reasons; of one certificate the
	// first reason is told.
	Order [][]Reason
}

// A refusal says how a program refuses.
type refusal struct {
	// Alerts are sent for the reasons; Other for those that are not in it. Zero closes the
	// connection without an alert.
	Alerts map[Reason]uint8
	Other  uint8
	// CADates is sent for the dates of CA certificates; 0 for the same as for the leaf's.
	CADates uint8
	// LeafKey is sent for the kind or length of the leaf's key; 0 for the same as for a CA's.
	LeafKey uint8
	Status  int // the HTTP status by which it refuses, after the handshake; 0 for none
}

// A pathRule says how a program looks for a path.
type pathRule int

// The ways of looking for a path.
const (
	firstIssuer pathRule = iota // follows the issuer that it likes best, and does not turn back
	everyPath                   // takes any path that holds
	asSent                      // sorts what was sent, and looks for an anchor at its end
	eachSent                    // judges every certificate sent, the last one first
)

// A choice says which of several possible issuers is followed.
type choice struct {
	// SentFirst prefers certificates that the client sent to those of the trust file.
	SentFirst bool
	// Identifiers says that an authority key identifier must not contradict; Serials that the
	// issuer and serial number in it count, too.
	Identifiers, Serials bool
	// AnchorSigns wants a trusted issuer's key to have made the signature.
	AnchorSigns bool
	// Current prefers certificates that are valid now; AnchorCurrent takes a trusted one that is
	// not only where nothing else will do.
	Current, AnchorCurrent bool
	// Issuing leaves out certificates with these faults, or where Newest is set, takes them
	// last.
	Issuing []Reason
	// Reverse prefers trusted certificates that stand later in the trust file.
	Reverse bool
	// Unordered says that it cannot be told which of several trusted certificates is taken.
	Unordered bool
	// NoLeaf says that a leaf is not trusted for standing in the trust file; self-signed ones
	// aside, unless NoSelfSigned.
	NoLeaf, NoSelfSigned bool
	// Later looks only among the certificates sent after the one whose issuer is sought.
	Later bool
	// Newest prefers the certificate that began latest, and of those the last one sent.
	Newest bool
	Self   selfRule
	// Ordered judges one path, along what was sent, where that is in order. Then key identifiers
	// count for the step to the trusted certificate alone.
	Ordered bool
	// TrustedOnly says that only trusted certificates follow on a trusted one.
	TrustedOnly bool
}

// A selfRule says what is taken for self-signed, and ends a path.
type selfRule int

// The rules for self-signed certificates.
const (
	selfSigned     selfRule = iota // what its own key signed
	selfIdentified                 // what names itself as issuer, unless its identifiers contradict
	selfIssuing                    // likewise, if its keyUsage lets it sign certificates
	selfNamed                      // what names itself as issuer
	selfGoesOn                     // what its own key signed, and it does not end a path
)

// A nameRule says how names are compared.
type nameRule int

// The ways of comparing names.
const (
	folded        nameRule = iota // RFC 5280, Section 7.1
	foldedCase                    // by case, not by spaces
	exact                         // byte by byte
	exactToAnchor                 // byte by byte to trusted certificates, by the strings' values to others
)

// A depthRule says what a depth counts.
type depthRule int

// The ways of counting.
const (
	intermediates  depthRule = iota // between the leaf and the end of the path
	caCertificates                  // above the leaf
)

// of is the depth that a path has.
func (r depthRule) of(path []*x509.Certificate) int {
	if r == caCertificates {
		return len(path) - 1
	}
	return max(0, len(path)-2)
}

// A usageRule says which extendedKeyUsage will do. A certificate without the extension always
// does.
type usageRule int

// The usages.
const (
	anyUsage        usageRule = iota // it is not looked at
	clientAuth                       // clientAuth
	clientAuthOrAny                  // clientAuth or anyExtendedKeyUsage
	tlsUsage                         // clientAuth or serverAuth
)

func (r usageRule) allows(c *x509.Certificate) bool {
	if r == anyUsage || len(c.ExtKeyUsage) == 0 && len(c.UnknownExtKeyUsage) == 0 {
		return true
	}
	has := func(u x509.ExtKeyUsage) bool { return slices.Contains(c.ExtKeyUsage, u) }
	return has(x509.ExtKeyUsageClientAuth) || r == clientAuthOrAny && has(x509.ExtKeyUsageAny) ||
		r == tlsUsage && has(x509.ExtKeyUsageServerAuth)
}

// A keyUsageRule says which keyUsage of the leaf will do. A certificate without the extension
// always does.
type keyUsageRule int

// The key usages.
const (
	anyKeyUsage       keyUsageRule = iota // it is not looked at
	signs                                 // digitalSignature
	signsOrAgreesKeys                     // digitalSignature or keyAgreement
)

func (r keyUsageRule) allows(c *x509.Certificate) bool {
	return r == anyKeyUsage || c.KeyUsage == 0 || c.KeyUsage&x509.KeyUsageDigitalSignature != 0 ||
		r == signsOrAgreesKeys && c.KeyUsage&x509.KeyUsageKeyAgreement != 0
}

// A netscapeRule says when nsCertType counts.
type netscapeRule int

// The rules for nsCertType.
const (
	netscapeIgnored    netscapeRule = iota
	netscapeCounts                  // it has to name SSL clients
	netscapeWithoutEKU              // likewise, where there is no extendedKeyUsage
)

// keyRules say which keys and signatures are refused.
type keyRules struct {
	MinRSA    int  // bits, of every key on the path; a security level may ask for more
	NoSHA1    bool // in signatures, roots aside
	SHA1Level int  // up to which security level SHA-1 is taken; 0 is OpenSSL's from 3.0 on
	MD5       bool // is taken
	NoEd25519 bool
	NoP224    bool
	NoP521    bool
	NoPSS     bool // RSASSA-PSS in a certificate's signature
}

// A Reason says why a server refuses a certificate.
type Reason string

// The reasons.
const (
	NoIssuer           Reason = "no issuer at hand"
	Untrusted          Reason = "not trusted" // a self-signed CA certificate
	SelfSignedLeaf     Reason = "self-signed"
	Ambiguous          Reason = "ambiguous" // which certificate is followed cannot be told
	Expired            Reason = "expired"
	NotYetValid        Reason = "not yet valid"
	Signature          Reason = "signature"
	Weak               Reason = "weak signature"
	Algorithm          Reason = "signature algorithm"
	Key                Reason = "key" // too short, or its curve is not taken
	Unsupported        Reason = "kind of key"
	KeyKind            Reason = "kind of key not observed" // which makes it unknown
	NotCA              Reason = "not a CA"
	NoBasicConstraints Reason = "no basicConstraints"
	MaySign            Reason = "may not sign"
	NoKeyUsage         Reason = "no keyUsage"
	NoKeyIdentifier    Reason = "no key identifier"
	Length             Reason = "path too long"
	TooLong            Reason = "too many certificates"
	Constraint         Reason = "name constraint"
	Policy             Reason = "policy"
	Critical           Reason = "critical extension"
	Usage              Reason = "extended key usage"
	CAUsage            Reason = "extended key usage of a CA"
	LeafKeyUsage       Reason = "key usage"
	NetscapeType       Reason = "Netscape certificate type"
	NotAtHand          Reason = "not at hand" // certificates that the server trusts
	TooMuch            Reason = "too much"    // more certificates than this program looks at
	LeafIsCA           Reason = "a CA's certificate"
)

// alert is what the program sends for an outcome; 0 for none.
func (w *world) alert(o outcome) uint8 {
	ofCA := o.certificate != nil && !o.certificate.Equal(w.Leaf)
	if w.Refusal.CADates != 0 && ofCA && (o.reason == Expired || o.reason == NotYetValid) {
		return w.Refusal.CADates
	}
	if w.Refusal.LeafKey != 0 && !ofCA && o.reason == Key {
		return w.Refusal.LeafKey
	}
	return w.Refusal.alert(o.reason)
}

func (r *refusal) alert(reason Reason) uint8 {
	if alert, ok := r.Alerts[reason]; ok {
		return alert
	}
	return r.Other
}
