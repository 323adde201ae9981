package stack

import (
	"mtlsprobe/certstore"
	"mtlsprobe/certstore/pbe"
	"mtlsprobe/report/say"
)

// A Profile is how one client stack selects: data over few parameters, each as
// the cited source shows.
type Profile struct {
	ID   string // stable
	Name string // short, for people
	// Versions says of which versions this holds.
	Versions   string
	Confidence Confidence
	Citation   string
	// Like is the ID of the profile that an alias has its rules from; empty for others.
	Like string

	Names   Names            // how the server's list is compared
	Empty   EmptyList        // what a request without names means
	Gate    Gate             // what is filtered by dates and usages
	Schemes SchemeRules      // which signature schemes are looked at
	Chain   ChainSource      // where the rest of the chain comes from
	Load    LoadRules        // what is refused before any connection
	Reader  certstore.Reader // how it reads files; empty where that was not measured
	// Takes is the form of file to write for it; empty where it takes an identity from elsewhere.
	Takes certstore.Encoding
	// ClearKey says that it reads no encrypted private key.
	ClearKey bool
	Several  Several // which of several identities wins
	Late     Late    // what it does where the server asks after the handshake
	// MaxRequest is the largest CertificateRequest it takes, in bytes with the
	// message's header; 0 means that no limit is known.
	MaxRequest int
}

// A Confidence says how a profile came to be known.
type Confidence string

// The confidences, the strongest first.
const (
	Run        Confidence = "run"        // the real client was run
	Source     Confidence = "source"     // its source was read
	Documented Confidence = "documented" // its vendor's documentation says so
)

// Names says how the names on the server's list are compared, and with what.
type Names int

// The ways of comparing names.
const (
	Ignored          Names = iota // the list is not looked at
	RawStored                     // bytes, with the issuers in the chain as stored
	FoldedStored                  // RFC 5280, Section 7.1, with the issuers in the chain as stored
	FoldedStoredTo12              // likewise up to TLS 1.2; in TLS 1.3 RSA and ECDSA are never sent
	TextBuilt                     // text with its case, along the one path built, the newest issuer first
	RawBuilt                      // bytes, along the one path built, the newest issuer first
	RawAll                        // bytes, along every path, issuers and subjects
	EngineBest                    // along the operating system's best path, which is not known here
	FoldedAll                     // RFC 5280, Section 7.1, along every path
	RawAbove13                    // bytes, in TLS 1.3, with the issuers of the stored CAs; a leaf alone is sent
)

// EmptyList says what a request without names means.
type EmptyList int

// The meanings of an empty list.
const (
	EmptyMeansAny  EmptyList = iota
	EmptyMeansLeaf           // any, and the leaf is sent alone
)

// A Gate is what keeps an identity from being sent, whatever the server says.
type Gate struct {
	Expired, NotYetValid bool // the leaf's dates
	PathDates            bool // those of the CAs above it, too
	ExtKeyUsage          bool // extendedKeyUsage without clientAuth
	// KeyUsage12 and KeyUsage13 are what becomes of keyUsage without digitalSignature up to
	// TLS 1.2 and in TLS 1.3, and KeyUsageUnnamed of that where the request has no names;
	// zero means that it is not looked at, or no difference.
	KeyUsage12, KeyUsage13, KeyUsageUnnamed Failure
	KeyUsageECDSA                           bool // that is asked of ECDSA keys alone
}

// SchemeRules say which signature schemes are looked at, and what happens when
// none can be used. See RFC 8446, Section 4.2.3, and RFC 5246, Section 7.4.4.
type SchemeRules struct {
	Types        bool    // certificate_types count, up to TLS 1.2
	NoType       Failure // what happens if none fits; zero means an empty Certificate
	Ed25519      Ed25519 // where keys of Ed25519 are used
	CurveBound12 bool    // ECDSA schemes are bound to their curve before TLS 1.3, too
	NoSHA1       bool    // SHA-1 is not used for signing, though offered
	PKCS1Only12  bool    // RSA keys sign by RSASSA-PKCS1 before TLS 1.3
	// PSSUnchecked says that the key's length is not held against the scheme.
	PSSUnchecked12, PSSUnchecked13 bool
	KeyTypeOnly                    bool // only the kind of key is compared, not curve or length
	// Signed says whether the schemes also count for the signatures on the certificates.
	Signed Signed
	// Short12 and Short13 are what happens where the length is not held against the
	// scheme; zero means a signature that does not verify.
	Short12, Short13 Failure
	// NamedPKCS1 says that in TLS 1.3 an RSA key fits a request with names only if the schemes
	// have one of RSASSA-PKCS1, though it signs with PSS.
	NamedPKCS1 bool
	// None12 and None13 are what happens when no scheme can be used; NoneRSA12 is that for RSA
	// keys up to TLS 1.2, where it differs.
	None12, None13, NoneRSA12 Failure
}

