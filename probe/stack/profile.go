package stack

import (
	"mtlsprobe/certstore"
	"mtlsprobe/certstore/pbe"
	"mtlsprobe/report/say"
)

// A Profile is how one client stack selects: data over few parameters, each as
// the cited source shows.
type Profile struct {
	Program
	Names   names       // how the server's list is compared
	Empty   emptyList   // what a request without names means
	Gate    gate        // what is filtered by dates and usages
	Schemes schemeRules // which signature schemes are looked at
	Chain   chainSource // where the rest of the chain comes from
	Files   fileRules   // which files it reads
	Load    loadRules   // what is refused before any connection, however it is written
	Several several     // which of several identities in one store wins
	Late    late        // what it does where the server asks after the handshake
	// MaxRequest is the largest CertificateRequest it takes, in bytes with the
	// message's header; 0 means that no limit is known.
	MaxRequest int
}

// A Program is what a profile is of, and how that came to be known.
type Program struct {
	ID   string // stable
	Name string // short, for people
	// Versions says of which versions this holds.
	Versions   string
	Confidence Confidence
	Citation   string
	// Like is the ID of the profile that an alias has its rules from; empty for others.
	Like string
}

// A Confidence says how a profile came to be known.
type Confidence string

// The confidences, the strongest first.
const (
	Run        Confidence = "run"        // the real client was run
	Source     Confidence = "source"     // its source was read
	Documented Confidence = "documented" // its vendor's documentation says so
)

// names says how the names on the server's list are compared, and with what.
type names int

// The ways of comparing names.
const (
	Ignored          names = iota // the list is not looked at
	rawStored                     // bytes, with the issuers in the chain as stored
	foldedStored                  // RFC 5280, Section 7.1, with the issuers in the chain as stored
	foldedStoredTo12              // likewise up to TLS 1.2; in TLS 1.3 RSA and ECDSA are never sent
	textBuilt                     // text with its case, along the one path built, the newest issuer first
	rawBuilt                      // bytes, along the one path built, the newest issuer first
	rawAll                        // bytes, along every path, issuers and subjects
	engineBest                    // along the operating system's best path, which is not known here
	foldedAll                     // RFC 5280, Section 7.1, along every path
	rawAbove13                    // bytes, in TLS 1.3, with the issuers of the stored CAs; a leaf alone is sent
)

// emptyList says what a request without names means.
type emptyList int

// The meanings of an empty list.
const (
	emptyMeansAny  emptyList = iota
	emptyMeansLeaf           // any, and the leaf is sent alone
)

// A gate is what keeps an identity from being sent, whatever the server says.
type gate struct {
	Expired, NotYetValid bool // the leaf's dates
	PathDates            bool // those of the CAs above it, too
	ExtKeyUsage          bool // extendedKeyUsage without clientAuth
	// KeyUsage12 and KeyUsage13 are what becomes of keyUsage without digitalSignature up to
	// TLS 1.2 and in TLS 1.3, and KeyUsageUnnamed of that where the request has no names;
	// zero means that it is not looked at, or no difference.
	KeyUsage12, KeyUsage13, KeyUsageUnnamed failure
	KeyUsageECDSA                           bool // that is asked of ECDSA keys alone
}

// schemeRules say which signature schemes are looked at, and what happens when
// none can be used. See RFC 8446, Section 4.2.3, and RFC 5246, Section 7.4.4.
type schemeRules struct {
	Types        bool       // certificate_types count, up to TLS 1.2
	Ed25519      ed25519Use // where keys of Ed25519 are used
	CurveBound12 bool       // ECDSA schemes are bound to their curve before TLS 1.3, too
	NoSHA1       bool       // SHA-1 is not used for signing, though offered
	PKCS1Only12  bool       // RSA keys sign by RSASSA-PKCS1 before TLS 1.3
	KeyTypeOnly  bool       // only the kind of key is compared, not curve or length
	// Signed says whether the schemes also count for the signatures on the certificates.
	Signed signed
	// NamedPKCS1 says that in TLS 1.3 an RSA key fits a request with names only if the schemes
	// have one of RSASSA-PKCS1, though it signs with PSS.
	NamedPKCS1 bool
	Length     lengthRules
	None       misfit
}

// lengthRules say how an RSA key that is too short for a scheme of RSASSA-PSS fares.
type lengthRules struct {
	// Unchecked12 and Unchecked13 say that the key's length is not held against the scheme.
	Unchecked12, Unchecked13 bool
	// Short12 and Short13 are what becomes of that; zero means a signature that does not verify.
	Short12, Short13 failure
}

// A misfit is what a client does whose key suits nothing that the server allows.
type misfit struct {
	Type       failure // no certificate type, up to TLS 1.2; zero means an empty Certificate
	In12, In13 failure // no scheme
	RSA12      failure // no scheme for an RSA key up to TLS 1.2, where that differs
	SHA1       failure // schemes of SHA-1 alone up to TLS 1.2, where that differs
}

// signed says which signatures on certificates are held against the schemes.
type signed int

// The signatures that count.
const (
	noSignature   signed = iota
	eachSignature        // that of each certificate of the stored chain, self-signed ones aside
	leafByHash           // the leaf's, by its hash and the kind of key that made it
)

// Ed25519 says where a client uses keys of Ed25519.
type ed25519Use int

// The uses of Ed25519.
const (
	withEd25519      ed25519Use = iota
	noEd25519                   // there is no support
	unreadEd25519               // there is none, and the key cannot be loaded
	noEd25519To12               // none up to TLS 1.2
	typedEd25519To12            // up to TLS 1.2 not where the request has names: no certificate type stands for it
)

// A failure is what a client does when it cannot sign.
type failure struct {
	Action Action
	Alert  uint8
}

// The failures that several stacks share.
var (
	declines  = failure{Action: Declines}
	alerts40  = failure{Action: Alerts, Alert: 40}
	sends40   = failure{Action: SendsAlerts, Alert: 40}
	signsAway = failure{Action: BadSigns}
	fails     = failure{Action: Fails}
	unseen    = failure{Action: NotKnown}
)

// A chainSource says what is sent besides the leaf.
type chainSource int

// The sources of the chain.
const (
	asStored       chainSource = iota // what the identity holds, in its order
	sorted                            // of that, each one's issuer after it, as far as there is one
	sortedPKCS12                      // that of a PKCS #12 file, and of others what they hold, in its order
	trustStore                        // as stored; a leaf alone is completed from the CA file that verifies the server
	reversedPKCS12                    // likewise, and what a PKCS #12 file holds in reverse
	LeafAlone                         // the leaf; completed from the CA file that verifies the server
	builtNewest                       // one path from the store, the newest issuer first, without the root
	walkedToName                      // that path up to the first issuer on the list
	engine                            // what the operating system builds: not known here
)

// late says whether a program answers a request that comes after the handshake, as it is
// built and called by default.
type late struct {
	Renegotiation say.Answer // up to TLS 1.2
	PostHandshake say.Answer // TLS 1.3
}

// fileRules say which files a program reads.
type fileRules struct {
	// Takes is the form of file to write for it; empty where it takes an identity from elsewhere.
	Takes certstore.Encoding
	// Reader is how it reads them; empty where that was not measured.
	Reader certstore.Reader
	// Kinds are the kinds of files that are read. Imports says that identities are imported
	// into a store: a PEM file has to be written as PKCS #12 for that.
	Kinds   kinds
	Imports bool
	// Mixed says that of certificate and key one may be in DER and one in PEM.
	Mixed bool
	// ClearKey says that it reads no encrypted private key, and OneKey no file with two of them.
	ClearKey, OneKey bool
	// NoLegacy says that RC2, RC4 and DES are not decrypted.
	NoLegacy bool
	// Undecrypted are the algorithms that keys are not read in: without a cipher, all of a
	// family.
	Undecrypted []pbe.Algorithm
	Pairs       pairing
	// Unloaded is what comes of a file that cannot be loaded; zero means a local error.
	Unloaded failure
}

// A pairing is what becomes of a certificate and a key that do not belong together, as where
// a PEM file has another one first.
type pairing struct {
	// OtherKey is for a key of the certificate's type, and zero means that it is refused when it
	// is loaded. OtherType is for one of another type; zero means the same.
	OtherKey, OtherType failure
	// Leading12 and Leading13 are for a file of certificates that does not begin with the
	// key's, up to TLS 1.2 and in TLS 1.3; zero for programs that take no such file.
	Leading12, Leading13 failure
}

// loadRules are what a library refuses before any connection.
type loadRules struct {
	MinRSA int // bits
	// ShortRSA is what becomes of a shorter key; zero means a local error.
	ShortRSA failure
	// Weak says that certificates signed with SHA-1 or MD5 are refused, roots aside.
	Weak bool
	// WeakLate is what becomes of that where it is a CA in a PKCS #12 file; zero means the same,
	// and Sends that it is left out.
	WeakLate failure
	// NoMLDSA says that the program was seen not to read keys of ML-DSA; of others it is not
	// known.
	NoMLDSA bool
}