// Signed says which signatures on certificates are held against the schemes.
type Signed int

// The signatures that count.
const (
	NoSignature   Signed = iota
	EachSignature        // that of each certificate of the stored chain, self-signed ones aside
	LeafByHash           // the leaf's, by its hash and the kind of key that made it
)

// Ed25519 says where a client uses keys of Ed25519.
type Ed25519 int

// The uses of Ed25519.
const (
	WithEd25519      Ed25519 = iota
	NoEd25519                // there is no support
	UnreadEd25519            // there is none, and the key cannot be loaded
	NoEd25519To12            // none up to TLS 1.2
	TypedEd25519To12         // up to TLS 1.2 not where the request has names: no certificate type stands for it
)

// A Failure is what a client does when it cannot sign.
type Failure struct {
	Action Action
	Alert  uint8
}

// The failures that several stacks share.
var (
	declines  = Failure{Action: Declines}
	alerts40  = Failure{Action: Alerts, Alert: 40}
	sends40   = Failure{Action: SendsAlerts, Alert: 40}
	signsAway = Failure{Action: BadSigns}
	fails     = Failure{Action: Fails}
	unseen    = Failure{Action: NotKnown}
)

// A ChainSource says what is sent besides the leaf.
type ChainSource int

// The sources of the chain.
const (
	AsStored     ChainSource = iota // what the identity holds, in its order
	Sorted                          // of that, each one's issuer after it, as far as there is one
	TrustStore                      // as stored; a leaf alone is completed from the CA file that verifies the server
	LeafAlone                       // the leaf; completed from the CA file that verifies the server
	BuiltNewest                     // one path from the store, the newest issuer first, without the root
	WalkedToName                    // that path up to the first issuer on the list
	Engine                          // what the operating system builds: not known here
)

// Late says whether a program answers a request that comes after the handshake, as it is
// built and called by default.
type Late struct {
	Renegotiation say.Answer // up to TLS 1.2
	PostHandshake say.Answer // TLS 1.3
}

// LoadRules are what a library refuses before any connection.
type LoadRules struct {
	MinRSA int // bits
	// ShortRSA is what becomes of a shorter key; zero means a local error.
	ShortRSA Failure
	// Weak says that certificates signed with SHA-1 or MD5 are refused, roots aside.
	Weak bool
	// WeakLate is what becomes of that where it is a CA in a PKCS #12 file; zero means the same.
	WeakLate Failure
	// Files are the kinds of files that are read. Imports says that identities are imported
	// into a store: a PEM file has to be written as PKCS #12 for that.
	Files   Files
	Imports bool
	// Mixed says that of certificate and key one may be in DER and one in PEM.
	Mixed bool
	// Unchecked says that a key of another type than the certificate's is not noticed when it
	// is loaded, and an empty Certificate comes of it.
	Unchecked bool
	// NoLegacy says that RC2, RC4 and DES are not decrypted.
	NoLegacy bool
	// Undecrypted are the families of encryption that keys are not read in.
	Undecrypted []pbe.Family
	// Hidden is what comes of a file that cannot be loaded; zero means a local error.
	Hidden Failure
	// NoMLDSA says that the program was seen not to read keys of ML-DSA; of others it is not
	// known.
	NoMLDSA bool
	// Leading12 and Leading13 say what comes of a PEM file that does not begin with
	// the certificate of its key; nothing for clients that take no PEM file.
	Leading12, Leading13 Failure
}

// Several says which of several fitting identities is chosen.
type Several int

// The choices.
const (
	UnknownOrder Several = iota
	FirstFit             // the first one given
	LastLoaded           // each one given replaces the one before
	OnlyOne              // with several, none
)
